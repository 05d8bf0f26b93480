import { CacheSweeperError } from '../errors.ts';
import { describe } from '../util/describe.ts';
import { isPrintable } from '../util/printable.ts';

/** Longest key of the contract, and Memcached's limit, in bytes. */
export const MAX_KEY_BYTES = 250;

/**
 * Returns the key if it is one that the contract of stores allows.
 *
 * @param store names the store in the message
 * @throws CacheSweeperError CACHESWEEPER_BAD_KEY
 */
export function checkedKey(store: string, key: string): string {
  if (isPrintable(key) && key.length <= MAX_KEY_BYTES) return key;
  throw new CacheSweeperError(
    'CACHESWEEPER_BAD_KEY',
    `${store} expected a key of 1 to ${MAX_KEY_BYTES} printable ASCII characters, got ${describe(key)}`,
  );
}
