import { NOTHING_READ, type Reads } from '../reads/reads.ts';
import type { Dependencies } from './dependencies.ts';
import type { Entry } from './entry.ts';
import type { Hole } from './hole.ts';
import { type Token, tokenTime } from './token.ts';

/** Largest assumed difference between the clocks of two machines, in milliseconds. */
export const CLOCK_SKEW = 1_000;

/** Longest duration that an entry tells, in milliseconds: what V8 keeps without an object of its own. */
const MAX_DURATION = 2 ** 30;

/**
 * Makes the entry of a body that was just rendered. It is provisional if a name was bumped so late that the data may
 * have been read before.
 *
 * Promise 2, with a store, where the clocks of no two processes differ by more than {@link CLOCK_SKEW}:
 *
 * - **What is not late is made from data read after the bump.** Data read before the bump was read, on the clock of the
 *   process that renders, at most `CLOCK_SKEW` after the time in the token. So `since` is not later than that either.
 * - **What is late ends in time.** Its last moment is the time in the token, `maxDataAge` and `CLOCK_SKEW`, on the clock
 *   of the process that serves it. Where that clock shows what the clock of the bump shows, this is `maxDataAge` + 1 s
 *   after the bump. Where it is slow, it is as much later as the two clocks differ, so never over `maxDataAge` + 2 s.
 * - **There is always something that can be stored.** A page that does not know since when its data was read takes
 *   `maxDataAge` before now. While that is late, the last moment of a late entry has not passed.
 *
 * An earlier end would leave a time in which each page renders everything: entries would be late, and over already. A
 * later one would be needed by nobody.
 *
 * @param made `cost`: milliseconds the rendering took; `duration`: milliseconds that all of it took, loads included; `since`: earliest time its data was read, in milliseconds since
 * 1970; `youngest`: token of the last bump, if the dependencies have younger ones that no bump has made
 */
export function newEntry(
  { store, maxDataAge }: { readonly store?: object | undefined; readonly maxDataAge: number },
  made: {
    readonly html: string;
    readonly holes?: readonly Hole[];
    readonly cost: number;
    readonly duration: number;
    readonly since: number;
    readonly youngest?: Token;
  },
  dependencies: Dependencies,
  reads: Reads = NOTHING_READ,
): Entry {
  const { html, cost, since } = made;
  const youngest = tokenTime(made.youngest ?? dependencies.youngest());
  // A name was bumped so late that the data may have been read before the bump.
  const isLate = youngest >= since - (store === undefined ? 0 : CLOCK_SKEW);
  // An entry is not served in the millisecond in which it expires, and what is made in its last one is still late.
  const end = youngest + maxDataAge + (store === undefined ? 0 : CLOCK_SKEW + 1);
  const expires = isLate ? Math.min(dependencies.expires, end) : dependencies.expires;
  const provisional = isLate || dependencies.provisional;
  return {
    html,
    dependencies: namesAndTokens(dependencies.tokens),
    templates: dependencies.templates.size === 0 ? NONE : [...dependencies.templates.values()],
    reads,
    expires,
    // What may be older than its tokens is not served a moment longer than promise 2 says.
    stale: provisional || expires === Number.POSITIVE_INFINITY ? 0 : staleAfter(expires, dependencies.staleUntil),
    provisional,
    holes: made.holes ?? NONE,
    microseconds: Math.round(cost * 1_000),
    // A clock can be set back, or far ahead.
    duration: Math.min(Math.max(0, Math.round(made.duration)), MAX_DURATION),
  };
}

const NONE: readonly never[] = [];

/** A number that is no longer exact cannot be read back from a store. */
function staleAfter(expires: number, staleUntil: number): number {
  return Math.min(Math.floor(staleUntil - expires), Number.MAX_SAFE_INTEGER);
}

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
