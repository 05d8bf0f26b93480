import { readdirSync, statSync } from 'node:fs';

/** What is behind the path in the names of an SQLite file, of its log, and of the memory in which processes share where the log ends. */
const PARTS = ['', '-wal', '-shm'];
/** Links to what this process has open, on Linux. */
const OPEN = '/proc/self/fd';

/** Tells a file from all others that there are: as long as it is open no other one gets its number, although it was deleted. */
interface FileId {
  readonly dev: number;
  readonly ino: number;
}

/**
 * An SQLite file that is open. SQLite goes on with a file that was deleted, and other processes have another one, so that neither sees
 * what the other writes. The same holds for its log.
 *
 * What is under its path is looked at each time. The time of its folder would tell less: it stays as it is where another file system is
 * mounted, and on those that show several folders as one.
 */
export class OpenFile {
  readonly #path: string;
  /** Undefined for a part that was not there yet: without WAL there is the file alone. */
  readonly #ids: (FileId | undefined)[];

  /** @param path of a file that this process has open. It may have been deleted or replaced since. */
  constructor(path: string) {
    this.#path = path;
    const open = openIds();
    this.#ids = PARTS.map((part) => {
      const id = idOf(path + part);
      return open === undefined || open.some((one) => isSame(one, id)) ? id : undefined;
    });
  }

  /** Throws if a part of the file is not under its path any more. */
  check(): void {
    PARTS.forEach((part, i) => {
      const id = idOf(this.#path + part);
      const known = this.#ids[i];
      if (known === undefined && part !== '') this.#ids[i] = id;
      else if (known === undefined || !isSame(known, id)) {
        throw new Error(
          `${this.#path}${part} was deleted or replaced while it was open: end all processes that have it open, delete it with its -wal and -shm, and start them again`,
        );
      }
    });
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
