import { CacheSweeperError } from '../errors.ts';
import type { SweepTransaction } from '../invalidation/transaction.ts';
import { ID_ATTRIBUTES, idAt } from '../model/known-models.ts';
import { Ambient } from '../render/ambient.ts';
import type { CacheSweeper } from '../sweeper.ts';
import { badOption } from '../util/check-option.ts';
import { describe } from '../util/describe.ts';
import { type KeyFields, keysOfSchema } from './prisma-keys.ts';
import { type Source, visitRows } from './prisma-rows.ts';
import { type DataModel, type Followers, followersOf } from './prisma-schema.ts';
import { isWrite, type ModelCall, type Row, writesOf } from './prisma-writes.ts';
import { MAX_BULK_ROWS, type Place, SaveHook, type SaveHookOptions, type Write } from './save-hook.ts';
import { checkVersion, PRISMA } from './versions.ts';

export type { HookedModel, SaveHookOptions } from './save-hook.ts';

/**
 * Reports every row that a Prisma client's models write to a sweeper: at once, or when the outermost transaction is
 * committed. All clients that were or will be made from it with `$extends` are heard as well. Their rows stay plain
 * objects; the sweeper knows which model each is of, so that `{% cachesweeper comment 500 %}` needs no `type=`.
 * docs/orm.md lists which writes are reported and which are not.
 *
 * @returns the same client
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION when this is no client of Prisma 7, or one without its data model;
 * CACHESWEEPER_TYPE_CONFLICT when the sweeper hears a client of another database with the same models;
 * CACHESWEEPER_INSTALL when it was called for this client and sweeper before
 *
 * @example
 * export const prisma = sweepOnSave(new PrismaClient({ adapter }), sweeper);
 */
export function sweepOnSave<C extends PrismaLike>(prisma: C, sweeper: CacheSweeper, options: SaveHookOptions = {}): C {
  const client = prisma as unknown as Client;
  if (typeof client?.$extends !== 'function' || typeof client.$transaction !== 'function') {
    throw badOption('sweepOnSave()', 'a Prisma client', describe(prisma));
  }
  checkVersion(PRISMA, client._clientVersion);
  const dataModel = client._runtimeDataModel;
  if (typeof dataModel?.models !== 'object') {
    throw badOption('sweepOnSave()', 'a client that knows its data model, as those of Prisma 7 do', 'one without', {
      todo: 'without it writes of relations could not be heard',
    });
  }
  const root = client._originalClient;
  if (typeof root?._executeRequest !== 'function' || typeof root._request !== 'function') {
    throw badOption('sweepOnSave()', 'a client that sends requests as those of Prisma 7 do', 'another one', {
      todo: 'without them writes could not be heard',
    });
  }
  const hook = new SaveHook(sweeper, options, new Map(Object.keys(dataModel.models).map((name) => [name, undefined])));
  const told = installed.get(root) ?? new WeakSet();
  if (told.has(sweeper)) {
    throw new CacheSweeperError(
      'CACHESWEEPER_INSTALL',
      'sweepOnSave() was called for this Prisma client and sweeper before; clients made from it with $extends are heard',
    );
  }
  const keyFields = keysOf(root, dataModel, options);
  hook.claim(placesOf(root, dataModel, hook));
  hook.learn({
    known: (type) => {
      const model = typeof type === 'string' ? hook.modelOf(type) : undefined;
      if (model === undefined || !Object.hasOwn(dataModel.models, model)) return undefined;
      return { id: idAt(keyFields(model)), table: model, tenant: hook.tenant, isHeard: hook.hears(model) };
    },
    relatives: () => [],
  });
  installed.set(root, told.add(sweeper));
  const followers = followersOf(dataModel, root._engineConfig?.inlineSchema);
  listen(root, new PrismaListener(client, hook, dataModel, keyFields, followers));
  return prisma;
}

const installed = new WeakMap<object, WeakSet<object>>();

/**
 * Listens where the client itself sends its requests. All clients that `$extends` makes of it inherit from it. An
 * extension would not do: another one in front of it may send something else, by a client that has no extension.
 */
function listen(root: Root, listener: PrismaListener): void {
  const { _executeRequest: execute, _request: request } = root;
  root._executeRequest = function (params) {
    return listener.sent(params, () => execute.call(this, params));
  };
  root._request = async function (params) {
    const result = await request.call(this, params);
    listener.gives(params, result);
    return result;
  };
  root.$transaction = listener.transaction(root.$transaction);
}

/** Any generated Prisma client. */
export interface PrismaLike {
  // The generated types are the user's own, so this file does not depend on them.
  $extends: unknown;
  $transaction: unknown;
}

interface Client {
  readonly _clientVersion?: unknown;
  readonly _runtimeDataModel?: DataModel;
  readonly _originalClient?: Root;
  $extends(extension: object): unknown;
  $transaction(this: unknown, work: unknown, options?: unknown): Promise<unknown>;
  readonly [model: string]: unknown;
}

/** The client that was constructed. Others are made from it. */
interface Root {
  readonly _engineConfig?: { readonly inlineSchema?: unknown; readonly adapter?: object };
  _executeRequest(this: unknown, request: Request): Promise<unknown>;
  _request(this: unknown, request: Request): Promise<unknown>;
  $transaction: Transact;
}

/** Begins a transaction, or runs a list of writes in one. */
type Transact = (this: unknown, work: unknown, options?: unknown) => Promise<unknown>;

/** A request as Prisma sends it, after all extensions. Without a model it is raw SQL. */
interface Request extends Source {
  readonly args?: Row | undefined;
  readonly transaction?: object | undefined;
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
  readonly #followers: Followers;
  readonly #open = new Ambient<Open>();
  readonly #all = new Set<Open>();
  /** Transactions by the client that their callback got. */
  readonly #transactions = new WeakMap<object, SweepTransaction>();

  constructor(client: Client, hook: SaveHook, dataModel: DataModel, keyFields: KeyFields, followers: Followers) {
    this.#followers = followers;
    this.#client = client;
    this.#hook = hook;
    this.#dataModel = dataModel;
    this.#keyFields = keyFields;
  }

  /** Replaces `$transaction` of all clients, and of those that its callbacks get. */
  transaction(original: Transact): Transact {
    const listener = this;
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

  /** Tells the sweeper of which type the rows are that the site gets: after extensions, which may make others of them. */
  gives(request: Request, result: unknown): void {
    try {
      visitRows(result, request, this.#dataModel, (row, model) => this.#hook.knows(row, model));
    } catch {
      // An extension gave what cannot be looked at. A tag says that it is no model.
    }
  }

  async sent(request: Request, send: () => Promise<unknown>): Promise<unknown> {
    const { model, action: operation, args = {}, transaction } = request;
    if (model === undefined || !isWrite(operation)) return send();
    // Only the transaction's own client writes inside it. Other clients write outside, even when called in its
    // callback.
    const isInside = transaction !== undefined;
    const open = isInside ? this.#open.current : undefined;
    const before = await this.#rows({ model, operation, args }, open);
    const result = await send();
    const writes = writesOf({ model, operation, args, result }, this.#dataModel, this.#keyFields, this.#followers);
    // The write has happened. If its rows cannot be read again, bump their type instead.
    const rows = before && (await this.#again({ model, operation, args, result }, before, open).catch(() => undefined));
    const told = writes.map((write, i) => (i === 0 && rows !== undefined ? { ...write, rows } : write));
    const into = isInside ? this.#perhaps(open) : [];
    for (const each of into) await this.#hook.heard(told, each.transaction);
    if (into.length === 0) await this.#hook.heard(told, undefined);
    return result;
  }

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

  /**
   * Reads the same rows after the write. A deleted row is returned as it was. Returns undefined if the write met other
   * rows than were read: an extension may hide some from reading.
   */
  async #again(
    { model, operation, result }: ModelCall,
    rows: readonly Row[],
    open: Open | undefined,
  ): Promise<Write['rows']> {
    if ((result as { readonly count?: unknown }).count !== rows.length) return undefined;
    const key = this.#keyFields(model);
    const [field, ...more] = key;
    const one = (row: Row) => Object.fromEntries(key.map((name) => [name, row[name]]));
    const where =
      field !== undefined && more.length === 0
        ? { [field]: { in: rows.map((row) => row[field]) } }
        : { OR: rows.map(one) };
    const found = await this.#find(model, { where }, open);
    if (operation === 'updateMany' && found.length !== rows.length) return undefined;
    const textOf = (row: Row) => JSON.stringify(key.map((name) => scalarText(row[name])));
    const byKey = new Map(found.map((row) => [textOf(row), row]));
    return rows.map((row) => ({ now: byKey.get(textOf(row)) ?? row, previous: row }));
  }

  #find(model: string, args: object, open: Open | undefined): Promise<Row[]> {
    const client = open?.client ?? this.#client;
    return (client[methodsOf(model)] as { findMany(args: object): Promise<Row[]> }).findMany(args);
  }
}

function keysOf({ _engineConfig: config }: Root, { models }: DataModel, options: SaveHookOptions): KeyFields {
  const schema = config?.inlineSchema;
  const keys = keysOfSchema(typeof schema === 'string' ? schema : '');
  return (model) => {
    const told = options.models?.[model]?.id;
    if (told !== undefined) return typeof told === 'string' ? [told] : [];
    const id = ID_ATTRIBUTES.find((name) => models[model]?.fields.some((field) => field.name === name));
    return keys.get(model) ?? (id === undefined ? [] : [id]);
  };
}

/** Where the rows are, as far as clients tell: those that share a connection, or say the same of it. */
function placesOf(client: Root, { models }: DataModel, hook: SaveHook): readonly Place[] {
  const { adapter = client._engineConfig ?? client } = client._engineConfig ?? {};
  const { config } = adapter as { readonly config?: unknown };
  let table: unknown = adapter;
  try {
    const text = typeof config === 'object' && config !== null ? JSON.stringify(config) : ':memory:';
    // Each database in memory is one of its own.
    if (!text.includes(':memory:')) table = text;
  } catch {
    // An open connection, which is a place of its own.
  }
  return Object.keys(models).map((name) => ({
    model: `Prisma ${hook.typeOf(name)}`,
    name,
    table,
    isOpen: () => true,
    todo: 'clients of one database can share one adapter; else ',
  }));
}

/** A Date as text has whole seconds only. */
function scalarText(value: unknown): string {
  return value instanceof Date ? value.toISOString() : String(value);
}

/** Returns the client's property for a model: `prisma.blogComment` for `BlogComment`. */
function methodsOf(model: string): string {
  return model.charAt(0).toLowerCase() + model.slice(1);
}
