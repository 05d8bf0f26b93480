import type { Kind } from '../../stores/store.ts';
import { readEntry, type StoredEntry, writeEntry } from '../entry.ts';
import type { Sealer } from '../seal.ts';
import type { SafeStore } from './safe-store.ts';

/** Told of values that a store gave back and that cannot be what was stored under their keys. */
export type OnDamaged = (kind: Kind, names: readonly string[]) => void;

/** An entry on its way to the store; its time to live in seconds. */
export interface OutgoingEntry extends StoredEntry {
  readonly key: string;
  readonly ttl: number;
  /** What was under the key can never be served again: even a provisional entry may take its place. */
  readonly isReplacing: boolean;
}

/** What a store has under a key: an entry, or something else. */
export type Answered = StoredEntry | 'damaged' | undefined;

/** The entries in the store, sealed. */
export class SharedEntries {
  readonly #store: SafeStore;
  readonly #sealer: Sealer;
  readonly #onDamaged: OnDamaged;

  constructor(store: SafeStore, sealer: Sealer, onDamaged: OnDamaged) {
    this.#store = store;
    this.#sealer = sealer;
    this.#onDamaged = onDamaged;
  }

  /** The entry of each key that has one. */
  async read(keys: readonly string[], timeout: number): Promise<readonly Answered[]> {
    const damaged: string[] = [];
    const answers = await this.#store.getMany('entry', keys, timeout);
    const entries = keys.map((key, i): Answered => {
      const answer = answers[i];
      if (answer?.state !== 'found') return undefined;
      const text = this.#sealer.unseal('entry', key, answer.value);
      const stored = text === undefined ? undefined : readEntry(text, key);
      if (stored === undefined) damaged.push(key);
      return stored ?? 'damaged';
    });
    if (damaged.length > 0) this.#onDamaged('entry', damaged);
    return entries;
  }

  /** Writes entries, the provisional ones only where there is none. */
  async write(entries: readonly OutgoingEntry[], timeout: number): Promise<void> {
    const item = ({ key, canonical, entry, ttl }: OutgoingEntry) => ({
      key,
      value: this.#sealer.seal('entry', key, writeEntry({ canonical, entry }, key)),
      ttl,
    });
    const lasting = entries.filter(({ entry, isReplacing }) => !entry.provisional || isReplacing);
    const provisional = entries.filter(({ entry, isReplacing }) => entry.provisional && !isReplacing);
    await Promise.all([
      this.#store.setMany('entry', lasting.map(item), timeout),
      this.#store.addMany('entry', provisional.map(item), timeout),
    ]);
  }
}
