import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { describe, expect, test, vi } from 'vitest';
import { inTurn } from '../support/long.ts';
import { ask } from '../views/client.ts';
import { sites } from '../views/running.ts';
import { frameworks, type Handler, type Route } from '../views/sites.ts';
import { Clock, gate } from '../waiting/support.ts';
import { madeViews, SETTLED, viewKinds } from './made-view.ts';

const TTL = 300_000;
const STALE = 60_000;
const madeView = madeViews();

describe.each(frameworks)('%s', (name, start) => {
  // Two sites of Koa in one process are told apart: their routers are closures.
  describe.skipIf(name === 'Koa')('two processes on one store', () => {
    const clock = new Clock();
    const running = sites(start, () => ({ now: clock.now, maxDataAge: '1ms' }));

    test('while one makes the view, the other sends it as it was, without waiting', async () => {
      const shared = new TestingStore({ now: clock.now });
      const gates: ReturnType<typeof gate<void>>[] = [];
      let content = 'old';
      const handler: Handler = async (call) => {
        const own = gate<void>();
        gates.push(own);
        if (content === 'new') await own.promise;
        call.send(content);
      };
      const process = () =>
        running(
          [{ path: '/page', handler, options: { ttl: TTL / 1_000, stale: '1m' } }],
          {},
          {
            store: new TestingStore({ now: clock.now, shared }),
          },
        );
      const headers = { Host: 'site.test' };
      const [there, here] = [await process(), await process()];
      await there.get('/page', headers);
      await there.sweeper.invalidateAll();
      clock.advance(SETTLED);
      await there.get('/page', headers);
      clock.advance(TTL);
      content = 'new';
      gates.length = 0;
      const maker = ask(`${there.site.url}/page`, { headers });
      await vi.waitFor(() => expect(gates).toHaveLength(1), 10_000);
      for (let i = 0; i < 2; i++) expect((await here.get('/page', headers)).text).toBe('old');
      expect(gates).toHaveLength(1);
      gates[0]?.open();
      expect(String((await maker).body)).toBe('new');
      await there.sweeper.idle();
      expect((await here.get('/page', headers)).text).toBe('new');
      expect(gates).toHaveLength(1);
    });
  });

  describe.each(inTurn(Object.entries(viewKinds), name))('%s', (_kind, kind) => {
    const clock = new Clock();
    const knowsReads = kind(clock).memory !== false;
    const running = sites(start, () => ({ ...kind(clock), now: clock.now }));

    /** A site whose view was made for some requests, and has just expired. From now on its handler waits at a gate each time. */
    async function expired(
      options: Route['options'] = {},
      headers: readonly Record<string, string>[] = [{}],
      given: object = {},
    ) {
      const view = await madeView(
        running,
        clock,
        (call, content) => {
          if (content === 'broken') call.status(500);
          call.send(`${content} ${call.header('x-theme') ?? ''}`.trim());
        },
        { options: { ttl: TTL / 1_000, stale: '1m', ...options }, given, requests: headers },
      );
      const { gates, state, sweeper, site } = view;
      clock.advance(TTL);
      state.isGated = true;
      const visit = async (one: Record<string, string> = {}) => {
        const { status, body, headers: sent } = await ask(`${site.url}/page`, { headers: one });
        return `${status} ${body} ${sent['x-cache']}`;
      };
      const until = (ran: number, waiting = 0) =>
        vi.waitFor(() => expect([gates.length, sweeper.stats().making.waiting]).toEqual([ran, waiting]), 10_000);
      const open = () => {
        state.isGated = false;
        for (const one of gates) one.open();
      };
      return { ...view, visit, until, open };
    }

    test('when the ttl is over, one request makes the view anew, and the others get it as it was, without waiting', async () => {
      const { visit, until, open, sweeper, gates, reports } = await expired();
      const maker = visit();
      await until(1);
      for (let i = 0; i < 3; i++) expect(await visit()).toBe('200 old hit');
      expect(reports.map(({ outcome, reason }) => [outcome, reason])).toEqual(Array(3).fill(['hit', 'stale']));
      open();
      expect(await maker).toBe('200 new miss');
      await sweeper.idle();
      expect(await visit()).toBe('200 new hit');
      expect(reports.at(-1)).not.toHaveProperty('reason');
      expect(gates).toHaveLength(1);
      expect(sweeper.stats().tags[0]).toMatchObject({ hits: 4, outageHits: 0 });
    });

    test('a stale answer tells its age and its own validator, and no cache that it may show more of it', async () => {
      const { visit, until, open, site } = await expired();
      const maker = visit();
      await until(1);
      const { headers } = await ask(`${site.url}/page`);
      expect(Number(headers.age)).toBeGreaterThanOrEqual(TTL / 1_000);
      expect(headers['cache-control']).toBe('no-cache');
      const again = await ask(`${site.url}/page`, { headers: { 'If-None-Match': String(headers.etag) } });
      expect([again.status, again.headers['cache-control']]).toEqual([304, 'no-cache']);
      open();
      await maker;
      const fresh = await ask(`${site.url}/page`, { headers: { 'If-None-Match': String(headers.etag) } });
      expect([fresh.status, String(fresh.body)]).toEqual([200, 'new']);
    });

    test('until the stale time is over, and no longer; without the option not at all', async () => {
      const { visit, until, open } = await expired();
      const maker = visit();
      await until(1);
      clock.advance(STALE - 1);
      expect(await visit()).toBe('200 old hit');
      clock.advance(1);
      const late = visit();
      await until(1, 1);
      open();
      expect([await maker, (await late).split(' ')[1]]).toEqual(['200 new miss', 'new']);

      const without = await expired({ stale: 0 });
      const answers = [without.visit(), without.visit()];
      await without.until(1, 1);
      without.open();
      for (const answer of await Promise.all(answers)) expect(answer).toContain('200 new');
    });

    test('with wait: "0s" each request makes its own', async () => {
      const { visit, until, open } = await expired({}, [{}], { wait: '0s' });
      const answers = [visit(), visit()];
      await until(2);
      open();
      expect(await Promise.all(answers)).toEqual(['200 new miss', '200 new miss']);
    });

    test('a handler that fails fails its own request, and the next one makes the view, while the others get it as it was', async () => {
      const { visit, until, gates, state } = await expired();
      state.content = 'broken';
      const failing = visit();
      await until(1);
      expect(await visit()).toBe('200 old hit');
      gates[0]?.open();
      expect(await failing).toContain('500 broken');
      state.content = 'new';
      const maker = visit();
      await until(2);
      expect(await visit()).toBe('200 old hit');
      gates[1]?.open();
      expect(await maker).toBe('200 new miss');
    });

    test.each([
      ['before the request that makes it', true],
      ['while it is made', false],
    ])('after a bump never: bumped %s', async (_when, isBefore) => {
      const { visit, until, open, sweeper, gates } = await expired();
      if (isBefore) await sweeper.expireView({ path: '/page' });
      const maker = visit();
      await until(1);
      if (!isBefore) await sweeper.expireView({ path: '/page' });
      const other = visit();
      await until(isBefore ? 1 : 2, isBefore ? 1 : 0);
      open();
      expect((await other).slice(0, 7)).toBe('200 new');
      expect(await maker).toBe('200 new miss');
      expect(gates).toHaveLength(isBefore ? 1 : 2);
    });

    test('visitors whose requests differ in what the handler reads get their own as it was', async () => {
      const themes = [{ 'x-theme': 'dark' }, { 'x-theme': 'light' }];
      const { visit, until, open } = await expired({}, themes);
      // Only who has the record of what the handler reads in memory knows before that theirs are two views.
      const makers = themes.map(visit);
      await until(knowsReads ? 2 : 1);
      expect(await Promise.all(themes.map(visit))).toEqual(['200 old dark hit', '200 old light hit']);
      // It has none as it was.
      const other = visit({ 'x-theme': 'blue' });
      await until(knowsReads ? 3 : 1, knowsReads ? 0 : 1);
      open();
      expect((await Promise.all(makers)).filter((text) => text.startsWith('200 new'))).toHaveLength(knowsReads ? 2 : 1);
      expect(await other).toBe('200 new blue miss');
    });
  });
});
