import type { Hole } from '../../cache/hole.ts';
import { isObject } from '../../reads/objects.ts';
import { type MarkSafe, readVariables } from '../../reads/variables.ts';
import type { Passed } from './hole-filler.ts';

/** What is passed to the holes of entries in memory, if a template cannot change it. */
const kept = new WeakMap<Pick<Hole, 'values'>, readonly Passed[]>();
const NONE: readonly never[] = [];

/** Returns what is passed to a hole, with the names. */
export function passedTo(hole: Pick<Hole, 'values'>, markSafe: MarkSafe): readonly Passed[] {
  if (hole.values === '') return NONE;
  const known = kept.get(hole);
  if (known !== undefined) return known;
  // It is written by its value, so that nothing has to be found on the page.
  const passed = readVariables(hole.values, markSafe, () => undefined);
  if (!passed.some(([, value]) => isObject(value))) kept.set(hole, passed);
  return passed;
}
