import { Readable } from 'node:stream';
import hapi from '@hapi/hapi';
import express, { type Express } from 'express';
import { fastify } from 'fastify';
import Koa from 'koa';
import { CacheSweeper, type CacheSweeperOptions } from 'nunjucks-cachesweeper';
import * as forExpress from 'nunjucks-cachesweeper/express';
import * as forFastify from 'nunjucks-cachesweeper/fastify';
import * as forHapi from 'nunjucks-cachesweeper/hapi';
import * as forKoa from 'nunjucks-cachesweeper/koa';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type Site, serve } from '../frameworks/framework-suite.ts';
import { ask } from './client.ts';

/** What a site answers to an unsafe request, and whether its cache obeys. */
interface Plan {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly options?: { readonly invalidateOnWrite?: boolean; readonly ignoreHost?: boolean };
  /** Whether the cache is mounted for all methods, without `requestStart`. */
  readonly mounted?: boolean;
  readonly sweeper?: CacheSweeperOptions;
  /** Runs while the answer is sent, if that comes in parts. */
  during?: () => Promise<unknown>;
}

/** An answer whose second part comes when something has been done. */
function inParts({ during }: Plan): Readable {
  const parts = async function* () {
    yield Buffer.from('do');
    await during?.();
    yield Buffer.from('ne');
  };
  return Readable.from(parts(), { objectMode: false });
}

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

const VIEW = { ttl: 300 };
const METHODS = ['post', 'put', 'patch', 'delete'] as const;

async function startExpress(sweeper: CacheSweeper, plan: Plan): Promise<Site> {
  const { status = 200, headers = {}, options, mounted } = plan;
  const app: Express = express();
  const cache = forExpress.cacheView({ sweeper, ...VIEW, ...options });
  if (mounted) app.use(cache);
  else app.use(forExpress.requestStart());
  app.get('/{*rest}', ...(mounted ? [] : [cache]), (_req, res) => void res.send('page'));
  for (const method of METHODS) {
    app[method]('/{*rest}', (req, res) => {
      res.status(status).set(headers);
      if (req.query.how === 'parts') {
        res.write('do');
        res.end('ne');
      } else if (plan.during !== undefined) inParts(plan).pipe(res);
      else if (req.query.how === 'end') res.end('done');
      else res.send('done');
    });
  }
  return serve(app);
}

async function startFastify(sweeper: CacheSweeper, plan: Plan): Promise<Site> {
  const { status = 200, headers = {}, options } = plan;
  const app = fastify();
  await app.register(forFastify.cacheView({ sweeper, ...VIEW, ...options }));
  app.get('/*', { config: { cacheView: true } }, (_request, reply) => reply.type('text/html').send('page'));
  app.route({
    method: ['POST', 'PUT', 'PATCH', 'DELETE'],
    url: '/*',
    handler: (_request, reply) =>
      reply
        .code(status)
        .headers(headers)
        .send(plan.during === undefined ? 'done' : inParts(plan)),
  });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  return { url, close: () => app.close() };
}

async function startKoa(sweeper: CacheSweeper, plan: Plan): Promise<Site> {
  const { status = 200, headers = {}, options, mounted } = plan;
  const app = new Koa();
  const cache = forKoa.cacheView({ sweeper, ...VIEW, ...options }) as Koa.Middleware;
  app.use(mounted ? cache : (forKoa.requestStart() as Koa.Middleware));
  const page: Koa.Middleware = (ctx) => {
    ctx.body = 'page';
  };
  app.use((ctx, next) => {
    if (ctx.method !== 'GET') {
      ctx.status = status;
      ctx.set(headers);
      ctx.body = plan.during === undefined ? 'done' : inParts(plan);
      return;
    }
    return mounted ? page(ctx, next) : cache(ctx, () => Promise.resolve(page(ctx, next)));
  });
  return serve(app.callback());
}

async function startHapi(sweeper: CacheSweeper, plan: Plan): Promise<Site> {
  const { status = 200, headers = {}, options } = plan;
  const server = hapi.server({ host: '127.0.0.1', debug: false });
  await server.register(forHapi.cacheView({ sweeper, ...VIEW, ...options }));
  server.route({
    method: 'GET',
    path: '/{rest*}',
    handler: () => 'page',
    options: { plugins: { cacheView: true } },
  });
  server.route({
    method: ['POST', 'PUT', 'PATCH', 'DELETE'],
    path: '/{rest*}',
    handler: (_request, h) => {
      const response = h.response(plan.during === undefined ? 'done' : inParts(plan)).code(status);
      for (const [name, value] of Object.entries(headers)) response.header(name, value);
      return response;
    },
  });
  await server.start();
  return { url: server.info.uri, close: () => server.stop({ timeout: 0 }) };
}

describe.each([
  ['Express', startExpress, [false, true]],
  ['Fastify', startFastify, [false]],
  ['Koa', startKoa, [false, true]],
  ['hapi', startHapi, [false]],
] as const)('%s: an unsafe request that succeeds', (_name, start, mounts) => {
  async function running(plan: Plan = {}) {
    const errors: unknown[] = [];
    const sweeper = new CacheSweeper({ onError: (error) => void errors.push(error), ...plan.sweeper });
    const site = await start(sweeper, plan);
    closing.push(
      () => site.close(),
      () => sweeper.close(),
    );
    const send = async (method: string, path: string, host = 'site.example') => {
      const answer = await ask(site.url + path, { method, headers: { Host: host } });
      if (method === 'GET') await sweeper.idle();
      return { ...answer, text: answer.body.toString(), cache: answer.headers['x-cache'] };
    };
    const get = async (path: string, host?: string) => (await send('GET', path, host)).cache;
    return { send, get, errors, sweeper };
  }

  describe.each(mounts)('the cache mounted for all methods: %j', (mounted) => {
    test.each(['POST', 'PUT', 'PATCH', 'DELETE'])(
      '%s expires the views of its address, and no other',
      async (method) => {
        const { send, get } = await running({ mounted });
        for (const path of ['/a', '/a?page=2', '/b']) await get(path);
        expect(await send(method, '/a')).toMatchObject({ status: 200, text: 'done' });
        expect([await get('/a'), await get('/a?page=2'), await get('/b')]).toEqual(['miss', 'miss', 'hit']);
      },
    );
  });

  test.each([303, 201, 204])(
    'with %i expires what Location and Content-Location name, of its own origin',
    async (status) => {
      const { send, get } = await running({
        status,
        headers: { Location: 'http://site.example/named', 'Content-Location': 'also/named?x=1' },
      });
      for (const path of ['/posts/new', '/named', '/posts/also/named', '/b']) await get(path);
      expect((await send('POST', '/posts/new')).status).toBe(status);
      expect(await Promise.all(['/posts/new', '/named', '/posts/also/named', '/b'].map((path) => get(path)))).toEqual([
        'miss',
        'miss',
        'miss',
        'hit',
      ]);
    },
  );

  test('of another origin or without sense a Location is left alone', async () => {
    for (const Location of ['http://other.example/b', 'https://site.example/b', 'http://[', '//other.example/b']) {
      const { send, get } = await running({ headers: { Location } });
      await get('/b');
      await send('POST', '/a');
      expect(await get('/b')).toBe('hit');
    }
  });

  test.each([400, 403, 404, 422, 500])('does not when it is answered %i', async (status) => {
    const { send, get } = await running({ status });
    await get('/a');
    expect(await send('POST', '/a')).toMatchObject({ status, text: 'done' });
    expect(await get('/a')).toBe('hit');
  });

  test('does so on its own host, unless hosts share views', async () => {
    for (const ignoreHost of [false, true]) {
      const { send, get } = await running({ options: { ignoreHost } });
      await get('/a', 'site.example');
      await get('/a', 'other.example');
      await send('POST', '/a', 'site.example');
      expect(await get('/a', 'other.example')).toBe(ignoreHost ? 'miss' : 'hit');
    }
  });

  test('does not with invalidateOnWrite: false', async () => {
    const { send, get } = await running({ options: { invalidateOnWrite: false } });
    await get('/a');
    await send('POST', '/a');
    expect(await get('/a')).toBe('hit');
  });

  test.each(['send', 'end', 'parts'])('is answered (%s) when the store has acknowledged it', async (how) => {
    let isAcknowledged = false;
    class LateStore extends TestingStore {
      override async setMany(...args: Parameters<TestingStore['setMany']>) {
        const answers = await super.setMany(...args);
        isAcknowledged = true;
        return answers;
      }
    }
    const store = new LateStore();
    const { send, get } = await running({ sweeper: { store, maxDataAge: '60s' } });
    await get('/a');
    expect(await get('/a')).toBe('hit');
    isAcknowledged = false;
    store.script = ({ method }) => (method === 'setMany' ? { delay: 50 } : undefined);
    expect(await send('POST', `/a?how=${how}`)).toMatchObject({ text: 'done', complete: true });
    expect(isAcknowledged).toBe(true);
    expect(await get('/a')).toBe('miss');
  });

  test('expires also what was filled between the parts of its answer: data may be written as late', async () => {
    const plan: Plan = {};
    const { send, get } = await running(plan);
    const seen: unknown[] = [];
    await get('/a');
    plan.during = async () => seen.push(await get('/a'), await get('/a'));
    expect(await send('POST', '/a')).toMatchObject({ text: 'done', complete: true });
    expect(seen).toEqual(['miss', 'hit']);
    expect(await get('/a')).toBe('miss');
  });

  test('is answered also when the store fails, which is reported', async () => {
    const store = new TestingStore();
    const { send, get, errors, sweeper } = await running({ sweeper: { store, maxDataAge: '60s' } });
    await get('/a');
    store.script = ({ method, kind }) =>
      method === 'setMany' && kind === 'token' ? { outcome: 'unknown' } : undefined;
    expect(await send('POST', '/a')).toMatchObject({ status: 200, text: 'done' });
    expect(errors).toMatchObject([{ code: 'CACHESWEEPER_BUMP_FAILED' }]);
    store.script = undefined;
    await sweeper.idle();
    expect(await get('/a')).toBe('miss');
  });
});

describe('hapi: a handler of an unsafe request', () => {
  async function running(handler: hapi.Lifecycle.Method, options: hapi.RouteOptions = {}) {
    const sweeper = new CacheSweeper();
    const server = hapi.server({ host: '127.0.0.1', debug: false });
    await server.register(forHapi.cacheView({ sweeper, ...VIEW }));
    const cached = { plugins: { cacheView: true } };
    server.route({ method: 'GET', path: '/a', handler: () => 'page', options: cached });
    server.route({ method: 'POST', path: '/a', handler, options });
    await server.start();
    closing.push(
      () => server.stop({ timeout: 0 }),
      () => sweeper.close(),
    );
    const get = async () => {
      const { headers } = await ask(`${server.info.uri}/a`);
      await sweeper.idle();
      return headers['x-cache'];
    };
    expect([await get(), await get()]).toEqual(['miss', 'hit']);
    return { url: `${server.info.uri}/a`, get };
  }

  test('that its client did not wait for expires what it has changed', async () => {
    const client = new AbortController();
    const { url, get } = await running(async (request) => {
      client.abort();
      await new Promise((resolve) => request.raw.res.once('close', resolve));
      return 'done';
    });
    await fetch(url, { method: 'POST', signal: client.signal }).catch(() => {});
    await vi.waitFor(async () => expect(await get()).toBe('miss'));
  });

  test('that took longer than hapi waits expires what it has changed', async () => {
    let finish = () => {};
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const { url, get } = await running(() => finished.then(() => 'done'), { timeout: { server: 20 } });
    expect((await ask(url, { method: 'POST' })).status).toBe(503);
    expect(await get()).toBe('hit');
    finish();
    await vi.waitFor(async () => expect(await get()).toBe('miss'));
  });

  test('that answers by itself expires what it has changed, at the end of what it sends', async () => {
    const { url, get } = await running(({ raw: { res } }, h) => {
      setTimeout(() => res.end('done'), 20);
      return h.abandon;
    });
    const answer = ask(url, { method: 'POST' });
    // It is filled again while the handler goes on.
    await get();
    expect((await answer).body.toString()).toBe('done');
    expect(await get()).toBe('miss');
  });
});
