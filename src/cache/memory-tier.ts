import { LRUCache } from 'lru-cache';
import { type Entry, entryBytes } from './entry.ts';

/** An entry over this share of the tier is not kept: it would push everything else out. */
const LARGEST_SHARE = 1 / 4;
/** Entries kept of one tag and its models, each for other values of what the body read. */
export const MAX_VARIANTS = 8;

const NONE: readonly Entry[] = [];

/** The entries kept inside the process, bounded in bytes, least recently used out first. */
export class MemoryTier {
  readonly #variants: LRUCache<string, readonly Entry[]>;
  readonly #largest: number;

  /** @param maxBytes what all entries together may take, in bytes */
  constructor(maxBytes: number) {
    this.#largest = Math.max(1, Math.floor(maxBytes * LARGEST_SHARE));
    this.#variants = new LRUCache({ maxSize: maxBytes });
  }

  get size(): number {
    let size = 0;
    for (const variants of this.#variants.values()) size += variants.length;
    return size;
  }

  get bytes(): number {
    return this.#variants.calculatedSize;
  }

  /** The variants of a tag and its models, the youngest first. */
  get(key: string): readonly Entry[] {
    return this.#variants.get(key) ?? NONE;
  }

  /** Whether an entry is small enough to be kept. It is in one piece then, while it is young: that takes less memory later. */
  fits(key: string, entry: Entry): boolean {
    return entryBytes(key, entry) <= this.#largest;
  }

  /**
   * Keeps an entry, if it fits, in the place of the variant that read the same. A provisional one stands behind those that are
   * not: they are asked first.
   *
   * @param isDead whether a variant can never be served again
   */
  set(key: string, entry: Entry, isDead: (variant: Entry) => boolean = () => false): void {
    const own = entryBytes(key, entry);
    if (own > this.#largest) return;
    const others = (this.#variants.peek(key) ?? NONE).filter(
      (variant) => !isSame(variant.reads, entry.reads) && !isDead(variant),
    );
    const kept = others.slice(0, MAX_VARIANTS - 1);
    let size = own;
    for (const other of kept) size += entryBytes('', other);
    while (size > this.#largest) size -= entryBytes('', kept.pop() as Entry);
    const variants = entry.provisional ? [...kept, entry] : [entry, ...kept];
    this.#variants.set(key, variants, { size });
  }

  /** Drops one variant. */
  delete(key: string, entry: Entry): void {
    const variants = (this.#variants.peek(key) ?? NONE).filter((variant) => variant !== entry);
    this.#variants.delete(key);
    for (const variant of [...variants].reverse()) this.set(key, variant);
  }

  clear(): void {
    this.#variants.clear();
  }
}

function isSame(a: Entry['reads'], b: Entry['reads']): boolean {
  return a === b || (a.shape === b.shape && a.text === b.text);
}
