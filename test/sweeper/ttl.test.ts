import { describe, expect, test } from 'vitest';
import { Article, Comment } from '../support/models.ts';
import { fragment, Site } from './site.ts';

const page = { article: new Article(1), comment: new Comment(1) };

describe('the ttl', () => {
  test.each<[string, number]>([
    ['500', 500_000],
    ['0.5', 500],
    ['1', 1_000],
    ['"10m"', 600_000],
    ['"500ms"', 500],
    ['"1.5 hours"', 5_400_000],
    ['"2d"', 172_800_000],
    ['ttl', 7_000],
  ])('%s is %i milliseconds: served until then, and not at that moment', async (ttl, milliseconds) => {
    const site = new Site(fragment(`article ${ttl}`, '"body"'));
    await site.render({ ...page, ttl: 7 });
    site.now += milliseconds - 1;
    expect((await site.render({ ...page, ttl: 7 })).ran).toEqual([]);
    site.now += 1;
    expect((await site.render({ ...page, ttl: 7 })).ran).toEqual(['body']);
  });

  test('0 never expires', async () => {
    const site = new Site(fragment('article 0', '"body"'));
    await site.render(page);
    site.now += 100 * 365 * 86_400_000;
    expect((await site.render(page)).ran).toEqual([]);
  });

  test('counts from when the body was rendered: a hit does not make it longer', async () => {
    const site = new Site(fragment('article 10', '"body"'));
    await site.render(page);
    site.now += 6_000;
    expect((await site.render(page)).ran).toEqual([]);
    site.now += 6_000;
    expect((await site.render(page)).ran).toEqual(['body']);
  });

  test('of a fragment inside shortens the one around it, on a miss', async () => {
    const site = new Site(fragment('article 100', '"outer"', fragment('comment 10', '"inner"')));
    await site.render(page);
    site.now += 10_000;
    expect((await site.render(page)).ran).toEqual(['outer', 'inner']);
  });

  test('of a fragment inside shortens the one around it, on a hit: what is left of it', async () => {
    const site = new Site(fragment('article 0', '"outer"', fragment('comment 10', '"inner"')));
    await site.render(page);
    site.now += 6_000;
    await site.sweeper.invalidateCacheFor(page.article);
    site.now += 0;
    expect((await site.render(page)).ran).toEqual(['outer']);
    site.now += 3_999;
    // The bump made the outer entry provisional for three seconds.
    expect((await site.render(page)).ran).toEqual(['outer']);
    site.now += 1;
    expect((await site.render(page)).ran).toEqual(['outer', 'inner']);
  });

  test('of a fragment inside counts two levels out', async () => {
    const site = new Site(fragment('"Site" 0', '"1"', fragment('article 100', '"2"', fragment('comment 10', '"3"'))));
    await site.render(page);
    site.now += 9_999;
    expect((await site.render(page)).ran).toEqual([]);
    site.now += 1;
    expect((await site.render(page)).ran).toEqual(['1', '2', '3']);
  });

  test('of the fragment around does not shorten the one inside', async () => {
    const site = new Site(fragment('article 10', '"outer"', fragment('comment 100', '"inner"')));
    await site.render(page);
    site.now += 10_000;
    expect((await site.render(page)).ran).toEqual(['outer']);
  });

  test('that passes while the body is rendered: not stored, and reported', async () => {
    const site = new Site(fragment('article 1', '"body"', '{{ wait() }}'));
    site.env.addGlobal('wait', () => {
      site.now += 1_000;
      return '';
    });
    await site.render(page);
    expect(site.outcomes).toEqual(['expired']);
    expect(site.sweeper.stats().memory.entries).toBe(0);
  });

  test.each<[string, unknown, string]>([
    ['Infinity', Number.POSITIVE_INFINITY, 'the number Infinity'],
    ['text without a unit', '500', 'the string "500"'],
    ['text that is negative', '-5m', 'the string "-5m"'],
    ['text with an unknown unit', '5 parsecs', 'the string "5 parsecs"'],
    ['empty text', '', 'the string ""'],
    ['undefined', undefined, 'undefined'],
    ['null', null, 'null'],
    ['true', true, 'the boolean true'],
    ['a bigint', 5n, 'the bigint 5'],
    ['a list', [5], 'a list of 1'],
    ['a model', new Comment(1), 'an instance of Comment'],
  ])('%s is an error with its place, and the body does not run', async (_title, ttl, got) => {
    const site = new Site(fragment('article ttl', '"body"', '{{ fail() }}'));
    await expect(site.render({ ...page, ttl, fail: () => expect.fail() })).rejects.toMatchObject({
      code: 'CACHESWEEPER_BAD_TTL',
      message:
        '(page.njk) [Line 1, Column 4]\n  the ttl expected a number of seconds (0 for no expiry) or text such as "10m", ' +
        `got ${got}`,
    });
  });

  test.each([
    ['below 0', -1],
    ['below 0 and rounded up to 0', Math.ceil(-0.5)],
    ['a little below 0', -0.001],
    ['minus infinity', Number.NEGATIVE_INFINITY],
    ['NaN, from a date that is none', Number.NaN],
  ])('that is computed and over is uncached, with what is around it: %s', async (_title, ttl) => {
    const site = new Site(fragment('article 500', '"outer"', fragment('comment ttl', '"inner"')));
    for (let i = 0; i < 2; i++) {
      expect((await site.render({ ...page, ttl })).ran).toEqual(['outer', 'inner']);
    }
    expect(site.sweeper.stats().tags[0]?.uncached).toEqual({ 'contains uncached': 2, expired: 2 });
    expect(site.sweeper.stats().memory.entries).toBe(0);
  });

  test('that is over does not serve what was stored when it was not', async () => {
    const site = new Site(fragment('article ttl', '"body"'));
    await site.render({ ...page, ttl: 500 });
    expect((await site.render({ ...page, ttl: -1 })).ran).toEqual(['body']);
    expect((await site.render({ ...page, ttl: 500 })).ran).toEqual([]);
  });

  test('is checked where the fragment is there already, too', async () => {
    const site = new Site(fragment('article ttl', '"body"'));
    await site.render({ ...page, ttl: 500 });
    await expect(site.render({ ...page, ttl: undefined })).rejects.toMatchObject({ code: 'CACHESWEEPER_BAD_TTL' });
  });
});

describe('until=', () => {
  const source = fragment('article 0 until=end', '"body"');
  /** As Day.js, Luxon and Moment have them. */
  class LibraryDate {
    readonly #time: number;
    constructor(time: number) {
      this.#time = time;
    }
    valueOf(): number {
      return this.#time;
    }
  }

  test.each<[string, (time: number) => unknown]>([
    ['a date', (time) => new Date(time)],
    ['milliseconds', (time) => time],
    ['a date of a library', (time) => new LibraryDate(time)],
    ['text as JSON has it', (time) => new Date(time).toISOString()],
    ['text with another zone', (time) => new Date(time + 3_600_000).toISOString().replace('Z', '+01:00')],
  ])('%s ends a fragment at that moment', async (_title, dateOf) => {
    const site = new Site(source);
    const end = dateOf(site.now + 7_000);
    await site.render({ ...page, end });
    site.now += 6_999;
    expect((await site.render({ ...page, end })).ran).toEqual([]);
    site.now += 1;
    for (let i = 0; i < 2; i++) expect((await site.render({ ...page, end })).ran).toEqual(['body']);
    expect(site.sweeper.stats().tags[0]?.uncached).toEqual({ expired: 2 });
  });

  test('the last second of a time is the last second', async () => {
    // With a ttl of floor(end - now) seconds, this page would be cached for ever.
    const site = new Site(source);
    const end = site.now + 500;
    await site.render({ ...page, end });
    site.now += 500;
    expect((await site.render({ ...page, end })).ran).toEqual(['body']);
  });

  test.each([[null], [undefined]])('%s is no end', async (end) => {
    const site = new Site(source);
    await site.render({ ...page, end });
    site.now += 100 * 365 * 86_400_000;
    expect((await site.render({ ...page, end })).ran).toEqual([]);
  });

  test('a ttl that ends earlier counts', async () => {
    const site = new Site(fragment('article 5 until=end', '"body"'));
    const end = site.now + 100_000;
    await site.render({ ...page, end });
    site.now += 5_000;
    expect((await site.render({ ...page, end })).ran).toEqual(['body']);
  });

  test('an earlier end than that of the entry counts at once', async () => {
    const site = new Site(source);
    const end = site.now + 100_000;
    await site.render({ ...page, end });
    expect((await site.render({ ...page, end: end - 1_000 })).ran).toEqual(['body']);
    expect((await site.render({ ...page, end: site.now - 1 })).ran).toEqual(['body']);
  });

  test('an invalid date is over', async () => {
    const site = new Site(source);
    for (let i = 0; i < 2; i++) expect((await site.render({ ...page, end: new Date('') })).ran).toEqual(['body']);
  });

  test.each<[string, unknown, string]>([
    ['a day, which begins at another time in each zone', '2027-01-31', 'the string "2027-01-31"'],
    ['text without a zone', '2027-01-31T12:00:00', 'the string "2027-01-31T12:00:00"'],
    ['a duration', '10m', 'the string "10m"'],
    ['true', true, 'the boolean true'],
    ['a model', new Comment(1), 'an instance of Comment'],
  ])('%s is an error with its place', async (_title, end, got) => {
    const site = new Site(source);
    await expect(site.render({ ...page, end })).rejects.toMatchObject({
      code: 'CACHESWEEPER_BAD_TTL',
      message:
        '(page.njk) [Line 1, Column 4]\n  until= expected a date, milliseconds since 1970 or text such as ' +
        `"2027-01-31T12:00:00Z", got ${got}`,
    });
  });
});
