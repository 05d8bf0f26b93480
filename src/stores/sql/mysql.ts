import { randomInt } from 'node:crypto';
import { type Dialect, quoted, type SqlConnection, type SqlRead, type SqlWrite } from './dialect.ts';
import { sizes } from './sizes.ts';

/** Milliseconds since 1970. It goes on within a statement, unlike `NOW()`. */
const CLOCK = 'UNIX_TIMESTAMP(SYSDATE(3)) * 1000';
/** Lock wait timeout, deadlock, statement timeout (MariaDB, MySQL), interrupted. */
const BUSY: readonly unknown[] = [1205, 1213, 1969, 3024, 1317];
const LARGEST_RANDOM = 2 ** 47;

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

  constructor(name: string) {
    this.#table = quoted(name, '`');
    this.#epochs = quoted(`${name}_epoch`, '`');
    this.#epoch = `(SELECT id + @@server_id FROM ${this.#epochs})`;
    this.schema = [
      `CREATE TABLE IF NOT EXISTS ${this.#table} (k VARBINARY(252) NOT NULL PRIMARY KEY, value MEDIUMBLOB NOT NULL, size INT NOT NULL, expires BIGINT NOT NULL, epoch BIGINT NOT NULL, nonce BIGINT NOT NULL, INDEX (expires, size, epoch)) ENGINE = InnoDB`,
      `CREATE TABLE IF NOT EXISTS ${this.#epochs} (one TINYINT NOT NULL PRIMARY KEY, id BIGINT NOT NULL) ENGINE = MEMORY`,
    ];
  }

  async read(connection: SqlConnection, keys: readonly string[]): Promise<SqlRead> {
    const rows = await connection.query(
      `SELECT c.now, c.standby, c.epoch, t.k, t.value
       FROM (SELECT ${CLOCK} AS now, @@read_only AS standby, ${this.#epoch} AS epoch) c
       LEFT JOIN ${this.#table} t ON t.k IN (${'?,'.repeat(keys.length - 1)}?) AND t.expires > c.now AND t.epoch = c.epoch`,
      keys,
    );
    if (Number(rows[0]?.standby) !== 0) throw new Error('it is read-only: a replica may not have the last writes yet');
    if (rows[0]?.epoch === null) await this.#beginEpoch(connection);
    const found = rows.filter(({ k }) => k !== null).map(({ k, value }) => [String(k), value] as [string, Uint8Array]);
    return { values: new Map(found), now: Number(rows[0]?.now) };
  }

  async write(connection: SqlConnection, write: SqlWrite): Promise<ReadonlySet<string>> {
    const nonce = randomInt(LARGEST_RANDOM);
    await this.#insert(connection, write, nonce);
    const written = await this.#written(connection, write, nonce);
    if (written !== undefined) return written;
    await this.#beginEpoch(connection);
    await this.#insert(connection, write, nonce);
    return (await this.#written(connection, write, nonce)) ?? new Set();
  }

  async now(connection: SqlConnection): Promise<number> {
    const [row] = await connection.query(
      `SELECT ${CLOCK} AS now, @@read_only AS standby, (SELECT count(*) FROM ${this.#table} WHERE k = '') AS used`,
    );
    if (Number(row?.standby) !== 0) throw new Error('it is read-only');
    return Number(row?.now);
  }

  async removeAbsent(connection: SqlConnection, limit: number): Promise<number> {
    return this.#remove(connection, `WHERE expires <= ${CLOCK} OR epoch <> ${this.#epoch}`, limit);
  }

  async removeFirst(connection: SqlConnection, limit: number): Promise<number> {
    return this.#remove(connection, 'ORDER BY expires', limit);
  }

  async measure(connection: SqlConnection): Promise<{ readonly rows: number; readonly bytes: number }> {
    const [row] = await connection.query(`SELECT count(*) AS \`rows\`, sum(size) AS bytes FROM ${this.#table}`);
    return sizes(row);
  }

  isBusy(error: unknown): boolean {
    return typeof error === 'object' && error !== null && 'errno' in error && BUSY.includes(error.errno);
  }

  async #insert(connection: SqlConnection, { items, isAdd, deadline }: SqlWrite, nonce: number): Promise<void> {
    const own = (name: string) => `${this.#table}.${name}`;
    const mayReplace = isAdd ? ` AND (${own('expires')} <= ${CLOCK} OR ${own('epoch')} <> VALUES(epoch))` : '';
    // Assignments are carried out from left to right: all others depend on the first.
    const set = (name: string) => `${name} = IF(${own('nonce')} = VALUES(nonce), VALUES(${name}), ${own(name)})`;
    await connection.query(
      `INSERT INTO ${this.#table} (k, value, size, expires, epoch, nonce)
       SELECT d.item, d.content, length(d.content), ${CLOCK} + d.life, e.id + @@server_id, ?
       FROM (${items.map(() => 'SELECT ? AS item, ? AS content, ? AS life').join(' UNION ALL ')}) d JOIN ${this.#epochs} e
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

  /** Returns the keys of what a statement has written; undefined if no epoch has begun, so that it wrote nothing. */
  async #written(
    connection: SqlConnection,
    { items, isAdd, deadline }: SqlWrite,
    nonce: number,
  ): Promise<ReadonlySet<string> | undefined> {
    const rows = await connection.query(
      `SELECT c.now, c.epoch, t.k FROM (SELECT ${CLOCK} AS now, ${this.#epoch} AS epoch) c
       LEFT JOIN ${this.#table} t ON t.k IN (${items.map(() => '?').join()}) AND t.nonce = ?`,
      [...items.map(({ key }) => key), nonce],
    );
    if (rows[0]?.epoch === null) return undefined;
    // Before the deadline all was written that is to replace what is there, even if others have written something else since.
    if (!isAdd && Number(rows[0]?.now) < deadline) return new Set(items.map(({ key }) => key));
    return new Set(rows.filter(({ k }) => k !== null).map(({ k }) => String(k)));
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
