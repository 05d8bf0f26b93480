import { CacheSweeper } from 'nunjucks-cachesweeper';
import * as forExpress from 'nunjucks-cachesweeper/express';
import * as forFastify from 'nunjucks-cachesweeper/fastify';
import * as forKoa from 'nunjucks-cachesweeper/koa';
import { describe, expect, test } from 'vitest';
import { Routes } from '../../src/views/routes.ts';

const sweeper = new CacheSweeper();

describe.each([
  ['Express', forExpress.cacheView],
  ['Fastify', forFastify.cacheView],
  ['Koa', forKoa.cacheView],
])('%s: cacheView with wrong options', (_name, cacheView) => {
  const made = (options: unknown) => () => (cacheView as (options: unknown) => unknown)(options);

  test.each([
    [undefined, /expected an object of options, got undefined/],
    [{ ttl: 1 }, /sweeper: expected a CacheSweeper, got undefined/],
    [{ ttl: 1, sweeper: {} }, /sweeper: expected a CacheSweeper, got an empty object/],
    [{ ttl: 1, sweeper, tll: 2 }, /tll: expected one of sweeper, ttl, stale, name/],
    [{ ttl: 1, sweeper, name: '' }, /name: expected a name/],
    [{ ttl: 1, sweeper, stale: '60' }, /stale: expected a number of seconds from 0 on, or text such as "1m", got/],
    [{ ttl: 1, sweeper, stale: -1 }, /stale: expected a number of seconds/],
    [{ ttl: 1, sweeper, stale: null }, /stale: expected a number of seconds/],
    [{ ttl: 1, sweeper, ignoreHost: 'yes' }, /ignoreHost: expected true or false/],
    [{ ttl: 1, sweeper, query: 'page' }, /query: expected a list/],
    [{ ttl: 1, sweeper, vary: ['x'] }, /vary: expected a function/],
    [{ ttl: 1, sweeper, skip: true }, /skip: expected a function/],
    [{ ttl: 1, sweeper, cookies: 'sid' }, /cookies: expected a list/],
    [{ ttl: 1, sweeper, models: ['Article'] }, /models: expected a function/],
    [{ ttl: 1, sweeper, statuses: [500] }, /statuses: expected a list of 200, 301/],
    [{ ttl: 1, sweeper, maxBytes: '1mb' }, /maxBytes: expected a whole number of bytes/],
    [{ ttl: 1, sweeper, cacheControl: 'x\r\ny' }, /cacheControl: expected/],
    [{ ttl: 1, sweeper, surrogate: 'X-Tags' }, /surrogate: expected/],
    [{ ttl: 1, sweeper, headers: ['X-Cache'] }, /headers: expected a list of Cache-Status, Server-Timing/],
    [{ ttl: 1, sweeper, headers: 'Cache-Status' }, /headers: expected a list/],
    [{ ttl: 1, sweeper, debug: 1 }, /debug: expected true or false/],
  ])('%j', (options, message) => {
    expect(made(options)).toThrow(
      expect.objectContaining({ code: 'CACHESWEEPER_BAD_OPTION', message: expect.stringMatching(message) }),
    );
  });

  test('a ttl without a unit, or below nothing', () => {
    for (const ttl of ['300', -1, Number.NaN, {}]) {
      expect(made({ sweeper, ttl })).toThrow(expect.objectContaining({ code: 'CACHESWEEPER_BAD_TTL' }));
    }
  });
});

test.each([
  [undefined],
  [''],
  ['articles/7'],
  [{}],
  [{ path: '/x', name: 'x' }],
  [{ path: '/x', params: {} }],
  [{ name: 'x', params: 7 }],
  [{ name: 'x', url: '/x' }],
  [{ path: '/x', host: 7 }],
])('expireView(%j) is an error that says what would do', async (target) => {
  await expect(sweeper.expireView(target as never)).rejects.toMatchObject({
    code: 'CACHESWEEPER_BAD_OPTION',
    message: expect.stringMatching(/expected a path that begins with "\/"/),
  });
});

test.each([
  ['/articles/:slug', { slug: 'a b/ü' }, '/articles/a%20b%2F%C3%BC'],
  ['/articles/:slug{.:format}', { slug: 'x', format: 'json' }, '/articles/x.json'],
  ['/articles/:slug{.:format}', { slug: 'x' }, '/articles/x'],
  ['/files/*path', { path: ['a', 'b'] }, '/files/a/b'],
  ['/year/:year(^\\d{4}$)', { year: 2026 }, '/year/2026'],
  ['/posts/:id?', {}, '/posts'],
  ['/posts/:id?', { id: 7 }, '/posts/7'],
  ['/at/:hour(^\\d{2})h:minute(^\\d{2})m', { hour: 10, minute: 30 }, '/at/10h30m'],
  ['/plain', {}, '/plain'],
])('the url of %s', (pattern, params, url) => {
  const routes = new Routes();
  routes.learn('page', pattern);
  expect(routes.urls('page', params)).toEqual([url]);
});

test('the options of one route of Fastify are checked when it is added', async () => {
  const { fastify } = await import('fastify');
  const app = fastify();
  await app.register(forFastify.cacheView({ sweeper }));
  const config = { cacheView: { ttl: '5' } } as object;
  expect(() => app.get('/x', { config }, async () => 'x')).toThrow(/BAD_TTL|"10m"/);
  await app.close();
});
