import { describe, test } from 'vitest';
import { kindsFor, Site, sameIn, T } from './support.ts';

const kinds = kindsFor(import.meta.url);

const A = { type: 'A', id: 1 };
const a = (more: object = {}): object => ({ cacheIdentity: A, ...more });
class Author {
  readonly cacheIdentity: object;
  name: string;
  constructor(name: string) {
    this.cacheIdentity = { type: 'Author', id: 7 };
    this.name = name;
  }
  toString() {
    return this.name;
  }
}
class Post {
  readonly cacheIdentity = { type: 'Post', id: 3 };
  author: Author;
  constructor(author: Author) {
    this.author = author;
  }
}

describe.each(kinds)('%s', (kind) => {
  const same = sameIn(kind);

  for (const body of [
    '{{ names(posts) }}',
    '{{ name(o) }}',
    '{{ posts | join(",", "author") }}',
    '{{ posts | dump }}',
    '{{ o | dump }}',
    '{{ o | nameOf }}',
    '{{ o.name() }}',
    '{{ o.got }}',
    '{% for p in posts | sort(attribute="author") %}{{ p.author.name }}{% endfor %}',
    '{% for p in posts | sort(attribute="author") %}{{ p.author }}{% endfor %}',
    '{{ post.author }}',
    '{{ post | dump }}',
    '{{ name({ post: post }) }}',
    '{{ names([post]) }}',
    '{{ names(set) }}',
    '{% for n, ps in posts | groupby("author") %}{{ n }}{% endfor %}',
    '{{ (posts | first).author }}',
    '{{ posts[0].author }}',
    '{{ name(a) }}',
    '{{ a | dump }}',
    '{{ a.post.author }}',
    '{{ name(post=post) }}',
  ]) {
    test(`met: ${body}`, async () => {
      let author = new Author('old');
      const names = (posts: Iterable<Post>) => [...posts].map((p) => p.author.name).join();
      const site = new Site(T(body), kind, {
        helpers: (env) => {
          env.addGlobal('names', names);
          env.addGlobal('name', (o: { post: Post }) => o.post.author.name);
          env.addFilter('nameOf', (o: { post: Post }) => o.post.author.name);
        },
      });
      class O {
        post: Post;
        constructor(post: Post) {
          this.post = post;
        }
        name() {
          return this.post.author.name;
        }
        get got() {
          return this.post.author.name;
        }
      }
      const page = () => {
        const post = new Post(author);
        return { a: a({ post }), post, posts: [post], set: new Set([post]), o: new O(post) };
      };
      await site.show(page);
      site.now += 10_000;
      for (let i = 0; i < 4; i++) await site.show(page);
      author = new Author('new');
      await site.sweeper.invalidateCacheFor({ type: 'Author', id: 7 });
      await site.show(page);
    });
  }

  test('set: a sorted list is of the page’s rows', () =>
    same(`${T("{% set x = rows | sort(attribute='n') %}.")}{{ 'same' if x[0] === rows[0] else 'copy' }}`, [
      () => ({ a: a(), rows: [{ n: 1 }] }),
    ]));
  test('set: selectattr of the page’s rows', () =>
    same(`${T("{% set x = rows | selectattr('n') %}.")}{{ 'same' if x[0] === rows[0] else 'copy' }}`, [
      () => ({ a: a(), rows: [{ n: 1 }] }),
    ]));
  test('set: a sorted list below a model, read behind the tag', () =>
    same(`${T("{% set x = a.comments | sort(attribute='n') %}.")}{{ x[0].vote }}`, [
      () => ({ a: a({ comments: [{ n: 1, vote: 'mine' }] }) }),
      () => ({ a: a({ comments: [{ n: 1, vote: 'yours' }] }) }),
    ]));
  test('set: groupby below a model, read behind the tag', () =>
    same(`${T("{% set x = a.comments | groupby('n') %}.")}{{ x[1][0].vote }}`, [
      () => ({ a: a({ comments: [{ n: 1, vote: 'mine' }] }) }),
      () => ({ a: a({ comments: [{ n: 1, vote: 'yours' }] }) }),
    ]));
  test('set: values of a set below a model', () =>
    same(`${T('{% set x = [] %}{% for c in a.comments %}{% set x = c %}{% endfor %}.')}{{ x.vote }}`, [
      () => ({ a: a({ comments: new Set([{ n: 1, vote: 'mine' }]) }) }),
      () => ({ a: a({ comments: new Set([{ n: 1, vote: 'yours' }]) }) }),
    ]));
  test('set: values of an object below a model', () =>
    same(`${T('{% set x = [] %}{% for k, c in a.comments %}{% set x = c %}{% endfor %}.')}{{ x.vote }}`, [
      () => ({ a: a({ comments: { k: { n: 1, vote: 'mine' } } }) }),
      () => ({ a: a({ comments: { k: { n: 1, vote: 'yours' } } }) }),
    ]));
  test('set: what a getter of the engine gives', () =>
    same(`${T('{% set x = u.searchParams %}.')}{{ 'same' if x === u.searchParams else 'copy' }}`, [
      () => ({ a: a(), u: new URL('http://x/?a=1') }),
    ]));
  test('set: two names for one list', () =>
    same(`${T('{% set x = [1] %}{% set y = x %}.')}{{ 'same' if x === y else 'copy' }}`, [() => ({ a: a() })]));
  test('set: two names for one list, nested', () =>
    same(T(`${T('{% set x = [1] %}{% set y = x %}.')}{{ 'same' if x === y else 'copy' }}`), [() => ({ a: a() })]));
  test('set: html, and a list of html', () =>
    same(
      `${T('{% set x %}<b>{{ u }}</b>{% endset %}{% set y = [x, "<i>"] %}.')}{{ x }}{{ y }}{{ y[0] }}{{ x.length }}`,
      [() => ({ a: a(), u: '<' })],
    ));
  test('set: a loop over a map of the page', () =>
    same(`${T('{% for k, v in m %}{% set x = v %}{% endfor %}')}{{ x.n }}`, [
      () => ({ a: a(), m: new Map([['k', { n: 1, o: 1 }]]) }),
      () => ({ a: a(), m: new Map([['k', { n: 2, o: 1 }]]) }),
    ]));
  test('set: a model given by a filter', () =>
    same(
      `${T('{% set x = o | pick %}.')}{{ x.vote }}`,
      [() => ({ a: a({ comments: [{ n: 1, vote: 'mine' }] }), o: 1 })],
      (env) => env.addFilter('pick', () => ({ vote: 1 })),
    ));
  test('set: concat of lists below a model', () =>
    same(`${T('{% set x = a.comments.slice(0) %}.')}{{ x[0].vote }}`, [
      () => ({ a: a({ comments: [{ n: 1, vote: 'mine' }] }) }),
      () => ({ a: a({ comments: [{ n: 1, vote: 'yours' }] }) }),
    ]));
  test('set: list | list', () =>
    same(`${T('{% set x = s | list %}.')}{{ 'same' if x[0] === o else 'copy' }}`, [
      () => {
        const o = { n: 1 };
        return { a: a(), s: [o], o };
      },
    ]));
  test('set: dictsort', () =>
    same(`${T('{% set x = d | dictsort %}.')}{{ 'same' if x[0][1] === d.o else 'copy' }}`, [
      () => ({ a: a(), d: { o: { n: 1 } } }),
    ]));
});
