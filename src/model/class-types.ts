import { CacheSweeperError } from '../errors.ts';
import { lru } from '../util/lru.ts';
import { typeNameOf } from './class-names.ts';
import { type ModelClass, ownSchema } from './known-models.ts';
import { noIdentity } from './no-identity.ts';
import type { OrmModels } from './orm-models.ts';
import type { Registration } from './registration.ts';

/** Type names remembered at one time. An application that makes more classes than this leaks classes. */
export const MAX_CLASSES = 10_000;

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

/** Tells the types of classes. Two classes of one type are an error, because they would share fragments. */
export class ClassTypes {
  readonly #orms: OrmModels;
  readonly #classes = new Map<ModelClass, Registration>();
  /** Caches the type of each class. Emptied by each registration. */
  #known = new WeakMap<ModelClass, ClassType>();
  /** The class first seen under each type name (and tenant). */
  readonly #claims = lru<Claim>(MAX_CLASSES);

  constructor(orms: OrmModels) {
    this.#orms = orms;
  }

  /** Adds to the registration of a class, and returns all of it. */
  register(modelClass: ModelClass, registration: Registration): Registration {
    const all = { ...this.#classes.get(modelClass), ...registration };
    this.#classes.set(modelClass, all);
    return all;
  }

  /** Forgets the types of classes, because another registration may name them. */
  forget(): void {
    this.#known = new WeakMap();
  }

  /** Forgets which class has which type as well, because ORMs know more of their tables. */
  forgetClaims(): void {
    this.forget();
    this.#claims.clear();
  }

  /** Returns the type that a class stands for, if it is registered or was seen as a model's class. */
  met(modelClass: ModelClass): string | undefined {
    const type = this.registeredType(modelClass) ?? typeNameOf(modelClass);
    // The name alone is not enough: any function may have that name.
    return this.#classes.has(modelClass) || this.seen(type) === modelClass ? type : undefined;
  }

  /** Returns the class that was seen under a type. */
  seen(type: string): ModelClass | undefined {
    return this.#claims.peek(type)?.modelClass;
  }

  /** Returns the registration of a model's class, or of the nearest class that it extends. */
  registeredClass(model: object): [ModelClass, Registration] | undefined {
    if (this.#classes.size === 0) return undefined;
    for (let at = Object.getPrototypeOf(model); at !== null; at = Object.getPrototypeOf(at)) {
      const registration = this.#classes.get(at.constructor);
      if (registration !== undefined) return [at.constructor, registration];
    }
    return undefined;
  }

  /** The type under which a class, or the nearest class it extends, was registered. */
  registeredType(modelClass: ModelClass): string | undefined {
    if (this.#classes.size === 0) return undefined;
    for (let at: unknown = modelClass; typeof at === 'function'; at = Object.getPrototypeOf(at)) {
      const registration = this.#classes.get(at);
      if (registration !== undefined) return registration.type ?? typeNameOf(at);
    }
    return undefined;
  }

  typeOf(modelClass: ModelClass): ClassType {
    const known = this.#known.get(modelClass);
    if (known !== undefined) return known;
    const type = this.#claimType(modelClass);
    this.#known.set(modelClass, type);
    return type;
  }

  #claimType(modelClass: ModelClass): ClassType {
    const type = this.registeredType(modelClass) ?? typeNameOf(modelClass);
    if (type === '') {
      throw noIdentity(
        'expected a class with a name, got one without; register(theClass, { type: "Comment" }) names it',
      );
    }
    const known = this.#orms.of(modelClass);
    const tenant = this.tenantOf(modelClass, type);
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
      if ((this.registeredType(at) ?? typeNameOf(at)) === type) topmost = at;
    }
    return topmost;
  }

  /** The tenant that all rows of a class belong to. */
  tenantOf(modelClass: ModelClass, type: string): string | undefined {
    const tenant = this.#orms.of(modelClass)?.tenant;
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
