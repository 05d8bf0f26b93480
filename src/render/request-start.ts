import { AsyncLocalStorage } from 'node:async_hooks';

const starts = new AsyncLocalStorage<number>();

/** Runs a request's handlers: renders in them know that their data is not older than the request. */
export function inRequest<T>(start: number, run: () => T): T {
  return starts.run(start, run);
}

/** When the request being handled began, in milliseconds since 1970, if that is known. */
export function requestStarted(): number | undefined {
  return starts.getStore();
}
