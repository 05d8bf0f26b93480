import { LRUCache } from 'lru-cache';
import type { Entry } from '../cache/entry.ts';
import { leaves, type ReadShape } from '../reads/shape.ts';
import { Collector } from '../reads/sinks.ts';
import { walk } from '../reads/walk.ts';
import type { Scope } from '../reads/world.ts';
import { digest } from '../util/digest.ts';

/** Misses in a row, each with another value of one path, after which a fragment is not stored. */
const MANY = 20;
/** For how long, in milliseconds. */
const PAUSE = 60_000;
/** Values are told apart by so much of their digest. */
const DIGEST_CHARACTERS = 12;
/** Fragments that are watched: those that missed last although they were there with other values. */
const MAX_WATCHED = 1_000;

interface Watched {
  /** The page whose use of the tag was counted last. */
  page: object;
  /** What the last entry was made from: names, each with its token. */
  last: Made;
  misses: number;
  /** The values of each path, as text. */
  readonly values: Map<string, Set<string>>;
  /** Not stored until then; milliseconds since 1970. */
  until: number;
  why: string;
}

/** Finds fragments that read something that is another each time: nobody will ever be shown what is stored of them. */
export class Changing {
  readonly #now: () => number;
  readonly #watched = new LRUCache<string, Watched>({ max: MAX_WATCHED });

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Why a fragment is not stored for now; undefined if it is. */
  why(memoryKey: string): string | undefined {
    const watched = this.#watched.size === 0 ? undefined : this.#watched.peek(memoryKey);
    return watched !== undefined && watched.until > this.#now() ? watched.why : undefined;
  }

  /**
   * The value of each path as text, where only that can keep the entry before from being served; undefined elsewhere. Of one
   * page the first use counts: others on it show other values beside the first, not in its place.
   *
   * @param page stands for the page that makes it
   * @param isValid whether the tokens of an entry are what they were
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
   * A fragment was made.
   *
   * @param values what {@link values} gave for it
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

/** Paths and the text of what they read. */
export type PathValues = readonly (readonly [path: string, value: string])[];

/** What says whether an entry is valid; its html is not kept for that. */
export type Made = Pick<Entry, 'dependencies' | 'expires'>;

function madeFrom({ dependencies, expires }: Entry): Made {
  return { dependencies, expires };
}
