import express, { type NextFunction, type Request, type Response } from 'express';
import type { FastifyReply } from 'fastify';
import type Koa from 'koa';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import { cacheView } from 'nunjucks-cachesweeper/express';
import { describe, expect, test } from 'vitest';
import { ageOf, isForbidden, lifetimeOf } from '../../src/views/http/lifetime.ts';
import { serve } from '../frameworks/framework-suite.ts';
import { Clock } from '../waiting/support.ts';
import { ask } from './client.ts';
import { sites } from './running.ts';
import { frameworks, startExpress, startFastify, startKoa } from './sites.ts';

const NOW = Date.parse('2030-01-01T00:00:00Z');
const http = (seconds: number) => new Date(NOW + seconds * 1_000).toUTCString();

/** Headers of a handler, and for how many seconds a shared cache may serve its answer; undefined if they do not say. */
const LIFETIMES: readonly [Record<string, string>, number | undefined][] = [
  [{}, undefined],
  [{ 'cache-control': 'public' }, undefined],
  [{ 'cache-control': 'max-age=60' }, 60],
  [{ 'cache-control': 'public, MAX-AGE = 60' }, 60],
  [{ 'cache-control': 'max-age="60"' }, 60],
  [{ 'cache-control': 'max-age=0' }, 0],
  [{ 'cache-control': 'max-age=0, s-maxage=60' }, 60],
  [{ 'cache-control': 's-maxage=0, max-age=60' }, 0],
  [{ 'cache-control': 's-maxage=60, max-age=600', expires: http(-5) }, 60],
  [{ 'cache-control': 'max-age=60, max-age=30' }, 30],
  [{ 'cache-control': 'max-age=-1' }, 0],
  [{ 'cache-control': 'max-age=soon' }, 0],
  [{ 'cache-control': 'max-age' }, 0],
  [{ 'cache-control': 'x-max-age=0, extension="max-age=0, s-maxage=0"' }, undefined],
  [{ expires: '0' }, 0],
  [{ expires: '9999' }, 0],
  [{ expires: '' }, 0],
  [{ expires: http(-1) }, 0],
  [{ expires: http(60) }, 60],
  // Of another clock.
  [{ expires: http(3_660), date: http(3_600) }, 60],
  [{ expires: http(60), date: 'yesterday' }, 60],
  [{ expires: http(60), 'cache-control': 'public' }, 60],
  [{ 'cache-control': 'max-age=60', age: '20' }, 40],
  [{ 'cache-control': 'max-age=60', age: '60' }, 0],
  [{ 'cache-control': 'max-age=60', age: 'old' }, 60],
  [{ expires: http(60), age: '70' }, 0],
  [{ 'surrogate-control': 'max-age=0', 'cache-control': 'max-age=60' }, 0],
  [{ 'surrogate-control': 'max-age=60+600, content="ESI/1.0"', 'cache-control': 'max-age=0' }, 60],
  [{ 'surrogate-control': 'content="ESI/1.0"', 'cache-control': 'max-age=60' }, 60],
  [{ 'cdn-cache-control': 'max-age=0', 'cache-control': 's-maxage=60' }, 0],
  [{ 'cdn-cache-control': 'max-age=60', 'cache-control': 'max-age=0' }, 60],
  [{ 'surrogate-control': 'max-age=30', 'cdn-cache-control': 'max-age=60' }, 30],
];

test.each(LIFETIMES)('%o may be served for %j seconds', (headers, seconds) => {
  expect(lifetimeOf(headers, NOW)).toBe(seconds && seconds * 1_000);
});

test('whatever field forbids it, it is forbidden', () => {
  for (const name of ['cache-control', 'surrogate-control', 'cdn-cache-control']) {
    for (const directive of ['no-store', 'private', 'no-cache', 'Private="x-a"']) {
      expect(isForbidden({ [name]: `max-age=60, ${directive}`, 'x-other': 'a' })).toBe(true);
    }
    expect(isForbidden({ [name]: 'max-age=60' })).toBe(false);
  }
  expect(isForbidden({ pragma: 'no-cache' })).toBe(true);
});

test('an age that is no number of seconds is none', () => {
  expect(['7', ' 7 ', '-7', '7.5', '', '1e9', '99999999999'].map((age) => ageOf({ age }))).toEqual([
    7, 7, 0, 0, 0, 0, 0,
  ]);
});

describe.each(frameworks)('%s: lifetimes that a handler gives', (_name, start) => {
  const running = sites(start, () => ({}));

  async function site(set: Readonly<Record<string, string>>, options = {}) {
    const clock = new Clock();
    const served = await running(
      [
        {
          path: '/',
          options,
          handler: (call) => {
            for (const [name, value] of Object.entries(set)) call.set(name, value);
            call.send('x');
          },
        },
      ],
      {},
      { now: clock.now },
    );
    return { clock, ...served };
  }

  test.each([
    { 'Cache-Control': 'max-age=0' },
    { 'Cache-Control': 's-maxage=0, max-age=60' },
    { Expires: '0' },
    { Expires: 'Thu, 01 Jan 1970 00:00:00 GMT' },
    { 'Surrogate-Control': 'no-store' },
    { 'Surrogate-Control': 'max-age=0' },
    { 'Surrogate-Control': 'private' },
    { 'CDN-Cache-Control': 'no-store' },
    { 'CDN-Cache-Control': 'max-age=0' },
    { 'Cache-Control': 'max-age=60', Age: '60' },
  ])('%o is not stored', async (headers) => {
    const { get } = await site(headers);
    for (let i = 0; i < 2; i++) expect((await get('/')).cache).toBe('miss (cache-control)');
  });

  test.each([
    [{ 'Cache-Control': 'max-age=60' }, 300, 60],
    [{ 'Cache-Control': 'max-age=600' }, 300, 300],
    [{ 'Cache-Control': 'max-age=0, s-maxage=60' }, 300, 60],
    [{ 'Cache-Control': 'max-age=60' }, 0, 60],
    [{ 'Surrogate-Control': 'max-age=60' }, 300, 60],
    [{ 'Cache-Control': 'max-age=60', Age: '20' }, 300, 40],
  ])('%o with a ttl of %i is served for %i seconds', async (headers, ttl, seconds) => {
    const { clock, get } = await site(headers, { ttl });
    await get('/');
    clock.advance(seconds * 1_000 - 1);
    expect((await get('/')).cache).toBe('hit');
    clock.advance(1);
    expect((await get('/')).cache).toBe('miss');
  });

  test('the age that an answer had before is in the Age of its hits', async () => {
    const { clock, get } = await site({ 'Cache-Control': 'max-age=60', Age: '20' });
    await get('/');
    clock.advance(5_000);
    expect(await get('/')).toMatchObject({ cache: 'hit', headers: { age: '25' } });
  });

  test('the option cacheControl addresses browsers and proxies, and shortens nothing', async () => {
    const { clock, get } = await site({}, { cacheControl: 'max-age=0, s-maxage=1' });
    await get('/');
    clock.advance(200_000);
    expect(await get('/')).toMatchObject({ cache: 'hit', headers: { 'cache-control': 'max-age=0, s-maxage=1' } });
  });
});

describe('an error that the framework turns into a page with 200 is not stored', () => {
  const fail = () => {
    throw new Error('broken');
  };
  const later = async () => {
    await new Promise((resolve) => setImmediate(resolve));
    throw new Error('broken later');
  };
  const inExpress = sites(startExpress, () => ({}));
  const inFastify = sites(startFastify, () => ({}));
  const inKoa = sites(startKoa, () => ({}));

  test('Express: by an error handler', async () => {
    const sorry = (_error: Error, _request: Request, response: Response, _next: NextFunction) =>
      void response.status(200).send('sorry');
    const { get, sweeper } = await inExpress(
      [
        { path: '/now', handler: fail },
        { path: '/later', handler: later },
        { path: '/fine', handler: (call) => call.send('fine') },
      ],
      { express: (app) => void app.use((_req, _res, next) => next()), expressErrors: sorry },
    );
    for (const path of ['/now', '/later']) {
      for (let i = 0; i < 2; i++) {
        expect(await get(path)).toMatchObject({ status: 200, text: 'sorry', cache: 'miss (error page)' });
      }
    }
    await get('/fine');
    expect((await get('/fine')).cache).toBe('hit');
    expect(sweeper.stats().memory.entries).toBe(1);
  });

  test('Express: by an error handler of a mounted router', async () => {
    const sweeper = new CacheSweeper();
    const app = express();
    const router = express.Router();
    router.get('/', cacheView({ sweeper, ttl: 300 }), fail);
    router.use((_error: Error, _req: Request, res: Response, _next: NextFunction) => void res.send('sorry'));
    app.use('/below', router);
    const site = await serve(app);
    for (let i = 0; i < 2; i++) {
      expect((await ask(`${site.url}/below`)).headers['x-cache']).toBe('miss (error page)');
    }
    await site.close();
    await sweeper.close();
  });

  test('Fastify: by an error handler, whatever was thrown', async () => {
    const { get } = await inFastify(
      [
        { path: '/now', handler: fail },
        { path: '/later', handler: later },
        { path: '/text', handler: () => Promise.reject('no error at all') },
        { path: '/sent', handler: (call) => call.send(new Error('broken') as never) },
        { path: '/fine', handler: (call) => call.send('fine') },
      ],
      { fastifyErrors: (_error: unknown, _request: unknown, reply: FastifyReply) => reply.code(200).send('sorry') },
    );
    for (const path of ['/now', '/later', '/text', '/sent']) {
      for (let i = 0; i < 2; i++) {
        expect(await get(path)).toMatchObject({ status: 200, text: 'sorry', cache: 'miss (error page)' });
      }
    }
    await get('/fine');
    expect((await get('/fine')).cache).toBe('hit');
  });

  test('Koa: by middleware outside of the cache', async () => {
    const sorry: Koa.Middleware = async (ctx, next) => {
      try {
        await next();
      } catch {
        ctx.status = 200;
        ctx.body = 'sorry';
      }
    };
    const { get } = await inKoa(
      [
        { path: '/now', handler: fail },
        { path: '/later', handler: later },
      ],
      { koa: (app) => void app.use(sorry) },
    );
    for (const path of ['/now', '/later']) {
      for (let i = 0; i < 2; i++) {
        expect(await get(path)).toMatchObject({ status: 200, text: 'sorry', cache: 'miss (error page)' });
      }
    }
  });
});
