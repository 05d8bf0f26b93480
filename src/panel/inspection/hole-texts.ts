import type { Hole } from '../../cache/hole.ts';

/**
 * Returns what the holes of an entry show on a page; undefined for those that cannot be told from what is around them.
 *
 * @param html of the entry, with nothing in its holes
 * @param shown with what they show
 */
export function holeTexts(
  html: string,
  holes: readonly Pick<Hole, 'at'>[],
  shown: string,
): readonly (string | undefined)[] {
  const texts: (string | undefined)[] = [];
  let at = holes[0]?.at ?? 0;
  holes.forEach((hole, i) => {
    const isLast = i === holes.length - 1;
    const behind = html.slice(hole.at, holes[i + 1]?.at);
    const found = isLast ? shown.length - behind.length : shown.indexOf(behind, at);
    const isCertain = isLast || (behind !== '' && shown.indexOf(behind, found + 1) === -1);
    texts.push(
      isCertain && found >= at && texts.every((text) => text !== undefined) ? shown.slice(at, found) : undefined,
    );
    at = found + behind.length;
  });
  return texts;
}
