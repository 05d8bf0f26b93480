import type { FastifyReplyLike } from './contract.ts';

export function isStream(payload: unknown): payload is object {
  if (typeof payload !== 'object' || payload === null) return false;
  return 'pipe' in payload || 'getReader' in payload || payload instanceof Response;
}

/** Returns a test whether a stream was given to the response itself, and not to a hook that sends another. */
export function passedOn(stream: object, reply: FastifyReplyLike): () => boolean {
  const { pipe } = stream as { readonly pipe?: unknown };
  if (typeof pipe !== 'function') {
    // Fastify reads others as a hook does, so that they can be told only where there is no hook.
    const isPassedOn = !hasHooks(reply);
    return () => isPassedOn;
  }
  let isPassedOn = false;
  const piping = function (this: unknown, to: unknown, ...rest: unknown[]): unknown {
    if (to === reply.raw) isPassedOn = true;
    return pipe.call(this, to, ...rest);
  };
  Object.defineProperty(stream, 'pipe', { configurable: true, writable: true, value: piping });
  return () => isPassedOn;
}

/** Whether there may be hooks that change what a reply sends. */
function hasHooks({ request }: FastifyReplyLike): boolean {
  const mark = Object.getOwnPropertySymbols(request).find(({ description }) => description === 'fastify.context');
  const context = mark && (Reflect.get(request, mark) as { readonly onSend?: unknown } | undefined);
  return context?.onSend !== null;
}

/** Returns the bytes that Fastify sends for a payload if no hook changes it; undefined if that cannot be told. */
export function bytesOf(reply: FastifyReplyLike, payload: unknown): Buffer | undefined {
  if (payload === undefined || payload === null) return Buffer.alloc(0);
  if (typeof payload === 'string' || payload instanceof Uint8Array) return Buffer.from(payload);
  try {
    // A hook may change the payload itself, so write it down now.
    return Buffer.from(String(reply.serialize(payload)));
  } catch {
    return undefined;
  }
}

/** Whether Fastify has marked a reply because its handler threw, which need not be an instance of Error. */
export function isFailed(reply: object): boolean {
  const mark = Object.getOwnPropertySymbols(reply).find(({ description }) => description === 'fastify.reply.isError');
  return mark !== undefined && Reflect.get(reply, mark) === true;
}
