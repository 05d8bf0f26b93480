import { CacheSweeperError } from '../../errors.ts';
import type { Chosen } from './watch.ts';

/** Characters shown before and after the place of a difference. */
const BEFORE = 6;
const BEHIND = 14;
/** Limit of paths and names that a message lists. */
const MAX_LISTED = 10;

/** Makes the error for html that was served although its body gives something else. */
export function differs({ place, entry }: Chosen, fresh: string): CacheSweeperError {
  const names = entry.dependencies.filter((name, i) => i % 2 === 0 && name.includes(':='));
  const made = names.length === 0 ? '' : ` of ${listed(names)}`;
  return new CacheSweeperError(
    'CACHESWEEPER_DIFFERS',
    `${place.template}:${place.line}: a fragment was served that is not what its body gives; ${whereOf(place, entry.html, fresh)}. ` +
      `In its key are ${entry.reads.shape.paths.length === 0 ? 'no variables' : listed(entry.reads.shape.paths)}. Not seen is what ` +
      `stands in its models but for booleans, and what helpers look at beside their arguments. If a model was saved, report the ` +
      `save${made}: invalidateCacheFor(…). If the page puts a value on a model, give it to the tag as an argument. If a helper ` +
      'looks at the request, name that in vary',
  );
}

/** Makes the error for a body that gives different html each time. */
export function notDeterministic({ place }: Chosen, one: string, other: string): CacheSweeperError {
  return new CacheSweeperError(
    'CACHESWEEPER_DIFFERS',
    `${place.template}:${place.line}: not deterministic: the body of this fragment gives another html each time it is rendered; ` +
      `${whereOf(place, one, other)}. Put what counts, is random or tells the time outside of the fragment`,
  );
}

/**
 * Describes the first place at which two texts differ, with some characters of the first. The second may contain a
 * value that others must not see, so it is not shown. If the tag names private values, neither is.
 */
function whereOf({ allowed }: Chosen['place'], one: string, other: string): string {
  let at = 0;
  while (at < one.length && one[at] === other[at]) at++;
  const [from, to] = [Math.max(0, at - BEFORE), at + BEHIND];
  const shown = `${from > 0 ? '…' : ''}${one.slice(from, to)}${one.length > to ? '…' : ''}`;
  const text = allowed.length > 0 ? '…' : shown;
  return `they differ at character ${at + 1} of ${one.length}, where it was ${JSON.stringify(text)}`;
}

function listed(texts: readonly string[]): string {
  const more = texts.length > MAX_LISTED ? ` and ${texts.length - MAX_LISTED} more` : '';
  return texts.slice(0, MAX_LISTED).join(', ') + more;
}
