import type { Kind } from '../../stores/store.ts';
import { readEntry, type StoredEntry, writeEntry } from '../entry.ts';
import { Batcher } from './batcher.ts';
import { type Packing, TOO_MUCH } from './packing.ts';
import type { SafeStore } from './safe-store.ts';

/** Called with the keys, or token names, of stored values that fail the seal check or cannot be parsed. */
export type OnDamaged = (kind: Kind, names: readonly string[]) => void;

/** An entry to be written; `ttl` in seconds, 0 for no limit. */
export interface OutgoingEntry extends StoredEntry {
  readonly key: string;
  readonly ttl: number;
  /** The value under the key can never be served again, so that even a provisional entry may replace it. */
  readonly isReplacing: boolean;
}

/** An entry, `damaged` for a value that cannot be opened or parsed, `unknown` where the store has not answered. */
export type Answered = StoredEntry | 'damaged' | 'unknown';

/** Reads and writes entries in the store, packed and sealed. */
export class SharedEntries {
  readonly #store: SafeStore;
  readonly #packing: Packing;
  readonly #onDamaged: OnDamaged;
  readonly #reads = new Batcher((keys, timeout) => this.#read(keys, timeout));

  constructor(store: SafeStore, packing: Packing, onDamaged: OnDamaged) {
    this.#store = store;
    this.#packing = packing;
    this.#onDamaged = onDamaged;
  }

  /**
   * Returns what there is, by key, with what other callers have asked for: all of one turn is read together.
   *
   * @param timeout milliseconds, from when the read is sent
   */
  read(keys: readonly string[], timeout: number): Promise<ReadonlyMap<string, Answered>> {
    return this.#reads.ask(keys, timeout);
  }

  async #read(keys: readonly string[], timeout: number): Promise<ReadonlyMap<string, Answered>> {
    const found = new Map<string, Answered>();
    const damaged: string[] = [];
    const answers = await this.#store.getMany('entry', keys, timeout);
    const unpack = this.#packing.unpacking();
    const opened = keys.map(async (key, i) => {
      const answer = answers[i];
      if (answer?.state === 'unknown') found.set(key, 'unknown');
      if (answer?.state !== 'found') return;
      const text = await unpack(key, answer.value);
      if (text === TOO_MUCH) return;
      const stored = text === undefined ? undefined : readEntry(text, key);
      if (stored === undefined) damaged.push(key);
      found.set(key, stored ?? 'damaged');
    });
    await Promise.all(opened);
    if (damaged.length > 0) this.#onDamaged('entry', damaged);
    return found;
  }

  /**
   * Writes entries. A provisional one is only added where the store has nothing, unless it may replace what is there.
   *
   * @returns whether the store has taken all of them, or has others in their place: one may be too large for it
   */
  async write(entries: readonly OutgoingEntry[], timeout: number): Promise<boolean> {
    const item = async ({ key, canonical, entry, ttl }: OutgoingEntry) => ({
      key,
      value: await this.#packing.pack(key, writeEntry({ canonical, entry }, key)),
      ttl,
    });
    const lasting = entries.filter(({ entry, isReplacing }) => !entry.provisional || isReplacing);
    const provisional = entries.filter(({ entry, isReplacing }) => entry.provisional && !isReplacing);
    const [set, added] = await Promise.all([
      this.#store.setMany('entry', await Promise.all(lasting.map(item)), timeout),
      this.#store.addMany('entry', await Promise.all(provisional.map(item)), timeout),
    ]);
    return set.every((isSet) => isSet) && !added.includes('unknown');
  }
}
