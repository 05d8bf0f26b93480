import nunjucks from 'nunjucks';
import type { CacheSweeper, CacheSweeperOptions } from 'nunjucks-cachesweeper';
import { describe, expect, test } from 'vitest';
import { AsyncObjectLoader, ObjectLoader } from '../support/loaders.ts';
import { renderPage } from '../support/render.ts';
import { type Construct, constructs, context } from './table.ts';

/**
 * Renders every construct of the table with a sweeper: body only, cold, warm, and after a bump. Each hit is verified when its page
 * is there.
 *
 * @param many elements of the longest list
 * @param table those that are tried, if not all
 */
export function testConstructs(
  title: string,
  makeSweeper: (options: CacheSweeperOptions) => CacheSweeper,
  { many, table = constructs }: { readonly many?: number; readonly table?: readonly Construct[] } = {},
): void {
  describe(`every Nunjucks construct, ${title}`, () => {
    test.each(table.map((construct) => [construct.name, construct] as const))(
      '%s',
      async (_name, construct) => {
        // Another visitor's number on each page.
        const page = { ...context(many), runs: 0, visitor: 0 };
        // With a loader that needs time, Nunjucks alone loses output in many constructs: the truth is without one.
        const { loader: _, ...atOnce } = construct;
        const plainly = environment(withoutTags(atOnce), page);
        // Only holes show something else to the next visitor.
        const isFixed = !Object.values(construct.templates).some((source) => source.includes('visitor'));
        let known: string | undefined;
        const plain = async () => {
          known = isFixed ? (known ?? (await renderPage(plainly, 'page.njk', page))) : undefined;
          return known ?? renderPage(plainly, 'page.njk', page);
        };

        const errors: unknown[] = [];
        let hits = 0;
        const sweeper = makeSweeper({
          verify: 1,
          onError: (error) => void errors.push(error),
          onRender: ({ fragments }) => {
            hits += fragments.filter(({ outcome }) => outcome === 'hit').length;
          },
        });
        const env = sweeper.install(environment(construct, page));
        const runs = async () => {
          page.visitor++;
          const expected = await plain();
          page.runs = 0;
          const html = await renderPage(env, 'page.njk', page);
          // What is run behind the page is run to verify its hits.
          const { runs } = page;
          await sweeper.idle();
          expect(html).toBe(expected);
          return runs;
        };
        const cold = await runs();
        const hasFragment = !construct.name.endsWith('outside a body');
        expect(cold > 0).toBe(hasFragment);
        let warm = await runs();
        // What a busy machine did not store before its deadline, the next page does.
        for (let tries = 0; construct.slow && warm > 0 && tries < 5; tries++) warm = await runs();
        expect(warm).toBe(0);
        await sweeper.invalidateAll();
        const bumped = await runs();
        expect(bumped > 0).toBe(hasFragment);
        expect(errors).toEqual([]);
        const counts = countsOf(sweeper);
        expect(counts.differed).toBe(0);
        // A page that takes long is not verified to its end on a busy machine.
        if (construct.slow !== true) expect(counts).toEqual({ checked: hits, differed: 0, skipped: 0 });
        await sweeper.close();
      },
      300_000,
    );
  });
}

/** How many hits were verified, of all tags. */
function countsOf(sweeper: CacheSweeper): Record<'checked' | 'differed' | 'skipped', number> {
  const counts = { checked: 0, differed: 0, skipped: 0 };
  for (const { verified } of sweeper.stats().tags) {
    counts.checked += verified.checked;
    counts.differed += verified.differed;
    counts.skipped += verified.skipped;
  }
  return counts;
}

function environment({ templates, options, loader }: Construct, page: { runs: number }): nunjucks.Environment {
  const from = loader === 'async' ? new AsyncObjectLoader(templates) : new ObjectLoader(templates);
  const env = new nunjucks.Environment(from as nunjucks.ILoader, options);
  env.addGlobal('ran', () => {
    page.runs++;
    return '';
  });
  env.addFilter(
    'later',
    (value: unknown, done: (error: null, value: unknown) => void) => setImmediate(() => done(null, value)),
    true,
  );
  return env;
}

/** The same templates with nothing but the bodies: a block tag that renders what it contains, with the same edges. */
function withoutTags(construct: Construct): Construct {
  const templates = Object.entries(construct.templates).map(([name, source]) => [
    name,
    source
      .replace(/([{<]%-?)\s*cachesweeper[\s\S]*?(-?%[}>])/g, '$1 if true $2')
      .replace(/([{<]%-?)\s*endcachesweeper\s*(-?%[}>])/g, '$1 endif $2')
      .replace(/{%\s*depends.*?%}/g, '')
      // A loop of one step ends what is set in it, and has what is passed.
      .replace(/([{<]%-?)\s*uncached\s*(-?%[}>])/g, '$1 for unnamed in [1] $2')
      .replace(/([{<]%-?)\s*uncached (\w+)=(.*?)\s*(-?%[}>])/g, '$1 for $2 in [$3] $4')
      .replace(/([{<]%-?)\s*enduncached\s*(-?%[}>])/g, '$1 endfor $2'),
  ]);
  return { ...construct, templates: Object.fromEntries(templates) };
}
