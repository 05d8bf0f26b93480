import { LRUCache } from 'lru-cache';
import { CacheSweeperError } from '../errors.ts';
import { badOption } from '../util/check-option.ts';
import { describe } from '../util/describe.ts';
import { isPlain } from '../util/plain.ts';
import type { KnownRows } from './known-rows.ts';

/** Identifies a model to the cache. Without an `id` it means the type as a whole. */
export interface ModelIdentity {
  readonly type: string;
  readonly id?: string | number | bigint | undefined;
}

/** The internal form of {@link ModelIdentity}: the id is text, so the ids 7, 7n and "7" name the same record. */
export interface Identity {
  readonly type: string;
  readonly id: string | undefined;
}

// biome-ignore lint/complexity/noBannedTypes: a class is known here only as a function with a prototype
export type ModelClass = Function;

/** Describes a type to {@link CacheSweeper.register}. */
export interface Registration {
  /** Name of the type; default the class's own name. Give one when code is minified or two classes share a name. */
  readonly type?: string | undefined;
  /**
   * Attribute that holds the id, or a function that returns it; default: the first of `id`, `_id` and `pk` that is set.
   */
  readonly id?: string | ((model: never) => unknown) | undefined;
  /** Returns other models whose fragments show this one; they are bumped together with it. */
  readonly touches?: ((model: never, previous?: never) => unknown) | undefined;
  /**
   * Attribute that changes with each save, such as `updatedAt`. When a body reads a row, its id and this attribute
   * identify the row's state.
   */
  readonly version?: string | undefined;
}

/** Type names remembered at one time. An application that makes more classes than this leaks classes. */
const MAX_CLASSES = 10_000;

const ID_ATTRIBUTES = ['id', '_id', 'pk'] as const;

/**
 * Tells which model a value is. Each sweeper has its own, with its own registrations and its own list of classes seen.
 */
export class Identifier {
  readonly #identify: ((model: unknown) => ModelIdentity | undefined) | undefined;
  readonly #classes = new Map<ModelClass, Registration>();
  readonly #types = new Map<string, Registration>();
  /** Types that a tag, an invalidation or a registration has named. Instances of other types are ordinary data. */
  readonly #named = new Set<string>();
  /** Grows each time a type becomes known, because values recorded as data before may be models from then on. */
  generation = 0;
  /** Caches, by prototype, whether its objects are models. Emptied whenever another type is named. */
  #kinds = new WeakMap<object, boolean>();
  /** Caches the type of each class. Emptied by each registration. */
  #known = new WeakMap<ModelClass, string>();
  /**
   * The class first seen under each type name. A second class of the same name is an error: the two would share
   * fragments.
   */
  readonly #claims = new LRUCache<string, ModelClass>({ max: MAX_CLASSES });

  /** Rows that are plain objects, whose type is known nevertheless. */
  readonly #rows: KnownRows | undefined;

  constructor(identify?: (model: unknown) => ModelIdentity | undefined, rows?: KnownRows) {
    this.#identify = identify;
    this.#rows = rows;
  }

  /**
   * Adds to the registration of a class or type.
   *
   * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION when the argument is neither a class nor the name of a type
   */
  register(typeOrClass: string | ModelClass, registration: Registration): void {
    this.#known = new WeakMap();
    this.#kinds = new WeakMap();
    if (typeof typeOrClass === 'string' && typeOrClass !== '') {
      this.#name(typeOrClass);
      this.#types.set(typeOrClass, { ...this.#types.get(typeOrClass), ...registration });
    } else if (typeof typeOrClass === 'function' && isClass(typeOrClass)) {
      const all = { ...this.#classes.get(typeOrClass), ...registration };
      this.#classes.set(typeOrClass, all);
      this.#types.set(this.#typeOf(typeOrClass), all);
      this.#name(this.#typeOf(typeOrClass));
    } else {
      throw badOption('register()', 'a class or the name of a type', describe(typeOrClass));
    }
  }

  registration(type: string): Registration | undefined {
    return this.#types.get(type);
  }

  /**
   * Returns the identity of a model.
   *
   * @param type the tag's `type=`; when given, the model counts as a row of that type, whatever its class
   * @throws CacheSweeperError CACHESWEEPER_NO_IDENTITY, CACHESWEEPER_TYPE_CONFLICT
   */
  identity(model: unknown, type?: string): Identity {
    const identity = type !== undefined ? this.#row(model, type) : this.#identityOf(model);
    this.#name(identity.type);
    return identity;
  }

  #identityOf(model: unknown): Identity {
    const told = this.#identify?.(model);
    if (told !== undefined) return checked(told, 'identify() gave');
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
      if (!isClass(value)) return undefined;
      const type = this.#registeredType(value) ?? typeNameOf(value);
      // The name alone is not enough: any function may have that name.
      return this.#classes.has(value) || this.#claims.peek(type) === value ? type : undefined;
    } catch {
      return undefined;
    }
  }

  /**
   * Returns the identity of an object that a body met, or undefined if it is plain data. An object has an identity if
   * the `identify` option or `cacheIdentity` gives one, if its class is registered, or if its type was named. Never
   * throws.
   */
  met(object: object): Identity | undefined {
    try {
      if (this.#identify !== undefined) {
        const told = this.#identify(object);
        if (told !== undefined) return checked(told, 'identify() gave');
      }
      if (!this.#isModel(object)) return undefined;
      return this.#ofInstance(object);
    } catch {
      return undefined;
    }
  }

  /**
   * Like {@link met}, but accepts any instance that has an id. Used for objects whose content is not compared: their
   * type may be named later, so the entry must depend on them already.
   */
  metAnyway(object: object): Identity | undefined {
    const named = this.met(object);
    if (named !== undefined || typeof object === 'function' || isPlain(object)) return named;
    try {
      return this.#ofInstance(object);
    } catch {
      return undefined;
    }
  }

  /** Like {@link met}, for a row whose type a tag gave. Undefined when the row has no usable id. */
  metRow(row: object, type: string): Identity | undefined {
    try {
      return this.#row(row, type);
    } catch {
      return undefined;
    }
  }

  #isModel(object: object): boolean {
    if (this.#rows?.typeOf(object) !== undefined) return true;
    const prototype: object | null = Object.getPrototypeOf(object);
    if (prototype === null) return Object.hasOwn(object, 'cacheIdentity');
    let isModel = this.#kinds.get(prototype);
    if (isModel === undefined) {
      isModel = 'cacheIdentity' in prototype || this.#isNamed(object);
      this.#kinds.set(prototype, isModel);
    }
    return isModel || Object.hasOwn(object, 'cacheIdentity');
  }

  #isNamed(object: object): boolean {
    if (isPlain(object) || typeof object === 'function') return false;
    if (this.#registeredClass(object) !== undefined) return true;
    const made: unknown = Object.getPrototypeOf(object).constructor;
    return typeof made === 'function' && this.#named.has(typeNameOf(made));
  }

  /** Returns the identity of a key that is a class instance; undefined when it has none and is an ordinary value. */
  identityOfInstance(instance: object): Identity | undefined {
    const told = this.#identify?.(instance);
    const identity = told !== undefined ? checked(told, 'identify() gave') : this.#ofInstance(instance);
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
      const id = idOf(value, this.#registeredClass(value)?.[1].id);
      return typeof id === 'string' || typeof id === 'number' || typeof id === 'bigint' ? String(id) : undefined;
    } catch {
      // A getter or a proxy threw.
      return undefined;
    }
  }

  #row(model: unknown, type: string): Identity {
    if (type === '') throw noIdentity('type= expected the name of a type, got an empty string');
    if (typeof model !== 'object' || model === null) {
      throw noIdentity(`type=${JSON.stringify(type)} expected a row with an id, got ${describe(model)}`);
    }
    const id = this.#types.get(type)?.id;
    return { type, id: checkedId(idOf(model, id), `a row of type ${type}`, id) };
  }

  #ofObject(model: object): Identity | undefined {
    const found = this.#ofInstance(model);
    if (found !== undefined) return found;
    const keys = Object.keys(model);
    if (isPlain(model) && keys.length === 2 && Object.hasOwn(model, 'type') && Object.hasOwn(model, 'id')) {
      return checked(model as ModelIdentity, 'an object of exactly type and id has');
    }
    return undefined;
  }

  /**
   * Finds the identity that an object itself carries: a registered class, `cacheIdentity`, or an instance with an id. Of
   * a known row, the id is in the row.
   */
  #ofInstance(model: object): Identity | undefined {
    const registered = this.#registeredClass(model);
    if (registered !== undefined) {
      const [modelClass, { id }] = registered;
      const type = this.#typeOf(modelClass);
      return { type, id: checkedId(idOf(model, id), `an instance of ${type}`, id) };
    }
    if ('cacheIdentity' in model) {
      const own: unknown = model.cacheIdentity;
      return checked(typeof own === 'function' ? own.call(model) : own, `cacheIdentity of ${describe(model)} gave`);
    }
    const rowType = this.#rows?.typeOf(model);
    if (rowType !== undefined) return this.#row(model, rowType);
    if (isPlain(model) || !('id' in model || '_id' in model || 'pk' in model)) return undefined;
    const type = this.#typeOf(classOf(model));
    const id = this.#types.get(type)?.id;
    return { type, id: checkedId(idOf(model, id), `an instance of ${type}`, id) };
  }

  #registeredClass(model: object): [ModelClass, Registration] | undefined {
    if (this.#classes.size === 0) return undefined;
    for (let at = Object.getPrototypeOf(model); at !== null; at = Object.getPrototypeOf(at)) {
      const registration = this.#classes.get(at.constructor);
      if (registration !== undefined) return [at.constructor, registration];
    }
    return undefined;
  }

  /** Accepts a class or a string as a type without an id. */
  #ofType(model: unknown): Identity | undefined {
    if (typeof model === 'string' && model !== '') return { type: model, id: undefined };
    if (typeof model === 'function' && isClass(model)) return { type: this.#typeOf(model), id: undefined };
    return undefined;
  }

  /** The type under which a class, or the nearest class it extends, was registered. */
  #registeredType(modelClass: ModelClass): string | undefined {
    if (this.#classes.size === 0) return undefined;
    for (let at: unknown = modelClass; typeof at === 'function'; at = Object.getPrototypeOf(at)) {
      const registration = this.#classes.get(at);
      if (registration !== undefined) return registration.type ?? typeNameOf(at);
    }
    return undefined;
  }

  #typeOf(modelClass: ModelClass): string {
    const known = this.#known.get(modelClass);
    if (known !== undefined) return known;
    const type = this.#claimType(modelClass);
    this.#known.set(modelClass, type);
    return type;
  }

  #claimType(modelClass: ModelClass): string {
    const type = this.#registeredType(modelClass) ?? typeNameOf(modelClass);
    if (type === '') {
      throw noIdentity(
        'expected a class with a name, got one without; register(theClass, { type: "Comment" }) names it',
      );
    }
    // Sequelize derives classes for scopes that keep their parent's name. The topmost class of that name claims it, so
    // derived classes count as the same class.
    let claimant = modelClass;
    for (let at = Object.getPrototypeOf(modelClass); typeof at === 'function'; at = Object.getPrototypeOf(at)) {
      if ((this.#registeredType(at) ?? typeNameOf(at)) === type) claimant = at;
    }
    const holder = this.#claims.get(type);
    if (holder === undefined) {
      this.#claims.set(type, claimant);
    } else if (holder !== claimant) {
      throw new CacheSweeperError(
        'CACHESWEEPER_TYPE_CONFLICT',
        `two different classes are called ${type}: their fragments would be mixed up; ` +
          `register(theClass, { type: "Another name" }) tells one from the other`,
      );
    }
    return type;
  }
}

/** Mongoose names all its model classes "model"; `modelName` tells them apart. */
function typeNameOf(modelClass: ModelClass): string {
  const modelName: unknown = 'modelName' in modelClass ? modelClass.modelName : undefined;
  if (typeof modelName === 'string' && modelName !== '') return modelName;
  const { name } = modelClass as { name: unknown };
  return typeof name === 'string' ? name : '';
}

/** Takes the class from the prototype, because the instance may have a property called `constructor`. */
function classOf(model: object): ModelClass {
  const made: unknown = Object.getPrototypeOf(model).constructor;
  if (typeof made === 'function') return made;
  throw noIdentity(
    `expected an instance of a class, got ${describe(model)}, whose prototype has no constructor; give it a cacheIdentity`,
  );
}

/**
 * Nunjucks wraps a function that it looks up in an object. The wrapper has a prototype but no name, and must not count
 * as a class.
 */
function isClass(value: ModelClass): boolean {
  if (typeof value.prototype !== 'object' || value.prototype === null) return false;
  return typeNameOf(value) !== '' || /^class\b/.test(Function.prototype.toString.call(value));
}

function idOf(model: object, id?: Registration['id']): unknown {
  if (typeof id === 'function') return id(model as never);
  const attributes = model as Record<string, unknown>;
  if (id !== undefined) return attributes[id];
  for (const name of ID_ATTRIBUTES) {
    if (attributes[name] !== undefined) return attributes[name];
  }
  return undefined;
}

function checkedId(id: unknown, whose: string, attribute?: Registration['id']): string {
  const usable =
    (typeof id === 'string' && id !== '') || typeof id === 'bigint' || (typeof id === 'number' && Number.isFinite(id));
  if (usable) return String(id);
  const name = typeof attribute === 'string' ? attribute : 'id';
  throw noIdentity(
    `${whose} has no usable ${name}: expected a string, number or bigint, got ${describe(id)}; ` +
      'save it first, or say where its id is with register(theClass, { id: "uuid" })',
  );
}

function checked(identity: unknown, whence: string): Identity {
  if (typeof identity === 'object' && identity !== null && 'type' in identity) {
    const { type } = identity;
    if (typeof type === 'string' && type !== '') {
      // An id that is present but undefined belongs to an unsaved row; it does not mean the type as a whole.
      return { type, id: 'id' in identity ? checkedId(identity.id, `${whence} an identity that`) : undefined };
    }
  }
  throw noIdentity(`${whence} ${describe(identity)}: expected { type, id } with a type that is a string`);
}

function noIdentity(message: string): CacheSweeperError {
  return new CacheSweeperError('CACHESWEEPER_NO_IDENTITY', message);
}

function refuse(model: unknown): never {
  let remedy = 'pass a model, a class or the name of a type';
  if (typeof model === 'object' && model !== null) {
    remedy = isPlain(model)
      ? 'for a plain row say its type: type="Comment"; or pass { type, id }'
      : 'give it an id, a cacheIdentity, or register(theClass, { id })';
  } else if (typeof model === 'function') {
    remedy =
      'Nunjucks wraps a class that is looked up in an object: name the type, "Comment", or pass the class as a variable of its own';
  }
  throw noIdentity(`expected a model with an identity, got ${describe(model)}; ${remedy}`);
}
