import { AsyncResource } from 'node:async_hooks';

/** Made when the tests are loaded: whatever runs in it is another request. */
const outside = new AsyncResource('ANOTHER_REQUEST');

/** Runs something as another request would, outside of the transaction that the test is in. */
export function elsewhere<T>(run: () => T): T {
  return outside.runInAsyncScope(run);
}
