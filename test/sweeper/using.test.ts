import type { CacheSweeper } from 'nunjucks-cachesweeper';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { describe, expect, test } from 'vitest';
import { Comment } from '../support/models.ts';
import { fragment, Site } from './site.ts';

class Post {
  readonly id: number;
  updatedAt: unknown = new Date(1_001);
  title = 'old';
  constructor(id = 1) {
    this.id = id;
  }
}

describe('using= in the tag', () => {
  const site = () => new Site(fragment('post 0 using="updatedAt"', '"body"', '{{ post.title }}'));

  test.each<[string, unknown]>([
    ['a date', new Date(2_000)],
    ['a number', 2_000],
    ['text', 'later'],
    ['null', null],
  ])('makes a changed attribute enough, without any bump: %s', async (_title, updatedAt) => {
    const one = site();
    const post = new Post();
    await one.render({ post });
    expect((await one.render({ post })).ran).toEqual([]);
    post.title = 'new';
    post.updatedAt = updatedAt;
    expect((await one.render({ post })).html).toBe('new');
    expect((await one.render({ post })).ran).toEqual([]);
  });

  test('stands beside the token: a bump is enough as well', async () => {
    const one = site();
    const post = new Post();
    await one.render({ post });
    await one.sweeper.invalidateCacheFor(post);
    expect((await one.render({ post })).ran).toEqual(['body']);
  });

  test('is for this fragment: the one around it does not hear of it', async () => {
    const one = new Site(fragment('"Site" 0', '"outer"', fragment('post 0 using="updatedAt"', '"inner"')));
    const post = new Post();
    await one.render({ post });
    post.updatedAt = 5;
    expect((await one.render({ post })).ran).toEqual([]);
  });

  test('of a list of models holds the attribute of each', async () => {
    const one = new Site(fragment('posts 0 using="updatedAt"', '"body"'));
    const posts = [new Post(1), new Post(2)] as const;
    await one.render({ posts });
    posts[1].updatedAt = 5;
    expect((await one.render({ posts })).ran).toEqual(['body']);
    expect((await one.render({ posts })).ran).toEqual([]);
  });

  test.each<[string, string, string]>([
    [
      'an attribute the model does not have',
      '"changedAt"',
      'using expected the name of an attribute of the model, got "changedAt", which an instance of Post does not have',
    ],
    ['a number', '5', 'using expected the name of an attribute, got the number 5'],
    ['an empty string', '""', 'using expected the name of an attribute, got the string ""'],
  ])('%s is an error', async (_title, using, message) => {
    const one = new Site(fragment(`post 0 using=${using}`, '"body"'));
    await expect(one.render({ post: new Post() })).rejects.toMatchObject({
      code: 'CACHESWEEPER_BAD_KEY',
      message: expect.stringContaining(message),
    });
  });
});

describe('invalidateCacheFor(model, { using })', () => {
  const site = () => new Site(fragment('post 0', '"body"') + fragment('"Post" 0', '"list"'));

  test('bumps a model whose attribute was never recorded', async () => {
    const one = site();
    const post = new Post();
    await one.render({ post });
    await one.sweeper.invalidateCacheFor(post, { using: 'updatedAt' });
    expect((await one.render({ post })).ran).toEqual(['body', 'list']);
  });

  test('bumps only if the attribute differs from the one recorded', async () => {
    const one = site();
    const post = new Post();
    await one.sweeper.invalidateCacheFor(post, { using: 'updatedAt' });
    await one.render({ post });
    await one.sweeper.invalidateCacheFor(Object.assign(new Post(), { title: 'another' }), { using: 'updatedAt' });
    expect((await one.render({ post })).ran).toEqual([]);
    post.updatedAt = new Date(2_000);
    await one.sweeper.invalidateCacheFor(post, { using: 'updatedAt' });
    expect((await one.render({ post })).ran).toEqual(['body', 'list']);
    post.updatedAt = new Date(1_000);
    await one.sweeper.invalidateCacheFor(post, { using: 'updatedAt' });
    expect((await one.render({ post })).ran).toEqual(['body', 'list']);
  });

  test.each<[string, unknown]>([
    ['a date without a fraction of a second', new Date(1_000)],
    ['a date as SQLite writes it', '2026-11-29 10:00:00'],
    ['a date of ISO 8601 in whole seconds', '2026-11-29T10:00:00Z'],
    ['the same with a fraction that is nothing', '2026-11-29T10:00:00.000+01:00'],
    ['a day', '2026-11-29'],
    ['a minute', '2026-11-29 10:00'],
    ['seconds since 1970', 1_795_946_400],
    ['seconds since 1970 as text', '1795946400'],
    ['seconds since 1970 as a bigint', 1_795_946_400n],
    ['milliseconds of whole seconds', 1_795_946_400_000],
    ['null', null],
  ])('%s may be that of two saves: each of them bumps', async (_title, updatedAt) => {
    const one = site();
    const post = Object.assign(new Post(), { updatedAt });
    await one.sweeper.invalidateCacheFor(post, { using: 'updatedAt' });
    await one.render({ post });
    await one.sweeper.invalidateCacheFor(post, { using: 'updatedAt' });
    expect((await one.render({ post })).ran).toEqual(['body', 'list']);
    // In a transaction too, and from another save on that had a finer one.
    await one.sweeper.transaction(async (t) => {
      t.invalidateCacheFor(post, { using: 'updatedAt' });
      t.invalidateCacheFor(Object.assign(new Post(), { updatedAt }), { using: 'updatedAt' });
    });
    expect((await one.render({ post })).ran).toEqual(['body', 'list']);
  });

  test.each<[string, unknown]>([
    ['a date with milliseconds', new Date(1_001)],
    ['a date with a fraction as text', '2026-11-29 10:00:00.123456'],
    ['a version', 7],
    ['a large version as text', '00000000000007D1'],
    ['milliseconds', 1_795_946_400_001],
    ['a boolean', false],
  ])('%s is finer than saves: the same is no change', async (_title, updatedAt) => {
    const one = site();
    const post = Object.assign(new Post(), { updatedAt });
    await one.sweeper.invalidateCacheFor(post, { using: 'updatedAt' });
    await one.render({ post });
    await one.sweeper.invalidateCacheFor(post, { using: 'updatedAt' });
    expect((await one.render({ post })).ran).toEqual([]);
  });

  test('a row that had another value before has changed, whatever is recorded', async () => {
    const one = site();
    const post = Object.assign(new Post(), { updatedAt: 2 });
    await one.sweeper.invalidateCacheFor(post, { using: 'updatedAt' });
    await one.render({ post });
    const previous = Object.assign(new Post(), { updatedAt: 1 });
    await one.sweeper.invalidateCacheFor(post, { using: 'updatedAt', previous });
    expect((await one.render({ post })).ran).toEqual(['body', 'list']);
    await one.sweeper.invalidateCacheFor(post, { using: 'updatedAt', previous: post });
    expect((await one.render({ post })).ran).toEqual([]);
  });

  test('another attribute of the same value is not the one recorded', async () => {
    const one = site();
    const post = Object.assign(new Post(), { version: 5, updatedAt: 5 });
    await one.sweeper.invalidateCacheFor(post, { using: 'updatedAt' });
    await one.render({ post });
    await one.sweeper.invalidateCacheFor(post, { using: 'version' });
    expect((await one.render({ post })).ran).toEqual(['body', 'list']);
  });

  test('a bump without using forgets what was recorded', async () => {
    const one = site();
    const post = new Post();
    await one.sweeper.invalidateCacheFor(post, { using: 'updatedAt' });
    await one.sweeper.invalidateCacheFor(post);
    await one.render({ post });
    await one.sweeper.invalidateCacheFor(post, { using: 'updatedAt' });
    expect((await one.render({ post })).ran).toEqual(['body', 'list']);
  });

  test.each<[string, (sweeper: CacheSweeper) => Promise<void>, object]>([
    ['its type', (sweeper) => sweeper.invalidateCacheFor('Post'), {}],
    ['everything', (sweeper) => sweeper.invalidateAll(), {}],
    ['its type, in a store', (sweeper) => sweeper.invalidateCacheFor('Post'), { store: new TestingStore() }],
  ])('an invalidation of %s forgets it too: any row may have been changed', async (_title, invalidate, options) => {
    const one = new Site(fragment('post 0', '"body"'), options);
    const post = new Post();
    await one.render({ post });
    one.settle();
    await one.sweeper.invalidateCacheFor(post, { using: 'updatedAt' });
    one.settle();
    await invalidate(one.sweeper);
    one.settle();
    await one.render({ post });
    await one.sweeper.idle();
    await one.sweeper.invalidateCacheFor(post, { using: 'updatedAt' });
    expect((await one.render({ post })).ran).toEqual(['body']);
  });

  test('what is not bumped bumps nothing that it touches either', async () => {
    const one = new Site(fragment('"Feed" 0', '"feed"'));
    one.sweeper.register(Post, { touches: () => 'Feed' });
    const post = new Post();
    await one.sweeper.invalidateCacheFor(post, { using: 'updatedAt' });
    await one.render();
    await one.sweeper.invalidateCacheFor(post, { using: 'updatedAt' });
    expect((await one.render()).ran).toEqual([]);
  });

  test('of a list bumps those that differ', async () => {
    const one = new Site(fragment('posts[0] 0', '"0"') + fragment('posts[1] 0', '"1"'));
    const posts = [new Post(1), new Post(2)] as const;
    await one.sweeper.invalidateCacheFor(posts, { using: 'updatedAt' });
    await one.render({ posts });
    posts[1].updatedAt = 5;
    await one.sweeper.invalidateCacheFor(posts, { using: 'updatedAt' });
    expect((await one.render({ posts })).ran).toEqual(['1']);
  });

  test.each(['before', 'behind'])(
    'what is recorded stays when another model %s it in the list touches it',
    async (place) => {
      const one = site();
      const post = new Post();
      const comment = Object.assign(new Comment(1), { updatedAt: 1 });
      one.sweeper.register(Comment, { touches: () => ({ type: 'Post', id: 1 }) });
      await one.sweeper.invalidateCacheFor(place === 'before' ? [comment, post] : [post, comment], {
        using: 'updatedAt',
      });
      await one.render({ post });
      await one.sweeper.invalidateCacheFor(post, { using: 'updatedAt' });
      expect((await one.render({ post })).ran).toEqual([]);
    },
  );

  test.each<[string, unknown, string]>([
    ['an attribute the model does not have', new Comment(1), 'updatedAt'],
    ['a class', Post, 'updatedAt'],
    ['a name that is empty', new Post(), ''],
    ['an attribute that is a method', Object.assign(new Post(), { updatedAt: () => 1 }), 'updatedAt'],
  ])('%s is an error, and nothing is bumped', async (_title, model, using) => {
    const one = site();
    await expect(one.sweeper.invalidateCacheFor([new Post(2), model], { using })).rejects.toMatchObject({
      code: 'CACHESWEEPER_BAD_KEY',
      message: expect.stringMatching(/^using expected the name of an attribute/),
    });
    expect(one.sweeper.stats().tokens).toBe(0);
  });
});
