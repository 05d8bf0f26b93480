import { lazy } from 'nunjucks-cachesweeper';
import { describe, expect, test } from 'vitest';
import { isDeep } from '../support/long.ts';
import { logIn, outside, userOf } from './outside.ts';
import { sites } from './running.ts';
import { allFrameworks, type Handler, type Options, type Plan, type Route } from './sites.ts';

const names: Record<string, string> = { a: 'Ann', b: 'Bob & <Co>' };
const visitor = (key?: string) => (key === undefined ? {} : { 'X-Visitor': key });

/** Middleware that finds the visitor, and leaves a user where the framework's does. */
const signIn: Partial<Plan> = outside(({ request, headers }) => {
  const key = headers['x-visitor'];
  const user = key === undefined ? undefined : { id: key, name: names[key] };
  // A name that is there for some requests only would tell two kinds of views.
  if ('auth' in request) logIn(request, user ?? (null as never));
  else request.user = user;
});

const holes: NonNullable<Options['holes']> = (request) => {
  const user = userOf(request as object) as { readonly id: string } | undefined;
  return { user, csrfToken: `token-${user?.id ?? 'nobody'}` };
};

const comments = [
  { id: 1, text: 'first' },
  { id: 2, text: 'second' },
];

const page =
  (template: string, variables: object = {}): Handler =>
  (call) =>
    call.render(template, variables);

describe.each(allFrameworks)('%s: a view with holes', (name, start) => {
  const running = sites(start, () => ({}));
  /** A site with one page, and how often its handler ran. */
  async function site(handler: Handler, options: Partial<Options> = {}, plan: Partial<Plan> = signIn) {
    let ran = 0;
    const counted: Handler = (call) => {
      ran++;
      return handler(call);
    };
    const routes: Route[] = [{ path: '/', handler: counted, options: { holes, debug: true, ...options } }];
    const started = await running(routes, plan);
    return { ...started, ran: () => ran };
  }

  test('shows each visitor their own in what is everybody’s, and runs the handler once', async () => {
    const { get, ran } = await site(page('holes/page.njk', { title: 'Title', comments }));
    const shown = (hello: string, token: string) =>
      `<header>${hello}</header><h1>Title</h1>\n${comments.map(({ id, text }) => `<p>${text}</p><form action="/${id}"><input value="${token}"></form>\n`).join('')}\n`;
    for (const [key, hello, token, cache] of [
      ['a', 'Hello, Ann €', 'token-a', 'miss'],
      ['b', 'Hello, Bob &amp; &lt;Co&gt; €', 'token-b', 'hit'],
      [undefined, 'Log in', 'token-nobody', 'hit'],
      ['a', 'Hello, Ann €', 'token-a', 'hit'],
    ] as const) {
      const answer = await get('/', visitor(key));
      expect([answer.text, answer.cache]).toEqual([shown(hello, token), cache]);
      expect(answer.headers['cache-control']).toBe('private, no-cache');
      expect(Number(answer.headers['content-length'])).toBe(Buffer.byteLength(answer.text));
    }
    expect(ran()).toBe(1);
  });

  test('has an entity tag of what the visitor sees', async () => {
    const { get } = await site(page('holes/page.njk', { title: 'Title', comments }));
    const [ann, bob] = [await get('/', visitor('a')), await get('/', visitor('b'))];
    expect(ann.headers.etag).not.toBe(bob.headers.etag);
    const again = await get('/', { ...visitor('a'), 'If-None-Match': String(ann.headers.etag) });
    expect(again.status).toBe(304);
    const other = await get('/', { ...visitor('b'), 'If-None-Match': String(ann.headers.etag) });
    expect([other.status, other.text]).toEqual([200, bob.text]);
  });

  test('what a page reads of the visitor outside of holes is in the key: whether one is logged in is two views', async () => {
    const { get, ran } = await site(page('holes/shown.njk'));
    const pages = [];
    for (const key of ['a', 'b', undefined, 'a', undefined]) pages.push(await get('/', visitor(key)));
    expect(pages.map(({ text }) => text.trim())).toEqual([
      '<a>Account</a>Ann',
      '<a>Account</a>Bob &amp; &lt;Co&gt;',
      '<a>Log in</a>',
      '<a>Account</a>Ann',
      '<a>Log in</a>',
    ]);
    expect(pages.map(({ cache }) => cache)).toEqual(['miss', 'hit', 'miss', 'hit', 'hit']);
    expect(ran()).toBe(2);
  });

  test('a page that prints the visitor’s name outside of holes is one view for each', async () => {
    const { get } = await site(page('holes/name.njk'));
    const pages = [];
    for (const key of ['a', 'b', 'a', 'b']) pages.push(await get('/', visitor(key)));
    expect(pages.map(({ cache, text }) => [cache, text.trim().slice(0, 6)])).toEqual([
      ['miss', 'AnnAnn'],
      ['miss', 'Bob &a'],
      ['hit', 'AnnAnn'],
      ['hit', 'Bob &a'],
    ]);
  });

  // It takes a hundred pages, and no framework has a part in it.
  test.runIf(isDeep || name === allFrameworks[0]?.[0])('and statistics say that it is not worth keeping', async () => {
    let visitors = 0;
    const { get, sweeper } = await site(page('holes/name.njk'), {
      name: 'greeting',
      holes: () => ({ user: { name: `visitor ${++visitors}` } }),
    });
    for (let i = 0; i < 100; i++) await get('/');
    const [view] = sweeper.stats().notWorthCaching;
    expect(view).toMatchObject({ template: 'view greeting', line: 0, hits: 0 });
    expect((view?.misses ?? 0) + Object.values(view?.uncached ?? {}).reduce((sum, count) => sum + count, 0)).toBe(100);
  });

  test('a fragment’s holes stay open in the view', async () => {
    const { get } = await site(page('holes/fragment.njk'));
    const pages = [];
    for (const key of ['a', 'b', undefined]) pages.push(await get('/', visitor(key)));
    expect(pages.map(({ text }) => text.trim())).toEqual(['[Ann]', '[Bob &amp; &lt;Co&gt;]', '[]']);
    expect(pages.map(({ cache }) => cache)).toEqual(['miss', 'hit', 'hit']);
  });

  test('a hole that reads what holes does not give is rendered with the page, which is not stored', async () => {
    const { get } = await site(page('holes/article.njk', { title: 'T' }));
    for (const key of ['a', 'b']) {
      const answer = await get('/', visitor(key));
      expect(answer.text).toContain(`T${key === 'a' ? 'Ann' : 'Bob'}`);
      expect(answer.cache).toBe('miss (hole lost: title is not what holes gives)');
    }
  });

  test('a page whose hole is captured is right, and not stored', async () => {
    const { get } = await site(page('holes/lost.njk'));
    expect(await get('/', visitor('a'))).toMatchObject({ text: 'Ann 3\n', cache: 'miss (hole lost)' });
    expect((await get('/', visitor())).text.trim()).toBe('0');
  });

  test('a page that waits for something while its hole is captured is for its visitor alone', async () => {
    const load = lazy(async () => ['loaded']);
    const { get } = await site((call) => call.render('holes/lost-late.njk', { load }));
    for (const [key, text] of [
      ['a', 'Ann'],
      ['b', 'Bob'],
    ] as const) {
      const answer = await get('/', visitor(key));
      expect([answer.text.slice(0, 3), answer.cache]).toEqual([text, 'miss (hole lost)']);
    }
  });

  test('a handler that reads the visitor makes its page personal, and is told to leave that to holes', async () => {
    const { get } = await site((call) => call.render('holes/page.njk', { title: userOf(call.request) }));
    const { cache } = await get('/', visitor('a'));
    expect(cache).toMatch(/^miss \((personal|unseen)/);
    expect((await get('/', visitor('a'))).cache).not.toBe('hit');
  });

  test('a profile page, whose user is not the visitor, shows that user and is not stored', async () => {
    const { get } = await site(page('holes/name.njk', { user: { id: 'x', name: 'Profile' } }));
    const { text, cache } = await get('/', visitor('a'));
    expect(text.trim()).toBe('ProfileProfile');
    expect(cache).toMatch(/^miss \((personal|hole lost): user/);
    expect((await get('/', visitor('a'))).text.trim()).toBe('ProfileProfile');
  });

  test('gives its variables to pages that go past the cache, too', async () => {
    const { get } = await site(page('holes/page.njk', { title: 'T', comments: [] }), { skip: () => true });
    expect(await get('/', visitor('a'))).toMatchObject({
      cache: 'skip (skip option)',
      text: expect.stringContaining('Hello, Ann'),
    });
  });

  test('an error of holes is the request’s', async () => {
    const failing = () => {
      throw new Error('no visitor');
    };
    const { get, ran } = await site(page('holes/page.njk'), { holes: failing });
    expect((await get('/', {})).status).toBe(500);
    const { get: other } = await site(page('holes/page.njk'), { holes: (() => ['a']) as never });
    expect((await other('/', {})).status).toBe(500);
    expect(ran()).toBe(0);
    expect(name).not.toBe('');
  });

  test('what is saved is fresh at once, and an edit of its template as well', async () => {
    const { get, sweeper } = await site(page('holes/fragment.njk'));
    await get('/', visitor('a'));
    expect((await get('/', visitor('b'))).cache).toBe('hit');
    await sweeper.invalidateCacheFor('Article');
    expect((await get('/', visitor('b'))).cache).toBe('miss');
  });
});
