import { type Row, type SqlConnection, StatementTimeout } from './dialect.ts';
import type { KnexClient, SqlKnex } from './knex.ts';
import { PreparedConnection } from './prepared.ts';
import { schemaOf } from './sqlite.ts';

/**
 * Makes a connection of the pool one that statements are sent over.
 *
 * @param timeout milliseconds after which a statement that is not answered costs the connection
 * @param table that they are about
 */
export function connect(
  knex: SqlKnex & { readonly client: KnexClient },
  connection: object,
  timeout: number,
  table: string,
): SqlConnection {
  // Knex prepares each statement anew, which takes as long as the statement.
  if (knex.client.driverName === 'better-sqlite3') return new PreparedConnection(connection, schemaOf(table));
  return new KnexConnection(knex, connection, timeout);
}

/** A connection of pg 8.16 or later. */
interface PgConnection {
  /** `I` outside of transactions; null before the first statement. */
  getTransactionStatus?(): string | null;
}

/** In what MySQL answers to a statement that writes: set while a transaction is open. */
const IN_TRANSACTION = 1;

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
    if (((this.#connection as PgConnection).getTransactionStatus?.() ?? 'I') !== 'I') throw inTransaction();
    // MySQL goes on with a statement whose connection is gone, and keeps waiting for its locks.
    const cancel = this.#knex.client.driverName.startsWith('mysql');
    const statement = this.#knex.raw(sql, bindings).connection(this.#connection).timeout(this.#timeout, { cancel });
    const result = await Promise.resolve(statement).catch((error) => {
      throw withoutStatement(error);
    });
    if (isUncommitted(result)) throw inTransaction();
    return rowsOf(result);
  }
}

/**
 * Knex puts the statement in front of what the driver says, and MySQL's drivers keep it beside that, with all values: html of
 * visitors would come into logs.
 */
function withoutStatement(error: Error & { readonly code?: unknown; readonly errno?: unknown }): Error {
  const { name, code, errno, message } = error;
  if (name === 'KnexTimeoutError') return new StatementTimeout(message);
  return Object.assign(new Error(message.split(' - ').at(-1)), { name, code, errno });
}

/** The site has given it back to the pool in this state: what is written would be committed by chance, and what is read may be old. */
function inTransaction(): Error {
  return new Error(
    'a connection of the pool has a transaction open: commit it, or roll it back, before it is released',
  );
}

/** Whether MySQL says so of a statement that writes. */
function isUncommitted(result: unknown): boolean {
  const [header] = Array.isArray(result) ? (result as { readonly serverStatus?: number }[]) : [];
  return ((header?.serverStatus ?? 0) & IN_TRANSACTION) !== 0;
}

/** The rows of what a driver returns: pg an object, mysql2 rows and columns, sqlite3 rows. */
function rowsOf(result: unknown): readonly Row[] {
  if (!Array.isArray(result)) return (result as { readonly rows?: readonly Row[] } | undefined)?.rows ?? [];
  return Array.isArray(result[0]) ? result[0] : result;
}
