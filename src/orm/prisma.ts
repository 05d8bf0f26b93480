import { Ambient } from '../render/ambient.ts';
import { CacheSweeperError } from '../errors.ts';
import type { SweepTransaction } from '../invalidation/transaction.ts';
import type { CacheSweeper } from '../sweeper.ts';
import { describe } from '../util/describe.ts';
import { type Call, type DataModel, type IdField, isWrite, type Row, writesOf } from './prisma-writes.ts';
import { MAX_BULK_ROWS, SaveHook, type SaveHookOptions, type Write } from './save-hook.ts';

export type { HookedModel, SaveHookOptions } from './save-hook.ts';

/**
 * Extends a Prisma client: it tells a sweeper of every row that its models write, at once or when the outermost
 * transaction is committed, and its rows have a `cacheIdentity`, so that `{% cachesweeper comment 500 %}` knows them.
 * What is heard and what is not: docs/orm.md.
 *
 * @returns the client to use from now on; what the one that was given writes is not heard
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION
 *
 * @example
 * export const prisma = sweepOnSave(new PrismaClient({ adapter }), sweeper);
 */
export function sweepOnSave<C extends PrismaLike>(prisma: C, sweeper: CacheSweeper, options: SaveHookOptions = {}): C {
  const client = prisma as unknown as Client;
  if (typeof client?.$extends !== 'function' || typeof client.$transaction !== 'function') {
    throw new CacheSweeperError(
      'CACHESWEEPER_BAD_OPTION',
      `sweepOnSave() expected a Prisma client, got ${describe(prisma)}`,
    );
  }
  const dataModel = client._runtimeDataModel;
  if (typeof dataModel?.models !== 'object') {
    throw new CacheSweeperError(
      'CACHESWEEPER_BAD_OPTION',
      'sweepOnSave() expected a client that knows its data model, as those of Prisma 7 do: without it writes of relations ' +
        'could not be heard',
    );
  }
  const hook = new SaveHook(sweeper, options, new Map(Object.keys(dataModel.models).map((name) => [name, undefined])));
  const idField: IdField = (model) => idFieldOf(dataModel, model, options.models?.[model]?.id);
  const listener = new Listener(client, hook, dataModel, idField);
  return client.$extends({
    name: 'nunjucks-cachesweeper',
    client: { $transaction: listener.transaction },
    query: { $allModels: { $allOperations: listener.operation } },
    result: identities(dataModel, hook, idField, options),
  }) as C;
}

/** A Prisma client, whatever was generated. */
export interface PrismaLike {
  // The generated types are the user's own; nothing here depends on them.
  $extends: unknown;
  $transaction: unknown;
}

interface Client {
  readonly _runtimeDataModel?: DataModel;
  $extends(extension: object): unknown;
  $transaction(this: unknown, work: unknown, options?: unknown): Promise<unknown>;
  readonly [model: string]: unknown;
}

/** What an extension is called with. `__internalParams` is how Prisma's own extensions know of transactions. */
interface Operation {
  readonly model: string;
  readonly operation: string;
  readonly args: Row | undefined;
  query(args: unknown): Promise<unknown>;
  readonly __internalParams?: { readonly transaction?: { readonly kind: string } };
}

/** The transaction that the running code is in, and the client for reading in it. */
interface Open {
  readonly transaction: SweepTransaction;
  readonly client: Client | undefined;
  /** One that goes on around it, and that it is no part of. */
  readonly around: Open | undefined;
}

class Listener {
  readonly #client: Client;
  readonly #hook: SaveHook;
  readonly #dataModel: DataModel;
  readonly #idField: IdField;
  readonly #open = new Ambient<Open>();
  readonly #all = new Set<Open>();
  /** By the clients that callbacks are given. */
  readonly #transactions = new WeakMap<object, SweepTransaction>();

  constructor(client: Client, hook: SaveHook, dataModel: DataModel, idField: IdField) {
    this.#client = client;
    this.#hook = hook;
    this.#dataModel = dataModel;
    this.#idField = idField;
  }

  /** Stands for `$transaction` of the client, and of the clients that its callbacks are given. */
  get transaction(): (this: unknown, work: unknown, options?: unknown) => Promise<unknown> {
    const listener = this;
    const original = this.#client.$transaction;
    return async function $transaction(this: unknown, work: unknown, options?: unknown): Promise<unknown> {
      // One that another client begins in there is a transaction of its own, whatever becomes of the one around it.
      const parent = listener.#transactions.get(this as object);
      const transaction = listener.#hook.begin(parent);
      const outer = listener.#open.current;
      const around = parent === undefined ? outer : outer?.around;
      // A query is sent when it is awaited: that must happen inside as well.
      const inside = (client: Client | undefined, run: () => unknown): Promise<unknown> => {
        const open = { transaction, client, around };
        if (client !== undefined) listener.#transactions.set(client, transaction);
        listener.#all.add(open);
        return listener.#open.run(open, () => transaction.run(async () => await run()));
      };
      let result: unknown;
      try {
        result =
          typeof work === 'function'
            ? await original.call(this, (client: Client) => inside(client, () => work(client)), options)
            : await inside(undefined, () => original.call(this, work, options));
      } catch (error) {
        transaction.rollback();
        throw error;
      } finally {
        for (const open of listener.#all) if (open.transaction === transaction) listener.#all.delete(open);
      }
      await transaction.commit();
      return result;
    };
  }

  readonly operation = async ({
    model,
    operation,
    args = {},
    query,
    __internalParams,
  }: Operation): Promise<unknown> => {
    if (!isWrite(operation)) return query(args);
    // A client that is not the transaction's writes outside of it, wherever it is called.
    const isInside = __internalParams?.transaction !== undefined;
    const open = isInside ? this.#open.current : undefined;
    const before = await this.#rows({ model, operation, args }, open);
    const result = await query(args);
    const writes = writesOf({ model, operation, args, result }, this.#dataModel, this.#idField);
    // Written is written: rows that cannot be read again are swept as their type.
    const rows = before && (await this.#again(model, before, open).catch(() => undefined));
    const told = writes.map((write, i) => (i === 0 && rows !== undefined ? { ...write, rows } : write));
    const into = isInside ? this.#perhaps(open) : [];
    for (const each of into) await this.#hook.heard(told, each.transaction);
    if (into.length === 0) await this.#hook.heard(told, undefined);
    return result;
  };

  /** The transactions that a write inside of one may belong to: whichever is committed, it is swept then. */
  #perhaps(open: Open | undefined): readonly Open[] {
    // Called where its transaction cannot be told.
    if (open === undefined) return [...this.#all];
    return open.around === undefined ? [open] : [open, ...this.#perhaps(open.around)];
  }

  /** The rows that a write with `where` is for, if they are to be swept one by one. */
  async #rows({ model, operation, args }: Omit<Call, 'result'>, open: Open | undefined): Promise<Row[] | undefined> {
    if (this.#hook.bulk !== 'rows' || !['updateMany', 'deleteMany'].includes(operation) || !this.#hook.hears(model)) {
      return undefined;
    }
    // In the list form of `$transaction` there is no client that could read inside.
    if ((open !== undefined && open.client === undefined) || this.#idField(model) === undefined) return undefined;
    const rows = await this.#find(model, { where: args.where, take: MAX_BULK_ROWS + 1 }, open);
    return rows.length > MAX_BULK_ROWS ? undefined : rows;
  }

  /** The same rows after the write; those that are gone as they were. */
  async #again(model: string, rows: readonly Row[], open: Open | undefined): Promise<Write['rows']> {
    const id = this.#idField(model) as string;
    const found = await this.#find(model, { where: { [id]: { in: rows.map((row) => row[id]) } } }, open);
    const byId = new Map(found.map((row) => [row[id], row]));
    return rows.map((row) => ({ now: byId.get(row[id]) ?? row, previous: row }));
  }

  #find(model: string, args: object, open: Open | undefined): Promise<Row[]> {
    const client = open?.client ?? this.#client;
    return (client[methodsOf(model)] as { findMany(args: object): Promise<Row[]> }).findMany(args);
  }
}

/** A row's identity. It is not there in JSON: what a site answers with its rows stays as it was. */
class RowIdentity {
  readonly type: string;
  readonly id: unknown;

  constructor(type: string, id: unknown) {
    this.type = type;
    this.id = id;
  }

  /** So that a row is a model too where it is a key of a tag. */
  get cacheIdentity(): RowIdentity {
    return this;
  }

  toJSON(): undefined {
    return undefined;
  }
}

/** Gives rows a `cacheIdentity`. */
function identities(dataModel: DataModel, hook: SaveHook, idField: IdField, { models }: SaveHookOptions): object {
  const results: Record<string, object> = {};
  for (const [model, { fields }] of Object.entries(dataModel.models)) {
    const told = models?.[model]?.id as string | ((row: Row) => unknown) | undefined;
    const id = idField(model);
    const type = hook.typeOf(model);
    if (typeof told !== 'function' && id === undefined) continue;
    const needed =
      typeof told === 'function' ? fields.filter(({ kind }) => kind !== 'object') : [{ name: id as string }];
    results[methodsOf(model)] = {
      cacheIdentity: {
        needs: Object.fromEntries(needed.map(({ name }) => [name, true])),
        compute: (row: Row) => new RowIdentity(type, typeof told === 'function' ? told(row) : row[id as string]),
      },
    };
  }
  return results;
}

function idFieldOf({ models }: DataModel, model: string, told: unknown): string | undefined {
  if (typeof told === 'string') return told;
  if (typeof told === 'function') return undefined;
  return ['id', '_id', 'pk'].find((name) => models[model]?.fields.some((field) => field.name === name));
}

/** `prisma.blogComment` are the methods of the model `BlogComment`. */
function methodsOf(model: string): string {
  return model.charAt(0).toLowerCase() + model.slice(1);
}
