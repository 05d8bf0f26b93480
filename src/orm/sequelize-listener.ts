import type { Model, Sequelize, Transaction } from 'sequelize';
import type { SaveHook } from './save-hook.ts';
import type { AnyModel, SequelizeModels } from './sequelize-models.ts';
import { anyRow, rowBefore, rowNow } from './sequelize-rows.ts';
import type { OpenTransactions } from './sequelize-transactions.ts';
import { MAX_BULK_ROWS, type Write, type WrittenRow } from './write.ts';

/** The part of the options that models pass to the query interface which is used here. */
export interface QueryOptions {
  readonly transaction?: Transaction | null | undefined;
  readonly model?: AnyModel;
  readonly truncate?: boolean;
  readonly cascade?: boolean;
  readonly updateOnDuplicate?: readonly string[];
  /** The columns by which an upsert finds the row that is there already. */
  readonly conflictFields?: readonly string[];
  readonly upsertKeys?: readonly string[];
}

/** What a query writes: rows of a model, or a table whose name alone is known. */
export type Target = { readonly model: AnyModel } | { readonly table: unknown };

/** The rows of a query that names none by one. */
interface Matching {
  readonly where: unknown;
  /** By column, what an UPDATE sets. */
  readonly values?: unknown;
  /** Whether the rows are deleted, and others with them. */
  readonly isDeletion?: boolean;
}

function write(model: AnyModel, rows: Write['rows']): Write {
  return { model: model.name, modelClass: model, rows, anyRow: rows === undefined ? anyRow(model) : undefined };
}

/** Reports the writes of each kind of query that Sequelize's models send. */
export class SequelizeListener {
  readonly #sequelize: Sequelize;
  readonly #hook: SaveHook;
  readonly #transactions: OpenTransactions;
  readonly #models: SequelizeModels;

  constructor(sequelize: Sequelize, hook: SaveHook, transactions: OpenTransactions, models: SequelizeModels) {
    this.#sequelize = sequelize;
    this.#hook = hook;
    this.#transactions = transactions;
    this.#models = models;
  }

  /** Handles a query that writes one instance. The instance still knows its values before the query. */
  async instance<T>(
    query: () => Promise<T>,
    instance: Model,
    values: unknown,
    options: QueryOptions | undefined,
  ): Promise<T> {
    const model = instance.constructor as AnyModel;
    const { isNewRecord } = instance;
    const previous = isNewRecord ? undefined : rowBefore(instance);
    const others = isNewRecord ? [] : this.#following(model, columnsOf(values));
    const doing = isNewRecord ? 'create' : 'update';
    return this.#sending(query, doing, [write(model, undefined), ...others], options, () => {
      const now = rowNow(instance);
      const comesOrGoes = changesDeletion(model, now, previous);
      return [write(model, [{ now, previous, comesOrGoes }]), ...others];
    });
  }

  /** Handles a query that deletes one instance, including rows that the database deletes or changes with it. */
  async deletion<T>(query: () => Promise<T>, instance: Model, options: QueryOptions | undefined): Promise<T> {
    const model = instance.constructor as AnyModel;
    const previous = rowBefore(instance);
    const others = this.#following(model);
    return this.#sending(query, 'destroy', [write(model, undefined), ...others], options, () => [
      write(model, [{ now: rowNow(instance), previous, comesOrGoes: true }]),
      ...others,
    ]);
  }

  /** Handles a query that writes all rows that match a condition. */
  async matching<T>(
    query: () => Promise<T>,
    target: Target,
    { where, values, isDeletion }: Matching,
    options: QueryOptions | undefined,
  ): Promise<T> {
    const [model, ...more] = this.#modelsOf(target);
    if (model === undefined) return query();
    const others = [model, ...more].flatMap((each) =>
      this.#following(each, isDeletion ? undefined : columnsOf(values)),
    );
    const isOne = more.length === 0 && this.#isTableOf(model, target);
    const previous = isOne && this.#hears(model) ? await this.#rows(model, where, options) : undefined;
    const also = [...more.map((each) => write(each, undefined)), ...others];
    const doing = isDeletion ? 'bulk destroy' : 'bulk update';
    return this.#sending(query, doing, [write(model, undefined), ...also], options, async () => {
      // The write has happened. If its rows cannot be read again, bump their type instead.
      const now = previous && (await this.#again(model, previous, values, options).catch(() => undefined));
      const rows = now && previous?.map((row, i) => written(model, now[i], row));
      return [write(model, rows), ...also];
    });
  }

  /**
   * Handles a query whose rows are not known.
   *
   * @param set the columns that an upsert sets in rows that are there already
   */
  async any<T>(
    query: () => Promise<T>,
    target: Target,
    options: QueryOptions | undefined,
    set: readonly string[] = [],
  ): Promise<T> {
    const models = this.#modelsOf(target);
    const others = models.flatMap((model) => this.#following(model, this.#changed(model, set, options)));
    return this.#sending(query, 'bulk write', [...models.map((model) => write(model, undefined)), ...others], options);
  }

  /** Handles a query that empties or drops a table, or all that refer to it as well, whatever their foreign keys say. */
  async emptied<T>(query: () => Promise<T>, target: Target, options: QueryOptions | undefined): Promise<T> {
    const models = options?.cascade ? this.#models.all : this.#modelsOf(target);
    const others = models.flatMap((model) => this.#following(model));
    return this.#sending(query, 'truncate', [...models.map((model) => write(model, undefined)), ...others], options);
  }

  /** An upsert does not change the columns by which it found the row; MySQL finds it by any, whatever it is told. */
  #changed(model: AnyModel, set: readonly string[], options: QueryOptions | undefined): readonly string[] {
    const { supports } = (
      this.#sequelize as unknown as { dialect: { supports: { inserts: { conflictFields?: boolean } } } }
    ).dialect;
    if (!supports.inserts.conflictFields) return set;
    const key = keyOf(model).flatMap(({ names }) => names);
    const { conflictFields = key.some((name) => set.includes(name)) ? key : [], upsertKeys = conflictFields } =
      options ?? {};
    return set.filter((column) => !upsertKeys.includes(column));
  }

  #modelsOf(target: Target): readonly AnyModel[] {
    return 'model' in target ? [target.model] : this.#models.ofTable(target.table);
  }

  /** Whether the rows can be read through this model: it may be known only by a table of another schema. */
  #isTableOf(model: AnyModel, target: Target): boolean {
    return 'model' in target || this.#models.hasTable(model, target.table);
  }

  #hears(model: AnyModel): boolean {
    const relatives = this.#models.relatives(write(model, []));
    return [model, ...relatives.map(({ modelClass }) => modelClass as AnyModel)].some(({ name }) =>
      this.#hook.models.hears(name),
    );
  }

  #following(model: AnyModel, changed?: readonly string[]): Write[] {
    return this.#models.goingWith(model, changed).map((other) => write(other, undefined));
  }

  /**
   * Sends a query, and tells what it wrote.
   *
   * @param doing what it does, for reports
   * @param may what it may write
   * @param written called afterwards, returns what it wrote. Default: all that it may write
   */
  async #sending<T>(
    query: () => Promise<T>,
    doing: string,
    may: readonly Write[],
    options: QueryOptions | undefined,
    written: () => readonly Write[] | Promise<readonly Write[]> = () => may,
  ): Promise<T> {
    const transaction = this.#transaction(options);
    const open = transaction && this.#transactions.of(transaction);
    const { result, saving } = await this.#hook.sending(may, open, query);
    await this.#hook.heard(await written(), open, saving, `Sequelize ${doing}`);
    return result;
  }

  #transaction(options: QueryOptions | undefined): Transaction | undefined {
    if (options?.transaction !== undefined) return options.transaction ?? undefined;
    // Sequelize takes the transaction from there when it sends the query.
    const { _cls } = this.#sequelize.constructor as { _cls?: { get(name: string): Transaction | undefined } };
    return _cls?.get('transaction') ?? undefined;
  }

  /** Returns the rows that match, if they are to be bumped one by one. */
  async #rows(model: AnyModel, where: unknown, options: QueryOptions | undefined): Promise<Model[] | undefined> {
    if (this.#hook.bulk !== 'rows' && !namesOneRow(model, where)) return undefined;
    const rows = await this.#find(model, where, options, MAX_BULK_ROWS + 1);
    return rows.length > MAX_BULK_ROWS ? undefined : rows;
  }

  /**
   * Reads the same rows after the query; each undefined if it was deleted. All are undefined where the query may have
   * changed the key, because nobody finds a row by the key that it had.
   */
  async #again(
    model: AnyModel,
    rows: readonly Model[],
    values: unknown,
    options: QueryOptions | undefined,
  ): Promise<readonly (Model | undefined)[] | undefined> {
    const key = keyOf(model);
    const set = columnsOf(values);
    if (key.length === 0 || key.some(({ names }) => names.some((name) => set.includes(name)))) return undefined;
    const { or } = (this.#sequelize.constructor as unknown as { Op: { or: symbol } }).Op;
    const where = {
      [or]: rows.map((row) => Object.fromEntries(key.map(({ attribute }) => [attribute, row.get(attribute)]))),
    };
    const found = rows.length === 0 ? [] : await this.#find(model, where, options, rows.length);
    const textOf = (row: Model) => JSON.stringify(key.map(({ attribute }) => String(jsonOf(row.get(attribute)))));
    const byKey = new Map(found.map((row) => [textOf(row), row]));
    return rows.map((row) => byKey.get(textOf(row)));
  }

  #find(model: AnyModel, where: unknown, options: QueryOptions | undefined, limit: number): Promise<Model[]> {
    const transaction = this.#transaction(options) ?? null;
    return model
      .unscoped()
      .findAll({ where: where as never, transaction, limit, paranoid: false, hooks: false } as never);
  }
}

/** @param now undefined if the row was deleted */
function written(model: AnyModel, now: Model | undefined, previous: Model): WrittenRow {
  const [after, before] = [rowNow(now ?? previous), rowNow(previous)];
  return { now: after, previous: before, comesOrGoes: now === undefined || changesDeletion(model, after, before) };
}

/** Whether a write has deleted or restored a row that stays in its table (`paranoid`). */
function changesDeletion(model: AnyModel, now: Model, previous: Model | undefined): boolean {
  const { deletedAt } = (model as { _timestampAttributes?: { deletedAt?: string } })._timestampAttributes ?? {};
  if (deletedAt === undefined || previous === undefined) return false;
  return jsonOf(now.get(deletedAt)) !== jsonOf(previous.get(deletedAt));
}

export function columnsOf(values: unknown): readonly string[] {
  return Object.keys(typeof values === 'object' && values !== null ? values : {});
}

/** A Date as text prints whole seconds only. */
function jsonOf(value: unknown): unknown {
  return value instanceof Date ? value.toJSON() : value;
}

/** The attributes of a model's primary key, each with the names by which a query may call it. */
function keyOf(model: AnyModel): readonly { readonly attribute: string; readonly names: readonly string[] }[] {
  const { primaryKeyAttributes = [] } = model as { primaryKeyAttributes?: readonly string[] };
  return primaryKeyAttributes.map((attribute) => {
    const { field = attribute } = model.getAttributes()[attribute] ?? {};
    return { attribute, names: [attribute, field] };
  });
}

/** Whether a condition fixes the primary key to one value, with or without further conditions. */
function namesOneRow(model: AnyModel, where: unknown): boolean {
  const conditions = conjunctions(where);
  const isFixed = (name: string) =>
    conditions.some((each) => ['string', 'number', 'bigint'].includes(typeof each[name]));
  const key = keyOf(model);
  return key.length > 0 && key.every(({ names }) => names.some(isFixed));
}

/** Sequelize uses `Op.and` to add the condition that leaves out soft-deleted rows. */
function conjunctions(where: unknown): readonly Readonly<Record<PropertyKey, unknown>>[] {
  if (typeof where !== 'object' || where === null) return [];
  const own = where as Readonly<Record<PropertyKey, unknown>>;
  const and = Reflect.ownKeys(where).find((key) => typeof key === 'symbol' && key.description === 'and');
  const all = and === undefined ? undefined : own[and];
  return [own, ...(Array.isArray(all) ? all : [all]).flatMap(conjunctions)];
}
