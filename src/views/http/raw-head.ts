import type { OutgoingHttpHeader, ServerResponse } from 'node:http';

type GivenHead = readonly [status: number, ...rest: unknown[]];

/**
 * Sets the headers that are among the arguments of `writeHead`, in any form that it accepts, and returns the other
 * arguments: the status, and the message if there is one.
 */
export function setGiven(response: ServerResponse, given: GivenHead): [status: number, message?: string] {
  const headers = givenHeaders(given);
  if (headers !== undefined) for (const [name, value] of pairsOf(headers)) response.setHeader(name, value);
  const [status, message] = given;
  return typeof message === 'string' ? [status, message] : [status];
}

/** Returns the headers among the arguments of `writeHead`. */
export function givenHeaders([, first, second]: GivenHead): object | undefined {
  if (typeof first === 'object' && first !== null) return first;
  return typeof second === 'object' && second !== null ? second : undefined;
}

/** Whether the head has really been sent, whatever the response's own property says. */
export function isHeadSent(response: ServerResponse): boolean {
  return Reflect.get(Object.getPrototypeOf(response) as object, 'headersSent', response);
}

/**
 * Reports the head of a response as sent while it is held back: an error handler would put its page behind half an answer
 * if it believed that nothing was sent.
 */
export function reportAsSent(response: ServerResponse, isHeld: () => boolean): void {
  const before = Object.getOwnPropertyDescriptor(response, 'headersSent')?.get;
  Object.defineProperty(response, 'headersSent', {
    configurable: true,
    enumerable: true,
    get: () => isHeld() || (before === undefined ? isHeadSent(response) : before.call(response)),
  });
}

function pairsOf(given: object): Iterable<[string, OutgoingHttpHeader]> {
  if (!Array.isArray(given)) {
    return Object.entries(given as Record<string, OutgoingHttpHeader | undefined>).filter(
      (pair): pair is [string, OutgoingHttpHeader] => pair[1] !== undefined,
    );
  }
  const pairs: [string, OutgoingHttpHeader][] = Array.isArray(given[0])
    ? (given as [string, OutgoingHttpHeader][])
    : Array.from({ length: given.length / 2 }, (_, i) => [String(given[2 * i]), given[2 * i + 1]]);
  // A list names a header with several lines once for each.
  const all = new Map<string, [string, OutgoingHttpHeader]>();
  for (const [name, value] of pairs) {
    const before = all.get(name.toLowerCase())?.[1];
    all.set(name.toLowerCase(), [name, before === undefined ? value : ([before, value].flat() as string[])]);
  }
  return all.values();
}
