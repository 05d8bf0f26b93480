import fastifyCookie from '@fastify/cookie';
import fastifyCsrf from '@fastify/csrf-protection';
import fastifySession from '@fastify/session';
import crumb from '@hapi/crumb';
import hapi from '@hapi/hapi';
import vision from '@hapi/vision';
import Router from '@koa/router';
import cookieParser from 'cookie-parser';
import { doubleCsrf } from 'csrf-csrf';
import { csrfSync } from 'csrf-sync';
import express, { type Express, type Request, type Response } from 'express';
import session from 'express-session';
import { fastify } from 'fastify';
import helmet from 'helmet';
import Koa from 'koa';
import koaCsrf from 'koa-csrf';
import koaSession from 'koa-session';
import lusca from 'lusca';
import nunjucks from 'nunjucks';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import * as forExpress from 'nunjucks-cachesweeper/express';
import * as forFastify from 'nunjucks-cachesweeper/fastify';
import * as forHapi from 'nunjucks-cachesweeper/hapi';
import * as forKoa from 'nunjucks-cachesweeper/koa';
import { afterEach, describe, expect, test } from 'vitest';
import { type Site, serve } from '../frameworks/framework-suite.ts';
import { ask } from './client.ts';
import { templates } from './sites.ts';

const SECRET = 'a secret of at least thirty-two characters';
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** A sweeper that reports no error, and how often the handler of the form's page ran. */
function made() {
  const errors: unknown[] = [];
  const sweeper = new CacheSweeper({ onError: (error) => void errors.push(error) });
  closing.push(async () => {
    await sweeper.close();
    expect(errors).toEqual([]);
  });
  const env = sweeper.install(nunjucks.configure(templates, { autoescape: true }));
  return { sweeper, env, ran: [] as string[] };
}

function opened(site: Site): string {
  closing.push(() => site.close());
  return site.url;
}

/** A browser with its cookies. */
function browser(url: string) {
  const jar = new Map<string, string>();
  const send = async (method: string, path: string, body?: string) => {
    const cookie = [...jar].map((pair) => pair.join('=')).join('; ');
    const type = body === undefined ? {} : { 'Content-Type': 'application/x-www-form-urlencoded' };
    const length = body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(body)) };
    const headers = { ...(cookie === '' ? {} : { Cookie: cookie }), ...type, ...length };
    const answer = await ask(url + path, { method, headers, ...(body === undefined ? {} : { body }) });
    for (const line of answer.headers['set-cookie'] ?? []) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      jar.set(name, value);
    }
    return { status: answer.status, text: answer.body.toString(), headers: answer.headers };
  };
  return {
    get: () => send('GET', '/form'),
    /** Submits a form with a token. */
    post: (token: string) => send('POST', '/form', `_csrf=${encodeURIComponent(token)}`),
  };
}

const tokenIn = (html: string) => (/name="_csrf" value="([^"]+)"/.exec(html) ?? [])[1] ?? '';

/**
 * Two visitors get the form and submit what they were sent.
 *
 * @param first whether the first of them finds the page in the cache
 */
async function submitted(url: string, ran: readonly string[], first: 'miss' | 'hit' = 'miss'): Promise<void> {
  const renders = first === 'miss' ? 1 : ran.length;
  const visitors = [browser(url), browser(url)];
  const tokens: string[] = [];
  for (const [i, visitor] of visitors.entries()) {
    const { text, headers } = await visitor.get();
    expect([headers['x-cache'], headers['cache-control']]).toEqual([i === 0 ? first : 'hit', 'private, no-cache']);
    tokens.push(tokenIn(text));
  }
  expect(ran).toHaveLength(renders);
  expect(new Set(tokens).size).toBe(2);
  // With the session that they have by now.
  for (const visitor of visitors) {
    const again = await visitor.get();
    expect(again.headers['x-cache']).toBe('hit');
    tokens.push(tokenIn(again.text));
  }
  expect(ran).toHaveLength(renders);
  for (const [i, visitor] of visitors.entries()) {
    for (const token of tokens) {
      const isOwn = tokens.indexOf(token) % 2 === i;
      expect((await visitor.post(token)).status).toBe(isOwn ? 200 : 403);
    }
  }
}

/** Express with a form's page behind some middleware. */
async function expressSite(
  before: (app: Express) => void,
  parts: {
    readonly replace: (req: Request, res: Response) => Record<string, unknown>;
    readonly render: (req: Request, res: Response) => object;
  },
) {
  const { sweeper, ran } = made();
  const app = express();
  sweeper.install(nunjucks.configure(templates, { autoescape: true, express: app }));
  app.use(express.urlencoded({ extended: false }));
  before(app);
  const { replace } = parts;
  app.get('/form', forExpress.cacheView({ sweeper, ttl: 300, replace }), (req: Request, res: Response) => {
    ran.push(req.path);
    res.render('form.njk', parts.render(req, res));
  });
  app.post('/form', (_req, res) => void res.send('accepted'));
  app.use((error: { status?: number }, _req: Request, res: Response, _next: unknown) => {
    res.status(error.status ?? 403).send('refused');
  });
  return { url: opened(await serve(app)), ran };
}

const ofExpress = () => session({ secret: SECRET, resave: false, saveUninitialized: true });

describe('Express: the packages as their READMEs use them', () => {
  test('helmet: each visitor’s page has the nonce of its policy', async () => {
    const { sweeper, ran } = made();
    const app = express();
    let count = 0;
    app.use((_req, res, next) => {
      res.locals.cspNonce = `0123456789abcdef0123456789abcdef${String(++count).padStart(4, '0')}`;
      next();
    });
    const nonce = (_req: unknown, res: unknown) => `'nonce-${(res as Response).locals.cspNonce}'`;
    app.use(helmet({ contentSecurityPolicy: { directives: { scriptSrc: ["'self'", nonce] } } }));
    const replace = (_req: Request, res: Response) => ({ nonce: res.locals.cspNonce });
    app.get('/form', forExpress.cacheView({ sweeper, ttl: 300, replace }), (_req: Request, res: Response) => {
      ran.push('/form');
      res.send(`<script nonce="${res.locals.cspNonce}">run()</script>`);
    });
    const url = opened(await serve(app));
    const nonces = new Set<string>();
    for (const cache of ['miss', 'hit', 'hit']) {
      const { text, headers } = await browser(url).get();
      const [, own = ''] = /nonce="([^"]+)"/.exec(text) ?? [];
      nonces.add(own);
      expect([headers['x-cache'], headers['content-security-policy']]).toEqual([
        cache,
        expect.stringContaining(`script-src 'self' 'nonce-${own}'`),
      ]);
    }
    expect([nonces.size, ran.length]).toEqual([3, 1]);
  });

  test('csrf-sync: req.csrfToken() of the session', async () => {
    const { csrfSynchronisedProtection } = csrfSync({ getTokenFromRequest: (req) => req.body?._csrf });
    const { url, ran } = await expressSite((app) => app.use(ofExpress(), csrfSynchronisedProtection), {
      replace: (req) => ({ csrf: req.csrfToken?.() }),
      render: (req) => ({ csrfToken: req.csrfToken?.() }),
    });
    await submitted(url, ran);
  });

  test('csrf-csrf: req.csrfToken() of a cookie, which it makes anew for whoever has none', async () => {
    const { doubleCsrfProtection } = doubleCsrf({
      getSecret: () => SECRET,
      getSessionIdentifier: (req) => req.session.id,
      cookieName: 'x-csrf-token',
      cookieOptions: { secure: false },
      getCsrfTokenFromRequest: (req) => req.body?._csrf,
    });
    const { url, ran } = await expressSite((app) => app.use(cookieParser(), ofExpress(), doubleCsrfProtection), {
      replace: (req) => ({ csrf: req.csrfToken?.() }),
      render: (req) => ({ csrfToken: req.csrfToken?.() }),
    });
    await submitted(url, ran);
  });

  test.each<[string, (req: Request, res: Response) => unknown]>([
    ['res.locals._csrf', (_req, res) => res.locals._csrf],
    ['req.csrfToken()', (req) => req.csrfToken?.()],
  ])('lusca: %s, another for each request', async (_where, token) => {
    const { url, ran } = await expressSite((app) => app.use(ofExpress(), lusca.csrf()), {
      replace: (req, res) => ({ csrf: token(req, res) }),
      render: (req, res) => ({ csrfToken: token(req, res) }),
    });
    // Base64 with a plus sign, a slash, both or none: four kinds, each with a view of its own.
    for (let i = 0; i < 200; i++) await browser(url).get();
    expect(ran.length).toBeLessThanOrEqual(4);
    await submitted(url, ran, 'hit');
  });
});

test('Express: a handler that begins another session gets the token of that', async () => {
  const { csrfSynchronisedProtection } = csrfSync({ getTokenFromRequest: (req) => req.body?._csrf });
  const { sweeper } = made();
  const app = express();
  app.use(express.urlencoded({ extended: false }), ofExpress(), csrfSynchronisedProtection);
  const replace = (req: Request) => ({ csrf: req.csrfToken?.() });
  app.get('/form', forExpress.cacheView({ sweeper, ttl: 300, replace }), (req: Request, res: Response, next) => {
    req.session.regenerate((error) => {
      if (error) return next(error);
      res.send(`<input name="_csrf" value="${req.csrfToken?.()}">`);
    });
  });
  app.post('/form', (_req, res) => void res.send('accepted'));
  app.use((error: { status?: number }, _req: Request, res: Response, _next: unknown) => {
    res.status(error.status ?? 500).send('refused');
  });
  const url = opened(await serve(app));
  for (let i = 0; i < 2; i++) {
    const visitor = browser(url);
    for (let again = 0; again < 2; again++) {
      const { text, headers } = await visitor.get();
      expect(headers['x-cache']).toMatch(/^(miss|skip) \(/);
      expect((await visitor.post(tokenIn(text))).status).toBe(200);
    }
  }
});

describe('Fastify: @fastify/csrf-protection', () => {
  test.each(['@fastify/cookie', '@fastify/session'] as const)('reply.generateCsrf() with %s', async (sessionPlugin) => {
    const { sweeper, env, ran } = made();
    const app = fastify();
    app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) =>
      done(null, Object.fromEntries(new URLSearchParams(String(body)))),
    );
    await app.register(fastifyCookie);
    if (sessionPlugin === '@fastify/session')
      await app.register(fastifySession, { secret: SECRET, cookie: { secure: false } });
    await app.register(fastifyCsrf, { sessionPlugin } as object);
    await app.register(forFastify.cacheView({ sweeper }));
    const replace = (_request: object, reply: object) => ({
      csrf: (reply as { generateCsrf(): string }).generateCsrf(),
    });
    app.get('/form', { config: { cacheView: { ttl: 300, replace } } }, async (_request, reply) => {
      ran.push('/form');
      reply.type('text/html; charset=utf-8');
      return sweeper.render(env, 'form.njk', { csrfToken: reply.generateCsrf() });
    });
    app.post('/form', { onRequest: [], preHandler: app.csrfProtection }, async () => 'accepted');
    const url = opened({ url: await app.listen({ host: '127.0.0.1', port: 0 }), close: () => app.close() });
    await submitted(url, ran);
  });
});

describe('Koa', () => {
  test('koa-csrf: ctx.state._csrf of koa-session, another for each request', async () => {
    const { sweeper, env, ran } = made();
    const app = new Koa();
    app.keys = [SECRET];
    app.silent = true;
    app.use(koaSession(app));
    app.use(async (ctx, next) => {
      let text = '';
      for await (const chunk of ctx.req) text += chunk;
      Object.assign(ctx.request, { body: Object.fromEntries(new URLSearchParams(text)) });
      await next();
    });
    app.use(new (koaCsrf as never as new () => Koa.Middleware)());
    const router = new Router();
    const replace = (ctx: object) => ({ csrf: (ctx as Koa.Context).state._csrf });
    router.get('/form', forKoa.cacheView({ sweeper, ttl: 300, replace }) as never, async (ctx: Koa.Context) => {
      ran.push('/form');
      ctx.type = 'html';
      ctx.body = await sweeper.render(env, 'form.njk', { csrfToken: ctx.state._csrf });
    });
    router.post('/form', (ctx: Koa.Context) => {
      ctx.body = 'accepted';
    });
    app.use(router.routes() as Koa.Middleware);
    await submitted(opened(await serve(app.callback())), ran);
  });
});

describe('hapi', () => {
  test('@hapi/crumb: request.plugins.crumb, and the variable that it gives to all views', async () => {
    const { sweeper, env, ran } = made();
    const server = hapi.server({ host: '127.0.0.1', debug: false });
    await server.register(vision);
    server.views({ engines: { njk: forHapi.viewEngine(env) }, compileMode: 'async', path: templates });
    await server.register({ plugin: crumb, options: { key: '_csrf', cookieOptions: { isSecure: false } } });
    await server.register(forHapi.cacheView({ sweeper }));
    const replace = (request: { readonly plugins: object }) => ({
      csrf: (request.plugins as { crumb?: string }).crumb,
    });
    server.route({
      method: 'GET',
      path: '/form',
      options: { plugins: { cacheView: { ttl: 300, replace } } },
      handler: (_request, h) => {
        ran.push('/form');
        return h.view('crumb.njk');
      },
    });
    server.route({ method: 'POST', path: '/form', handler: () => 'accepted' });
    await server.start();
    const close = () => {
      server.listener.closeAllConnections();
      return server.stop({ timeout: 0 });
    };
    await submitted(opened({ url: server.info.uri, close }), ran);
  });
});
