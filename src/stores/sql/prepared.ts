import { statSync } from 'node:fs';
import type { Row, SqlConnection } from './dialect.ts';
import { KeptRows, STATE } from './kept-rows.ts';

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

/** By table. */
const rowsKept = new WeakMap<object, Map<string, KeptRows>>();

const prepared = new WeakMap<object, Map<string, SyncStatement>>();

/** The file that each connection has open; undefined for a database in memory. */
const files = new WeakMap<object, OpenFile | undefined>();

interface OpenFile {
  readonly path: string;
  /** Inode number. Another one under the path is another file. */
  readonly inode: number | undefined;
}

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
    const statement = this.#prepare(sql);
    return SELECT.test(sql) ? statement.all(bindings) : this.#write(statement, bindings);
  }

  async kept(table: string): Promise<KeptRows> {
    const state = this.#prepare(STATE).all([])[0]?.state;
    const tables = rowsKept.get(this.#connection) ?? new Map<string, KeptRows>();
    rowsKept.set(this.#connection, tables);
    const before = tables.get(table);
    const kept = before?.state === state && before !== undefined ? before : new KeptRows(state);
    tables.set(table, kept);
    return kept;
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

  /**
   * Throws if the file is not under its path any more. SQLite goes on with a file that was deleted, and other processes have another one,
   * so that neither would see what the other writes.
   */
  #checkFile(): void {
    if (!files.has(this.#connection)) files.set(this.#connection, fileOf(this.#connection));
    const file = files.get(this.#connection);
    if (file === undefined || inodeOf(file.path) === file.inode) return;
    throw new Error(`${file.path} was deleted or replaced while it was open: start the process again`);
  }

  /** Returns a statement that may be run now. */
  #prepare(sql: string): SyncStatement {
    this.#checkFile();
    if (this.#connection.inTransaction) throw new InTransaction('the connection has a transaction open');
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

function fileOf(connection: SyncConnection): OpenFile | undefined {
  const databases = connection.pragma('database_list') as readonly { readonly name: string; readonly file: string }[];
  const path = databases.find(({ name }) => name === 'main')?.file ?? '';
  return path === '' ? undefined : { path, inode: inodeOf(path) };
}

function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}
