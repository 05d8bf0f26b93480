import { readdirSync, statSync } from 'node:fs';

/** What is behind the path in the names of the log of an SQLite file, and of the memory in which processes share where the log ends. */
const LOG = ['-wal', '-shm'];
/** Links to what this process has open, on Linux. */
const OPEN = '/proc/self/fd';

/** Tells a file from all others that there are: as long as it is open no other one gets its number, although it was deleted. */
interface FileId {
  readonly dev: number;
  readonly ino: number;
}

/** A part that is open, and is not under its path. */
const GONE: FileId = { dev: -1, ino: -1 };

/**
 * An SQLite file that is open. SQLite goes on with a file that was deleted, and other processes have another one, so that neither sees
 * what the other writes. The same holds for its log.
 *
 * What is under its path is looked at each time. The time of its folder would tell less: it stays as it is where another file system is
 * mounted, and on those that show several folders as one.
 */
export class OpenFile {
  readonly #path: string;
  readonly #hasLog: () => boolean;
  /** Of each part that this process has open. */
  readonly #ids = new Map<string, FileId>();

  /**
   * @param path of a file that this process has open. It may have been deleted or replaced since.
   * @param hasLog whether its log is open too. Without WAL there is none, and with it from the first read on.
   */
  constructor(path: string, hasLog: () => boolean) {
    this.#path = path;
    this.#hasLog = hasLog;
    this.#learn(['']);
  }

  /** Throws if a part of the file is not under its path any more. */
  check(): void {
    // A log that is not open yet is not the one that will be: the last process that closes the file deletes it.
    if (this.#ids.size === 1 && this.#hasLog()) this.#learn(LOG);
    for (const [part, id] of this.#ids) {
      if (!isSame(id, idOf(this.#path + part))) {
        throw new Error(
          `${this.#path}${part} was deleted or replaced while it was open: end all processes that have it open, delete it with its -wal and -shm, and start them again`,
        );
      }
    }
  }

  #learn(parts: readonly string[]): void {
    const found = parts.map((part) => idOf(this.#path + part) ?? GONE);
    const closed = closedOf(found);
    parts.forEach((part, i) => {
      const id = found[i] as FileId;
      this.#ids.set(part, closed.has(id) ? GONE : id);
    });
  }
}

function idOf(path: string): FileId | undefined {
  return statSync(path, { throwIfNoEntry: false });
}

function isSame(one: FileId, other: FileId | undefined): boolean {
  return one.ino === other?.ino && one.dev === other.dev;
}

/** Returns those of some files that this process does not have open; none where the system does not tell. */
function closedOf(files: readonly FileId[]): ReadonlySet<FileId> {
  const closed = new Set(files);
  try {
    for (const name of readdirSync(OPEN)) {
      // A server may have thousands of connections: no more of them are looked at than is needed.
      if (closed.size === 0) break;
      const open = idOf(`${OPEN}/${name}`);
      for (const one of closed) if (isSame(one, open)) closed.delete(one);
    }
    return closed;
  } catch {
    return new Set();
  }
}
