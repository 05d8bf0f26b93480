import { type CacheSweeperOptions, lazy } from 'nunjucks-cachesweeper';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { describe, expect, test } from 'vitest';
import { Article, Comment } from '../support/models.ts';
import { Clock, gate, operationsOf, SETTLED, Site } from './support.ts';

const templates = {
  'page.njk': '{% cachesweeper article 500 %}<{{ article.title }}>{% endcachesweeper %}',
  'nested.njk':
    '{% cachesweeper article 500 %}<{% cachesweeper comment 500 %}{{ comment.text }}{% endcachesweeper %}>{% endcachesweeper %}',
};

/** Two processes; every name has had a token for long. */
async function settled(options: CacheSweeperOptions = {}) {
  const clock = new Clock();
  const store = new TestingStore({ now: clock.now });
  const process = () =>
    new Site(templates, { store: new TestingStore({ now: clock.now, shared: store }), now: clock.now, ...options });
  const a = process();
  const b = process();
  await a.page({ article: new Article(1), comment: new Comment(1) }, 'nested.njk');
  clock.advance(SETTLED);
  store.evict('entry');
  return { clock, store, process, a, b };
}

const article = (title: string) => ({ article: new Article(1, title) });

describe.each([
  ['with memory tiers', {}],
  ['without memory tiers', { memory: false }],
] as const)('%s', (_title, options) => {
  test('data read before a bump and stored after it is served for 4 s after the bump, and no longer', async () => {
    const { clock, a, b } = await settled(options);
    const late = article('old');
    await b.sweeper.invalidateCacheFor(late.article);
    clock.advance(2_000);
    // Process a read the row before the bump, and needed two seconds.
    expect(await a.page(late)).toBe('<old>');
    clock.advance(2_000);
    await b.page(article('new'));
    expect(b.outcomes).toEqual(['hit']);
    clock.advance(1);
    expect(await a.page(article('new'))).toBe('<new>');
    expect(await b.page(article('new'))).toBe('<new>');
  });

  test('what is rendered when the last bump is over 4 s ago is stored for good', async () => {
    const { clock, a, b } = await settled(options);
    await b.sweeper.invalidateCacheFor(new Article(1));
    clock.advance(4_001);
    await a.page(article('new'));
    clock.advance(100_000);
    expect(await b.page(article('changed without a bump'))).toBe('<new>');
  });

  test('up to one second of clock skew is allowed for: 3.9 s after a bump it is still provisional', async () => {
    const { clock, a, b } = await settled(options);
    await b.sweeper.invalidateCacheFor(new Article(1));
    clock.advance(3_900);
    await a.page(article('new'));
    clock.advance(100);
    expect(await b.page(article('newer'))).toBe('<new>');
    clock.advance(1);
    expect(await b.page(article('newer'))).toBe('<newer>');
  });

  test('at no moment after a bump is an entry over when it is made', async () => {
    const { clock, store, a, b } = await settled(options);
    const bumped = clock.time;
    for (const wait of [0, 1, 2_999, 3_000, 3_001, 3_500, 3_999, 4_000, 4_001, 5_000]) {
      clock.time = bumped;
      await b.sweeper.invalidateCacheFor(new Article(1));
      clock.advance(wait);
      await a.page(article('new'));
      expect(a.outcomes, `${wait} ms after it`).toEqual(['miss']);
      await b.page(article('newer'));
      expect(b.outcomes, `${wait} ms after it`).toEqual(['hit']);
      store.evict('entry');
    }
  });

  test('since: data read after the bump is stored for good at once', async () => {
    const { clock, a, b } = await settled(options);
    await b.sweeper.invalidateCacheFor(new Article(1));
    clock.advance(1_500);
    await a.sweeper.render(a.env, 'page.njk', article('new'), { since: clock.time - 400 });
    await a.sweeper.idle();
    clock.advance(100_000);
    await b.page(article('newer'));
    expect(b.outcomes).toEqual(['hit']);
  });

  test('since: a slow request whose data is older than maxDataAge is provisional, or not stored', async () => {
    const { clock, a, b } = await settled(options);
    const began = clock.time;
    clock.advance(10);
    await b.sweeper.invalidateCacheFor(new Article(1));
    clock.advance(20_000);
    await a.sweeper.render(a.env, 'page.njk', article('old'), { since: began });
    await a.sweeper.idle();
    expect(await b.page(article('new'))).toBe('<new>');
    expect(await a.page(article('new'))).toBe('<new>');
  });

  test('maxDataAge: longer, and entries are provisional for longer', async () => {
    const { clock, a, b } = await settled({ ...options, maxDataAge: '20s' });
    await b.sweeper.invalidateCacheFor(new Article(1));
    clock.advance(15_000);
    await a.page(article('old'));
    clock.advance(6_000);
    await b.page(article('new'));
    expect(b.outcomes).toEqual(['hit']);
    clock.advance(1);
    expect(await b.page(article('new'))).toBe('<new>');
  });

  test('what is around a provisional fragment ends with it', async () => {
    const { clock, a, b } = await settled(options);
    const context = (text: string) => ({ article: new Article(1), comment: new Comment(1, text) });
    await b.sweeper.invalidateCacheFor(new Comment(1));
    clock.advance(1_000);
    expect(await a.page(context('old'), 'nested.njk')).toBe('<old>');
    clock.advance(3_001);
    expect(await b.page(context('new'), 'nested.njk')).toBe('<new>');
    expect(await a.page(context('new'), 'nested.njk')).toBe('<new>');
  });

  test('what is put around a provisional hit later ends with it too', async () => {
    const { clock, store, a, b } = await settled(options);
    const context = (text: string) => ({ article: new Article(1), comment: new Comment(1, text) });
    await b.sweeper.invalidateCacheFor(new Comment(1));
    clock.advance(1_000);
    await a.page(context('old'), 'nested.njk');
    store.evict('entry', (key) => !key.includes('Comment:=1') && !key.endsWith(':reads'));
    // Another process renders the outer body only, in a request that began after the bump.
    clock.advance(1_500);
    await b.sweeper.render(b.env, 'nested.njk', context('new'), { since: clock.time });
    await b.sweeper.idle();
    clock.advance(1_501);
    expect(await b.page(context('new'), 'nested.njk')).toBe('<new>');
    expect(await a.page(context('new'), 'nested.njk')).toBe('<new>');
  });
});

test('what is made from a provisional hit is provisional itself: it is added to the store, not set', async () => {
  const { clock, store, process, a, b } = await settled();
  const context = { article: new Article(1), comment: new Comment(1, 'old') };
  await b.sweeper.invalidateCacheFor(new Comment(1));
  clock.advance(1_000);
  await a.page(context, 'nested.njk');
  clock.advance(1_500);
  store.evict('entry', (key) => !key.includes('Comment:=1') && !key.endsWith(':reads'));
  const own = new TestingStore({ now: clock.now, shared: store });
  const c = new Site(templates, { store: own, now: clock.now });
  operationsOf(own);
  await c.sweeper.render(c.env, 'nested.njk', context, { since: clock.time });
  await c.sweeper.idle();
  expect(c.outcomes).toEqual(['hit', 'miss']);
  expect(operationsOf(own).filter((operation) => /(set|add)Many entry/.test(operation))).toEqual(['addMany entry 1']);
  void process;
});

test('a provisional entry never replaces a valid one in the store', async () => {
  const { clock, store, a, b, process } = await settled();
  await b.sweeper.invalidateCacheFor(new Article(1));
  clock.advance(2_000);
  // Both miss at one time: b knows that its data is new, a does not.
  const writes: (() => void)[] = [];
  const slow = new TestingStore({ now: clock.now, shared: store });
  const c = new Site(templates, { store: slow, now: clock.now });
  const add = slow.addMany.bind(slow);
  slow.addMany = (kind, items, call) =>
    kind === 'token'
      ? add(kind, items, call)
      : new Promise((resolve) => writes.push(() => add(kind, items, call).then(resolve)));
  await c.sweeper.render(c.env, 'page.njk', article('old'));
  await b.sweeper.render(b.env, 'page.njk', article('new'), { since: clock.time });
  await b.sweeper.idle();
  expect(writes).toHaveLength(1);
  writes[0]!();
  await c.sweeper.idle();
  expect(await process().page(article('newer'))).toBe('<new>');
  void a;
});

test('nor in the memory tier', async () => {
  const clock = new Clock();
  const site = new Site(templates, { now: clock.now });
  await site.sweeper.invalidateCacheFor(new Article(1));
  clock.advance(1_000);
  await site.sweeper.render(site.env, 'page.njk', article('new'), { since: clock.time });
  // It is there for good: an older reader gets it, and cannot put its own in its place.
  expect(await site.page(article('old'))).toBe('<new>');
  clock.advance(100_000);
  expect(await site.page(article('old'))).toBe('<new>');
});

test('nor does one that was rendered first and delivered last', async () => {
  const clock = new Clock();
  const site = new Site({ 'page.njk': `${templates['page.njk']}{{ wait() }}` }, { now: clock.now });
  await site.sweeper.invalidateCacheFor(new Article(1));
  clock.advance(1_000);
  const late = gate<string>();
  const slow = site.page({ ...article('old'), wait: lazy(() => late.promise) });
  await site.sweeper.render(site.env, 'page.njk', { ...article('new'), wait: () => '' }, { since: clock.time });
  late.open('');
  await slow;
  expect(await site.page({ ...article('newer'), wait: () => '' })).toBe('<new>');
});

test('a fragment of a name never seen before is stored for good some seconds later', async () => {
  const clock = new Clock();
  const store = new TestingStore({ now: clock.now });
  const site = new Site(templates, { store, now: clock.now });
  await site.page(article('1'));
  expect(await site.page(article('2'))).toBe('<1>');
  clock.advance(4_001);
  expect(await site.page(article('3'))).toBe('<3>');
  clock.advance(100_000);
  expect(await site.page(article('4'))).toBe('<3>');
});

describe('a cold start with a store', () => {
  /** A site of an empty store, whose page loads with a lazy, as every page does that misses; how often it loaded. */
  function cold() {
    const clock = new Clock();
    const store = new TestingStore({ now: clock.now });
    const page = '{% cachesweeper "Article" 500 %}{{ load() }}{% endcachesweeper %}';
    const site = new Site({ 'page.njk': page, 'other.njk': page }, { store, now: clock.now });
    const loads: number[] = [];
    const load = () => lazy(async () => String(loads.push(clock.time)));
    const render = async (name = 'page.njk', options = {}) => {
      await site.sweeper.render(site.env, name, { load: load() }, options);
      await site.sweeper.idle();
    };
    return { clock, site, loads, render };
  }

  test('every page is stored or hits, at each moment, and two of them load', async () => {
    const { clock, site, loads, render } = cold();
    const began = clock.time;
    for (let wait = 0; wait <= 6_000; wait += wait > 2_990 && wait < 4_010 ? 1 : 10) {
      clock.time = began + wait;
      await render();
      expect(site.outcomes.join(), `after ${wait} ms`).toMatch(/^(hit|miss)$/);
    }
    expect(loads.map((time) => time - began)).toEqual([0, 4_001]);
    clock.advance(400_000);
    await render();
    expect(site.outcomes).toEqual(['hit']);
  });

  test('with requestStart() one load is enough for a page that begins a second after the tokens were made', async () => {
    const { clock, site, loads, render } = cold();
    // Another page makes the tokens.
    await render('other.njk');
    clock.advance(1_001);
    const began = clock.time;
    for (let wait = 0; wait <= 10_000; wait += 250) {
      clock.time = began + wait;
      await render('page.njk', { since: clock.time });
    }
    expect(loads.map((time) => time - began)).toEqual([-1_001, 0]);
    expect(site.outcomes).toEqual(['hit']);
  });

  test('that page itself may have read its data before a bump whose token is lost: its entry is short-lived', async () => {
    const { clock, store, a, b } = await settled();
    const began = clock.time;
    clock.advance(10);
    // The old row was read; it is saved, bumped, and the bump is lost. This cannot be told from a store that was empty.
    await b.sweeper.invalidateCacheFor(new Article(1));
    store.evict('token');
    await a.sweeper.render(a.env, 'page.njk', article('old'), { since: began });
    await a.sweeper.idle();
    clock.advance(4_001);
    expect(await b.page(article('new'))).toBe('<new>');
  });
});

test('without a store what was never bumped is stored for good at once', async () => {
  const clock = new Clock();
  const site = new Site(templates, { now: clock.now });
  await site.page(article('1'));
  clock.advance(100_000);
  expect(await site.page(article('2'))).toBe('<1>');
});

test('a ttl shorter than the provisional life counts', async () => {
  const clock = new Clock();
  const store = new TestingStore({ now: clock.now });
  const site = new Site(
    { 'page.njk': '{% cachesweeper article 1 %}{{ article.title }}{% endcachesweeper %}' },
    { store, now: clock.now },
  );
  await site.page(article('1'));
  clock.advance(1_001);
  expect(await site.page(article('2'))).toBe('2');
});

test('a token made for a name that had none is written within a second, or not used: later it could hide a bump', async () => {
  const store = new TestingStore();
  const site = new Site(templates, { store, timeout: '10s' });
  const timeouts: number[] = [];
  const add = store.addMany.bind(store);
  store.addMany = (kind, items, call) => {
    if (kind === 'token') timeouts.push(call.timeout);
    return add(kind, items, call);
  };
  await site.page(article('new'));
  expect(timeouts.length).toBeGreaterThan(0);
  expect(Math.max(...timeouts)).toBeLessThanOrEqual(1_000);
  await site.sweeper.close();
});
