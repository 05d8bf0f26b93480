import { describe, expect, test } from 'vitest';
import { Article, Comment } from '../support/models.ts';
import { fragment, Site } from './site.ts';

const page = { article: new Article(1), comment: new Comment(1), yes: true, no: false };

describe('when=', () => {
  test.each(['when=no', 'when=(1 > 2)', 'when=missing', 'when=0'])(
    '%s renders the body and stores nothing',
    async (when) => {
      const site = new Site(fragment(`article 0 ${when}`, '"body"', 'x'));
      for (let i = 0; i < 2; i++) expect(await site.render(page)).toEqual({ html: 'x', ran: ['body'] });
      expect(site.outcomes).toEqual(['when']);
      expect(site.sweeper.stats().memory.entries).toBe(0);
    },
  );

  test.each(['when=yes', 'when=(1 < 2)', 'when=article'])('%s caches', async (when) => {
    const site = new Site(fragment(`article 0 ${when}`, '"body"'));
    await site.render(page);
    expect((await site.render(page)).ran).toEqual([]);
  });

  test('keeps the fragments around it from being stored, and not those beside and inside it', async () => {
    const site = new Site(
      fragment(
        '"Site" 0',
        '"1"',
        fragment(
          'article 0',
          '"2"',
          `${fragment('comment 0 "a" when=no', '"3"', fragment('comment 0 "b"', '"4"'))}${fragment('comment 0 "c"', '"5"')}`,
        ),
      ),
    );
    expect((await site.render(page)).ran).toEqual(['1', '2', '3', '4', '5']);
    expect(site.outcomes).toEqual(['miss', 'when', 'miss', 'contains uncached', 'contains uncached']);
    expect((await site.render(page)).ran).toEqual(['1', '2', '3']);
  });
});

describe('enabled', () => {
  const nested = fragment('article 0', '"outer"', fragment('comment 0', '"inner"'));

  test('false renders every body and stores nothing', async () => {
    const site = new Site(nested, { enabled: false });
    for (let i = 0; i < 2; i++) expect((await site.render(page)).ran).toEqual(['outer', 'inner']);
    expect(site.outcomes).toEqual(['disabled', 'disabled']);
    expect(site.sweeper.stats().memory.entries).toBe(0);
  });

  test('as a function decides for each page from its context, asked once', async () => {
    const asked: unknown[] = [];
    const site = new Site(nested, {
      enabled: (context) => {
        asked.push(context.preview);
        return !context.preview;
      },
    });
    await site.render(page);
    expect((await site.render({ ...page, preview: true })).ran).toEqual(['outer', 'inner']);
    expect((await site.render(page)).ran).toEqual([]);
    expect(asked).toEqual([undefined, true, undefined]);
  });
});

describe('more than 1,000 dependencies', () => {
  const list = fragment('"Site" 0', '"list"', '{% for one in many %}{% depends one %}{% endfor %}');
  const many = (count: number) => ({ many: Array.from({ length: count }, (_, id) => new Comment(id)) });

  test('are not stored, and reported', async () => {
    const site = new Site(list);
    // Everything, the site, its list, that of all tenants, the class and 996 comments: 1,001 names.
    await site.render(many(996));
    expect((await site.render(many(996))).ran).toEqual(['list']);
    expect(site.outcomes).toEqual(['too many dependencies']);
  });

  test('exactly 1,000 are stored', async () => {
    const site = new Site(list);
    await site.render(many(995));
    expect((await site.render(many(995))).ran).toEqual([]);
  });
});

describe('an error in a body', () => {
  test('stores nothing of the page', async () => {
    const site = new Site(`${fragment('article 0', '"first"')}${fragment('comment 0', '"second"', '{{ fail() }}')}`);
    const failing = {
      ...page,
      fail: () => {
        throw new Error('broken');
      },
    };
    await expect(site.render(failing)).rejects.toThrow('broken');
    expect(site.sweeper.stats().memory.entries).toBe(0);
    expect((await site.render({ ...page, fail: () => '' })).ran).toEqual(['first', 'second']);
  });
});

describe('a fragment that is used twice on one page', () => {
  test.each([true, false])('is rendered once, with memory or without: %s', async (memory) => {
    const site = new Site(
      { 'page.njk': '{% include "leaf.njk" %}{% include "leaf.njk" %}', 'leaf.njk': fragment('comment 0', '"leaf"') },
      memory ? {} : { memory: false },
    );
    expect((await site.render(page)).ran).toEqual(['leaf']);
    expect(site.outcomes).toEqual(['miss', 'hit']);
  });
});

describe('memory: false', () => {
  test('keeps nothing from one page to the next', async () => {
    const site = new Site(fragment('article 0', '"body"'), { memory: false });
    await site.render(page);
    expect((await site.render(page)).ran).toEqual(['body']);
    expect(site.sweeper.stats().memory).toEqual({ entries: 0, bytes: 0 });
  });
});
