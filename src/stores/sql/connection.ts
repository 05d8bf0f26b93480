import type { Row, SqlConnection } from './dialect.ts';
import type { KnexClient, SqlKnex } from './knex.ts';
import { PreparedConnection } from './prepared.ts';

/**
 * Makes a connection of the pool one that statements are sent over.
 *
 * @param timeout milliseconds after which a statement that is not answered costs the connection
 */
export function connect(
  knex: SqlKnex & { readonly client: KnexClient },
  connection: object,
  timeout: number,
): SqlConnection {
  // Knex prepares each statement anew, which takes as long as the statement.
  if (knex.client.driverName === 'better-sqlite3') return new PreparedConnection(connection);
  return new KnexConnection(knex, connection, timeout);
}

/** Sends statements through Knex. */
class KnexConnection implements SqlConnection {
  readonly #knex: SqlKnex & { readonly client: KnexClient };
  readonly #connection: object;
  readonly #timeout: number;

  constructor(knex: SqlKnex & { readonly client: KnexClient }, connection: object, timeout: number) {
    this.#knex = knex;
    this.#connection = connection;
    this.#timeout = timeout;
  }

  async query(sql: string, bindings: readonly unknown[] = []): Promise<readonly Row[]> {
    // MySQL goes on with a statement whose connection is gone, and keeps waiting for its locks.
    const cancel = this.#knex.client.driverName.startsWith('mysql');
    const result = await this.#knex.raw(sql, bindings).connection(this.#connection).timeout(this.#timeout, { cancel });
    return rowsOf(result);
  }
}

/** The rows of what a driver returns: pg an object, mysql2 rows and columns, sqlite3 rows. */
function rowsOf(result: unknown): readonly Row[] {
  if (!Array.isArray(result)) return (result as { readonly rows?: readonly Row[] } | undefined)?.rows ?? [];
  return Array.isArray(result[0]) ? result[0] : result;
}
