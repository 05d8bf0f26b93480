import type { Kind } from '../store.ts';
import {
  codeOf,
  type Dialect,
  FIRST,
  lookupsOf,
  quoted,
  type SqlConnection,
  type SqlRead,
  type SqlWrite,
  storedKey,
} from './dialect.ts';
import { sizes } from './sizes.ts';

/** Milliseconds since 1970. It goes on within a statement, unlike `now()`. */
const CLOCK = '(extract(epoch from clock_timestamp()) * 1000)::float8';
/**
 * When the server was started. What a crash, a failover or a restored backup has lost was written under another one: another server
 * has another time.
 */
const EPOCH = '(extract(epoch from pg_postmaster_start_time()) * 1000000)::int8';
/** lock_not_available, deadlock_detected, serialization_failure, query_canceled */
const BUSY: readonly unknown[] = ['55P03', '40P01', '40001', '57014'];

export class PostgresDialect implements Dialect {
  readonly schema: readonly string[];
  readonly #table: string;

  constructor(name: string) {
    this.#table = quoted(name, '"');
    const index = quoted(`${name.split('.').at(-1)}_expires`, '"');
    this.schema = [
      `CREATE TABLE IF NOT EXISTS ${this.#table} (k text COLLATE "C" PRIMARY KEY, value bytea NOT NULL, size int NOT NULL, expires int8 NOT NULL, epoch int8 NOT NULL)`,
      `CREATE INDEX IF NOT EXISTS ${index} ON ${this.#table} (expires, size, epoch)`,
    ];
  }

  async read(connection: SqlConnection, kind: Kind, keys: readonly string[]): Promise<SqlRead> {
    const rows = await connection.query(
      `SELECT c.now, c.standby, t.k, t.value FROM (SELECT ${CLOCK} AS now, pg_is_in_recovery() AS standby, ${EPOCH} AS epoch OFFSET 0) c
       LEFT JOIN ${this.#table} t ON t.k = ANY(?::text[]) AND t.expires > c.now AND t.epoch = c.epoch`,
      [keys.map((key) => storedKey(kind, key))],
    );
    // An answer that was changed on its way (a type parser, postProcessResponse) says nothing about what is there.
    if (rows[0]?.standby === undefined) throw new Error('the answer has not the columns that were asked for');
    if (rows[0].standby !== false) throw new Error('it is a standby, which may not have the last writes yet');
    return { lookups: lookupsOf(kind, keys, rows), now: Number(rows[0].now) };
  }

  async write(connection: SqlConnection, { items, isAdd, deadline, patience }: SqlWrite): Promise<ReadonlySet<string>> {
    // The settings are those of this statement, which is its own transaction. A write that was acknowledged must outlive a crash that
    // does not restart the whole server.
    const rows = await connection.query(
      `INSERT INTO ${this.#table} AS t (k, value, size, expires, epoch)
       SELECT d.k, d.value, length(d.value), (c.now + d.life)::int8, c.epoch
       FROM (SELECT ${CLOCK} AS now, ${EPOCH} AS epoch, set_config('lock_timeout', ?::text, true), set_config('synchronous_commit', 'local', true)) c,
         unnest(?::text[], ?::bytea[], ?::float8[]) AS d(k, value, life)
       WHERE ${CLOCK} < ?::float8
       ON CONFLICT (k) DO UPDATE SET value = excluded.value, size = excluded.size, expires = excluded.expires, epoch = excluded.epoch
       WHERE ${CLOCK} < ?::float8${isAdd ? ` AND (t.expires <= ${CLOCK} OR t.epoch <> excluded.epoch)` : ''}
       RETURNING t.k`,
      [
        `${Math.max(1, Math.floor(patience))}ms`,
        items.map(({ key }) => key),
        items.map(({ value }) => Buffer.from(value.buffer, value.byteOffset, value.byteLength)),
        items.map(({ life }) => life),
        deadline,
        deadline,
      ],
    );
    return new Set(rows.map(({ k }) => k as string));
  }

  async removeAbsent(connection: SqlConnection, limit: number): Promise<number> {
    return this.#remove(connection, `WHERE expires <= ${CLOCK} OR epoch <> ${EPOCH}`, limit);
  }

  async removeFirst(connection: SqlConnection, limit: number): Promise<number> {
    return this.#remove(connection, FIRST, limit);
  }

  async measure(connection: SqlConnection): Promise<{ readonly rows: number; readonly bytes: number }> {
    const [row] = await connection.query(
      `SELECT count(*)::float8 AS rows, coalesce(sum(size), 0)::float8 AS bytes FROM ${this.#table}`,
    );
    return sizes(row);
  }

  isBusy(error: unknown): boolean {
    return BUSY.includes(codeOf(error));
  }

  /** Leaves out rows that a page is writing just now, and so never waits for one. */
  async #remove(connection: SqlConnection, which: string, limit: number): Promise<number> {
    const rows = await connection.query(
      `WITH gone AS (DELETE FROM ${this.#table}
         WHERE k = ANY(ARRAY(SELECT k FROM ${this.#table} ${which} LIMIT ? FOR UPDATE SKIP LOCKED)) RETURNING 1)
       SELECT count(*)::int AS gone FROM gone`,
      [limit],
    );
    return Number(rows[0]?.gone);
  }
}
