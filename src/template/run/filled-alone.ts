import type { Hole } from '../../cache/hole.ts';
import type { TemplateEnvironment } from './environment.ts';
import { HoleFiller } from './hole-filler.ts';
import { placeWith } from './hole-spot.ts';
import type { Page } from './page.ts';
import { passedTo } from './passed.ts';

/**
 * Returns what holes show where nothing is known but some variables; undefined if the template of one is not what it was.
 * While a template is being loaded, the page has to run again.
 */
export function filledAlone(
  environment: TemplateEnvironment,
  page: Page,
  holes: readonly Hole[],
  variables: object,
): readonly string[] | undefined {
  const filler = new HoleFiller(placeWith(environment, page, variables));
  const texts: string[] = [];
  for (const hole of holes) {
    const found = hole.template === undefined ? 'gone' : filler.find(hole);
    if (found === 'gone') return undefined;
    texts.push(found === 'pending' ? '' : filler.fill(hole, passedTo(hole, environment.markSafe)));
  }
  return texts;
}
