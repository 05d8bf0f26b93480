import { CacheSweeper, lazy } from 'nunjucks-cachesweeper';
import { describe, expect, test, vi } from 'vitest';
import { sized } from '../support/long.ts';
import { families, scenariosOf } from './scenarios.ts';
import { search } from './search.ts';
import { World } from './world.ts';

vi.mock('node:timers/promises', async (original) => {
  const { scheduledTimers } = await import('./sleeper.ts');
  return scheduledTimers(await original());
});

const world = new World({ CacheSweeper, lazy });

describe.each(families)('%s: in every order no page is older than promised', (family) => {
  test.each(scenariosOf(family))(
    '$page, $start',
    async (scenario) => {
      const { violation, complete } = await search(world, scenario);
      expect(violation).toBeUndefined();
      expect(complete).toBe(true);
    },
    sized(60_000, 3_600_000),
  );
});
