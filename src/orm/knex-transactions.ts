import type { SweepTransaction } from '../invalidation/transaction.ts';
import { badOption } from '../util/check-option.ts';
import { HOOK } from './hook-options.ts';
import type { Client, Container, Transaction, Transactor } from './knex-client.ts';
import type { SaveHook } from './save-hook.ts';

/** The sweeper's side of one of Knex's transactions, or of a savepoint. */
interface Open {
  readonly transaction: SweepTransaction;
  /** Those that are not over. */
  readonly savepoints: Set<Open>;
  readonly outer: Open | undefined;
  /** Settles when it is committed and bumped; undefined before it is committed. */
  ended?: Promise<unknown>;
  /** Whether the database has committed it by itself, so that nothing can be rolled back. */
  isCommitted?: true;
}

/** Finds the sweeper's transaction for the client of one of Knex's, and ends both together. */
export class KnexTransactions {
  readonly #hook: SaveHook;
  readonly #open = new WeakMap<Client, Open>();

  constructor(hook: SaveHook) {
    this.#hook = hook;
  }

  of(client: Client): SweepTransaction | undefined {
    return this.#open.get(client)?.transaction;
  }

  /** Notes that the database commits the client's transaction, and those around it, whatever becomes of them. */
  commitsByItself(client: Client): void {
    for (let open = this.#open.get(client); open !== undefined; open = open.outer) open.isCommitted = true;
  }

  /**
   * Begins a transaction.
   *
   * @param client what it is begun by; that of a transaction begins a savepoint
   * @param container what the site does in it
   * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION when Knex's transactions are not as expected
   */
  begin(client: Client, begin: (container: Container) => Transaction, container: Container): Transaction {
    const outer = this.#open.get(client);
    const open: Open = { transaction: this.#hook.begin(outer?.transaction), savepoints: new Set(), outer };
    outer?.savepoints.add(open);
    let transactor: Transactor | undefined;
    const transaction = begin((given) => {
      transactor = given;
      this.#open.set(given.client, open);
      // What awaits it sees the commit, so it must see the bump.
      given.executionPromise = this.#afterBump(given.executionPromise, open);
      given.executionPromise.catch(() => undefined); // Knex handles the one that it was made from.
      return open.transaction.run(() => container(given));
    });
    if (typeof transaction._promise?.then !== 'function') {
      throw badOption(HOOK, 'a Knex whose transactions are as those of Knex 3', 'another one', {
        todo: 'npm install knex@3',
      });
    }
    transaction._promise = this.#afterBump(transaction._promise, open);
    const send = async (sql: string) => transactor?.raw(sql);
    for (const name of ['commit', 'release'] as const) {
      const commit = transaction[name].bind(transaction);
      transaction[name] = (connection, value) => {
        const ended = this.#commit(
          open,
          send,
          () => commit(connection, value),
          async (error) => {
            await transaction.rollback(connection, error);
          },
        );
        open.ended ??= ended;
        return ended;
      };
    }
    for (const name of ['rollback', 'rollbackTo'] as const) {
      const rollback = transaction[name].bind(transaction);
      transaction[name] = (connection, error) => {
        if (!open.isCommitted) {
          open.transaction.rollback();
          return rollback(connection, error);
        }
        const ended = bumpAfter(() => rollback(connection, error), open);
        open.ended ??= ended;
        return ended;
      };
    }
    return transaction;
  }

  async #commit(
    open: Open,
    send: (sql: string) => Promise<unknown>,
    commit: () => Promise<unknown>,
    rollback: (error: unknown) => Promise<void>,
  ): Promise<unknown> {
    try {
      await endSavepoints(open);
      if (open.transaction.parent === undefined) await this.#hook.outbox.prepareCommit(open.transaction, send);
    } catch (error) {
      await rollback(error);
      throw error;
    }
    // Also where COMMIT fails: the database may have carried it out, and too much is bumped at most.
    return bumpAfter(commit, open);
  }

  /** Waits for the bump of a transaction that is committed. */
  async #afterBump<T>(over: Promise<T>, open: Open): Promise<T> {
    try {
      const result = await over;
      await open.ended;
      return result;
    } catch (error) {
      // Knex tells here, and not where it sends COMMIT, that this has failed.
      if (open.ended !== undefined && open.outer === undefined) this.#hook.failedCommit(error, open.transaction);
      await open.ended?.catch(() => undefined);
      open.transaction.rollback(); // no effect if it was committed
      throw error;
    } finally {
      open.outer?.savepoints.delete(open);
    }
  }
}

/** Ends a transaction of which something is committed, or may be. */
async function bumpAfter(end: () => Promise<unknown>, { transaction }: Open): Promise<unknown> {
  try {
    return await end();
  } finally {
    await transaction.commit();
  }
}

/** Commits savepoints that were neither released nor rolled back, because the database commits them with the transaction. */
async function endSavepoints({ savepoints }: Open): Promise<void> {
  for (const savepoint of savepoints) {
    if (!savepoint.transaction.isOpen) continue;
    await endSavepoints(savepoint);
    await savepoint.transaction.commit();
  }
}
