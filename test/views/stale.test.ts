import { lazy } from 'nunjucks-cachesweeper';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { describe, expect, test } from 'vitest';
import { Article } from '../frameworks/blog.ts';
import { storedEntries } from '../sweeper/stored-entries.ts';
import { Clock } from '../waiting/support.ts';
import { sites } from './running.ts';
import { frameworks, type Handler, type Route } from './sites.ts';

/** Longer than what is made with its tokens is provisional. */
const SETTLED = 200_000;

describe.each(frameworks)('%s: a view with stale', (_name, start) => {
  const clock = new Clock();
  const running = sites(start, () => ({ now: clock.now, memory: false }));

  /** When the stored view and the record of its address end, in seconds from now: by its ttl, and after being stale. */
  async function ends(handler: Handler, options: NonNullable<Route['options']>, headers = {}) {
    const store = new TestingStore({ now: clock.now });
    const { get } = await running([{ path: '/', handler, options }], {}, { store });
    await get('/', headers);
    clock.advance(SETTLED);
    store.evict('entry');
    await get('/', headers);
    const entries = (await storedEntries(store)).filter(({ dependencies }) => dependencies.length > 0);
    const seconds = (time: number) => Math.round(time - clock.time) / 1_000;
    return [...new Set(entries.map(({ expires, stale }) => `${seconds(expires)} ${seconds(expires + stale)}`))];
  }

  const plain: Handler = (call) => call.send('x');

  test('may be served for that time after its ttl', async () => {
    expect(await ends(plain, { ttl: 300, stale: '1m' })).toEqual(['300 360']);
    expect(await ends(plain, { ttl: '5m', stale: 30 })).toEqual(['300 330']);
  });

  test('may not without the option, nor where the ttl is never over', async () => {
    expect(await ends(plain, { ttl: 300 })).toEqual(['300 300']);
    expect(await ends(plain, { ttl: 0, stale: '1m' })).toEqual(['Infinity Infinity']);
  });

  test('is served no longer than its handler says', async () => {
    const says = (value: string): Handler => {
      return (call) => {
        call.set('Cache-Control', value);
        return call.send('x');
      };
    };
    expect(await ends(says('max-age=60'), { ttl: 300, stale: '1m' })).toEqual(['60 60']);
    expect(await ends(says('max-age=320'), { ttl: 300, stale: '1m' })).toEqual(['300 320']);
    expect(await ends(says('max-age=900'), { ttl: 300, stale: '1m' })).toEqual(['300 360']);
  });

  test('is served no longer than a fragment inside of it', async () => {
    const handler: Handler = (call) =>
      call.render('article.njk', { article: new Article(7, 'A'), comments: lazy(() => []) });
    expect(await ends(handler, { ttl: 0, stale: '1m' })).toEqual(['500 500']);
  });

  test('lives as long as the record of what its handler reads', async () => {
    const reading: Handler = (call) => call.send(`x ${call.header('accept-language')}`);
    expect(await ends(reading, { ttl: 300, stale: '1m' }, { 'Accept-Language': 'de' })).toEqual(['300 360']);
  });

  test('has tokens that live as long', async () => {
    const store = new TestingStore({ now: clock.now });
    const ttls: number[] = [];
    const add = store.addMany.bind(store);
    store.addMany = (kind, items, call) => {
      if (kind === 'token') ttls.push(...items.map(({ ttl }) => ttl).filter((ttl) => ttl > 0));
      return add(kind, items, call);
    };
    const day = 86_400;
    const { get } = await running([{ path: '/', handler: plain, options: { ttl: 300, stale: '10d' } }], {}, { store });
    await get('/');
    expect(Math.min(...ttls)).toBeGreaterThanOrEqual(300 + 10 * day);
    expect(Math.max(...ttls)).toBeLessThanOrEqual(300 + 11 * day);
  });

  test('is made anew by the first request when its ttl is over', async () => {
    const { get } = await running(
      [{ path: '/', handler: plain, options: { ttl: 300, stale: '1m' } }],
      {},
      { store: new TestingStore({ now: clock.now }) },
    );
    await get('/');
    clock.advance(SETTLED);
    await get('/');
    clock.advance(300_001);
    expect((await get('/')).cache).toBe('miss');
  });
});
