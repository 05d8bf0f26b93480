import type { SweepTransaction } from '../invalidation/transaction.ts';
import { ID_ATTRIBUTES, idAt } from '../model/known-models.ts';
import { Ambient } from '../render/ambient.ts';
import type { CacheSweeper } from '../sweeper.ts';
import { badOption } from '../util/check-option.ts';
import { describe } from '../util/describe.ts';
import { type KeyFields, keysOfSchema } from './prisma-keys.ts';
import { type DataModel, isWrite, type ModelCall, type Row, writesOf } from './prisma-writes.ts';
import { MAX_BULK_ROWS, type Place, SaveHook, type SaveHookOptions, type Write } from './save-hook.ts';

export type { HookedModel, SaveHookOptions } from './save-hook.ts';

/**
 * Extends a Prisma client so that it reports every row its models write to a sweeper: at once, or when the outermost
 * transaction is committed. Its rows also get a `cacheIdentity`, so that `{% cachesweeper comment 500 %}` recognises
 * them. docs/orm.md lists which writes are reported and which are not.
 *
 * @returns the client to use from now on; writes of the given client are not reported
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION when this is no Prisma client, or one without its data model;
 * CACHESWEEPER_TYPE_CONFLICT when the sweeper hears a client of another database with the same models
 *
 * @example
 * export const prisma = sweepOnSave(new PrismaClient({ adapter }), sweeper);
 */
export function sweepOnSave<C extends PrismaLike>(prisma: C, sweeper: CacheSweeper, options: SaveHookOptions = {}): C {
  const client = prisma as unknown as Client;
  if (typeof client?.$extends !== 'function' || typeof client.$transaction !== 'function') {
    throw badOption('sweepOnSave()', 'a Prisma client', describe(prisma));
  }
  const dataModel = client._runtimeDataModel;
  if (typeof dataModel?.models !== 'object') {
    throw badOption('sweepOnSave()', 'a client that knows its data model, as those of Prisma 7 do', 'one without', {
      todo: 'without it writes of relations could not be heard',
    });
  }
  const hook = new SaveHook(sweeper, options, new Map(Object.keys(dataModel.models).map((name) => [name, undefined])));
  const keyFields = keysOf(client, dataModel, options);
  hook.claim(placesOf(client, dataModel, hook));
  hook.learn({
    known: (type) => {
      const model = typeof type === 'string' ? hook.modelOf(type) : undefined;
      if (model === undefined || !Object.hasOwn(dataModel.models, model)) return undefined;
      return { id: idAt(keyFields(model)), table: model };
    },
    relatives: () => [],
  });
  const listener = new PrismaListener(client, hook, dataModel, keyFields);
  return client.$extends({
    name: 'nunjucks-cachesweeper',
    client: { $transaction: listener.transaction },
    query: { $allModels: { $allOperations: listener.operation } },
    result: identities(dataModel, hook, keyFields, options),
  }) as C;
}

/** Any generated Prisma client. */
export interface PrismaLike {
  // The generated types are the user's own, so this file does not depend on them.
  $extends: unknown;
  $transaction: unknown;
}

interface Client {
  readonly _runtimeDataModel?: DataModel;
  readonly _engineConfig?: { readonly inlineSchema?: string; readonly adapter?: object };
  $extends(extension: object): unknown;
  $transaction(this: unknown, work: unknown, options?: unknown): Promise<unknown>;
  readonly [model: string]: unknown;
}

/** The argument of a query extension. Prisma's own extensions use `__internalParams` to recognise transactions. */
interface Operation {
  readonly model: string;
  readonly operation: string;
  readonly args: Row | undefined;
  query(args: unknown): Promise<unknown>;
  readonly __internalParams?: { readonly transaction?: { readonly kind: string } };
}

/**
 * The transaction that the running code is in, and the client that reads inside it; undefined in the list form of
 * `$transaction`.
 */
interface Open {
  readonly transaction: SweepTransaction;
  readonly client: Client | undefined;
  /** An independent transaction that is also open around this one. */
  readonly around: Open | undefined;
}

class PrismaListener {
  readonly #client: Client;
  readonly #hook: SaveHook;
  readonly #dataModel: DataModel;
  readonly #keyFields: KeyFields;
  readonly #open = new Ambient<Open>();
  readonly #all = new Set<Open>();
  /** Transactions by the client that their callback got. */
  readonly #transactions = new WeakMap<object, SweepTransaction>();

  constructor(client: Client, hook: SaveHook, dataModel: DataModel, keyFields: KeyFields) {
    this.#client = client;
    this.#hook = hook;
    this.#dataModel = dataModel;
    this.#keyFields = keyFields;
  }

  /** Replaces `$transaction` of the client, and of the clients that its callbacks get. */
  get transaction(): (this: unknown, work: unknown, options?: unknown) => Promise<unknown> {
    const listener = this;
    const original = this.#client.$transaction;
    return async function $transaction(this: unknown, work: unknown, options?: unknown): Promise<unknown> {
      // A transaction begun through another client is independent of the one around it, whether that is committed or
      // not.
      const parent = listener.#transactions.get(this as object);
      const transaction = listener.#hook.begin(parent);
      const outer = listener.#open.current;
      const around = parent === undefined ? outer : outer?.around;
      // Prisma sends a query when it is awaited, so await inside as well.
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
    // Only the transaction's own client writes inside it. Other clients write outside, even when called in its
    // callback.
    const isInside = __internalParams?.transaction !== undefined;
    const open = isInside ? this.#open.current : undefined;
    const before = await this.#rows({ model, operation, args }, open);
    const result = await query(args);
    const writes = writesOf({ model, operation, args, result }, this.#dataModel, this.#keyFields);
    // The write has happened. If its rows cannot be read again, bump their type instead.
    const rows = before && (await this.#again(model, before, open).catch(() => undefined));
    const told = writes.map((write, i) => this.#ofTenant(i === 0 && rows !== undefined ? { ...write, rows } : write));
    const into = isInside ? this.#perhaps(open) : [];
    for (const each of into) await this.#hook.heard(told, each.transaction);
    if (into.length === 0) await this.#hook.heard(told, undefined);
    return result;
  };

  /** Returns the open transactions to which a write may belong. The write is bumped with each that is committed. */
  #perhaps(open: Open | undefined): readonly Open[] {
    // The asynchronous context was lost, so it may be any.
    if (open === undefined) return [...this.#all];
    return open.around === undefined ? [open] : [open, ...this.#perhaps(open.around)];
  }

  /** Returns the rows that a write with `where` will change, if they are to be bumped one by one. */
  async #rows(
    { model, operation, args }: Omit<ModelCall, 'result'>,
    open: Open | undefined,
  ): Promise<Row[] | undefined> {
    if (this.#hook.bulk !== 'rows' || !['updateMany', 'deleteMany'].includes(operation) || !this.#hook.hears(model)) {
      return undefined;
    }
    // In the list form of `$transaction` no client can read inside the transaction.
    if (open !== undefined && open.client === undefined) return undefined;
    const key = this.#keyFields(model);
    // Nobody finds a row again whose key has changed.
    if (key.length === 0 || key.some((field) => field in ((args.data ?? {}) as Row))) return undefined;
    const rows = await this.#find(model, { where: args.where, take: MAX_BULK_ROWS + 1 }, open);
    return rows.length > MAX_BULK_ROWS ? undefined : rows;
  }

  /** Reads the same rows after the write. A deleted row is returned as it was. */
  async #again(model: string, rows: readonly Row[], open: Open | undefined): Promise<Write['rows']> {
    const key = this.#keyFields(model);
    const valuesOf = (row: Row) => Object.fromEntries(key.map((field) => [field, row[field]]));
    const textOf = (row: Row) => JSON.stringify(key.map((field) => String(row[field])));
    const found = await this.#find(model, { where: { OR: rows.map(valuesOf) } }, open);
    const byKey = new Map(found.map((row) => [textOf(row), row]));
    return rows.map((row) => ({ now: byKey.get(textOf(row)) ?? row, previous: row }));
  }

  /** Plain rows do not tell which client they are from. */
  #ofTenant(write: Write): Write {
    const { tenant } = this.#hook;
    if (tenant === undefined) return write;
    const cacheIdentity = { value: { type: this.#hook.typeOf(write.model), tenant }, configurable: true };
    for (const row of (write.rows ?? []).flatMap(({ now, previous }) => [now, ...(previous ? [previous] : [])])) {
      Object.defineProperty(row, 'cacheIdentity', cacheIdentity);
    }
    return write;
  }

  #find(model: string, args: object, open: Open | undefined): Promise<Row[]> {
    const client = open?.client ?? this.#client;
    return (client[methodsOf(model)] as { findMany(args: object): Promise<Row[]> }).findMany(args);
  }
}

/** Identity of a row. It leaves itself out of JSON, so that responses made from rows do not change. */
class RowIdentity {
  readonly type: string;
  readonly id: unknown;
  readonly tenant: unknown;

  constructor(type: string, id: unknown, tenant: unknown) {
    this.type = type;
    this.id = id;
    if (tenant !== undefined) this.tenant = tenant;
  }

  /** Makes a row count as a model where it is a key of a tag. */
  get cacheIdentity(): RowIdentity {
    return this;
  }

  toJSON(): undefined {
    return undefined;
  }
}

/** Returns the result extension that gives rows a `cacheIdentity`. */
function identities(dataModel: DataModel, hook: SaveHook, keyFields: KeyFields, { models }: SaveHookOptions): object {
  const results: Record<string, object> = {};
  for (const [model, { fields }] of Object.entries(dataModel.models)) {
    const { id = idAt(keyFields(model)), tenant = () => hook.tenant } = models?.[model] ?? {};
    const type = hook.typeOf(model);
    if (id === undefined) continue;
    const isTold = [models?.[model]?.id, models?.[model]?.tenant].some((told) => typeof told === 'function');
    const needed = isTold
      ? fields.filter(({ kind }) => kind !== 'object').map(({ name }) => name)
      : [...keyFields(model), ...(typeof tenant === 'string' ? [tenant] : [])];
    results[methodsOf(model)] = {
      cacheIdentity: {
        needs: Object.fromEntries(needed.map((name) => [name, true])),
        compute: (row: Row) => new RowIdentity(type, valueAt(row, id), valueAt(row, tenant)),
      },
    };
  }
  return results;
}

function valueAt(row: Row, at: string | ((row: never) => unknown)): unknown {
  return typeof at === 'function' ? at(row as never) : row[at];
}

function keysOf({ _engineConfig: config }: Client, { models }: DataModel, options: SaveHookOptions): KeyFields {
  const keys = keysOfSchema(config?.inlineSchema ?? '');
  return (model) => {
    const told = options.models?.[model]?.id;
    if (told !== undefined) return typeof told === 'string' ? [told] : [];
    const id = ID_ATTRIBUTES.find((name) => models[model]?.fields.some((field) => field.name === name));
    return keys.get(model) ?? (id === undefined ? [] : [id]);
  };
}

/** Where the rows are, as far as clients tell: those that share a connection, or say the same of it. */
function placesOf(client: Client, { models }: DataModel, hook: SaveHook): readonly Place[] {
  const { adapter = client._engineConfig ?? client } = client._engineConfig ?? {};
  const { config } = adapter as { readonly config?: unknown };
  let table: unknown = adapter;
  try {
    if (typeof config === 'object' && config !== null) table = JSON.stringify(config);
  } catch {
    // An open connection, which is a place of its own.
  }
  return Object.keys(models).map((name) => ({
    model: `Prisma ${hook.typeOf(name)}`,
    name,
    table,
    isOpen: () => true,
  }));
}

/** Returns the client's property for a model: `prisma.blogComment` for `BlogComment`. */
function methodsOf(model: string): string {
  return model.charAt(0).toLowerCase() + model.slice(1);
}
