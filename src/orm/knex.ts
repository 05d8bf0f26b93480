import { CacheSweeperError } from '../errors.ts';
import { isOutboxKnex, knexDatabase } from '../outbox/database.ts';
import type { CacheSweeper } from '../sweeper.ts';
import { badOption } from '../util/check-option.ts';
import { describe } from '../util/describe.ts';
import { HOOK } from './hook-options.ts';
import { type Client, isClient, type KnexInstance, listenTo } from './knex-client.ts';
import { KnexListener } from './knex-listener.ts';
import { KnexModels } from './knex-models.ts';
import { type KnexHookOptions, knexOptions } from './knex-options.ts';
import { KnexTransactions } from './knex-transactions.ts';
import { SaveHook } from './save-hook.ts';

export type { HookedModel, SaveHookOptions } from './hook-options.ts';
export type { KnexInstance } from './knex-client.ts';
export type { KnexHookOptions, KnexTableOptions } from './knex-options.ts';

/**
 * Reports what the query builders of a Knex instance write to a sweeper: at once, or when the outermost transaction is committed. The
 * builders of Objection's models are heard alike. When `await knex('comments').insert(…)` resolves, the bump is done. Raw SQL
 * is not heard. docs/orm.md lists which writes are reported and which are not.
 *
 * @param knex an instance of Knex 3, no transaction. What `withUserParams()` made of it before is not heard, what it makes later is
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION; CACHESWEEPER_TYPE_CONFLICT when the sweeper hears an instance of another database
 * with the same models; CACHESWEEPER_INSTALL when it was called for this instance and sweeper before
 *
 * @example
 * sweepOnSave(knex, sweeper, { models: { articles: 'Article', comments: 'Comment' }, exclude: ['sessions'] });
 */
export function sweepOnSave(knex: KnexInstance, sweeper: CacheSweeper, options: KnexHookOptions = {}): void {
  const { client } = (knex ?? {}) as Partial<KnexInstance>;
  if (typeof knex?.raw !== 'function' || typeof knex.transaction !== 'function' || client === undefined) {
    throw badOption(HOOK, 'a Knex instance', describe(knex));
  }
  if ((knex as { readonly isTransaction?: unknown }).isTransaction === true) {
    throw badOption(HOOK, 'a Knex instance', 'a transaction', { todo: 'give the instance that began it' });
  }
  if (!isClient(client)) {
    throw badOption(HOOK, 'a Knex that sends queries as Knex 3 does', 'another one', { todo: 'npm install knex@3' });
  }
  const { common, tables } = knexOptions(options);
  const names = [...tables.keys(), ...(common.exclude ?? [])];
  const hook = new SaveHook(sweeper, common, new Map(names.map((name) => [name, tables.get(name)?.modelClass])));
  const told = installed.get(client) ?? new WeakSet();
  if (told.has(sweeper)) {
    throw new CacheSweeperError(
      'CACHESWEEPER_INSTALL',
      'sweepOnSave() was called for this Knex instance and sweeper before; its transactions and what withUserParams() makes of it are heard',
    );
  }
  const models = new KnexModels(hook, tables, databaseOf(client));
  hook.models.claim(models.places());
  // Classes that extend one are of its type.
  for (const [name, { modelClass }] of tables)
    if (modelClass && hook.models.hears(name)) sweeper.register(modelClass, {});
  hook.models.learn(models);
  hook.outbox.keep(`Knex on ${describe(client.dialect)}`, () => (isOutboxKnex(knex) ? knexDatabase(knex) : undefined));
  installed.set(client, told.add(sweeper));
  listenTo(client, new KnexListener(hook, models, new KnexTransactions(hook)));
}

const installed = new WeakMap<object, WeakSet<object>>();

/** Equal for two instances that are connected to the same database, as far as they tell. */
function databaseOf(client: Client): unknown {
  const settings = (client.connectionSettings ?? {}) as Readonly<Record<string, unknown>>;
  const { host, port, socketPath, database, filename, connectionString } = settings;
  if (filename === ':memory:' || (database ?? filename ?? connectionString) === undefined) return client;
  return JSON.stringify([host, port, socketPath, database, filename, connectionString].map((part) => part ?? null));
}
