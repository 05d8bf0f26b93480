import type { Model, ModelAttributeColumnOptions, ModelStatic, Sequelize, Transaction } from 'sequelize';
import type { SweepTransaction } from '../invalidation/transaction.ts';
import { MAX_BULK_ROWS, type SaveHook, type Write } from './save-hook.ts';

/** Finds the sweeper's transaction for one of Sequelize's. */
export class OpenTransactions {
  readonly #hook: SaveHook;
  readonly #known = new WeakMap<object, SweepTransaction>();

  constructor(hook: SaveHook) {
    this.#hook = hook;
  }

  of(transaction: Transaction): SweepTransaction {
    const known = this.#known.get(transaction);
    if (known !== undefined) return known;
    const { parent } = transaction as { parent?: Transaction | null };
    const begun = this.#hook.begin(parent ? this.of(parent) : undefined);
    this.#known.set(transaction, begun);
    // Sequelize calls this for savepoints, too, and even when COMMIT fails. Then too much is bumped, which costs only
    // renders.
    transaction.afterCommit(async () => {
      await this.#endSavepoints(transaction);
      await begun.commit();
    });
    return begun;
  }

  /**
   * Commits savepoints that were neither committed nor rolled back, because the database commits them with the
   * transaction.
   */
  async #endSavepoints(transaction: object): Promise<void> {
    const { savepoints = [] } = transaction as { savepoints?: readonly (Transaction & { finished?: string })[] };
    for (const savepoint of savepoints) {
      if (savepoint.finished === 'rollback') continue;
      await this.#endSavepoints(savepoint);
      await this.#known.get(savepoint)?.commit();
    }
  }
}

/** The part of the options that models pass to the query interface which is used here. */
export interface QueryOptions {
  readonly transaction?: Transaction | null | undefined;
  readonly model?: ModelStatic<Model>;
}

function write(model: ModelStatic<Model>, rows: Write['rows']): Write {
  return { model: model.name, modelClass: model, rows };
}

/** Reports the writes of each kind of query that Sequelize's models send. */
export class SequelizeListener {
  readonly #sequelize: Sequelize;
  readonly #hook: SaveHook;
  readonly #transactions: OpenTransactions;

  constructor(sequelize: Sequelize, hook: SaveHook, transactions: OpenTransactions) {
    this.#sequelize = sequelize;
    this.#hook = hook;
    this.#transactions = transactions;
  }

  /** Handles a query that writes one instance. The instance still knows its values before the query. */
  async instance<T>(query: () => Promise<T>, instance: Model, options: QueryOptions | undefined): Promise<T> {
    const model = instance.constructor as ModelStatic<Model>;
    const previous = instance.isNewRecord ? undefined : before(instance);
    const result = await query();
    await this.#heard([write(model, [{ now: instance, previous }])], options);
    return result;
  }

  /** Handles a query that deletes one instance, including rows that the database deletes or changes with it. */
  async deletion<T>(query: () => Promise<T>, instance: Model, options: QueryOptions | undefined): Promise<T> {
    const model = instance.constructor as ModelStatic<Model>;
    const previous = before(instance);
    const result = await query();
    await this.#heard([write(model, [{ now: instance, previous }]), ...this.#cascades(model)], options);
    return result;
  }

  /** Like {@link deletion}, for all rows that match a condition. */
  async deletions<T>(
    query: () => Promise<T>,
    model: ModelStatic<Model> | undefined,
    where: unknown,
    options: QueryOptions | undefined,
  ): Promise<T> {
    return this.matching(query, model, where, options, model && this.#cascades(model));
  }

  /**
   * Handles a query that writes all rows that match a condition.
   *
   * @param others further writes of the same query
   */
  async matching<T>(
    query: () => Promise<T>,
    model: ModelStatic<Model> | undefined,
    where: unknown,
    options: QueryOptions | undefined,
    others: readonly Write[] = [],
  ): Promise<T> {
    if (model === undefined) return query();
    const previous = this.#hook.hears(model.name) ? await this.#rows(model, where, options) : undefined;
    const result = await query();
    // The write has happened. If its rows cannot be read again, bump their type instead.
    const now = previous && (await this.#again(model, previous, options).catch(() => undefined));
    const rows = now && previous?.map((row, i) => ({ now: now[i] ?? row, previous: row }));
    await this.#heard([write(model, rows), ...others], options);
    return result;
  }

  /** Handles a query whose rows are not known. */
  async any<T>(
    query: () => Promise<T>,
    model: ModelStatic<Model> | undefined,
    options: QueryOptions | undefined,
  ): Promise<T> {
    const result = await query();
    if (model !== undefined) await this.#heard([write(model, undefined)], options);
    return result;
  }

  /** Returns the model of a table, for queries that do not name one. */
  modelOf(table: unknown): ModelStatic<Model> | undefined {
    const name = nameOf(table);
    return Object.values(this.#sequelize.models).find((model) => nameOf(model.getTableName()) === name);
  }

  /** Returns the writes that the database does itself when rows of a model are deleted. */
  #cascades(model: ModelStatic<Model>, met: Set<ModelStatic<Model>> = new Set([model])): Write[] {
    const table = nameOf(model.getTableName());
    return Object.values(this.#sequelize.models).flatMap((other) => {
      if (met.has(other) || !Object.values(other.getAttributes()).some((each) => goesWith(each, table))) return [];
      met.add(other);
      return [write(other, undefined), ...this.#cascades(other, met)];
    });
  }

  #heard(writes: readonly Write[], options: QueryOptions | undefined): Promise<void> {
    const transaction = this.#transaction(options);
    return this.#hook.heard(writes, transaction && this.#transactions.of(transaction));
  }

  #transaction(options: QueryOptions | undefined): Transaction | undefined {
    if (options?.transaction !== undefined) return options.transaction ?? undefined;
    // Sequelize takes the transaction from there when it sends the query.
    const { _cls } = this.#sequelize.constructor as { _cls?: { get(name: string): Transaction | undefined } };
    return _cls?.get('transaction') ?? undefined;
  }

  /** Returns the rows that match, if they are to be bumped one by one. */
  async #rows(
    model: ModelStatic<Model>,
    where: unknown,
    options: QueryOptions | undefined,
  ): Promise<Model[] | undefined> {
    if (this.#hook.bulk !== 'rows' && !namesOneRow(model, where)) return undefined;
    const rows = await this.#find(model, where, options, MAX_BULK_ROWS + 1);
    return rows.length > MAX_BULK_ROWS ? undefined : rows;
  }

  /** Reads the same rows after the query; undefined for deleted ones. */
  async #again(
    model: ModelStatic<Model>,
    rows: Model[],
    options: QueryOptions | undefined,
  ): Promise<(Model | undefined)[]> {
    const key = model.primaryKeyAttribute;
    const found = await this.#find(model, { [key]: rows.map((row) => row.get(key)) }, options, rows.length);
    const byKey = new Map(found.map((row) => [String(row.get(key)), row]));
    return rows.map((row) => byKey.get(String(row.get(key))));
  }

  #find(model: ModelStatic<Model>, where: unknown, options: QueryOptions | undefined, limit: number): Promise<Model[]> {
    const transaction = this.#transaction(options) ?? null;
    return model
      .unscoped()
      .findAll({ where: where as never, transaction, limit, paranoid: false, hooks: false } as never);
  }
}

/** Returns the row as the database has it, before the changes are saved. */
function before(instance: Model): Model {
  const model = instance.constructor as ModelStatic<Model>;
  const values = Object.fromEntries(
    Object.keys(model.getAttributes()).map((name) => [name, instance.previous(name as never)]),
  );
  return model.build(values, { isNewRecord: false, raw: true });
}

/** Whether deleting a row of the table makes the database delete or change rows with this foreign key. */
function goesWith({ references, onDelete }: ModelAttributeColumnOptions, table: string): boolean {
  const to =
    typeof references === 'object' && references !== null && 'model' in references ? references.model : references;
  return to !== undefined && nameOf(to) === table && /cascade|set/i.test(String(onDelete));
}

/** Whether a condition fixes the primary key to one value, with or without further conditions. */
function namesOneRow(model: ModelStatic<Model>, where: unknown): boolean {
  if (typeof where !== 'object' || where === null) return false;
  const { primaryKeyField, primaryKeyAttribute } = model as { primaryKeyField?: string; primaryKeyAttribute: string };
  const conditions = where as Record<PropertyKey, unknown>;
  const isOne = [primaryKeyField ?? primaryKeyAttribute, primaryKeyAttribute].some((name) =>
    ['string', 'number', 'bigint'].includes(typeof conditions[name]),
  );
  // Sequelize uses `Op.and` to add the condition that leaves out soft-deleted rows.
  const and = Reflect.ownKeys(where).find((key) => typeof key === 'symbol' && key.description === 'and');
  const all = and === undefined ? undefined : conditions[and];
  return isOne || (Array.isArray(all) && all.some((each) => namesOneRow(model, each)));
}

function nameOf(table: unknown): string {
  if (typeof table === 'string') return table;
  const { tableName, schema } = table as { readonly tableName?: string; readonly schema?: string };
  return schema ? `${schema}.${tableName}` : String(tableName);
}
