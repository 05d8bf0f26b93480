import { setImmediate as turn } from 'node:timers/promises';
import type { Dialect, SqlConnection } from './dialect.ts';
import type { Gate } from './gate.ts';

/** Milliseconds between two looks at a table that little is written to. */
const INTERVAL = 60_000;
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

/**
 * Keeps the table within its limits, beside the pages: removes what has expired, and what would expire first where there is too much. It
 * begins with the first write, looks once a minute, and earlier when this process has written a twentieth of a limit.
 */
export class Removal {
  readonly #gate: Gate;
  readonly #dialect: Dialect;
  readonly #limits: Limits;
  readonly #claim: () => Promise<boolean>;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;
  #removing: Promise<void> | undefined;
  #rows = 0;
  #bytes = 0;
  #removed = 0;

  /** @param claim asks whether this process is to look, and no other for some seconds */
  constructor(gate: Gate, dialect: Dialect, limits: Limits, claim: () => Promise<boolean>) {
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
    if (this.#rows > maxRows * SHARE || this.#bytes > maxBytes * SHARE) void this.#look();
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
    this.#rows = 0;
    this.#bytes = 0;
    if (await this.#claim()) await this.#remove();
  }

  async #remove(): Promise<void> {
    await this.#batches(
      () => true,
      (connection) => this.#dialect.removeAbsent(connection, BATCH),
    );
    const { maxRows, maxBytes } = this.#limits;
    const size = await this.#run((connection) => this.#dialect.measure(connection), { rows: 0, bytes: 0 });
    if (size.rows <= maxRows && size.bytes <= maxBytes) return;
    // What is removed has the average size, as far as it is known; the next look removes the rest.
    const average = size.bytes / size.rows;
    const rows = size.rows - maxRows * LEFT;
    const bytes = (size.bytes - maxBytes * LEFT) / average;
    let left = Math.ceil(Math.max(rows, bytes));
    await this.#batches(
      () => left > 0,
      async (connection) => {
        const removed = await this.#dialect.removeFirst(connection, Math.min(left, BATCH));
        left -= removed;
        return left > 0 ? removed : 0;
      },
    );
  }

  /** Removes batches until one finds less than it might have. */
  async #batches(isDue: () => boolean, batch: (connection: SqlConnection) => Promise<number>): Promise<void> {
    for (let count = 0; count < MAX_BATCHES && isDue() && !this.#isClosed; count++) {
      const removed = await this.#run(batch, 0);
      this.#removed += removed;
      if (removed < BATCH) return;
      // Pages come in between.
      await turn();
    }
  }

  #run<T>(run: (connection: SqlConnection) => Promise<T>, nothing: T): Promise<T> {
    const until = performance.now() + TIMEOUT;
    return this.#gate.run({ run, nothing, until, isVital: false, rows: 0, bytes: 0, timeout: TIMEOUT });
  }
}
