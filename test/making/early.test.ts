import fc from 'fast-check';
import { CacheSweeper, lazy } from 'nunjucks-cachesweeper';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { runs } from '../support/long.ts';
import { Article } from '../support/models.ts';
import { Clock, SETTLED } from '../waiting/support.ts';
import {
  finished,
  kinds,
  type LoadingOptions,
  type LoadingSite,
  loaded,
  loadingSites,
  PAGE,
  shown,
} from './loading-site.ts';

const siteOf = loadingSites();
const TTL = 500_000;
const LOAD = 1_000;

afterEach(() => void vi.restoreAllMocks());

/** From now on each page draws so that it is this many durations ahead. */
function drawing(durations: number) {
  return vi.spyOn(Math, 'random').mockReturnValue(1 - Math.exp(-durations));
}

/** A site with a page whose load took a second, at the time when that was kept. */
async function made(
  template: string | Record<string, string> = PAGE,
  options: LoadingOptions = {},
  context: object = {},
  name?: string,
) {
  const site = siteOf(template, options);
  await loaded(site, [0], context, name, LOAD);
  await site.sweeper.invalidateAll();
  site.clock.advance(SETTLED);
  await loaded(site, [1], context, name, LOAD);
  site.reports.length = 0;
  return site;
}

/** A page that loads. */
async function loading(site: LoadingSite, context: object = {}, name?: string): Promise<{ page: Promise<string> }> {
  const { started } = site;
  const page = site.visit(context, name);
  await site.until(started + 1);
  return { page };
}

describe.each(Object.entries(kinds))('%s', (_kind, options) => {
  test('a page makes a fragment anew that ends sooner than it is ahead, by what making it took, loads included', async () => {
    const site = await made(PAGE, options());
    // Exact to a millisecond: the draw is a rounded number.
    drawing(2);
    site.clock.advance(TTL - 2 * LOAD - 1);
    expect(await shown(site, 1)).toEqual(['en1']);
    site.clock.advance(2);
    expect(await loaded(site, [2])).toBe('en2');
    expect(site.outcomesOfAll).toEqual(['hit', 'miss']);
    // It has its own end.
    site.clock.advance(TTL - 1);
    expect(await shown(site, 1)).toEqual(['en2']);
  });

  test.each([
    [3, true],
    [0.1, false],
    [0, false],
  ])('the option early: %j', async (early, isEarly) => {
    const site = await made(PAGE, { ...options(), early });
    drawing(2);
    site.clock.advance(TTL - 3 * LOAD);
    if (isEarly) expect(await loaded(site, [2])).toBe('en2');
    else expect(await shown(site, 1)).toEqual(['en1']);
  });

  test('while one page makes it early, all others are served it, those who draw early as well, and nobody waits', async () => {
    const site = await made(PAGE, options());
    site.clock.advance(TTL - LOAD);
    drawing(5);
    const { page: maker } = await loading(site);
    expect(await shown(site, 5)).toEqual(Array(5).fill('en1'));
    drawing(0);
    expect(await shown(site, 2)).toEqual(['en1', 'en1']);
    expect(site.waiting).toBe(0);
    expect(site.outcomesOfAll).toEqual(Array(7).fill('hit'));
    site.loads.at(-1)?.open([2]);
    expect(await maker).toBe('en2');
    await site.sweeper.idle();
    expect(await shown(site, 1)).toEqual(['en2']);
  });

  test('after a bump those who come while it is made early do not get what was there', async () => {
    const site = await made(PAGE, options());
    site.clock.advance(TTL - LOAD);
    drawing(5);
    const { page: maker } = await loading(site);
    await site.sweeper.invalidateCacheFor(new Article(1));
    const { page: other } = await loading(site);
    expect(await finished(site, [2], [maker, other])).toEqual(['en2', 'en2']);
  });

  describe('what is inside and ends no later', () => {
    const templates = {
      'quick.njk': '{% cachesweeper other 500 %}{{ title }}{% endcachesweeper %}',
      'page.njk': '{% cachesweeper article 500 %}{{ rows() | join }}{% include "quick.njk" %}{% endcachesweeper %}',
      'lazy.njk': '{% cachesweeper article 500 %}{{ rows() | join }}{{ part() | safe }}{% endcachesweeper %}',
      'inner.njk': '{% cachesweeper other 500 %}{{ rows() | join }}{% endcachesweeper %}',
      'outer.njk': '{% cachesweeper article 500 %}[{% include "inner.njk" %}]{% endcachesweeper %}',
    };
    const own = { other: new Article(2), title: 'x' };

    test.each(['page.njk', 'lazy.njk'])('is made anew as well, so that all of it gets younger: %s', async (name) => {
      let site: LoadingSite;
      const context = { ...own, part: lazy(() => site.visit(own, 'quick.njk')) };
      site = siteOf(templates, options());
      await loaded(site, [0], context, name, LOAD);
      await site.sweeper.invalidateAll();
      site.clock.advance(SETTLED);
      await loaded(site, [1], context, name, LOAD);
      const kept = site.clock.time;
      site.clock.time = kept + TTL - 2 * LOAD;
      // The inner one takes no time, so that no page would make it early for its own sake.
      drawing(5);
      expect(await loaded(site, [2], context, name)).toBe('2x');
      drawing(0);
      site.clock.time = kept + TTL + 1;
      expect(await shown(site, 1, context, name)).toEqual(['2x']);
      expect(site.report.fragments.map(({ outcome }) => outcome)).toEqual(['hit']);
    });

    test('is waited for where another page makes it early', async () => {
      const site = await made(templates, options(), own, 'outer.njk');
      site.clock.advance(TTL - LOAD);
      drawing(5);
      const { page: inner } = await loading(site, own, 'inner.njk');
      const outer = site.visit(own, 'outer.njk');
      await site.untilWaiting(1);
      site.loads.at(-1)?.open([2]);
      expect(await Promise.all([inner, outer])).toEqual(['2', '[2]']);
    });
  });

  test('what a page has just made, or another has for it, is not made again, however far it is ahead', async () => {
    const site = siteOf(
      { 'page.njk': PAGE, 'both.njk': '{% include "page.njk" %}{% include "page.njk" %}' },
      options(),
    );
    drawing(30);
    await loaded(site, [1], {}, 'both.njk', 30 * LOAD);
    await site.sweeper.invalidateAll();
    site.clock.advance(SETTLED);
    site.reports.length = 0;
    const { started } = site;
    const pages = [0, 1, 2].map(() => site.visit({}, 'both.njk'));
    await site.until(started + 1);
    // Each shows it twice.
    await site.untilWaiting(4);
    site.clock.advance(30 * LOAD);
    site.loads.at(-1)?.open([2]);
    expect(await Promise.all(pages)).toEqual(Array(3).fill('en2en2'));
    expect(site.started).toBe(started + 1);
    expect(site.outcomesOfAll.sort()).toEqual(['hit,hit', 'hit,hit', 'miss,hit']);
  });

  test('what is provisional, has no ttl or took no time is not made early, and nothing is drawn for it', async () => {
    const random = drawing(1_000_000);
    const plain = '{% cachesweeper article 500 %}{{ article.title }}{% endcachesweeper %}';
    for (const template of [PAGE.replace('500', '0'), plain]) {
      const site = await made(template, options());
      site.clock.advance(TTL - 1);
      await shown(site, 1);
      expect(site.outcomesOfAll).toEqual(['hit']);
    }
    const late = await made(PAGE, options());
    await late.sweeper.invalidateAll();
    await loaded(late, [2], {}, undefined, LOAD);
    random.mockClear();
    expect(await shown(late, 1)).toEqual(['en2']);
    expect(random).not.toHaveBeenCalled();
  });

  test('a page draws once, whatever it shows', async () => {
    const site = await made(
      { 'page.njk': PAGE, 'both.njk': `{% include "page.njk" %}{% include "page.njk" %}` },
      options(),
      {},
      'both.njk',
    );
    const random = drawing(0);
    expect(await shown(site, 1, {}, 'both.njk')).toEqual(['en1en1']);
    expect(random).toHaveBeenCalledTimes(1);
  });

  describe('an early load that fails', () => {
    const templates = {
      'page.njk': PAGE,
      'part.njk': '{% cachesweeper article 500 %}[{{ part() | safe }}]{% endcachesweeper %}',
      'two.njk': '{% include "page.njk" %}{% cachesweeper other 500 %}{{ others() | join }}{% endcachesweeper %}',
    };
    const own = { other: new Article(2), others: lazy(async () => ['o']) };

    async function failing(name: string, context: object = {}) {
      const site = await made(templates, options(), context, name);
      site.clock.advance(TTL - LOAD);
      drawing(2);
      const { page } = await loading(site, context, name);
      return { site, page };
    }

    test('shows its page what has not expired, as the others are shown it, and the next page tries again', async () => {
      const { site, page } = await failing('page.njk');
      expect(await shown(site, 1)).toEqual(['en1']);
      site.loads.at(-1)?.fail(new Error('no database'));
      expect(await page).toBe('en1');
      expect(site.outcomesOfAll).toEqual(['hit', 'hit']);
      const { page: next } = await loading(site);
      site.loads.at(-1)?.open([2]);
      expect(await next).toBe('en2');
    });

    test('in a lazy as well', async () => {
      let site: LoadingSite | undefined;
      const part = lazy(() => site?.visit());
      site = siteOf(templates, options());
      await loaded(site, [0], { part }, 'part.njk', LOAD);
      await site.sweeper.invalidateAll();
      site.clock.advance(SETTLED);
      await loaded(site, [1], { part }, 'part.njk', LOAD);
      site.clock.advance(TTL - LOAD);
      drawing(2);
      const { page } = await loading(site, { part }, 'part.njk');
      site.loads.at(-1)?.fail(new Error('no database'));
      expect(await page).toBe('[en1]');
    });

    test('does not hide the error of what is not there', async () => {
      const site = await made(templates, options(), own, 'two.njk');
      site.clock.advance(TTL - LOAD);
      drawing(2);
      await site.sweeper.invalidateCacheFor(own.other);
      const others = lazy(() => Promise.reject(new Error('no others')));
      const { page } = await loading(site, { ...own, others }, 'two.njk');
      site.loads.at(-1)?.fail(new Error('no database'));
      await expect(page).rejects.toThrow('no others');
    });
  });

  test('what is late is not stored in the place of what has not expired', async () => {
    const given = options();
    const { clock = new Clock() } = given;
    const site = siteOf(PAGE.replace('500', '2'), { ...given, clock });
    await loaded(site, [0], {}, undefined, LOAD);
    await site.sweeper.invalidateCacheFor(new Article(1));
    clock.advance(1_500);
    const rows = lazy(async () => {
      clock.advance(500);
      return [1];
    });
    const context = { article: new Article(1), lang: 'en', rows };
    expect(await site.sweeper.render(site.env, 'page.njk', context, { since: clock.time })).toBe('en1');
    await site.sweeper.idle();
    // What began before the bump, and draws early.
    clock.advance(1_000);
    drawing(4);
    expect(await loaded(site, [2])).toBe('en2');
    drawing(0);
    expect(await shown(site, 1)).toEqual(['en1']);
  });
});

test('a page that cannot wait makes nothing early', async () => {
  const site = await made(PAGE);
  site.clock.advance(TTL - 1);
  drawing(5);
  const context = { article: new Article(1), lang: 'en', rows: lazy(site.load) };
  expect(site.env.render('page.njk', context)).toBe('en1');
});

test('what one process has made early, the other finds in the store when it draws early itself', async () => {
  const clock = new Clock();
  const shared = new TestingStore({ now: clock.now });
  const process = () => ({ clock, store: new TestingStore({ now: clock.now, shared }) });
  const here = siteOf(PAGE, process());
  const there = await made(PAGE, process());
  expect(await shown(here, 1)).toEqual(['en1']);
  clock.advance(TTL - LOAD);
  drawing(2);
  // While one makes it, the other does not.
  const { page: maker } = await loading(there);
  expect(await shown(here, 1)).toEqual(['en1']);
  there.loads.at(-1)?.open([2]);
  expect(await maker).toBe('en2');
  await there.sweeper.idle();
  drawing(0);
  expect(await shown(here, 1)).toEqual(['en1']);
  drawing(2);
  expect(await shown(here, 1)).toEqual(['en2']);
  drawing(0);
  expect(await shown(here, 1)).toEqual(['en2']);
});

test.each([[-1], [Number.NaN], [Number.POSITIVE_INFINITY], ['1'], [null], [true]])('early: %s is refused', (early) => {
  expect(() => new CacheSweeper({ early: early as number })).toThrow(
    expect.objectContaining({
      code: 'CACHESWEEPER_BAD_OPTION',
      message: expect.stringContaining('option early: expected a number from 0 on, got'),
    }),
  );
});

test('whatever pages draw: they are served nothing that has expired, make early what the draw says, and one of them at a time', async () => {
  const step = fc.record({
    /** Before its end, unless that time has passed. */
    left: fc.integer({ min: -20_000, max: 200_000 }),
    ahead: fc.double({ min: 0, max: 4, noNaN: true }),
    takes: fc.integer({ min: 0, max: 200_000 }),
    /** How many come while it is made. */
    meanwhile: fc.integer({ min: 0, max: 3 }),
  });
  let early = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 8, maxLength: 12 }), async (steps) => {
      const site = await made();
      let [expires, duration, rows] = [site.clock.time + TTL, LOAD, 1];
      for (const { left, ahead, takes, meanwhile } of steps) {
        site.clock.advance(Math.max(0, expires - left - site.clock.time));
        const draw = 1 - Math.exp(-ahead);
        vi.spyOn(Math, 'random').mockReturnValue(draw);
        const isOver = site.clock.time >= expires;
        const isEarly = site.clock.time + duration * -Math.log(1 - draw) >= expires;
        if (!isEarly) {
          expect(await shown(site, 1)).toEqual([`en${rows}`]);
          continue;
        }
        if (!isOver) early++;
        const { page } = await loading(site);
        if (!isOver) expect(await shown(site, meanwhile)).toEqual(Array(meanwhile).fill(`en${rows}`));
        expect(site.sweeper.stats().making).toMatchObject({ running: 1, waiting: 0 });
        site.clock.advance(takes);
        site.loads.at(-1)?.open([++rows]);
        expect(await page).toBe(`en${rows}`);
        [expires, duration] = [site.clock.time + TTL, takes];
      }
    }),
    runs(60, 2_000, 200),
  );
  expect(early).toBeGreaterThan(5);
});
