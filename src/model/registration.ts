import { badOption, checkNames } from '../util/check-option.ts';
import { describe } from '../util/describe.ts';
import type { Whereabouts } from './known-models.ts';

/** Describes a type to {@link CacheSweeper.register}. */
export interface Registration {
  /** Name of the type; default the class's own name. Give one when code is minified or two classes share a name. */
  readonly type?: string | undefined;
  /**
   * Attribute that holds the id, or a function that returns it, as a list for a key of several attributes. Default: the
   * key that a hooked ORM knows, or the first of `id`, `_id` and `pk` that is set.
   */
  readonly id?: Whereabouts | undefined;
  /**
   * Attribute that holds the tenant, or a function that returns it, where rows of two tenants may have the same id. Null
   * for a row of no tenant; undefined is an error. Default: the schema, where Sequelize derived a class for it.
   */
  readonly tenant?: Whereabouts | undefined;
  /** Returns other models whose fragments show this one; they are bumped together with it. */
  readonly touches?: ((model: never, previous?: never) => unknown) | undefined;
  /**
   * Attribute that changes with each save, such as `updatedAt`. When a body reads a row, its id and this attribute
   * identify the row's state.
   */
  readonly version?: string | undefined;
}

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
