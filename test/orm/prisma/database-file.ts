import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

/** Where Linux keeps files in memory. On a disk each commit of SQLite waits until it is written: most of the time that these tests take. */
const IN_MEMORY = '/dev/shm';

/** A file for an SQLite database, removed after the test file that makes it. */
export class DatabaseFile {
  readonly #path: string;

  constructor() {
    const folder = mkdtempSync(join(existsSync(IN_MEMORY) ? IN_MEMORY : tmpdir(), 'cachesweeper-prisma-'));
    this.#path = join(folder, 'blog.db');
    afterAll(() => rmSync(folder, { recursive: true, force: true }));
  }

  get url(): string {
    return `file:${this.#path}`;
  }

  /** From now on it is a new one. */
  clear(): void {
    for (const end of ['', '-wal', '-shm']) rmSync(this.#path + end, { force: true });
  }
}
