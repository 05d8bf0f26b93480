import { badOption } from '../util/check-option.ts';
import { describe } from '../util/describe.ts';
import { idText, isBsonValue } from '../util/id-text.ts';
import { isPlain } from '../util/plain.ts';
import { isClass, typeNameOf } from './class-names.ts';
import { ClassTypes, MAX_CLASSES } from './class-types.ts';
import { checkedIdentity, type Identity, idOf, type ModelIdentity } from './ids.ts';
import type { KnownModels, ModelClass } from './known-models.ts';
import { KnownRows } from './known-rows.ts';
import { refuse } from './no-identity.ts';
import { OrmModels } from './orm-models.ts';
import { OwnIdentities } from './own-identities.ts';
import type { Registration } from './registration.ts';

export type { Identity, ModelIdentity } from './ids.ts';
export type { ModelClass } from './known-models.ts';
export type { Registration } from './registration.ts';

/**
 * Tells which model a value is. Each sweeper has its own, with its own registrations and its own list of classes seen.
 */
export class Identifier {
  /** Rows that are plain objects, whose model is known nevertheless. */
  readonly rows = new KnownRows();
  readonly #identify: ((model: unknown) => ModelIdentity | undefined) | undefined;
  readonly #types = new Map<string, Registration>();
  /** Types that a tag, an invalidation or a registration has named. Instances of other types are ordinary data. */
  readonly #named = new Set<string>();
  /** Grows each time a type becomes known, because values recorded as data before may be models from then on. */
  generation = 0;
  /** Caches, by prototype, whether its objects are models. Emptied whenever another type is named. */
  #kinds = new WeakMap<object, boolean>();
  readonly #orms = new OrmModels();
  readonly #classes = new ClassTypes(this.#orms);
  readonly #own = new OwnIdentities(this.#classes, this.#types, this.#orms, this.rows);

  constructor(identify?: (model: unknown) => ModelIdentity | undefined) {
    this.#identify = identify;
  }

  /**
   * Adds to the registration of a class or type.
   *
   * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION when the argument is neither a class nor the name of a type
   */
  register(typeOrClass: string | ModelClass, registration: Registration): void {
    this.#classes.forget();
    this.#kinds = new WeakMap();
    if (typeof typeOrClass === 'string' && typeOrClass !== '') {
      this.#name(typeOrClass);
      this.#types.set(typeOrClass, { ...this.#types.get(typeOrClass), ...registration });
    } else if (typeof typeOrClass === 'function' && isClass(typeOrClass)) {
      const all = this.#classes.register(typeOrClass, registration);
      const { type } = this.#classes.typeOf(typeOrClass);
      this.#types.set(type, { ...this.#types.get(type), ...all });
      this.#name(type);
    } else {
      throw badOption('register()', 'a class or the name of a type', describe(typeOrClass));
    }
  }

  /**
   * Returns the type that the `identify` option or `cacheIdentity` gives a row, although its id may be unknown. It may be
   * another than that of the row's class.
   *
   * @throws errors of these
   */
  toldType(row: object): string | undefined {
    let told: unknown = this.#identify?.(row);
    if (told === undefined && 'cacheIdentity' in row && !isPlain(row)) {
      const { cacheIdentity: own } = row;
      told = typeof own === 'function' ? own.call(row) : own;
    }
    const type = typeof told === 'object' && told !== null && 'type' in told ? told.type : undefined;
    return typeof type === 'string' && type !== '' ? type : undefined;
  }

  registration(type: string): Registration | undefined {
    return this.#types.get(type);
  }

  /** Adds what an ORM knows of its models: their keys and tables. */
  learn(models: KnownModels): void {
    this.#orms.add(models);
    this.forget();
  }

  /** Forgets what follows from what ORMs know, because that has changed. */
  forget(): void {
    this.#orms.forget();
    this.#classes.forgetClaims();
    this.#kinds = new WeakMap();
    this.generation++;
  }

  /**
   * Returns the identity of a model.
   *
   * @param type the tag's `type=`; when given, the model counts as a row of that type, whatever its class
   * @throws CacheSweeperError CACHESWEEPER_NO_IDENTITY, CACHESWEEPER_TYPE_CONFLICT
   */
  identity(model: unknown, type?: string): Identity {
    const identity = type !== undefined ? this.#own.row(model, type) : this.#identityOf(model);
    this.#name(identity.type);
    return identity;
  }

  #identityOf(model: unknown): Identity {
    const told = this.#identify?.(model);
    if (told !== undefined) return checkedIdentity(told, 'identify() gave');
    const found = typeof model === 'object' && model !== null ? this.#ofObject(model) : this.#ofType(model);
    return found ?? refuse(model);
  }

  #name(type: string): void {
    if (this.#named.has(type)) return;
    if (this.#named.size >= MAX_CLASSES) this.#named.clear();
    this.#named.add(type);
    this.#kinds = new WeakMap();
    this.generation++;
  }

  /** Returns the type that a class stands for, if it is registered or was seen as a model's class. */
  metClass(value: ModelClass): string | undefined {
    try {
      return isClass(value) ? this.#classes.met(value) : undefined;
    } catch {
      return undefined;
    }
  }

  /**
   * Returns the identity of an object that a body met, or undefined if it is plain data. An object has an identity if
   * the `identify` option or `cacheIdentity` gives one, if its class is registered, if an ORM that is listened to knows it,
   * or if its type was named. Never throws.
   */
  met(object: object): Identity | undefined {
    try {
      if (this.#identify !== undefined) {
        const told = this.#identify(object);
        if (told !== undefined) return checkedIdentity(told, 'identify() gave');
      }
      if (!this.#isModel(object)) return undefined;
      return this.#own.ofInstance(object);
    } catch {
      return undefined;
    }
  }

  /**
   * Like {@link met}, but accepts any instance that has an id, and rows of models that are not listened to. Used for
   * objects whose content is not compared: their type may be named later, so the entry must depend on them already.
   */
  metAnyway(object: object): Identity | undefined {
    const named = this.met(object);
    if (named !== undefined || typeof object === 'function') return named;
    if (isPlain(object) && this.rows.of(object) === undefined) return undefined;
    try {
      return this.#own.ofInstance(object);
    } catch {
      return undefined;
    }
  }

  /** Like {@link met}, for a row whose type a tag gave. Undefined when the row has no usable id. */
  metRow(row: object, type: string): Identity | undefined {
    try {
      return this.#own.row(row, type);
    } catch {
      return undefined;
    }
  }

  #isModel(object: object): boolean {
    const row = this.rows.of(object);
    if (row !== undefined) return this.rows.hears(object) || this.#named.has(row.type);
    const prototype: object | null = Object.getPrototypeOf(object);
    if (prototype === null || prototype === Object.prototype) return Object.hasOwn(object, 'cacheIdentity');
    let isModel = this.#kinds.get(prototype);
    if (isModel === undefined) {
      isModel = 'cacheIdentity' in prototype || this.#isNamed(object);
      this.#kinds.set(prototype, isModel);
    }
    return isModel || Object.hasOwn(object, 'cacheIdentity');
  }

  #isNamed(object: object): boolean {
    if (isPlain(object) || typeof object === 'function') return false;
    if (this.#classes.registeredClass(object) !== undefined) return true;
    const made: unknown = Object.getPrototypeOf(object).constructor;
    if (typeof made !== 'function') return false;
    return this.#named.has(typeNameOf(made)) || this.#orms.of(made)?.isHeard === true;
  }

  /** Returns the identity of a key that is a class instance; undefined when it has none and is an ordinary value. */
  identityOfInstance(instance: object): Identity | undefined {
    const told = this.#identify?.(instance);
    const identity = told !== undefined ? checkedIdentity(told, 'identify() gave') : this.#own.ofInstance(instance);
    if (identity !== undefined) this.#name(identity.type);
    return identity;
  }

  /**
   * Returns the id of a value that looks like a model, as text. Never throws, calls no `identify` option and remembers
   * nothing.
   */
  hint(value: unknown): string | undefined {
    if (typeof value !== 'object' || value === null) return undefined;
    try {
      return idText(isBsonValue(value) ? value : idOf(value, this.#classes.registeredClass(value)?.[1].id));
    } catch {
      // A getter or a proxy threw.
      return undefined;
    }
  }

  #ofObject(model: object): Identity | undefined {
    const found = this.#own.ofInstance(model);
    if (found !== undefined) return found;
    const keys = Object.keys(model).length - (Object.hasOwn(model, 'tenant') ? 1 : 0);
    if (isPlain(model) && keys === 2 && Object.hasOwn(model, 'type') && Object.hasOwn(model, 'id')) {
      return checkedIdentity(model as ModelIdentity, 'an object of exactly type and id has');
    }
    return undefined;
  }

  /** Accepts a class or a string as a type without an id. */
  #ofType(model: unknown): Identity | undefined {
    if (typeof model === 'string' && model !== '') return { type: model, id: undefined };
    if (typeof model === 'function' && isClass(model)) return { ...this.#classes.typeOf(model), id: undefined };
    return undefined;
  }
}
