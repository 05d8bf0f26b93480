import { loadPackage } from '../../util/load-package.ts';
import type { KnexClient, SqlKnex } from './knex.ts';
import { bootNumber } from './sqlite.ts';

/** Packages that open SQLite files, with one interface. */
const PACKAGES = ['better-sqlite3', 'libsql'] as const;
/** Milliseconds that making the table waits for other processes. */
const PATIENCE = 1_000;

/** A database of better-sqlite3. */
interface Database {
  exec(sql: string): unknown;
  pragma(text: string): unknown;
  close(): unknown;
}
type DatabaseClass = new (path: string) => Database;

/** Opens a file, which is made if it is not there. */
export async function openDatabase(path: string): Promise<Database> {
  const Database = await loadDriver();
  const database = new Database(path);
  database.pragma(`busy_timeout = ${PATIENCE}`);
  // With NORMAL, the default of better-sqlite3, a machine loses writes with its power. They are not believed after its next start, where
  // that is noticed.
  database.pragma(`synchronous = ${bootNumber() === 0 ? 'FULL' : 'NORMAL'}`);
  return database;
}

/** Stands for Knex, which the store does not need here: it sends its statements to the driver. */
export function withoutKnex(database: Database): SqlKnex & { readonly client: KnexClient } {
  const client: KnexClient = {
    driverName: 'better-sqlite3',
    acquireConnection: async () => database,
    releaseConnection: async () => {},
  };
  const raw = () => {
    throw new Error('statements go to the driver');
  };
  return Object.assign(() => {}, { client, raw });
}

async function loadDriver(): Promise<DatabaseClass> {
  for (const name of PACKAGES) {
    const loaded = await loadPackage<{ readonly default: DatabaseClass }>(name).catch(() => undefined);
    if (loaded !== undefined) return loaded.default;
  }
  throw new Error(`none of the packages ${PACKAGES.join(', ')} can be loaded: npm install better-sqlite3`);
}
