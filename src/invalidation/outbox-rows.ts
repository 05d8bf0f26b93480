import { CacheSweeperError } from '../errors.ts';
import { type OutboxDatabase, type OutboxWriter, send } from '../outbox/database.ts';
import type { InsertedRow, Outbox } from '../outbox/outbox.ts';

/** What was written to the outbox for one transaction, and for those that were handed to it. */
export class OutboxRows {
  readonly #outbox: Outbox | undefined;
  readonly #rows: InsertedRow[] = [];
  /** Whether changes have been collected that are in no row. */
  #isUnwritten = false;
  #hasWritten = false;

  /** @param outbox undefined if no row is to be written anywhere */
  constructor(outbox: Outbox | undefined) {
    this.#outbox = outbox;
  }

  /** The transaction has collected more. */
  collected(): void {
    this.#isUnwritten = true;
  }

  /**
   * Writes all names of the transaction into a row, if there are new ones.
   *
   * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION when no database is looked into; the database's own errors
   */
  async write(
    names: () => ReadonlySet<string>,
    writer: OutboxWriter,
    database: OutboxDatabase | undefined,
  ): Promise<void> {
    if (this.#outbox === undefined || !this.#isUnwritten) return;
    const all = names();
    if (all.size === 0) return;
    const { row, sql } = this.#outbox.row('saved', all, database);
    this.#isUnwritten = false;
    this.#hasWritten = true;
    this.#rows.push(row);
    try {
      await send(writer, sql);
    } catch (error) {
      this.#isUnwritten = true;
      throw error;
    }
  }

  /** Takes over a row that was written before the save. */
  adopt(row: InsertedRow): void {
    this.#rows.push(row);
  }

  /** Leaves the rows to the polls. */
  leave(): void {
    this.#rows.length = 0;
  }

  /** Takes over all of a transaction inside, whose changes were added to this one's. */
  takeOver(inside: OutboxRows): void {
    this.#isUnwritten ||= inside.#isUnwritten;
    this.#rows.push(...inside.#rows);
  }

  /** Returns the error of changes that were collected after the last row was written, if there are any. */
  lateChanges(): CacheSweeperError | undefined {
    return this.#hasWritten && this.#isUnwritten ? collectedTooLate() : undefined;
  }

  /** The names were bumped, and acknowledged if there is a store. */
  remove(): void {
    this.#outbox?.remove(this.#rows);
  }

  /** The names were not bumped: what stays is left to the polls. */
  settle(names: () => ReadonlySet<string>): void {
    this.#outbox?.settle(this.#rows, names());
  }
}

function collectedTooLate(): CacheSweeperError {
  return new CacheSweeperError(
    'CACHESWEEPER_OUTBOX',
    'a transaction was told of changes after writeOutbox(): they are bumped now, but the outbox had nothing of them. Call it last, ' +
      'right before the commit; calling it again is enough',
  );
}
