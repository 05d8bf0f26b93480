import { statSync } from 'node:fs';
import { dirname } from 'node:path';

/** What is behind the path in the names of an SQLite file, of its log, and of the memory in which processes share where the log ends. */
const PARTS = ['', '-wal', '-shm'];
/** Milliseconds after which the next change of a folder has another time for certain: systems count in steps, of two seconds at most. */
const SETTLED = 5_000;

/**
 * An SQLite file that is open, by its inode numbers. SQLite goes on with a file that was deleted, and other processes have another
 * one, so that neither sees what the other writes. The same holds for its log.
 */
export class OpenFile {
  readonly #path: string;
  readonly #folder: string;
  /** Undefined for a part that was not there yet: without WAL there is the file alone. */
  readonly #inodes: (number | undefined)[];
  /** The folder when the parts were last looked at. As long as it is the same, so are they. */
  #seen: { readonly ino: number; readonly ctimeMs: number } | undefined;

  /** @param path of a file that was opened just now */
  constructor(path: string) {
    this.#path = path;
    this.#folder = dirname(path);
    this.#inodes = PARTS.map((part) => inodeOf(path + part));
  }

  /** Throws if a part of the file is not under its path any more. */
  check(): void {
    // The time of the last change of its entries. Unlike `mtime` nobody can set it, as programs do that restore a backup.
    const folder = statSync(this.#folder, { throwIfNoEntry: false });
    const seen = this.#seen;
    if (seen !== undefined && seen.ino === folder?.ino && seen.ctimeMs === folder.ctimeMs) return;
    PARTS.forEach((part, i) => {
      const inode = inodeOf(this.#path + part);
      const known = this.#inodes[i];
      if (known === undefined) this.#inodes[i] = inode;
      else if (inode !== known) {
        throw new Error(`${this.#path}${part} was deleted or replaced while it was open: start the process again`);
      }
    });
    this.#seen = folder !== undefined && Date.now() - folder.ctimeMs > SETTLED ? folder : undefined;
  }
}

function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}
