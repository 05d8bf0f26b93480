import { lazy } from 'nunjucks-cachesweeper';
import { describe, expect, test } from 'vitest';
import { Site } from './support.ts';

type Post = Record<string, unknown>;

/** Posts that all know each other, as a query with its relations gives them. */
function siblings(count: number): Post {
  const all: Post[] = Array.from({ length: count }, (_, i) => ({ title: `post ${i}` }));
  for (const post of all) post.siblings = all.filter((other) => other !== post);
  return all[0] as Post;
}

/** Each level holds the one below it twice. */
function doubled(levels: number): Post {
  let post: Post = { title: 'post 0' };
  for (let i = 0; i < levels; i++) post = { title: `level ${i}`, left: post, right: post };
  return post;
}

function chain(length: number): Post {
  let post: Post = {};
  for (let i = 0; i < length; i++) post = { title: `link ${i}`, next: post };
  return post;
}

describe('a lazy that is called with plain objects that hold each other', () => {
  // Looking into each object once takes milliseconds; along each path it would take years.
  test.each<[string, Post]>([
    ['40 that all know each other', siblings(40)],
    ['200 levels of two ways down', doubled(200)],
    ['a chain of 20,000', chain(20_000)],
    ['300 that all know each other', siblings(300)],
  ])('is called once: %s', async (_what, post) => {
    let calls = 0;
    const load = lazy(async ({ title }: Post) => `${title} ${++calls}`);
    const site = new Site({ 'page.njk': '{{ load(post) }}|{{ load(post) }}' });
    expect(await site.page({ post, load })).toBe(`${post.title} 1|${post.title} 1`);
  });

  test('waits for a value that another lazy is loading, deep in plain data', async () => {
    const site = new Site({
      'page.njk': '{% set deep = { a: [{ b: load(1) }, { b: load(1) }] } %}{{ sum(deep) }}',
    });
    const load = lazy(async (value: number) => value);
    const sum = lazy(async ({ a }: { a: { b: number }[] }) => a.reduce((total, { b }) => total + b, 0));
    expect(await site.page({ load, sum })).toBe('2');
  });

  test('tells apart what differs in the depth that is looked into', async () => {
    const load = lazy(async (value: Post) => JSON.stringify(value).length);
    const site = new Site({ 'page.njk': '{{ load(a) }} {{ load(b) }}' });
    expect(await site.page({ a: chain(20), b: chain(21), load })).toBe(
      `${JSON.stringify(chain(20)).length} ${JSON.stringify(chain(21)).length}`,
    );
  });
});
