import { LRUCache } from 'lru-cache';
import type { Entry } from '../fragment/entry.ts';
import { leaves, type ReadShape } from '../reads/shape.ts';
import { Collector } from '../reads/sinks.ts';
import { walk } from '../reads/walk.ts';
import type { Scope } from '../reads/world.ts';

/** Misses in a row, each with another value of one path, after which a fragment is not stored. */
const MANY = 20;
/** For how long, in milliseconds. */
const PAUSE = 60_000;
/** Fragments that are watched: those that missed last although they were there with other values. */
const MAX_WATCHED = 1_000;

interface Watched {
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
  why(near: string): string | undefined {
    const watched = this.#watched.size === 0 ? undefined : this.#watched.peek(near);
    return watched !== undefined && watched.until > this.#now() ? watched.why : undefined;
  }

  hit(near: string): void {
    if (this.#watched.size > 0) this.#watched.delete(near);
  }

  /**
   * A fragment was made. Only what it reads differed, if the one before it would be valid still.
   *
   * @param isValid whether the tokens of an entry are what they were
   */
  missed(near: string, entry: Entry, scope: Scope, isValid: (made: Made) => boolean): void {
    const last = this.#watched.get(near);
    if (last === undefined || last.until !== 0 || !isValid(last.last)) {
      this.#watched.set(near, { last: madeFrom(entry), misses: 1, values: new Map(), until: 0, why: '' });
      return;
    }
    last.last = madeFrom(entry);
    this.#count(last, entry.reads.shape, scope);
  }

  #count(watched: Watched, shape: ReadShape, scope: Scope): void {
    watched.misses++;
    for (const leaf of leaves(shape)) {
      const collector = new Collector();
      walk(leaf, scope, collector);
      const path = leaf.paths[0] ?? '';
      const values = watched.values.get(path);
      if (values === undefined) watched.values.set(path, new Set([collector.text]));
      else values.add(collector.text);
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

/** What says whether an entry is valid; its html is not kept for that. */
export type Made = Pick<Entry, 'dependencies' | 'expires'>;

function madeFrom({ dependencies, expires }: Entry): Made {
  return { dependencies, expires };
}
