import type { Model, ModelAttributeColumnOptions, ModelStatic, Sequelize } from 'sequelize';
import { idAt, type KnownModel, type KnownModels, keyAttributes, ownSchema } from '../model/known-models.ts';
import type { HookedOrm } from './hook-models.ts';
import type { Place } from './places.ts';
import type { SaveHook } from './save-hook.ts';
import { anyRow } from './sequelize-rows.ts';

export type AnyModel = ModelStatic<Model>;

let instances = 0;

/** What a Sequelize instance knows of its models. They may be defined at any time, so nothing is remembered. */
export class SequelizeModels implements HookedOrm {
  readonly #sequelize: Sequelize;
  readonly #hook: SaveHook;
  /** Tells the tables of this instance from those of another, which may be in another database. */
  readonly #number = ++instances;

  /** Names of the models of which rows were read from another schema. */
  readonly #ofSchemas = new Set<string>();

  constructor(sequelize: Sequelize, hook: SaveHook) {
    this.#sequelize = sequelize;
    this.#hook = hook;
  }

  get all(): readonly AnyModel[] {
    return Object.values(this.#sequelize.models) as AnyModel[];
  }

  readonly known: KnownModels = (classOrType) => {
    if (typeof classOrType !== 'string') return this.#isOwn(classOrType) ? this.#known(classOrType) : undefined;
    const name = this.#hook.models.modelOf(classOrType);
    return name !== undefined && this.#sequelize.isDefined(name) ? this.#known(this.#sequelize.model(name)) : undefined;
  };

  #known(model: AnyModel): KnownModel {
    const { primaryKeyAttributes = [] } = model as { primaryKeyAttributes?: readonly string[] };
    const id = idAt(keyAttributes(primaryKeyAttributes, (name) => isUnique(model, name)));
    return {
      id,
      table: `${this.#number}.${tableOf(this.base(model))}`,
      tenant: this.#hook.models.tenant,
      hasTenants: () => this.#ofSchemas.has(model.name),
      // A class that only extends a model has another name than that under which saves are heard.
      isHeard: this.#sequelize.isDefined(model.name) && this.#hook.models.hears(model.name),
    };
  }

  /** Where the rows of each model are. Instances are taken for other databases, because plain rows do not tell theirs. */
  places(names: readonly string[]): readonly Place[] {
    return names.map((name) => ({
      model: `Sequelize ${this.#hook.models.typeOf(name)}`,
      name,
      table: this.#number,
      isOpen: () => true,
      todo: "give each instance a tenant: { tenant: 'a' }; else ",
    }));
  }

  #isOwn(modelClass: unknown): modelClass is AnyModel {
    return (
      (modelClass as { readonly sequelize?: unknown }).sequelize === this.#sequelize &&
      'rawAttributes' in (modelClass as object)
    );
  }

  /** The table of a model, and that of the model from which it was derived for a schema. */
  #tablesOf(model: AnyModel): readonly string[] {
    return [tableOf(model), tableOf(this.base(model))];
  }

  /** Notes of which models rows are read. */
  reads(model: AnyModel): void {
    if (ownSchema(model, this.base(model)) !== undefined) this.#ofSchemas.add(model.name);
  }

  /** The model as it was defined, for a class that was derived from it for a scope or for another schema. */
  base(model: AnyModel): AnyModel {
    return (this.#sequelize.models[model.name] as AnyModel | undefined) ?? model;
  }

  readonly relatives: HookedOrm['relatives'] = ({ modelClass }) => {
    const own = this.base(modelClass as AnyModel);
    const tables = this.#tablesOf(modelClass as AnyModel);
    // Of a model that is read by schemas nobody knows all tables.
    const isDerived = (model: AnyModel) => this.#ofSchemas.has(model.name) && bareNameOf(model) === bareNameOf(own);
    return this.all
      .filter((model) => model !== own && (tables.includes(tableOf(model)) || isDerived(model)))
      .map((model) => ({ model: model.name, modelClass: model, anyRow: anyRow(model) }));
  };

  /**
   * Returns a model of a table, for queries that do not name one. If no model has exactly this table, those that have it
   * in another schema, because nobody knows for which schemas classes were derived.
   */
  ofTable(table: unknown): readonly AnyModel[] {
    const exact = this.all.find((model) => this.hasTable(model, table));
    if (exact !== undefined) return [exact];
    const bare = bareName(table);
    return this.all.filter((model) => bareNameOf(model) === bare);
  }

  hasTable(model: AnyModel, table: unknown): boolean {
    return tableOf(model) === tableName(table);
  }

  /**
   * Returns the models of which the database itself deletes or changes rows when rows of a model are deleted, or get other
   * values in some columns. The model is one of them if its rows refer to one another.
   *
   * @param changed the columns; undefined for deleted rows
   */
  goingWith(model: AnyModel, changed?: readonly string[], met: Set<AnyModel> = new Set()): readonly AnyModel[] {
    const tables = this.#tablesOf(model);
    return this.all.flatMap((other) => {
      const goes = () => Object.values(other.getAttributes()).some((each) => goesWith(each, tables, changed));
      if (met.has(other) || !goes()) return [];
      met.add(other);
      return [other, ...this.goingWith(other, undefined, met)];
    });
  }
}

function isUnique(model: AnyModel, attribute: string): boolean {
  const { unique, field = attribute } = model.getAttributes()[attribute] ?? {};
  if (unique === true) return true;
  const { indexes = [] } = model.options;
  return indexes.some(({ unique, where, fields = [] }) => {
    const [only] = fields;
    const name = typeof only === 'object' && 'name' in only ? only.name : only;
    return unique === true && where === undefined && fields.length === 1 && (name === attribute || name === field);
  });
}

/** Whether a deletion or change of a row of the tables makes the database delete or change rows with this foreign key. */
function goesWith(
  { references, onDelete, onUpdate }: ModelAttributeColumnOptions,
  tables: readonly string[],
  changed: readonly string[] | undefined,
): boolean {
  const isObject = typeof references === 'object' && references !== null && 'model' in references;
  const to = isObject ? references.model : references;
  if (to === undefined || !tables.includes(tableName(to))) return false;
  const { key = 'id' } = isObject ? references : {};
  if (changed !== undefined && !changed.includes(key)) return false;
  return /cascade|set/i.test(String(changed === undefined ? onDelete : onUpdate));
}

function tableOf(model: AnyModel): string {
  return tableName(model.getTableName());
}

function tableName(table: unknown): string {
  if (typeof table === 'string') return table;
  const { tableName, schema } = table as { readonly tableName?: string; readonly schema?: string };
  return schema ? `${schema}.${tableName}` : String(tableName);
}

function bareNameOf(model: AnyModel): string {
  return bareName(model.getTableName());
}

/** The name of a table alone, however it was written. */
function bareName(table: unknown): string {
  const name = typeof table === 'string' ? table : String((table as { readonly tableName?: unknown }).tableName);
  return name
    .replace(/^.*\./, '')
    .replace(/["'`[\]]/g, '')
    .toLowerCase();
}
