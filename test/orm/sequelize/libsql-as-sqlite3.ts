import Driver from 'libsql';

type Done = (this: { lastID: number; changes: number }, error: Error | null, rows?: unknown[]) => void;

/**
 * The part of the sqlite3 package's interface that Sequelize uses, on libsql: its binaries come from the npm registry, so
 * that nobody needs a compiler.
 */
class Database {
  readonly #db: Driver.Database;

  /** Sequelize keeps the connection of a database in memory. */
  readonly filename: string;

  constructor(file: string, _mode: number, done: (error: Error | null) => void) {
    this.#db = new Driver(file);
    this.filename = file;
    // Not before the constructor has returned.
    setImmediate(done, null);
  }

  run(sql: string, parameters: unknown, done?: Done): this {
    return this.#call(sql, parameters, done);
  }

  all(sql: string, parameters: unknown, done?: Done): this {
    return this.#call(sql, parameters, done);
  }

  serialize(run: () => void): void {
    run();
  }

  close(done?: (error: Error | null) => void): void {
    this.#db.close();
    done?.(null);
  }

  #call(sql: string, parameters: unknown, done: Done | undefined): this {
    const callback = (typeof parameters === 'function' ? parameters : done) as Done | undefined;
    const bound = typeof parameters === 'object' && parameters !== null ? parameters : [];
    let result = { lastID: 0, changes: 0 };
    let rows: unknown[] = [];
    let failure: Error | null = null;
    try {
      const statement = this.#db.prepare(sql);
      const values = Array.isArray(bound) ? bound.map(plain) : [withoutPrefix(bound)];
      if (statement.reader) {
        rows = statement.all(...values);
      } else {
        const { lastInsertRowid, changes } = statement.run(...values);
        result = { lastID: Number(lastInsertRowid), changes };
      }
    } catch (error) {
      failure = Object.assign(error as Error, { message: `SQLITE_ERROR: ${(error as Error).message}` });
    }
    setImmediate(() => callback?.call(result, failure, rows));
    return this;
  }
}

/** sqlite3 takes `{ $1: value }`, libsql `{ 1: value }`. */
function withoutPrefix(parameters: object): object {
  return Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name.replace(/^\$/, ''), plain(value)]));
}

function plain(value: unknown): unknown {
  if (typeof value === 'boolean') return Number(value);
  return value instanceof Date ? value.toISOString() : value;
}

export const libsqlAsSqlite3 = { Database, OPEN_READONLY: 1, OPEN_READWRITE: 2, OPEN_CREATE: 4 };
