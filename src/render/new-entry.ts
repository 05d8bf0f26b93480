import type { Dependencies } from '../fragment/dependencies.ts';
import type { Entry } from '../fragment/entry.ts';
import { tokenTime } from '../fragment/token.ts';
import type { Settings } from '../options.ts';

/** Clocks of two machines may differ by this much, in milliseconds. */
const CLOCK_SKEW = 1_000;

/**
 * The entry of something that was just made.
 *
 * @param made `since`: when its data was read, at the earliest, in milliseconds since 1970
 */
export function newEntry(
  { store, maxDataAge }: Pick<Settings, 'store' | 'maxDataAge'>,
  made: { readonly html: string; readonly cost: number; readonly since: number },
  dependencies: Dependencies,
): Entry {
  const { html, cost, since } = made;
  const youngest = tokenTime(dependencies.youngest());
  // Promise 2: something was bumped so late that the data may have been read before.
  const isLate = youngest >= since - (store === undefined ? 0 : CLOCK_SKEW);
  return {
    html,
    names: listOf(dependencies.tokens.keys(), dependencies.tokens.size),
    tokens: listOf(dependencies.tokens.values(), dependencies.tokens.size),
    templates: listOf(dependencies.templates.values(), dependencies.templates.size),
    expires: isLate ? Math.min(dependencies.expires, youngest + maxDataAge) : dependencies.expires,
    provisional: isLate || dependencies.provisional,
    cost,
  };
}

const NONE: readonly never[] = [];

/** A list that takes no more memory than it needs: one that grows (`[...values]`) has room for 17, in every entry kept. */
function listOf<T>(values: Iterable<T>, length: number): readonly T[] {
  if (length === 0) return NONE;
  const list = new Array<T>(length);
  let i = 0;
  for (const value of values) list[i++] = value;
  return list;
}
