/** Rows of one connection that are kept; a row is about 400 bytes. */
const MAX_ROWS = 10_000;

/** A row as it was read. */
export interface KeptRow {
  readonly value: Uint8Array;
  /** Milliseconds since 1970. */
  readonly expires: number;
}

/**
 * Rows that a connection has read from an SQLite file, for as long as nothing is written to the file. SQLite tells a connection
 * whether another one has committed anything (`PRAGMA data_version`), and what it has changed itself.
 */
export class KeptRows {
  /** Of the file. In another state other rows are kept, so that one that is read late is never taken for one of these. */
  readonly state: unknown;
  readonly #rows = new Map<string, KeptRow>();

  constructor(state: unknown) {
    this.state = state;
  }

  /** Returns a copy of a value that has not expired, because callers may change it. */
  get(key: string, now: number): Uint8Array | undefined {
    const row = this.#rows.get(key);
    return row !== undefined && row.expires > now ? new Uint8Array(row.value) : undefined;
  }

  add(key: string, { value, expires }: KeptRow): void {
    if (this.#rows.size >= MAX_ROWS) this.#rows.clear();
    this.#rows.set(key, { value: new Uint8Array(value), expires });
  }
}

/**
 * Tells the state of a connection's main file. `data_version` does not count what the connection has written itself, and
 * `total_changes()` not what it does to tables as a whole.
 */
export const STATE =
  "SELECT total_changes() || '.' || (SELECT data_version FROM pragma_data_version) || '.' || (SELECT schema_version FROM pragma_schema_version) AS state";
