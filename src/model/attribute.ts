import { CacheSweeperError } from '../errors.ts';
import { describe } from '../util/describe.ts';

/**
 * Reads the attribute that `using` names; its value decides whether a save bumps the model.
 *
 * @throws CacheSweeperError CACHESWEEPER_BAD_KEY when the model has no such attribute, because its fragments would then
 * never be invalidated
 */
export function usingValue(model: unknown, using: unknown): unknown {
  if (typeof using !== 'string' || using === '') {
    throw new CacheSweeperError(
      'CACHESWEEPER_BAD_KEY',
      `using expected the name of an attribute, got ${describe(using)}`,
    );
  }
  const value = typeof model === 'object' && model !== null ? (model as Record<string, unknown>)[using] : undefined;
  if (value === undefined || typeof value === 'function') {
    throw new CacheSweeperError(
      'CACHESWEEPER_BAD_KEY',
      `using expected the name of an attribute of the model, got ${JSON.stringify(using)}, which ${describe(model)} does not have`,
    );
  }
  return value;
}

/**
 * Whether another save would have given the attribute another value. A clock with whole seconds (dates of SQLite and
 * MySQL) may show the same for two saves, as may a day, and null says nothing. A number, a text or a date with a fraction
 * of a second is taken to be finer.
 */
export function tellsSaves(value: unknown): boolean {
  if (value === null) return false;
  if (typeof value === 'number') return !isWholeSeconds(value);
  if (typeof value === 'bigint') return !isWholeSeconds(Number(value));
  if (typeof value === 'string')
    return !WHOLE_SECONDS.test(value) && !(DIGITS.test(value) && isWholeSeconds(Number(value)));
  if (typeof value !== 'object') return true;
  // Dates, and those of libraries.
  const time: unknown = value.valueOf();
  return typeof time !== 'number' || time % 1_000 !== 0;
}

/** A day or a time of a day without a fraction of a second, as databases and ISO 8601 write them. */
const WHOLE_SECONDS = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]0+)?)?)?\s*(?:Z|UTC|[+-]\d\d(?::?\d\d)?)?$/i;
const DIGITS = /^\d+$/;

/** Whether a number may be a time: in seconds since 1970, or in milliseconds of which none are left over. */
function isWholeSeconds(value: number): boolean {
  return (value >= 1e8 && value < 1e11 && Number.isInteger(value)) || (value >= 1e11 && value % 1_000 === 0);
}
