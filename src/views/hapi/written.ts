import type { Headers } from '../http/exchange.ts';
import { headersOf } from '../http/recorder.ts';
import { expireWritten, isUnsafe, mayWrite, type Write, watchWrite } from '../writes.ts';
import type { Handler, HapiRoute, HapiToolkit, WholeRequest } from './lifecycle.ts';
import { isAnswer } from './made-view.ts';

/** Requests whose answer is on its way. */
const answered = new WeakSet<object>();

/** Expires the views that an unsafe request has changed, before its answer is sent. */
export async function expireChanged(request: WholeRequest, h: HapiToolkit): Promise<symbol> {
  const { response, raw } = request;
  if (!mayWrite(raw.req.method)) return h.continue;
  answered.add(request);
  if (isAnswer(response)) {
    const { statusCode, headers, variety } = response;
    await expireWritten(writeOf(request), statusCode, headers as Headers);
    // What a stream is made of may be written only while it is sent.
    if (variety === 'stream') watchAnswer(request, () => headers as Headers);
  }
  return h.continue;
}

/**
 * Lets the handler of an unsafe request expire what it has changed where no extension runs behind it: its client has left,
 * hapi has answered in its place because it took too long, or it answers by itself.
 */
export function watchWriter({ method, settings }: HapiRoute): void {
  const handler = settings.handler as Handler;
  if (typeof handler !== 'function' || !isUnsafe(method.toUpperCase())) return;
  const watched: Handler = async function (request, h) {
    const result = await handler.call(this, request, h);
    if (!mayWrite(request.raw.req.method)) return result;
    if (typeof result === 'symbol' && result !== h.continue) {
      watchAnswer(request, () => headersOf(request.raw.res));
      await expireWritten(writeOf(request), request.raw.res.statusCode, headersOf(request.raw.res));
    } else if ((answered.has(request) || !request.active()) && !(result instanceof Error)) {
      const { statusCode = 200, headers = {} } = isAnswer(result as never) ? (result as Answer) : {};
      await expireWritten(writeOf(request), statusCode, headers);
    }
    return result;
  };
  // hapi's own messages name it.
  settings.handler = Object.defineProperty(watched, 'name', { value: handler.name });
}

interface Answer {
  readonly statusCode?: number;
  readonly headers?: Headers;
}

function writeOf({ raw, server, info }: WholeRequest): Write {
  const { method, url: target = '' } = raw.req;
  return { method, protocol: server.info.protocol, host: info.host, target };
}

function watchAnswer(request: WholeRequest, headers: () => Headers): void {
  watchWrite(request.raw.res, () => writeOf(request), headers);
}
