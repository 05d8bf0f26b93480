import { NOTHING_READ } from '../reads/reads.ts';
import type { ReadShape } from '../reads/shape.ts';
import type { Background } from '../util/background.ts';
import type { Entry } from './entry.ts';
import type { StoredKey } from './key.ts';
import type { MemoryTier } from './memory-tier.ts';
import type { SharedEntries } from './shared/shared-entries.ts';
import { PENDING, type TokenReader, UNKNOWN } from './token-reader.ts';

/** An entry and its key in the store, if there is one. */
export interface KeyedEntry {
  readonly entry: Entry;
  readonly stored: StoredKey | undefined;
}

/** Whether an entry may be served now. */
export type Verdict = 'valid' | 'invalid' | 'pending';

/** How long writing entries may take, in milliseconds: no page waits for it. */
const WRITE_TIMEOUT = 1_000;

/** What was made and found, and the tokens it is judged by. */
export interface Harvest {
  /** By the key that the memory tier knows them by. */
  readonly kept: ReadonlyMap<string, readonly KeyedEntry[]>;
  /** Entries that came from the store. */
  readonly found: ReadonlyMap<string, readonly KeyedEntry[]>;
  /** What tags read, where the store does not have it. */
  readonly records: ReadonlyMap<string, StoredKey & { readonly shape: ReadShape }>;
  readonly reader: TokenReader;
}

/** Where entries are kept: in the memory tier, and in the store if there is one. */
export class Entries {
  readonly #memory: MemoryTier | undefined;
  readonly #shared: SharedEntries | undefined;
  readonly #background: Background;
  readonly #now: () => number;

  constructor(
    memory: MemoryTier | undefined,
    shared: SharedEntries | undefined,
    background: Background,
    now: () => number,
  ) {
    this.#memory = memory;
    this.#shared = shared;
    this.#background = background;
    this.#now = now;
  }

  /**
   * The entries of this process for a fragment, each for other values of what its body read.
   *
   * @param memoryKey {@link FragmentKey.memoryKey}
   */
  inMemory(memoryKey: string): readonly Entry[] {
    return this.#memory?.get(memoryKey) ?? NONE;
  }

  /** An entry that must not be served again by this process. */
  drop(memoryKey: string, entry: Entry): void {
    this.#memory?.delete(memoryKey, entry);
  }

  /**
   * The same for all processes, as far as a store without a way to delete can do it: an entry that is expired takes its place.
   * What other processes keep in memory stays there.
   *
   * @param stored its key in the store, if it may be there
   */
  expire(memoryKey: string, entry: Entry, stored: StoredKey | undefined): void {
    this.drop(memoryKey, entry);
    if (this.#shared === undefined || stored === undefined) return;
    this.#write(this.#shared, [
      { ...stored, entry: { ...entry, html: '', expires: 0, provisional: false }, isReplacing: true },
    ]);
  }

  /** Whether an entry is small enough for the memory tier; without one everything is. */
  fits(memoryKey: string, entry: Entry): boolean {
    return this.#memory === undefined || this.#shared !== undefined || this.#memory.fits(memoryKey, entry);
  }

  /** Valid only if every token in it is known and equal now. */
  judge({ dependencies, expires }: Pick<Entry, 'dependencies' | 'expires'>, reader: TokenReader): Verdict {
    if (expires !== Number.POSITIVE_INFINITY && expires <= this.#now()) return 'invalid';
    let verdict: Verdict = 'valid';
    for (let i = 0; i < dependencies.length; i += 2) {
      const token = reader.token(dependencies[i] as string);
      // All that are not known are asked for together.
      if (token === PENDING) verdict = 'pending';
      else if (token === UNKNOWN || token !== dependencies[i + 1]) return 'invalid';
    }
    return verdict;
  }

  /** Stores what a successful render, or view, kept. */
  keep({ kept, found, records, reader }: Harvest): void {
    const written: Written[] = [];
    for (const [memoryKey, entries] of kept) {
      for (const { entry, stored } of entries) {
        // What a lazy rendered was judged by its own render: here its names were not asked for.
        if (this.judge(entry, reader) === 'invalid') continue;
        this.#remember(memoryKey, entry, reader);
        // What is there was not served: its tokens never come back.
        if (stored !== undefined) written.push({ ...stored, entry, isReplacing: reader.isOccupied(stored.key) });
      }
    }
    for (const [memoryKey, entries] of found) for (const { entry } of entries) this.#remember(memoryKey, entry, reader);
    if (this.#shared === undefined || written.length === 0) return;
    for (const { shape, ...key } of records.values())
      written.push({ ...key, entry: recordOf(shape), isReplacing: true });
    this.#write(this.#shared, written);
  }

  #remember(memoryKey: string, entry: Entry, reader: TokenReader): void {
    if (this.#memory === undefined) return;
    if (entry.provisional) {
      // A provisional entry never replaces a valid one.
      const { shape, text } = entry.reads;
      const there = this.#memory.get(memoryKey).find(({ reads }) => reads.shape === shape && reads.text === text);
      if (there !== undefined && this.judge(there, reader) !== 'invalid') return;
    }
    this.#memory.set(memoryKey, entry, (variant) => this.#isDead(variant, reader));
  }

  /** Whether an entry can never be served again, as far as that is known already. */
  #isDead({ dependencies, expires }: Entry, reader: TokenReader): boolean {
    if (expires <= this.#now()) return true;
    for (let i = 0; i < dependencies.length; i += 2) {
      const token = reader.knownToken(dependencies[i] as string);
      if (token !== undefined && token !== dependencies[i + 1]) return true;
    }
    return false;
  }

  #write(shared: SharedEntries, written: readonly Written[]): void {
    this.#background.start(() =>
      shared.write(
        written.map((each) => ({ ...each, ttl: this.#seconds(each.entry.expires) })),
        WRITE_TIMEOUT,
      ),
    );
  }

  #seconds(expires: number): number {
    if (expires === Number.POSITIVE_INFINITY) return 0;
    return Math.max(1, Math.ceil((expires - this.#now()) / 1_000));
  }
}

interface Written extends StoredKey {
  readonly entry: Entry;
  readonly isReplacing: boolean;
}

const NONE: readonly Entry[] = [];

/** What a tag reads, in the form of an entry: it is stored and sealed as one, and made from nothing that could be bumped. */
function recordOf(shape: ReadShape): Entry {
  return {
    html: shape.text,
    dependencies: [],
    templates: [],
    reads: NOTHING_READ,
    expires: Number.POSITIVE_INFINITY,
    provisional: false,
    microseconds: 0,
  };
}
