import type { Render } from '../../render/render.ts';
import type { Shadow } from '../../render/verify/shadow.ts';
import type { Done } from '../nunjucks.ts';
import type { Page } from './page.ts';

/** As a page may take; a shadow that needs more is given up without a word. */
const MAX_PASSES = 100;

/**
 * Takes a shadow of a page through its passes: what it waits for is loaded, its html is nobody's.
 *
 * @param run runs the template once
 * @param isBorneOut whether what the last pass assumed has turned out to be so
 * @throws what the template throws
 */
export async function renderShadow(
  page: Page,
  shadow: Shadow,
  run: (done: Done<string>) => void,
  isBorneOut: (render: Render) => boolean,
): Promise<void> {
  const { render } = page;
  try {
    while (render.passes < MAX_PASSES && !shadow.hasEnded) {
      const failure = await pass(page, run);
      if (render.isOpen) {
        await render.roundTrip();
        if (!isBorneOut(render)) continue;
      }
      if (failure !== undefined) throw failure.error;
      return;
    }
    throw new Error('a shadow that does not end');
  } finally {
    render.isFinished = true;
    render.forget();
  }
}

/** How one pass has failed; undefined when it has not. */
function pass(page: Page, run: (done: Done<string>) => void): Promise<{ readonly error: unknown } | undefined> {
  return new Promise((resolve) => {
    const finish: Done<string> = (error) => resolve(error ? { error } : undefined);
    page.fail = finish;
    page.inContext(() => {
      try {
        run(finish);
      } catch (error) {
        // Nunjucks failed to report it.
        finish(error ?? new Error('the template failed'));
      }
    });
  });
}
