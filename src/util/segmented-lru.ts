import { LRUCache } from 'lru-cache';

/** Share that is left to values on probation, however many others were used again. */
const PROBATION = 0.2;

/**
 * A map bounded in size that drops what was used once before what was used again: a segmented lru. A value begins on
 * probation; whoever uses it again may protect it. So a crawler, which asks for each address once, pushes out what it
 * has asked for itself, and not the pages that visitors come back to.
 */
export class SegmentedLru<V extends object> {
  readonly #maxSize: number;
  readonly #maxProtected: number;
  // The bounds of the two are kept below: on probation values may take what the protected ones leave.
  readonly #probation: LRUCache<string, V>;
  readonly #protected: LRUCache<string, V>;
  #count = 0;

  /** @param countOf as how many a value counts in `count` */
  constructor(maxSize: number, countOf: (value: V) => number = () => 1) {
    this.#maxSize = maxSize;
    this.#maxProtected = Math.floor(maxSize * (1 - PROBATION));
    const segment = (): LRUCache<string, V> =>
      new LRUCache<string, V>({
        // Room for one more value, which comes before another goes.
        maxSize: 2 * maxSize,
        onInsert: (value) => {
          this.#count += countOf(value);
        },
        dispose: (value) => {
          this.#count -= countOf(value);
        },
      });
    this.#probation = segment();
    this.#protected = segment();
  }

  /** How many there are, each as often as it counts. */
  get count(): number {
    return this.#count;
  }

  get calculatedSize(): number {
    return this.#probation.calculatedSize + this.#protected.calculatedSize;
  }

  /** Returns a value, which counts as a use. */
  get(key: string): V | undefined {
    return this.#protected.get(key) ?? this.#probation.get(key);
  }

  /** Returns a value, and protects it from now on. */
  protect(key: string): V | undefined {
    const value = this.#protected.get(key);
    if (value !== undefined || !this.#probation.has(key)) return value;
    const waiting = this.#probation.peek(key) as V;
    move(key, this.#probation, this.#protected);
    this.#shrink(key);
    return waiting;
  }

  /** Returns a value without using it. */
  peek(key: string): V | undefined {
    return this.#protected.peek(key) ?? this.#probation.peek(key);
  }

  /** Sets a value in place of the one that was there. A value larger than the whole is not kept. */
  set(key: string, value: V, size: number): void {
    if (size > this.#maxSize) return this.delete(key);
    (this.#protected.has(key) ? this.#protected : this.#probation).set(key, value, { size });
    this.#shrink(key);
  }

  delete(key: string): void {
    this.#protected.delete(key);
    this.#probation.delete(key);
  }

  clear(): void {
    this.#protected.clear();
    this.#probation.clear();
  }

  /** @param newest key of the value that stays in any case */
  #shrink(newest: string): void {
    // What was used longest ago has to prove itself again.
    while (this.#protected.calculatedSize > this.#maxProtected) {
      move(oldest(this.#protected) as string, this.#protected, this.#probation);
    }
    while (this.calculatedSize > this.#maxSize) {
      const waiting = oldest(this.#probation);
      const isOther = waiting !== undefined && waiting !== newest;
      const segment = isOther || this.#protected.size === 0 ? this.#probation : this.#protected;
      segment.delete(oldest(segment) as string);
    }
  }
}

function oldest<V extends object>(segment: LRUCache<string, V>): string | undefined {
  const first = segment.rkeys().next();
  return first.done === true ? undefined : first.value;
}

function move<V extends object>(key: string, from: LRUCache<string, V>, to: LRUCache<string, V>): void {
  const { value, size = 1 } = from.info(key) as { readonly value: V; readonly size?: number };
  from.delete(key);
  to.set(key, value, { size });
}
