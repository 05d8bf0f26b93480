import { describe, expect, test } from 'vitest';
import { Article, Comment } from '../support/models.ts';
import { SETTLED, siteWithStore } from '../waiting/support.ts';
import { storedEntries } from './stored-entries.ts';

const page = { article: new Article(1, 'A'), comment: new Comment(1, 'C') };

/** The end of an article's fragment, in seconds from when it was made: when it expires, and how long it is stale then. */
async function made(source: string, { context = {}, isNew = false } = {}) {
  const { clock, store, site } = siteWithStore({ 'page.njk': source }, { memory: false });
  if (!isNew) {
    await site.page({ ...page, ...context });
    clock.advance(SETTLED * 10);
    store.evict('entry');
  }
  const ttls: number[] = [];
  const put = store.setMany.bind(store);
  store.setMany = (kind, items, call) => {
    if (kind === 'entry') ttls.push(...items.filter(({ key }) => !key.endsWith(':reads')).map(({ ttl }) => ttl));
    return put(kind, items, call);
  };
  const now = clock.time;
  await site.page({ ...page, ...context, now });
  const entries = await storedEntries(store);
  const ends = entries.map(({ html, expires, stale, provisional }) => ({
    html,
    expires: (expires - now) / 1_000,
    stale: stale / 1_000,
    provisional,
  }));
  return { ends, ttls };
}

const tag = (args: string, body: string) => `{% cachesweeper ${args} %}${body}{% endcachesweeper %}`;

describe('stale=', () => {
  test.each<[string, unknown, number]>([
    ['text with a unit', '1m', 60],
    ['seconds', 90, 90],
    ['a part of a second', 0.5, 0.5],
    ['0', 0, 0],
    ['null', null, 0],
    ['undefined', undefined, 0],
  ])('%s: so long an entry may be served after its ttl', async (_title, stale, seconds) => {
    const { ends } = await made(tag('article 500 stale=stale', 'x'), { context: { stale } });
    expect(ends).toEqual([{ html: 'x', expires: 500, stale: seconds, provisional: false }]);
  });

  test.each([1e14, 1e306, '300000000y'])('as long as can be written: %s', async (stale) => {
    const { site, clock } = siteWithStore({ 'page.njk': tag('article 500 stale=stale', 'x') }, { memory: false });
    await site.page({ ...page, stale });
    clock.advance(SETTLED);
    await site.page({ ...page, stale });
    await site.page({ ...page, stale });
    expect([site.outcomes, site.errors, site.sweeper.stats().damaged]).toEqual([['hit'], [], 0]);
  });

  test('is nothing by default', async () => {
    const { ends } = await made(tag('article 500', 'x'));
    expect(ends).toMatchObject([{ expires: 500, stale: 0 }]);
  });

  test('is nothing where the ttl is never over', async () => {
    const { ends, ttls } = await made(tag('article 0 stale="1m"', 'x'));
    expect(ends).toMatchObject([{ expires: Number.POSITIVE_INFINITY, stale: 0 }]);
    expect(ttls).toEqual([0]);
  });

  test.each<[string, unknown, string]>([
    ['below 0', -1, 'the number -1'],
    ['NaN', Number.NaN, 'the number NaN'],
    ['Infinity', Number.POSITIVE_INFINITY, 'the number Infinity'],
    ['text without a unit', '60', 'the string "60"'],
    ['text that is negative', '-1m', 'the string "-1m"'],
    ['empty text', '', 'the string ""'],
    ['true', true, 'the boolean true'],
    ['a date', new Date(0), 'an instance of Date'],
  ])('%s is an error with its place, also where the fragment is there already', async (_title, stale, got) => {
    const { site } = siteWithStore({ 'page.njk': tag('article 500 stale=stale', 'x') });
    await site.page({ ...page, stale: '1m' });
    await expect(site.page({ ...page, stale })).rejects.toMatchObject({
      code: 'CACHESWEEPER_BAD_TTL',
      message: expect.stringMatching(
        /^\(page.njk\) \[Line 1, Column 4\]\n {2}stale= expected a number of seconds from 0 on, or text such as "1m", got /,
      ),
    });
    await expect(site.page({ ...page, stale })).rejects.toThrow(got);
  });

  test('the store keeps an entry for as long as it may be served', async () => {
    expect((await made(tag('article 500 stale="1m"', 'x'))).ttls).toEqual([560]);
  });

  test('what until= ends is not served after it', async () => {
    const at = (seconds: number, ttl: number) =>
      made(tag(`article ${ttl} until=end stale="1m"`, 'x'), {
        context: { end: 1_800_000_000_000 + SETTLED * 10 + seconds * 1_000 },
      });
    expect((await at(300, 500)).ends).toMatchObject([{ expires: 300, stale: 0 }]);
    expect((await at(300, 0)).ends).toMatchObject([{ expires: 300, stale: 0 }]);
    expect((await at(520, 500)).ends).toMatchObject([{ expires: 500, stale: 20 }]);
    expect((await at(900, 500)).ends).toMatchObject([{ expires: 500, stale: 60 }]);
  });

  test('a provisional entry is not served after its end, nor is what contains one', async () => {
    const { ends } = await made(tag('article 500 stale="1m"', tag('comment 500 stale="1m"', 'x')), { isNew: true });
    expect(ends.map(({ stale, provisional }) => [stale, provisional])).toEqual([
      [0, true],
      [0, true],
    ]);
  });
});

describe('a fragment around others is not served after the time that', () => {
  const around = async (outer: string, inner: string, context = {}) => {
    const { ends } = await made(tag(`article ${outer}`, `[${tag(`comment ${inner}`, 'x')}]`), { context });
    const { expires, stale } = ends.find(({ html }) => html === '[x]') ?? { expires: Number.NaN, stale: Number.NaN };
    return [expires, expires + stale];
  };

  test.each<[string, string, string, readonly number[]]>([
    ['is its own', '100 stale=50', '500 stale=60', [100, 150]],
    ['one inside has with its stale=', '500 stale=60', '100 stale=50', [100, 150]],
    ['one inside has without', '500 stale=60', '100', [100, 100]],
    ['one inside has with a shorter ttl and a longer stale=', '200 stale=10', '100 stale=500', [100, 210]],
    ['is its own ttl where it has no stale=', '500', '100 stale=600', [100, 500]],
    ['one inside ends by until=', '500 stale=60', '500 until=end stale=60', [100, 100]],
  ])('%s', async (_title, outer, inner, ends) => {
    const end = 1_800_000_000_000 + SETTLED * 10 + 100_000;
    expect(await around(outer, inner, { end })).toEqual(ends);
  });

  test('a hit inside of it has', async () => {
    const inner = '{% if comment %}{% include "inner.njk" %}{% endif %}';
    const templates = {
      'inner.njk': tag('comment 500 stale=40', 'x'),
      'page.njk': tag('article 1000 stale=1000', `[${inner}]`),
    };
    const { clock, store, site } = siteWithStore(templates, { memory: false });
    await site.page(page);
    clock.advance(SETTLED * 10);
    store.evict('entry');
    await site.page(page, 'inner.njk');
    const end = clock.time + 540_000;
    clock.advance(100_000);
    await site.page(page);
    expect(site.outcomes).toEqual(['hit', 'miss']);
    const outer = (await storedEntries(store)).find(({ html }) => html === '[x]');
    expect((outer?.expires ?? 0) + (outer?.stale ?? 0)).toBe(end);
  });

  test('the page’s until= gives a hit inside, though it was made with a later one', async () => {
    const templates = {
      'inner.njk': tag('comment 500 until=end stale=600', 'x'),
      'page.njk': tag('article 2000 stale=1000', '[{% include "inner.njk" %}]'),
    };
    const { clock, store, site } = siteWithStore(templates, { memory: false });
    await site.page({ ...page, end: null });
    clock.advance(SETTLED * 10);
    store.evict('entry');
    await site.page({ ...page, end: null }, 'inner.njk');
    const end = clock.time + 700_000;
    await site.page({ ...page, end });
    expect(site.outcomes).toEqual(['hit', 'miss']);
    const outer = (await storedEntries(store)).find(({ html }) => html === '[x]');
    expect((outer?.expires ?? 0) + (outer?.stale ?? 0)).toBe(end);
  });
});

test.each([
  ['with a store', {}],
  ['without a store', { store: undefined }],
] as const)(
  '%s nothing is shown stale to a page while no other makes it: when the ttl is over, the body is rendered',
  async (_title, options) => {
    const source = tag('article 500 stale="1m"', '{{ article.title }}');
    const { clock, site } = siteWithStore({ 'page.njk': source }, options as object);
    await site.page(page);
    clock.advance(SETTLED * 10);
    await site.page(page);
    clock.advance(500_000);
    expect(await site.page({ article: new Article(1, 'B') })).toBe('B');
    expect(site.outcomes).toEqual(['miss']);
  },
);
