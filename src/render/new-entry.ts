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
  made: { readonly html: string; readonly canonical: string; readonly cost: number; readonly since: number },
  dependencies: Dependencies,
): Entry {
  const { html, canonical, cost, since } = made;
  const youngest = tokenTime(dependencies.youngest());
  // Promise 2: something was bumped so late that the data may have been read before.
  const isLate = youngest >= since - (store === undefined ? 0 : CLOCK_SKEW);
  return {
    html,
    canonical,
    names: [...dependencies.tokens.keys()],
    tokens: [...dependencies.tokens.values()],
    templates: [...dependencies.templates.values()],
    expires: isLate ? Math.min(dependencies.expires, youngest + maxDataAge) : dependencies.expires,
    provisional: isLate || dependencies.provisional,
    cost,
  };
}
