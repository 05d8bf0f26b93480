import { MAX_PATHS, NO_READS, type ReadShape } from '../reads/shape.ts';
import { union } from '../reads/shape-parts.ts';
import { lru } from '../util/lru.ts';

/** Limit of tags whose paths are kept. */
const MAX_RECORDS = 10_000;

/**
 * The record of each tag: the paths that its bodies read, as far as this process knows. An entry's key in a store
 * contains the values of these paths. The store has the records too, so that another process can build the same key. A
 * record that is lost, old or overwritten leads to another key, and so to a miss.
 */
export class Records {
  readonly #shapes = lru<ReadShape>(MAX_RECORDS);

  /** @param tag the key that stands for the tag */
  known(tag: string): ReadShape | undefined {
    return this.#shapes.get(tag);
  }

  /** Adds paths, and returns all that are known then. A record with more than {@link MAX_PATHS} starts again. */
  learn(tag: string, shape: ReadShape): ReadShape {
    const both = union(this.#shapes.get(tag) ?? NO_READS, shape);
    const learnt = both.size > MAX_PATHS ? shape : both;
    this.#shapes.set(tag, learnt);
    return learnt;
  }
}
