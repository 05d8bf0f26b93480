import { type CacheSweeperOptions, lazy } from 'nunjucks-cachesweeper';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { Article } from '../frameworks/blog.ts';
import { inTurn } from '../support/long.ts';
import { ask } from '../views/client.ts';
import { sites } from '../views/running.ts';
import { type Call, frameworks, type Route } from '../views/sites.ts';
import { Clock } from '../waiting/support.ts';
import { madeViews, SETTLED, viewKinds } from './made-view.ts';

const TTL = 500_000;
const HANDLING = 1_000;
const madeView = madeViews();

afterEach(() => void vi.restoreAllMocks());

/** From now on each request draws so that it is this many durations ahead. */
function drawing(durations: number) {
  return vi.spyOn(Math, 'random').mockReturnValue(1 - Math.exp(-durations));
}

describe.each(frameworks)('%s', (name, start) => {
  describe.each(inTurn(Object.entries(viewKinds), name))('%s', (_kind, kind) => {
    const clock = new Clock();
    const running = sites(start, () => ({ ...kind(clock), now: clock.now }));

    /** A site whose view was made in a second, just now. */
    async function made(
      answer: (call: Call, content: string) => unknown = (call, content) => call.send(content),
      options: Route['options'] = {},
      given: CacheSweeperOptions = {},
    ) {
      const timed = (call: Call, content: string) => {
        clock.advance(HANDLING);
        return answer(call, content);
      };
      const view = await madeView(running, clock, timed, { options: { ttl: TTL / 1_000, ...options }, given });
      const ends = clock.time - HANDLING + TTL;
      const at = (left: number) => {
        clock.time = ends - left;
      };
      return { ...view, at };
    }

    test('a request makes a view anew that ends sooner than it is ahead, by what its handler took', async () => {
      const { get, at } = await made();
      drawing(2);
      at(2 * HANDLING + 1);
      expect(await get('/page')).toMatchObject({ text: 'old', cache: 'hit' });
      at(2 * HANDLING - 1);
      expect(await get('/page')).toMatchObject({ text: 'new', cache: 'miss' });
      // It has its own end.
      drawing(0);
      at(-HANDLING);
      expect(await get('/page')).toMatchObject({ text: 'new', cache: 'hit' });
    });

    test('early: 0 is off, and with 3 it is three times as far ahead', async () => {
      for (const early of [0, 3]) {
        const { get, at } = await made(undefined, {}, { early });
        drawing(2);
        at(3 * HANDLING);
        expect(await get('/page')).toMatchObject({ text: early === 0 ? 'old' : 'new' });
      }
    });

    test('while one request makes it early, all others are answered with it, those who draw early as well', async () => {
      const { gates, state, get, at, sweeper, site, reports } = await made();
      state.isGated = true;
      at(HANDLING);
      drawing(5);
      const maker = ask(`${site.url}/page`);
      await vi.waitFor(() => expect(gates).toHaveLength(1), 10_000);
      for (let i = 0; i < 3; i++) expect(await get('/page')).toMatchObject({ text: 'old', cache: 'hit' });
      expect(reports.map(({ outcome, reason }) => [outcome, reason])).toEqual(Array(3).fill(['hit', undefined]));
      gates[0]?.open();
      expect(String((await maker).body)).toBe('new');
      await sweeper.idle();
      drawing(0);
      expect(await get('/page')).toMatchObject({ text: 'new', cache: 'hit' });
      expect(gates).toHaveLength(1);
    });

    test('fragments in it that end no later are made anew as well', async () => {
      const { get, at } = await made(
        (call, content) => call.render('article.njk', { article: new Article(7, content), comments: lazy(() => []) }),
        { ttl: 0 },
      );
      at(-HANDLING + 2 * HANDLING);
      drawing(5);
      expect((await get('/page')).text).toContain('new');
      drawing(0);
      at(-2 * HANDLING);
      expect(await get('/page')).toMatchObject({ text: expect.stringContaining('new'), cache: 'hit' });
    });

    test('what its handler reads is known for as long as the younger view', async () => {
      const { get, at } = await made((call, content) => call.send(`${content} ${call.header('x-theme')}`));
      at(HANDLING);
      drawing(5);
      expect(await get('/page')).toMatchObject({ text: 'new undefined', cache: 'miss' });
      drawing(0);
      at(-2 * HANDLING);
      expect(await get('/page')).toMatchObject({ text: 'new undefined', cache: 'hit' });
    });

    test('what another request has made for those who wait is not made again, however far they are ahead', async () => {
      const { gates, state, sweeper, site } = await made(undefined, { ttl: 20 });
      await sweeper.invalidateAll();
      clock.advance(SETTLED);
      state.isGated = true;
      drawing(30);
      const answers = Array.from({ length: 3 }, () => ask(`${site.url}/page`));
      await vi.waitFor(() => expect([gates.length, sweeper.stats().making.waiting]).toEqual([1, 2]), 10_000);
      gates[0]?.open();
      for (const { body } of await Promise.all(answers)) expect(String(body)).toBe('new');
      expect(gates).toHaveLength(1);
    });

    test('a request that may not fill the cache makes nothing early', async () => {
      const { get, at } = await made();
      at(HANDLING);
      drawing(5);
      expect((await get('/page', {}, 'HEAD')).cache).toBe('hit');
      expect((await get('/page', { 'Cache-Control': 'no-store' })).cache).toBe('hit');
    });
  });
});
