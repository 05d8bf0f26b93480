import { lazy } from 'nunjucks-cachesweeper';
import { describe, expect, test } from 'vitest';
import type { Templates } from '../support/loaders.ts';
import { Article, Comment } from '../support/models.ts';
import { operationsOf, SETTLED, Site, siteWithStore } from './support.ts';

const fifty: Templates = {
  'page.njk':
    '{% for comment in comments %}{% cachesweeper comment 500 %}{{ comment.text }}{% endcachesweeper %}{% endfor %}',
};
const comments = Array.from({ length: 50 }, (_, id) => new Comment(id, `c${id} `));
const fiftyHtml = comments.map(({ text }) => text).join('');

/** A fragment in a fragment in a fragment… */
function nested(depth: number): Templates {
  let source = 'x';
  for (let level = depth; level >= 1; level--)
    source = `{% cachesweeper m${level} 500 %}<${level}${source}${level}>{% endcachesweeper %}`;
  return { 'page.njk': source };
}
const models = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`m${i + 1}`, new Article(i + 1)]));

/** What a page cost: passes, round trips and the store's operations. */
async function cost({ site, store }: ReturnType<typeof siteWithStore>, context: object) {
  operationsOf(store);
  const html = await site.page(context);
  const { passes, roundTrips } = site.report;
  return { html, passes, roundTrips, operations: operationsOf(store) };
}

const memories = [
  ['with a memory tier', {}],
  ['without a memory tier', { memory: false }],
] as const;

describe.each(memories)('%s', (_title, options) => {
  const hasMemory = options !== memories[1][1];

  test('a page without fragments is one pass and asks nothing', async () => {
    const all = siteWithStore({ 'page.njk': '{% for c in comments %}{{ c.text }}{% endfor %}' }, options);
    expect(await cost(all, { comments })).toEqual({ html: fiftyHtml, passes: 1, roundTrips: 0, operations: [] });
  });

  test('50 fragments never seen: one round trip for all tokens and the record of the tag, nothing asked for entries that cannot exist', async () => {
    const all = siteWithStore(fifty, options);
    expect(await cost(all, { comments })).toEqual({
      html: fiftyHtml,
      // Pass 1 finds out which tokens are wanted; pass 2 renders the bodies.
      passes: 2,
      roundTrips: 1,
      operations: [
        // 50 own names, Comment and *.
        'getMany token 52',
        // What other processes know of what the tag reads, in the same round trip.
        'getMany entry 1',
        'addMany token 52',
        // What the tag reads, one record for all 50.
        'setMany entry 1',
        // The tokens are new, so what is stored under them is provisional: added, not set.
        'addMany entry 50',
      ],
    });
  });

  test('50 fragments whose tokens are there and entries are not: one round trip more, for the entries', async () => {
    const all = siteWithStore(fifty, options);
    await all.site.page({ comments });
    all.clock.advance(SETTLED);
    // Another process, which has never rendered the page.
    const other = { ...all, site: new Site(fifty, { store: all.store, now: all.clock.now, ...options }) };
    expect(await cost(other, { comments })).toEqual({
      html: fiftyHtml,
      passes: 3,
      roundTrips: 2,
      // The record of what the tag reads is asked for beside the tokens: it tells the keys of the entries.
      operations: ['getMany token 52', 'getMany entry 1', 'getMany entry 50', 'setMany entry 50'],
    });
  });

  test('50 fragments that hit: one round trip and one pass; entries are fetched only where there is no memory tier', async () => {
    const all = siteWithStore(fifty, options);
    for (let i = 0; i < 2; i++) {
      await all.site.page({ comments });
      all.clock.advance(SETTLED);
    }
    expect(await cost(all, { comments })).toEqual(
      hasMemory
        ? { html: fiftyHtml, passes: 1, roundTrips: 1, operations: ['getMany token 52'] }
        : { html: fiftyHtml, passes: 1, roundTrips: 1, operations: ['getMany token 52', 'getMany entry 50'] },
    );
    expect(all.site.outcomes).toEqual(comments.map(() => 'hit'));
  });

  test('after one bump one fragment of 50 is written', async () => {
    const all = siteWithStore(fifty, options);
    for (let i = 0; i < 2; i++) {
      await all.site.page({ comments });
      all.clock.advance(SETTLED);
    }
    await all.site.sweeper.invalidateCacheFor(comments[7]);
    all.clock.advance(SETTLED);
    const { operations } = await cost(all, { comments });
    expect(operations).toEqual([
      'getMany token 52',
      // Of the 50 that were guessed one is out of date, and is asked for again by its new key.
      ...(hasMemory ? [] : ['getMany entry 50']),
      // With it goes the record of what the tag reads: other processes may have added to it.
      'getMany entry 2',
      'setMany entry 1',
    ]);
    expect(all.site.outcomes.filter((outcome) => outcome === 'miss')).toHaveLength(1);
  });

  test.each([3, 8])('nested %i deep, never seen: each level needs one round trip to be found', async (depth) => {
    const all = siteWithStore(nested(depth), options);
    const { passes, roundTrips, operations } = await cost(all, models);
    // The body of a level is met when the tokens of the one around it are known.
    expect({ passes, roundTrips }).toEqual({ passes: depth + 1, roundTrips: depth });
    // Every level's tokens are read and made, *, Article and the own name at first, then own names alone; beside them the record
    // of what its tag reads is asked for.
    const level = (tokens: number) => [`getMany token ${tokens}`, 'getMany entry 1', `addMany token ${tokens}`];
    expect(operations).toEqual([
      ...level(3),
      ...Array.from({ length: depth - 1 }, () => level(1)).flat(),
      // What each tag reads, beside the entries.
      `setMany entry ${depth}`,
      `addMany entry ${depth}`,
    ]);
  });

  test.each([3, 8])('nested %i deep, warm: one round trip and one pass', async (depth) => {
    const all = siteWithStore(nested(depth), options);
    const { html } = await cost(all, models);
    for (let i = 0; i < 2; i++) {
      all.clock.advance(SETTLED);
      await all.site.page(models);
    }
    all.clock.advance(SETTLED);
    expect(await cost(all, models)).toEqual({
      html,
      passes: 1,
      roundTrips: 1,
      operations: [`getMany token ${depth + 2}`, ...(hasMemory ? [] : ['getMany entry 1'])],
    });
    expect(all.site.outcomes).toEqual(['hit']);
  });
});

describe('without a store', () => {
  test.each([
    ['50 fragments', fifty, { comments }],
    ['nested eight deep', nested(8), models],
  ] as const)('%s: one pass and no round trip, cold, warm and after a bump', async (_what, templates, context) => {
    const site = new Site(templates);
    for (let i = 0; i < 2; i++) {
      await site.page(context);
      expect(site.report).toMatchObject({ passes: 1, roundTrips: 0 });
    }
    await site.sweeper.invalidateAll();
    await site.page(context);
    expect(site.report).toMatchObject({ passes: 1, roundTrips: 0 });
  });

  test('a lazy costs one pass and one round trip, on a miss only', async () => {
    const site = new Site({ 'page.njk': '{% cachesweeper article 500 %}{{ load() }}{% endcachesweeper %}' });
    const context = { article: new Article(1), load: lazy(async () => 'x') };
    await site.page(context);
    expect(site.report).toMatchObject({ passes: 2, roundTrips: 1 });
    await site.page(context);
    expect(site.report).toMatchObject({ passes: 1, roundTrips: 0 });
  });
});

describe('together', () => {
  test('tokens, entries and lazies that a page wants at one time are one round trip', async () => {
    const { site, store, clock } = siteWithStore({
      'page.njk':
        '{% cachesweeper article 500 %}{{ article.title }}{% endcachesweeper %}{% for id in ids %}{{ load(id) }}{% endfor %}',
    });
    const context = { article: new Article(1, 'A'), ids: [1, 2, 3], load: lazy(async (id: number) => `:${id}`) };
    await site.page(context);
    clock.advance(SETTLED);
    await site.page(context);
    clock.advance(SETTLED);
    operationsOf(store);
    expect(await site.page(context)).toBe('A:1:2:3');
    expect(site.report).toMatchObject({ passes: 2, roundTrips: 1 });
    expect(operationsOf(store)).toEqual(['getMany token 3']);
  });

  test('one name asked for a hundred times is asked for once', async () => {
    const { site, store } = siteWithStore({
      'page.njk': '{% for i in range(100) %}{% cachesweeper article 500 i %}{{ i }}{% endcachesweeper %}{% endfor %}',
    });
    await site.page({ article: new Article(1) });
    expect(site.report).toMatchObject({ passes: 2, roundTrips: 1 });
    expect(operationsOf(store)).toEqual([
      'getMany token 3',
      // The record of what the tag reads.
      'getMany entry 1',
      'addMany token 3',
      'setMany entry 1',
      'addMany entry 100',
    ]);
  });
});
