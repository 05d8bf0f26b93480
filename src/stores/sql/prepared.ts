import type { Row, SqlConnection } from './dialect.ts';

/** A connection of better-sqlite3, or of what has its interface, such as libsql. It works in this process, and does not wait. */
interface SyncConnection {
  readonly inTransaction: boolean;
  prepare(sql: string): SyncStatement;
  pragma(text: string, options?: { readonly simple?: boolean }): unknown;
}

interface SyncStatement {
  readonly reader: boolean;
  all(bindings: readonly unknown[]): Row[];
  run(bindings: readonly unknown[]): unknown;
}

/** Statements kept for a connection. Those that read have eleven forms. */
const MAX_STATEMENTS = 30;

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
    const connection = this.#connection;
    if (connection.inTransaction) throw new InTransaction('the connection has a transaction open');
    const statement = this.#prepare(sql);
    if (/^\s*SELECT/.test(sql)) return statement.all(bindings);
    // To wait for a lock would stop this process. Who runs the statement tries again.
    const waits = Number(connection.pragma('busy_timeout', { simple: true }));
    connection.pragma('busy_timeout = 0');
    try {
      if (statement.reader) return statement.all(bindings);
      statement.run(bindings);
      return [];
    } finally {
      connection.pragma(`busy_timeout = ${waits}`);
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
