import { NOTHING_READ, type Reads } from '../reads/reads.ts';
import type { Dependencies } from './dependencies.ts';
import type { Entry } from './entry.ts';
import type { Hole } from './hole.ts';
import { type Token, tokenTime } from './token.ts';

/** Largest assumed difference between the clocks of two machines, in milliseconds. */
export const CLOCK_SKEW = 1_000;

/**
 * Makes the entry of a body that was just rendered. It is provisional if a name was bumped so late that the data may
 * have been read before.
 *
 * @param made `cost`: milliseconds the rendering took; `since`: earliest time its data was read, in milliseconds since
 * 1970; `youngest`: token of the last bump, if the dependencies have younger ones that no bump has made
 */
export function newEntry(
  { store, maxDataAge }: { readonly store?: object | undefined; readonly maxDataAge: number },
  made: {
    readonly html: string;
    readonly holes?: readonly Hole[];
    readonly cost: number;
    readonly since: number;
    readonly youngest?: Token;
  },
  dependencies: Dependencies,
  reads: Reads = NOTHING_READ,
): Entry {
  const { html, cost, since } = made;
  const youngest = tokenTime(made.youngest ?? dependencies.youngest());
  // Promise 2: a name was bumped so late that the data may have been read before the bump.
  const isLate = youngest >= since - (store === undefined ? 0 : CLOCK_SKEW);
  return {
    html,
    dependencies: namesAndTokens(dependencies.tokens),
    templates: dependencies.templates.size === 0 ? NONE : [...dependencies.templates.values()],
    reads,
    expires: isLate ? Math.min(dependencies.expires, youngest + maxDataAge) : dependencies.expires,
    provisional: isLate || dependencies.provisional,
    holes: made.holes ?? NONE,
    microseconds: Math.round(cost * 1_000),
  };
}

const NONE: readonly never[] = [];

/** Flattens the map into an array of exact size. An array grown by push reserves room for 17 more in every entry. */
function namesAndTokens(tokens: ReadonlyMap<string, Token>): readonly string[] {
  const list = new Array<string>(2 * tokens.size);
  let i = 0;
  for (const [name, token] of tokens) {
    list[i++] = name;
    list[i++] = token;
  }
  return list;
}
