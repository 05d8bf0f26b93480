import { setTimeout as sleep } from 'node:timers/promises';
import { CacheSweeperError } from '../../errors.ts';
import { checkedKey } from '../checked-key.ts';
import { UNKNOWN } from '../lookups.ts';
import type { Added, Kind, Lookup, Store, StoreCall, StoreItem } from '../store.ts';
import { unreachable } from '../unreachable.ts';
import { connect } from './connection.ts';
import { type Dialect, type SqlConnection, type SqlItem, storedKey } from './dialect.ts';
import { dialectOf } from './dialects.ts';
import { Gate, type GateStats } from './gate.ts';
import type { KnexClient, SqlKnex } from './knex.ts';
import { checkKnex, checkSqlOptions, type SqlOptions, type SqlSettings } from './options.ts';
import { Removal } from './removal.ts';
import { ServerClock } from './server-clock.ts';

/** Rows of one statement. */
const MAX_ROWS = 500;
/** Bytes of values in one statement that writes: it holds the locks of its rows, and servers refuse statements of some MiB. */
const MAX_BYTES = 1024 * 1024;
const MAX_VALUE_BYTES = 1_000_000;
const DAY = 24 * 60 * 60 * 1_000;
/** Milliseconds for which a row without a ttl is kept: of those that are old an entry goes before any token. */
const LONGEST = { token: 3_650 * DAY, entry: 30 * DAY } as const;
/** Milliseconds that a statement waits for locks: less than what costs it the connection. */
const LONGEST_LOCK = 900;
const CLAIM_TIMEOUT = 1_000;
/** Milliseconds that one statement of making the table may take. */
const CREATE_TIMEOUT = 10_000;
/** A key that no value has. */
const NO_KEY = '';
/** How often making the table is tried, and the milliseconds in between. */
const CREATE_TRIES = 5;
const CREATE_PAUSE = 50;

/** Returned by {@link SqlStore.stats}. */
export interface SqlStats extends GateStats {
  /** Values that were not written, because they were over 1,000,000 bytes, even compressed. */
  readonly tooLarge: number;
  /** Rows that this process has removed, because they had expired or the table was too large. */
  readonly removed: number;
}

/**
 * Keeps tokens and entries in a table of a SQL database, for all processes of a site: PostgreSQL, MySQL or MariaDB; or in an SQLite
 * file, for those of one machine. The store uses connections of the pool of the given Knex, which it never closes, each for one
 * statement and outside of transactions.
 *
 * @example
 * const store = new SqlStore(knex({ client: 'pg', connection }));
 * await store.createTable();
 * new CacheSweeper({ store });
 */
export class SqlStore implements Store {
  readonly #knex: SqlKnex & { readonly client: KnexClient };
  readonly #settings: SqlSettings;
  readonly #dialect: Dialect;
  readonly #clock = new ServerClock();
  readonly #gate: Gate;
  readonly #removal: Removal;
  #report: (error: unknown) => void = () => {};
  #tooLarge = 0;

  /**
   * @param knex what `knex({ client, connection })` returns
   * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION when it is something else, or an option has an unknown name or a wrong value
   */
  constructor(knex: SqlKnex, options: SqlOptions = {}) {
    this.#knex = checkKnex(knex);
    this.#settings = checkSqlOptions(options);
    const { client } = this.#knex;
    const dialect = dialectOf(client.driverName, this.#settings.table);
    this.#dialect = dialect;
    this.#gate = new Gate(
      {
        acquire: () => client.acquireConnection(),
        release: (connection) => client.releaseConnection(connection),
        connect: (connection, timeout) => connect(this.#knex, connection, timeout, this.#settings.table),
        isBusy: (error) => dialect.isBusy(error),
        probe: (connection) => this.#now(connection),
      },
      this.#settings.connections,
      (error) => this.#report(unreachable(`The SQL table ${this.#settings.table}`, error)),
    );
    this.#removal = new Removal(this.#gate, dialect, this.#settings, {
      take: (life) => this.#claim(life, true),
      keep: (life) => this.#claim(life, false),
    });
  }

  /**
   * Makes the table, where it is not there. Several processes may do so at one time, and an account that may not make tables if it is
   * there.
   *
   * @throws the database's error, if it refuses; CacheSweeperError CACHESWEEPER_STORE_UNREACHABLE if there is such a table, and cannot be
   * used
   */
  async createTable(): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await this.#create();
        return;
      } catch (error) {
        // IF NOT EXISTS does not keep two processes from making one table at the same time: PostgreSQL refuses the second. And it asks
        // for the right to make tables first.
        if (await this.#isUsable()) return;
        if (tries === CREATE_TRIES) throw error;
        await sleep(CREATE_PAUSE);
      }
    }
  }

  /** Returns the statements of {@link createTable}, each ended by a semicolon, for a migration. */
  createTableSql(): string {
    return this.#dialect.schema.map((sql) => `${sql};\n`).join('');
  }

  async getMany(kind: Kind, keys: readonly string[], { timeout }: StoreCall): Promise<readonly Lookup[]> {
    const until = performance.now() + timeout;
    for (const key of keys) checkedKey('SqlStore', key);
    if (keys.length === 0) return [];
    if (keys.length <= MAX_ROWS) return this.#read(kind, keys, until);
    const answers = await Promise.all(chunks(keys, () => 0).map((part) => this.#read(kind, part, until)));
    return answers.flat();
  }

  /** Does not write values over 1,000,000 bytes. */
  async setMany(kind: Kind, items: readonly StoreItem[], call: StoreCall): Promise<readonly boolean[]> {
    const written = await this.#writeAll(kind, items, call, false);
    return items.map(({ key }) => written.get(storedKey(kind, key)) === true);
  }

  async addMany(kind: Kind, items: readonly StoreItem[], call: StoreCall): Promise<readonly Added[]> {
    const written = await this.#writeAll(kind, items, call, true);
    // Of one key twice in a batch the first may be added.
    const told = new Set<string>();
    return items.map(({ key }) => {
      const isWritten = written.get(storedKey(kind, key));
      if (isWritten === undefined) return 'unknown';
      const isFirst = !told.has(key);
      told.add(key);
      return isWritten && isFirst ? 'added' : 'exists';
    });
  }

  /** Leaves the connections to the site, whose they are. */
  async close(): Promise<void> {
    this.#gate.close();
    await this.#removal.close();
  }

  /** Entries of at least this many bytes come compressed. */
  get compressFrom(): number {
    return this.#settings.compressFrom;
  }

  /** Called by the sweeper. The store reports a database that fails to this function. */
  onError(report: (error: unknown) => void): void {
    this.#report = report;
  }

  /** Returns counts since the store was made. */
  stats(): SqlStats {
    return { ...this.#gate.stats, tooLarge: this.#tooLarge, removed: this.#removal.removed };
  }

  async #create(): Promise<void> {
    const { client } = this.#knex;
    const connection = await client.acquireConnection();
    try {
      const connected = connect(this.#knex, connection, CREATE_TIMEOUT, this.#settings.table);
      for (const sql of this.#dialect.schema) await connected.query(sql);
      await this.#now(connected).catch((error) => {
        throw this.#unusable(error);
      });
    } finally {
      await client.releaseConnection(connection);
    }
  }

  async #isUsable(): Promise<boolean> {
    const run = async (connection: SqlConnection) => Number.isFinite(await this.#now(connection));
    const until = performance.now() + CREATE_TIMEOUT;
    return this.#gate.run({ run, nothing: false, until, isVital: true, rows: 0, bytes: 0 });
  }

  /** What is there under its name may have been made by another version, or by something else. */
  #unusable(cause: Error): CacheSweeperError {
    return new CacheSweeperError(
      'CACHESWEEPER_STORE_UNREACHABLE',
      `SqlStore createTable(): the table ${this.#settings.table} is there, and cannot be used (${cause.message}); if another version of this package has made it, drop what createTableSql() names, and call createTable() again`,
      { cause },
    );
  }

  /**
   * Returns the database's time, in milliseconds since 1970.
   *
   * @throws Error if the table cannot be used
   */
  async #now(connection: SqlConnection): Promise<number> {
    return (await this.#dialect.read(connection, 'token', [NO_KEY])).now;
  }

  async #read(kind: Kind, keys: readonly string[], until: number): Promise<readonly Lookup[]> {
    const run = async (connection: SqlConnection) => {
      const sent = performance.now();
      const { lookups, now } = await this.#dialect.read(connection, kind, keys);
      this.#clock.observe(now, sent, performance.now());
      return lookups;
    };
    const read = await this.#gate.run({ run, nothing: undefined, until, isVital: false, rows: keys.length, bytes: 0 });
    return read ?? keys.map(() => UNKNOWN);
  }

  /** Returns for each stored key whether it was written; nothing for those that may or may not have been. */
  async #writeAll(
    kind: Kind,
    items: readonly StoreItem[],
    { timeout }: StoreCall,
    isAdd: boolean,
  ): Promise<ReadonlyMap<string, boolean>> {
    const until = performance.now() + timeout;
    const isVital = kind === 'token' && !isAdd;
    const rows = new Map<string, SqlItem>();
    for (const { key, value, ttl } of items) {
      const stored = storedKey(kind, checkedKey('SqlStore', key));
      if (value.length > MAX_VALUE_BYTES) this.#tooLarge++;
      // Of one key twice the last is set, and the first is added.
      else if (!isAdd || !rows.has(stored)) rows.set(stored, { key: stored, value, life: lifeOf(kind, ttl) });
    }
    const sorted = [...rows.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
    const parts = chunks(sorted, ({ value }) => value.length);
    const answers = await Promise.all(parts.map((part) => this.#write(part, isAdd, until, isVital)));
    const written = new Map<string, boolean>();
    parts.forEach((part, i) => {
      for (const { key } of part) {
        const keys = answers[i];
        if (keys !== undefined) written.set(key, keys.has(key));
      }
    });
    return written;
  }

  /** Returns the keys of what was written; undefined if that is not known. */
  async #write(
    items: readonly SqlItem[],
    isAdd: boolean,
    until: number,
    isVital: boolean,
  ): Promise<ReadonlySet<string> | undefined> {
    const bytes = items.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
    const run = async (connection: SqlConnection) => {
      const deadline = await this.#deadline(connection, until);
      const patience = Math.min(until - performance.now(), LONGEST_LOCK);
      if (patience <= 0) return undefined;
      const written = await this.#dialect.write(connection, { items, isAdd, deadline, patience });
      if (written === undefined) return undefined;
      if (written.size < items.length) {
        // What was not written may have come after its deadline. Only before it does that mean that another value is there.
        if (isAdd && !this.#clock.isBefore(deadline)) return undefined;
        // The server's clock may have been set forward. A process that does not read would not notice for a minute.
        if (!isAdd) this.#clock.forget();
      }
      this.#removal.wrote(written.size, bytes);
      return written;
    };
    return this.#gate.run({ run, nothing: undefined, until, isVital, rows: items.length, bytes });
  }

  /** Returns what the database's clock will say at a time of this process, or less. */
  async #deadline(connection: SqlConnection, until: number): Promise<number> {
    const known = this.#clock.at(until);
    if (known !== undefined) return known;
    const sent = performance.now();
    this.#clock.observe(await this.#now(connection), sent, performance.now());
    return this.#clock.at(until) as number;
  }

  /** Writes the row that says that a process looks after the size of the table. */
  async #claim(life: number, isAdd: boolean): Promise<boolean> {
    const item = { key: 'c:claim', value: new Uint8Array(0), life };
    const written = await this.#write([item], isAdd, performance.now() + CLAIM_TIMEOUT, false);
    return written?.has(item.key) === true;
  }
}

function lifeOf(kind: Kind, ttl: number): number {
  const longest = LONGEST[kind];
  return ttl === 0 ? longest : Math.min(ttl * 1_000, LONGEST.token);
}

/** Cuts a list into parts for one statement each. */
function chunks<T>(list: readonly T[], bytesOf: (one: T) => number): readonly (readonly T[])[] {
  const parts: T[][] = [];
  let bytes = 0;
  for (const one of list) {
    const part = parts.at(-1);
    bytes += bytesOf(one);
    if (part === undefined || part.length >= MAX_ROWS || bytes > MAX_BYTES) {
      parts.push([one]);
      bytes = bytesOf(one);
    } else {
      part.push(one);
    }
  }
  return parts;
}
