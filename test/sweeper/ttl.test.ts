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
    ['negative', -1, 'the number -1'],
    ['NaN', Number.NaN, 'the number NaN'],
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

  test('is checked where the fragment is there already, too', async () => {
    const site = new Site(fragment('article ttl', '"body"'));
    await site.render({ ...page, ttl: 500 });
    await expect(site.render({ ...page, ttl: undefined })).rejects.toMatchObject({ code: 'CACHESWEEPER_BAD_TTL' });
  });
});
