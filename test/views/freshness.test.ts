import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import express from 'express';
import nunjucks from 'nunjucks';
import { CacheSweeper, lazy } from 'nunjucks-cachesweeper';
import { cacheView, type ViewReport } from 'nunjucks-cachesweeper/express';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { describe, expect, test } from 'vitest';
import { Article, Blog } from '../frameworks/blog.ts';
import { kinds, serve } from '../frameworks/framework-suite.ts';
import { Clock, gate } from '../waiting/support.ts';
import { ask } from './client.ts';
import { articleRoute, sites } from './running.ts';
import { frameworks, type Handler, type Route, startExpress } from './sites.ts';

describe.each(kinds)('views are as fresh as fragments, %s', (_kind, kind) => {
  const running = sites(startExpress, kind);

  /** A site by a clock of its own, its tokens older than any page's data. */
  async function settled(routes: readonly Route[], paths: readonly string[]) {
    const clock = new Clock();
    const site = await running(routes, {}, { ...kind(), now: clock.now, maxDataAge: '3s' });
    for (const path of paths) await site.get(path);
    clock.advance(10_000);
    return { ...site, clock };
  }

  test('a bump while the handler runs: what it had read is served for maxDataAge (and a second with a store), and no longer', async () => {
    const article = new Article(7, 'Old');
    let reading: ReturnType<typeof gate> | undefined;
    const asked = gate();
    const handler: Handler = async (call) => {
      const { title } = article;
      if (reading !== undefined) asked.open(undefined);
      await reading?.promise;
      await call.render('article.njk', { article: new Article(7, title), comments: lazy(() => []) });
    };
    const { get, sweeper, clock } = await settled([{ path: '/', handler }], ['/']);
    await sweeper.invalidateCacheFor(article);
    clock.advance(10_000);
    reading = gate();
    const early = get('/');
    await asked.promise;
    article.title = 'New';
    await sweeper.invalidateCacheFor(article);
    reading.open(undefined);
    reading = undefined;
    expect((await early).text).toContain('Old');
    clock.advance('store' in kind() ? 4_001 : 3_001);
    expect((await get('/')).text).toContain('New');
  });

  test('after a cold start a view is stored or hits, at each moment', async () => {
    const clock = new Clock();
    const handler: Handler = (call) =>
      call.render('article.njk', { article: new Article(7, 'A'), comments: lazy(() => []) });
    const { get } = await running([{ path: '/', handler }], {}, { ...kind(), now: clock.now, maxDataAge: '3s' });
    const began = clock.time;
    const caches: unknown[] = [];
    for (const wait of [0, 2_999, 3_000, 3_001, 3_500, 3_999, 4_000, 4_001, 4_002, 60_000]) {
      clock.time = began + wait;
      caches.push((await get('/')).cache);
    }
    const made = caches.filter((cache) => cache !== 'hit');
    expect(made).toEqual('store' in kind() ? ['miss', 'miss'] : ['miss']);
  });

  test('a row that was read before a bump and fresh() asked after it: no 304 for it when maxDataAge has passed', async () => {
    const article = new Article(7, 'Old');
    let saving = async () => {};
    const handler: Handler = async (call) => {
      const read = new Article(7, article.title);
      await saving();
      if (await call.fresh(read)) return;
      call.send(read.title);
    };
    const { get, sweeper, clock } = await settled([{ path: '/', handler, options: { skip: () => true } }], ['/']);
    saving = async () => {
      article.title = 'New';
      await sweeper.invalidateCacheFor(article);
      saving = async () => {};
    };
    const { text, headers } = await get('/');
    expect(text).toBe('Old');
    const asked = { 'If-None-Match': String(headers.etag) };
    expect(await get('/', asked)).toMatchObject({ status: 304 });
    clock.advance(4_001);
    const now = await get('/', asked);
    expect(now).toMatchObject({ status: 200, text: 'New' });
    clock.advance(60_000);
    expect(await get('/', { 'If-None-Match': String(now.headers.etag) })).toMatchObject({ status: 304 });
  });

  test('a view that was invalidated while its handler ran is not stored', async () => {
    let title = 'Old';
    let reading: ReturnType<typeof gate> | undefined;
    const asked = gate();
    const handler: Handler = async (call) => {
      const read = title;
      if (reading !== undefined) asked.open(undefined);
      await reading?.promise;
      call.send(read);
    };
    const { get, sweeper } = await settled([{ path: '/', handler }], []);
    reading = gate();
    const early = get('/');
    await asked.promise;
    title = 'New';
    await sweeper.expireView('/');
    reading.open(undefined);
    reading = undefined;
    expect((await early).text).toBe('Old');
    expect((await get('/')).text).toBe('New');
  });

  test('two renders in one request that saw a name before and after its bump are not stored', async () => {
    const article = new Article(7, 'Old');
    let between: (() => Promise<void>) | undefined;
    const handler: Handler = async (call) => {
      const { res } = call.request as unknown as express.Request;
      const render = () =>
        new Promise<string>((resolve, reject) => {
          res!.render('article.njk', { article, comments: lazy(() => []) }, (error, html) =>
            error ? reject(error) : resolve(html),
          );
        });
      const first = await render();
      await between?.();
      call.send(first + (await render()));
    };
    const { get, sweeper, reports } = await settled([{ path: '/', handler }], ['/']);
    await sweeper.invalidateCacheFor(article);
    between = async () => {
      between = undefined;
      article.title = 'New';
      await sweeper.invalidateCacheFor(article);
    };
    const { text } = await get('/');
    expect([text.includes('Old'), text.includes('New')]).toEqual([true, true]);
    expect(reports.at(-1)).toMatchObject({ outcome: 'miss', reason: 'bumped meanwhile' });
    expect((await get('/')).text).not.toContain('Old');
  });

  test('models by hand: depend() in the handler, models in the options', async () => {
    let runs = 0;
    const shown = (): Route['handler'] => (call) => {
      runs++;
      call.send('x');
    };
    const routes: Route[] = [
      {
        path: '/depend/:id',
        handler: async (call) => {
          runs++;
          void call.depend([{ type: 'Article', id: call.params.id }, 'Tag']);
          call.send('x');
        },
      },
      {
        path: '/models/:id',
        handler: shown(),
        options: {
          models: (request: { params: { id: string } }) => ({ type: 'Article', id: request.params.id }),
        } as object,
      },
    ];
    const { get, sweeper } = await settled(routes, []);
    for (const path of ['/depend/7', '/models/7']) {
      await get(path);
      expect((await get(path)).cache).toBe('hit');
      await sweeper.invalidateCacheFor({ type: 'Article', id: 8 });
      expect((await get(path)).cache).toBe('hit');
      await sweeper.invalidateCacheFor({ type: 'Article', id: 7 });
      expect((await get(path)).cache).toBe('miss');
      expect((await get(path)).cache).toBe('hit');
    }
    await sweeper.invalidateCacheFor({ type: 'Tag', id: 3 });
    expect((await get('/depend/7')).cache).toBe('miss');
    expect(runs).toBe(5);
  });

  test('a page whose fragment is not cached is not stored either', async () => {
    const env = { text: 'x' };
    const handler: Handler = (call) => call.render('uncached.njk', env);
    const { get } = await running([{ path: '/', handler }]);
    expect((await get('/')).cache).toBe('miss (contains uncached)');
    expect((await get('/')).cache).toBe('miss (contains uncached)');
  });

  test('a page for which enabled is false, and a sweeper that is off', async () => {
    const handler: Handler = (call) => call.render('plain.njk', { text: 'x', off: true });
    const page = await running([{ path: '/', handler }], {}, { ...kind(), enabled: ({ off }) => off !== true });
    for (let i = 0; i < 2; i++) expect((await page.get('/')).cache).toBe('miss (disabled)');
    const off = await running([{ path: '/', handler }], {}, { ...kind(), enabled: false });
    for (let i = 0; i < 2; i++) expect((await off.get('/')).cache).toBe('skip (disabled)');
  });

  test('what a lazy renders counts', async () => {
    const blog = new Blog();
    const handler: Handler = (call) => {
      const { res } = call.request as unknown as express.Request;
      const article = () =>
        new Promise<string>((resolve, reject) => {
          const context = { ...blog.page(7), comments: lazy(() => blog.known(7).comments) };
          res!.render('article.njk', context, (error, html) => (error ? reject(error) : resolve(html)));
        });
      return call.render('lazy.njk', { article: lazy(article) });
    };
    const { get, sweeper } = await running([{ path: '/', handler }]);
    await get('/');
    expect((await get('/')).cache).toBe('hit');
    const comment = blog.known(7).comments[0]!;
    comment.text = 'Edited';
    await sweeper.invalidateCacheFor(comment);
    expect((await get('/')).text).toContain('Edited');
  });

  test('a driver that calls back in another asynchronous context loses nothing', async () => {
    const queue: (() => void)[] = [];
    const timer = setInterval(() => {
      for (const run of queue.splice(0)) run();
    }, 5);
    const blog = new Blog();
    const handler: Handler = (call) => {
      const { res } = call.request as unknown as express.Request;
      queue.push(() => res!.render('article.njk', { ...blog.page(7), comments: lazy(() => blog.known(7).comments) }));
    };
    const sent: Handler = (call) => void queue.push(() => call.send('x'));
    const { get, sweeper } = await running([
      { path: '/rendered', handler },
      { path: '/sent', handler: sent },
    ]);
    for (const path of ['/rendered', '/sent']) {
      await get(path);
      const comment = blog.known(7).comments[0]!;
      comment.text = `Edited for ${path}`;
      await sweeper.invalidateCacheFor(comment);
      const { text, cache } = await get(path);
      expect(cache).not.toBe('hit');
      if (path === '/rendered') expect(text).toContain(comment.text);
    }
    clearInterval(timer);
  });

  test('a template that was edited', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'views-'));
    const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
    write('page.njk', 'one {% include "part.njk" %}');
    write('part.njk', 'part');
    const clock = new Clock();
    const sweeper = new CacheSweeper({ ...kind(), timeout: '20s', now: clock.now, causes: true });
    const app = express();
    sweeper.install(nunjucks.configure(folder, { autoescape: true, express: app, noCache: true }));
    app.get('/', cacheView({ sweeper, ttl: 300 }), (_req, res) => res.render('page.njk'));
    const site = await serve(app);
    const causes: unknown[] = [];
    const note = (report: unknown) => void causes.push((report as ViewReport).cause?.why);
    subscribe('nunjucks-cachesweeper:view', note);
    const get = async () => {
      const { body, headers } = await ask(site.url);
      await sweeper.idle();
      return [body.toString(), headers['x-cache']];
    };
    await get();
    clock.advance(10_000);
    await get();
    expect(await get()).toEqual(['one part', 'hit']);
    write('part.njk', 'another');
    expect(await get()).toEqual(['one another', 'miss']);
    write('page.njk', 'two {% include "part.njk" %}');
    expect(await get()).toEqual(['two another', 'miss']);
    expect(await get()).toEqual(['two another', 'hit']);
    expect(causes.slice(-4)).toEqual([undefined, 'template', 'template', undefined]);
    unsubscribe('nunjucks-cachesweeper:view', note);
    await site.close();
    await sweeper.close();
    rmSync(folder, { recursive: true });
  });

  test('a closed sweeper caches nothing, and expires nothing', async () => {
    const { get, sweeper } = await running([{ path: '/', handler: (call) => call.send('x') }]);
    await get('/');
    await sweeper.close();
    expect(await get('/')).toMatchObject({ text: 'x', cache: 'skip (disabled)' });
    await expect(sweeper.expireView('/')).rejects.toMatchObject({ code: 'CACHESWEEPER_CLOSED' });
  });
});

function clockOf() {
  const clock = new Clock();
  return { now: clock.now, advance: (milliseconds: number) => clock.advance(milliseconds) };
}

describe.each(frameworks)('%s: a store that fails', (_name, start) => {
  const store = { current: new TestingStore() };
  const running = sites(start, () => ({ store: store.current, timeout: '40ms' }));
  const page = () => {
    const blog = new Blog();
    return { blog, ...articleRoute(blog) };
  };

  test.each(['unknown', 'reject', 'hang'] as const)(
    'tokens that cannot be read (%s): rendered, not stored',
    async (outcome) => {
      store.current = new TestingStore();
      const { blog, route } = page();
      const { get, sweeper, errors } = await running([route], {}, { timeout: '40ms' });
      await get('/articles/7');
      store.current.script = ({ kind, method }) => (kind === 'token' && method === 'getMany' ? { outcome } : undefined);
      blog.known(7).comments[0]!.text = 'Edited elsewhere';
      for (let i = 0; i < 2; i++) {
        expect(await get('/articles/7')).toMatchObject({
          status: 200,
          cache: 'miss (unknown token)',
          text: expect.stringContaining('Edited elsewhere'),
        });
      }
      store.current.script = undefined;
      await sweeper.invalidateCacheFor(blog.known(7).comments[0]);
      expect((await get('/articles/7')).text).toContain('Edited elsewhere');
      errors.length = 0;
    },
  );

  test('a bump that is not acknowledged: the view is not served here until it is', async () => {
    store.current = new TestingStore();
    const { blog, route } = page();
    const { get, sweeper, site } = await running([route]);
    await get('/articles/7');
    const comment = blog.known(7).comments[0]!;
    comment.text = 'Edited';
    store.current.script = ({ kind, method }) =>
      kind === 'token' && method === 'setMany' ? { outcome: 'unknown' } : undefined;
    await expect(sweeper.invalidateCacheFor(comment)).rejects.toMatchObject({ code: 'CACHESWEEPER_BUMP_FAILED' });
    // get() would wait for the retry.
    expect((await ask(`${site.url}/articles/7`)).headers['x-cache']).not.toBe('hit');
    store.current.script = undefined;
    await sweeper.idle();
    expect((await get('/articles/7')).text).toContain('Edited');
  });

  test('an entry that came back damaged is no entry', async () => {
    store.current = new TestingStore();
    const { route, ran } = page();
    const { get, errors } = await running([route], {}, { memory: false });
    const first = await get('/articles/7');
    expect((await get('/articles/7')).cache).toBe('hit');
    store.current.script = ({ kind }) =>
      kind === 'entry'
        ? { corrupt: (value) => value.map((byte, i) => (i === value.length - 3 ? byte ^ 1 : byte)) }
        : undefined;
    expect(await get('/articles/7')).toMatchObject({ text: first.text, status: 200, cache: 'miss' });
    expect(ran).toEqual(['7', '7']);
    errors.length = 0;
  });

  test('another process finds the view, and is fresh after a bump here', async () => {
    const { now, advance } = clockOf();
    store.current = new TestingStore({ now });
    const { blog, route, ran } = page();
    const here = await running([route], {}, { now });
    store.current = new TestingStore({ now, shared: store.current });
    const there = await running([route], {}, { now });
    const host = { Host: 'site.example' };
    const first = await here.get('/articles/7', host);
    expect(await there.get('/articles/7', host)).toMatchObject({ cache: 'hit', text: first.text });
    const comment = blog.known(7).comments[0]!;
    comment.text = 'Edited';
    await here.sweeper.invalidateCacheFor(comment);
    // What is stored at once is for one process, and for a while.
    advance(120_000);
    expect((await there.get('/articles/7', host)).text).toContain('Edited');
    expect((await here.get('/articles/7', host)).cache).toBe('hit');
    await here.sweeper.expireView({ name: 'article', params: { id: 7 } });
    expect((await there.get('/articles/7', host)).cache).toBe('miss');
    expect(ran).toHaveLength(3);
  });
});
