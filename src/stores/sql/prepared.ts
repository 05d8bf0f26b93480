import type { Row, SqlConnection } from './dialect.ts';
import { KeptRows, STATE } from './kept-rows.ts';
import { OpenFile } from './open-file.ts';

/** A connection of better-sqlite3, or of what has its interface, such as libsql. It works in this process, and does not wait. */
interface SyncConnection {
  readonly inTransaction: boolean;
  prepare(sql: string): SyncStatement;
  exec(sql: string): unknown;
  pragma(text: string): unknown;
}

interface SyncStatement {
  all(bindings: readonly unknown[]): Row[];
  /** The first row. It ends the statement, as `all` does. */
  get(bindings: readonly unknown[]): Row | undefined;
}

/** Statements kept for a connection. One that writes has another form for each number of rows. */
const MAX_STATEMENTS = 30;

const SELECT = /^\s*SELECT/;
/** Statements that make the table. */
const SCHEMA = /^(PRAGMA|CREATE)/;

/** By table. */
const rowsKept = new WeakMap<object, Map<string, KeptRows>>();

const prepared = new WeakMap<object, Map<string, SyncStatement>>();

/** The file of each schema that a connection has: undefined for one in memory. */
const files = new WeakMap<object, Map<string, OpenFile | undefined>>();

/** Thrown where the connection has a transaction open, which this statement must not become a part of. */
class InTransaction extends Error {
  readonly code = 'SQLITE_BUSY';
}

/** Sends statements to SQLite in this process, each prepared once. */
export class PreparedConnection implements SqlConnection {
  readonly #connection: SyncConnection;
  readonly #schema: string;
  /** A connection is handed out for one call. The file is looked at once before it. */
  #isChecked = false;

  /** @param schema of the table. Other files that are attached may come and go. */
  constructor(connection: object, schema: string) {
    this.#connection = connection as SyncConnection;
    this.#schema = schema.toLowerCase();
  }

  async query(sql: string, bindings: readonly unknown[] = []): Promise<readonly Row[]> {
    this.#begin();
    if (SCHEMA.test(sql)) return this.#define(sql);
    const statement = this.#prepare(sql);
    return SELECT.test(sql) ? statement.all(bindings) : this.#write(statement, bindings);
  }

  async kept(table: string): Promise<KeptRows> {
    this.#begin();
    const parts = STATE.map(([column, sql]) => this.#prepare(sql).get([])?.[column]);
    // Nothing is kept for a driver that names columns otherwise.
    const state = parts.includes(undefined) ? Symbol('unknown') : parts.join();
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
    const patience = this.#setting('busy_timeout');
    // To wait for the lock would stop this process. The gate tries again.
    connection.pragma('busy_timeout = 0');
    try {
      connection.exec('BEGIN IMMEDIATE');
      const rows = statement.all(bindings);
      connection.exec('COMMIT');
      // What was written to a file that is gone is not acknowledged: others do not see it.
      this.#checkFile();
      return rows;
    } catch (error) {
      if (connection.inTransaction) connection.exec('ROLLBACK');
      throw error;
    } finally {
      connection.pragma(`busy_timeout = ${patience}`);
    }
  }

  /** Throws if a statement would not be one by itself, of the state that the file has now. */
  #begin(): void {
    if (!this.#isChecked) this.#checkFile();
    this.#isChecked = true;
    if (this.#connection.inTransaction) throw new InTransaction('the connection has a transaction open');
    // A statement that the site has not read to its end keeps the connection at an old state: better-sqlite3 then throws here.
    this.#connection.exec('');
  }

  /** Not prepared: `exec` leaves no statement behind that is at an old state. */
  #define(sql: string): readonly Row[] {
    this.#connection.exec(sql);
    return [];
  }

  /** Throws if the file was deleted or replaced. */
  #checkFile(): void {
    const open = files.get(this.#connection) ?? new Map<string, OpenFile | undefined>();
    files.set(this.#connection, open);
    if (!open.has(this.#schema)) {
      const path = this.#path();
      // It may be attached later.
      if (path === undefined) return;
      open.set(this.#schema, path === '' ? undefined : this.#open(path));
    }
    open.get(this.#schema)?.check();
  }

  /** Returns the path of the schema's file; '' for a database in memory, undefined if there is no such schema. */
  #path(): string | undefined {
    const all = this.#connection.pragma('database_list');
    return (all as readonly { readonly name: string; readonly file: string }[]).find(
      ({ name }) => name.toLowerCase() === this.#schema,
    )?.file;
  }

  #open(path: string): OpenFile {
    const setting = (name: string) => this.#setting(`"${this.#schema}".${name}`);
    // Its log is opened when something is read.
    setting('schema_version');
    // A file that is locked for this process alone is used by no other one.
    return new OpenFile(path, () => setting('journal_mode') === 'wal' && setting('locking_mode') !== 'exclusive');
  }

  /** The option `simple` of `pragma` is another one in libsql. */
  #setting(name: string): unknown {
    const [row] = this.#connection.pragma(name) as readonly Row[];
    return row && Object.values(row)[0];
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
