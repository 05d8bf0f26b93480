import { describe, expect, test } from 'vitest';
import { Article, Comment } from '../support/models.ts';
import { fragment, Site } from './site.ts';

class Author {
  readonly id: number;
  constructor(id: number) {
    this.id = id;
  }
}

/** Site, author, article and comments: four levels, and siblings at each. */
const nested = {
  'page.njk': fragment('"Sidebar" 0', '"side"') + fragment('"Site" 0', '"site"', '{% include "author.njk" %}'),
  'author.njk': fragment(
    'author 0',
    '"author"',
    '{% for article in articles %}{% include "article.njk" %}{% endfor %}',
  ),
  'article.njk': fragment(
    'article 0',
    '"article " ~ article.id',
    '{% for comment in article.comments %}{% include "comment.njk" %}{% endfor %}',
  ),
  'comment.njk': fragment('comment 0', '"comment " ~ comment.id', '{{ comment.text }}'),
};

function blog() {
  const comments = [1, 2, 3, 4].map((id) => new Comment(id));
  const articles = [new Article(1), new Article(2)].map((article, index) =>
    Object.assign(article, { comments: comments.slice(index * 2, index * 2 + 2) }),
  );
  return { author: new Author(1), articles, comments };
}

const everything = [
  'side',
  'site',
  'author',
  'article 1',
  'comment 1',
  'comment 2',
  'article 2',
  'comment 3',
  'comment 4',
];

describe('what a fragment is made from', () => {
  test('a bump of the innermost renders exactly what is around it again, and no sibling', async () => {
    const site = new Site(nested);
    const page = blog();
    expect((await site.render(page)).ran).toEqual(everything);
    expect((await site.render(page)).ran).toEqual([]);
    await site.sweeper.invalidateCacheFor(page.comments[2]);
    expect((await site.render(page)).ran).toEqual(['site', 'author', 'article 2', 'comment 3']);
    expect((await site.render(page)).ran).toEqual([]);
  });

  test('is handed up by a hit as by a miss: an entry around hits is invalidated by what is in them', async () => {
    const site = new Site(nested);
    const page = blog();
    await site.render(page);
    // The outer entries are made again around an inner one that hits.
    await site.sweeper.invalidateCacheFor(page.author);
    expect((await site.render(page)).ran).toEqual(['site', 'author']);
    expect(site.outcomes).toEqual(['hit', 'hit', 'hit', 'miss', 'miss']);
    await site.sweeper.invalidateCacheFor(page.comments[3]);
    expect((await site.render(page)).ran).toEqual(['site', 'author', 'article 2', 'comment 4']);
  });

  test('shows the new data, on every level', async () => {
    const site = new Site(nested);
    const page = blog();
    await site.render(page);
    const comment = page.comments[0] as Comment;
    comment.text = 'new';
    expect((await site.render(page)).html).not.toContain('new');
    await site.sweeper.invalidateCacheFor(comment);
    expect((await site.render(page)).html).toContain('new');
  });

  test.each<[string, unknown, readonly string[]]>([
    ['an article', new Article(2), ['site', 'author', 'article 2']],
    ['a comment by type and id', { type: 'Comment', id: '1' }, ['site', 'author', 'article 1', 'comment 1']],
    ['the outermost', 'Site', ['site']],
    ['a class: every fragment that shows any of its rows', Comment, everything.slice(1)],
    ['the name of a class', 'Comment', everything.slice(1)],
    ['a class of the middle', Article, ['site', 'author', 'article 1', 'article 2']],
    ['a row that no fragment shows', new Comment(99), []],
    ['two of one article', [new Comment(1), new Comment(2)], ['site', 'author', 'article 1', 'comment 1', 'comment 2']],
    ['a list of classes', [Article, 'Sidebar'], ['side', 'site', 'author', 'article 1', 'article 2']],
    ['nothing', [], []],
  ])('is invalidated by %s', async (_title, models, ran) => {
    const site = new Site(nested);
    const page = blog();
    await site.render(page);
    await site.sweeper.invalidateCacheFor(models);
    expect((await site.render(page)).ran).toEqual(ran);
    expect((await site.render(page)).ran).toEqual([]);
  });

  test('invalidateAll reaches every fragment, and can be passed around', async () => {
    const site = new Site(nested);
    const page = blog();
    await site.render(page);
    const { invalidateAll } = site.sweeper;
    await invalidateAll();
    expect((await site.render(page)).ran).toEqual(everything);
    expect((await site.render(page)).ran).toEqual([]);
  });

  test('an insert makes lists fresh, named by class or by string, and no other row', async () => {
    const site = new Site({
      'page.njk': '{% include "class.njk" %}{% include "string.njk" %}{% include "row.njk" %}',
      'class.njk': fragment('Comment 0', '"class"', '{{ comments.length }}'),
      'string.njk': fragment('"Comment" 0', '"string"', '{{ comments.length }}'),
      'row.njk': fragment('comments[0] 0', '"row"'),
    });
    const comments = [new Comment(1)];
    await site.render({ Comment, comments });
    const inserted = new Comment(2);
    comments.push(inserted);
    await site.sweeper.invalidateCacheFor(inserted);
    expect(await site.render({ Comment, comments })).toEqual({ html: '22', ran: ['class', 'string'] });
  });

  test('a list and a row of id "*" are two things', async () => {
    const site = new Site(fragment('"Comment" 0', '"list"') + fragment('star 0', '"star"'));
    const star = { type: 'Comment', id: '*' };
    await site.render({ star });
    await site.sweeper.invalidateCacheFor('Other');
    expect((await site.render({ star })).ran).toEqual([]);
    await site.sweeper.invalidateCacheFor(new Comment(1));
    expect((await site.render({ star })).ran).toEqual(['list']);
  });

  test('the type called "*" is not everything', async () => {
    const site = new Site(fragment('"*" 0', '"star"') + fragment('"Other" 0', '"other"'));
    await site.render();
    await site.sweeper.invalidateCacheFor('*');
    expect((await site.render()).ran).toEqual(['star']);
  });
});

describe('a list of models', () => {
  const list = fragment('[article, comment] 0', '"list"', '{{ article.title }}{{ comment.text }}');

  test('is invalidated by each of them', async () => {
    const site = new Site(list);
    const page = { article: new Article(1), comment: new Comment(1) };
    await site.render(page);
    for (const model of [page.article, page.comment]) {
      await site.sweeper.invalidateCacheFor(model);
      expect((await site.render(page)).ran).toEqual(['list']);
      expect((await site.render(page)).ran).toEqual([]);
    }
    await site.sweeper.invalidateCacheFor(new Article(2));
    expect((await site.render(page)).ran).toEqual([]);
  });

  test('of other models is another fragment', async () => {
    const site = new Site(fragment('models 0', '"list"', '{% for one in models %}{{ one.id }}{% endfor %}'));
    for (const ids of [[1], [1, 2], [2, 1], [12], [1]]) {
      const { html } = await site.render({ models: ids.map((id) => new Comment(id)) });
      expect(html).toBe(ids.join(''));
    }
    expect(site.outcomes).toEqual(['hit']);
  });

  test('that is empty is not cached: nothing could invalidate it', async () => {
    const site = new Site(fragment('models 0', '"list"'));
    await site.render({ models: [] });
    expect((await site.render({ models: [] })).ran).toEqual(['list']);
    expect(site.outcomes).toEqual(['no models']);
    expect(site.sweeper.stats().memory.entries).toBe(0);
  });

  test('that is empty keeps the fragment around it from being stored', async () => {
    const site = new Site(fragment('article 0', '"outer"', fragment('[] 0', '"inner"')));
    await site.render({ article: new Article(1) });
    expect(site.outcomes).toEqual(['no models', 'contains uncached']);
    expect((await site.render({ article: new Article(1) })).ran).toEqual(['outer', 'inner']);
  });
});

describe('a list of models with type=', () => {
  const listed = fragment('rows 0 type="Comment"', '"list"', '{% for row in rows %}{{ row.text }}{% endfor %}');

  test.each([
    ['empty', []],
    ['of null only', [null, null]],
  ])('that is %s is the list of that type: cached, and made anew with a row of the type', async (_how, rows) => {
    const site = new Site(fragment('article 0', '"outer"', listed));
    const page = { article: new Article(1), rows };
    await site.render(page);
    expect((await site.render(page)).ran).toEqual([]);
    await site.sweeper.invalidateCacheFor({ type: 'Comment', id: 7 });
    expect((await site.render(page)).ran).toEqual(['outer', 'list']);
    await site.sweeper.invalidateCacheFor({ type: 'Article', id: 7 });
    site.settle();
    await site.render(page);
    expect((await site.render(page)).ran).toEqual([]);
  });

  test('that gets its first row is another fragment', async () => {
    const site = new Site(listed);
    for (const rows of [[], [{ id: 1, text: 'a' }], []]) {
      expect((await site.render({ rows })).html).toBe(rows.map(({ text }) => text).join(''));
    }
    expect(site.outcomes).toEqual(['hit']);
  });
});

describe('null among models', () => {
  test.each([
    ['in a list', fragment('[article, none] 0', '"body"')],
    ['in a list whose attribute is used', fragment('[none, article] 0 using="id"', '"body"')],
    ['among what a body depends on', fragment('"Site" 0', '"body"', '{% depends none, [article, none] %}')],
    ['as all that a body depends on', fragment('article 0', '"body"', '{% depends none %}{% depends [none] %}')],
  ])('is skipped %s', async (_where, source) => {
    const site = new Site(source);
    const page = { article: new Article(1), none: null };
    await site.render(page);
    expect((await site.render(page)).ran).toEqual([]);
    await site.sweeper.invalidateCacheFor(page.article);
    expect((await site.render(page)).ran).toEqual(['body']);
  });

  test.each([
    ['undefined in a list', fragment('[article, nothing] 0', '"body"')],
    ['undefined in a list that a body depends on', fragment('article 0', '"body"', '{% depends [nothing] %}')],
  ])('is told from %s, which may be a typing error', async (_what, source) => {
    const site = new Site(source);
    await expect(site.render({ article: new Article(1) })).rejects.toMatchObject({ code: 'CACHESWEEPER_NO_IDENTITY' });
  });

  test('is an error as the only model of a tag, but for when=', async () => {
    const error = { code: 'CACHESWEEPER_NO_IDENTITY' };
    await expect(new Site(fragment('none 0', '"body"')).render({ none: null })).rejects.toMatchObject(error);
    const skipped = new Site(fragment('none 0 when=none', '"body"'));
    expect((await skipped.render({ none: null })).ran).toEqual(['body']);
  });
});

describe('a key that is a class instance', () => {
  const keyed = fragment('article 0 comment', '"body"', '{{ comment.text }}');

  test('is a model: its bump invalidates the fragment', async () => {
    const site = new Site(keyed);
    const page = { article: new Article(1), comment: new Comment(1, 'old') };
    await site.render(page);
    page.comment.text = 'new';
    await site.sweeper.invalidateCacheFor(page.comment);
    expect(await site.render(page)).toEqual({ html: 'new', ran: ['body'] });
  });

  test('is part of the key', async () => {
    const site = new Site(keyed);
    const article = new Article(1);
    await site.render({ article, comment: new Comment(1, 'a') });
    expect((await site.render({ article, comment: new Comment(2, 'b') })).html).toBe('b');
    expect((await site.render({ article, comment: new Comment(1, 'a') })).ran).toEqual([]);
  });

  test('is a model inside a list or an object as well', async () => {
    const site = new Site(fragment('article 0 { shown: [comment] }', '"body"'));
    const page = { article: new Article(1), comment: new Comment(1) };
    await site.render(page);
    await site.sweeper.invalidateCacheFor(Comment);
    expect((await site.render(page)).ran).toEqual(['body']);
  });
});

describe('depends', () => {
  const page = { article: new Article(1), author: new Author(3), Author, row: { id: 5, name: '' } };
  const depending = (args: string) =>
    new Site(fragment('"Site" 0', '"outer"', fragment('article 0', '"inner"', `{% depends ${args} %}`)));

  test.each<[string, string, unknown]>([
    ['a model', 'author', new Author(3)],
    ['a model, by its class', 'author', Author],
    ['a class', 'Author', new Author(99)],
    ['a string', '"Author"', new Author(99)],
    ['each of several', '"Other", author', new Author(3)],
    ['a list', '["Other", author]', new Author(3)],
    ['a row with type=', 'row type="Person"', { type: 'Person', id: 5 }],
  ])('adds %s to the fragments around it', async (_title, args, bumped) => {
    const site = depending(args);
    await site.render(page);
    expect((await site.render(page)).ran).toEqual([]);
    await site.sweeper.invalidateCacheFor('Unrelated');
    expect((await site.render(page)).ran).toEqual([]);
    await site.sweeper.invalidateCacheFor(bumped);
    expect((await site.render(page)).ran).toEqual(['outer', 'inner']);
  });

  test('on another row adds only that row', async () => {
    const site = depending('author');
    await site.render(page);
    await site.sweeper.invalidateCacheFor(new Author(4));
    expect((await site.render(page)).ran).toEqual([]);
  });

  test('on what has no identity is an error with its place', async () => {
    await expect(depending('nothing').render(page)).rejects.toMatchObject({
      code: 'CACHESWEEPER_NO_IDENTITY',
      message: expect.stringMatching(
        /\(page\.njk\) \[Line 1, Column \d+\]\s+expected a model with an identity, got undefined/,
      ),
    });
  });
});
