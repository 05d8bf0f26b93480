import { LRUCache } from 'lru-cache';
import { type Entry, entryBytes } from '../fragment/entry.ts';

/** An entry over this share of the tier is not kept: it would push everything else out. */
const LARGEST_SHARE = 1 / 4;

/** The entries kept inside the process, bounded in bytes, least recently used out first. */
export class MemoryTier {
  readonly #entries: LRUCache<string, Entry>;
  readonly #largest: number;

  /** @param maxBytes what all entries together may take, in bytes */
  constructor(maxBytes: number) {
    this.#largest = Math.max(1, Math.floor(maxBytes * LARGEST_SHARE));
    this.#entries = new LRUCache({ maxSize: maxBytes });
  }

  get size(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#entries.calculatedSize;
  }

  get(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  /** Whether an entry is small enough to be kept. It is in one piece then, while it is young: that takes less memory later. */
  fits(key: string, entry: Entry): boolean {
    return entryBytes(key, entry) <= this.#largest;
  }

  /** Keeps an entry, if it fits. */
  set(key: string, entry: Entry): void {
    const size = entryBytes(key, entry);
    if (size <= this.#largest) this.#entries.set(key, entry, { size });
  }

  clear(): void {
    this.#entries.clear();
  }
}
