import type { Model, Sequelize, Transaction } from 'sequelize';
import { CacheSweeperError } from '../errors.ts';
import type { SweepTransaction } from '../invalidation/transaction.ts';
import type { CacheSweeper } from '../sweeper.ts';
import { badOption } from '../util/check-option.ts';
import { describe } from '../util/describe.ts';
import type { SaveHookOptions } from './hook-options.ts';
import { SaveHook } from './save-hook.ts';
import { keepsSequelizeAttributes } from './sequelize-attributes.ts';
import { columnsOf, type QueryOptions, SequelizeListener, type Target } from './sequelize-listener.ts';
import { type AnyModel, SequelizeModels } from './sequelize-models.ts';
import { sequelizeDatabase } from './sequelize-outbox.ts';
import { OpenTransactions } from './sequelize-transactions.ts';
import { checkVersion, SEQUELIZE } from './versions.ts';

export type { HookedModel, SaveHookOptions } from './hook-options.ts';

/** The part of a `Sequelize` instance that is used here, without Sequelize's own types. */
export interface SequelizeInstance {
  readonly models: Readonly<Record<string, object>>;
  getQueryInterface(): object;
  transaction(...args: never): Promise<unknown>;
}

/**
 * Reports every row written through Sequelize's models to a sweeper: at once, or when the outermost transaction is
 * committed. When `await comment.save()` resolves, the bump is done. docs/orm.md lists which writes are reported and
 * which are not.
 *
 * @param ofSequelize a `Sequelize` instance; if options name models, define these first
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION; CACHESWEEPER_TYPE_CONFLICT when the sweeper hears another instance
 * with the same models; CACHESWEEPER_INSTALL when it was called for this instance and sweeper before
 *
 * @example
 * sweepOnSave(sequelize, sweeper, { models: { Comment: { using: 'updatedAt' } }, exclude: ['Session'] });
 */
export function sweepOnSave(
  ofSequelize: SequelizeInstance,
  sweeper: CacheSweeper,
  options: SaveHookOptions = {},
): void {
  const sequelize = ofSequelize as Sequelize;
  const version = (sequelize as { constructor?: { version?: unknown } } | null | undefined)?.constructor?.version;
  if (version === undefined && typeof sequelize?.getQueryInterface !== 'function') {
    throw badOption('sweepOnSave()', 'a Sequelize instance', describe(sequelize));
  }
  checkVersion(SEQUELIZE, version);
  const hook = new SaveHook(sweeper, options, new Map(Object.entries(sequelize.models)));
  const told = installed.get(sequelize) ?? new WeakSet();
  if (told.has(sweeper)) {
    throw new CacheSweeperError(
      'CACHESWEEPER_INSTALL',
      'sweepOnSave() was called for this Sequelize instance and sweeper before',
    );
  }
  const transactions = new OpenTransactions(sequelize, hook);
  const models = new SequelizeModels(sequelize, hook);
  hook.models.claim(models.places(Object.keys(sequelize.models)));
  hook.models.learn(models);
  hook.outbox.keep(`Sequelize on ${sequelize.getDialect()}`, () => sequelizeDatabase(sequelize));
  installed.set(sequelize, told.add(sweeper));
  keepsSequelizeAttributes(sequelize);
  claimLater(sequelize, (name) => hook.models.claim(models.places([name])));
  listen(sequelize, new SequelizeListener(sequelize, hook, transactions, models), models);
  enter(sequelize, transactions);
}

const installed = new WeakMap<object, WeakSet<object>>();

/**
 * Makes callbacks of `sequelize.transaction()` run inside our transaction, because pages rendered there show
 * uncommitted rows.
 */
function enter(sequelize: Sequelize, transactions: OpenTransactions): void {
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
      const result = await transaction(...args.map(inside));
      // Register now, before its owner can add a hook: Sequelize skips all hooks behind one that throws.
      if (!args.some((arg) => typeof arg === 'function')) transactions.of(result as Transaction);
      return result;
    } finally {
      begun?.rollback(); // no effect if it was committed
    }
  };
  sequelize.transaction = entered as typeof sequelize.transaction;
}

/** Claims models that are defined later. Errors of the hooks `beforeDefine` and `afterDefine` would reach nobody. */
function claimLater({ modelManager }: Sequelize, claim: (name: string) => void): void {
  const manager = modelManager as unknown as { addModel(model: AnyModel): unknown };
  const addModel = manager.addModel.bind(manager);
  manager.addModel = (model) => {
    claim(model.name);
    return addModel(model);
  };
}

interface Including {
  readonly include?: readonly ({ readonly model?: AnyModel } & Including)[];
}

/** The models of which a query reads rows. */
function modelsRead(model: AnyModel | undefined, { include = [] }: Including = {}): readonly AnyModel[] {
  return [...(model ? [model] : []), ...include.flatMap((each) => modelsRead(each.model, each))];
}

type AnyMethod = (...args: never[]) => Promise<unknown>;

/**
 * Wraps the methods through which all models send their queries. Sequelize's hooks will not do: they are not called for
 * `increment` or with `hooks: false`, and after a save they do not know the row before it.
 */
function listen(sequelize: Sequelize, listener: SequelizeListener, models: SequelizeModels): void {
  const queries = sequelize.getQueryInterface() as unknown as Record<string, AnyMethod | undefined>;
  const wrap = <A extends unknown[]>(
    name: string,
    heard: (query: () => Promise<unknown>, ...args: A) => Promise<unknown>,
  ): void => {
    const send = queries[name]?.bind(queries) as ((...args: A) => Promise<unknown>) | undefined;
    if (send !== undefined)
      queries[name] = ((...args: A) => heard(() => send(...args), ...args)) as unknown as AnyMethod;
  };
  const target = (model: AnyModel | undefined, table: unknown): Target => (model ? { model } : { table });
  wrap('select', (query, model: AnyModel, _table: unknown, options?: Including) => {
    for (const each of modelsRead(model, options)) models.reads(each);
    return query();
  });
  wrap('insert', (query, instance: Model | null, table: unknown, values: unknown, options?: QueryOptions) =>
    instance ? listener.instance(query, instance, values, options) : listener.any(query, { table }, options),
  );
  wrap('update', (query, instance: Model, _table: unknown, values: unknown, _where: unknown, options?: QueryOptions) =>
    listener.instance(query, instance, values, options),
  );
  wrap('delete', (query, instance: Model | null, table: unknown, where: unknown, options?: QueryOptions) =>
    instance
      ? listener.deletion(query, instance, options)
      : listener.matching(query, { table }, { where, isDeletion: true }, options),
  );
  wrap('upsert', (query, table: unknown, _insert: unknown, update: unknown, _where: unknown, options?: QueryOptions) =>
    listener.any(query, target(options?.model, table), options, columnsOf(update)),
  );
  wrap('bulkInsert', (query, table: unknown, _rows: unknown, options?: QueryOptions) =>
    listener.any(query, target(options?.model, table), options, options?.updateOnDuplicate),
  );
  wrap('bulkUpdate', (query, table: unknown, values: unknown, where: unknown, options?: QueryOptions) =>
    listener.matching(query, target(options?.model, table), { where, values }, options),
  );
  wrap('bulkDelete', (query, table: unknown, where: unknown, options?: QueryOptions, model?: AnyModel) =>
    options?.truncate
      ? listener.emptied(query, target(model, table), options)
      : listener.matching(query, target(model, table), { where, isDeletion: true }, options),
  );
  wrap('dropTable', (query, table: unknown, options?: QueryOptions) => listener.emptied(query, { table }, options));
  for (const name of ['increment', 'decrement'] as const) {
    wrap(
      name,
      (query, model: AnyModel, _table: unknown, where: unknown, by: unknown, _more: unknown, options?: QueryOptions) =>
        listener.matching(query, { model }, { where, values: by }, options),
    );
  }
}
