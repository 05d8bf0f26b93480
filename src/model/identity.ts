import { LRUCache } from 'lru-cache';
import { CacheSweeperError } from '../errors.ts';
import { badOption } from '../util/check-option.ts';
import { describe } from '../util/describe.ts';
import { isPlain } from '../util/plain.ts';
import { ID_ATTRIBUTES, type KnownModel, type KnownModels, type ModelClass, ownSchema } from './known-models.ts';
import { KnownRows } from './known-rows.ts';
import { isUnknown } from './partial-row.ts';

type IdValue = string | number | bigint;

/** Identifies a model to the cache. Without an `id` it means the type as a whole. */
export interface ModelIdentity {
  readonly type: string;
  /** A list for a key of several attributes: their values, in the order of the key. */
  readonly id?: IdValue | readonly IdValue[] | undefined;
  /** Tells rows of the same type and id apart, such as those of two schemas. Default: none. */
  readonly tenant?: IdValue | null | undefined;
}

/** The internal form of {@link ModelIdentity}: the id is text, so the ids 7, 7n and "7" name the same record. */
export interface Identity {
  readonly type: string;
  readonly id: string | undefined;
  readonly tenant?: string | undefined;
}

export type { ModelClass } from './known-models.ts';

/** Describes a type to {@link CacheSweeper.register}. */
export interface Registration {
  /** Name of the type; default the class's own name. Give one when code is minified or two classes share a name. */
  readonly type?: string | undefined;
  /**
   * Attribute that holds the id, or a function that returns it, as a list for a key of several attributes. Default: the
   * key that a hooked ORM knows, or the first of `id`, `_id` and `pk` that is set.
   */
  readonly id?: string | ((model: never) => unknown) | undefined;
  /**
   * Attribute that holds the tenant, or a function that returns it, where rows of two tenants may have the same id. Null
   * for a row of no tenant; undefined is an error. Default: the schema, where Sequelize derived a class for it.
   */
  readonly tenant?: string | ((model: never) => unknown) | undefined;
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

/** The type of a class, and the tenant that all of its rows belong to. */
interface ClassType {
  readonly type: string;
  readonly tenant: string | undefined;
}

/** The class first seen under a type name, and its table, if an ORM knows it. */
interface Claim {
  readonly modelClass: ModelClass;
  readonly table: string | undefined;
}

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
  #known = new WeakMap<ModelClass, ClassType>();
  /**
   * The class first seen under each type name (and tenant). A second class of the same name is an error: the two would
   * share fragments.
   */
  readonly #claims = new LRUCache<string, Claim>({ max: MAX_CLASSES });
  readonly #orms: KnownModels[] = [];
  /** What ORMs know of classes. That they do not know one is not remembered: it may be defined later. */
  #knownModels = new WeakMap<ModelClass, KnownModel>();
  /** Rows that are plain objects, whose model is known nevertheless. */
  readonly rows = new KnownRows();

  constructor(identify?: (model: unknown) => ModelIdentity | undefined) {
    this.#identify = identify;
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
      const { type } = this.#typeOf(typeOrClass);
      this.#types.set(type, all);
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
    this.#orms.push(models);
    this.forget();
  }

  /** Forgets what follows from what ORMs know, because that has changed. */
  forget(): void {
    this.#knownModels = new WeakMap();
    this.#known = new WeakMap();
    this.#kinds = new WeakMap();
    this.#claims.clear();
    this.generation++;
  }

  #knownModel(classOrType: ModelClass | string): KnownModel | undefined {
    if (this.#orms.length === 0) return undefined;
    const remembered = typeof classOrType === 'string' ? undefined : this.#knownModels.get(classOrType);
    if (remembered !== undefined) return remembered;
    for (const models of this.#orms) {
      const known = models(classOrType);
      if (known === undefined) continue;
      if (typeof classOrType !== 'string') this.#knownModels.set(classOrType, known);
      return known;
    }
    return undefined;
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
      return this.#classes.has(value) || this.#claims.peek(type)?.modelClass === value ? type : undefined;
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
        if (told !== undefined) return checked(told, 'identify() gave');
      }
      if (!this.#isModel(object)) return undefined;
      return this.#ofInstance(object);
    } catch {
      return undefined;
    }
  }

  /**
   * Like {@link met}, but accepts any instance that has an id, and rows of models that are not listened to. Used for objects whose content is not compared: their
   * type may be named later, so the entry must depend on them already.
   */
  metAnyway(object: object): Identity | undefined {
    const named = this.met(object);
    if (named !== undefined || typeof object === 'function') return named;
    if (isPlain(object) && this.rows.of(object) === undefined) return undefined;
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
    const row = this.rows.of(object);
    if (row !== undefined) return this.rows.hears(object) || this.#named.has(row.type);
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
    if (typeof made !== 'function') return false;
    return this.#named.has(typeNameOf(made)) || this.#knownModel(made)?.isHeard === true;
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
    const id = this.#types.get(type)?.id ?? this.rows.of(model)?.id ?? this.#knownOf(model, type)?.id;
    const told = this.#registeredTenantOf(model, type);
    const tenant = told === undefined ? this.#rowTenant(model, type) : (told ?? undefined);
    return { type, id: checkedId(idOf(model, id), `a row of type ${type}`, id), tenant };
  }

  /** What an ORM knows of a row: by the class it was made of, or by its type. */
  #knownOf(model: object, type: string): KnownModel | undefined {
    if (this.#orms.length === 0) return undefined;
    const { modelClass } = this.#claims.peek(type) ?? {};
    return (
      (isPlain(model) ? undefined : this.#knownModel(classOf(model))) ??
      this.#knownModel(type) ??
      (modelClass && this.#knownModel(modelClass))
    );
  }

  /** The tenant that a row carries although it counts as a row of another type than its own. */
  #rowTenant(model: object, type: string): string | undefined {
    if ('cacheIdentity' in model) {
      const { cacheIdentity: own } = model as { readonly cacheIdentity: unknown };
      const told: unknown = typeof own === 'function' ? own.call(model) : own;
      if (typeof told !== 'object' || told === null || !('type' in told && told.type === type)) return undefined;
      return checkedTenant('tenant' in told ? (told.tenant ?? null) : null, `a row of type ${type}`) ?? undefined;
    }
    if (isPlain(model)) {
      if (this.#orms.every((models) => models(type)?.tenant === undefined)) return undefined;
      throw noIdentity(
        `a row of type ${type} does not tell its tenant, because it is a clone or was read by other means: pass the row that ` +
          'the ORM gave, or { type, id, tenant }',
      );
    }
    const modelClass = classOf(model);
    return this.#tenantOfClass(modelClass, this.#registeredType(modelClass) ?? typeNameOf(modelClass));
  }

  /** Null: of no tenant. Undefined: nothing is registered that tells. */
  #registeredTenantOf(model: object, type: string): string | null | undefined {
    const tenant =
      this.#registeredClass(model)?.[1].tenant ?? this.#types.get(type)?.tenant ?? this.rows.of(model)?.tenant;
    if (tenant === undefined) return undefined;
    const value =
      typeof tenant === 'function' ? tenant(model as never) : (model as Readonly<Record<string, unknown>>)[tenant];
    return checkedTenant(value, `a row of type ${type}`, tenant);
  }

  #ofObject(model: object): Identity | undefined {
    const found = this.#ofInstance(model);
    if (found !== undefined) return found;
    const keys = Object.keys(model).length - (Object.hasOwn(model, 'tenant') ? 1 : 0);
    if (isPlain(model) && keys === 2 && Object.hasOwn(model, 'type') && Object.hasOwn(model, 'id')) {
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
      // The object's own class, which may be derived from the registered one for another schema.
      return this.#instance(model, classOf(model), registered[1].id);
    }
    if ('cacheIdentity' in model) {
      const own: unknown = model.cacheIdentity;
      return checked(typeof own === 'function' ? own.call(model) : own, `cacheIdentity of ${describe(model)} gave`);
    }
    const row = this.rows.of(model);
    if (row !== undefined) return this.#row(model, row.type);
    if (isPlain(model)) return undefined;
    if ('id' in model || '_id' in model || 'pk' in model) return this.#instance(model, classOf(model));
    if (this.#orms.length === 0) return undefined;
    const modelClass = classOf(model);
    return this.#knownModel(modelClass)?.id === undefined ? undefined : this.#instance(model, modelClass);
  }

  #instance(model: object, modelClass: ModelClass, registered?: Registration['id']): Identity {
    const { type, tenant } = this.#typeOf(modelClass);
    const id = registered ?? this.#types.get(type)?.id ?? this.#knownModel(modelClass)?.id;
    const told = this.#registeredTenantOf(model, type);
    const of = told === undefined ? tenant : (told ?? undefined);
    return { type, id: checkedId(idOf(model, id), `an instance of ${type}`, id), tenant: of };
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
    if (typeof model === 'function' && isClass(model)) return { ...this.#typeOf(model), id: undefined };
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

  #typeOf(modelClass: ModelClass): ClassType {
    const known = this.#known.get(modelClass);
    if (known !== undefined) return known;
    const type = this.#claimType(modelClass);
    this.#known.set(modelClass, type);
    return type;
  }

  #claimType(modelClass: ModelClass): ClassType {
    const type = this.#registeredType(modelClass) ?? typeNameOf(modelClass);
    if (type === '') {
      throw noIdentity(
        'expected a class with a name, got one without; register(theClass, { type: "Comment" }) names it',
      );
    }
    const known = this.#knownModel(modelClass);
    const tenant = this.#tenantOfClass(modelClass, type);
    const claim = { modelClass: this.#topmost(modelClass, type), table: known?.table };
    const key = tenant === undefined ? type : `${type}\n${tenant}`;
    const holder = this.#claims.get(key);
    if (holder === undefined) {
      this.#claims.set(key, claim);
    } else if (this.#registeredTenant(modelClass) === undefined && !areSame(holder, claim)) {
      throw new CacheSweeperError(
        'CACHESWEEPER_TYPE_CONFLICT',
        `two different ${holder.modelClass === claim.modelClass ? `tables have rows of the class ${type}` : `classes are called ${type}`}: ` +
          'their fragments would be mixed up; register(theClass, { type: "Another name" }) tells one from the other',
      );
    }
    return { type, tenant };
  }

  /**
   * The topmost class that gives its type to a class, so that derived classes count as the same: Sequelize derives
   * classes for scopes that keep their parent's name.
   */
  #topmost(modelClass: ModelClass, type: string): ModelClass {
    let topmost = modelClass;
    for (let at = Object.getPrototypeOf(modelClass); typeof at === 'function'; at = Object.getPrototypeOf(at)) {
      if ((this.#registeredType(at) ?? typeNameOf(at)) === type) topmost = at;
    }
    return topmost;
  }

  #tenantOfClass(modelClass: ModelClass, type: string): string | undefined {
    const tenant = this.#knownModel(modelClass)?.tenant;
    const schema = ownSchema(modelClass, this.#topmost(modelClass, type));
    return tenant === undefined || schema === undefined ? (tenant ?? schema) : JSON.stringify([tenant, schema]);
  }

  #registeredTenant(modelClass: ModelClass): Registration['tenant'] {
    if (this.#classes.size === 0) return undefined;
    for (let at: unknown = modelClass; typeof at === 'function'; at = Object.getPrototypeOf(at)) {
      const registration = this.#classes.get(at);
      if (registration !== undefined) return registration.tenant;
    }
    return undefined;
  }
}

/** Where an ORM knows the tables of both classes, these say whether their rows are the same. */
function areSame(a: Claim, b: Claim): boolean {
  return a.table === undefined || b.table === undefined ? a.modelClass === b.modelClass : a.table === b.table;
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

function said(value: unknown): string {
  return isUnknown(value) ? 'what was not loaded' : describe(value);
}

function isUsable(id: unknown): id is IdValue {
  return (
    (typeof id === 'string' && id !== '') || typeof id === 'bigint' || (typeof id === 'number' && Number.isFinite(id))
  );
}

function checkedTenant(tenant: unknown, whose: string, attribute?: Registration['tenant']): string | null {
  if (tenant === null) return null;
  if (isUsable(tenant)) return String(tenant);
  const name = typeof attribute === 'string' ? attribute : 'tenant';
  throw noIdentity(
    `${whose} has no usable ${name}: expected a string, number or bigint, or null for no tenant, got ${said(tenant)}`,
  );
}

function checkedId(id: unknown, whose: string, attribute?: Registration['id']): string {
  if (isUsable(id)) return String(id);
  if (Array.isArray(id) && id.length > 0) {
    const texts = id.map((each) => (each instanceof Date ? each.toJSON() : each));
    if (texts.every(isUsable)) return JSON.stringify(texts.map(String));
  }
  const name = typeof attribute === 'string' ? attribute : 'id';
  throw noIdentity(
    `${whose} has no usable ${name}: expected a string, number or bigint, got ${said(id)}; ` +
      'save it first, or say where its id is with register(theClass, { id: "uuid" })',
  );
}

function checked(identity: unknown, whence: string): Identity {
  if (typeof identity === 'object' && identity !== null && 'type' in identity) {
    const { type } = identity;
    if (typeof type === 'string' && type !== '') {
      // An id that is present but undefined belongs to an unsaved row; it does not mean the type as a whole.
      const id = 'id' in identity ? checkedId(identity.id, `${whence} an identity that`) : undefined;
      const told = 'tenant' in identity ? identity.tenant : null;
      return { type, id, tenant: checkedTenant(told ?? null, `${whence} an identity that`) ?? undefined };
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
