import { NOTHING_READ } from '../reads/reads.ts';
import type { ReadShape } from '../reads/shape.ts';
import type { Background } from '../util/background.ts';
import type { Entry } from './entry.ts';
import type { StoredKey } from './key.ts';
import type { MemoryTier } from './memory-tier.ts';
import type { Ended, Leases } from './shared/leases.ts';
import type { SharedEntries } from './shared/shared-entries.ts';
import { PENDING, type TokenReader, UNKNOWN } from './token-reader.ts';

/** An entry with its key in the store; the key is undefined when the entry stays in this process. */
export interface KeyedEntry {
  readonly entry: Entry;
  readonly stored: StoredKey | undefined;
}

/**
 * Whether an entry may be served now: yes, no, or its tokens have still to be read. `outage`: its tokens cannot be read,
 * and this process read them so recently that it may be shown all the same. Nothing may be stored then.
 */
export type Verdict = 'valid' | 'invalid' | 'pending' | 'outage';

/** Time limit for writing entries, in milliseconds. Pages do not wait for it. */
const WRITE_TIMEOUT = 1_000;

/** The entries that a render made and found, and the token reader they are judged by. */
export interface Harvest {
  /** Entries that the render made, by memory key. */
  readonly kept: ReadonlyMap<string, readonly KeyedEntry[]>;
  /** Entries that the render read from the store, by memory key. */
  readonly found: ReadonlyMap<string, readonly KeyedEntry[]>;
  /** Records of what tags read, where the store has none yet or an older one. */
  readonly records: ReadonlyMap<string, StoredKey & { readonly shape: ReadShape }>;
  readonly reader: TokenReader;
  /** Leases that it holds. They end when its entries are in the store. */
  readonly held: Set<string>;
}

/** Keeps entries in the memory tier and, if there is one, in the store. */
export class Entries {
  readonly #memory: MemoryTier | undefined;
  readonly #shared: SharedEntries | undefined;
  /** Undefined without a store, and where pages do not wait for each other. */
  readonly leases: Leases | undefined;
  readonly #background: Background;
  readonly #now: () => number;

  constructor(
    memory: MemoryTier | undefined,
    shared: { readonly entries: SharedEntries; readonly leases: Leases | undefined } | undefined,
    background: Background,
    now: () => number,
  ) {
    this.#memory = memory;
    this.#shared = shared?.entries;
    this.leases = shared?.leases;
    this.#background = background;
    this.#now = now;
  }

  /**
   * Returns this process's entries for a fragment, one for each set of values that its body read.
   *
   * @param memoryKey {@link FragmentKey.memoryKey}
   */
  inMemory(memoryKey: string): readonly Entry[] {
    return this.#memory?.get(memoryKey) ?? NONE;
  }

  /**
   * Like {@link inMemory}; what is found here stays in memory longer than what is asked for once. For views, whose
   * addresses a crawler asks for.
   */
  protectedInMemory(memoryKey: string): readonly Entry[] {
    return this.#memory?.protect(memoryKey) ?? NONE;
  }

  /** Removes an entry from the memory tier, so that this process does not serve it again. */
  drop(memoryKey: string, entry: Entry): void {
    this.#memory?.delete(memoryKey, entry);
  }

  /**
   * Like {@link drop}, and overwrites the entry in the store with one that has expired, because a store has no delete.
   * Copies in the memory of other processes stay.
   *
   * @param stored its key in the store, if it may be there
   */
  replace(memoryKey: string, entry: Entry, stored: StoredKey | undefined): void {
    this.drop(memoryKey, entry);
    if (this.#shared === undefined || stored === undefined) return;
    this.#write(this.#shared, [
      { ...stored, entry: { ...entry, html: '', expires: 0, stale: 0, provisional: false }, isReplacing: true },
    ]);
  }

  /** Whether entries are kept in a store as well. */
  get areShared(): boolean {
    return this.#shared !== undefined;
  }

  /** Whether an entry is small enough for the memory tier. With a store, or without a memory tier, every entry fits. */
  fits(memoryKey: string, entry: Entry): boolean {
    return this.#memory === undefined || this.#shared !== undefined || this.#memory.fits(memoryKey, entry);
  }

  /**
   * Judges an entry: it is valid only if it has not expired and each of its tokens is known and equal to the name's
   * token now. In an outage the token that was read last stands for one that cannot be read.
   */
  judge({ dependencies, expires }: Pick<Entry, 'dependencies' | 'expires'>, reader: TokenReader): Verdict {
    if (expires !== Number.POSITIVE_INFINITY && expires <= this.#now()) return 'invalid';
    return this.#judgeTokens(dependencies, reader);
  }

  /**
   * Judges an entry that has expired: `valid` means that it may be served stale. Its ttl is over, but not the time that
   * `stale=` gives beyond it, and its tokens are what they were: after a bump nothing is served stale.
   *
   * Ask only where {@link judge} has said `invalid`, and only for a page while somebody else makes the entry anew.
   */
  judgeStale(
    { dependencies, expires, stale }: Pick<Entry, 'dependencies' | 'expires' | 'stale'>,
    reader: TokenReader,
  ): Verdict {
    if (stale === 0) return 'invalid';
    const now = this.#now();
    if (expires > now || now >= expires + stale) return 'invalid';
    const verdict = this.#judgeTokens(dependencies, reader);
    return verdict === 'outage' ? 'invalid' : verdict;
  }

  #judgeTokens(dependencies: readonly string[], reader: TokenReader): Verdict {
    let isPending = false;
    let isOutage = false;
    for (let i = 0; i < dependencies.length; i += 2) {
      const token = reader.token(dependencies[i] as string);
      // Go on, so that all unknown tokens are asked for in one round trip.
      if (token === PENDING) isPending = true;
      else if (token === UNKNOWN) {
        if (reader.lastRead(dependencies[i] as string) !== dependencies[i + 1]) return 'invalid';
        isOutage = true;
      } else if (token !== dependencies[i + 1]) return 'invalid';
    }
    if (isPending) return 'pending';
    return isOutage ? 'outage' : 'valid';
  }

  /** Stores the entries that a successful render, or view, made and found. */
  keep({ kept, found, records, reader, held }: Harvest): void {
    const written: Written[] = [];
    for (const [memoryKey, entries] of kept) {
      for (const { entry, stored } of entries) {
        // A lazy's render judged its own entries. Names this render never asked for are pending here, which is no
        // reason to skip.
        const verdict = this.judge(entry, reader);
        if (verdict !== 'valid' && verdict !== 'pending') continue;
        this.#remember(memoryKey, entry, reader);
        if (stored !== undefined)
          written.push({ ...stored, entry, isReplacing: this.#mayReplace(stored, entry, reader) });
      }
    }
    for (const [memoryKey, entries] of found) {
      for (const { entry } of entries) {
        // Another page of this process may have made it.
        if (!this.#memory?.peek(memoryKey).includes(entry)) this.#remember(memoryKey, entry, reader);
      }
    }
    // Whoever waits for what was not stored makes it.
    if (this.#shared === undefined || written.length === 0) return this.release(held, 'free');
    for (const { shape, ...key } of records.values())
      written.push({ ...key, entry: recordOf(shape), isReplacing: true });
    this.#write(this.#shared, written, held);
  }

  /**
   * Whether an entry takes the place of what the store has under its key. A provisional one does not take that of one that lasts
   * and is valid, because what is made early has not expired.
   */
  #mayReplace({ key, canonical }: StoredKey, { provisional }: Entry, reader: TokenReader): boolean {
    if (!reader.isOccupied(key)) return false;
    const there = reader.known(key, canonical);
    return !provisional || there === undefined || there.provisional || this.judge(there, reader) !== 'valid';
  }

  /** Says what came of leases, and forgets them. */
  release(held: Set<string>, said: Ended): void {
    if (held.size === 0) return;
    void this.leases?.end([...held], said);
    held.clear();
  }

  /** Starts a job that {@link CacheSweeper.idle} waits for; false if too many are running. */
  inBackground(job: () => Promise<unknown>): boolean {
    return this.#background.start(job);
  }

  #remember(memoryKey: string, entry: Entry, reader: TokenReader): void {
    if (this.#memory === undefined) return;
    if (entry.provisional) {
      // A provisional entry never replaces a valid one that read the same.
      const { shape, text } = entry.reads;
      const there = this.#memory.peek(memoryKey).find(({ reads }) => reads.shape === shape && reads.text === text);
      if (there !== undefined && this.judge(there, reader) !== 'invalid') return;
    }
    this.#memory.set(memoryKey, entry, (variant) => this.#isDead(variant, reader));
  }

  /** Whether an entry can never be served again, as far as tokens already read tell. Asks for none. */
  #isDead({ dependencies, expires, stale }: Entry, reader: TokenReader): boolean {
    if (expires + stale <= this.#now()) return true;
    for (let i = 0; i < dependencies.length; i += 2) {
      const token = reader.knownToken(dependencies[i] as string);
      if (token !== undefined && token !== dependencies[i + 1]) return true;
    }
    return false;
  }

  #write(shared: SharedEntries, written: readonly Written[], held: Set<string> = new Set()): void {
    const ended = [...held];
    const isStarted = this.#background.start(async () => {
      const isWritten = await shared.write(
        written.map((each) => ({ ...each, ttl: this.#seconds(each.entry) })),
        WRITE_TIMEOUT,
      );
      // For what is not there nobody is to wait again, because the next one may not be taken either.
      await this.leases?.end(ended, isWritten ? 'done' : 'free');
    });
    if (isStarted) held.clear();
    else this.release(held, 'free');
  }

  /** For how long the store keeps an entry: as long as it may be served, stale or not. */
  #seconds({ expires, stale }: Entry): number {
    if (expires === Number.POSITIVE_INFINITY) return 0;
    return Math.max(1, Math.ceil((expires + stale - this.#now()) / 1_000));
  }
}

interface Written extends StoredKey {
  readonly entry: Entry;
  readonly isReplacing: boolean;
}

const NONE: readonly Entry[] = [];

/**
 * Turns the record of what a tag reads into an entry without dependencies, so that it is sealed and stored in the same
 * way.
 */
function recordOf(shape: ReadShape): Entry {
  return {
    html: shape.text,
    dependencies: [],
    templates: [],
    reads: NOTHING_READ,
    expires: Number.POSITIVE_INFINITY,
    stale: 0,
    provisional: false,
    holes: [],
    microseconds: 0,
    duration: 0,
  };
}
