import type { CommentPlaces } from './comment-places.ts';
import type { Insertion } from './insertions.ts';
import { type Printed, ShownPlaces } from './shown-places.ts';

/** A fragment of a page that a mark can stand around. */
export interface Numbered<P> extends Printed<P> {
  /** Its number on the page. */
  readonly number: number;
}

/** Marks, and the numbers of the fragments that have them. */
export interface Marks {
  readonly insertions: readonly Insertion[];
  readonly marked: readonly number[];
}

/**
 * Returns marks for the fragments of a page, comments in front of each and behind it: `<!--cs:SECRET:7-->` and `<!--/cs:SECRET:7-->`.
 * There are none for a fragment that is not found, or where a comment would be shown.
 *
 * @param printed the fragments, with those inside of them
 * @param secret tells the marks from what stands on the page; letters and digits
 */
export function marksOf<P extends Numbered<P>>(
  html: string,
  places: CommentPlaces,
  printed: readonly P[],
  secret: string,
): Marks {
  const { spans } = new ShownPlaces(html, printed);
  // Outer fragments come first: their marks stand outside.
  const found = [...spans].filter(([, { from, to }]) => places.has(from) && places.has(to));
  const begins = found.map(([{ number }, { from }]) => ({ at: from, text: `<!--cs:${secret}:${number}-->` }));
  const ends = found.map(([{ number }, { to }]) => ({ at: to, text: `<!--/cs:${secret}:${number}-->` }));
  return { insertions: [...ends.reverse(), ...begins], marked: found.map(([{ number }]) => number) };
}
