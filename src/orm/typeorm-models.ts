import type { DataSource, EntityMetadata } from 'typeorm';
import { type KnownModel, type KnownModels, keyAttributes } from '../model/known-models.ts';
import type { HookedOrm } from './hook-models.ts';
import type { Place } from './places.ts';
import type { SaveHook } from './save-hook.ts';
import { anyRow } from './typeorm-rows.ts';

let sources = 0;

interface Entities {
  readonly of: readonly EntityMetadata[];
  readonly all: readonly EntityMetadata[];
  readonly byClass: ReadonlyMap<unknown, EntityMetadata>;
  readonly byName: ReadonlyMap<string, EntityMetadata>;
}

/** What a TypeORM data source knows of its entities. */
export class TypeOrmModels implements HookedOrm {
  readonly #dataSource: DataSource;
  readonly #nameOf: (metadata: EntityMetadata) => string;
  readonly #hook: SaveHook;
  readonly #number = ++sources;
  #entities: Entities | undefined;

  /** @param nameOf gives the name by which the options know an entity */
  constructor(dataSource: DataSource, nameOf: (metadata: EntityMetadata) => string, hook: SaveHook) {
    this.#dataSource = dataSource;
    this.#nameOf = nameOf;
    this.#hook = hook;
  }

  /** `initialize()` after `destroy()` makes new metadata, perhaps of other entities. */
  get #known(): Entities {
    const { entityMetadatas: of } = this.#dataSource;
    if (this.#entities?.of !== of) {
      const all = of.filter(({ isJunction }) => !isJunction);
      const byClass = new Map(all.map((each) => [each.target as unknown, each]));
      this.#entities = { of, all, byClass, byName: new Map(all.map((each) => [this.#nameOf(each), each])) };
    }
    return this.#entities;
  }

  readonly known: KnownModels = (classOrType) => {
    const name = typeof classOrType === 'string' ? this.#hook.models.modelOf(classOrType) : undefined;
    const metadata = typeof classOrType === 'string' ? this.#known.byName.get(name ?? '') : this.#ofClass(classOrType);
    if (metadata === undefined) return undefined;
    // A class that only extends one is known by another name than that under which saves are heard.
    const isItself = typeof classOrType === 'string' || metadata.target === classOrType;
    return {
      id: keyOf(metadata),
      table: `${this.#number}.${metadata.tablePath}`,
      isHeard: isItself && this.#hook.models.hears(this.#nameOf(metadata)),
    };
  };

  /** The entity of a class, or of the nearest class that it extends. */
  #ofClass(modelClass: object): EntityMetadata | undefined {
    for (let at: unknown = modelClass; typeof at === 'function'; at = Object.getPrototypeOf(at)) {
      const found = this.#known.byClass.get(at);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** The classes of single-table inheritance share their table, and so may any others. */
  readonly relatives: HookedOrm['relatives'] = ({ model, modelClass }) => {
    const own = this.#known.all.find((each) => this.#nameOf(each) === model && classOf(each) === modelClass);
    return this.#known.all
      .filter((other) => own !== undefined && other !== own && other.tablePath === own.tablePath)
      .map((other) => ({ model: this.#nameOf(other), modelClass: classOf(other), anyRow: anyRow(other) }));
  };

  /** Where the rows of each entity are. Data sources share classes, and an object does not tell which one loaded it. */
  places(): readonly Place[] {
    const place = placeOf(this.#dataSource, this.#number);
    return this.#known.all.map((each) => ({
      model: classOf(each) ?? `TypeORM ${this.#hook.models.typeOf(this.#nameOf(each))}`,
      name: this.#nameOf(each),
      table: `${place} ${each.tablePath}`,
      isOpen: () => this.#dataSource.isInitialized,
    }));
  }
}

/** Returns the class of a model; a schema without a class has plain rows. */
export function classOf({ target }: EntityMetadata): object | undefined {
  return typeof target === 'function' ? target : undefined;
}

function keyOf(metadata: EntityMetadata): KnownModel['id'] {
  const { primaryColumns, uniques, indices } = metadata;
  const unique = [...uniques, ...indices.filter((index) => index.isUnique && !index.where)];
  const [only, ...others] = keyAttributes(
    primaryColumns.map(({ propertyPath }) => propertyPath),
    (name) => unique.some(({ columns }) => columns.length === 1 && columns[0]?.propertyPath === name),
  );
  const columns = others.length > 0 ? primaryColumns : metadata.columns.filter((each) => each.propertyPath === only);
  const [column] = columns;
  if (column === undefined) return undefined;
  // The value may stand in an embedded object, or be the id of a related row.
  if (columns.length > 1) return (row: never) => columns.map((each) => each.getEntityValue(row));
  return column.propertyPath === column.propertyName && column.relationMetadata === undefined
    ? column.propertyName
    : (row: never) => column.getEntityValue(row);
}

/** Equal for data sources of one database. Each database in memory is one of its own. */
function placeOf({ options }: DataSource, number: number): string {
  const { type, url, host, port, socketPath, database, replication } = options as unknown as Record<string, unknown>;
  const isNamed = [url, host, socketPath, database, replication].some((each) => each !== undefined);
  if (!isNamed || database === ':memory:') return `memory ${number}`;
  return JSON.stringify([type, url, host, port, socketPath, database, replication]);
}
