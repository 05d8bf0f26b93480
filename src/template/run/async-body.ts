import { CacheSweeperError } from '../../errors.ts';

/** Makes the error for a body with asynchronous work that the page cannot wait for. */
export function asyncBody(): CacheSweeperError {
  return new CacheSweeperError(
    'CACHESWEEPER_ASYNC_BODY',
    'the body of this fragment is asynchronous (an asynchronous filter or tag, asyncEach, or a template loader that ' +
      'needs time in a render without a callback): do that part outside the fragment and pass its result in',
  );
}
