import { join } from 'node:path';
import Database from 'libsql';
import { serverFolder } from './server-process.ts';

/** A file for several processes, removed after the test file. */
export class SqliteFile {
  readonly path: string = join(serverFolder(), 'cache.sqlite');
  readonly #database: Database.Database = new Database(this.path);

  constructor() {
    this.#database.pragma('busy_timeout = 5000');
  }

  /** As CACHESWEEPER_STORE takes it. */
  get url(): string {
    return `sqlite:${this.path}`;
  }

  /** Takes the lock: others read, and cannot write. */
  stop(): void {
    this.#database.exec('BEGIN IMMEDIATE');
  }

  /** Gives the lock back. */
  continue(): void {
    this.#database.exec('COMMIT');
  }

  async clear(): Promise<void> {
    const [table] = this.#database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'cachesweeper'").all();
    // The first store that is opened makes it.
    if (table !== undefined) this.#database.exec('DELETE FROM cachesweeper');
  }
}
