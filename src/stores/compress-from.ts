import { badOption } from '../util/check-option.ts';
import { describe } from '../util/describe.ts';

const DEFAULT = 16_384;

/**
 * Checks the option `compressFrom` of a store.
 *
 * @param what names the option: `MemcachedStore compressFrom`
 * @returns bytes; infinite for `false`
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION
 */
export function checkCompressFrom(what: string, given: unknown): number {
  if (given === undefined) return DEFAULT;
  if (given === false) return Number.POSITIVE_INFINITY;
  if (typeof given === 'number' && Number.isSafeInteger(given) && given >= 0) return given;
  throw badOption(what, 'a whole number of bytes, or false', describe(given));
}
