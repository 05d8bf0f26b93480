import type { SweepTransaction } from '../invalidation/transaction.ts';
import { type OutboxDatabase, type OutboxWriter, send } from '../outbox/database.ts';
import type { InsertedRow, Outbox } from '../outbox/outbox.ts';
import { badOption } from '../util/check-option.ts';

/** What a write outside of a transaction has in the outbox until it is bumped. */
export interface Saving {
  readonly row: InsertedRow;
  readonly names: ReadonlySet<string>;
}

/** The outbox of a hook, which is in the ORM's own database. Does nothing where the sweeper has none. */
export class HookOutbox {
  readonly #outbox: Outbox | undefined;
  #database: OutboxDatabase | undefined;

  constructor(outbox: Outbox | undefined) {
    this.#outbox = outbox;
  }

  /**
   * Makes the sweeper look into the ORM's database.
   *
   * @param kind names the ORM and its database, for the error
   * @param open called if the sweeper has an outbox; returns undefined where it cannot be in that database
   * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION
   */
  keep(kind: string, open: () => OutboxDatabase | undefined): void {
    if (this.#outbox === undefined) return;
    this.#database = open();
    if (this.#database === undefined) {
      throw badOption('option outbox', 'a hook on PostgreSQL, MySQL, MariaDB or SQLite', kind);
    }
    this.#outbox.attach(this.#database);
  }

  /**
   * Writes what a transaction has collected. To be called last before the database commits.
   *
   * @param send sends a statement in the database's transaction
   */
  prepareCommit(transaction: SweepTransaction, send: OutboxWriter): Promise<void> {
    return transaction.prepareCommit(send, this.#database);
  }

  /**
   * Writes, before a write outside of a transaction, what it may change.
   *
   * @param names called if there is an outbox
   * @param own sends a statement on the connection that the write has already: if it took a second one, saves that have all
   * of the pool would wait for each other. Default: any connection
   */
  async begin(names: () => ReadonlySet<string>, own: OutboxWriter | undefined): Promise<Saving | undefined> {
    const database = this.#database;
    if (this.#outbox?.isActive !== true || database === undefined) return undefined;
    const all = names();
    if (all.size === 0) return undefined;
    const { row, sql } = this.#outbox.row('saving', all, database);
    await send(own ?? ((statement) => database.query(statement)), sql);
    return { row, names: all };
  }

  /** Leaves a write that is over to the polls, which bump all that it may have changed. */
  left(saving: Saving | undefined): void {
    if (saving !== undefined) this.#outbox?.settle([saving.row], saving.names);
  }
}
