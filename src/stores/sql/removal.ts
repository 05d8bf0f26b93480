import { setImmediate as turn } from 'node:timers/promises';
import type { Dialect, SqlConnection } from './dialect.ts';
import type { Gate } from './gate.ts';

/** Milliseconds between two looks at a table that little is written to. */
const INTERVAL = 60_000;
/** Milliseconds between two looks at one that much is written to. */
const SHORTEST = 1_000;
/** Milliseconds for which no other process looks when one has begun, and does not say that it is done. */
const CLAIMED = 30_000;
/** Share of a limit that a process may write before it looks. */
const SHARE = 1 / 20;
/** Share of a limit that is left when the table was over it. */
const LEFT = 0.9;
/** Rows removed by one statement: it holds their locks. */
const BATCH = 200;
/** Statements of one look. What is left is removed by the next. */
const MAX_BATCHES = 1_000;
/** Milliseconds that one statement may take. */
const TIMEOUT = 10_000;

export interface Limits {
  readonly maxRows: number;
  readonly maxBytes: number;
}

/** Says which process looks. */
export interface Claim {
  /** Asks whether this process is to look, and no other for so many milliseconds. */
  take(life: number): Promise<boolean>;
  /** Says for how many milliseconds more no other is to look. */
  keep(life: number): Promise<unknown>;
}

/**
 * Keeps the table within its limits, beside the pages: removes what has expired, and what would expire first where there is too much. It
 * begins with the first write, looks once a minute, and once a second while a process has written a twentieth of a limit.
 */
export class Removal {
  readonly #gate: Gate;
  readonly #dialect: Dialect;
  readonly #limits: Limits;
  readonly #claim: Claim;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;
  #removing: Promise<void> | undefined;
  /** What this process has written since it last looked. */
  #rows = 0;
  #bytes = 0;
  #nextAt = 0;
  #removed = 0;

  constructor(gate: Gate, dialect: Dialect, limits: Limits, claim: Claim) {
    this.#gate = gate;
    this.#dialect = dialect;
    this.#limits = limits;
    this.#claim = claim;
  }

  /** Rows that this process has removed. */
  get removed(): number {
    return this.#removed;
  }

  /** Takes note of what was written. */
  wrote(rows: number, bytes: number): void {
    if (this.#isClosed) return;
    this.#timer ??= setInterval(() => void this.#look(), INTERVAL).unref();
    this.#rows += rows;
    this.#bytes += bytes;
    const { maxRows, maxBytes } = this.#limits;
    const isDue = this.#rows > maxRows * SHARE || this.#bytes > maxBytes * SHARE;
    if (isDue && performance.now() >= this.#nextAt) void this.#look();
  }

  /** Begins nothing more, and resolves when what was begun has ended. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    await this.#removing;
  }

  #look(): Promise<void> {
    this.#removing ??= this.#removeIfClaimed().finally(() => {
      this.#removing = undefined;
    });
    return this.#removing;
  }

  async #removeIfClaimed(): Promise<void> {
    this.#nextAt = performance.now() + SHORTEST;
    if (!(await this.#claim.take(CLAIMED))) return;
    this.#rows = 0;
    this.#bytes = 0;
    await this.#remove();
    await this.#claim.keep(SHORTEST);
  }

  async #remove(): Promise<void> {
    await this.#removeUpTo(Number.POSITIVE_INFINITY, (connection, limit) =>
      this.#dialect.removeAbsent(connection, limit),
    );
    const { maxRows, maxBytes } = this.#limits;
    const { rows, bytes } = await this.#run((connection) => this.#dialect.measure(connection), { rows: 0, bytes: 0 });
    if (rows <= maxRows && bytes <= maxBytes) return;
    // Rows are taken to have the average size. The next look removes what is left.
    const over = Math.max(rows - maxRows * LEFT, ((bytes - maxBytes * LEFT) / bytes) * rows);
    await this.#removeUpTo(Math.ceil(over), (connection, limit) => this.#dialect.removeFirst(connection, limit));
  }

  /** Removes so many rows, in batches, as long as there are some. */
  async #removeUpTo(
    count: number,
    batch: (connection: SqlConnection, limit: number) => Promise<number>,
  ): Promise<void> {
    let left = count;
    for (let batches = 0; batches < MAX_BATCHES && left > 0 && !this.#isClosed; batches++) {
      const limit = Math.min(left, BATCH);
      const removed = await this.#run((connection) => batch(connection, limit), 0);
      this.#removed += removed;
      left -= removed;
      if (removed < limit) return;
      // Pages come in between.
      await turn();
    }
  }

  #run<T>(run: (connection: SqlConnection) => Promise<T>, nothing: T): Promise<T> {
    const until = performance.now() + TIMEOUT;
    return this.#gate.run({ run, nothing, until, isVital: false, rows: 0, bytes: 0, timeout: TIMEOUT });
  }
}
