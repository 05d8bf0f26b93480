import { CacheSweeperError } from '../errors.ts';
import { describe } from '../util/describe.ts';
import type { Registration } from './identity.ts';

/**
 * Checks the options of `register()` and copies them.
 *
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION when one has an unknown name or a value of the wrong type
 */
export function checkRegistration(registration: object): Registration {
  if (typeof registration !== 'object' || registration === null) {
    throw new CacheSweeperError(
      'CACHESWEEPER_BAD_OPTION',
      `register() expected { type, id, touches, version }, got ${describe(registration)}`,
    );
  }
  for (const [name, value] of Object.entries(registration)) {
    const valid =
      value === undefined ||
      (name === 'type' && typeof value === 'string' && value !== '') ||
      (name === 'id' && (typeof value === 'function' || (typeof value === 'string' && value !== ''))) ||
      (name === 'version' && typeof value === 'string' && value !== '') ||
      (name === 'touches' && typeof value === 'function');
    if (valid) continue;
    throw new CacheSweeperError(
      'CACHESWEEPER_BAD_OPTION',
      `register() expected type (a name), id (an attribute or a function), touches (a function) and version (an attribute), got ${name}: ${describe(value)}`,
    );
  }
  return { ...registration } as Registration;
}
