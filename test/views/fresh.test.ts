import session from 'express-session';
import { describe, expect, test } from 'vitest';
import { kinds } from '../frameworks/framework-suite.ts';
import { inTurn } from '../support/long.ts';
import { sites } from './running.ts';
import { frameworks, type Handler, startExpress } from './sites.ts';

describe.each(frameworks)('%s: fresh()', (name, start) => {
  describe.each(inTurn(kinds, name))('%s', (_kind, kind) => {
    const running = sites(start, kind);

    /** A page that is loaded only when it has to be; with the cache of views out of the way. */
    async function asking(keys?: () => unknown[]) {
      let loads = 0;
      const handler: Handler = async (call) => {
        const options = keys === undefined ? {} : { keys: keys() };
        if (await call.fresh([{ type: 'Article', id: call.params.id }], options)) return;
        loads++;
        call.send(`article ${call.params.id}`);
      };
      const options = { skip: () => true, cookies: [] };
      const site = await running([{ path: '/articles/:id', handler, options }]);
      return { ...site, loads: () => loads };
    }

    test('answers 304 from tokens alone, until the model is bumped', async () => {
      const { get, sweeper, loads } = await asking();
      const first = await get('/articles/7');
      const { etag = '' } = first.headers;
      expect(first).toMatchObject({
        status: 200,
        text: 'article 7',
        headers: { 'cache-control': 'private, no-cache' },
      });
      expect(etag).toMatch(/^W\/"/);
      for (const asked of [etag, `"x", ${etag}`, etag.slice(2)]) {
        const answer = await get('/articles/7', { 'If-None-Match': asked });
        expect(answer).toMatchObject({ status: 304, text: '', headers: { 'cache-control': 'private, no-cache' } });
        expect(answer.headers['content-type']).toBeUndefined();
      }
      expect(loads()).toBe(1);
      for (const bump of [{ type: 'Article', id: 7 }, 'Article']) {
        const { etag: before = '' } = (await get('/articles/7')).headers;
        await sweeper.invalidateCacheFor(bump);
        expect(await get('/articles/7', { 'If-None-Match': before })).toMatchObject({ status: 200 });
      }
      const { etag: other = '' } = (await get('/articles/7')).headers;
      await sweeper.invalidateCacheFor({ type: 'Article', id: 8 });
      expect(await get('/articles/7', { 'If-None-Match': other })).toMatchObject({ status: 304 });
    });

    test('the validator differs between visitors, languages, addresses and keys', async () => {
      let build = 1;
      const { get } = await asking(() => [build]);
      const forms: [string, Record<string, string>][] = [
        ['/articles/7', {}],
        ['/articles/8', {}],
        ['/articles/7?page=2', {}],
        ['/articles/7', { Cookie: 'who=ann' }],
        ['/articles/7', { Cookie: 'who=ben' }],
        ['/articles/7', { Authorization: 'Bearer x' }],
        ['/articles/7', { 'Accept-Language': 'de' }],
        ['/articles/7', { Host: 'other.example' }],
      ];
      const tags = new Set<unknown>();
      for (const [path, headers] of forms) tags.add((await get(path, headers)).headers.etag);
      build = 2;
      tags.add((await get('/articles/7')).headers.etag);
      expect(tags.size).toBe(forms.length + 1);
      for (const tag of tags) {
        const answer = await get('/articles/7', { Cookie: 'who=eve', 'If-None-Match': String(tag) });
        expect(answer.status).toBe(200);
      }
    });

    test('invalidateAll() changes the answer for an empty list of models, too', async () => {
      const handler: Handler = async (call) => {
        if (await call.fresh([null], {})) return;
        call.send('no articles');
      };
      const { get, sweeper } = await running([{ path: '/', handler, options: { skip: () => true, cookies: [] } }]);
      const { etag = '' } = (await get('/')).headers;
      expect((await get('/', { 'If-None-Match': etag })).status).toBe(304);
      await sweeper.invalidateAll();
      expect((await get('/', { 'If-None-Match': etag })).status).toBe(200);
    });

    test('inside a cached view it answers as well, and the view keeps its own tag', async () => {
      let loads = 0;
      const handler: Handler = async (call) => {
        if (await call.fresh('Article')) return;
        loads++;
        call.send('articles');
      };
      const { get } = await running([{ path: '/', handler }]);
      await get('/');
      const hit = await get('/');
      expect(hit).toMatchObject({ cache: 'hit', text: 'articles' });
      expect(hit.headers.etag).toMatch(/^"/);
      expect(hit.headers['cache-control']).toBe('no-cache');
      expect(loads).toBe(1);
    });

    test('without anything to read tokens from: an error that says what is missing', async () => {
      const handler: Handler = async (call) => call.fresh('Article', {});
      const { get } = await running([{ path: '/', handler }], { cached: false });
      expect(await get('/')).toMatchObject({ status: 500, text: expect.stringMatching(/fresh\(\).*sweeper/) });
      const wrong: Handler = async (call) => call.fresh('Article', { sweeper: {} });
      const second = await running([{ path: '/', handler: wrong }], { cached: false });
      expect(await second.get('/')).toMatchObject({
        status: 500,
        text: expect.stringMatching(/sweeper: expected a CacheSweeper/),
      });
    });
  });
});

describe('Express: fresh() and sessions', () => {
  const running = sites(startExpress, () => ({}));

  test('who logs in within one session, or fills a cart, is answered anew', async () => {
    type Held = { session: object };
    const changing =
      (change: (held: object) => void): Handler =>
      (call) => {
        change((call.request as Held).session);
        call.send('x');
      };
    const { get } = await running(
      [
        { path: '/login', handler: changing((held) => Object.assign(held, { user: { id: 1 } })) },
        { path: '/cart', handler: changing((held) => Object.assign(held, { cart: 3 })) },
        {
          path: '/',
          handler: async (call) => {
            if (await call.fresh('Article')) return;
            call.send(JSON.stringify((call.request as Held).session));
          },
        },
      ],
      { express: (app) => void app.use(session({ secret: 'secret', resave: false, saveUninitialized: true })) },
    );
    const cookie = { Cookie: (await get('/')).headers['set-cookie']![0]!.split(';')[0]! };
    for (const change of ['/cart', '/login']) {
      const { etag = '' } = (await get('/', cookie)).headers;
      expect((await get('/', { ...cookie, 'If-None-Match': etag })).status).toBe(304);
      await get(change, cookie);
      expect((await get('/', { ...cookie, 'If-None-Match': etag })).status).toBe(200);
    }
  });
});
