import { readFileSync } from 'node:fs';
import nunjucks from 'nunjucks';
import { CacheSweeper, lazy } from 'nunjucks-cachesweeper';
import { RedisStore } from 'nunjucks-cachesweeper/redis';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { expect, onTestFinished, test, vi } from 'vitest';
import { ObjectLoader } from '../support/loaders.ts';
import { Article, Comment } from '../support/models.ts';
import { Redis } from '../support/redis.ts';
import { Clock, gate, SETTLED, Site } from '../waiting/support.ts';
import type { Scenario } from './scenario.ts';
import { inOrder, search } from './search.ts';
import { World } from './world.ts';

vi.mock('node:timers/promises', async (original) => {
  const { scheduledTimers } = await import('./sleeper.ts');
  return scheduledTimers(await original());
});

/** A way in which something old can still be served; docs/reliability.md has a row for each. */
const way = test;

const templates = {
  'page.njk': '{% cachesweeper article 60 %}{{ article.title }}{% endcachesweeper %}',
  'lazy.njk': '{% cachesweeper article 60 %}{{ load().title }}{% endcachesweeper %}',
  'stale.njk': '{% cachesweeper article 60 stale=30 %}{{ load().title }}{% endcachesweeper %}',
  'list.njk':
    '{% cachesweeper article 60 %}{% for c in article.comments %}{% cachesweeper c 60 %}{{ c.text }}{% endcachesweeper %}{% endfor %}{% endcachesweeper %}',
  'own-list.njk':
    '{% cachesweeper article 60 %}{% for c in comments %}{% cachesweeper c 60 %}{{ c.text }}{% endcachesweeper %}{% endfor %}{% endcachesweeper %}',
};

const article = (title: string) => ({ article: new Article(1, title) });

/** Two processes on one store; every name has had a token for long. */
async function site() {
  const clock = new Clock();
  const store = new TestingStore({ now: clock.now });
  const process = (shared = store) =>
    new Site(templates, { store: new TestingStore({ now: clock.now, shared }), now: clock.now });
  const a = process();
  const b = process();
  await a.page(article('v1'));
  clock.advance(SETTLED);
  store.evict('entry');
  return { clock, store, process, a, b };
}

way('a save that nobody reported is not seen before the ttl has passed', async () => {
  const { clock, a } = await site();
  await a.page(article('v1'));
  clock.advance(59_999);
  expect(await a.page(article('v2'))).toBe('v1');
  clock.advance(1);
  expect(await a.page(article('v2'))).toBe('v2');
});

way('what has expired is served stale while it is made anew, until the time of stale is over', async () => {
  const { clock, a } = await site();
  const load = (title: string) => lazy(async () => new Article(1, title));
  const page = (title: string) => a.page({ article: new Article(1, title), load: load(title) }, 'stale.njk');
  await page('v1');
  clock.advance(60_000);
  const made = gate<Article>();
  let isLoading = false;
  const slow = lazy(() => {
    isLoading = true;
    return made.promise;
  });
  const maker = a.sweeper.render(a.env, 'stale.njk', { article: new Article(1, 'v2'), load: slow });
  await vi.waitFor(() => expect(isLoading).toBe(true));
  clock.advance(29_999);
  expect(await page('v2')).toBe('v1');
  clock.advance(1);
  const late = page('v2');
  made.open(new Article(1, 'v2'));
  expect([await maker, await late]).toEqual(['v2', 'v2']);
});

way('a page of warm() whose function returns data that was read before a bump', async () => {
  const { clock, a, b } = await site();
  const late = article('v1');
  await b.sweeper.invalidateCacheFor(late.article);
  clock.advance(2_000);
  await a.sweeper.warm([{ env: a.env, name: 'page.njk', context: () => late }]);
  clock.advance(57_999);
  expect(await b.page(article('v2'))).toBe('v1');
  clock.advance(2_001);
  expect(await b.page(article('v2'))).toBe('v2');
});

way(
  'a row that takes the place of another below a model, and touches nothing, is not seen before the ttl has passed',
  async () => {
    const { clock, a } = await site();
    // A list below the model of the tag is that model's to tell: only how many there are is compared.
    const page = (...comments: Comment[]) =>
      a.page({ article: Object.assign(new Article(1, 'A'), { comments }) }, 'list.njk');
    const [one, other, added] = [new Comment(1, 'x'), new Comment(2, 'y'), new Comment(3, 'z')];
    await page(one);
    clock.advance(SETTLED);
    await page(one);
    await a.sweeper.invalidateCacheFor(other);
    expect(await page(other)).toBe('x');
    expect(await page(other, added)).toBe('yz');
    a.sweeper.register(Comment, { touches: () => [new Article(1)] });
    await a.sweeper.invalidateCacheFor(other);
    expect(await page(other)).toBe('y');
  },
);

test('a list that the page hands over is compared: a new row is seen, and so is one less', async () => {
  const { clock, a } = await site();
  const page = (...comments: Comment[]) => a.page({ ...article('A'), comments }, 'own-list.njk');
  const [one, added] = [new Comment(1, 'x'), new Comment(2, 'y')];
  for (let i = 0; i < 3; i++) {
    expect(await page(one)).toBe('x');
    clock.advance(SETTLED);
  }
  expect(a.outcomes).toEqual(['hit']);
  expect(await page(one, added)).toBe('xy');
  expect(await page(added)).toBe('y');
  expect(await page(one)).toBe('x');
});

way('data read before a bump and rendered after it is served for maxDataAge and a second after the bump', async () => {
  const { clock, a, b } = await site();
  await b.sweeper.invalidateCacheFor(new Article(1));
  clock.advance(1_000);
  await a.page(article('v1'));
  clock.advance(3_000);
  expect(await b.page(article('v2'))).toBe('v1');
  clock.advance(1);
  expect(await b.page(article('v2'))).toBe('v2');
});

test('what a lazy loads is never late', async () => {
  const { clock, a, b } = await site();
  let title = 'v1';
  const page = ({ env, sweeper }: Site) =>
    sweeper.render(env, 'lazy.njk', { article: new Article(1), load: lazy(async () => ({ title })) });
  title = 'v2';
  await b.sweeper.invalidateCacheFor(new Article(1));
  clock.advance(1_000);
  expect(await page(a)).toBe('v2');
  await a.sweeper.idle();
  expect(await page(b)).toBe('v2');
});

way(
  'the bump’s token is lost before the late page is rendered: served for maxDataAge and a second after it was replaced',
  async () => {
    const { clock, store, a, b } = await site();
    await b.sweeper.invalidateCacheFor(new Article(1));
    clock.advance(2_900);
    store.evict('token');
    await a.page(article('v1'));
    clock.advance(4_000);
    expect(await b.page(article('v2'))).toBe('v1');
    clock.advance(1);
    expect(await b.page(article('v2'))).toBe('v2');
  },
);

way(
  'data older than maxDataAge when it is rendered, and nobody said since when: served until the ttl has passed',
  async () => {
    const { clock, a, b } = await site();
    const arrived = clock.time;
    await b.sweeper.invalidateCacheFor(new Article(1));
    // It takes five seconds from the database to the template.
    clock.advance(5_000);
    await a.page(article('v1'));
    clock.advance(SETTLED);
    expect(await b.page(article('v2'))).toBe('v1');

    await b.sweeper.invalidateCacheFor(new Article(1));
    clock.advance(5_000);
    await a.sweeper.render(a.env, 'page.njk', article('v1'), { since: arrived });
    expect(await b.page(article('v2'))).toBe('v2');
  },
);

way('a bump that was rejected has not reached other processes until a retry has', async () => {
  const { store, clock, a, b } = await site();
  await b.page(article('v1'));
  clock.advance(SETTLED);
  await b.page(article('v1'));
  const failing = new TestingStore({ now: clock.now, shared: store });
  const c = new Site(templates, { store: failing, now: clock.now });
  failing.script = ({ method }) => (method === 'setMany' ? { outcome: 'unknown' } : undefined);
  await expect(c.sweeper.invalidateCacheFor(new Article(1))).rejects.toMatchObject({
    code: 'CACHESWEEPER_BUMP_FAILED',
  });
  expect(await c.sweeper.render(c.env, 'page.njk', article('v2'))).toBe('v2');
  expect(await b.page(article('v2'))).toBe('v1');
  failing.script = undefined;
  await c.sweeper.idle();
  expect(await b.page(article('v2'))).toBe('v2');
  void a;
});

way(
  'a process that ends before its bump was delivered: the others serve what they have until the ttl has passed',
  async () => {
    const { store, clock, b } = await site();
    await b.page(article('v1'));
    const failing = new TestingStore({ now: clock.now, shared: store, script: () => ({ outcome: 'unknown' }) });
    const c = new Site(templates, { store: failing, now: clock.now });
    await expect(c.sweeper.invalidateCacheFor(new Article(1))).rejects.toThrow();
    await c.sweeper.close();
    expect(c.errors).toContainEqual(expect.objectContaining({ code: 'CACHESWEEPER_BUMP_FAILED' }));
    expect(await b.page(article('v2'))).toBe('v1');
    clock.advance(60_000);
    expect(await b.page(article('v2'))).toBe('v2');
  },
);

way('processes that do not share one place for tokens do not hear of each other’s bumps', async () => {
  const { clock, process, a } = await site();
  const elsewhere = process(new TestingStore({ now: clock.now }));
  await a.page(article('v1'));
  await elsewhere.sweeper.invalidateCacheFor(new Article(1));
  expect(await a.page(article('v2'))).toBe('v1');
});

way('whoever puts an old token back into the store puts the old fragments back', async () => {
  const { clock, store, a, b } = await site();
  await a.page(article('v1'));
  const key = store.keys('token').find((each) => each.endsWith('=1')) as string;
  const [old] = await store.getMany('token', [key], { timeout: 100 });
  await a.sweeper.invalidateCacheFor(new Article(1));
  clock.advance(SETTLED);
  expect(await b.page(article('v2'))).toBe('v2');
  if (old?.state === 'found') await store.setMany('token', [{ key, value: old.value, ttl: 0 }], { timeout: 100 });
  expect(await b.page(article('v2'))).toBe('v1');
});

way('clocks that differ by more than a second: what is late may be stored for good', async () => {
  const world = new World({ CacheSweeper, lazy });
  const scenario = (milliseconds: number): Scenario => ({
    page: 'plain',
    start: 'warm',
    actors: [
      { does: 'read', in: 'a', since: true },
      { does: 'save', in: 'b', row: 'Article' },
    ],
    clocks: { b: -milliseconds },
  });
  expect(await search(world, scenario(1_000))).toMatchObject({ violation: undefined, complete: true });
  expect((await search(world, scenario(5_000))).violation).toContain('beyond promise 2');
});

way('a store that carries out a token write seconds after it has given it up, and does not take it back', async () => {
  const world = new World({ CacheSweeper, lazy });
  const order = [
    'save0.0 save',
    'save0.1 bump (late)',
    'save0.3 try again',
    'save0.4 bump',
    'wait3.0 wait 2000',
    'read1.0 read data',
    'save2.0 save',
    'save2.1 bump',
    'save0.2 bump at last',
  ];
  const run = (takesBack: boolean) =>
    world.run(
      {
        page: 'plain',
        start: 'warm',
        actors: [
          { does: 'save', in: 'b', row: 'Article' },
          { does: 'read', in: 'a', since: true },
          { does: 'save', in: 'c', row: 'Article' },
          { does: 'wait', milliseconds: 2_000 },
        ],
        faults: 1,
        takesBack,
      },
      inOrder(order),
    );
  // The token in the store is older than the last bump: a page takes its old data for new.
  expect((await run(false))?.violations.join()).toContain('ms beyond promise 2');
  expect((await run(true))?.violations).toEqual([]);
});

way(
  'a Redis that goes on acknowledging after another was promoted: those who ask the other do not hear of it',
  async () => {
    const clock = new Clock();
    const old = await Redis.start();
    const promoted = await old.startReplica();
    await promoted.promote();
    const [a, b] = [old, promoted].map(({ url }) => {
      const one = new Site(templates, { store: new RedisStore(url), now: clock.now });
      onTestFinished(() => one.sweeper.close().then(() => {}));
      return one;
    }) as [Site, Site];
    for (let i = 0; i < 2; i++) {
      await b.page(article('v1'));
      clock.advance(SETTLED);
    }
    await a.sweeper.invalidateCacheFor(new Article(1));
    expect(await b.page(article('v2'))).toBe('v1');
    clock.advance(60_000);
    expect(await b.page(article('v2'))).toBe('v2');
  },
);

way('in an outage a bump of another process is not seen before outage has passed', async () => {
  const { clock, store, b } = await site();
  const own = new TestingStore({ now: clock.now, shared: store });
  const a = new Site(templates, { store: own, now: clock.now, outage: '10s' });
  for (let i = 0; i < 2; i++) {
    await a.page(article('v1'));
    clock.advance(SETTLED);
  }
  await a.page(article('v1'));
  await b.sweeper.invalidateCacheFor(new Article(1));
  own.script = () => ({ outcome: 'unknown' });
  clock.advance(10_000);
  expect(await a.page(article('v2'))).toBe('v1');
  clock.advance(1);
  expect(await a.page(article('v2'))).toBe('v2');
});

way(
  'a function of the site that keeps html for another fragment: what that shows is not invalidated with the first',
  async () => {
    const sweeper = new CacheSweeper({ maxDataAge: '1ms' });
    const keeper = '{% set box %}{% cachesweeper comment 60 %}{{ comment.text }}{% endcachesweeper %}{% endset %}';
    const pages = {
      'kept.njk': `${keeper}{{ keep(box) }}{% cachesweeper article 60 %}{{ kept() }}{% endcachesweeper %}`,
      'passed.njk': `${keeper}{{ keep(box) }}{% cachesweeper article 60 kept() %}{{ kept() }}{% endcachesweeper %}`,
    };
    const env = sweeper.install(new nunjucks.Environment(new ObjectLoader(pages) as nunjucks.ILoader));
    let html = '';
    env.addGlobal('keep', (box: string) => {
      html = box;
      return '';
    });
    env.addGlobal('kept', () => html);
    const page = (name: string, text: string) =>
      sweeper.render(env, name, { article: new Article(1), comment: new Comment(7, text) });
    for (const name of Object.keys(pages)) expect(await page(name, 'v1')).toBe('v1');
    await sweeper.invalidateCacheFor(new Comment(7));
    expect(await page('kept.njk', 'v2')).toBe('v1');
    expect(await page('passed.njk', 'v2')).toBe('v2');
  },
);

test('docs/reliability.md has a row for each of these ways, and no other', () => {
  const page = readFileSync(new URL('../../docs/reliability.md', import.meta.url), 'utf8');
  const sources = ['limits', 'limits-http'].map((name) =>
    readFileSync(new URL(`${name}.test.ts`, import.meta.url), 'utf8'),
  );
  const titles = [...sources.join('\n').matchAll(/^way\(\s*'(.+)',\s*async/gm)].map(([, title]) => title);
  const section = page.split('## How an old fragment can still be served')[1]?.split('\n## ')[0] ?? '';
  const named = [...section.matchAll(/\| “(.+?)” \|$/gm)].map(([, title]) => title);
  expect(named.toSorted()).toEqual(titles.toSorted());
});
