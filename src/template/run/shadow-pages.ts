import type { Render } from '../../render/render.ts';
import type { Shadow } from '../../render/verify/shadow.ts';
import type { Done } from '../nunjucks.ts';
import type { Page } from './page.ts';

/** Limit of passes, the same as for pages. A shadow that needs more is given up without a warning. */
const MAX_PASSES = 100;

/**
 * Renders a shadow of a page, in passes. It waits for lazies and templates like a page; its html is not used.
 *
 * @param run runs the template once
 * @param isBorneOut whether the entries that the last pass assumed valid are valid
 * @throws any error of the template
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
    render.finish();
    render.forget();
  }
}

/** Runs one pass. Returns its error; undefined when there is none. */
function pass(page: Page, run: (done: Done<string>) => void): Promise<{ readonly error: unknown } | undefined> {
  return new Promise((resolve) => {
    const finish: Done<string> = (error) => resolve(error ? { error } : undefined);
    page.fail = finish;
    page.inContext(() => {
      try {
        run(finish);
      } catch (error) {
        // Nunjucks threw the error instead of reporting it.
        finish(error ?? new Error('the template failed'));
      }
    });
  });
}
