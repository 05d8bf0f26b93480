import fc from 'fast-check';
import type { CacheSweeperOptions } from 'nunjucks-cachesweeper';
import { expect, test } from 'vitest';
import { isDeep, isLong, longest, runs, sized } from '../../support/long.ts';
import { cases, runCase, Tally } from './run.ts';

/** A site's pages are at least so many in the end. */
const PAGES = sized(150, 200_000, 300);
const { SEED, ENABLED, VERIFY } = process.env;
const options = {
  ...(ENABLED === 'false' ? { enabled: false } : {}),
  ...(VERIFY === undefined ? {} : { verify: Number(VERIFY) }),
} as CacheSweeperOptions;

test('a page is what Nunjucks renders without the tags, whatever its variables are, if models change only with a bump', {
  timeout: isLong ? 6 * 3_600_000 : 300_000,
}, async () => {
  const tally = new Tally();
  const { numRuns, ...replayed } = runs(18, 500);
  const end = longest === undefined ? Number.POSITIVE_INFINITY : performance.now() + longest;
  const property = fc.asyncProperty(cases, (one) => runCase(one, options, tally));
  if (SEED !== undefined) return fc.assert(property, { numRuns, ...replayed });

  let seed = fc.sample(fc.integer(), 1)[0] as number;
  console.log(`seed ${seed}`);
  while (tally.pages < PAGES && performance.now() < end) {
    // In short portions, so that the end is not passed by much.
    await fc.assert(property, { numRuns: longest === undefined ? numRuns : 40, seed: seed++ });
    if (isLong) console.log(`next seed ${seed}: ${tally}`);
  }
  console.log(`${tally}`);
  if (options.enabled === false) return;
  expect(tally.hits).toBeGreaterThan(0);
  // Fewer pages say less about shares.
  if (!isDeep) return;
  expect(tally.hits / tally.fragments).toBeGreaterThan(0.2);
  expect(tally.skipped / tally.cases).toBeLessThan(1 / 3);
  expect(tally.failing / tally.pages).toBeLessThan(0.2);
});
