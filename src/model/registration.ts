import { badOption, checkNames } from '../util/check-option.ts';
import { describe } from '../util/describe.ts';
import type { Registration } from './identity.ts';

type Check = readonly [isValid: (value: unknown) => boolean, expected: string];

const isName = (value: unknown): boolean => typeof value === 'string' && value !== '';
const isFunction = (value: unknown): boolean => typeof value === 'function';

const CHECKS: { readonly [K in keyof Registration]-?: Check } = {
  type: [isName, 'a name'],
  id: [(value) => isName(value) || isFunction(value), 'an attribute or a function'],
  tenant: [(value) => isName(value) || isFunction(value), 'an attribute or a function'],
  touches: [isFunction, 'a function'],
  version: [isName, 'an attribute'],
};

/**
 * Checks the options of `register()` and copies them.
 *
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION when one has an unknown name or a value of the wrong type
 */
export function checkRegistration(registration: object): Registration {
  if (typeof registration !== 'object' || registration === null) {
    throw badOption('register()', '{ type, id, tenant, touches, version }', describe(registration));
  }
  checkNames('register()', registration, Object.keys(CHECKS));
  for (const [name, value] of Object.entries(registration)) {
    const [isValid, expected] = CHECKS[name as keyof Registration];
    if (value !== undefined && !isValid(value)) throw badOption(`register() ${name}`, expected, describe(value));
  }
  return { ...registration } as Registration;
}
