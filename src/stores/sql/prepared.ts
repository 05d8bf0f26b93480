import type { Row, SqlConnection } from './dialect.ts';

/** A connection of better-sqlite3, or of what has its interface, such as libsql. It works in this process, and does not wait. */
interface SyncConnection {
  readonly inTransaction: boolean;
  prepare(sql: string): SyncStatement;
  exec(sql: string): unknown;
  pragma(text: string, options?: { readonly simple?: boolean }): unknown;
}

interface SyncStatement {
  all(bindings: readonly unknown[]): Row[];
}

/** Statements kept for a connection. Those that read have eleven forms. */
const MAX_STATEMENTS = 30;

const SELECT = /^\s*SELECT/;

const prepared = new WeakMap<object, Map<string, SyncStatement>>();

/** Thrown where the connection has a transaction open, which this statement must not become a part of. */
class InTransaction extends Error {
  readonly code = 'SQLITE_BUSY';
}

/** Sends statements to SQLite in this process, each prepared once. */
export class PreparedConnection implements SqlConnection {
  readonly #connection: SyncConnection;

  constructor(connection: object) {
    this.#connection = connection as SyncConnection;
  }

  async query(sql: string, bindings: readonly unknown[] = []): Promise<readonly Row[]> {
    if (this.#connection.inTransaction) throw new InTransaction('the connection has a transaction open');
    const statement = this.#prepare(sql);
    return SELECT.test(sql) ? statement.all(bindings) : this.#write(statement, bindings);
  }

  /**
   * Runs a statement that writes. It takes the lock first, and not by the statement: libsql does not reset a statement that could not get
   * it, which then keeps the connection at an old state.
   */
  #write(statement: SyncStatement, bindings: readonly unknown[]): readonly Row[] {
    const connection = this.#connection;
    const patience = Number(connection.pragma('busy_timeout', { simple: true }));
    // To wait for the lock would stop this process. The gate tries again.
    connection.pragma('busy_timeout = 0');
    try {
      connection.exec('BEGIN IMMEDIATE');
      const rows = statement.all(bindings);
      connection.exec('COMMIT');
      return rows;
    } catch (error) {
      if (connection.inTransaction) connection.exec('ROLLBACK');
      throw error;
    } finally {
      connection.pragma(`busy_timeout = ${patience}`);
    }
  }

  #prepare(sql: string): SyncStatement {
    const statements = prepared.get(this.#connection) ?? new Map<string, SyncStatement>();
    prepared.set(this.#connection, statements);
    const known = statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.#connection.prepare(sql);
    if (statements.size >= MAX_STATEMENTS) statements.clear();
    statements.set(sql, statement);
    return statement;
  }
}
