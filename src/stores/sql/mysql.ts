import { randomInt } from 'node:crypto';
import type { Kind } from '../store.ts';
import {
  type Dialect,
  FIRST,
  lookupsOf,
  quoted,
  type Row,
  type SqlConnection,
  type SqlRead,
  type SqlWrite,
  storedKey,
} from './dialect.ts';
import { sizes } from './sizes.ts';

/** Milliseconds since 1970. It goes on within a statement, unlike `NOW()`. */
const CLOCK = 'UNIX_TIMESTAMP(SYSDATE(3)) * 1000';
/** Lock wait timeout, deadlock, statement timeout (MariaDB, MySQL), interrupted. */
const BUSY: readonly unknown[] = [1205, 1213, 1969, 3024, 1317];
/** Whether it is a replica: of MySQL, or of Aurora. */
const STANDBY = '@@read_only OR @@innodb_read_only';
const LARGEST_RANDOM = 2 ** 47;
/** The first write of a process takes two or three, and the first after the server was started again. */
const MAX_TRIES = 3;

/**
 * MySQL and MariaDB. Their epoch is a random number in a second table, which is in memory only: it is gone whenever the server has
 * ended. A replica that is promoted may have the same number, but has another `server_id`. MySQL has no `RETURNING`, so each write
 * leaves a random number in its rows, by which it finds them again.
 */
export class MysqlDialect implements Dialect {
  readonly schema: readonly string[];
  readonly #table: string;
  readonly #epochs: string;
  readonly #epoch: string;
  /** The epoch that was seen last. */
  #known: string | null = null;

  constructor(name: string) {
    this.#table = quoted(name, '`');
    this.#epochs = quoted(`${name}_epoch`, '`');
    this.#epoch = `(SELECT id + @@server_id FROM ${this.#epochs})`;
    this.schema = [
      `CREATE TABLE IF NOT EXISTS ${this.#table} (k VARBINARY(252) NOT NULL PRIMARY KEY, value MEDIUMBLOB NOT NULL, size INT NOT NULL, expires BIGINT NOT NULL, epoch BIGINT NOT NULL, nonce BIGINT NOT NULL, INDEX (expires, size, epoch)) ENGINE = InnoDB`,
      `CREATE TABLE IF NOT EXISTS ${this.#epochs} (one TINYINT NOT NULL PRIMARY KEY, id BIGINT NOT NULL) ENGINE = MEMORY`,
    ];
  }

  async read(connection: SqlConnection, kind: Kind, keys: readonly string[]): Promise<SqlRead> {
    const rows = await connection.query(
      `SELECT c.now, c.standby, c.epoch, t.k, t.value
       FROM (SELECT ${CLOCK} AS now, ${STANDBY} AS standby, ${this.#epoch} AS epoch) c
       LEFT JOIN ${this.#table} t ON t.k IN (${'?,'.repeat(keys.length - 1)}?) AND t.expires > c.now AND t.epoch = c.epoch`,
      keys.map((key) => storedKey(kind, key)),
    );
    if (Number(rows[0]?.standby) !== 0) throw new Error('it is read-only: a replica may not have the last writes yet');
    this.#known = epochOf(rows[0]);
    if (this.#known === null) await this.#beginEpoch(connection);
    return { lookups: lookupsOf(kind, keys, rows), now: Number(rows[0]?.now) };
  }

  async write(connection: SqlConnection, write: SqlWrite): Promise<ReadonlySet<string>> {
    const nonce = randomInt(LARGEST_RANDOM);
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const before = this.#known;
      await this.#insert(connection, write, nonce);
      const { epoch, keys } = await this.#written(connection, write, nonce);
      // Without an epoch nothing was inserted. Only if it is the one of before it has been there all the time.
      if (epoch !== null && epoch === before) return keys;
      if (epoch === null) await this.#beginEpoch(connection);
      this.#known = epoch;
    }
    return new Set();
  }

  async now(connection: SqlConnection): Promise<number> {
    const [row] = await connection.query(
      `SELECT ${CLOCK} AS now, ${STANDBY} AS standby, (SELECT count(*) FROM ${this.#table} WHERE k = '') AS used`,
    );
    if (Number(row?.standby) !== 0) throw new Error('it is read-only');
    return Number(row?.now);
  }

  async removeAbsent(connection: SqlConnection, limit: number): Promise<number> {
    return this.#remove(connection, `WHERE expires <= ${CLOCK} OR epoch <> ${this.#epoch}`, limit);
  }

  async removeFirst(connection: SqlConnection, limit: number): Promise<number> {
    return this.#remove(connection, FIRST, limit);
  }

  async measure(connection: SqlConnection): Promise<{ readonly rows: number; readonly bytes: number }> {
    const [row] = await connection.query(`SELECT count(*) AS \`rows\`, sum(size) AS bytes FROM ${this.#table}`);
    return sizes(row);
  }

  isBusy(error: unknown): boolean {
    if (!(error instanceof Error)) return false;
    // Knex has asked the server to end the statement, which has answered: it waited for a lock, for nothing else takes so long.
    if (error.name === 'KnexTimeoutError') return true;
    return 'errno' in error && BUSY.includes(error.errno);
  }

  async #insert(connection: SqlConnection, { items, isAdd, deadline }: SqlWrite, nonce: number): Promise<void> {
    const own = (name: string) => `${this.#table}.${name}`;
    const mayReplace = isAdd ? ` AND (${own('expires')} <= ${CLOCK} OR ${own('epoch')} <> VALUES(epoch))` : '';
    // Assignments are carried out from left to right: all others depend on the first.
    const set = (name: string) => `${name} = IF(${own('nonce')} = VALUES(nonce), VALUES(${name}), ${own(name)})`;
    // The first part gives the columns their types: MariaDB takes the length of a long literal modulo 65,536.
    const types = `SELECT k AS item, value AS content, expires AS life FROM ${this.#table} WHERE FALSE`;
    await connection.query(
      `INSERT INTO ${this.#table} (k, value, size, expires, epoch, nonce)
       SELECT d.item, d.content, length(d.content), ${CLOCK} + d.life, e.id + @@server_id, ?
       FROM (${types}${' UNION ALL SELECT ?, ?, ?'.repeat(items.length)}) d JOIN ${this.#epochs} e
       WHERE ${CLOCK} < ?
       ON DUPLICATE KEY UPDATE nonce = IF(${CLOCK} < ?${mayReplace}, VALUES(nonce), ${own('nonce')}),
       ${['value', 'size', 'expires', 'epoch'].map(set).join(', ')}`,
      [
        nonce,
        ...items.flatMap(({ key, value, life }) => [
          Buffer.from(key, 'latin1'),
          Buffer.from(value.buffer, value.byteOffset, value.byteLength),
          life,
        ]),
        deadline,
        deadline,
      ],
    );
  }

  /** Returns the epoch, and the keys of what a statement has written in it. */
  async #written(
    connection: SqlConnection,
    { items, isAdd, deadline }: SqlWrite,
    nonce: number,
  ): Promise<{ readonly epoch: string | null; readonly keys: ReadonlySet<string> }> {
    const [first, ...others] = await connection.query(
      `SELECT c.now, c.epoch, t.k FROM (SELECT ${CLOCK} AS now, ${this.#epoch} AS epoch) c
       LEFT JOIN ${this.#table} t ON t.k IN (${items.map(() => '?').join()}) AND t.nonce = ?`,
      [...items.map(({ key }) => key), nonce],
    );
    // Before the deadline all was written that is to replace what is there, even if others have written something else since.
    const hasAll = !isAdd && Number(first?.now) < deadline;
    const found = [first, ...others].flatMap((row) => (row?.k == null ? [] : [String(row.k)]));
    return { epoch: epochOf(first), keys: new Set(hasAll ? items.map(({ key }) => key) : found) };
  }

  /** Of several processes that begin one, the first counts. */
  async #beginEpoch(connection: SqlConnection): Promise<void> {
    await connection.query(`INSERT IGNORE INTO ${this.#epochs} VALUES (1, ?)`, [randomInt(LARGEST_RANDOM)]);
  }

  async #remove(connection: SqlConnection, which: string, limit: number): Promise<number> {
    await connection.query(`DELETE FROM ${this.#table} ${which} LIMIT ${limit}`);
    const [row] = await connection.query('SELECT ROW_COUNT() AS gone');
    return Number(row?.gone);
  }
}

/** Epochs are compared only, and larger than a number can hold. */
function epochOf(row: Row | undefined): string | null {
  return row?.epoch == null ? null : String(row.epoch);
}
