import type { ServerResponse } from 'node:http';

type Write = (...args: unknown[]) => boolean;
type End = (...args: unknown[]) => ServerResponse;

/**
 * Passes an answer that comes as one chunk and an end on as one call, so that all of it is known when its head is sent.
 * Only for answers that are complete already: their first chunk waits for the second.
 */
export function sendInOnePiece(response: ServerResponse): void {
  const write = response.write as Write;
  const end = response.end as End;
  let held: readonly unknown[] | undefined;
  let isFirst = true;
  const flush = (): void => {
    const args = held;
    held = undefined;
    if (args !== undefined) write.apply(response, [...args]);
  };
  const holding = (...args: unknown[]): boolean => {
    if (isFirst && !args.some(isFunction)) {
      isFirst = false;
      held = args;
      return true;
    }
    flush();
    return write.apply(response, args);
  };
  const ending = (...args: unknown[]): ServerResponse => {
    const [chunk, encoding] = held ?? [];
    if (held === undefined || !(args[0] === undefined || args[0] === null || isFunction(args[0]))) {
      flush();
      return end.apply(response, args);
    }
    held = undefined;
    return end.apply(response, [chunk, encoding ?? 'utf8', ...args.filter(isFunction)]);
  };
  response.write = holding as ServerResponse['write'];
  response.end = ending as ServerResponse['end'];
}

function isFunction(value: unknown): boolean {
  return typeof value === 'function';
}
