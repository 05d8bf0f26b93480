import type { CacheSweeper, CacheSweeperOptions } from 'nunjucks-cachesweeper';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { afterEach, expect } from 'vitest';
import type { sites } from '../views/running.ts';
import type { Call, Handler, Route } from '../views/sites.ts';
import { type Clock, gate } from '../waiting/support.ts';

/** Longer than what is made with its tokens is late. */
export const SETTLED = 100_000;

export const viewKinds: Readonly<Record<string, (clock: Clock) => CacheSweeperOptions>> = {
  'without a store': () => ({}),
  'with a store': (clock) => ({ store: new TestingStore({ now: clock.now }) }),
  'with a store and no memory tier': (clock) => ({ store: new TestingStore({ now: clock.now }), memory: false }),
};

/** Returns what makes sites whose view was just made, of the content `old`. When their test ends, nothing is being made. */
export function madeViews() {
  const sweepers: CacheSweeper[] = [];
  afterEach(() => {
    for (const sweeper of sweepers.splice(0)) {
      expect(sweeper.stats().making).toMatchObject({ running: 0, waiting: 0 });
    }
  });

  /** @param requests headers of those that the view is made for */
  return async function made(
    running: ReturnType<typeof sites>,
    clock: Clock,
    answer: (call: Call, content: string) => unknown,
    {
      options,
      given = {},
      requests = [{}],
    }: {
      readonly options: NonNullable<Route['options']>;
      readonly given?: CacheSweeperOptions;
      readonly requests?: readonly Record<string, string>[];
    },
  ) {
    const gates: ReturnType<typeof gate<void>>[] = [];
    const state = { content: 'old', isGated: false };
    const handler: Handler = async (call) => {
      const own = gate<void>();
      gates.push(own);
      if (state.isGated) await own.promise;
      await answer(call, state.content);
    };
    const route = { path: '/page', handler, options };
    const { site, sweeper, get, reports } = await running([route], {}, { maxDataAge: '1ms', ...given });
    sweepers.push(sweeper);
    for (const headers of requests) await get('/page', headers);
    await sweeper.invalidateAll();
    clock.advance(SETTLED);
    for (const headers of requests) await get('/page', headers);
    state.content = 'new';
    gates.length = 0;
    reports.length = 0;
    return { gates, state, get, sweeper, site, reports };
  };
}
