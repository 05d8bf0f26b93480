import { describe } from '../util/describe.ts';
import { isBsonValue } from '../util/id-text.ts';
import { isPlain } from '../util/plain.ts';
import { classOf, typeNameOf } from './class-names.ts';
import type { ClassTypes } from './class-types.ts';
import { checkedId, checkedIdentity, checkedTenant, type Identity, idOf } from './ids.ts';
import type { KnownModel, ModelClass } from './known-models.ts';
import type { KnownRows } from './known-rows.ts';
import { noIdentity } from './no-identity.ts';
import type { OrmModels } from './orm-models.ts';
import type { Registration } from './registration.ts';

/** The identities that objects have by themselves: by their class, their `cacheIdentity`, or what an ORM knows of them. */
export class OwnIdentities {
  readonly #classes: ClassTypes;
  readonly #types: ReadonlyMap<string, Registration>;
  readonly #orms: OrmModels;
  readonly #rows: KnownRows;

  constructor(classes: ClassTypes, types: ReadonlyMap<string, Registration>, orms: OrmModels, rows: KnownRows) {
    this.#classes = classes;
    this.#types = types;
    this.#orms = orms;
    this.#rows = rows;
  }

  /**
   * Returns the identity of a row of a type, whatever its class.
   *
   * @throws CacheSweeperError CACHESWEEPER_NO_IDENTITY
   */
  row(model: unknown, type: string): Identity {
    if (type === '') throw noIdentity('type= expected the name of a type, got an empty string');
    if (typeof model !== 'object' || model === null) {
      throw noIdentity(`type=${JSON.stringify(type)} expected a row with an id, got ${describe(model)}`);
    }
    const id = this.#types.get(type)?.id ?? this.#rows.of(model)?.id ?? this.#knownOf(model, type)?.id;
    const told = this.#registeredTenantOf(model, type);
    const tenant = told === undefined ? this.#rowTenant(model, type) : (told ?? undefined);
    return { type, id: checkedId(idOf(model, id), `a row of type ${type}`, id), tenant };
  }

  /** What an ORM knows of a row: by the class it was made of, or by its type. */
  #knownOf(model: object, type: string): KnownModel | undefined {
    if (this.#orms.isEmpty) return undefined;
    const modelClass = this.#classes.seen(type);
    return (
      (isPlain(model) ? undefined : this.#orms.of(classOf(model))) ??
      this.#orms.of(type) ??
      (modelClass && this.#orms.of(modelClass))
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
      if (![type, this.#classes.seen(type)].some((each) => each && this.#orms.hasTenants(each))) return undefined;
      throw noIdentity(
        `a row of type ${type} does not tell its tenant, because it is a clone or was read by other means: pass the row that ` +
          'the ORM gave, or { type, id, tenant }',
      );
    }
    const modelClass = classOf(model);
    return this.#classes.tenantOf(modelClass, this.#classes.registeredType(modelClass) ?? typeNameOf(modelClass));
  }

  /** Null: of no tenant. Undefined: nothing is registered that tells. */
  #registeredTenantOf(model: object, type: string): string | null | undefined {
    const tenant =
      this.#classes.registeredClass(model)?.[1].tenant ?? this.#types.get(type)?.tenant ?? this.#rows.of(model)?.tenant;
    if (tenant === undefined) return undefined;
    const value =
      typeof tenant === 'function' ? tenant(model as never) : (model as Readonly<Record<string, unknown>>)[tenant];
    return checkedTenant(value, `a row of type ${type}`, tenant);
  }

  /**
   * Finds the identity that an object itself carries: a registered class, `cacheIdentity`, or an instance with an id. Of
   * a known row, the id is in the row.
   */
  ofInstance(model: object): Identity | undefined {
    const registered = this.#classes.registeredClass(model);
    if (registered !== undefined) {
      // The object's own class, which may be derived from the registered one for another schema.
      return this.#instance(model, classOf(model), registered[1].id);
    }
    if ('cacheIdentity' in model) {
      const own: unknown = model.cacheIdentity;
      return checkedIdentity(
        typeof own === 'function' ? own.call(model) : own,
        `cacheIdentity of ${describe(model)} gave`,
      );
    }
    const row = this.#rows.of(model);
    if (row !== undefined) return this.row(model, row.type);
    if (isPlain(model) || isBsonValue(model)) return undefined;
    if ('id' in model || '_id' in model || 'pk' in model) return this.#instance(model, classOf(model));
    if (this.#orms.isEmpty) return undefined;
    const modelClass = classOf(model);
    return this.#orms.of(modelClass)?.id === undefined ? undefined : this.#instance(model, modelClass);
  }

  #instance(model: object, modelClass: ModelClass, registered?: Registration['id']): Identity {
    const { type, tenant } = this.#classes.typeOf(modelClass);
    const id = registered ?? this.#types.get(type)?.id ?? this.#orms.of(modelClass)?.id;
    const told = this.#registeredTenantOf(model, type);
    const of = told === undefined ? tenant : (told ?? undefined);
    return { type, id: checkedId(idOf(model, id), `an instance of ${type}`, id), tenant: of };
  }
}
