import { LRUCache } from 'lru-cache';
import type { Entry } from '../cache/entry.ts';
import type { ReadShape } from '../reads/shape.ts';
import { leaves } from '../reads/shape-parts.ts';
import { Collector } from '../reads/sinks.ts';
import { walk } from '../reads/walk.ts';
import type { Scope } from '../reads/world.ts';
import { digest } from '../util/digest.ts';

/** Misses in a row, each with another value of the same path, after which a fragment is no longer stored. */
const MANY = 20;
/** How long such a fragment is not stored, in milliseconds. */
const PAUSE = 60_000;
/** Length of the digests that tell values apart. */
const DIGEST_CHARACTERS = 12;
/** Limit of watched fragments. A fragment is watched from a miss until its next hit. */
const MAX_WATCHED = 1_000;
/** Characters that each of them may have for its key; a longer key takes the place of several. */
const MIN_KEY = 1_000;

interface Watched {
  /** The page on which a use of the tag was last counted. */
  page: object;
  /** Names and tokens of the last entry, and when it expires. */
  last: Made;
  misses: number;
  /** The digests of the values that each path had. */
  readonly values: Map<string, Set<string>>;
  /** Until when the fragment is not stored: milliseconds since 1970; 0 before the first such pause. */
  until: number;
  why: string;
}

/**
 * Finds fragments that read a value that differs each time, such as a random number. Their entries would never be
 * served, so they are not stored for a while.
 */
export class Changing {
  readonly #now: () => number;
  readonly #watched = new LRUCache<string, Watched>({
    maxSize: MAX_WATCHED * MIN_KEY,
    // A visitor can make long keys.
    sizeCalculation: (_watched, key) => Math.max(MIN_KEY, key.length),
  });

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Returns why a fragment is not stored for now; undefined if it is stored. */
  why(memoryKey: string): string | undefined {
    const watched = this.#watched.size === 0 ? undefined : this.#watched.peek(memoryKey);
    return watched !== undefined && watched.until > this.#now() ? watched.why : undefined;
  }

  /**
   * Returns a digest of the value of each path, if only a changed value can be why the last entry was not served.
   * Returns undefined otherwise, for example when a token of that entry has changed. Only the first use of a tag on a
   * page counts, because further uses show other values beside the first, not in its place.
   *
   * @param page stands for the page that makes the entry
   * @param isValid whether the tokens of an entry are still the same
   */
  values(
    memoryKey: string,
    page: object,
    shape: ReadShape,
    scope: Scope,
    isValid: (made: Made) => boolean,
  ): PathValues | undefined {
    const last = this.#watched.peek(memoryKey);
    if (last === undefined || last.page === page || last.until !== 0 || !isValid(last.last)) return undefined;
    return leaves(shape).map((leaf) => {
      const collector = new Collector();
      walk(leaf, scope, collector);
      return [leaf.paths[0] ?? '', digest(collector.text, DIGEST_CHARACTERS)] as const;
    });
  }

  hit(memoryKey: string): void {
    if (this.#watched.size > 0) this.#watched.delete(memoryKey);
  }

  /**
   * Records a miss: the body was rendered, and an entry made.
   *
   * @param values result of {@link values} for the body
   */
  missed(memoryKey: string, page: object, entry: Entry, values: PathValues | undefined): void {
    const last = this.#watched.get(memoryKey);
    if (last?.page === page) return;
    if (last === undefined || values === undefined) {
      this.#watched.set(memoryKey, { page, last: madeFrom(entry), misses: 1, values: new Map(), until: 0, why: '' });
      return;
    }
    last.page = page;
    last.last = madeFrom(entry);
    this.#count(last, values);
  }

  #count(watched: Watched, read: PathValues): void {
    watched.misses++;
    for (const [path, value] of read) {
      const values = watched.values.get(path);
      if (values === undefined) watched.values.set(path, new Set([value]));
      else values.add(value);
    }
    if (watched.misses < MANY) return;
    const paths = [...watched.values].filter(([, { size }]) => size >= MANY - 1).map(([path]) => path);
    if (paths.length === 0) {
      watched.misses = 1;
      watched.values.clear();
      return;
    }
    const others = [...watched.values.values()].filter(({ size }) => size > 1).length - paths.length;
    const only = others === 0 ? ', nothing else differed' : '';
    const quoted = paths.map((path) => `\`${path}\``).join(', ');
    watched.until = this.#now() + PAUSE;
    watched.why =
      `${quoted} had ${MANY} values in ${MANY} renders${only}; put it outside of the fragment, or say ` +
      `except=${paths.length === 1 ? `"${paths[0]}"` : JSON.stringify(paths)}`;
    watched.values.clear();
  }
}

/** Paths, each with a digest of the value that was read. */
export type PathValues = readonly (readonly [path: string, value: string])[];

/** The parts of an entry that decide whether it is valid. The html is left out to save memory. */
export type Made = Pick<Entry, 'dependencies' | 'expires'>;

function madeFrom({ dependencies, expires }: Entry): Made {
  return { dependencies, expires };
}
