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
    const open = openIds();
    for (const part of parts) {
      const id = idOf(this.#path + part);
      const isOpen = id !== undefined && (open === undefined || open.some((one) => isSame(one, id)));
      this.#ids.set(part, isOpen ? id : GONE);
    }
  }
}

function idOf(path: string): FileId | undefined {
  return statSync(path, { throwIfNoEntry: false });
}

function isSame(one: FileId, other: FileId | undefined): boolean {
  return one.ino === other?.ino && one.dev === other.dev;
}

/** What this process has open; undefined where the system does not tell. */
function openIds(): readonly FileId[] | undefined {
  try {
    return readdirSync(OPEN).flatMap((name) => idOf(`${OPEN}/${name}`) ?? []);
  } catch {
    return undefined;
  }
}
