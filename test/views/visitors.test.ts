import fastifyCsrf from '@fastify/csrf-protection';
import fastifySession from '@fastify/session';
import cookieSession from 'cookie-session';
import { csrfSync } from 'csrf-sync';
import type { Request, RequestHandler } from 'express';
import session from 'express-session';
import type { FastifyInstance, FastifyReply } from 'fastify';
import koaSession from 'koa-session';
import passport from 'passport';
import { describe, expect, test } from 'vitest';
import { logIn, userOf } from './outside.ts';
import { sites } from './running.ts';
import { type Call, frameworks, type Handler, type Plan, type Route, startExpress, startFastify } from './sites.ts';

const without = () => ({});

/** A page that greets whoever is there, made by whatever the call's request says. */
const greeting: Handler = (call) => call.render('greeting.njk', { user: userOf(call.request) });

/** Signs in whoever sends `X-User`, as middleware does that looks into a session or a token. */
const signIn: Partial<Plan> = {
  express: (app) => {
    app.use((req, _res, next) => {
      const name = req.get('x-user');
      if (name) Object.assign(req, { user: { id: name, name } });
      next();
    });
  },
  fastify: (app) => {
    app.decorateRequest('user');
    app.addHook('onRequest', async (request) => {
      const name = request.headers['x-user'];
      if (name) Object.assign(request, { user: { id: name, name } });
    });
  },
  hapi: (server) => {
    server.ext('onPreAuth', (request, h) => {
      const name = request.headers['x-user'];
      if (name) logIn(request, { id: name, name });
      return h.continue;
    });
  },
  koa: (app) => {
    app.use(async (ctx, next) => {
      const name = ctx.get('x-user');
      if (name) ctx.state.user = { id: name, name };
      await next();
    });
  },
};

describe.each(frameworks)('%s: one visitor’s page is never another’s', (_name, start) => {
  const running = sites(start, without);

  test('a visitor who is logged in is greeted by name, and nobody else is', async () => {
    const { get } = await running([{ path: '/', handler: greeting }], signIn);
    const pages: [string | undefined, string, string][] = [
      [undefined, 'Log in', 'miss'],
      ['Ann', 'Hello, Ann', 'skip (logged in)'],
      [undefined, 'Log in', 'hit'],
      ['Ben', 'Hello, Ben', 'skip (logged in)'],
      [undefined, 'Log in', 'hit'],
    ];
    for (const [user, text, cache] of pages) {
      const answer = await get('/', user === undefined ? {} : { 'X-User': user });
      expect([answer.text.trim(), answer.cache]).toEqual([`<p>${text}</p>`, cache]);
      if (user !== undefined) expect(answer.headers['cache-control']).toBe('private, no-cache');
    }
  });

  test('a page that found out behind the cache who it is, is not stored', async () => {
    const handler: Handler = (call) => {
      const name = call.header('x-user');
      if (name) logIn(call.request, { name });
      call.send(name ?? 'nobody');
    };
    const { get } = await running([{ path: '/', handler }], {
      fastify: (app) => void app.decorateRequest('user'),
    });
    expect(await get('/', { 'X-User': 'Ann' })).toMatchObject({ text: 'Ann', cache: 'miss (logged in)' });
    expect(await get('/')).toMatchObject({ text: 'nobody', cache: 'miss' });
    // What is cached now is nobody's page: this visitor could not be known before the handler.
    expect(await get('/')).toMatchObject({ text: 'nobody', cache: 'hit' });
  });

  test('a page that reads a private name which has a value is not stored', async () => {
    const handler: Handler = (call) => call.render('greeting.njk', { user: { name: call.header('x-name') } });
    const { get } = await running([{ path: '/', handler }]);
    for (const name of ['Ann', 'Ben']) {
      expect(await get('/', { 'X-Name': name })).toMatchObject({
        text: `<p>Hello, ${name}</p>\n`,
        cache: 'miss (private name)',
      });
    }
  });

  const skipped: [string, Record<string, string>, string][] = [
    ['Authorization', { Authorization: 'Bearer x' }, 'authorization'],
    ['express-session', { Cookie: 'a=b; connect.sid=s%3Ax' }, 'session cookie'],
    ['cookie-session', { Cookie: 'session=abc; session.sig=def' }, 'session cookie'],
    ['@fastify/session', { Cookie: 'sessionId=abc' }, 'session cookie'],
    ['koa-session', { Cookie: 'koa.sess=abc' }, 'session cookie'],
    ['a cookie with a browser’s prefix', { Cookie: '__Host-session=abc' }, 'session cookie'],
    ['Auth.js', { Cookie: '__Secure-next-auth.session-token=abc' }, 'session cookie'],
    ['PHP', { Cookie: 'PHPSESSID=abc' }, 'session cookie'],
    ['a token against forgery', { Cookie: '_csrf=abc' }, 'session cookie'],
    ['skip', { 'X-Skip': '1' }, 'skip option'],
  ];
  test.each(skipped)('%s: neither read nor stored', async (_what, headers, reason) => {
    const shown: Handler = (call) => call.send(JSON.stringify([call.header('cookie'), call.header('authorization')]));
    const skip = (request: { headers: Record<string, unknown> }) => request.headers['x-skip'] === '1';
    const route: Route = { path: '/', handler: shown, options: { skip: skip as (request: never) => boolean } };
    const { get } = await running([route]);
    const own = JSON.stringify([headers.Cookie, headers.Authorization]);
    const nobody = JSON.stringify([undefined, undefined]);
    expect(await get('/', headers)).toMatchObject({ text: own, cache: `skip (${reason})` });
    expect(await get('/')).toMatchObject({ text: nobody, cache: 'miss' });
    expect(await get('/', headers)).toMatchObject({ text: own, cache: `skip (${reason})` });
    expect(await get('/')).toMatchObject({ text: nobody, cache: 'hit' });
  });

  test('other cookies do not keep anybody from the cache, and are in no key', async () => {
    const { get } = await running([{ path: '/', handler: (call) => call.send('x') }]);
    await get('/', { Cookie: '_ga=1; theme=dark' });
    expect(await get('/', { Cookie: '_ga=2; cart=3' })).toMatchObject({ cache: 'hit' });
  });

  test('cookies: a list of one’s own, and none at all', async () => {
    const handler: Handler = (call) => call.send('x');
    const { get } = await running([
      { path: '/own', handler, options: { cookies: ['who*'] } },
      { path: '/none', handler, options: { cookies: [] } },
    ]);
    expect(await get('/own', { Cookie: 'WHOAMI=1' })).toMatchObject({ cache: 'skip (session cookie)' });
    expect(await get('/own', { Cookie: 'connect.sid=1' })).toMatchObject({ cache: 'miss' });
    expect(await get('/none', { Cookie: 'connect.sid=1' })).toMatchObject({ cache: 'miss' });
    expect(await get('/none', { Cookie: 'connect.sid=2' })).toMatchObject({ cache: 'hit' });
  });

  test('a page that repeats a visitor’s cookie is not stored', async () => {
    const handler: Handler = (call) => call.send(`token: ${call.header('cookie')?.split('=')[1]}`);
    const { get } = await running([{ path: '/', handler }]);
    for (const token of ['0123456789abcdef-1', '0123456789abcdef-2']) {
      expect(await get('/', { Cookie: `ticket=${token}` })).toMatchObject({ text: `token: ${token}` });
    }
  });

  test('a function that throws in skip, vary or models costs the cache, not the page', async () => {
    const fail = () => {
      throw new Error('broken');
    };
    const handler: Handler = (call) => call.send('x');
    const { get, errors } = await running([
      { path: '/skip', handler, options: { skip: fail } },
      { path: '/vary', handler, options: { vary: fail } },
      { path: '/models', handler, options: { models: fail } },
      { path: '/rejects', handler, options: { skip: async () => fail() } },
    ]);
    for (const path of ['/skip', '/vary', '/models', '/rejects']) {
      for (let i = 0; i < 2; i++) expect(await get(path)).toMatchObject({ text: 'x', cache: 'skip (error)' });
    }
    expect(errors.splice(0)).toHaveLength(8);
  });
});

/** A session that is kept wherever the middleware keeps it, by two visitors and one without. */
interface SessionCase {
  readonly name: string;
  readonly start: (plan: Plan) => ReturnType<typeof startExpress>;
  readonly plan: Partial<Plan>;
  readonly sessionOf: (call: Call) => Record<string, unknown>;
}

const expressSession = (call: Call) => (call.request as { session: Record<string, unknown> }).session;
const sessionCases: SessionCase[] = [
  {
    name: 'express-session',
    start: startExpress,
    plan: {
      express: (app) => void app.use(session({ secret: 'secret', resave: false, saveUninitialized: false })),
    },
    sessionOf: expressSession,
  },
  {
    name: 'express-session that sets its cookie for everybody',
    start: startExpress,
    plan: {
      express: (app) =>
        void app.use(session({ secret: 'secret', resave: true, saveUninitialized: true, rolling: true })),
    },
    sessionOf: expressSession,
  },
  {
    name: 'express-session behind the cache',
    start: startExpress,
    plan: { expressInside: session({ secret: 'secret', resave: false, saveUninitialized: false }) as RequestHandler },
    sessionOf: expressSession,
  },
  {
    name: 'cookie-session',
    start: startExpress,
    plan: { express: (app) => void app.use(cookieSession({ secret: 'secret' })) },
    sessionOf: expressSession,
  },
  {
    name: 'cookie-session behind the cache',
    start: startExpress,
    plan: { expressInside: cookieSession({ secret: 'secret' }) },
    sessionOf: expressSession,
  },
  {
    name: '@fastify/session',
    start: startFastify,
    plan: {
      fastify: (app) =>
        app.register(fastifySession, { secret: 'x'.repeat(32), cookie: { secure: false }, saveUninitialized: false }),
    },
    sessionOf: expressSession,
  },
  {
    name: 'koa-session',
    start: frameworks[2][1],
    plan: {
      koa: (app) => {
        app.keys = ['secret'];
        app.use(koaSession(app) as never);
      },
    },
    sessionOf: expressSession,
  },
];

describe.each(sessionCases)('$name', ({ start, plan, sessionOf }) => {
  const running = sites(start, without);
  const routes = (options: Route['options']): Route[] => [
    {
      path: '/login/:name',
      options: options as object,
      handler: (call) => {
        sessionOf(call).name = call.params.name;
        call.send('welcome');
      },
    },
    {
      path: '/',
      options: options as object,
      handler: (call) => call.send(`Hello, ${sessionOf(call).name ?? 'stranger'}`),
    },
    {
      path: '/private',
      options: options as object,
      handler: (call) => call.render('greeting.njk', { user: sessionOf(call).name && { name: sessionOf(call).name } }),
    },
    {
      path: '/count',
      options: options as object,
      handler: (call) => {
        const held = sessionOf(call);
        held.count = Number(held.count ?? 0) + 1;
        call.send(`visit ${held.count}`);
      },
    },
  ];

  async function visitors(options: Route['options']) {
    const site = await running(routes(options), plan);
    const login = async (name: string) => {
      const { headers } = await site.get(`/login/${name}`);
      return (headers['set-cookie'] ?? []).map((cookie) => cookie.split(';')[0]).join('; ');
    };
    return { ...site, ann: { Cookie: await login('Ann') }, ben: { Cookie: await login('Ben') } };
  }

  test('each sees their own page, whoever came first', async () => {
    const { get, ann, ben } = await visitors({});
    expect(ann.Cookie).not.toBe('');
    for (let round = 0; round < 2; round++) {
      expect((await get('/', ann)).text).toBe('Hello, Ann');
      expect((await get('/')).text).toBe('Hello, stranger');
      expect((await get('/', ben)).text).toBe('Hello, Ben');
      expect((await get('/private', ben)).text).toBe('<p>Hello, Ben</p>\n');
      expect((await get('/private', ann)).text).toBe('<p>Hello, Ann</p>\n');
      expect((await get('/private')).text).toBe('<p>Log in</p>\n');
    }
  });

  test('with cookies: [] too, where the template reads the name or the session changes', async () => {
    const { get, ann, ben } = await visitors({ cookies: [] });
    for (let round = 1; round <= 2; round++) {
      expect((await get('/private', ann)).text).toBe('<p>Hello, Ann</p>\n');
      expect((await get('/private', ben)).text).toBe('<p>Hello, Ben</p>\n');
      if (!plan.koa) expect((await get('/count')).text).toBe('visit 1');
    }
  });
});

describe('Express: a cookie that comes as the head is sent', () => {
  const running = sites(startExpress, without);
  let visits = 0;
  const late: RequestHandler = (_req, res, next) => {
    const { writeHead } = res;
    res.writeHead = function withCookie(this: typeof res, ...args: never[]) {
      this.setHeader('Set-Cookie', `visit=${++visits}`);
      return (writeHead as (...args: never[]) => typeof res).apply(this, args);
    } as typeof res.writeHead;
    next();
  };

  test.each([
    ['outside', { express: (app) => void app.use(late) }],
    ['inside', { expressInside: late }],
  ] as [string, Partial<Plan>][])('%s of the cache: the page is not stored', async (_where, plan) => {
    const { get, reports } = await running([{ path: '/', handler: (call) => call.send('x') }], plan);
    for (let i = 0; i < 2; i++) expect((await get('/')).headers['set-cookie']).toHaveLength(1);
    expect(reports.map(({ outcome, reason }) => [outcome, reason])).toEqual([
      ['miss', 'set-cookie'],
      ['miss', 'set-cookie'],
    ]);
  });
});

describe('Express: Passport', () => {
  const running = sites(startExpress, without);

  test('a visitor in a Passport session skips the cache, cookies or none', async () => {
    const keeper = new passport.Passport();
    keeper.serializeUser((user, done) => done(null, (user as { name: string }).name));
    keeper.deserializeUser((name: string, done) => done(null, { id: name, name }));
    const { get } = await running(
      [
        { path: '/', handler: greeting, options: { cookies: [] } },
        {
          path: '/login/:name',
          handler: (call) =>
            new Promise<void>((resolve, reject) => {
              const request = call.request as { login(user: object, done: (error?: unknown) => void): void };
              request.login({ name: call.params.name }, (error) => {
                if (error) return reject(error);
                call.send('welcome');
                resolve();
              });
            }),
        },
      ],
      {
        express: (app) => {
          app.use(session({ secret: 'secret', resave: false, saveUninitialized: false }), keeper.session());
        },
      },
    );
    const cookie = (await get('/login/Ann')).headers['set-cookie']![0]!.split(';')[0]!;
    for (let round = 0; round < 2; round++) {
      expect(await get('/', { Cookie: cookie })).toMatchObject({
        text: '<p>Hello, Ann</p>\n',
        cache: 'skip (logged in)',
      });
      expect((await get('/')).text).toBe('<p>Log in</p>\n');
    }
    expect(await get('/')).toMatchObject({ cache: 'hit' });
  });
});

describe('the id of a session that holds nothing', () => {
  const running = sites(startExpress, without);

  test('what is made of it is for its visitor alone, and what is not is for all', async () => {
    const of = (call: Call) => (call.request as Request).session;
    const { get } = await running(
      [
        { path: '/part', handler: (call) => call.send(of(call).id.slice(0, 6)), options: { cookies: [] } },
        { path: '/cart', handler: (call) => call.send(`${Reflect.get(of(call), 'cart')}`), options: { cookies: [] } },
      ],
      { express: (app) => void app.use(session({ secret: 'secret', resave: false, saveUninitialized: true })) },
    );
    const visitor = async () => (await get('/part')).headers['set-cookie']![0]!.split(';')[0]!;
    const [ann, ben] = [await visitor(), await visitor()];
    const texts: string[] = [];
    for (const Cookie of [ann, ben, ann, ben]) texts.push((await get('/part', { Cookie })).text);
    expect(texts[0]).toHaveLength(6);
    expect(texts[1]).not.toBe(texts[0]);
    expect(texts.slice(2)).toEqual(texts.slice(0, 2));
    expect((await get('/cart', { Cookie: ann })).cache).toBe('miss');
    expect(await get('/cart', { Cookie: ben })).toMatchObject({ cache: 'hit', text: 'undefined' });
  });
});

describe('tokens against forgery', () => {
  const express = sites(startExpress, without);
  const fastify = sites(startFastify, without);

  test('Express: a page whose handler takes req.csrfToken() is not stored', async () => {
    const { csrfSynchronisedProtection } = csrfSync();
    const handler: Handler = (call) => {
      const { csrfToken } = call.request as { csrfToken(): string };
      call.send(`token ${csrfToken()}`);
    };
    const { get } = await express(
      [
        { path: '/', handler, options: { cookies: [] } },
        { path: '/without', handler: (call) => call.send('no form'), options: { cookies: [] } },
      ],
      {
        express: (app) => {
          app.use(
            session({ secret: 'secret', resave: false, saveUninitialized: false }),
            csrfSynchronisedProtection as RequestHandler,
          );
        },
      },
    );
    const first = await get('/');
    expect(first.cache).toBe('miss (personal: req.csrfToken)');
    const cookie = { Cookie: first.headers['set-cookie']![0]!.split(';')[0]! };
    expect(await get('/', cookie)).toMatchObject({ text: first.text, cache: 'miss (personal: req.csrfToken)' });
    expect((await get('/')).text).not.toBe(first.text);
    await get('/without', cookie);
    expect(await get('/without', cookie)).toMatchObject({ cache: 'hit' });
  });

  test('Express: a token that lies in res.locals and is printed', async () => {
    let made = 0;
    const handler: Handler = (call) => {
      const { res } = call.request as { res: { locals: { csrfToken: string } } };
      call.send(`<input value="${res.locals.csrfToken}">`);
    };
    const { get } = await express([{ path: '/', handler }], {
      express: (app) => {
        app.use((_req, res, next) => {
          res.locals.csrfToken = `token-number-${++made}`;
          next();
        });
      },
    });
    expect((await get('/')).text).toContain('token-number-1');
    expect((await get('/')).text).toContain('token-number-2');
  });

  test('Fastify: a page whose handler takes reply.generateCsrf() is not stored', async () => {
    let reply: FastifyReply | undefined;
    const { get } = await fastify(
      [
        {
          path: '/',
          handler: (call) => call.render('form.njk', { csrfToken: reply!.generateCsrf() }),
          options: { cookies: [] },
        },
      ],
      {
        fastify: async (app: FastifyInstance) => {
          await app.register(fastifyCsrf);
          app.addHook('onRequest', async (_request, own) => {
            reply = own;
          });
        },
      },
    );
    const first = await get('/');
    const secret = { Cookie: first.headers['set-cookie']![0]!.split(';')[0]! };
    const second = await get('/', secret);
    expect(second.cache).toBe('miss (personal: cookies._csrf)');
    expect((await get('/', secret)).text).not.toBe(second.text);
  });
});
