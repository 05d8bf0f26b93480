import { OutgoingMessage, type ServerResponse } from 'node:http';
import { connect } from 'node:http2';
import cookieSession from 'cookie-session';
import type { RequestHandler } from 'express';
import session from 'express-session';
import { fastify } from 'fastify';
import koaSession from 'koa-session';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import * as forExpress from 'nunjucks-cachesweeper/express';
import * as forFastify from 'nunjucks-cachesweeper/fastify';
import { describe, expect, test } from 'vitest';
import { logIn } from './outside.ts';
import { sites } from './running.ts';
import { frameworks, type Handler, type Plan, type Route, startExpress, startFastify, streamOf } from './sites.ts';

const without = () => ({});
const startKoa = frameworks[2][1];
const SHARED = {
  'cache-control': 'public, s-maxage=600',
  expires: new Date(Date.UTC(2099, 0)).toUTCString(),
  'surrogate-control': 'max-age=600',
  'surrogate-key': 'news',
  'cdn-cache-control': 'max-age=600',
  'cloudflare-cdn-cache-control': 'max-age=600',
  'cache-tag': 'news',
  xkey: 'news',
  'x-accel-expires': '600',
};
const FOR_OTHERS = Object.keys(SHARED).slice(1);

/** A page that its handler declares to be for everybody, in every way that there is. */
const news: Handler = (call) => {
  for (const [name, value] of Object.entries(SHARED)) call.set(name, value);
  call.send('news');
};

type Answer = { status: number; text: string; headers: Record<string, unknown>; cache: unknown };

function expectPrivate({ headers }: Pick<Answer, 'headers'>): void {
  expect(headers['cache-control']).toBe('private, no-cache');
  for (const name of FOR_OTHERS) expect(headers).not.toHaveProperty(name);
}

/** Sets a cookie as the head is written, as `on-headers` and `cookies` do: with the method of the prototype. */
function cookieLate(res: ServerResponse): void {
  const { writeHead } = res;
  res.writeHead = function late(this: ServerResponse, ...args: never[]) {
    const { setHeader } = 'stream' in this ? this : OutgoingMessage.prototype;
    setHeader.call(this, 'Set-Cookie', 'visit=1');
    return (writeHead as (...args: never[]) => ServerResponse).apply(this, args);
  } as ServerResponse['writeHead'];
}

const late: Partial<Plan> = {
  express: (app) => {
    app.use((req, res, next) => {
      if (req.get('x-late')) cookieLate(res);
      next();
    });
  },
  fastify: (app) => {
    app.addHook('onSend', async (request, reply) => {
      if (request.headers['x-late']) reply.header('Set-Cookie', 'visit=1');
    });
  },
  // Written when hapi has rendered the page.
  hapi: (server) => {
    server.state('visit', { isSecure: false, isHttpOnly: false, isSameSite: false });
    server.ext('onPreResponse', (request, h) => {
      if (request.headers['x-late']) h.state('visit', '1');
      return h.continue;
    });
  },
  koa: (app) => {
    app.use((ctx, next) => {
      if (ctx.get('x-late')) cookieLate(ctx.res);
      return next();
    });
  },
};

describe.each(frameworks)('%s: an answer with a cookie is for nobody on the way', (_name, start) => {
  const running = sites(start, without);
  const own = { 'X-Late': '1' };

  test('that is set as the head is written: miss, hit, 304, HEAD, skip', async () => {
    const { get } = await running([{ path: '/', handler: news }], late);
    const miss = await get('/', own);
    expect(miss).toMatchObject({
      cache: expect.stringMatching(/^miss/),
      text: 'news',
      headers: { 'set-cookie': ['visit=1'] },
    });
    expectPrivate(miss);
    const first = await get('/');
    expect(first).toMatchObject({ cache: 'miss', headers: SHARED });
    for (const method of ['GET', 'HEAD']) {
      const hit = await get('/', own, method);
      expect(hit).toMatchObject({ cache: 'hit', headers: { 'set-cookie': ['visit=1'] } });
      expectPrivate(hit);
    }
    const again = await get('/', { ...own, 'If-None-Match': String(first.headers.etag) });
    expect(again).toMatchObject({ status: 304, headers: { 'set-cookie': ['visit=1'] } });
    expectPrivate(again);
    expectPrivate(await get('/', { ...own, Cookie: 'session=1' }));
    // Nothing of it stays for others.
    expect(await get('/')).toMatchObject({ cache: 'hit', headers: SHARED });
  });

  test('and of a handler that fails', async () => {
    const failing: Handler = (call) => {
      if (call.raw && 'isBroken' in call.query) throw new Error('broken');
      return news(call);
    };
    const { get } = await running([{ path: '/', handler: failing }], late);
    const answer = await get('/?isBroken=1', own);
    expect(answer.status).toBe(500);
    expectPrivate(answer);
  });

  test('and of a stream, whose head goes before its body is known', async () => {
    const handler: Handler = (call) => {
      for (const [name, value] of Object.entries(SHARED)) call.set(name, value);
      call.stream(streamOf(['a', 'b']));
    };
    const { get } = await running([{ path: '/', handler }], late);
    expectPrivate(await get('/', own));
    expect(await get('/')).toMatchObject({ cache: 'miss', headers: { 'cache-control': 'private' } });
    expect(await get('/')).toMatchObject({ cache: 'hit', headers: SHARED });
  });
});

describe.each([
  [
    'express-session',
    startExpress,
    { express: (app) => void app.use(session({ secret: 'secret', resave: true, saveUninitialized: true })) },
  ],
  [
    'cookie-session',
    startExpress,
    {
      express: (app) => {
        app.use(cookieSession({ secret: 'secret' }), (req, _res, next) => {
          Object.assign(req.session!, { seen: 1 });
          next();
        });
      },
    },
  ],
  [
    'koa-session',
    startKoa,
    {
      koa: (app) => {
        app.keys = ['secret'];
        app.use(koaSession({ autoCommit: true }, app) as never);
        app.use((ctx, next) => {
          ctx.session!.seen = 1;
          return next();
        });
      },
    },
  ],
] as [string, typeof startExpress, Partial<Plan>][])('%s for everybody, and a page for a CDN', (_name, start, plan) => {
  const running = sites(start, without);

  test('no answer that carries the session’s cookie may be kept by the CDN', async () => {
    const { get } = await running([{ path: '/', handler: news, options: { cacheControl: 's-maxage=60' } }], plan);
    for (let i = 0; i < 3; i++) {
      const answer = await get('/');
      expect(answer.headers['set-cookie']).toBeDefined();
      expectPrivate(answer);
    }
  });
});

describe('Express: sessions that set no cookie for guests', () => {
  const running = sites(startExpress, without);

  test('leave a page to the CDN, although they stand in line to write its head', async () => {
    const { get } = await running([{ path: '/', handler: news }], {
      express: (app) => void app.use(session({ secret: 'secret', resave: false, saveUninitialized: false })),
    });
    for (const cache of ['miss', 'hit']) expect(await get('/')).toMatchObject({ cache, headers: SHARED });
  });

  test('a view inside another: its rules were not asked, so it is for nobody on the way', async () => {
    const sweeper = new CacheSweeper();
    const inside = forExpress.cacheView({ sweeper, ttl: 60, skip: () => true });
    const { get } = await running([{ path: '/', handler: news }], { expressInside: inside as RequestHandler });
    expectPrivate(await get('/'));
    await sweeper.close();
  });
});

describe('Express: heads that are written by hand', () => {
  const running = sites(startExpress, without);
  const cookie = ['Set-Cookie', 'visit=1'] as const;
  const shared = ['Cache-Control', 'public, s-maxage=600'] as const;

  test.each([
    ['an object', (res: ServerResponse) => res.writeHead(200, Object.fromEntries([cookie, shared]))],
    [
      'a message and an object',
      (res: ServerResponse) => res.writeHead(200, 'OK', Object.fromEntries([cookie, shared])),
    ],
    ['a flat list', (res: ServerResponse) => res.writeHead(200, [...cookie, ...shared])],
    ['a list of pairs', (res: ServerResponse) => res.writeHead(200, [cookie, shared] as never)],
  ])('%s: private, whether stored or skipped', async (_how, write) => {
    const handler: Handler = (call) => write((call.request as { res: ServerResponse }).res).end('x');
    const { get } = await running([{ path: '/', handler }]);
    for (const headers of [{}, { Cookie: 'session=1' }]) {
      const answer = await get('/', headers);
      expect(answer.headers).toMatchObject({ 'set-cookie': ['visit=1'], 'cache-control': 'private, no-cache' });
    }
  });

  test('flushHeaders, after early hints', async () => {
    const handler: Handler = (call) => {
      const { res } = call.request as { res: ServerResponse };
      res.setHeader(...shared);
      res.writeEarlyHints({ link: '</a.css>; rel=preload; as=style' });
      res.flushHeaders();
      res.end('x');
    };
    const { get } = await running([{ path: '/', handler }], late);
    expect((await get('/', { 'X-Late': '1' })).headers['cache-control']).toBe('private, no-cache');
    // What the handler reads now cannot be named in the head any more.
    expect((await get('/')).headers['cache-control']).toBe('private');
    expect((await get('/')).headers['cache-control']).toBe(shared[1]);
  });

  test('a Cache-Control that is private already stays, what is for proxies goes', async () => {
    const handler: Handler = (call) => {
      const { res } = call.request as { res: ServerResponse };
      res.setHeader('Set-Cookie', 'visit=1');
      res.setHeader('Cache-Control', String(call.query.is));
      res.setHeader('CDN-Cache-Control', 'max-age=60');
      res.end('x');
    };
    const { get } = await running([{ path: '/', handler }]);
    const said: [string, string][] = [
      ['private, max-age=5', 'private, max-age=5'],
      ['no-store', 'no-store'],
      ['private="x-name", s-maxage=60', 'private, no-cache'],
      ['max-age=60', 'private, no-cache'],
    ];
    for (const [is, expected] of said) {
      const { headers } = await get(`/?is=${encodeURIComponent(is)}`);
      expect(headers['cache-control']).toBe(expected);
      expect(headers).not.toHaveProperty('cdn-cache-control');
    }
  });
});

test('Fastify: what inject() answers is what a client would get', async () => {
  const sweeper = new CacheSweeper();
  const app = fastify();
  await app.register(forFastify.cacheView({ sweeper }));
  app.addHook('onSend', async (request, reply) => {
    if (request.headers['x-late']) reply.header('Set-Cookie', 'visit=1');
  });
  app.get('/', { config: { cacheView: { ttl: 60 } } }, async (_request, reply) => {
    reply.headers(SHARED).type('text/html').send('news');
    return reply;
  });
  for (const cache of ['miss', 'hit']) {
    expect((await app.inject('/')).headers).toMatchObject({ ...SHARED, 'x-cache': cache });
    expectPrivate(await app.inject({ url: '/', headers: { 'x-late': '1' } }));
  }
  await app.close();
  await sweeper.close();
});

describe('HTTP/2, where Node announces no requests', () => {
  const running = sites(startFastify, without);
  const ask = (url: string, headers: Record<string, string> = {}) =>
    new Promise<Record<string, unknown>>((resolve, reject) => {
      const client = connect(url);
      client.on('error', reject);
      const stream = client.request({ ':path': '/', ...headers });
      let answered: Record<string, unknown> = {};
      stream.on('response', (given) => {
        answered = given;
      });
      stream.on('error', reject);
      stream.on('close', () => {
        client.close();
        resolve(answered);
      });
      stream.resume().end();
    });
  const plan = (isNoted: boolean): Partial<Plan> => ({
    http2: true,
    fastify: async (app) => {
      if (isNoted) await app.register(forFastify.requestStart());
      app.addHook('onRequest', async (request, reply) => {
        if (request.headers['x-late']) cookieLate(reply.raw);
        else reply.raw.writeHead = reply.raw.writeHead.bind(reply.raw);
      });
    },
  });

  test('whoever writes heads before cacheView may add a cookie: nothing is shared', async () => {
    const { site, sweeper } = await running([{ path: '/', handler: news }], plan(false));
    for (const cache of ['miss', 'hit']) {
      const headers = await ask(site.url);
      expect(headers['x-cache']).toBe(cache);
      expectPrivate({ headers });
      await sweeper.idle();
    }
  });

  test('behind requestStart() only what has a cookie is private', async () => {
    const { site } = await running([{ path: '/', handler: news }], plan(true));
    expect(await ask(site.url)).toMatchObject(SHARED);
    expectPrivate({ headers: await ask(site.url, { 'x-late': '1' }) });
  });
});

describe.each(frameworks)(
  '%s: what is personal is private, whatever else keeps it from being stored',
  (_name, start) => {
    const running = sites(start, without);

    const login: Handler = (call) => logIn(call.request, { name: 'Ann' });
    const shared = (call: Parameters<Handler>[0]) => {
      for (const [name, value] of Object.entries(SHARED)) call.set(name, value);
    };
    const cases: [string, Handler, Route['options']?, Record<string, string>?][] = [
      [
        'a status that is not cached, of a visitor whom the handler found out',
        (call) => {
          login(call);
          call.status(404);
          return news(call);
        },
      ],
      [
        'Vary: Cookie',
        (call) => {
          call.set('Vary', 'Accept, Cookie');
          return news(call);
        },
      ],
      [
        'Clear-Site-Data',
        (call) => {
          call.set('Clear-Site-Data', '"cookies"');
          return news(call);
        },
      ],
      [
        'WWW-Authenticate',
        (call) => {
          call.set('WWW-Authenticate', 'Negotiate dG9rZW4=');
          return news(call);
        },
      ],
      [
        'skip that throws',
        news,
        {
          skip: () => {
            throw new Error('broken');
          },
        },
      ],
      [
        'skip that says yes behind the handler',
        news,
        {
          skip: (
            (times) => () =>
              times++ > 0
          )(0),
        },
      ],
      [
        'a handler that looks at all headers at once',
        (call) => {
          JSON.stringify({ ...(call.raw as { headers: object }).headers });
          return news(call);
        },
      ],
      ['a request with a body', news, {}, { 'Transfer-Encoding': 'chunked' }],
      [
        'a private name in a fragment beside one that is uncached anyway',
        (call) => {
          shared(call);
          return call.render('mixed.njk', { user: { name: 'Ann' } });
        },
      ],
      [
        'a fragment that its author does not cache',
        (call) => {
          shared(call);
          return call.render('when.njk', { isGuest: false, name: 'Ann' });
        },
      ],
    ];

    test.each(cases)('%s', async (_what, handler, options = {}, headers = {}) => {
      const { get, errors } = await running([{ path: '/', handler, options }], {
        fastify: (app) => void app.decorateRequest('user'),
      });
      const answer = await get('/', headers);
      expect(answer.cache).toMatch(/^(miss|skip) \(/);
      expectPrivate(answer);
      expect(errors.splice(0).length).toBeLessThan(2);
    });

    test('a page for everybody stays one where it is only not stored', async () => {
      const handler: Handler = (call) => {
        call.status(404);
        return news(call);
      };
      const { get } = await running([{ path: '/', handler }]);
      expect(await get('/')).toMatchObject({ cache: 'miss (status)', headers: SHARED });
    });
  },
);
