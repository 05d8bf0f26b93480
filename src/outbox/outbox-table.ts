import { setTimeout as sleep } from 'node:timers/promises';
import { BoundedNames } from '../model/bounded-names.ts';
import { type OutboxDatabase, rowsOf } from './database.ts';
import { BATCH, decode, kindOf, newId, type Statements } from './statements.ts';

/** Milliseconds for which a `saving` row that its process does not remove is bumped again and again. */
const SAVING = 60_000;

/** Limit of rows that wait to be removed. Others are bumped and removed by a poll. */
const MAX_PENDING = 10_000;

/** Milliseconds after which a database that does not answer counts as failing. */
const SLOW = 10_000;

/** Milliseconds that `close()` waits for a database. */
const CLOSING = 1_000;

/** What a table asks of its sweeper. */
export interface OutboxOwner {
  /** Bumps names; rejects unless the store has acknowledged all of them. */
  deliver(names: ReadonlySet<string>): Promise<void>;
  /** Is told once when the table cannot be read any more. */
  failed(error: unknown): void;
}

/** The outbox table of one database: finds what was left there, bumps it and removes it. */
export class OutboxTable {
  readonly database: OutboxDatabase;
  readonly #statements: Statements;
  readonly #owner: OutboxOwner;
  readonly #interval: number;
  #timer: NodeJS.Timeout | undefined;
  /** Rows that the last poll found, with the number of polls that have found them. */
  #seen: ReadonlyMap<string, number> = new Map();
  readonly #pending = new Set<string>();
  #polling: { readonly since: number; readonly done: Promise<void> } | undefined;
  #removing: Promise<void> | undefined;
  #failures = 0;

  /** @param interval milliseconds between polls */
  constructor(database: OutboxDatabase, statements: Statements, interval: number, owner: OutboxOwner) {
    this.database = database;
    this.#statements = statements;
    this.#interval = interval;
    this.#owner = owner;
  }

  /** Begins to poll. That keeps no process alive. */
  start(): void {
    this.#timer ??= setInterval(() => this.#tick(), this.#interval).unref();
  }

  async create(): Promise<void> {
    try {
      await this.database.query(this.#statements.create);
    } catch (error) {
      // PostgreSQL fails if another process makes the table at the same time.
      await Promise.resolve(this.database.query(this.#statements.select)).catch(() => {
        throw error;
      });
    }
  }

  /** Inserts a row for a save that is about to begin outside of a transaction. Returns its id. */
  async begin(names: Iterable<string>): Promise<string> {
    const id = newId('saving');
    await this.database.query(this.#statements.insert(id, names));
    return id;
  }

  /** Says that a save outside of a transaction is over, and leaves its names to the polls. */
  async settle(id: string, names: Iterable<string>): Promise<void> {
    try {
      await this.database.query(this.#statements.settle(id, names));
    } catch {
      // It stays as it is, which bumps its names more often.
    }
  }

  /** Removes rows in the background, after their names were bumped. */
  remove(ids: readonly string[]): void {
    for (const id of ids) if (this.#pending.size < MAX_PENDING) this.#pending.add(id);
    this.#removing ??= this.#removePending().finally(() => {
      this.#removing = undefined;
    });
  }

  /** Resolves when nothing is being removed. */
  async idle(): Promise<void> {
    while (this.#removing !== undefined) await this.#removing;
  }

  /** Polls no more. Resolves when what is under way is over, or has taken too long. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    const waited = new AbortController();
    const over = Promise.all([this.idle(), this.#polling?.done]);
    await Promise.race([over, sleep(CLOSING, undefined, { signal: waited.signal }).catch(() => {})]);
    waited.abort();
  }

  #tick(): void {
    if (!this.database.isOpen()) return;
    if (this.#polling !== undefined) {
      if (performance.now() - this.#polling.since > SLOW) this.#failed(new Error(`no answer for ${SLOW / 1_000} s`));
      return;
    }
    const done = this.#poll().then(
      () => {
        this.#failures = 0;
        this.#polling = undefined;
      },
      (error) => {
        this.#failed(error);
        this.#polling = undefined;
      },
    );
    this.#polling = { since: performance.now(), done };
  }

  /** One failure may be a lock of SQLite or a connection that was closed. The second one in a row is reported. */
  #failed(error: unknown): void {
    if (++this.#failures === 2) this.#owner.failed(error);
  }

  /**
   * Bumps rows that the poll before this one found as well: they are older than the interval, by no clock, so that their process
   * had the time to do it. A full batch does not wait.
   */
  async #poll(): Promise<void> {
    if (this.#pending.size > 0) await this.#removePending();
    for (let removed = BATCH; removed === BATCH; ) {
      const rows = rowsOf(await this.database.query(this.#statements.select));
      const isFull = rows.length === BATCH;
      const due = isFull ? rows : rows.filter(({ id }) => this.#seen.has(id));
      const seen = new Map(rows.map(({ id }) => [id, (this.#seen.get(id) ?? 0) + 1]));
      const names = new BoundedNames();
      for (const row of due) for (const name of decode(row.names)) names.add(name);
      if (due.length > 0 && (await this.#isDelivered(names.names))) {
        const over = due.map(({ id }) => id).filter((id) => this.#isOver(id, seen.get(id) ?? 0));
        if (over.length > 0) await this.database.query(this.#statements.remove(over));
        for (const id of over) seen.delete(id);
        removed = over.length;
      } else {
        removed = 0;
      }
      this.#seen = seen;
    }
  }

  /** Whether a row can go when it is bumped. A save that was under way when its process died may be committed later. */
  #isOver(id: string, polls: number): boolean {
    return kindOf(id) === 'saved' || polls * this.#interval > SAVING;
  }

  async #isDelivered(names: ReadonlySet<string>): Promise<boolean> {
    try {
      await this.#owner.deliver(names);
      return true;
    } catch {
      // The store has not acknowledged it, which is reported there. The rows stay for the next poll.
      return false;
    }
  }

  async #removePending(): Promise<void> {
    while (this.#pending.size > 0) {
      const ids = Array.from(this.#pending).slice(0, BATCH);
      try {
        await this.database.query(this.#statements.remove(ids));
      } catch {
        return; // the next poll tries it again
      }
      for (const id of ids) this.#pending.delete(id);
    }
  }
}
