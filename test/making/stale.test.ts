import { lazy } from 'nunjucks-cachesweeper';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { describe, expect, test, vi } from 'vitest';
import { Article } from '../support/models.ts';
import { Clock, gate, SETTLED } from '../waiting/support.ts';
import { finished, kinds, type LoadingOptions, loaded, loadingSites, shown } from './loading-site.ts';

const siteOf = loadingSites();
const TTL = 500_000;
const STALE = 60_000;
const PAGE =
  '{% cachesweeper article 500 stale="1m" %}{{ lang }}{% for row in rows() %}{{ row }}{% endfor %}{% endcachesweeper %}';

/** A site that has these pages in its cache, from now on for their ttl. */
async function cached(
  template: string | Record<string, string>,
  options: LoadingOptions,
  contexts: readonly object[] = [{}],
  name?: string,
) {
  const site = siteOf(template, options);
  // What is made with tokens that are new may be late, and is never served stale.
  for (const context of contexts) await loaded(site, [0], context, name);
  await site.sweeper.invalidateAll();
  site.clock.advance(SETTLED);
  for (const context of contexts) await loaded(site, [1], context, name);
  site.reports.length = 0;
  return site;
}

describe.each(Object.entries(kinds))('%s', (_kind, options) => {
  test('when the ttl is over, one page makes the fragment anew, and the others show it as it was, without waiting', async () => {
    const site = await cached(PAGE, options());
    site.clock.advance(TTL);
    const { started } = site;
    const maker = site.visit();
    await site.until(started + 1);
    expect(await shown(site, 5)).toEqual(Array(5).fill('en1'));
    expect(site.outcomesOfAll).toEqual(Array(5).fill('stale'));
    expect(site.reports[0]?.fragments[0]).toMatchObject({ outcome: 'hit', reason: 'stale' });
    site.loads.at(-1)?.open([2]);
    expect(await maker).toBe('en2');
    await site.sweeper.idle();
    expect(await shown(site, 3)).toEqual(['en2', 'en2', 'en2']);
    expect(site.outcomesOfAll.slice(5)).toEqual(['miss', 'hit', 'hit', 'hit']);
    expect(site.sweeper.stats().tags[0]).toMatchObject({ hits: 8 });
  });

  test('without the argument nobody is served what has expired', async () => {
    const site = await cached(PAGE.replace(' stale="1m"', ''), options());
    site.clock.advance(TTL);
    const { started } = site;
    const pages = site.visits(4);
    await site.until(started + 1);
    await site.untilWaiting(3);
    site.loads.at(-1)?.open([2]);
    expect(await Promise.all(pages)).toEqual(Array(4).fill('en2'));
  });

  test('with wait: "0s" each page makes its own', async () => {
    const site = await cached(PAGE, { ...options(), wait: '0s' });
    site.clock.advance(TTL);
    const { started } = site;
    const pages = site.visits(3);
    await site.until(started + 3);
    for (const load of site.loads) load.open([2]);
    expect(await Promise.all(pages)).toEqual(Array(3).fill('en2'));
  });

  test('until the stale time is over, and no longer', async () => {
    const site = await cached(PAGE, options());
    site.clock.advance(TTL);
    const { started } = site;
    const maker = site.visit();
    await site.until(started + 1);
    site.clock.advance(STALE - 1);
    expect(await shown(site, 1)).toEqual(['en1']);
    site.clock.advance(1);
    const late = site.visit();
    await site.untilWaiting(1);
    site.loads.at(-1)?.open([2]);
    expect(await Promise.all([maker, late])).toEqual(['en2', 'en2']);
  });

  test.each([
    ['before the page that makes it', true],
    ['while it is made', false],
  ])('after a bump never: bumped %s', async (_when, isBefore) => {
    const site = await cached(PAGE, options());
    site.clock.advance(TTL);
    const { started } = site;
    if (isBefore) await site.sweeper.invalidateCacheFor(new Article(1));
    const maker = site.visit();
    await site.until(started + 1);
    if (!isBefore) await site.sweeper.invalidateCacheFor(new Article(1));
    const others = site.visits(3);
    expect(await finished(site, [2], [maker, ...others])).toEqual(Array(4).fill('en2'));
    expect(site.outcomesOfAll).not.toContain('stale');
  });

  test('two variants: each is made by one page, and shown to the others as it was', async () => {
    const [en, de] = [{ lang: 'en' }, { lang: 'de' }];
    const site = await cached(PAGE, options(), [en, de]);
    site.clock.advance(TTL);
    const { started } = site;
    const makers = [site.visit(en), site.visit(de)];
    await site.until(started + 2);
    expect(await shown(site, 2, en)).toEqual(['en1', 'en1']);
    expect(await shown(site, 2, de)).toEqual(['de1', 'de1']);
    for (const load of site.loads) load.open([2]);
    expect(await Promise.all(makers)).toEqual(['en2', 'de2']);
  });

  test('when it has been made, others show it as it is now, though the page that made it has not ended', async () => {
    const site = await cached(
      { 'page.njk': PAGE, 'slow.njk': '{% include "page.njk" %}{% if isLoaded() %}{{ slow() }}{% endif %}' },
      options(),
    );
    site.clock.advance(TTL);
    const { started } = site;
    const slow = gate<string>();
    let isLoaded = false;
    let isAsked = false;
    const wait = lazy(() => {
      isAsked = true;
      return slow.promise;
    });
    const maker = site.visit({ slow: wait, isLoaded: () => isLoaded }, 'slow.njk');
    await site.until(started + 1);
    isLoaded = true;
    site.loads.at(-1)?.open([2]);
    await vi.waitFor(() => expect(isAsked).toBe(true), 10_000);
    expect(await shown(site, 1)).toEqual(['en2']);
    slow.open('slow');
    expect(await maker).toBe('en2slow');
  });

  test('another variant is not shown', async () => {
    const site = await cached(PAGE, options());
    site.clock.advance(TTL);
    const { started } = site;
    const maker = site.visit();
    await site.until(started + 1);
    const other = site.visit({ lang: 'de' });
    await site.until(started + 2);
    for (const load of site.loads) load.open([2]);
    expect(await Promise.all([maker, other])).toEqual(['en2', 'de2']);
  });

  test('what is provisional is not shown after its end', async () => {
    const site = await cached(PAGE, options());
    await site.sweeper.invalidateAll();
    await loaded(site, [1]);
    site.clock.advance(SETTLED);
    const { started: before } = site;
    const first = site.visit();
    await site.until(before + 1);
    const second = site.visit();
    await site.untilWaiting(1);
    site.loads.at(-1)?.open([2]);
    expect(await Promise.all([first, second])).toEqual(['en2', 'en2']);
    expect(site.outcomesOfAll).not.toContain('stale');
  });

  test('what until= has ended is not shown after it, also where the page gives no end now', async () => {
    const end = 1_800_000_000_000 + 20 * SETTLED;
    const site = await cached(PAGE.replace('stale', 'until=end stale'), options(), [{ end }]);
    site.clock.time = end;
    const { started } = site;
    const pages = [site.visit({ end: null }), site.visit({ end: null })];
    await site.until(started + 1);
    await site.untilWaiting(1);
    site.loads.at(-1)?.open([2]);
    expect(await Promise.all(pages)).toEqual(['en2', 'en2']);
  });

  test('a page whose until= has passed is not shown it', async () => {
    const site = await cached(PAGE.replace('stale', 'until=end stale'), options(), [{ end: null }]);
    site.clock.advance(TTL);
    const { started } = site;
    const maker = site.visit({ end: null });
    await site.until(started + 1);
    expect(await shown(site, 1, { end: site.clock.time + 1 })).toEqual(['en1']);
    const over = site.visit({ end: site.clock.time });
    await site.until(started + 2);
    for (const load of site.loads) load.open([2]);
    expect(await Promise.all([maker, over])).toEqual(['en2', 'en2']);
  });

  test('a body that waits for nothing is made by the page that finds it', async () => {
    const site = siteOf('{% cachesweeper article 500 stale="1m" %}{{ article.title }}{% endcachesweeper %}', options());
    const page = (title: string) => site.page({ article: new Article(1, title) });
    await page('0');
    site.clock.advance(SETTLED);
    await page('1');
    site.clock.advance(TTL);
    expect(await page('2')).toBe('2');
    expect(await page('3')).toBe('2');
    expect(site.outcomesOfAll.slice(2)).toEqual(['miss', 'hit']);
  });

  test('holes of what is shown stale are filled for the page, and its variables are set', async () => {
    const template =
      '{% cachesweeper article 500 stale="1m" %}{{ rows() | join }}{% set title = "T" %}{% uncached %}({{ user }}){% enduncached %}{% endcachesweeper %}{{ title }}';
    const site = await cached(template, options(), [{ user: 'ann' }]);
    site.clock.advance(TTL);
    const { started } = site;
    const maker = site.visit({ user: 'ann' });
    await site.until(started + 1);
    expect(await shown(site, 1, { user: 'bob' })).toEqual(['1(bob)T']);
    site.loads.at(-1)?.open([2]);
    expect(await maker).toBe('2(ann)T');
  });

  test('inside of a transaction it is shown as well', async () => {
    const site = await cached(PAGE, options());
    site.clock.advance(TTL);
    const { started } = site;
    const maker = site.visit();
    await site.until(started + 1);
    expect(await site.sweeper.transaction(() => site.visit())).toBe('en1');
    expect(site.started).toBe(started + 1);
    site.loads.at(-1)?.open([2]);
    await maker;
  });
});

test.each(Object.entries(kinds))(
  'a maker that fails fails its own page, and the next one makes it, while the others show it as it was: %s',
  async (_kind, options) => {
    const site = await cached(PAGE, options());
    site.clock.advance(TTL);
    const { started } = site;
    const failing = site.visit().catch((error: Error) => error.message);
    await site.until(started + 1);
    expect(await shown(site, 1)).toEqual(['en1']);
    site.loads.at(-1)?.fail(new Error('no database'));
    expect(await failing).toContain('no database');
    await site.settled();
    const maker = site.visit();
    await site.until(started + 2);
    expect(await shown(site, 2)).toEqual(['en1', 'en1']);
    site.loads.at(-1)?.open([2]);
    expect(await maker).toBe('en2');
  },
);

test('without a callback it is shown as well', async () => {
  const site = await cached(PAGE, {});
  site.clock.advance(TTL);
  const { started } = site;
  const maker = site.visit();
  await site.until(started + 1);
  const context = { article: new Article(1), lang: 'en', rows: lazy(site.load) };
  expect(site.env.render('page.njk', context)).toBe('en1');
  site.loads.at(-1)?.open([2]);
  await maker;
});

describe.each(Object.entries(kinds))('a fragment in another one, %s', (_kind, options) => {
  const inner = '{% cachesweeper other 500 stale="1m" %}{{ rows() | join }}{% endcachesweeper %}';
  const templates = {
    'inner.njk': inner,
    'page.njk': `{% cachesweeper article 500 stale="1m" %}[{% include "inner.njk" %}]{% endcachesweeper %}`,
    'when.njk': `{% cachesweeper article 500 when=false %}[{% include "inner.njk" %}]{% endcachesweeper %}`,
  };
  const context = { other: new Article(2) };

  test('is made with it by one page, and both are shown to the others as they were', async () => {
    const site = await cached(templates, options(), [context]);
    site.clock.advance(TTL);
    const { started } = site;
    const maker = site.visit(context);
    await site.until(started + 1);
    expect(await shown(site, 3, context)).toEqual(['[1]', '[1]', '[1]']);
    expect(await shown(site, 3, context, 'inner.njk')).toEqual(['1', '1', '1']);
    site.loads.at(-1)?.open([2]);
    expect(await maker).toBe('[2]');
    expect(site.started).toBe(started + 1);
  });

  test('is not shown stale in one that is made: that waits for it, and ends no sooner than it would alone', async () => {
    const site = await cached(templates, options(), [context]);
    site.clock.advance(TTL);
    const { started } = site;
    const maker = site.visit(context, 'inner.njk');
    await site.until(started + 1);
    const outer = site.visit(context);
    await site.untilWaiting(1);
    site.loads.at(-1)?.open([2]);
    expect(await Promise.all([maker, outer])).toEqual(['2', '[2]']);
    await site.sweeper.idle();
    site.clock.advance(TTL - 1);
    expect(await shown(site, 1, context)).toEqual(['[2]']);
    expect(site.outcomesOfAll.at(-1)).toBe('hit');
  });

  test('is shown stale in one that is not kept', async () => {
    const site = await cached(templates, options(), [context], 'inner.njk');
    site.clock.advance(TTL);
    const { started } = site;
    const maker = site.visit(context, 'inner.njk');
    await site.until(started + 1);
    expect(await shown(site, 1, context, 'when.njk')).toEqual(['[1]']);
    site.loads.at(-1)?.open([2]);
    await maker;
  });

  test('is not shown stale in what a lazy renders for one that is made', async () => {
    const site = await cached(
      { ...templates, 'lazy.njk': '{% cachesweeper article 900 %}{{ part() | safe }}{% endcachesweeper %}' },
      options(),
      [context],
      'inner.njk',
    );
    const part = lazy(() => site.visit(context, 'inner.njk'));
    site.clock.advance(TTL);
    const { started } = site;
    const maker = site.visit(context, 'inner.njk');
    await site.until(started + 1);
    const outer = site.visit({ ...context, part }, 'lazy.njk');
    expect(await finished(site, [2], [maker, outer])).toEqual(['2', '2']);
  });
});

describe('two processes on one store', () => {
  const inner = '{% cachesweeper other 500 stale="1m" %}{{ rows() | join }}{% endcachesweeper %}';
  const templates = {
    'page.njk': PAGE,
    'inner.njk': inner,
    'outer.njk': '{% cachesweeper article 500 stale="1m" %}[{% include "inner.njk" %}]{% endcachesweeper %}',
    'kept.njk': '{% cachesweeper article 500 %}({% include "inner.njk" %}){% endcachesweeper %}',
  };
  const context = { other: new Article(2) };

  /** Two of them that have a page, whose ttl is over. */
  async function two(name: string, memory: false | undefined = undefined) {
    const clock = new Clock();
    const shared = new TestingStore({ now: clock.now });
    const options = () => ({
      clock,
      store: new TestingStore({ now: clock.now, shared }),
      ...(memory === undefined ? {} : { memory }),
    });
    const there = await cached(templates, options(), [context], name);
    const here = siteOf(templates, options());
    // In its memory.
    await shown(here, 1, context, name);
    here.reports.length = 0;
    there.clock.advance(TTL);
    return { there, here };
  }

  test.each([['with memory', undefined] as const, ['without', false] as const])(
    'what one has made the other shows stale from the store, while it makes it itself: %s',
    async (_title, memory) => {
      const { there, here } = await two('page.njk', memory);
      const maker = here.visit();
      await here.until(1);
      expect(await shown(here, 3)).toEqual(['en1', 'en1', 'en1']);
      here.loads.at(-1)?.open([2]);
      expect(await maker).toBe('en2');
      await here.sweeper.idle();
      // Nobody has put the old one in the place of the new one.
      expect(await shown(there, 1)).toEqual(['en2']);
      expect(await shown(here, 1)).toEqual(['en2']);
    },
  );

  test.each([
    ['page.njk', 'en1', 'en2'],
    ['outer.njk', '[1]', '[2]'],
  ])('what one is making the other shows as it was, without waiting: %s', async (name, old, made) => {
    const { there, here } = await two(name);
    const { started } = there;
    const maker = there.visit(context, name);
    await there.until(started + 1);
    expect(await shown(here, 3, context, name)).toEqual([old, old, old]);
    expect(here.outcomesOfAll).toEqual(['stale', 'stale', 'stale']);
    there.loads.at(-1)?.open([2]);
    expect(await maker).toBe(made);
    await there.sweeper.idle();
    expect(await shown(here, 1, context, name)).toEqual([made]);
  });

  test('what cannot be shown as it was is waited for: it is another variant, or inside of what is kept', async () => {
    for (const [name, visited, old] of [
      ['page.njk', { lang: 'de' }, 'de'],
      ['kept.njk', context, ''],
    ] as const) {
      const { there, here } = await two(name === 'kept.njk' ? 'inner.njk' : name);
      const { started } = there;
      const maker = there.visit({ ...context, ...visited }, name === 'kept.njk' ? 'inner.njk' : name);
      await there.until(started + 1);
      const waiting = here.visit({ ...context, ...visited }, name);
      await here.untilWaiting(1);
      there.loads.at(-1)?.open([2]);
      expect([await maker, await waiting]).toEqual(old === '' ? ['2', '(2)'] : ['de2', 'de2']);
      expect(here.started).toBe(0);
    }
  });

  test('when the maker of one has failed, the other makes it as soon as it has looked', async () => {
    const { there, here } = await two('page.njk');
    for (let failures = 1; failures <= 3; failures++) {
      const failing = there.visit();
      await there.until(1 + failures + 1);
      there.loads.at(-1)?.fail(new Error('no database'));
      await expect(failing).rejects.toThrow('no database');
      await there.settled();
    }
    // It shows the old one for each maker that it has not heard of.
    const pages: Promise<string>[] = [];
    await vi.waitFor(() => {
      if (here.started === 0) pages.push(here.visit());
      expect(here.started).toBe(1);
    }, 10_000);
    const maker = pages.pop();
    for (const page of pages) expect(await page).toBe('en1');
    // While it makes it, the first does not.
    expect(await shown(there, 2)).toEqual(['en1', 'en1']);
    here.loads.at(-1)?.open([2]);
    expect(await maker).toBe('en2');
  });

  test('after a bump by either never', async () => {
    for (const bumping of ['there', 'here'] as const) {
      const sites = await two('page.njk');
      const { there, here } = sites;
      const { started } = there;
      const maker = there.visit();
      await there.until(started + 1);
      await sites[bumping].sweeper.invalidateCacheFor(new Article(1));
      const after = here.visit();
      await here.until(1);
      for (const load of [...there.loads, ...here.loads]) load.open([2]);
      expect([await maker, await after]).toEqual(['en2', 'en2']);
    }
  });
});
