import type { Lookup } from '../store.ts';

/** Rows of one connection that are kept. One of a token takes about 400 bytes. */
const MAX_ROWS = 10_000;
/** Larger values are not kept, in bytes. A token has about 100. */
const MAX_VALUE_BYTES = 500;

interface KeptRow {
  readonly value: Uint8Array;
  /** Milliseconds since 1970. */
  readonly expires: number;
}

/**
 * Tokens that a connection has read from an SQLite file, for as long as nothing is written to the file. SQLite tells a connection
 * whether another one has committed anything (`PRAGMA data_version`), and what it has changed itself.
 */
export class KeptRows {
  /** Of the file. In another state other rows are kept, so that one that is read late is never taken for one of these. */
  readonly state: unknown;
  readonly #rows = new Map<string, KeptRow>();

  constructor(state: unknown) {
    this.state = state;
  }

  /**
   * Returns what was found under a key and has not expired. The value is a copy, because callers may change it; `Buffer.from` takes a
   * fifth of the time of a typed array with memory of its own.
   */
  get(key: string, now: number): Lookup | undefined {
    const row = this.#rows.get(key);
    return row !== undefined && row.expires > now ? { state: 'found', value: Buffer.from(row.value) } : undefined;
  }

  /** @param expires milliseconds since 1970 */
  add(key: string, value: Uint8Array, expires: number): void {
    if (value.length > MAX_VALUE_BYTES) return;
    if (this.#rows.size >= MAX_ROWS) this.#rows.clear();
    this.#rows.set(key, { value: new Uint8Array(value), expires });
  }
}

/**
 * Columns and statements that together tell the state of a connection's main file. `data_version` does not count what the connection has
 * written itself, and `total_changes()` not what it does to tables as a whole. They are three, because SQLite prepares a pragma that
 * stands in a SELECT anew each time.
 */
export const STATE: readonly (readonly [column: string, sql: string])[] = [
  ['data_version', 'PRAGMA data_version'],
  ['schema_version', 'PRAGMA schema_version'],
  ['total_changes', 'SELECT total_changes() AS total_changes'],
];
