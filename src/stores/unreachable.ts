import { CacheSweeperError } from '../errors.ts';

/**
 * Makes the error that a store reports when a server cannot be used.
 *
 * @param server names it: `Memcached cache1:11211`
 */
export function unreachable(server: string, cause: Error): CacheSweeperError {
  return new CacheSweeperError(
    'CACHESWEEPER_STORE_UNREACHABLE',
    `${server} cannot be used (${reason(cause)}): what it holds is rendered uncached until it answers again`,
    { cause },
  );
}

/** When a name has several addresses, the error has a message for each but none of its own. */
function reason(cause: Error): string {
  if (cause.message !== '') return cause.message;
  return cause instanceof AggregateError ? cause.errors.map(({ message }) => message).join('; ') : cause.name;
}
