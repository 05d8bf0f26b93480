import { SegmentedLru } from '../util/segmented-lru.ts';
import { type Entry, entryBytes } from './entry.ts';

/** An entry larger than this share of the tier is not kept, because it would push out most others. */
const LARGEST_SHARE = 1 / 4;
/** Entries kept under one memory key, each for other values of what the body read. */
export const MAX_VARIANTS = 8;

const NONE: readonly Entry[] = [];

/** Keeps entries in this process, up to a number of bytes. The least recently used go first, but those that are protected last. */
export class MemoryTier {
  readonly #variants: SegmentedLru<readonly Entry[]>;
  readonly #largest: number;

  /** @param maxBytes limit for all entries together, in bytes */
  constructor(maxBytes: number) {
    this.#largest = Math.max(1, Math.floor(maxBytes * LARGEST_SHARE));
    this.#variants = new SegmentedLru(maxBytes, (variants) => variants.length);
  }

  get size(): number {
    return this.#variants.count;
  }

  get bytes(): number {
    return this.#variants.calculatedSize;
  }

  /** Returns the variants of a tag and its models. Youngest first, but provisional ones after the others. */
  get(key: string): readonly Entry[] {
    return this.#variants.get(key) ?? NONE;
  }

  /** Like {@link get}, and protects what it finds from what is used once. */
  protect(key: string): readonly Entry[] {
    return this.#variants.protect(key) ?? NONE;
  }

  /** Like {@link get}, but does not count as a use. */
  peek(key: string): readonly Entry[] {
    return this.#variants.peek(key) ?? NONE;
  }

  /** Whether an entry is small enough to be kept. Measuring also flattens its strings, which saves memory later. */
  fits(key: string, entry: Entry): boolean {
    return entryBytes(key, entry) <= this.#largest;
  }

  /**
   * Keeps an entry, if it fits, in place of the variant that read the same. Provisional entries go behind the others,
   * so that those are tried first.
   *
   * @param isDead whether a variant can never be served again; such variants are dropped
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
    this.#variants.set(key, variants, size);
  }

  delete(key: string, entry: Entry): void {
    const variants = (this.#variants.peek(key) ?? NONE).filter((variant) => variant !== entry);
    if (variants.length === 0) return this.#variants.delete(key);
    const size = variants.reduce((sum, variant, i) => sum + entryBytes(i === 0 ? key : '', variant), 0);
    this.#variants.set(key, variants, size);
  }

  clear(): void {
    this.#variants.clear();
  }
}

function isSame(a: Entry['reads'], b: Entry['reads']): boolean {
  return a === b || (a.shape === b.shape && a.text === b.text);
}
