import { readFileSync } from 'node:fs';
import { MISSING } from '../lookups.ts';
import type { Kind, Lookup } from '../store.ts';
import {
  codeOf,
  type Dialect,
  FIRST,
  quoted,
  type SqlConnection,
  type SqlRead,
  type SqlWrite,
  storedKey,
} from './dialect.ts';
import type { KeptRows } from './kept-rows.ts';
import { sizes } from './sizes.ts';

/** Milliseconds since 1970, by the clock of this machine. SQLite reads it when the statement has the lock, and not before. */
const CLOCK = "((julianday('now') - 2440587.5) * 86400000.0)";

/** A file for the processes of one machine. */
export class SqliteDialect implements Dialect {
  readonly schema: readonly string[];
  readonly #table: string;
  readonly #isMain: boolean;
  readonly #epoch = bootNumber();

  constructor(name: string) {
    // A name alone could also mean a table of another file that is attached, or a temporary one.
    const schema = schemaOf(name);
    const base = name.split('.').at(-1);
    this.#table = quoted(`${schema}.${base}`, '"');
    this.#isMain = schema === 'main';
    this.schema = [
      // Readers go on while another process writes. The file remembers it.
      'PRAGMA journal_mode = WAL',
      `CREATE TABLE IF NOT EXISTS ${this.#table} (k TEXT NOT NULL PRIMARY KEY, value BLOB NOT NULL, size INTEGER NOT NULL, expires INTEGER NOT NULL, epoch INTEGER NOT NULL)`,
      `CREATE INDEX IF NOT EXISTS "${schema}"."${base}_expires" ON "${base}" (expires, size, epoch)`,
    ];
  }

  async read(connection: SqlConnection, kind: Kind, keys: readonly string[]): Promise<SqlRead> {
    const now = Date.now();
    // Each page reads tokens, mostly the same ones, and they are small.
    const kept = this.#isMain && kind === 'token' ? await connection.kept?.(this.#table) : undefined;
    const others: string[] = [];
    const lookups = keys.map((key) => {
      const lookup = kept?.get(key, now);
      if (lookup === undefined) others.push(key);
      return lookup ?? MISSING;
    });
    if (others.length === 0) return { lookups, now };
    const found = await this.#select(connection, kind, others, now, kept);
    return { lookups: lookups.map((lookup, i) => found.get(keys[i] as string) ?? lookup), now };
  }

  async #select(
    connection: SqlConnection,
    kind: Kind,
    keys: readonly string[],
    now: number,
    kept: KeptRows | undefined,
  ): Promise<ReadonlyMap<string, Lookup>> {
    // One text for any number of keys, so that it is prepared once.
    const rows = await connection.query(
      `SELECT k, value, expires FROM ${this.#table} WHERE k IN (SELECT value FROM json_each(?)) AND expires > ? AND epoch = ?`,
      [JSON.stringify(keys.map((key) => storedKey(kind, key))), now, this.#epoch],
    );
    const found = new Map<string, Lookup>();
    for (const row of rows) {
      const key = (row.k as string).slice(storedKey(kind, '').length);
      const value = bytesOf(row.value);
      found.set(key, { state: 'found', value });
      kept?.add(key, value, Number(row.expires));
    }
    return found;
  }

  async write(connection: SqlConnection, { items, isAdd, deadline }: SqlWrite): Promise<ReadonlySet<string>> {
    const rows = await connection.query(
      `INSERT INTO ${this.#table} AS t (k, value, size, expires, epoch)
       SELECT column1, column2, length(column2), CAST(${CLOCK} + column3 AS INTEGER), ? FROM (VALUES ${items.map(() => '(?, ?, ?)').join()})
       WHERE ${CLOCK} < ?
       ON CONFLICT (k) DO UPDATE SET value = excluded.value, size = excluded.size, expires = excluded.expires, epoch = excluded.epoch
       ${isAdd ? `WHERE t.expires <= ${CLOCK} OR t.epoch <> excluded.epoch` : ''}
       RETURNING k`,
      [this.#epoch, ...items.flatMap(({ key, value, life }) => [key, bufferOf(value), life]), deadline],
    );
    return new Set(rows.map(({ k }) => k as string));
  }

  async removeAbsent(connection: SqlConnection, limit: number): Promise<number> {
    return this.#remove(connection, `WHERE expires <= ${CLOCK} OR epoch <> ${this.#epoch}`, limit);
  }

  async removeFirst(connection: SqlConnection, limit: number): Promise<number> {
    return this.#remove(connection, FIRST, limit);
  }

  async measure(connection: SqlConnection): Promise<{ readonly rows: number; readonly bytes: number }> {
    // Only the index is read.
    const [row] = await connection.query(`SELECT count(*) AS rows, sum(size) AS bytes FROM ${this.#table}`);
    return sizes(row);
  }

  isBusy(error: unknown): boolean {
    const code = codeOf(error);
    return typeof code === 'string' && /^SQLITE_(BUSY|LOCKED)/.test(code);
  }

  async #remove(connection: SqlConnection, which: string, limit: number): Promise<number> {
    const rows = await connection.query(
      `DELETE FROM ${this.#table} WHERE rowid IN (SELECT rowid FROM ${this.#table} ${which} LIMIT ?) RETURNING 1 AS gone`,
      [limit],
    );
    return rows.length;
  }
}

/** Returns the schema of a table, in terms of SQLite: the name of a file of the connection. */
export function schemaOf(table: string): string {
  return table.includes('.') ? (table.split('.', 1)[0] as string) : 'main';
}

/** libsql returns an ArrayBuffer where others return a Buffer. */
function bytesOf(value: unknown): Uint8Array {
  return value instanceof ArrayBuffer ? new Uint8Array(value) : (value as Uint8Array);
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * Returns a number that changes when the machine is started again: if it has lost its power, a file may lack the last commits. 0 where
 * the system does not tell.
 */
export function bootNumber(): number {
  try {
    const id = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').replaceAll('-', '');
    return Number.parseInt(id.slice(0, 12), 16);
  } catch {
    return 0;
  }
}
