import { loadPackage } from '../../util/load-package.ts';
import { checkCompressFrom } from '../compress-from.ts';
import { DeferredStore, type Opened } from '../deferred-store.ts';
import type { Store } from '../store.ts';
import type { SqlKnex } from './knex.ts';
import { SqlStore } from './sql-store.ts';
import { openDatabase, withoutKnex } from './sqlite-file.ts';

/** Connections for the store alone. */
const CONNECTIONS = 2;
/** Milliseconds that connecting, or waiting for a connection, may take: no call waits longer. */
const PATIENCE = 1_000;
/** Milliseconds after which a connection that is not used is closed. Until then it keeps the process alive. */
const IDLE = 5_000;
/** The store reports what fails; Knex would print it. */
const SILENT = { debug: () => {}, warn: () => {}, error: () => {}, deprecate: () => {} };

/** A connection of pg, which has its socket in another object, or of mysql2. */
interface DriverConnection {
  readonly connection?: Pick<DriverConnection, 'stream'>;
  readonly stream?: { unref(): void };
}

interface KnexPackage {
  knex(config: object): SqlKnex & { destroy(): Promise<void> };
}

/**
 * Returns a store in an SQLite file, which is made if it is not there. It needs one of the packages better-sqlite3 and libsql.
 *
 * @param path of the file, from the working directory
 */
export function sqliteStore(path: string): Store {
  return deferred(`The SQLite file ${path}`, async () => {
    const database = await openDatabase(path);
    const end = async () => void database.close();
    const store = new SqlStore(withoutKnex(database));
    return prepared({ store, end }, async () => database.exec(store.createTableSql()));
  });
}

/**
 * Returns a store in a database server, with connections of its own. It needs the package knex and the client's.
 *
 * @param client `pg` or `mysql2`
 */
export function sqlServerStore(client: string, url: string): Store {
  return deferred('The SQL database', async () => {
    const { knex } = await loadPackage<KnexPackage>('knex');
    const own = knex({
      client,
      // PostgreSQL's client would wait for ever for a server that does not answer.
      connection: client === 'pg' ? { connectionString: url, connectionTimeoutMillis: PATIENCE } : url,
      log: SILENT,
      acquireConnectionTimeout: PATIENCE,
      pool: { min: 0, max: CONNECTIONS, createTimeoutMillis: PATIENCE, idleTimeoutMillis: IDLE, afterCreate },
    });
    const store = new SqlStore(own, { connections: CONNECTIONS });
    return prepared({ store, end: () => own.destroy() }, () => store.createTable());
  });
}

/** A connection on which an answer is due must not keep the process alive; the timers of waiting callers do. */
function afterCreate(connection: DriverConnection, done: (error: null, connection: DriverConnection) => void): void {
  const { stream } = connection.connection ?? connection;
  stream?.unref();
  done(null, connection);
}

function deferred(name: string, open: () => Promise<Opened>): Store {
  return new DeferredStore(name, checkCompressFrom(name, undefined), open);
}

/** Makes the table; what was opened for that is ended if it fails. */
async function prepared(opened: Opened, createTable: () => Promise<unknown>): Promise<Opened> {
  try {
    await createTable();
    return opened;
  } catch (error) {
    await opened.end();
    throw error;
  }
}
