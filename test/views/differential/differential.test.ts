import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isLong, longest, sized } from '../../support/long.ts';
import { frameworks } from './cases.ts';
import { fuzz, survey } from './fuzz.ts';
import type { Tally } from './run-case.ts';

const { SEED, SURVEY, FRAMEWORK, REQUESTS } = process.env;
const requests = REQUESTS === undefined ? sized(100, 100_000, 3_000) : Number(REQUESTS);
const tallies: Tally[] = [];
const chosen = frameworks.filter((name) => FRAMEWORK === undefined || FRAMEWORK === name);

describe.each(chosen)('%s: random handlers and random visitors', (framework) => {
  test('nobody gets a byte that the same request would not have got without the cache', {
    timeout: isLong ? 3_600_000 : 300_000,
  }, async () => {
    const seed = SEED === undefined ? (fc.sample(fc.noBias(fc.nat()), 1)[0] as number) : Number(SEED);
    console.log(`${framework}: SEED=${seed}`);
    const report = isLong ? (_: unknown, next: number) => console.log(`${framework}: next SEED=${next}`) : undefined;
    const tally = await fuzz(framework, seed, requests, { longest, report });
    console.log(`${framework}: ${tally}`);
    tallies.push(tally);
    if (requests >= 3_000) expect(tally.unmodified).toBeGreaterThan(0);
  });

  test('without a cache there is no difference', { timeout: 300_000 }, async () => {
    const seed = SEED === undefined ? (fc.sample(fc.noBias(fc.nat()), 1)[0] as number) : Number(SEED);
    console.log(`${framework}: SEED=${seed}`);
    await fuzz(framework, seed, sized(30, 2_000, 500), { isCached: false });
  });

  test.runIf(SURVEY !== undefined)('what does not hold yet', { timeout: 3_600_000 }, async () => {
    const found = await survey(framework, Number(SEED ?? 1), Number(SURVEY), 400);
    console.log(`===== ${framework}: ${found.length}`);
  });
});

test('the cache answered some of all these requests', () => {
  const sum = (of: 'hits' | 'requests') => tallies.reduce((all, tally) => all + tally[of], 0);
  // About one in six, so that no seeds come near this.
  expect(sum('hits') / sum('requests')).toBeGreaterThan(0.02);
});
