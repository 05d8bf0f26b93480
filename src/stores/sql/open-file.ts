import { statSync } from 'node:fs';

/** What is behind the path in the names of an SQLite file, of its log, and of the memory in which processes share where the log ends. */
const PARTS = ['', '-wal', '-shm'];

/**
 * An SQLite file that is open, by its inode numbers. SQLite goes on with a file that was deleted, and other processes have another
 * one, so that neither sees what the other writes. The same holds for its log.
 */
export class OpenFile {
  readonly #path: string;
  /** Undefined for a part that was not there yet: without WAL there is the file alone. */
  readonly #inodes: (number | undefined)[];

  /** @param path of a file that was opened just now */
  constructor(path: string) {
    this.#path = path;
    this.#inodes = PARTS.map((part) => inodeOf(path + part));
  }

  /** Throws if a part of the file is not under its path any more. */
  check(): void {
    PARTS.forEach((part, i) => {
      const inode = inodeOf(this.#path + part);
      const known = this.#inodes[i];
      if (known === undefined) this.#inodes[i] = inode;
      else if (inode !== known) {
        throw new Error(`${this.#path}${part} was deleted or replaced while it was open: start the process again`);
      }
    });
  }
}

function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}
