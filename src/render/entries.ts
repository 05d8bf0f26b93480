import type { Entry } from '../fragment/entry.ts';
import type { StoredKey } from '../fragment/key.ts';
import type { MemoryTier } from '../stores/memory-tier.ts';
import type { SharedEntries } from '../stores/shared-entries.ts';
import type { Background } from './background.ts';
import { type Knowledge, PENDING, UNKNOWN } from './knowledge.ts';
import type { KeyedEntry } from './render.ts';

/** Whether an entry may be served now. */
export type Verdict = 'valid' | 'invalid' | 'pending';

/** How long writing entries may take, in milliseconds: no page waits for it. */
const WRITE_TIMEOUT = 1_000;

/** What was made and found, and the tokens it is judged by. */
export interface Harvest {
  /** By the key that the memory tier knows them by. */
  readonly kept: ReadonlyMap<string, KeyedEntry>;
  /** Entries that came from the store. */
  readonly found: ReadonlyMap<string, KeyedEntry>;
  readonly knowledge: Knowledge;
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

  /** @param near {@link FragmentKey.near} */
  inMemory(near: string): Entry | undefined {
    return this.#memory?.get(near);
  }

  /** Whether an entry is small enough for the memory tier; without one everything is. */
  fits(near: string, entry: Entry): boolean {
    return this.#memory === undefined || this.#shared !== undefined || this.#memory.fits(near, entry);
  }

  /** Valid only if every token in it is known and equal now. */
  judge({ dependencies, expires }: Entry, knowledge: Knowledge): Verdict {
    if (expires !== Number.POSITIVE_INFINITY && expires <= this.#now()) return 'invalid';
    let verdict: Verdict = 'valid';
    for (let i = 0; i < dependencies.length; i += 2) {
      const token = knowledge.token(dependencies[i] as string);
      // All that are not known are asked for together.
      if (token === PENDING) verdict = 'pending';
      else if (token === UNKNOWN || token !== dependencies[i + 1]) return 'invalid';
    }
    return verdict;
  }

  /** Stores what a successful render, or view, kept. */
  keep({ kept, found, knowledge }: Harvest): void {
    const written: (StoredKey & { readonly entry: Entry })[] = [];
    for (const [near, { entry, stored }] of kept) {
      // What a lazy rendered was judged by its own render: here its names were not asked for.
      if (this.judge(entry, knowledge) === 'invalid') continue;
      this.#remember(near, entry, knowledge);
      if (stored !== undefined) written.push({ ...stored, entry });
    }
    for (const [near, { entry }] of found) this.#remember(near, entry, knowledge);
    if (this.#shared !== undefined && written.length > 0) this.#write(this.#shared, written);
  }

  #remember(near: string, entry: Entry, knowledge: Knowledge): void {
    if (this.#memory === undefined) return;
    const there = entry.provisional ? this.#memory.get(near) : undefined;
    // A provisional entry never replaces a valid one.
    if (there !== undefined && this.judge(there, knowledge) !== 'invalid') return;
    this.#memory.set(near, entry);
  }

  #write(shared: SharedEntries, written: readonly (StoredKey & { readonly entry: Entry })[]): void {
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
