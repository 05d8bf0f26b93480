import Driver from 'libsql';
import type { CacheSweeper } from 'nunjucks-cachesweeper';
import { sweepOnSave } from 'nunjucks-cachesweeper/typeorm';
import { DataSource, type EntityManager, type Logger } from 'typeorm';
import { Author, entities } from './models.ts';
import { seed } from './seed.ts';

/** The blog's rows: an SQLite database in memory, filled anew at each start, or a file that several processes may open. */
export class Database {
  readonly #source: DataSource;
  #lastTurn: Promise<unknown> = Promise.resolve();

  private constructor(source: DataSource) {
    this.#source = source;
  }

  /**
   * Opens a database, and fills it if it is empty; `onQuery` is called for each SQL statement, in the async context of whoever
   * caused it.
   */
  static async open(onQuery: () => void, file: string | undefined): Promise<Database> {
    const source = new DataSource({
      type: 'better-sqlite3',
      driver: Driver, // the API of better-sqlite3, with binaries from the npm registry: installing needs no compiler
      database: file ?? ':memory:',
      enableWAL: file !== undefined,
      timeout: 5_000, // for another process' write to end
      entities,
      synchronize: true,
      logger: queryLogger(onQuery),
    });
    await source.initialize();
    if ((await source.manager.count(Author)) === 0) await source.transaction(seed);
    return new Database(source);
  }

  /** Tells a sweeper of all that is saved from now on. */
  tell(sweeper: CacheSweeper): void {
    sweepOnSave(this.#source, sweeper, { exclude: ['Vote'] }); // no page shows a vote: its comment carries the sums
  }

  /** Reads rows, of one moment: no write runs in between. */
  read<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return this.#inTurn(() => work(this.#source.manager));
  }

  /** Reads and saves in one transaction; resolves when it is committed and everyone who subscribed has been told. */
  write<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return this.#inTurn(() => this.#source.transaction(work));
  }

  /** Waits for what was begun, then closes. */
  async close(): Promise<void> {
    await this.#inTurn(() => this.#source.destroy());
  }

  // TypeORM gives SQLite one connection for everybody. Without turns a request would read another's uncommitted rows,
  // and its save would end up inside the other's transaction.
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#lastTurn.then(work);
    this.#lastTurn = turn.catch(() => undefined);
    return turn;
  }
}

function queryLogger(onQuery: () => void): Logger {
  const silent = () => undefined;
  return {
    logQuery: onQuery,
    logQueryError: silent, // the error itself reaches the caller
    logQuerySlow: silent,
    logSchemaBuild: silent,
    logMigration: silent,
    log: silent,
  };
}
