import { LRUCache } from 'lru-cache';
import { MAX_PATHS, NO_READS, type ReadShape, union } from '../reads/shape.ts';

/** Tags whose paths are kept. */
const MAX_RECORDS = 10_000;

/**
 * What the bodies of each tag read, as far as this process knows. An entry's key in a store holds the values of these paths; the
 * store has the record as well, so that another process can build the key. One that is lost, old or overwritten leads to
 * another key: to a miss.
 */
export class Records {
  readonly #shapes = new LRUCache<string, ReadShape>({ max: MAX_RECORDS });

  /** @param tag the key that stands for the tag */
  known(tag: string): ReadShape | undefined {
    return this.#shapes.get(tag);
  }

  /** Adds paths; returns all that are known then. Beyond {@link MAX_PATHS} a record begins anew. */
  learn(tag: string, shape: ReadShape): ReadShape {
    const both = union(this.#shapes.get(tag) ?? NO_READS, shape);
    const learnt = both.size > MAX_PATHS ? shape : both;
    this.#shapes.set(tag, learnt);
    return learnt;
  }
}
