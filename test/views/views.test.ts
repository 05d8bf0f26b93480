import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { Blog } from '../frameworks/blog.ts';
import { kinds } from '../frameworks/framework-suite.ts';
import { inTurn } from '../support/long.ts';
import { articleRoute, sites } from './running.ts';
import { type Call, frameworks, type Route, streamOf } from './sites.ts';

describe.each(frameworks)('%s', (name, start) => {
  describe.each(inTurn(kinds, name))('%s', (_kind, kind) => {
    const running = sites(start, kind);

    test('a view is rendered once, then answered without its handler', async () => {
      const blog = new Blog();
      const { ran, route } = articleRoute(blog);
      const { get } = await running([route]);
      const first = await get('/articles/7');
      expect(first).toMatchObject({ status: 200, cache: 'miss' });
      expect(first.text).toContain('<p>Comment 2 on 7</p>');
      const second = await get('/articles/7');
      expect(second).toMatchObject({ status: 200, cache: 'hit', text: first.text });
      expect(second.headers['content-type']).toBe(first.headers['content-type']);
      expect(ran).toEqual(['7']);
    });

    test('saving a comment makes every page fresh that shows it, and no other', async () => {
      const blog = new Blog();
      const { ran, route } = articleRoute(blog);
      const { get, sweeper } = await running([route]);
      await get('/articles/7');
      await get('/articles/8');
      const comment = blog.known(7).comments[1]!;
      comment.text = 'Edited';
      await sweeper.invalidateCacheFor(comment);
      expect((await get('/articles/7')).text).toContain('<p>Edited</p>');
      expect(await get('/articles/8')).toMatchObject({ cache: 'hit' });
      expect(ran).toEqual(['7', '8', '7']);
    });

    test('HEAD is answered from the entry of GET: its headers and no body', async () => {
      const { ran, route } = articleRoute(new Blog());
      const { get } = await running([route]);
      await get('/articles/7');
      const full = await get('/articles/7');
      const head = await get('/articles/7', {}, 'HEAD');
      expect(head).toMatchObject({ status: 200, cache: 'hit', text: '' });
      for (const name of ['content-type', 'content-length', 'etag', 'cache-control', 'accept-ranges']) {
        expect([name, head.headers[name]]).toEqual([name, full.headers[name]]);
      }
      expect(head.headers['content-length']).toBe(String(full.body.length));
      expect(ran).toEqual(['7']);
    });

    test('HEAD first: nothing is stored that a GET could be answered with', async () => {
      const { route } = articleRoute(new Blog());
      const { get } = await running([route]);
      expect(await get('/articles/7', {}, 'HEAD')).toMatchObject({
        status: 200,
        text: '',
        cache: 'miss (head request)',
      });
      expect((await get('/articles/7')).text).toContain('Article 7');
    });

    test('304 without rendering, for the entry’s strong ETag', async () => {
      const { ran, route } = articleRoute(new Blog());
      const { get } = await running([route]);
      await get('/articles/7');
      const { etag, 'cache-control': cacheControl } = (await get('/articles/7')).headers;
      expect(etag).toMatch(/^"[\w-]+"$/);
      for (const tags of [etag!, `W/${etag}`, `"other", W/"x", ${etag}`, '*']) {
        const answer = await get('/articles/7', { 'if-none-match': tags });
        expect(answer).toMatchObject({ status: 304, text: '', cache: 'hit' });
        expect(answer.headers.etag).toMatch(/^(W\/)?"[\w-]+"$/);
        expect(answer.headers['cache-control']).toBe(cacheControl);
        expect(answer.headers['content-type']).toBeUndefined();
      }
      for (const tags of ['"other"', 'nonsense', etag!.replaceAll('"', '')]) {
        expect(await get('/articles/7', { 'if-none-match': tags })).toMatchObject({ status: 200, cache: 'hit' });
      }
      expect(ran).toEqual(['7']);
    });

    test('no date of ours: pages of one address may differ by what was read', async () => {
      let time = Date.parse('2026-11-01T12:00:00.400Z');
      const { route } = articleRoute(new Blog());
      const { get } = await running([route], {}, { now: () => time });
      await get('/articles/7');
      time += 5_000;
      const { headers } = await get('/articles/7');
      expect(headers).toMatchObject({ age: '5' });
      expect(headers).not.toHaveProperty('last-modified');
      const since = { 'if-modified-since': new Date(time).toUTCString() };
      expect(await get('/articles/7', since)).toMatchObject({ status: 200, cache: 'hit' });
    });

    test('If-Modified-Since counts for the handler’s own date, and only without If-None-Match', async () => {
      const modified = 'Sun, 01 Nov 2026 12:00:00 GMT';
      const { get } = await running([
        {
          path: '/',
          handler: (call) => {
            call.set('Last-Modified', modified);
            call.send('page');
          },
        },
      ]);
      await get('/');
      expect(await get('/')).toMatchObject({ cache: 'hit', headers: { 'last-modified': modified } });
      expect(await get('/', { 'if-modified-since': modified })).toMatchObject({ status: 304, cache: 'hit' });
      for (const since of ['Sun, 01 Nov 2026 11:59:59 GMT', 'yesterday']) {
        expect(await get('/', { 'if-modified-since': since })).toMatchObject({ status: 200, cache: 'hit' });
      }
      const other = { 'if-modified-since': modified, 'if-none-match': '"another"' };
      expect(await get('/', other)).toMatchObject({ status: 200, cache: 'hit' });
    });

    test('a range is refused: the whole page', async () => {
      const { route } = articleRoute(new Blog());
      const { get } = await running([route]);
      await get('/articles/7');
      const answer = await get('/articles/7', { range: 'bytes=0-9' });
      expect(answer).toMatchObject({ status: 200, cache: 'hit' });
      expect(answer.headers['accept-ranges']).toBe('none');
      expect(answer.headers['content-range']).toBeUndefined();
    });

    test('a ttl ends a view, and 0 does not', async () => {
      let time = Date.parse('2026-11-01T12:00:00Z');
      const page = { handler: (call: Call) => call.render('plain.njk', { text: 'here' }) };
      const routes = [
        { ...page, path: '/short', options: { ttl: '10m' } },
        { ...page, path: '/endless', options: { ttl: 0 } },
      ];
      const { get } = await running(routes, {}, { now: () => time });
      const both = async () => [(await get('/short')).cache, (await get('/endless')).cache];
      await both();
      // What is stored as its tokens are made is stored for maxDataAge.
      time += 120_000;
      expect(await both()).toEqual(['store' in kind() ? 'miss' : 'hit', 'store' in kind() ? 'miss' : 'hit']);
      time += 400_000;
      expect(await both()).toEqual(['hit', 'hit']);
      time += 600_000;
      expect(await both()).toEqual(['miss', 'hit']);
      time += 10 * 365 * 86_400_000;
      expect(await both()).toEqual(['miss', 'hit']);
    });

    describe('expireView', () => {
      const paths = ['/articles/7', '/articles/7?page=2', '/articles/8'];

      async function cached(options: Route['options'] = {}) {
        const { route } = articleRoute(new Blog(), options);
        const site = await running([
          route,
          { ...articleRoute(new Blog(), { name: 'other' }).route, path: '/other/:id' },
        ]);
        for (const path of [...paths, '/other/7']) await site.get(path);
        for (const path of [...paths, '/other/7']) expect((await site.get(path)).cache).toBe('hit');
        const missing = async () => {
          const outcomes: string[] = [];
          for (const path of [...paths, '/other/7']) {
            if ((await site.get(path)).cache !== 'hit') outcomes.push(path);
          }
          return outcomes;
        };
        return { ...site, missing };
      }

      test('by path: whatever the query', async () => {
        const { sweeper, missing } = await cached();
        const { expireView } = sweeper;
        expect(await expireView('/articles/7')).toEqual({ names: ['@view:=path:/articles/7'], urls: ['/articles/7'] });
        expect(await missing()).toEqual(['/articles/7', '/articles/7?page=2']);
        await expireView('/Articles/7/?page=3');
        expect(await missing()).toEqual(['/articles/7', '/articles/7?page=2']);
      });

      test('by the name of its route and parameters, which give the url', async () => {
        const { sweeper, missing } = await cached();
        const { urls } = await sweeper.expireView({ name: 'article', params: { id: 7 } });
        expect(urls).toEqual(['/articles/7']);
        expect(await missing()).toEqual(['/articles/7', '/articles/7?page=2']);
      });

      test('by name alone: all of that name', async () => {
        const { sweeper, missing } = await cached();
        expect(await sweeper.expireView({ name: 'article' })).toEqual({ names: ['@view:=name:"article"'], urls: [] });
        expect(await missing()).toEqual(paths);
      });

      test('on one host only', async () => {
        const { sweeper, site, get } = await cached();
        const other = { host: 'other.example' };
        await get('/articles/7', other);
        await sweeper.expireView({ path: '/articles/7', host: 'OTHER.example:80' });
        expect((await get('/articles/7')).cache).toBe('hit');
        expect((await get('/articles/7', other)).cache).toBe('miss');
        await sweeper.expireView({ name: 'article', params: { id: 7 }, host: new URL(site.url).host });
        expect((await get('/articles/7')).cache).toBe('miss');
        expect((await get('/articles/7', other)).cache).toBe('hit');
        await sweeper.expireView('/articles/7');
        expect((await get('/articles/7')).cache).toBe('miss');
        expect((await get('/articles/7', other)).cache).toBe('miss');
      });

      test('of what is not cached is harmless', async () => {
        const { sweeper, missing } = await cached();
        await sweeper.expireView('/nowhere');
        await sweeper.expireView({ name: 'nobody', params: { id: 1 } });
        expect(await missing()).toEqual([]);
      });

      test('of all views, and with everything else', async () => {
        const { sweeper, missing } = await cached();
        await sweeper.invalidateCacheFor('@view');
        expect(await missing()).toEqual([...paths, '/other/7']);
        await sweeper.invalidateAll();
        expect(await missing()).toEqual([...paths, '/other/7']);
      });

      test('with parameters that do not fit the route is an error', async () => {
        const { sweeper } = await cached();
        await expect(sweeper.expireView({ name: 'article', params: { slug: 'x' } })).rejects.toMatchObject({
          code: 'CACHESWEEPER_BAD_OPTION',
          message: expect.stringMatching(/"article".*\/articles\/(?::id|\{id\}).*slug.*id/s),
        });
      });
    });

    describe('what is kept of a response', () => {
      const text = 'Ünïcödé '.repeat(400);
      const binary = Buffer.from(Array.from({ length: 5_000 }, (_, i) => (i * 7919) % 256));
      const routes: Route[] = [
        { path: '/text', handler: (call) => call.send(text) },
        {
          path: '/binary',
          handler: (call) => {
            call.set('Content-Type', 'image/png');
            call.send(binary);
          },
        },
        {
          path: '/parts',
          handler: (call) => {
            call.set('Content-Type', 'text/plain');
            call.parts(['one ', 'zwölf ', binary]);
          },
        },
        {
          path: '/stream',
          handler: (call) => {
            call.set('Content-Type', 'text/plain');
            call.stream(streamOf(['a', 'b', binary]));
          },
        },
        { path: '/empty', handler: (call) => call.end() },
        {
          path: '/gzip',
          handler: (call) => {
            call.set('Content-Type', 'text/html');
            call.set('Content-Encoding', 'gzip');
            call.send(gzipSync(text));
          },
        },
        {
          path: '/headers',
          handler: (call) => {
            call.set('X-One', '1');
            call.set('Link', '</a>; rel=preload');
            call.send('x');
          },
        },
        { path: '/moved', options: { statuses: [301] }, handler: (call) => call.redirect('/text', 301) },
        {
          path: '/gone',
          options: { statuses: [404] },
          handler: (call) => {
            call.status(404);
            call.send('not here');
          },
        },
      ];

      test.each(routes.map(({ path }) => path))('%s: the same bytes and headers', async (path) => {
        const { get } = await running(routes);
        const first = await get(path);
        expect(first.cache).toBe('miss');
        const second = await get(path);
        expect(second.cache).toBe('hit');
        expect(second.status).toBe(first.status);
        expect(second.body.equals(first.body)).toBe(true);
        for (const name of ['content-type', 'content-encoding', 'location', 'x-one', 'link', 'vary']) {
          expect([name, second.headers[name]]).toEqual([name, first.headers[name]]);
        }
      });

      const refused: [string, Route['handler'], string][] = [
        ['a redirect', (call) => call.redirect('/text', 302), 'status'],
        ['301 that nobody asked to keep', (call) => call.redirect('/text', 301), 'status'],
        [
          '404 that nobody asked to keep',
          (call) => {
            call.status(404);
            call.send('no');
          },
          'status',
        ],
        [
          'an error thrown by the handler',
          () => {
            throw new Error('broken');
          },
          'status',
        ],
        ['an error in the template', (call) => call.render('missing.njk'), 'status'],
        [
          'a cookie',
          (call) => {
            call.set('Set-Cookie', 'a=b');
            call.send('x');
          },
          'set-cookie',
        ],
        [
          'private',
          (call) => {
            call.set('Cache-Control', 'private, max-age=60');
            call.send('x');
          },
          'cache-control',
        ],
        [
          'no-store',
          (call) => {
            call.set('Cache-Control', 'no-store');
            call.send('x');
          },
          'cache-control',
        ],
        [
          'no-cache',
          (call) => {
            call.set('Cache-Control', 'max-age=1,no-cache="x"');
            call.send('x');
          },
          'cache-control',
        ],
        [
          'Vary: *',
          (call) => {
            call.set('Vary', '*');
            call.send('x');
          },
          'vary',
        ],
        [
          'Vary: Cookie',
          (call) => {
            call.set('Vary', 'Accept, Cookie');
            call.send('x');
          },
          'vary',
        ],
        [
          'a nonce',
          (call) => {
            call.set('Content-Security-Policy', "script-src 'nonce-abc'");
            call.send('x');
          },
          'csp nonce',
        ],
      ];
      test.each(refused)('%s is not kept', async (_what, handler, reason) => {
        let runs = 0;
        const { get } = await running([
          {
            path: '/',
            handler: (call) => {
              runs++;
              return handler(call);
            },
          },
        ]);
        const first = await get('/');
        expect(first.cache).toBe(`miss (${reason})`);
        expect(await get('/')).toMatchObject({ status: first.status, text: first.text });
        expect(runs).toBe(2);
      });

      test('more than maxBytes is not kept', async () => {
        let runs = 0;
        const count = (call: Parameters<Route['handler']>[0]) => {
          runs++;
          call.parts(['x'.repeat(600), 'x'.repeat(600)]);
        };
        const { get } = await running([{ path: '/', options: { maxBytes: 1_000 }, handler: count }]);
        for (let i = 0; i < 2; i++) expect((await get('/')).text).toHaveLength(1_200);
        expect(runs).toBe(2);
      });

      test('what was cut off is not kept, and neither is a stream that failed', async () => {
        const routes: Route[] = [
          { path: '/cut', handler: (call) => call.parts(['half'], 'cut') },
          { path: '/failed', handler: (call) => call.stream(streamOf(['half'], new Error('disk'))) },
        ];
        let runs = 0;
        const counted = routes.map((route) => ({
          ...route,
          handler: (call: Call) => {
            runs++;
            return route.handler(call);
          },
        }));
        const { get } = await running(counted);
        for (const { path } of routes) {
          for (let i = 0; i < 2; i++)
            expect(await get(path).catch(() => ({ complete: false }))).toMatchObject({ complete: false });
        }
        expect(runs).toBe(4);
      });

      test('a client that goes away while the last of it is on its way', async () => {
        const body = Buffer.alloc(30_000_000, 'x');
        const { site, reports } = await running([
          { path: '/', options: { maxBytes: 100_000_000 }, handler: (call) => call.send(body) },
        ]);
        const controller = new AbortController();
        const response = await fetch(site.url, { signal: controller.signal });
        await response.body!.getReader().read();
        controller.abort();
        await expect.poll(() => reports).toEqual([expect.objectContaining({ outcome: 'miss', reason: 'aborted' })]);
      });

      test('a client that goes away in the middle leaves nothing behind', async () => {
        let runs = 0;
        const { get, site } = await running([
          {
            path: '/',
            handler: (call) => {
              runs++;
              if (runs > 1) return call.send('whole');
              return call.stream(streamOf([...Array(50)].map(() => 'x'.repeat(100_000))));
            },
          },
        ]);
        const controller = new AbortController();
        const response = await fetch(site.url, { signal: controller.signal });
        await response.body!.getReader().read();
        controller.abort();
        await new Promise((resolve) => setTimeout(resolve, 50));
        expect(await get('/')).toMatchObject({ text: 'whole', cache: 'miss' });
      });
    });
  });
});
