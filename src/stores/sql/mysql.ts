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
  StatementTimeout,
  storedKey,
} from './dialect.ts';
import { sizes } from './sizes.ts';

/**
 * Milliseconds since 1970. `SYSDATE()` goes on within a statement, in which the others stand still; it is in the zone of the session,
 * where an hour comes twice when summer ends, so only what has passed is taken from it.
 */
const CLOCK =
  "(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) + TIMESTAMPDIFF(MICROSECOND, NOW(6), SYSDATE(6))) / 1000";
/** Lock wait timeout, deadlock, statement timeout (MariaDB, MySQL), interrupted. */
const BUSY: readonly unknown[] = [1205, 1213, 1969, 3024, 1317];
/**
 * Whether it is a replica, of MySQL or of Aurora; whether each statement is committed, of which MariaDB alone knows whether a transaction
 * is open; whether assignments are carried out from left to right, as writes need it; and whether the clock goes on within a statement.
 */
const STATE = `@@read_only OR @@innodb_read_only AS standby, @@autocommit /*M! AND NOT @@in_transaction */ AS auto,
  @@sql_mode NOT LIKE '%SIMULTANEOUS%' AS ordered, SYSDATE(6) <> NOW(6) OR SLEEP(0.001) OR SYSDATE(6) <> NOW(6) AS going`;
/** What the state is read into. */
const STATE_COLUMNS = 'c.now, c.standby, c.auto, c.ordered, c.going, c.epoch';
const LARGEST_RANDOM = 2 ** 47;
/** The first write after the server was started again takes two. */
const MAX_TRIES = 3;

/**
 * MySQL and MariaDB. Their epoch is a random number in a second table, which is in memory only: it is gone whenever the server has
 * ended. It holds for the server whose `server_id` stands beside it: one that is promoted begins another, which is replicated, so that
 * the server of before begins another too. Rows are added only, with keys of their own: any other change would end the replication to a
 * server that was started again, whose table is empty. MySQL has no `RETURNING`, so each write leaves a random number in its rows, by
 * which it finds them again.
 */
export class MysqlDialect implements Dialect {
  readonly schema: readonly string[];
  readonly #table: string;
  readonly #epochs: string;
  readonly #epoch: string;
  /** The epoch that was seen last. */
  #known: number | undefined;

  constructor(name: string) {
    this.#table = quoted(name, '`');
    this.#epochs = quoted(`${name}_epoch`, '`');
    this.#epoch = `(SELECT IF(server = @@server_id, id, NULL) FROM ${this.#epochs} ORDER BY began DESC, id DESC LIMIT 1)`;
    this.schema = [
      `CREATE TABLE IF NOT EXISTS ${this.#table} (k VARBINARY(252) NOT NULL PRIMARY KEY, value MEDIUMBLOB NOT NULL, size INT NOT NULL, expires BIGINT NOT NULL, epoch BIGINT NOT NULL, nonce BIGINT NOT NULL, INDEX (expires, size, epoch)) ENGINE = InnoDB`,
      `CREATE TABLE IF NOT EXISTS ${this.#epochs} (id BIGINT NOT NULL PRIMARY KEY, began BIGINT NOT NULL, server BIGINT NOT NULL) ENGINE = MEMORY`,
    ];
  }

  async read(connection: SqlConnection, kind: Kind, keys: readonly string[]): Promise<SqlRead> {
    const rows = await connection.query(
      `SELECT ${STATE_COLUMNS}, t.k, t.value
       FROM (SELECT ${CLOCK} AS now, ${STATE}, ${this.#epoch} AS epoch) c
       LEFT JOIN ${this.#table} t ON t.k IN (${'?,'.repeat(keys.length - 1)}?) AND t.expires > c.now AND t.epoch = c.epoch`,
      keys.map((key) => bytesOf(storedKey(kind, key))),
    );
    checkState(rows[0]);
    this.#known = epochOf(rows[0]);
    if (this.#known === undefined) await this.#beginEpoch(connection);
    return { lookups: lookupsOf(kind, keys, rows), now: Number(rows[0]?.now) };
  }

  /** What may have been written is not written again: others may have replaced it since, and it would come back. */
  async write(connection: SqlConnection, write: SqlWrite): Promise<ReadonlySet<string> | undefined> {
    const nonce = randomInt(LARGEST_RANDOM);
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const epoch = this.#known ?? (await this.#beginEpoch(connection));
      const changed = await this.#insert(connection, write, nonce, epoch);
      if (changed === undefined) return undefined;
      const written = await this.#written(connection, write, nonce);
      if (written === undefined) return undefined;
      this.#known = written.epoch;
      // The clock may have been set back since, so that it seems to be before the deadline.
      if (written.epoch === epoch) return changed === 0 ? new Set() : written.keys;
      if (changed !== 0) return undefined;
    }
    throw new Error('it begins one epoch after the other');
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
    if (error instanceof StatementTimeout) return true;
    return 'errno' in error && BUSY.includes(error.errno);
  }

  /** Writes nothing in another epoch. Returns 0 if nothing was written, and undefined if that is not known. */
  async #insert(
    connection: SqlConnection,
    { items, isAdd, deadline }: SqlWrite,
    nonce: number,
    epoch: number,
  ): Promise<number | undefined> {
    const own = (name: string) => `${this.#table}.${name}`;
    const mayReplace = isAdd ? ` AND (${own('expires')} <= ${CLOCK} OR ${own('epoch')} <> VALUES(epoch))` : '';
    // Assignments are carried out from left to right: all others depend on the first.
    const set = (name: string) => `${name} = IF(${own('nonce')} = VALUES(nonce), VALUES(${name}), ${own(name)})`;
    // The first part gives the columns their types: MariaDB takes the length of a long literal modulo 65,536.
    const types = `SELECT k AS item, value AS content, expires AS life FROM ${this.#table} WHERE FALSE`;
    const inserting = connection.query(
      `INSERT INTO ${this.#table} (k, value, size, expires, epoch, nonce)
       SELECT d.item, d.content, length(d.content), ${CLOCK} + d.life, e.id, ?
       FROM (${types}${' UNION ALL SELECT ?, ?, ?'.repeat(items.length)}) d JOIN (SELECT ${this.#epoch} AS id) e
       WHERE e.id = ? AND ${CLOCK} < ?
       ON DUPLICATE KEY UPDATE nonce = IF(${CLOCK} < ?${mayReplace}, VALUES(nonce), ${own('nonce')}),
       ${['value', 'size', 'expires', 'epoch'].map(set).join(', ')}`,
      [
        nonce,
        ...items.flatMap(({ key, value, life }) => [
          bytesOf(key),
          Buffer.from(value.buffer, value.byteOffset, value.byteLength),
          life,
        ]),
        epoch,
        deadline,
        deadline,
      ],
    );
    return inserting.then(
      ([result]) => Number(result?.affectedRows),
      (error) => {
        if (error instanceof StatementTimeout) return undefined;
        throw error;
      },
    );
  }

  /** Returns the epoch, and the keys of what a statement has written in it; undefined if others were in the way. */
  async #written(
    connection: SqlConnection,
    { items, isAdd, deadline }: SqlWrite,
    nonce: number,
  ): Promise<{ readonly epoch: number | undefined; readonly keys: ReadonlySet<string> } | undefined> {
    const asking = connection.query(
      `SELECT ${STATE_COLUMNS}, t.k FROM (SELECT ${CLOCK} AS now, ${STATE}, ${this.#epoch} AS epoch) c
       LEFT JOIN ${this.#table} t ON t.k IN (${items.map(() => '?').join()}) AND t.nonce = ?`,
      [...items.map(({ key }) => bytesOf(key)), nonce],
    );
    const rows = await asking.catch((error) => {
      if (this.isBusy(error)) return undefined;
      throw error;
    });
    if (rows === undefined) return undefined;
    const [first, ...others] = rows;
    checkState(first);
    // Before the deadline all was written that is to replace what is there, even if others have written something else since.
    const hasAll = !isAdd && Number(first?.now) < deadline;
    const found = [first, ...others].flatMap((row) => (row?.k == null ? [] : [String(row.k)]));
    return { epoch: epochOf(first), keys: new Set(hasAll ? items.map(({ key }) => key) : found) };
  }

  /** Returns the epoch, which is begun if there is none. Of several that processes begin the last one counts. */
  async #beginEpoch(connection: SqlConnection): Promise<number> {
    const select = `SELECT ${CLOCK} AS now, @@server_id AS server, (SELECT max(began) FROM ${this.#epochs}) AS last, ${this.#epoch} AS epoch`;
    const [before] = await connection.query(select);
    const known = epochOf(before);
    if (known !== undefined) return known;
    const began = Math.floor(Math.max(Number(before?.now), Number(before?.last) + 1));
    // The number of the server is given, because a replica could put its own in the place of @@server_id.
    const row = [randomInt(LARGEST_RANDOM), began, Number(before?.server)];
    await connection.query(`INSERT INTO ${this.#epochs} (id, began, server) VALUES (?, ?, ?)`, row);
    const [after] = await connection.query(select);
    const epoch = epochOf(after);
    if (epoch === undefined) throw new Error('it does not keep its epoch');
    return epoch;
  }

  async #remove(connection: SqlConnection, which: string, limit: number): Promise<number> {
    await connection.query(`DELETE FROM ${this.#table} ${which} LIMIT ${limit}`);
    const [row] = await connection.query('SELECT ROW_COUNT() AS gone');
    return Number(row?.gone);
  }
}

/** Clients put bytes into a statement as digits. A text they quote, which servers read differently with NO_BACKSLASH_ESCAPES. */
function bytesOf(key: string): Buffer {
  return Buffer.from(key, 'latin1');
}

function epochOf(row: Row | undefined): number | undefined {
  return row?.epoch == null ? undefined : Number(row.epoch);
}

/** @throws Error where a write could be acknowledged that others do not see, or a read not see what was acknowledged */
function checkState(row: Row | undefined): void {
  if (Number(row?.standby) !== 0) throw new Error('it is read-only: a replica may not have the last writes yet');
  if (Number(row?.auto) !== 1)
    throw new Error('autocommit is off on a connection of the pool, or it has a transaction open');
  if (Number(row?.ordered) !== 1)
    throw new Error('its sql_mode has SIMULTANEOUS_ASSIGNMENT: leave that out for the store');
  if (Number(row?.going) !== 1)
    throw new Error('it runs with sysdate-is-now, so that a write could be carried out after its time: leave that out');
}
