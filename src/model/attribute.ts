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
