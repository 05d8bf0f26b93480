import { CacheSweeper } from 'nunjucks-cachesweeper';
import { describe, expect, test } from 'vitest';
import { Article, Comment } from '../support/models.ts';
import { fragment, Site } from './site.ts';

const rows = fragment('a 0', '"a"') + fragment('b 0', '"b"') + fragment('"Comment" 0', '"list"');
const page = { a: new Comment(1), b: new Comment(2) };

describe('invalidateCacheFor', () => {
  test('is bound: it can be passed around', async () => {
    const site = new Site(rows);
    await site.render(page);
    const { invalidateCacheFor } = site.sweeper;
    await Promise.all([page.a].map((comment) => invalidateCacheFor(comment)));
    expect((await site.render(page)).ran).toEqual(['a', 'list']);
  });

  test('bumps each name once, however often it is named', async () => {
    const site = new Site(rows);
    await site.sweeper.invalidateCacheFor([page.a, page.a, new Comment(1), page.b]);
    // Two comments and the list.
    expect(site.sweeper.stats().tokens).toBe(3);
  });

  test('bumps nothing when one model of a list has no identity', async () => {
    const site = new Site(rows);
    await site.render(page);
    await expect(site.sweeper.invalidateCacheFor([page.a, {}, page.b])).rejects.toMatchObject({
      code: 'CACHESWEEPER_NO_IDENTITY',
      message: expect.stringContaining('got an empty object'),
    });
    expect(site.sweeper.stats().tokens).toBe(0);
    expect((await site.render(page)).ran).toEqual([]);
  });

  test.each([null, undefined, {}, 7, Number.NaN, '', Promise.resolve(page.a), new Comment(Number.NaN)])(
    'rejects %o, and does not throw',
    async (model) => {
      const answer = new CacheSweeper().invalidateCacheFor(model);
      await expect(answer).rejects.toMatchObject({ code: 'CACHESWEEPER_NO_IDENTITY' });
    },
  );

  test('counts for the next render that starts, in the same tick', () => {
    const site = new Site(rows);
    site.env.render('page.njk', page);
    void site.sweeper.invalidateCacheFor(page.b);
    site.env.render('page.njk', page);
    expect(site.outcomes).toEqual(['hit', 'miss', 'miss']);
  });

  test.each<[string, unknown]>([
    ['a number', 7],
    ['text', '7'],
    ['a bigint', 7n],
  ])('finds the record 7 whatever its id is: %s', async (_title, id) => {
    const site = new Site(fragment('comment 0', '"body"'));
    await site.render({ comment: new Comment(7) });
    await site.sweeper.invalidateCacheFor({ type: 'Comment', id });
    expect((await site.render({ comment: new Comment(7) })).ran).toEqual(['body']);
  });
});

describe('a bump while a page is rendered', () => {
  const bumping = (site: Site, model: unknown) => ({
    bump: () => {
      void site.sweeper.invalidateCacheFor(model);
      return '';
    },
  });

  test('in the body of its own fragment: that entry is not kept', async () => {
    const site = new Site(fragment('comment 0', '"body"', '{{ comment.text }}{{ bump() }}'));
    const comment = new Comment(1, 'x');
    await site.render({ comment, ...bumping(site, comment) });
    expect(site.sweeper.stats().memory.entries).toBe(0);
    expect((await site.render({ comment, bump: () => '' })).ran).toEqual(['body']);
  });

  test('after the fragment of that page: that entry is not kept', async () => {
    const site = new Site(`${fragment('comment 0', '"body"')}{{ bump() }}`);
    const comment = new Comment(1);
    await site.render({ comment, ...bumping(site, comment) });
    expect((await site.render({ comment, bump: () => '' })).ran).toEqual(['body']);
  });

  test('between two uses of a fragment on one page: the second is rendered again', async () => {
    const one = fragment('comment 0', '"body"', '{{ comment.text }}');
    const site = new Site({
      'page.njk': '{% include "one.njk" %}{{ bump() }}{% include "one.njk" %}',
      'one.njk': one,
    });
    const comment = new Comment(1, 'old');
    const bump = () => {
      comment.text = 'new';
      void site.sweeper.invalidateCacheFor(comment);
      return '';
    };
    expect(await site.render({ comment, bump })).toEqual({ html: 'oldnew', ran: ['body', 'body'] });
  });

  test('inside an outer fragment, after an inner one: the outer is not kept', async () => {
    const site = new Site(fragment('article 0', '"outer"', `${fragment('comment 0', '"inner"')}{{ bump() }}`));
    const comment = new Comment(1);
    const article = new Article(1);
    await site.render({ article, comment, ...bumping(site, comment) });
    expect((await site.render({ article, comment, bump: () => '' })).ran).toEqual(['outer', 'inner']);
  });

  test('before an inner fragment of a model the outer one is made from: the outer is not kept', async () => {
    const site = new Site(
      fragment('[article, comment] 0', '"outer"', `{{ comment.text }}{{ bump() }}${fragment('comment 0', '"inner"')}`),
    );
    const comment = new Comment(1, 'x');
    const article = new Article(1);
    await site.render({ article, comment, ...bumping(site, comment) });
    site.settle();
    expect((await site.render({ article, comment, bump: () => '' })).ran[0]).toBe('outer');
  });

  test('before an inner fragment of what the outer one depends on by hand: the outer is not kept', async () => {
    const inner = fragment('comment 0', '"inner"');
    const site = new Site(
      fragment('article 0', '"outer"', `{% depends comment %}{{ comment.text }}{{ bump() }}${inner}`),
    );
    const comment = new Comment(1, 'old');
    const article = new Article(1);
    const bump = () => {
      comment.text = 'new';
      void site.sweeper.invalidateCacheFor(comment);
      return '';
    };
    await site.render({ article, comment, bump });
    expect((await site.render({ article, comment, bump: () => '' })).html).toBe('new');
  });
});
