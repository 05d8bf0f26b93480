import { loadPackage } from '../../util/load-package.ts';
import { checkCompressFrom } from '../compress-from.ts';
import { DeferredStore, type Opened } from '../deferred-store.ts';
import type { Store } from '../store.ts';
import type { SqlKnex } from './knex.ts';
import { SqlStore } from './sql-store.ts';
import { openDatabase, withoutKnex } from './sqlite-file.ts';

/** Connections for the store alone. */
const CONNECTIONS = 2;
/** Milliseconds that connecting may take. */
const CONNECT_TIMEOUT = 5_000;
/** Knex prints each connection that fails. The store reports a server that fails, once. */
const SILENT = { warn: () => {}, error: () => {} };

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
    const pool = {
      min: 0,
      max: CONNECTIONS,
      createTimeoutMillis: CONNECT_TIMEOUT,
      acquireTimeoutMillis: CONNECT_TIMEOUT,
    };
    const own = knex({ client, connection: url, pool, log: SILENT });
    const store = new SqlStore(own, { connections: CONNECTIONS });
    return prepared({ store, end: () => own.destroy() }, () => store.createTable());
  });
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
