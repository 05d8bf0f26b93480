import hapi from '@hapi/hapi';
import Router from '@koa/router';
import express, { type RequestHandler } from 'express';
import express4 from 'express4';
import { fastify } from 'fastify';
import Koa from 'koa';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import * as forExpress from 'nunjucks-cachesweeper/express';
import * as forFastify from 'nunjucks-cachesweeper/fastify';
import * as forHapi from 'nunjucks-cachesweeper/hapi';
import * as forKoa from 'nunjucks-cachesweeper/koa';
import { afterEach, describe, expect, test } from 'vitest';
import { serve } from '../frameworks/framework-suite.ts';
import { ask } from './client.ts';
import { outside } from './outside.ts';
import { sites } from './running.ts';
import { allFrameworks } from './sites.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

function started(): CacheSweeper {
  const sweeper = new CacheSweeper();
  closing.push(() => sweeper.close());
  return sweeper;
}

/** Asks twice for each, so that the second answer may come from the cache. */
async function texts(url: string, requests: readonly (readonly [path: string, headers?: Record<string, string>])[]) {
  const all: string[] = [];
  for (const [path, headers] of [...requests, ...requests]) {
    all.push((await ask(url + path, headers === undefined ? {} : { headers })).body.toString());
  }
  return all;
}

describe.each([
  ['Express 4', express4 as typeof express],
  ['Express 5', express],
])('%s: two routes that answer one url', (_name, framework) => {
  const secret: RequestHandler = (req, _res, next) => (req.headers['x-inner'] === undefined ? next('route') : next());
  const both = [['/x', { 'X-Inner': '1' }], ['/x']] as const;

  test('that a handler in front of the cache chooses between', async () => {
    const sweeper = started();
    const app = framework();
    app.get('/x', secret, forExpress.cacheView({ sweeper, ttl: 60 }), (_req, res) => void res.send('inner'));
    app.get('/x', forExpress.cacheView({ sweeper, ttl: 60 }), (_req, res) => void res.send('all'));
    const site = await serve(app);
    closing.push(site.close);
    expect(await texts(site.url, both)).toEqual(['inner', 'all', 'inner', 'all']);
  });

  test('that share one cacheView', async () => {
    const sweeper = started();
    const app = framework();
    const cached = forExpress.cacheView({ sweeper, ttl: 60 });
    app.get('/x', secret, cached, (_req, res) => void res.send('inner'));
    app.get('/x', cached, (_req, res) => void res.send('all'));
    const site = await serve(app);
    closing.push(site.close);
    expect(await texts(site.url, both)).toEqual(['inner', 'all', 'inner', 'all']);
  });

  test('behind the cache, by a header: the header is in the key', async () => {
    const sweeper = started();
    const app = framework();
    app.use(forExpress.cacheView({ sweeper, ttl: 60 }));
    app.get('/x', secret, (_req, res) => void res.send('inner'));
    app.get('/x', (_req, res) => void res.send('all'));
    const site = await serve(app);
    closing.push(site.close);
    expect(await texts(site.url, both)).toEqual(['inner', 'all', 'inner', 'all']);
  });

  test('one mounted router at two places', async () => {
    const sweeper = started();
    const app = framework();
    const router = framework.Router();
    router.get(
      '/x',
      forExpress.cacheView({ sweeper, ttl: 60 }),
      (req, res) => void res.send(`${req.baseUrl} ${req.url}`),
    );
    app.use('/a', router);
    app.use('/b', router);
    const site = await serve(app);
    closing.push(site.close);
    const both = [['/a/x?utm_a=1&q=2'], ['/b/x?q=2']] as const;
    expect(await texts(site.url, both)).toEqual(['/a /x?q=2', '/b /x?q=2', '/a /x?q=2', '/b /x?q=2']);
  });

  test('one Koa app mounted at two places', async () => {
    const sweeper = started();
    const app = framework();
    const koa = new Koa();
    koa.use(forKoa.cacheView({ sweeper, ttl: 60 }));
    koa.use((ctx) => {
      ctx.body = `${(ctx.req as { baseUrl?: string }).baseUrl} ${ctx.url}`;
    });
    app.use('/a', koa.callback());
    app.use('/b', koa.callback());
    const site = await serve(app);
    closing.push(site.close);
    expect(await texts(site.url, [['/a/x'], ['/b/x']])).toEqual(['/a /x', '/b /x', '/a /x', '/b /x']);
  });
});

test('Koa: a path that middleware sets is another view', async () => {
  const sweeper = started();
  const app = new Koa();
  app.use((ctx, next) => {
    if (ctx.get('x-to') !== '') ctx.path = ctx.get('x-to');
    return next();
  });
  const router = new Router();
  const cached = forKoa.cacheView({ sweeper, ttl: 60 }) as never;
  for (const path of ['/a', '/b']) {
    router.get(path, cached, ((ctx: Koa.Context) => {
      ctx.body = `at ${path}`;
    }) as never);
  }
  app.use(router.routes() as Koa.Middleware);
  const site = await serve(app.callback());
  closing.push(site.close);
  expect(await texts(site.url, [['/a', { 'X-To': '/b' }], ['/a']])).toEqual(['at /b', 'at /a', 'at /b', 'at /a']);
});

test('Fastify: routes that constraints, or rewriteUrl, choose between', async () => {
  const sweeper = started();
  const app = fastify({ rewriteUrl: (req) => (req.headers['x-to'] as string | undefined) ?? req.url ?? '/' });
  await app.register(forFastify.cacheView({ sweeper }));
  const config = { cacheView: { ttl: 60 } };
  for (const version of ['1.0.0', '2.0.0']) {
    app.get('/x', { config, constraints: { version } }, async (_request, reply) => reply.send(`version ${version}`));
  }
  for (const path of ['/a', '/b']) app.get(path, { config }, async (_request, reply) => reply.send(`at ${path}`));
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  closing.push(() => app.close());
  const versions = [
    ['/x', { 'Accept-Version': '1.0.0' }],
    ['/x', { 'Accept-Version': '2.0.0' }],
  ] as const;
  const each = ['version 1.0.0', 'version 2.0.0'];
  expect(await texts(url, versions)).toEqual([...each, ...each]);
  expect(await texts(url, [['/a', { 'X-To': '/b' }], ['/a']])).toEqual(['at /b', 'at /a', 'at /b', 'at /a']);
});

test('Fastify: what a hook adds to an object behind the handler is for its visitor alone', async () => {
  const sweeper = started();
  const app = fastify();
  await app.register(forFastify.cacheView({ sweeper }));
  const config = { cacheView: { ttl: 60 } };
  app.addHook('preSerialization', async (request, _reply, payload) =>
    request.headers['x-who'] === undefined ? payload : { ...(payload as object), who: request.headers['x-who'] },
  );
  app.get('/x', { config }, async () => ({ news: 1 }));
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  closing.push(() => app.close());
  const ann = { 'X-Who': 'ann' };
  expect(await texts(url, [['/x', ann], ['/x']])).toEqual([
    '{"news":1,"who":"ann"}',
    '{"news":1}',
    // What is stored is text by now, so that hooks for objects do not run on a hit.
    '{"news":1}',
    '{"news":1}',
  ]);
});

test('Koa: what middleware outside writes into an object is for its visitor alone, and finds an object on a hit', async () => {
  const sweeper = started();
  const app = new Koa();
  app.use(async (ctx, next) => {
    await next();
    if (ctx.get('x-who') !== '') (ctx.body as Record<string, unknown>).who = ctx.get('x-who');
  });
  app.use(forKoa.cacheView({ sweeper, ttl: 60 }));
  app.use((ctx) => {
    ctx.body = { news: 1 };
  });
  const site = await serve(app.callback());
  closing.push(site.close);
  const ann = { 'X-Who': 'ann' };
  expect(await texts(site.url, [['/x', ann], ['/x']])).toEqual([
    '{"news":1,"who":"ann"}',
    '{"news":1}',
    '{"news":1,"who":"ann"}',
    '{"news":1}',
  ]);
});

describe.each(allFrameworks)('%s: the option enabled', (_name, start) => {
  const running = sites(start, () => ({}));

  test('an editor for whom it says no does not get the page of the others', async () => {
    let text = 'old';
    const { get } = await running(
      [{ path: '/', handler: (call) => call.render('plain.njk', { text }) }],
      outside(({ locals, headers }) => {
        locals.preview = headers['x-preview'] !== undefined;
      }),
      { enabled: ({ preview }) => preview !== true },
    );
    await get('/');
    text = 'new';
    expect(await get('/')).toMatchObject({ text: '<p>old</p>\n', cache: 'hit' });
    expect((await get('/', { 'X-Preview': '1' })).text).toBe('<p>new</p>\n');
    expect(await get('/')).toMatchObject({ text: '<p>old</p>\n', cache: 'hit' });
  });
});

describe('two servers of one process, with one sweeper and handlers of the same code', () => {
  const makers = {
    async Fastify(sweeper: CacheSweeper, shown: string) {
      const app = fastify();
      await app.register(forFastify.cacheView({ sweeper, ttl: 60 }));
      app.get('/x', { config: { cacheView: true } }, async () => shown);
      return async () => (await app.inject({ url: '/x', headers: { Host: 'site.example' } })).payload;
    },
    async hapi(sweeper: CacheSweeper, shown: string) {
      const server = hapi.server();
      await server.register(forHapi.cacheView({ sweeper, ttl: 60 }));
      const options = { plugins: { cacheView: true } };
      server.route({ method: 'GET', path: '/x', handler: () => shown, options });
      return async () => (await server.inject({ url: '/x', headers: { Host: 'site.example' } })).payload;
    },
  };

  test.each(['Fastify', 'hapi'] as const)('%s: each answers with its own page', async (name) => {
    const sweeper = started();
    const one = await makers[name](sweeper, 'one');
    const two = await makers[name](sweeper, 'two');
    const all: string[] = [];
    for (const asked of [one, two, one, two]) {
      all.push(await asked());
      await sweeper.idle();
    }
    expect(all).toEqual(['one', 'two', 'one', 'two']);
  });
});
