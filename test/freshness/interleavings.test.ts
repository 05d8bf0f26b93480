import { CacheSweeper, lazy } from 'nunjucks-cachesweeper';
import { describe, expect, test, vi } from 'vitest';
import { isDeep, sized } from '../support/long.ts';
import { families, scenariosOf } from './scenarios.ts';
import { search } from './search.ts';
import { World } from './world.ts';

vi.mock('node:timers/promises', async (original) => {
  const { scheduledTimers } = await import('./sleeper.ts');
  return scheduledTimers(await original());
});

const world = new World({ CacheSweeper, lazy });
const totals = new Map<string, number>();

describe.each(families)('%s: in every order no page is older than promised', (family) => {
  test.each(scenariosOf(family))(
    '$page, $start',
    async (scenario) => {
      const { violation, complete, counts } = await search(world, scenario);
      for (const [what, count] of Object.entries(counts)) totals.set(what, (totals.get(what) ?? 0) + count);
      expect(violation).toBeUndefined();
      expect(complete).toBe(true);
    },
    sized(600_000, 3_600_000),
  );
});

test('in these orders everything happened that the promises are about', () => {
  const often = ['late', 'own', 'store done', 'add entry done', 'add token exists'];
  const lost = ['read token unknown', 'bump unknown', 'bump lost', 'bump late', 'add token late', 'add entry lost'];
  // Of who loads the same one does, in a process and among processes.
  const shared = isDeep ? ['take leases exists', 'look at leases done'] : [];
  for (const what of shared) expect(totals.get(what), what).toBeGreaterThan(50);
  for (const what of often) expect(totals.get(what), what).toBeGreaterThan(50);
  expect(totals.get('outage')).toBeGreaterThan(0);
  if (isDeep) expect(totals.get('stale')).toBeGreaterThan(0);
  for (const what of lost) expect(totals.get(what), what).toBeGreaterThan(10);
});
