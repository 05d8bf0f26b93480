import { setTimeout as sleep } from 'node:timers/promises';
import { BoundedNames } from '../model/bounded-names.ts';
import { inTime } from '../util/deadline.ts';
import { type OutboxDatabase, rowsOf } from './database.ts';
import { BATCH, decode, kindOf, newId, type Statements } from './statements.ts';

/** Milliseconds for which a `saving` row that its process does not remove is bumped again and again. */
const SAVING = 60_000;

/** Limit of rows that wait to be removed. Others are bumped and removed by a poll. */
const MAX_PENDING = 10_000;

/** Batches that one poll reads. */
const MAX_BATCHES = MAX_PENDING / BATCH;

/** Milliseconds after which a statement that is not answered counts as failed. */
const SLOW = 10_000;

/** Limit of statements without an answer. Each has a connection of the site's pool. */
const MAX_UNANSWERED = 3;

const NO_ANSWER = Symbol('no answer');

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
  #polling: Promise<void> | undefined;
  readonly #settling = new Set<Promise<void>>();
  /** Statements that have had no answer in time, and have none yet. */
  #unanswered = 0;
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
      await Promise.resolve(this.database.query(this.#statements.select(''))).catch(() => {
        throw error;
      });
    }
  }

  /**
   * Says in the background that a save outside of a transaction is over, and leaves its names to the polls. Its old row may have been
   * removed already, so it gets a new one.
   */
  settle(id: string, names: Iterable<string>): void {
    const insert = this.#statements.insert(newId('saved'), names);
    // If that fails the row stays as it is, which bumps its names more often.
    const settling = this.#ask(insert).then(
      () => this.remove([id]),
      () => {},
    );
    this.#settling.add(settling);
    void settling.finally(() => this.#settling.delete(settling));
  }

  /** Removes rows in the background, after their names were bumped. */
  remove(ids: readonly string[]): void {
    for (const id of ids) if (this.#pending.size < MAX_PENDING) this.#pending.add(id);
    this.#removing ??= this.#removePending().finally(() => {
      this.#removing = undefined;
    });
  }

  /** Resolves when nothing is being settled or removed. */
  async idle(): Promise<void> {
    while (this.#settling.size > 0) await Promise.all(this.#settling);
    while (this.#removing !== undefined) await this.#removing;
  }

  /** Polls no more. Resolves when what is under way is over, or has taken too long. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    const waited = new AbortController();
    const over = Promise.all([this.idle(), this.#polling]);
    await Promise.race([over, sleep(CLOSING, undefined, { signal: waited.signal }).catch(() => {})]);
    waited.abort();
  }

  #tick(): void {
    if (!this.database.isOpen() || this.#polling !== undefined) return;
    this.#polling = this.#poll()
      .then(
        () => {
          this.#failures = 0;
        },
        (error) => {
          // One failure may be a lock of SQLite or a connection that was closed. The second one in a row is reported.
          if (++this.#failures === 2) this.#owner.failed(error);
        },
      )
      .finally(() => {
        this.#polling = undefined;
      });
  }

  /**
   * Sends a statement, and fails if it has no answer for long: a connection that was cut off may never answer. Others are sent then,
   * on other connections, but only a few, because each takes one from the site's pool.
   */
  async #ask(sql: string): Promise<unknown> {
    if (this.#unanswered >= MAX_UNANSWERED) throw new Error(`${MAX_UNANSWERED} statements have had no answer`);
    const answer = Promise.resolve(this.database.query(sql));
    const result = await inTime(answer, SLOW, NO_ANSWER);
    if (result !== NO_ANSWER) return result;
    const answered = () => {
      this.#unanswered--;
    };
    this.#unanswered++;
    answer.then(answered, answered);
    throw new Error(`no answer for ${SLOW / 1_000} s`);
  }

  /**
   * Bumps rows that the poll before this one found as well: they are older than the interval, by no clock, so that their process
   * had the time to do it. A full batch does not wait. They are removed in the background: another process may have locked one,
   * and be stopped, and others would not be bumped.
   */
  async #poll(): Promise<void> {
    const seen = new Map<string, number>();
    let after = '';
    for (let batches = 0; batches < MAX_BATCHES; batches++) {
      const rows = rowsOf(await this.#ask(this.#statements.select(after)));
      const isFull = rows.length === BATCH;
      for (const { id } of rows) seen.set(id, (this.#seen.get(id) ?? 0) + 1);
      const due = rows.filter(({ id }) => !this.#pending.has(id) && (isFull || this.#seen.has(id)));
      const names = new BoundedNames();
      for (const row of due) for (const name of decode(row.names)) names.add(name);
      if (due.length > 0 && !(await this.#isDelivered(names.names))) break;
      this.remove(due.map(({ id }) => id).filter((id) => this.#isOver(id, seen.get(id) ?? 0)));
      if (!isFull) break;
      after = rows.at(-1)?.id ?? '';
    }
    this.#seen = seen;
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
        await this.#ask(this.#statements.remove(ids));
      } catch {
        return; // the next poll tries it again
      }
      for (const id of ids) this.#pending.delete(id);
    }
  }
}
