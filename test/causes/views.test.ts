import { describeCause } from 'nunjucks-cachesweeper';
import type { ViewReport } from 'nunjucks-cachesweeper/express';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { describe, expect, test } from 'vitest';
import { Article } from '../frameworks/blog.ts';
import { sites } from '../views/running.ts';
import { type Route, startExpress } from '../views/sites.ts';
import { Clock } from '../waiting/support.ts';

/** Longer than what is made with its tokens is provisional, and shorter than the ttl of {@link page}. */
const SETTLED = 200_000;
const page: Route = {
  path: '/articles/:id',
  options: {
    name: 'article',
    ttl: 300,
    models: ({ params }: never) => ({ type: 'Article', id: (params as { id: string }).id }),
  },
  handler: (call) => call.send(`${call.header('accept-language')}`),
};

const last = (reports: readonly ViewReport[]) => reports.at(-1);
const why = (reports: readonly ViewReport[]) => last(reports)?.cause?.why;

describe.each(['memory alone', 'a store'] as const)('a miss of a whole view says why, with %s:', (kind) => {
  const clock = new Clock();
  const running = sites(startExpress, () => ({
    causes: true,
    now: clock.now,
    ...(kind === 'a store' ? { store: new TestingStore({ now: clock.now }) } : {}),
  }));

  /** A site whose view is in the cache, and not provisional. */
  async function cached() {
    const site = await running([page]);
    await site.get('/articles/7');
    clock.advance(SETTLED);
    await site.get('/articles/7');
    await site.get('/articles/7');
    expect(last(site.reports)).toMatchObject({ outcome: 'hit' });
    expect(last(site.reports)).not.toHaveProperty('cause');
    return site;
  }

  test('nothing was there', async () => {
    const { get, reports } = await running([page]);
    await get('/articles/7');
    expect(last(reports)).toMatchObject({ outcome: 'miss', cause: { why: 'new' } });
  });

  test('it was expired by name, by whom and in which request', async () => {
    const { get, reports, sweeper } = await cached();
    await sweeper.expireView({ name: 'article', params: { id: '7' } });
    clock.advance(3_200);
    await get('/articles/7');
    const cause = last(reports)?.cause;
    expect(cause).toMatchObject({
      why: 'bumped',
      bump: { by: 'expireView', at: expect.stringContaining('views.test.ts') },
    });
    expect(describeCause(cause ?? { why: 'unknown' }, clock.now())).toMatch(
      /^view path:\/articles\/7, invalidated 3\.2 s ago by expireView \(/,
    );
  });

  test('its model was saved', async () => {
    const { get, reports, sweeper } = await cached();
    await sweeper.invalidateCacheFor(new Article(7, 'A'));
    await get('/articles/7');
    expect(last(reports)?.cause).toMatchObject({
      why: 'bumped',
      name: 'Article:=7',
      bump: { by: 'invalidateCacheFor' },
    });
  });

  test('its ttl is over', async () => {
    const { get, reports } = await cached();
    clock.advance(301_000);
    await get('/articles/7');
    expect(why(reports)).toBe('expired');
  });

  test('there are views for other requests', async () => {
    const { get, reports } = await cached();
    await get('/articles/7', { 'Accept-Language': 'de' });
    expect(why(reports)).toBe('reads');
  });
});

test('what another process has done is asked of the store: then the report comes', async () => {
  const store = new TestingStore();
  const [ours, other] = [0, 1].map(() => sites(startExpress, () => ({ causes: true, store })));
  const here = await ours!([page]);
  const there = await other!([page]);
  await here.get('/articles/7');
  await there.sweeper.expireView('/articles/7');
  await there.sweeper.idle();
  await here.get('/articles/7');
  const causes = () => here.reports.filter(({ outcome }) => outcome === 'miss').map(({ cause }) => cause);
  await expect
    .poll(causes)
    .toMatchObject([{ why: 'new' }, { why: 'bumped', name: '@view:=path:/articles/7', bump: { by: 'expireView' } }]);
});
