import type { Kind } from '../../stores/store.ts';
import { readEntry, type StoredEntry, writeEntry } from '../entry.ts';
import type { Packing } from './packing.ts';
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

/** An entry, `damaged` for a value that cannot be opened or parsed, or undefined for none. */
export type Answered = StoredEntry | 'damaged' | undefined;

/** Reads and writes entries in the store, packed and sealed. */
export class SharedEntries {
  readonly #store: SafeStore;
  readonly #packing: Packing;
  readonly #onDamaged: OnDamaged;

  constructor(store: SafeStore, packing: Packing, onDamaged: OnDamaged) {
    this.#store = store;
    this.#packing = packing;
    this.#onDamaged = onDamaged;
  }

  /** Returns the entry of each key, in the order of the keys. */
  async read(keys: readonly string[], timeout: number): Promise<readonly Answered[]> {
    const damaged: string[] = [];
    const answers = await this.#store.getMany('entry', keys, timeout);
    const unpack = this.#packing.unpacking();
    const texts = await Promise.all(
      answers.map((answer, i) => (answer.state === 'found' ? unpack(keys[i] as string, answer.value) : undefined)),
    );
    const entries = keys.map((key, i): Answered => {
      if (answers[i]?.state !== 'found') return undefined;
      const text = texts[i];
      const stored = text === undefined ? undefined : readEntry(text, key);
      if (stored === undefined) damaged.push(key);
      return stored ?? 'damaged';
    });
    if (damaged.length > 0) this.#onDamaged('entry', damaged);
    return entries;
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
