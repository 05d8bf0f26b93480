import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import knex, { type Knex } from 'knex';
import Driver from 'libsql';
import type { CacheSweeperError } from 'nunjucks-cachesweeper';
import { type SqlOptions, SqlStore } from 'nunjucks-cachesweeper/sql';
import { afterAll, afterEach } from 'vitest';
import { type Postgres, postgresPrograms, startPostgres } from '../orm/postgres.ts';

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

/** A database that stores are tried on. */
export interface SqlDatabase {
  readonly name: string;
  /** A Knex of its own, as another process would have it. */
  connect(pool?: Knex.PoolConfig): Knex;
}

/** Opens Knex instances, and ends them when the test file is over. */
function connecting(): { add(one: Knex): Knex; end(): Promise<void> } {
  const open: Knex[] = [];
  return {
    add: (one) => {
      open.push(one);
      return one;
    },
    async end() {
      await Promise.all(open.splice(0).map((one) => one.destroy()));
    },
  };
}

/** A new file of SQLite, removed after the test file. */
export function sqliteFile(): SqlDatabase & { readonly filename: string } {
  const folder = mkdtempSync(join(tmpdir(), 'cachesweeper-sql-'));
  const filename = join(folder, 'cache.sqlite');
  const connections = connecting();
  afterAll(async () => {
    await connections.end();
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    name: 'SQLite',
    filename,
    connect: (pool) => connections.add(knexOnFile(filename, pool)),
  };
}

export function knexOnFile(filename: string, pool: Knex.PoolConfig = {}): Knex {
  return knex({ client: Libsql as never, connection: { filename }, useNullAsDefault: true, pool });
}

/** A PostgreSQL of its own, started with the test file. */
export async function postgres(): Promise<SqlDatabase & { readonly server: Postgres }> {
  const programs = postgresPrograms();
  if (programs === undefined) {
    throw new Error('these tests need PostgreSQL: install the package postgresql (apt-get install postgresql)');
  }
  const server = await startPostgres(programs);
  const connections = connecting();
  afterAll(async () => {
    await connections.end();
    await server.stop();
  });
  const { host, user } = server;
  return {
    name: 'PostgreSQL',
    server,
    connect: (pool) =>
      connections.add(
        knex({ client: 'pg', connection: { host, user, database: 'postgres' }, pool: { min: 0, ...pool } }),
      ),
  };
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
