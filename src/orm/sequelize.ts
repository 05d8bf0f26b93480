import type { Model, ModelAttributeColumnOptions, ModelStatic, Sequelize, Transaction } from 'sequelize';
import { CacheSweeperError } from '../errors.ts';
import type { CacheSweeper } from '../sweeper.ts';
import { MAX_BULK_ROWS, SaveHook, type SaveHookOptions, type Write } from './save-hook.ts';
import type { SweepTransaction } from './transaction.ts';

export type { HookedModel, SaveHookOptions } from './save-hook.ts';

/**
 * Tells a sweeper of every row that is written through Sequelize's models: at once, or when the outermost transaction is
 * committed. `await comment.save()` resolves with the fragments already swept. What is heard and what is not:
 * docs/orm.md.
 *
 * @param sequelize with its models defined, if options name any
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION; CACHESWEEPER_INSTALL when it was called for these two before
 *
 * @example
 * sweepOnSave(sequelize, sweeper, { models: { Comment: { using: 'updatedAt' } }, exclude: ['Session'] });
 */
export function sweepOnSave(sequelize: Sequelize, sweeper: CacheSweeper, options: SaveHookOptions = {}): void {
  if (typeof sequelize?.getQueryInterface !== 'function') {
    throw new CacheSweeperError('CACHESWEEPER_BAD_OPTION', 'sweepOnSave() expected a Sequelize instance');
  }
  const hook = new SaveHook(sweeper, options, new Map(Object.entries(sequelize.models)));
  const told = installed.get(sequelize) ?? new WeakSet();
  if (told.has(sweeper)) {
    throw new CacheSweeperError(
      'CACHESWEEPER_INSTALL',
      'sweepOnSave() was called for this Sequelize instance and sweeper before',
    );
  }
  installed.set(sequelize, told.add(sweeper));
  const transactions = new Transactions(hook);
  listen(sequelize, new Listener(sequelize, hook, transactions));
  enter(sequelize, transactions);
}

const installed = new WeakMap<object, WeakSet<object>>();

/** Which of the sweeper's transactions is which of Sequelize's. */
class Transactions {
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
    // Called for savepoints as well, and when COMMIT fails: then too much is swept, which harms nobody.
    transaction.afterCommit(() => begun.commit());
    return begun;
  }
}

/** Callbacks of `sequelize.transaction()` run inside: pages rendered there show uncommitted rows. */
function enter(sequelize: Sequelize, transactions: Transactions): void {
  const transaction = sequelize.transaction.bind(sequelize) as (...args: unknown[]) => Promise<unknown>;
  const entered = async (...args: unknown[]): Promise<unknown> => {
    let begun: SweepTransaction | undefined;
    const inside = (run: unknown) => {
      if (typeof run !== 'function') return run;
      return (own: Transaction) => {
        begun = transactions.of(own);
        return begun.run(() => run(own));
      };
    };
    try {
      return await transaction(...args.map(inside));
    } finally {
      begun?.rollback(); // unless it was committed
    }
  };
  sequelize.transaction = entered as typeof sequelize.transaction;
}

/** The options that Sequelize's models hand to the query interface, as far as they are used here. */
interface QueryOptions {
  readonly transaction?: Transaction | null | undefined;
  readonly model?: ModelStatic<Model>;
}

type Rows = NonNullable<Write['rows']>;

/** What is made of each kind of query that Sequelize's models send. */
class Listener {
  readonly #sequelize: Sequelize;
  readonly #hook: SaveHook;
  readonly #transactions: Transactions;

  constructor(sequelize: Sequelize, hook: SaveHook, transactions: Transactions) {
    this.#sequelize = sequelize;
    this.#hook = hook;
    this.#transactions = transactions;
  }

  /** A query for one instance, whose values before it the instance still knows. */
  async instance<T>(query: () => Promise<T>, instance: Model, options: QueryOptions | undefined): Promise<T> {
    const model = instance.constructor as ModelStatic<Model>;
    const previous = instance.isNewRecord ? undefined : before(instance);
    const result = await query();
    await this.#heard(model, options, [previous === undefined ? { now: instance } : { now: instance, previous }]);
    return result;
  }

  /** A query that deletes one instance, and what the database deletes or changes with it. */
  async deletion<T>(query: () => Promise<T>, instance: Model, options: QueryOptions | undefined): Promise<T> {
    const result = await this.instance(query, instance, options);
    await this.#cascades(instance.constructor as ModelStatic<Model>, options);
    return result;
  }

  /** The same for the rows that match. */
  async deletions<T>(
    query: () => Promise<T>,
    model: ModelStatic<Model> | undefined,
    where: unknown,
    options: QueryOptions | undefined,
  ): Promise<T> {
    const result = await this.matching(query, model, where, options);
    if (model !== undefined) await this.#cascades(model, options);
    return result;
  }

  /** A query for the rows that match. */
  async matching<T>(
    query: () => Promise<T>,
    model: ModelStatic<Model> | undefined,
    where: unknown,
    options: QueryOptions | undefined,
  ): Promise<T> {
    if (model === undefined || !this.#hook.hears(model.name)) return query();
    const previous = await this.#rows(model, where, options);
    const result = await query();
    const now = previous && (await this.#again(model, previous, options));
    await this.#heard(
      model,
      options,
      previous?.map((row, i) => ({ now: now?.[i] ?? row, previous: row })),
    );
    return result;
  }

  /** A query that nobody can tell the rows of. */
  async any<T>(
    query: () => Promise<T>,
    model: ModelStatic<Model> | undefined,
    options: QueryOptions | undefined,
  ): Promise<T> {
    const result = await query();
    if (model !== undefined) await this.#heard(model, options, undefined);
    return result;
  }

  /** The model of a table, for queries that do not name one. */
  modelOf(table: unknown): ModelStatic<Model> | undefined {
    const name = nameOf(table);
    return Object.values(this.#sequelize.models).find((model) => nameOf(model.getTableName()) === name);
  }

  async #cascades(
    model: ModelStatic<Model>,
    options: QueryOptions | undefined,
    heard: Set<ModelStatic<Model>> = new Set([model]),
  ): Promise<void> {
    const table = nameOf(model.getTableName());
    for (const other of Object.values(this.#sequelize.models)) {
      if (heard.has(other) || !Object.values(other.getAttributes()).some((each) => goesWith(each, table))) continue;
      heard.add(other);
      await this.#heard(other, options, undefined);
      await this.#cascades(other, options, heard);
    }
  }

  #heard(model: ModelStatic<Model>, options: QueryOptions | undefined, rows: Rows | undefined): Promise<void> {
    const transaction = this.#transaction(options);
    return this.#hook.heard(
      { model: model.name, modelClass: model, rows },
      transaction && this.#transactions.of(transaction),
    );
  }

  #transaction(options: QueryOptions | undefined): Transaction | undefined {
    if (options?.transaction !== undefined) return options.transaction ?? undefined;
    // Sequelize looks there itself, when it sends the query.
    const { _cls } = this.#sequelize.constructor as { _cls?: { get(name: string): Transaction | undefined } };
    return _cls?.get('transaction') ?? undefined;
  }

  /** The rows that match, if they are to be swept one by one. */
  async #rows(
    model: ModelStatic<Model>,
    where: unknown,
    options: QueryOptions | undefined,
  ): Promise<Model[] | undefined> {
    if (this.#hook.bulk !== 'rows' && !namesOneRow(model, where)) return undefined;
    const rows = await this.#find(model, where, options, MAX_BULK_ROWS + 1);
    return rows.length > MAX_BULK_ROWS ? undefined : rows;
  }

  /** The same rows after the query; undefined for those that are gone. */
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

type AnyMethod = (...args: never[]) => Promise<unknown>;

/**
 * Listens where all models send their queries: Sequelize's hooks are not called for `increment`, nor with `hooks: false`,
 * and afterwards they do not know what a row was before.
 */
function listen(sequelize: Sequelize, listener: Listener): void {
  const queries = sequelize.getQueryInterface() as unknown as Record<string, AnyMethod | undefined>;
  const wrap = <A extends unknown[]>(
    name: string,
    heard: (query: () => Promise<unknown>, ...args: A) => Promise<unknown>,
  ): void => {
    const send = queries[name]?.bind(queries) as ((...args: A) => Promise<unknown>) | undefined;
    if (send !== undefined)
      queries[name] = ((...args: A) => heard(() => send(...args), ...args)) as unknown as AnyMethod;
  };
  type Model_ = ModelStatic<Model>;
  wrap('insert', (query, instance: Model | null, table: unknown, _values: unknown, options?: QueryOptions) =>
    instance ? listener.instance(query, instance, options) : listener.any(query, listener.modelOf(table), options),
  );
  wrap('update', (query, instance: Model, _table: unknown, _values: unknown, _where: unknown, options?: QueryOptions) =>
    listener.instance(query, instance, options),
  );
  wrap('delete', (query, instance: Model | null, table: unknown, where: unknown, options?: QueryOptions) =>
    instance
      ? listener.deletion(query, instance, options)
      : listener.deletions(query, listener.modelOf(table), where, options),
  );
  wrap('upsert', (query, table: unknown, _insert: unknown, _update: unknown, _where: unknown, options?: QueryOptions) =>
    listener.any(query, options?.model ?? listener.modelOf(table), options),
  );
  wrap('bulkInsert', (query, table: unknown, _rows: unknown, options?: QueryOptions) =>
    listener.any(query, options?.model ?? listener.modelOf(table), options),
  );
  wrap('bulkUpdate', (query, table: unknown, _values: unknown, where: unknown, options?: QueryOptions) =>
    listener.matching(query, options?.model ?? listener.modelOf(table), where, options),
  );
  wrap('bulkDelete', (query, table: unknown, where: unknown, options?: QueryOptions, model?: Model_) =>
    listener.deletions(query, model ?? listener.modelOf(table), where, options),
  );
  for (const name of ['increment', 'decrement'] as const) {
    wrap(
      name,
      (query, model: Model_, _table: unknown, where: unknown, _by: unknown, _more: unknown, options?: QueryOptions) =>
        listener.matching(query, model, where, options),
    );
  }
}

/** The row as the database has it, before what was changed is saved. */
function before(instance: Model): Model {
  const model = instance.constructor as ModelStatic<Model>;
  const values = Object.fromEntries(
    Object.keys(model.getAttributes()).map((name) => [name, instance.previous(name as never)]),
  );
  return model.build(values, { isNewRecord: false, raw: true });
}

/** Whether an attribute's foreign key has the database delete or change its row when the other row is deleted. */
function goesWith({ references, onDelete }: ModelAttributeColumnOptions, table: string): boolean {
  const to =
    typeof references === 'object' && references !== null && 'model' in references ? references.model : references;
  return to !== undefined && nameOf(to) === table && /cascade|set/i.test(String(onDelete));
}

/** Whether a condition has the primary key as one value, whatever else it asks for. */
function namesOneRow(model: ModelStatic<Model>, where: unknown): boolean {
  if (typeof where !== 'object' || where === null) return false;
  const { primaryKeyField, primaryKeyAttribute } = model as { primaryKeyField?: string; primaryKeyAttribute: string };
  const conditions = where as Record<PropertyKey, unknown>;
  const isOne = [primaryKeyField ?? primaryKeyAttribute, primaryKeyAttribute].some((name) =>
    ['string', 'number', 'bigint'].includes(typeof conditions[name]),
  );
  // Sequelize joins the condition that leaves out deleted rows by `Op.and`.
  const and = Reflect.ownKeys(where).find((key) => typeof key === 'symbol' && key.description === 'and');
  const all = and === undefined ? undefined : conditions[and];
  return isOne || (Array.isArray(all) && all.some((each) => namesOneRow(model, each)));
}

function nameOf(table: unknown): string {
  if (typeof table === 'string') return table;
  const { tableName, schema } = table as { readonly tableName?: string; readonly schema?: string };
  return schema ? `${schema}.${tableName}` : String(tableName);
}
