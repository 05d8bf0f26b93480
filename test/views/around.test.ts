import type { FastifyInstance } from 'fastify';
import { describe, expect, test } from 'vitest';
import { Blog } from '../frameworks/blog.ts';
import { sites } from './running.ts';
import { frameworks, type Handler, type Plan, startExpress, startFastify } from './sites.ts';

const without = () => ({});
const startKoa = frameworks[2][1];

/** What comes before the cache in each framework: headers that depend on a cookie. */
function setBefore(headersFor: (cookie: string | undefined) => Record<string, string>): Partial<Plan> {
  return {
    express: (app) => {
      app.use((req, res, next) => {
        res.set(headersFor(req.get('cookie')));
        next();
      });
    },
    fastify: (app) => {
      app.addHook('onRequest', async (request, reply) => void reply.headers(headersFor(request.headers.cookie)));
    },
    hapi: (server) => {
      server.ext('onRequest', ({ raw, headers }, h) => {
        for (const [name, value] of Object.entries(headersFor(headers.cookie as string)))
          raw.res.setHeader(name, value);
        return h.continue;
      });
    },
    koa: (app) => {
      app.use((ctx, next) => {
        ctx.set(headersFor(ctx.get('cookie') || undefined));
        return next();
      });
    },
  };
}

describe.each(frameworks)('%s: what stands around the cache', (_name, start) => {
  const running = sites(start, without);
  const hello: Handler = (call) => call.send('hello');
  const shared = 'no-cache, s-maxage=86400';

  test('a Cache-Control that was there for this visitor stays on a hit', async () => {
    const { get } = await running(
      [{ path: '/', handler: hello, options: { cacheControl: shared } }],
      setBefore((cookie): Record<string, string> => (cookie === undefined ? {} : { 'Cache-Control': 'private' })),
    );
    expect((await get('/')).headers['cache-control']).toBe(shared);
    const own = await get('/', { Cookie: 'cart=1' });
    expect(own).toMatchObject({ cache: 'hit', headers: { 'cache-control': 'private' } });
    expect(await get('/')).toMatchObject({ cache: 'hit', headers: { 'cache-control': shared } });
  });

  test('a hit that sets a visitor’s cookie is for nobody on the way', async () => {
    const { get } = await running(
      [{ path: '/', handler: hello, options: { cacheControl: shared } }],
      setBefore((cookie): Record<string, string> => (cookie === undefined ? { 'Set-Cookie': 'visit=1' } : {})),
    );
    expect((await get('/', { Cookie: 'visit=1' })).headers['cache-control']).toBe(shared);
    const hit = await get('/');
    expect(hit).toMatchObject({
      cache: 'hit',
      headers: { 'set-cookie': ['visit=1'], 'cache-control': 'private, no-cache' },
    });
    const again = await get('/', { 'If-None-Match': String(hit.headers.etag) });
    expect(again).toMatchObject({ status: 304, headers: { 'cache-control': 'private, no-cache' } });
  });

  test('a type that was there before the cache is there on a hit', async () => {
    const { get } = await running(
      [{ path: '/', handler: (call) => call.send('x') }],
      setBefore(() => ({ 'Content-Type': 'text/html; charset=utf-8' })),
    );
    const first = await get('/');
    expect(await get('/')).toMatchObject({ cache: 'hit', headers: { 'content-type': first.headers['content-type'] } });
  });

  test('a page that repeats a secret is for nobody on the way either', async () => {
    const handler: Handler = (call) => call.send(`ticket ${call.header('cookie')}`);
    const { get } = await running([{ path: '/', handler, options: { cacheControl: shared } }]);
    const { headers, cache } = await get('/', { Cookie: 'ticket=0123456789abcdef' });
    expect([cache, headers['cache-control']]).toEqual(['miss (personal: headers.cookie)', 'private, no-cache']);
  });

  test.each([
    ['decoded', 'email=ann.smith%40mail.example', 'ann.smith@mail.example'],
    ['signed', 'ticket=s%3A0123456789abcdefgh.c2lnbmF0dXJl', '0123456789abcdefgh'],
    ['in quotes', 'ticket="0123456789abcdefgh"', '0123456789abcdefgh'],
    ['escaped for html', 'who=Ann%20%26%20Ben%20%22B%22%20Smith', 'Ann &amp; Ben &quot;B&quot; Smith'],
  ])('a page that repeats a cookie’s value, %s, is not stored', async (_how, cookie, shown) => {
    const handler: Handler = (call) => call.send(`<p>${shown}</p>`);
    const { get } = await running([{ path: '/', handler, options: { cookies: [] } }]);
    expect((await get('/', { Cookie: cookie })).cache).toBe('miss (csrf token)');
    expect((await get('/')).cache).toBe('miss');
  });

  test('depend() with what has no identity: the page is not stored', async () => {
    const handler: Handler = async (call) => {
      await call.depend({}).catch(() => {});
      call.send('x');
    };
    const { get } = await running([{ path: '/', handler }]);
    for (let i = 0; i < 2; i++) expect((await get('/')).cache).toBe('miss (error)');
  });

  test('fresh() keeps the Cache-Control of its handler, 200 and 304', async () => {
    const handler: Handler = async (call) => {
      call.set('Cache-Control', 'private, max-age=5');
      if (await call.fresh([{ type: 'Article', id: 1 }])) return;
      call.send('x');
    };
    const { get } = await running([{ path: '/', handler, options: { skip: () => true } }]);
    const { headers } = await get('/');
    expect(headers['cache-control']).toBe('private, max-age=5');
    const again = await get('/', { 'If-None-Match': String(headers.etag) });
    expect(again).toMatchObject({ status: 304, headers: { 'cache-control': 'private, max-age=5' } });
  });

  test('a nonce in a policy that only reports', async () => {
    const handler: Handler = (call) => {
      call.set('Content-Security-Policy-Report-Only', "script-src 'nonce-abc'");
      call.send('x');
    };
    const { get } = await running([{ path: '/', handler }]);
    for (let i = 0; i < 2; i++) expect((await get('/')).cache).toBe('miss (csp nonce)');
  });

  test('whoever answers in another asynchronous context: nobody saw what was rendered there', async () => {
    const queue: (() => void)[] = [];
    const timer = setInterval(() => {
      for (const run of queue.splice(0)) run();
    }, 5);
    const blog = new Blog();
    const handler: Handler = (call) =>
      new Promise<void>((resolve, reject) => {
        queue.push(() => {
          const { article, comments } = blog.known(7);
          call.render('article.njk', { article, comments: () => comments }).then(resolve, reject);
        });
      });
    const { get, sweeper } = await running([{ path: '/', handler }]);
    await get('/');
    const comment = blog.known(7).comments[0]!;
    comment.text = 'Edited';
    await sweeper.invalidateCacheFor(comment);
    expect((await get('/')).text).toContain('Edited');
    clearInterval(timer);
  });

  test('writing a path with more slashes makes no page that expireView does not reach', async () => {
    const { get, sweeper } = await running([{ path: '/{*rest}', handler: hello }]);
    for (const path of ['/articles/hello', '//articles///hello/']) {
      await get(path);
      expect((await get(path)).cache).toBe('hit');
    }
    await sweeper.expireView('/articles/hello');
    for (const path of ['/articles/hello', '//articles///hello/']) expect((await get(path)).cache).toBe('miss');
  });
});

describe('who a visitor is, said where templates read it', () => {
  const express = sites(startExpress, without);
  const fastify = sites(startFastify, without);

  test('Express: res.locals.user', async () => {
    const { get } = await express([{ path: '/', handler: (call) => call.render('greeting.njk') }], {
      express: (app) => {
        app.use((req, res, next) => {
          const name = req.get('x-user');
          if (name) res.locals.user = { name };
          next();
        });
      },
    });
    expect((await get('/')).text).toBe('<p>Log in</p>\n');
    expect(await get('/', { 'X-User': 'Ann' })).toMatchObject({
      text: '<p>Hello, Ann</p>\n',
      cache: 'skip (logged in)',
    });
  });

  test('Fastify: reply.locals.user', async () => {
    const { get } = await fastify([{ path: '/', handler: (call) => call.render('greeting.njk') }], {
      fastify: (app: FastifyInstance) => {
        app.addHook('preHandler', async (request, reply) => {
          const name = request.headers['x-user'];
          if (name) Object.assign(reply, { locals: { user: { name } } });
        });
      },
    });
    expect((await get('/')).text).toBe('<p>Log in</p>\n');
    expect(await get('/', { 'X-User': 'Ann' })).toMatchObject({
      text: '<p>Hello, Ann</p>\n',
      cache: 'skip (logged in)',
    });
  });
});

describe('who changes a page outside of the cache', () => {
  const koa = sites(startKoa, without);
  const fastify = sites(startFastify, without);
  const routes = [{ path: '/', handler: ((call) => call.send('<p>page</p>')) satisfies Handler }];
  const pages = async (get: (path: string, headers?: Record<string, string>) => Promise<{ text: string }>) => {
    const seen: string[] = [];
    for (const name of ['Ann', '', 'Ben', '', 'Ann']) {
      seen.push((await get('/', name === '' ? {} : { 'X-Name': name })).text);
    }
    return seen;
  };
  const expected = ['<p>page</p>for Ann', '<p>page</p>', '<p>page</p>for Ben', '<p>page</p>', '<p>page</p>for Ann'];

  test('Koa: middleware behind next()', async () => {
    const { get } = await koa(routes, {
      koa: (app) => {
        app.use(async (ctx, next) => {
          await next();
          const name = ctx.get('x-name');
          if (name && ctx.path === '/') ctx.body = `${ctx.body}for ${name}`;
        });
      },
    });
    expect(await pages(get)).toEqual(expected);
  });

  test('Koa: its own page for a status, in whose place middleware behind next() may put another', async () => {
    const lost: Handler = (call) => call.status(404);
    const { get } = await koa([{ path: '/', handler: lost, options: { statuses: [200, 404] } }], {
      koa: (app) => {
        app.use(async (ctx, next) => {
          await next();
          if (ctx.body === undefined && ctx.get('x-name')) ctx.body = `nothing for ${ctx.get('x-name')}`;
        });
      },
    });
    for (let i = 0; i < 2; i++) {
      expect(await get('/')).toMatchObject({ status: 404, text: 'Not Found', cache: 'miss (changed outside)' });
      expect(await get('/', { 'X-Name': 'Ann' })).toMatchObject({ text: 'nothing for Ann' });
    }
  });

  test('Koa: a header of one visitor is set for nobody else', async () => {
    const { get } = await koa(routes, {
      koa: (app) => {
        app.use(async (ctx, next) => {
          await next();
          const name = ctx.get('x-name');
          if (name) ctx.set('X-For', name);
        });
      },
    });
    expect(await get('/', { 'X-Name': 'Ann' })).toMatchObject({ cache: 'miss', headers: { 'x-for': 'Ann' } });
    expect((await get('/')).headers).not.toHaveProperty('x-for');
    expect(await get('/', { 'X-Name': 'Ben' })).toMatchObject({ cache: 'hit', headers: { 'x-for': 'Ben' } });
  });

  test('Fastify: a header of one visitor is set for nobody else', async () => {
    const { get } = await fastify(routes, {
      fastify: (app: FastifyInstance) => {
        app.addHook('onSend', async (request, reply) => {
          const name = request.headers['x-name'];
          if (name) reply.header('X-For', name);
        });
      },
    });
    expect(await get('/', { 'X-Name': 'Ann' })).toMatchObject({ cache: 'miss', headers: { 'x-for': 'Ann' } });
    expect((await get('/')).headers).not.toHaveProperty('x-for');
    expect(await get('/', { 'X-Name': 'Ben' })).toMatchObject({ cache: 'hit', headers: { 'x-for': 'Ben' } });
  });

  test('Fastify: an onSend hook', async () => {
    const { get } = await fastify(routes, {
      fastify: (app: FastifyInstance) => {
        app.addHook('onSend', async (request, _reply, payload) => {
          const name = request.headers['x-name'];
          return name ? `${payload}for ${name}` : payload;
        });
      },
    });
    expect(await pages(get)).toEqual(expected);
  });
});
