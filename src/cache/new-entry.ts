import { NOTHING_READ, type Reads } from '../reads/reads.ts';
import type { Dependencies } from './dependencies.ts';
import type { Entry } from './entry.ts';
import { type Token, tokenTime } from './token.ts';

/** Clocks of two machines may differ by this much, in milliseconds. */
export const CLOCK_SKEW = 1_000;

/**
 * The entry of something that was just made.
 *
 * @param made `cost`: milliseconds that rendering it took; `since`: when its data was read, at the earliest, in milliseconds since 1970
 */
export function newEntry(
  { store, maxDataAge }: { readonly store?: object | undefined; readonly maxDataAge: number },
  made: { readonly html: string; readonly cost: number; readonly since: number },
  dependencies: Dependencies,
  reads: Reads = NOTHING_READ,
): Entry {
  const { html, cost, since } = made;
  const youngest = tokenTime(dependencies.youngest());
  // Promise 2: something was bumped so late that the data may have been read before.
  const isLate = youngest >= since - (store === undefined ? 0 : CLOCK_SKEW);
  return {
    html,
    dependencies: namesAndTokens(dependencies.tokens),
    templates: dependencies.templates.size === 0 ? NONE : [...dependencies.templates.values()],
    reads,
    expires: isLate ? Math.min(dependencies.expires, youngest + maxDataAge) : dependencies.expires,
    provisional: isLate || dependencies.provisional,
    microseconds: Math.round(cost * 1_000),
  };
}

const NONE: readonly never[] = [];

/** In a list that takes no more memory than it needs: one that grows has room for 17, in every entry kept. */
function namesAndTokens(tokens: ReadonlyMap<string, Token>): readonly string[] {
  const list = new Array<string>(2 * tokens.size);
  let i = 0;
  for (const [name, token] of tokens) {
    list[i++] = name;
    list[i++] = token;
  }
  return list;
}
