import { typeNameOf } from '../model/class-names.ts';
import { idAt, type KnownModel, type KnownModels, keyAttributes, type ModelClass } from '../model/known-models.ts';
import { noIdentity } from '../model/no-identity.ts';
import { noteWhatAsks, partialRow } from '../model/partial-row.ts';
import type { HookedOrm } from './hook-models.ts';
import type { TableOptions } from './knex-options.ts';
import type { TableName } from './knex-statements.ts';
import type { Place } from './places.ts';
import type { SaveHook } from './save-hook.ts';
import type { Write } from './write.ts';

/** What is used of a model class of Objection. */
interface ObjectionClass {
  readonly isObjectionModelClass: true;
  getTableName(): string;
  getIdColumnArray(): readonly string[];
  getIdPropertyArray(): readonly string[];
  fromDatabaseJson(row: object): object;
}

/** One table, as the options name it, or as it is written. */
export interface Table {
  readonly name: string;
  readonly modelClass: ModelClass | undefined;
  /** The columns of its key; none if nobody knows them. */
  readonly key: readonly string[];
}

/** What is known of the tables of a Knex instance: what the options say of them, and their classes. */
export class KnexModels implements HookedOrm {
  readonly #hook: SaveHook;
  readonly #tables: ReadonlyMap<string, TableOptions>;
  /** Tells the tables of this database from those of another. */
  readonly #database: unknown;

  constructor(hook: SaveHook, tables: ReadonlyMap<string, TableOptions>, database: unknown) {
    this.#hook = hook;
    this.#tables = tables;
    this.#database = database;
  }

  readonly relatives: HookedOrm['relatives'] = () => [];

  readonly known: KnownModels = (classOrType) => {
    if (typeof classOrType !== 'string') {
      const name = this.#tableOfClass(classOrType);
      return name === undefined ? undefined : this.#known(name, classOrType);
    }
    const name = this.#tableOfType(classOrType);
    return name === undefined ? undefined : this.#known(name, this.#tables.get(name)?.modelClass);
  };

  #known(name: string, modelClass: ModelClass | undefined): KnownModel {
    const properties = isObjection(modelClass) ? modelClass.getIdPropertyArray() : [];
    return {
      id: this.#tables.get(name)?.told.id ?? idAt(keyAttributes(properties, () => false)),
      table: `Knex ${name}`,
      tenant: this.#hook.models.tenant,
      isHeard: this.#hook.models.hears(name),
    };
  }

  #tableOfType(type: string): string | undefined {
    for (const [name, { told, modelClass }] of this.#tables) {
      if ((told.type ?? (modelClass ? typeNameOf(modelClass) : name)) === type) return name;
    }
    return undefined;
  }

  /** @throws CacheSweeperError CACHESWEEPER_NO_IDENTITY for an Objection model whose saves are heard under another type */
  #tableOfClass(modelClass: ModelClass): string | undefined {
    for (let at: unknown = modelClass; typeof at === 'function'; at = Object.getPrototypeOf(at)) {
      for (const [name, { modelClass: own }] of this.#tables) if (own === at) return name;
    }
    if (!isObjection(modelClass)) return undefined;
    const table = modelClass.getTableName();
    const [named = table] = this.#named({ name: table });
    const type = typeNameOf(modelClass);
    if (this.#hook.models.typeOf(named) === type || !this.#hook.models.hears(named)) return named;
    throw noIdentity(
      `saves of the Objection model ${type} are heard under the name of its table: say its class, ` +
        `sweepOnSave(knex, sweeper, { models: { ${JSON.stringify(table)}: ${type} } })`,
    );
  }

  /**
   * Where the rows are. Those of tables without options have one place together.
   *
   * @returns what is to be claimed for the sweeper
   */
  places(): readonly Place[] {
    const place = (type: ModelClass | string, name: string): Place => ({
      model: typeof type === 'string' ? `Knex ${type}` : type,
      name,
      table: this.#database,
      isOpen: () => true,
      todo: "give each instance a tenant: { tenant: 'a' }; else ",
    });
    const named = Array.from(this.#tables, ([name, { modelClass }]) =>
      place(modelClass ?? this.#hook.models.typeOf(name), name),
    );
    return [...named, place('', 'tables without options')];
  }

  /** Returns the tables that a name may mean: with another schema or with none, all that have this name without it. */
  of(table: TableName): readonly Table[] {
    const named = this.#named(table);
    return (named.length === 0 ? [table.name] : named).map((name) => this.#table(name));
  }

  #named({ name, schema }: TableName): readonly string[] {
    const names = [...this.#tables.keys(), ...this.#hook.models.excluded];
    const isSame = (a: string, b: string) => a.toLowerCase() === b.toLowerCase();
    const exact = schema === undefined ? [] : names.filter((each) => isSame(each, `${schema}.${name}`));
    return exact.length > 0 ? exact : names.filter((each) => isSame(each.slice(each.lastIndexOf('.') + 1), name));
  }

  #table(name: string): Table {
    const { told, modelClass } = this.#tables.get(name) ?? NOTHING;
    return { name, modelClass, key: told.id === undefined ? keyOf(modelClass) : columnsOf(told.id) };
  }

  /** Returns the tables of which the database itself deletes or changes rows with rows of others. */
  goingWith(tables: readonly Table[]): readonly Table[] {
    const found = new Map<string, Table>();
    const visit = ({ name }: Table): void => {
      for (const other of this.#tables.get(name)?.cascades ?? []) {
        for (const table of this.of(namedBy(other))) {
          if (found.has(table.name)) continue;
          found.set(table.name, table);
          visit(table);
        }
      }
    };
    tables.forEach(visit);
    return [...found.values()];
  }

  /** @param rows as they are in the table; undefined if they are not known */
  write({ name, modelClass }: Table, rows: Write['rows']): Write {
    const anyRow = rows === undefined && modelClass !== undefined ? rowOf(modelClass, {}) : undefined;
    return { model: name, modelClass, rows, anyRow };
  }

  /** Returns a row as templates have it. What the table does not say of it is unknown. */
  row({ modelClass }: Table, row: object): object {
    return modelClass === undefined ? partialRow({ ...row }) : rowOf(modelClass, row);
  }
}

const NOTHING: TableOptions = { told: {}, modelClass: undefined, cascades: [] };

function rowOf(modelClass: ModelClass, row: object): object {
  if (isObjection(modelClass)) return partialRow(modelClass.fromDatabaseJson({ ...row }));
  return partialRow(Object.assign(Object.create(modelClass.prototype), row));
}

function isObjection(modelClass: ModelClass | undefined): modelClass is ModelClass & ObjectionClass {
  return modelClass !== undefined && 'isObjectionModelClass' in modelClass && modelClass.isObjectionModelClass === true;
}

function namedBy(path: string): TableName {
  const dot = path.lastIndexOf('.');
  return { name: path.slice(dot + 1), schema: dot === -1 ? undefined : path.slice(0, dot) };
}

function keyOf(modelClass: ModelClass | undefined): readonly string[] {
  return isObjection(modelClass) ? modelClass.getIdColumnArray() : ['id'];
}

/** The columns that an id is made of. A function says them by what it reads. */
function columnsOf(id: NonNullable<TableOptions['told']['id']>): readonly string[] {
  if (typeof id === 'string') return [id];
  const asked = new Set<string>();
  try {
    noteWhatAsks(() => id(partialRow({}) as never), asked);
  } catch {
    return [];
  }
  return [...asked];
}
