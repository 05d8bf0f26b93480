import { describe, expect, test } from 'vitest';
import { Article, Comment } from '../support/models.ts';
import { fragment, Site } from './site.ts';

const list = fragment('article 0', '"article"', '{% for comment in comments %}{% include "comment.njk" %}{% endfor %}');
const templates = {
  'page.njk': list,
  'comment.njk': fragment('comment 0', '"comment " ~ comment.id', '{{ comment.text }}'),
};

class Reply extends Comment {
  readonly articleId: number;
  constructor(id: number, articleId: number) {
    super(id, `reply ${id}`);
    this.articleId = articleId;
  }
}

const toArticle = (reply: Reply) => ({ type: 'Article', id: reply.articleId });

describe('touches', () => {
  test('make a new row appear: no entry could depend on it', async () => {
    const site = new Site(templates);
    site.sweeper.register(Reply, { touches: (reply) => [toArticle(reply)] });
    const page = { article: new Article(1), comments: [new Reply(1, 1)] };
    await site.render(page);
    const inserted = new Reply(2, 1);
    page.comments.push(inserted);
    await site.sweeper.invalidateCacheFor(inserted);
    expect(await site.render(page)).toEqual({ html: 'reply 1reply 2', ran: ['article', 'comment 2'] });
  });

  test('invalidate no other article', async () => {
    const site = new Site(templates);
    site.sweeper.register(Reply, { touches: toArticle });
    await site.render({ article: new Article(2), comments: [] });
    await site.sweeper.invalidateCacheFor(new Reply(5, 1));
    expect((await site.render({ article: new Article(2), comments: [] })).ran).toEqual([]);
  });

  test.each<[string, (reply: Reply) => unknown, number]>([
    ['one model', toArticle, 4],
    ['a list', (reply) => [toArticle(reply), { type: 'Article', id: 9 }], 5],
    ['an empty list', () => [], 2],
    ['undefined', () => undefined, 2],
    ['null', () => null, 2],
    ['a class', () => Article, 3],
    ['a string', () => 'Article', 3],
    ['itself', (reply) => reply, 2],
    ['one model twice', (reply) => [toArticle(reply), new Article(1)], 4],
  ])('may return %s', async (_title, touches, tokens) => {
    const site = new Site(templates);
    site.sweeper.register(Reply, { touches });
    await site.sweeper.invalidateCacheFor(new Reply(1, 1));
    expect(site.sweeper.stats().tokens).toBe(tokens);
  });

  test('are as if passed to the same call: what they touch is invalidated too, each name once', async () => {
    const site = new Site(templates);
    let asked = 0;
    site.sweeper.register(Reply, { touches: toArticle });
    site.sweeper.register('Article', {
      touches: () => {
        asked++;
        return ['Feed', { type: 'Site', id: 1 }];
      },
    });
    await site.sweeper.invalidateCacheFor(new Reply(1, 1));
    // Reply:=1 Reply:* Article:=1 Article:* Feed Site:=1 Site:*
    expect(site.sweeper.stats().tokens).toBe(7);
    expect(asked).toBe(1);
  });

  test('of two states of one row are both invalidated: a comment that moved to another article', async () => {
    const site = new Site(fragment('one 0', '"one"') + fragment('two 0', '"two"'));
    site.sweeper.register(Reply, { touches: toArticle });
    const page = { one: new Article(1), two: new Article(2) };
    await site.render(page);
    await site.sweeper.invalidateCacheFor([new Reply(7, 1), new Reply(7, 2)]);
    expect((await site.render(page)).ran).toEqual(['one', 'two']);
  });

  test.each(['before', 'behind'])(
    'of a row that is passed are asked with that row, also when one %s it in the list touches it by its id',
    async (place) => {
      class Story extends Article {
        readonly author = 5;
      }
      const site = new Site(fragment('{ type: "Author", id: 5 } 0', '"author"'));
      site.sweeper.register(Reply, { touches: () => ({ type: 'Story', id: 1 }) });
      site.sweeper.register(Story, {
        touches: (story: Partial<Story>) => (story.author === undefined ? [] : { type: 'Author', id: story.author }),
      });
      await site.render();
      const models = [new Reply(7, 1), new Story(1)];
      await site.sweeper.invalidateCacheFor(place === 'before' ? models : models.reverse());
      expect((await site.render()).ran).toEqual(['author']);
    },
  );

  test.each<[string, object, string | undefined, readonly string[]]>([
    ['type and id alone', { type: 'Reply', id: 7 }, undefined, ['one', 'two']],
    ['a plain row of which a part was selected', { id: 7 }, 'Reply', ['one', 'two']],
    ['a plain row', { id: 7, articleId: 1 }, 'Reply', ['one']],
    ['a plain row without an article', { id: 7, articleId: null }, 'Reply', []],
  ])('of %s: what it has not got is unknown, not absent', async (_title, row, type, ran) => {
    const site = new Site(fragment('one 0', '"one"') + fragment('two 0', '"two"'));
    site.sweeper.register('Reply', {
      touches: ({ articleId }: Reply) => (articleId ? [{ type: 'Article', id: articleId }] : []),
    });
    const context = { one: new Article(1), two: new Article(2) };
    await site.render(context);
    await site.sweeper.invalidateCacheFor(row, type === undefined ? {} : { type });
    expect((await site.render(context)).ran).toEqual(ran);
    site.settle();
    await site.render(context);
    await site.sweeper.transaction((t) => t.invalidateCacheFor(row, type === undefined ? {} : { type }));
    expect((await site.render(context)).ran).toEqual(ran);
  });

  test('of a row that another touches by type and id are asked with these alone', async () => {
    const site = new Site(fragment('"Author" 0', '"authors"'));
    site.sweeper.register(Reply, { touches: toArticle });
    site.sweeper.register('Article', {
      touches: (article: { authorId?: number }) => (article.authorId ? { type: 'Author', id: article.authorId } : []),
    });
    await site.render();
    await site.sweeper.invalidateCacheFor(new Reply(7, 1));
    expect((await site.render()).ran).toEqual([]);
    await site.sweeper.invalidateCacheFor({ type: 'Article', id: 1 });
    expect((await site.render()).ran).toEqual(['authors']);
  });

  test('in a circle come to an end', async () => {
    const site = new Site(templates);
    site.sweeper.register(Reply, { touches: toArticle });
    site.sweeper.register('Article', { touches: () => new Reply(1, 1) });
    await site.sweeper.invalidateCacheFor(new Reply(1, 1));
    expect(site.sweeper.stats().tokens).toBe(4);
  });

  test('without an end are an error, and nothing is bumped', async () => {
    const site = new Site(templates);
    site.sweeper.register('Number', {
      touches: (one: unknown) => ({ type: 'Number', id: (one as { id: number }).id + 1 }),
    });
    await expect(site.sweeper.invalidateCacheFor({ type: 'Number', id: 1 })).rejects.toMatchObject({
      code: 'CACHESWEEPER_BAD_OPTION',
      message:
        'touches: expected at most 100000 models that one model leads to, got more; name a class instead of its rows',
    });
    expect(site.sweeper.stats().tokens).toBe(0);
  });

  test('are found by the type, also where the class was registered and the model is type and id', async () => {
    const site = new Site(templates);
    site.sweeper.register(Reply, { type: 'R', touches: () => 'Feed' });
    await site.sweeper.invalidateCacheFor({ type: 'R', id: 1 });
    expect(site.sweeper.stats().tokens).toBe(3);
  });

  test('are not asked about a class: it has no row', async () => {
    const site = new Site(templates);
    site.sweeper.register(Reply, {
      touches: () => {
        throw new Error('asked');
      },
    });
    await site.sweeper.invalidateCacheFor(Reply);
    expect(site.sweeper.stats().tokens).toBe(1);
  });

  test.each<[string, unknown]>([
    ['a promise', Promise.resolve([])],
    ['a model without an identity', [new Article(1), {}]],
  ])('that give %s are an error, and nothing is bumped', async (_title, touched) => {
    const site = new Site(templates);
    site.sweeper.register(Reply, { touches: () => touched });
    await expect(site.sweeper.invalidateCacheFor(new Reply(1, 1))).rejects.toMatchObject({
      code: 'CACHESWEEPER_NO_IDENTITY',
    });
    expect(site.sweeper.stats().tokens).toBe(0);
  });

  test('that throw reject the call, and nothing is bumped', async () => {
    const site = new Site(templates);
    site.sweeper.register(Reply, {
      touches: () => {
        throw new Error('no article');
      },
    });
    await expect(site.sweeper.invalidateCacheFor(new Reply(1, 1))).rejects.toThrow('no article');
    expect(site.sweeper.stats().tokens).toBe(0);
  });
});

describe('register() of a sweeper', () => {
  test.each<[string, unknown, string]>([
    ['null', null, 'register(): expected { type, id, tenant, touches, version }, got null'],
    [
      'an unknown name',
      { touch: () => [] },
      'register() touch: expected one of type, id, tenant, touches, version, got an unknown name',
    ],
    ['an empty type', { type: '' }, 'register() type: expected a name, got the string ""'],
    ['an id that is a number', { id: 5 }, 'register() id: expected an attribute or a function, got the number 5'],
    ['touches that are a list', { touches: [] }, 'register() touches: expected a function, got a list of 0'],
  ])('refuses %s', (_title, registration, message) => {
    const { sweeper } = new Site('');
    expect(() => sweeper.register(Reply, registration as never)).toThrow(
      expect.objectContaining({ code: 'CACHESWEEPER_BAD_OPTION', message }),
    );
  });

  test('does not change what it was given, and returns the sweeper', () => {
    const { sweeper } = new Site('');
    expect(sweeper.register(Reply, Object.freeze({ type: 'R' }))).toBe(sweeper);
  });
});
