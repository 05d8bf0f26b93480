import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import knex, { type Knex } from 'knex';
import Driver from 'libsql';
import type { CacheSweeperError } from 'nunjucks-cachesweeper';
import { type SqlOptions, SqlStore } from 'nunjucks-cachesweeper/sql';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { type Postgres, postgresPrograms, startPostgres } from '../orm/postgres.ts';
import { isDeep } from '../support/long.ts';
import { MariaDb, type MariaDbSettings } from './mariadb.ts';

/** Longer than anything that is waited for. */
export const CALL = { timeout: 5_000 };

// Knex has no types for its dialects.
const Dialect = createRequire(import.meta.url)('knex/lib/dialects/better-sqlite3/index.js') as new () => object;

/** Knex' better-sqlite3 with libsql, which has its interface and needs no compiler. */
class Libsql extends Dialect {
  _driver() {
    return Driver;
  }
}

/** Knex tells of every connection that fails. */
const SILENT = { warn: () => {}, error: () => {}, deprecate: () => {}, debug: () => {} };

/** A database that stores are tried on. */
export abstract class SqlDatabase {
  readonly #open: Knex[] = [];

  /** Returns a Knex of its own, as another process would have it. It is ended with the database. */
  connect(pool: Knex.PoolConfig = {}): Knex {
    const one = knex({ ...this.config(pool), log: SILENT });
    this.#open.push(one);
    return one;
  }

  /** Ends all that was connected. */
  async stop(): Promise<void> {
    await Promise.all(this.#open.splice(0).map((one) => one.destroy()));
  }

  protected abstract config(pool: Knex.PoolConfig): Knex.Config;
}

/** A new file of SQLite. */
export class SqliteFile extends SqlDatabase {
  readonly #folder = mkdtempSync(join(tmpdir(), 'cachesweeper-sql-'));

  get filename(): string {
    return join(this.#folder, 'cache.sqlite');
  }

  override async stop(): Promise<void> {
    await super.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  protected config(pool: Knex.PoolConfig): Knex.Config {
    return { client: Libsql as never, connection: { filename: this.filename }, useNullAsDefault: true, pool };
  }
}

/** A PostgreSQL of its own. */
export class PostgresServer extends SqlDatabase {
  readonly server: Postgres;

  static async start(): Promise<PostgresServer> {
    const programs = postgresPrograms();
    if (programs !== undefined) return new PostgresServer(await startPostgres(programs));
    throw new Error('these tests need PostgreSQL: install the package postgresql (apt-get install postgresql)');
  }

  private constructor(server: Postgres) {
    super();
    this.server = server;
  }

  override async stop(): Promise<void> {
    await super.stop();
    await this.server.stop();
  }

  protected config(pool: Knex.PoolConfig): Knex.Config {
    const { host, user } = this.server;
    return { client: 'pg', connection: { host, user, database: 'postgres' }, pool: { min: 0, ...pool } };
  }
}

/** A MariaDB of its own. */
export class MariaDbServer extends SqlDatabase {
  readonly server: MariaDb;

  static async start(settings?: MariaDbSettings): Promise<MariaDbServer> {
    const database = new MariaDbServer(new MariaDb(settings));
    await database.server.start();
    return database;
  }

  private constructor(server: MariaDb) {
    super();
    this.server = server;
  }

  override async stop(): Promise<void> {
    await super.stop();
    await this.server.stop();
  }

  protected config(pool: Knex.PoolConfig): Knex.Config {
    const connection = { socketPath: this.server.socketPath, user: 'root', database: 'cache' };
    return { client: 'mysql2', connection, pool: { min: 0, ...pool } };
  }
}

/** What all databases must do is tried on each of these. MariaDB is another package to install. */
export const databases: readonly (readonly [name: string, open: () => Promise<SqlDatabase>])[] = [
  ['an SQLite file', async () => new SqliteFile()],
  ['PostgreSQL', () => PostgresServer.start()],
  ...(isDeep ? ([['MariaDB', () => MariaDbServer.start()]] as const) : []),
];

/** Those that are servers. */
export const servers: readonly (readonly [name: string, open: () => Promise<PostgresServer | MariaDbServer>])[] = [
  ['PostgreSQL', () => PostgresServer.start()],
  ...(isDeep ? ([['MariaDB', () => MariaDbServer.start()]] as const) : []),
];

/** Opens a database before the tests around it, with the store's table, and ends it after them. */
export function using<T extends SqlDatabase>(open: () => Promise<T>): () => T {
  let database: T | undefined;
  beforeAll(async () => {
    database = await open();
    await new SqlStore(database.connect()).createTable();
  });
  afterAll(() => database?.stop());
  return () => database as T;
}

/** Opens stores that are closed when their test is over. */
export function opener() {
  const stores: SqlStore[] = [];
  afterEach(() => Promise.all(stores.splice(0).map((store) => store.close())));
  return (on: Knex, options?: SqlOptions) => {
    const store = new SqlStore(on, options);
    stores.push(store);
    const errors: CacheSweeperError[] = [];
    store.onError((error) => errors.push(error as CacheSweeperError));
    return { store, errors };
  };
}

export function item(key: string, value: string, ttl = 0) {
  return { key, value: Buffer.from(value), ttl };
}

/** The texts under keys; undefined for one that is missing, and an error for one that is unknown. */
export async function texts(store: SqlStore, keys: readonly string[]): Promise<readonly (string | undefined)[]> {
  const answers = await store.getMany('token', keys, CALL);
  return answers.map((answer) => {
    if (answer.state === 'unknown') throw new Error('the store does not know');
    return answer.state === 'found' ? Buffer.from(answer.value).toString() : undefined;
  });
}
