import type { SweepTransaction } from '../invalidation/transaction.ts';
import { Ambient } from '../render/ambient.ts';
import type { Client, Request, Transact } from './prisma-client.ts';
import type { KeyFields } from './prisma-keys.ts';
import { visitRows } from './prisma-rows.ts';
import type { DataModel, Followers } from './prisma-schema.ts';
import { isWrite, type ModelCall, type Row, writesOf } from './prisma-writes.ts';
import type { SaveHook } from './save-hook.ts';
import { MAX_BULK_ROWS, type Write } from './write.ts';

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

/** Reports the writes of a client and its transactions, and tells the sweeper of its rows. */
export class PrismaListener {
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
        return listener.#open.run(open, () =>
          transaction.run(async () => {
            const result = await run();
            // The callback's last statement: what returns then is committed. A nested one belongs to the outermost.
            if (client !== undefined && parent === undefined) {
              await listener.#hook.outbox.prepareCommit(transaction, (sql) => client.$executeRawUnsafe(sql));
            }
            return result;
          }),
        );
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
      visitRows(result, request, this.#dataModel, (row, model) => this.#hook.models.knows(row, model));
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
    const writesWith = (given: unknown) =>
      writesOf({ model, operation, args, result: given }, this.#dataModel, this.#keyFields, this.#followers);
    // In the list form nothing can be sent behind the last of its writes.
    const into = isInside ? this.#perhaps(open) : [];
    const inTransaction = transaction?.kind === 'batch' ? undefined : into[0]?.transaction;
    const { result, saving } = await this.#hook.sending(writesWith(undefined), inTransaction, send);
    const writes = writesWith(result);
    // The write has happened. If its rows cannot be read again, bump their type instead.
    const rows = before && (await this.#again({ model, operation, args, result }, before, open).catch(() => undefined));
    const told = writes.map((write, i) => (i === 0 && rows !== undefined ? { ...write, rows } : write));
    const by = `Prisma ${operation}`;
    for (const each of into.slice(1)) await this.#hook.heard(told, each.transaction, undefined, by);
    await this.#hook.heard(told, into[0]?.transaction, saving, by);
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
    if (
      this.#hook.bulk !== 'rows' ||
      !['updateMany', 'deleteMany'].includes(operation) ||
      !this.#hook.models.hears(model)
    ) {
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
    return rows.map((row) => {
      const now = byKey.get(textOf(row));
      return { now: now ?? row, previous: row, comesOrGoes: now === undefined };
    });
  }

  #find(model: string, args: object, open: Open | undefined): Promise<Row[]> {
    const client = open?.client ?? this.#client;
    return (client[methodsOf(model)] as { findMany(args: object): Promise<Row[]> }).findMany(args);
  }
}

/** A Date as text has whole seconds only. */
function scalarText(value: unknown): string {
  return value instanceof Date ? value.toISOString() : String(value);
}

/** Returns the client's property for a model: `prisma.blogComment` for `BlogComment`. */
function methodsOf(model: string): string {
  return model.charAt(0).toLowerCase() + model.slice(1);
}
