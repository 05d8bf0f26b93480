import { createServer as createHttp2 } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import crumb from '@hapi/crumb';
import hapi from '@hapi/hapi';
import vision from '@hapi/vision';
import yar from '@hapi/yar';
import nunjucks from 'nunjucks';
import { CacheSweeper, lazy } from 'nunjucks-cachesweeper';
import { cacheView, depend, fresh, viewEngine } from 'nunjucks-cachesweeper/hapi';
import { afterEach, describe, expect, test } from 'vitest';
import { ask } from './client.ts';

const PAGES: Readonly<Record<string, string>> = {
  page: '<p>{{ text }}</p>',
  greeting: '<p>{{ text }} {{ visitor.name if visitor else "nobody" }} {{ theme }}</p>',
  who: '<p>{{ text }} {{ reader.name }}</p>',
  later: '<p>{{ text }} {{ name() }}</p>',
  form: '<form><input name="crumb" value="{{ crumb }}"></form>',
  fragment: '{% cachesweeper article 100 %}<p>{{ article.title }}</p>{% endcachesweeper %}',
};

class Article {
  readonly id: number;
  title: string;
  constructor(id: number, title = 'x') {
    this.id = id;
    this.title = title;
  }
}

type Compiled = Parameters<ReturnType<typeof viewEngine>['compile']>[2];

interface Options {
  readonly settings?: hapi.ServerOptions;
  readonly context?: (request: hapi.Request | null) => object | Promise<object>;
  readonly isCached?: boolean;
  /** False for the same site without the cache. */
  readonly cached?: boolean;
  readonly isStarted?: boolean;
  /** Options of cacheView. */
  readonly view?: object;
}

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** Starts a site. `build` gets the server before it starts; `cacheView` is there already. */
async function site(build: (server: hapi.Server) => unknown, options: Options = {}) {
  const { settings, context, isCached = true, cached = true, isStarted = true, view } = options;
  const errors: unknown[] = [];
  const sweeper = new CacheSweeper({ maxDataAge: '60s', onError: (error) => void errors.push(error) });
  const server = hapi.server({ host: '127.0.0.1', debug: false, ...settings });
  await server.register(vision);
  const loader = new nunjucks.Loader();
  Object.assign(loader, { getSource: () => null });
  const env = sweeper.install(new nunjucks.Environment([loader as never], { autoescape: true }));
  const engine = viewEngine(env);
  server.views({
    engines: {
      njk: {
        compile(_source: string, compileOptions: { filename?: string }, next: Compiled) {
          const name = /(\w+)\.njk$/.exec(compileOptions.filename ?? '')?.[1] ?? '';
          return engine.compile(PAGES[name] ?? '', compileOptions, next);
        },
      },
    },
    compileMode: 'async',
    isCached,
    // Only the names of these files count.
    path: new URL('hapi-pages', import.meta.url).pathname,
    ...(context === undefined ? {} : { context: context as (request: hapi.Request | null) => object }),
  });
  if (cached) await server.register(cacheView({ sweeper, ttl: 300, ...view }));
  await build(server);
  if (isStarted) await server.start();
  closing.push(async () => {
    await server.stop({ timeout: 0 });
    await sweeper.close();
    expect(errors).toEqual([]);
  });
  const get = async (path: string, headers: Record<string, string> = {}, method = 'GET') => {
    const answer = await ask(server.info.uri + path, { headers, method });
    await sweeper.idle();
    return { ...answer, text: answer.body.toString(), cache: answer.headers['x-cache'] };
  };
  return { server, sweeper, get };
}

const kept = { plugins: { cacheView: true } } as const;

/** A route that is cached. */
function route(
  server: hapi.Server,
  path: string,
  handler: hapi.Lifecycle.Method,
  options: Omit<hapi.RouteOptions, 'handler'> = {},
): void {
  server.route({ method: 'GET', path, handler, options: { ...kept, ...options } });
}

const outcomes = async (
  get: (path: string, headers?: Record<string, string>) => Promise<{ cache?: unknown }>,
  path: string,
  headers?: Record<string, string>,
) => [(await get(path, headers)).cache, (await get(path, headers)).cache];

describe('the route option', () => {
  test('only routes that say so are cached, with their own options', async () => {
    const { get, sweeper } = await site((server) => {
      server.route({ method: 'GET', path: '/plain', handler: () => 'x' });
      route(server, '/off', () => 'x', { plugins: { cacheView: false } });
      route(server, '/on', () => 'x');
      route(server, '/named/{id}/{rest*}', (request) => JSON.stringify(request.params), {
        plugins: { cacheView: { name: 'named', ttl: '1h' } },
      });
    });
    expect(await outcomes(get, '/plain')).toEqual([undefined, undefined]);
    expect(await outcomes(get, '/off')).toEqual([undefined, undefined]);
    expect(await outcomes(get, '/on')).toEqual(['miss', 'hit']);
    expect(await outcomes(get, '/named/1/a/b')).toEqual(['miss', 'hit']);
    const expired = await sweeper.expireView({ name: 'named', params: { id: 1, rest: 'a/b' } });
    expect(expired.urls).toEqual(['/named/1/a/b']);
    expect(await outcomes(get, '/named/1/a/b')).toEqual(['miss', 'hit']);
    expect((await sweeper.expireView({ name: 'named', params: { id: 2 } })).urls).toEqual(['/named/2']);
  });

  test('wrong options are an error where the route is added', async () => {
    await site((server) => {
      const add = (view: unknown, path = '/x') =>
        route(server, path, () => 'x', { plugins: { cacheView: view as never } });
      expect(() => add({ tll: 3 })).toThrow(/plugins.cacheView of GET \/x/);
      expect(() => add('5m', '/y')).toThrow(/plugins.cacheView of GET \/y/);
    });
    expect(() => cacheView({} as never)).toThrow(expect.objectContaining({ code: 'CACHESWEEPER_BAD_OPTION' }));
  });

  test('routes that were there before the plugin, and below a prefix', async () => {
    const sweeper = new CacheSweeper();
    const server = hapi.server();
    route(server, '/before', () => 'x');
    await server.register(cacheView({ sweeper, ttl: 300 }));
    const plugin = {
      name: 'blog',
      register: (inner: hapi.Server) =>
        route(inner, '/{slug}', () => 'x', { plugins: { cacheView: { name: 'post' } } }),
    };
    await server.register(plugin, { routes: { prefix: '/blog' } });
    const asked = (url: string) => server.inject(url).then(({ headers }) => headers['x-cache']);
    for (const url of ['/before', '/blog/a']) expect([await asked(url), await asked(url)]).toEqual(['miss', 'hit']);
    const { urls } = await sweeper.expireView({ name: 'post', params: { slug: 'a' } });
    expect(urls).toEqual(['/blog/a']);
    await sweeper.close();
  });

  test('it looks behind onPreHandler extensions that came later, and before what loads data', async () => {
    const ran: string[] = [];
    const load = () => {
      ran.push('pre');
      return 'data';
    };
    const { get } = await site((server) => {
      route(server, '/', (request) => `${request.pre.data} of ${request.headers['x-lang']}`, {
        pre: [{ method: load, assign: 'data' }],
        ext: {
          onPreHandler: {
            method: (_request, h) => {
              ran.push('of the route');
              return h.continue;
            },
          },
          onPostHandler: {
            method: (_request, h) => {
              ran.push('post');
              return h.continue;
            },
          },
        },
      });
      server.ext('onPreHandler', (request, h) => {
        ran.push('later');
        const name = request.headers['x-user'];
        if (name) request.auth.credentials = { user: { name } } as never;
        return h.continue;
      });
    });
    expect((await get('/')).cache).toBe('miss');
    expect(ran.splice(0)).toEqual(['of the route', 'later', 'pre', 'post']);
    expect((await get('/')).cache).toBe('hit');
    expect(ran.splice(0)).toEqual(['of the route', 'later']);
    expect((await get('/', { 'X-User': 'Ann' })).cache).toBe('skip (logged in)');
    expect(await get('/', { 'X-Lang': 'de' })).toMatchObject({ text: 'data of de', cache: 'miss' });
  });

  test('also behind those that came when the server had started, of the server and of a route', async () => {
    const known = new WeakSet<object>();
    const refuse = (request: hapi.Request, h: hapi.ResponseToolkit) =>
      known.has(request) ? h.continue : h.response('refused').code(403).takeover();
    const { server, get } = await site((inner) => {
      inner.ext('onRequest', (request, h) => {
        if (request.headers['x-known'] !== undefined) known.add(request);
        return h.continue;
      });
      route(inner, '/early', () => 'secret');
    });
    await get('/early');
    route(server, '/late', () => 'secret', { ext: { onPreHandler: { method: refuse } } });
    expect(await get('/late', { 'X-Known': '1' })).toMatchObject({ text: 'secret', cache: 'miss' });
    expect(await get('/late', { 'X-Known': '1' })).toMatchObject({ text: 'secret', cache: 'hit' });
    expect(await get('/late')).toMatchObject({ text: 'refused', status: 403 });
    server.ext('onPreHandler', refuse);
    expect(await get('/early', { 'X-Known': '1' })).toMatchObject({ text: 'secret', cache: 'hit' });
    expect(await get('/early')).toMatchObject({ text: 'refused', status: 403 });
  });

  test('a server that only answers inject caches as well', async () => {
    const { server, sweeper } = await site(
      (inner) =>
        route(inner, '/', async (request, h) => {
          await depend(request, { type: 'Article', id: 1 });
          return h.view('fragment', { article: new Article(1) });
        }),
      { isStarted: false },
    );
    const asked = () => server.inject('/').then(({ headers, payload }) => [headers['x-cache'], payload]);
    expect(await asked()).toEqual(['miss', '<p>x</p>']);
    expect(await asked()).toEqual(['hit', '<p>x</p>']);
    await sweeper.invalidateCacheFor({ type: 'Article', id: 1 });
    expect((await asked())[0]).toBe('miss');
  });

  test('a handler that asks the server itself: each page is made from its own', async () => {
    const { get, sweeper } = await site((server) => {
      route(server, '/inner', async (request) => {
        await depend(request, { type: 'Article', id: 2 });
        return 'inner';
      });
      route(server, '/outer', async (request, h) => {
        const { payload } = await server.inject('/inner');
        await depend(request, { type: 'Article', id: 1 });
        return h.view('fragment', { article: new Article(3, payload) });
      });
    });
    expect(await outcomes(get, '/outer')).toEqual(['miss', 'hit']);
    for (const id of [1, 3]) {
      await sweeper.invalidateCacheFor({ type: 'Article', id });
      expect(await outcomes(get, '/outer')).toEqual(['miss', 'hit']);
    }
  });
});

describe('what hapi keeps apart', () => {
  test.each<[string, (request: hapi.Request) => unknown, Record<string, string>, string]>([
    ['a cookie of request.state', ({ state }) => state.theme, { Cookie: 'theme=dark' }, 'cookies.theme'],
    ['all of request.state', ({ state }) => JSON.stringify(state), { Cookie: 'theme=dark' }, 'cookies'],
    ['the address', ({ info }) => info.remoteAddress, {}, 'ip'],
    ['all of request.info', ({ info }) => JSON.stringify(info), {}, 'ip'],
  ])('%s is personal', async (_what, read, headers, detail) => {
    const { get } = await site((server) => route(server, '/', (request) => `is ${read(request)}`), {
      view: { cookies: [] },
    });
    const { cache, headers: sent } = await get('/', headers);
    expect(cache).toMatch(/^miss \((personal|unseen): /);
    expect(sent['cache-control']).toBe('private, no-cache');
    if (detail !== 'ip') expect(cache).toBe(`miss (personal: ${detail})`);
    expect((await get('/', headers)).cache).not.toBe('hit');
  });

  test('values are compared: headers, info, app, plugins', async () => {
    const { get } = await site((server) => {
      server.ext('onRequest', (request, h) => {
        Object.assign(request.app, { lang: request.headers['x-lang'] });
        Object.assign(request.plugins, { shop: { id: request.headers['x-shop'] } });
        return h.continue;
      });
      route(server, '/lang', ({ app }) => `in ${(app as { lang?: string }).lang}`);
      route(server, '/shop', ({ plugins }) => JSON.stringify((plugins as { shop?: unknown }).shop));
      route(server, '/referrer', ({ info }) => `from ${info.referrer}`);
      route(server, '/coding', ({ info }) => `as ${info.acceptEncoding}`);
    });
    const cases: [string, string, string[]][] = [
      ['/lang', 'X-Lang', ['en', 'de']],
      ['/shop', 'X-Shop', ['1', '2']],
      ['/referrer', 'Referer', ['http://a.test/', 'http://b.test/']],
      ['/coding', 'Accept-Encoding', ['gzip', 'identity']],
    ];
    for (const [path, header, values] of cases) {
      for (const cache of ['miss', 'hit']) {
        for (const value of values) {
          const answer = await get(path, { [header]: value });
          expect([path, answer.cache]).toEqual([path, cache]);
          expect(answer.text).toContain(value);
        }
      }
      expect((await get(path, { 'X-Other': '1' })).cache).toBe('miss');
    }
  });

  test('an entry of the log reads nothing; a page with the request’s id is not stored', async () => {
    const { get, server } = await site((inner) => {
      route(inner, '/log', (request) => {
        request.log(['page'], 'made');
        return 'x';
      });
      route(inner, '/id', ({ info }) => info.id);
    });
    const ids: string[] = [];
    server.events.on('request', (request) => void ids.push(`${request.info.id} ${request.headers['user-agent']}`));
    expect(await outcomes(get, '/log')).toEqual(['miss', 'hit']);
    expect(ids).toHaveLength(1);
    expect((await get('/id')).cache).toBe('miss (unseen: info.id)');
  });

  test('a handler is given the address that is in the key, validated or not; code outside the one that was sent', async () => {
    const outside: unknown[] = [];
    const shown: hapi.Lifecycle.Method = ({ url, query, path, orig, raw }) =>
      JSON.stringify([url.href.replace(/.*?\//, ''), query, path, (orig as { query?: object }).query, raw.req.url]);
    const { get } = await site((server) => {
      route(server, '/plain', shown);
      const query = async (given: object) => ({ page: 1, ...given });
      route(server, '/validated', shown, { validate: { query } });
      route(server, '/listed', shown, { plugins: { cacheView: { query: ['b', 'a'] } } });
      server.ext('onPreResponse', (request, h) => {
        outside.push(request.url.search, Object.keys(request.query), request.raw.req.url);
        return h.continue;
      });
    });
    for (const path of ['/plain', '/validated', '/listed']) {
      const first = await get(`${path}?a=1&utm_source=evil&b=2`);
      expect(first.text).not.toContain('evil');
      expect(outside.splice(0)).toEqual([
        '?a=1&utm_source=evil&b=2',
        expect.arrayContaining(['a', 'utm_source', 'b']),
        `${path}?a=1&utm_source=evil&b=2`,
      ]);
      const again = await get(path === '/listed' ? '/listed?b=2&x=3&a=1' : `${path}?a=1&b=2&gclid=x`);
      expect(again).toMatchObject({ cache: 'hit', text: first.text });
      outside.splice(0);
    }
  });

  test('validated headers and cookies are recorded like others', async () => {
    const { get } = await site(
      (server) =>
        route(
          server,
          '/',
          (request) =>
            `${request.headers['x-lang']} ${request.state.theme} ${JSON.stringify((request.orig as { state?: object }).state)}`,
          {
            validate: {
              headers: async (value: object) => ({ ...value }),
              state: async (value: object) => ({ ...value }),
            },
          },
        ),
      { view: { cookies: [] } },
    );
    expect((await get('/', { 'X-Lang': 'en' })).text).toContain('en undefined');
    expect((await get('/', { 'X-Lang': 'de' })).text).toContain('de undefined');
    expect((await get('/', { 'X-Lang': 'de', Cookie: 'theme=dark' })).text).toContain('de dark');
    expect((await get('/', { 'X-Lang': 'de', Cookie: 'theme=light' })).text).toContain('de light');
  });

  test('a rewritten url, a stripped slash and hosts are pages of their own', async () => {
    const { get } = await site(
      (server) => {
        server.ext('onRequest', (request, h) => {
          if (request.headers['x-to']) request.setUrl(request.headers['x-to'] as string);
          return h.continue;
        });
        for (const path of ['/a', '/b']) route(server, path, (request) => `${request.path} ${request.query.q}`);
        server.route({ method: 'GET', path: '/v', vhost: 'one.test', handler: () => 'one', options: kept });
        server.route({ method: 'GET', path: '/v', vhost: 'two.test', handler: () => 'two', options: kept });
      },
      { settings: { router: { stripTrailingSlash: true } }, view: { ignoreHost: true } },
    );
    expect((await get('/a', { 'X-To': '/b' })).text).toBe('/b undefined');
    expect((await get('/a', { 'X-To': '/a?q=1' })).text).toBe('/a 1');
    expect((await get('/a')).text).toBe('/a undefined');
    expect((await get('/a/')).text).toBe('/a undefined');
    expect((await get('/v', { Host: 'one.test' })).text).toBe('one');
    expect((await get('/v', { Host: 'two.test' })).text).toBe('two');
  });

  test('the scheme, the user and the fragment of a url that an extension set count, because handlers see them', async () => {
    const { get } = await site((server) => {
      server.ext('onRequest', (request, h) => {
        const { 'x-scheme': scheme, 'x-rest': rest = '' } = request.headers;
        if (scheme) request.setUrl(new URL(`${scheme}://${rest}`));
        return h.continue;
      });
      route(server, '/', (request) => request.url.href);
    });
    for (const url of [
      'https://a.test/',
      'http://a.test/',
      'http://ann:x@a.test/',
      'http://a.test/#x',
      'http://a.test/#y',
    ]) {
      const [scheme = '', rest = ''] = url.split('://');
      const asked = () => get('/', { Host: 'a.test', 'X-Scheme': scheme, 'X-Rest': rest });
      expect([(await asked()).text, (await asked()).text]).toEqual([url, url]);
    }
  });
});

describe('vision', () => {
  test.each([[true], [false]])(
    'renders behind the handler, isCached %s: its context function is recorded',
    async (isCached) => {
      const { get, sweeper } = await site(
        (server) => route(server, '/', (_request, h) => h.view('greeting', { text: 'Hello' })),
        {
          isCached,
          view: { cookies: [] },
          context: async (request) => {
            await sleep(1);
            return { theme: request?.headers['x-theme'], visitor: request?.state.name && { name: request.state.name } };
          },
        },
      );
      expect(await get('/', { 'X-Theme': 'dark' })).toMatchObject({ text: '<p>Hello nobody dark</p>', cache: 'miss' });
      expect(await get('/', { 'X-Theme': 'light' })).toMatchObject({
        text: '<p>Hello nobody light</p>',
        cache: 'miss',
      });
      expect(await get('/', { 'X-Theme': 'dark' })).toMatchObject({ text: '<p>Hello nobody dark</p>', cache: 'hit' });
      expect(await get('/', { 'X-Theme': 'dark', Cookie: 'name=Ann' })).toMatchObject({
        text: '<p>Hello Ann dark</p>',
        cache: 'skip (personal)',
        headers: { 'cache-control': 'private, no-cache' },
      });
      expect(sweeper.stats().tags.filter(({ line }) => line > 0)).toEqual([]);
    },
  );

  test('what a page shows in a fragment makes it fresh', async () => {
    const article = new Article(1, 'Old');
    const { get, sweeper } = await site((server) => {
      route(server, '/view', (_request, h) => h.view('fragment', { article }));
      route(server, '/render', (request) => request.render('fragment', { article }));
      route(server, '/tag', { view: { template: 'fragment', context: { article } } } as never);
      route(server, '/pre', (request) => request.pre.html, {
        pre: [{ method: (request) => request.render('fragment', { article }), assign: 'html' }],
      });
    });
    for (const path of ['/view', '/render', '/tag', '/pre']) {
      article.title = 'Old';
      await sweeper.invalidateCacheFor(article);
      expect([path, ...(await outcomes(get, path))]).toEqual([path, 'miss', 'hit']);
      article.title = 'New';
      await sweeper.invalidateCacheFor(article);
      expect(await get(path)).toMatchObject({ text: '<p>New</p>', cache: 'miss' });
    }
  });

  test('what they put into a page of another engine is not stored, because that does not say what it uses', async () => {
    const { get } = await site(async (server) => {
      const path = new URL('hapi-pages', import.meta.url).pathname;
      const compile = (_source: string, _options: object, next: (error: null, page: unknown) => void) =>
        next(null, (data: { who?: string }, _more: object, done: (error: null, html: string) => void) =>
          done(null, `for ${data.who ?? 'all'}`),
        );
      await server.register({
        name: 'other',
        register(own) {
          own.views({ engines: { njk: { compile: compile as never } }, compileMode: 'async', path });
          route(own, '/', (_request, h) => h.view('page', {}));
        },
      });
      server.ext('onPreResponse', ({ response, headers }, h) => {
        const { source } = response as unknown as { source: { context: object } };
        if (headers['x-who'] !== undefined) source.context = { ...source.context, who: headers['x-who'] };
        return h.continue;
      });
    });
    expect((await get('/', { 'X-Who': 'ann' })).text).toBe('for ann');
    expect(await get('/')).toMatchObject({ text: 'for all', cache: 'miss' });
  });

  test('what onPreResponse extensions put into the page is not stored, where it shows', async () => {
    const { get } = await site((server) => {
      server.ext('onPreResponse', ({ response, headers }, h) => {
        if ('isBoom' in response || (response.variety as string) !== 'view') return h.continue;
        const source = response.source as { context?: Record<string, unknown> };
        source.context = { ...source.context, theme: headers['x-theme'] };
        Object.assign((source.context.reader as object | undefined) ?? {}, { name: headers['x-theme'] });
        return h.continue;
      });
      route(server, '/within', (_request, h) => h.view('who', { text: 'x', reader: { name: 'nobody' } }));
      route(server, '/shown', (_request, h) => h.view('greeting', { text: 'x' }));
      route(server, '/not-shown', (_request, h) => h.view('page', { text: 'x' }));
    });
    expect(await outcomes(get, '/shown', { 'X-Theme': 'dark' })).toEqual([
      'miss (changed outside)',
      'miss (changed outside)',
    ]);
    expect((await get('/shown', { 'X-Theme': 'light' })).text).toContain('light');
    expect((await get('/within', { 'X-Theme': 'dark' })).text).toBe('<p>x dark</p>');
    expect((await get('/within', { 'X-Theme': 'light' })).text).toBe('<p>x light</p>');
    expect(await outcomes(get, '/not-shown', { 'X-Theme': 'dark' })).toEqual(['miss', 'hit']);
  });

  test('a promise among the variables that reads while others wait is recorded', async () => {
    const { get } = await site((server) => {
      server.ext('onPreResponse', async (_request, h) => {
        await sleep(40);
        return h.continue;
      });
      route(server, '/', async (request, h) => {
        const name = sleep(15).then(() => String(request.headers['x-name']));
        return h.view('later', { text: 'x', name: lazy(() => name) });
      });
    });
    for (const name of ['Ann', 'Ben']) {
      expect(await get('/', { 'X-Name': name })).toMatchObject({ text: `<p>x ${name}</p>`, cache: 'miss' });
    }
    expect(await get('/', { 'X-Name': 'Ann' })).toMatchObject({ text: '<p>x Ann</p>', cache: 'hit' });
  });
});

describe('extensions around', () => {
  test('their headers are theirs; a body that they change is not stored', async () => {
    let number = 0;
    const { get } = await site((server) => {
      server.ext('onPreResponse', (request, h) => {
        const { response } = request;
        if ('isBoom' in response) return h.continue;
        response.header('X-Number', `${++number}`);
        if (request.path === '/changed') Object.assign(response, { source: `${String(response.source)} for you` });
        if (request.path === '/replaced') return h.response(`all ${request.headers['x-name']}`);
        if (request.path === '/data') (response.source as { at?: number }).at = number;
        return h.continue;
      });
      for (const path of ['/', '/changed', '/replaced']) route(server, path, () => 'page');
      route(server, '/data', () => ({ text: 'page' }));
    });
    expect((await get('/')).headers['x-number']).toBe('1');
    expect(await get('/')).toMatchObject({ cache: 'hit', headers: { 'x-number': '2' } });
    for (const path of ['/changed', '/replaced', '/data']) {
      expect(await outcomes(get, path)).toEqual(['miss (changed outside)', 'miss (changed outside)']);
    }
  });

  test('a body that an extension changes which came late, or wants to be behind ours, is not changed twice', async () => {
    const sign = (request: hapi.Request, h: hapi.ResponseToolkit) =>
      h.response(`${String((request.response as hapi.ResponseObject).source)}+`);
    for (const isLate of [true, false]) {
      const { server, get } = await site((inner) => {
        route(inner, '/', () => 'page');
        if (!isLate) inner.ext('onPreResponse', sign, { after: 'nunjucks-cachesweeper-views' });
      });
      if (isLate) server.ext('onPreResponse', sign);
      for (let i = 0; i < 3; i++) {
        expect(await get('/')).toMatchObject({ text: 'page+', cache: 'miss (changed outside)' });
      }
    }
  });

  test('a page that stands for an error is not stored', async () => {
    const { get } = await site((server) => {
      server.ext('onPreResponse', ({ response }, h) =>
        'isBoom' in response ? h.response('sorry').code(200) : h.continue,
      );
      route(server, '/handler', () => {
        throw new Error('broken');
      });
      route(server, '/view', (_request, h) => h.view('missing'));
      route(server, '/pre', () => 'x', {
        pre: [
          () => {
            throw new Error('broken');
          },
        ],
      });
      route(server, '/schema', () => ({ a: 1 }), {
        response: {
          schema: async () => {
            throw new Error('wrong');
          },
        },
      });
    });
    for (const path of ['/handler', '/view', '/pre', '/schema']) {
      const [first, second] = await outcomes(get, path);
      expect([path, first, second]).toEqual([
        path,
        expect.stringMatching(/^miss \(/),
        expect.stringMatching(/^miss \(/),
      ]);
    }
  });

  test('a handler may take over', async () => {
    const { get } = await site((server) => {
      route(server, '/', (request, h) => h.response(`for ${request.headers['x-name']}`).takeover());
    });
    for (const name of ['Ann', 'Ben', 'Ann', 'Ben'])
      expect((await get('/', { 'X-Name': name })).text).toBe(`for ${name}`);
    expect((await get('/', { 'X-Name': 'Ann' })).cache).toBe('hit');
  });

  test('data is data on a hit, for validations and extensions', async () => {
    const seen: unknown[] = [];
    const { get } = await site((server) => {
      route(server, '/', () => ({ a: [1, 'ü'] }), {
        response: { schema: async (value: unknown) => void seen.push(value) },
      });
    });
    const first = await get('/');
    expect(await get('/')).toMatchObject({
      cache: 'hit',
      text: first.text,
      headers: { 'content-type': first.headers['content-type'] },
    });
    expect(seen).toEqual([{ a: [1, 'ü'] }, { a: [1, 'ü'] }]);
  });
});

describe('HTTP', () => {
  const long = 'ü'.repeat(2_000);

  test('hapi compresses for each client: what is stored is not compressed, what is personal is', async () => {
    const { get } = await site((server) => {
      route(server, '/', () => long);
      route(server, '/own', ({ state }) => `${state.theme}${long}`);
    });
    const gzip = { 'Accept-Encoding': 'gzip' };
    const miss = await get('/', gzip);
    expect(miss).toMatchObject({ text: long, cache: 'miss' });
    const hit = await get('/', gzip);
    expect(hit).toMatchObject({ cache: 'hit', headers: { 'content-encoding': 'gzip', vary: 'accept-encoding' } });
    expect(gunzipSync(hit.body).toString()).toBe(long);
    expect(hit.headers.etag).toBe(miss.headers.etag?.replace(/"$/, '.gzip"'));
    expect(await get('/')).toMatchObject({ text: long, cache: 'hit', headers: { etag: miss.headers.etag } });
    expect((await get('/', { 'Accept-Encoding': 'deflate' })).headers['content-encoding']).toBe('deflate');
    expect(await get('/', { ...gzip, 'If-None-Match': hit.headers.etag as string })).toMatchObject({
      status: 304,
      text: '',
    });
    const own = await get('/own', { ...gzip, Cookie: 'theme=dark' });
    expect(own).toMatchObject({ cache: 'miss (personal: cookies.theme)', headers: { 'content-encoding': 'gzip' } });
  });

  test.each<[string, hapi.RouteOptions['cache'], string, string]>([
    ['nothing', undefined, 'miss', 'no-cache'],
    ['false', false, 'miss', 'no-cache'],
    ['a lifetime', { expiresIn: 60_000 }, 'miss', 'max-age=60, must-revalidate'],
    [
      'a private lifetime',
      { expiresIn: 60_000, privacy: 'private' },
      'miss (cache-control)',
      'max-age=60, must-revalidate, private',
    ],
    ['no-store', { otherwise: 'no-store' }, 'miss (cache-control)', 'no-store'],
  ])('the route’s cache: %s', async (_what, cache, outcome, control) => {
    const { get } = await site((server) => route(server, '/', () => 'x', cache === undefined ? {} : { cache }));
    expect(await get('/')).toMatchObject({ cache: outcome, headers: { 'cache-control': control } });
    const again = await get('/');
    expect(again.headers['cache-control']).toBe(control);
    expect(again.cache).toBe(outcome === 'miss' ? 'hit' : outcome);
  });

  test('no-cache of the handler is its own word; the option cacheControl stands in for hapi’s default', async () => {
    const { get } = await site(
      (server) => {
        route(server, '/said', (_request, h) => h.response('x').header('Cache-Control', 'no-cache'));
        route(server, '/default', () => 'x');
        route(server, '/personal', ({ state }) => `${state.a}`);
      },
      { view: { cacheControl: 'no-cache, s-maxage=600' } },
    );
    expect(await outcomes(get, '/said')).toEqual(['miss (cache-control)', 'miss (cache-control)']);
    for (const cache of ['miss', 'hit']) {
      expect(await get('/default')).toMatchObject({ cache, headers: { 'cache-control': 'no-cache, s-maxage=600' } });
    }
    const personal = await get('/personal', { Cookie: 'a=1' });
    expect(personal.headers['cache-control']).toBe('private, no-cache');
  });

  test('a tag of the handler, h.entity, ranges, HEAD', async () => {
    let ran = 0;
    const { get } = await site((server) => {
      route(server, '/tag', (_request, h) => {
        ran++;
        return h.response('x').etag('mine');
      });
      route(server, '/entity', (_request, h) => h.entity({ etag: 'entity' }) ?? h.response('x'));
      route(server, '/', () => '0123456789');
    });
    // A returning visitor fills the cache, and gets the 304.
    expect(await get('/tag', { 'If-None-Match': '"mine"' })).toMatchObject({ status: 304, cache: 'miss' });
    expect(await get('/tag')).toMatchObject({ text: 'x', cache: 'hit', headers: { etag: '"mine"' } });
    expect(ran).toBe(1);
    expect(await get('/entity', { 'If-None-Match': '"entity"' })).toMatchObject({ status: 304, cache: 'miss' });
    expect(await get('/entity')).toMatchObject({ text: 'x', cache: 'hit', headers: { etag: '"entity"' } });
    for (const cache of ['miss', 'hit']) {
      const part = await get('/', { Range: 'bytes=0-1' });
      expect(part).toMatchObject({ status: 200, text: '0123456789', cache, headers: { 'accept-ranges': 'none' } });
    }
    expect(await get('/', {}, 'HEAD')).toMatchObject({
      status: 200,
      text: '',
      cache: 'hit',
      headers: { 'content-length': '10' },
    });
  });

  test('policies for origins and security are hapi’s for each request', async () => {
    const { get } = await site((server) =>
      route(server, '/', () => 'x', { cors: { origin: ['http://a.test', 'http://b.test'] }, security: true }),
    );
    for (const origin of ['http://a.test', 'http://b.test', 'http://a.test', 'http://b.test']) {
      const { headers } = await get('/', { Origin: origin });
      expect(headers['access-control-allow-origin']).toBe(origin);
      expect(headers['x-frame-options']).toBe('DENY');
    }
    expect((await get('/', { Origin: 'http://a.test' })).cache).toBe('hit');
  });

  test('HTTP/2', async () => {
    const listener = createHttp2();
    const { server } = await site((inner) => route(inner, '/', () => 'x'), {
      settings: { listener: listener as never, tls: false },
    });
    const { connect } = await import('node:http2');
    const client = connect(server.info.uri);
    const asked = () =>
      new Promise((resolve, reject) => {
        const stream = client.request({ ':path': '/' });
        stream.on('response', (headers) => resolve(headers['x-cache'])).on('error', reject);
        stream.resume();
      });
    expect([await asked(), await asked()]).toEqual(['miss', 'hit']);
    client.close();
  });

  test('fresh() gives the 304 for the handler to return', async () => {
    let loaded = 0;
    const { get, sweeper } = await site((server) => {
      server.route({
        method: 'GET',
        path: '/',
        handler: async (request, h) => {
          const unchanged = await fresh(request, h, [{ type: 'Article', id: 1 }], { sweeper });
          if (unchanged) return unchanged;
          loaded++;
          return 'x';
        },
      });
    });
    const { etag = '', 'cache-control': control } = (await get('/')).headers;
    expect(control).toBe('private, no-cache');
    expect(await get('/', { 'If-None-Match': etag })).toMatchObject({ status: 304, text: '' });
    expect(loaded).toBe(1);
    await sweeper.invalidateCacheFor({ type: 'Article', id: 1 });
    expect((await get('/', { 'If-None-Match': etag })).status).toBe(200);
  });
});

/** As @hapi/boom says it. */
const NOBODY = Object.assign(new Error('nobody'), {
  isBoom: true,
  isMissing: true,
  output: { statusCode: 401, headers: {}, payload: { message: 'nobody' } },
});

/** A scheme that knows visitors by a header or a cookie. */
function schemes(server: hapi.Server, mode: 'try' | 'optional' | 'required'): void {
  server.auth.scheme('named', () => ({
    authenticate(request, h) {
      const name = request.headers['x-name'] ?? request.state.login;
      if (!name) return h.unauthenticated(NOBODY);
      return h.authenticated({ credentials: { user: { name } as never } });
    },
  }));
  server.auth.strategy('named', 'named');
  server.auth.default({ strategy: 'named', mode });
}

describe('visitors', () => {
  test.each<['try' | 'optional']>([['try'], ['optional']])('an auth scheme, mode %s', async (mode) => {
    const { get } = await site(
      (server) => {
        schemes(server, mode);
        route(server, '/', ({ auth }) => `for ${(auth.credentials as { user?: { name: string } } | null)?.user?.name}`);
      },
      { view: { cookies: [] } },
    );
    expect(await get('/')).toMatchObject({ text: 'for undefined', cache: 'miss' });
    for (const name of ['Ann', 'Ben']) {
      expect(await get('/', { 'X-Name': name })).toMatchObject({
        text: `for ${name}`,
        cache: 'skip (logged in)',
        headers: { 'cache-control': 'private, no-cache' },
      });
    }
    expect(await get('/')).toMatchObject({ text: 'for undefined', cache: 'hit' });
  });

  test('who may not see a page is refused before the cache', async () => {
    const { get } = await site((server) => {
      schemes(server, 'required');
      route(server, '/', () => 'secret');
    });
    expect(await get('/', { 'X-Name': 'Ann' })).toMatchObject({ text: 'secret', cache: 'skip (logged in)' });
    expect((await get('/')).status).toBe(401);
  });

  const password = 'a password of at least thirty-two characters';

  async function withYar(options: { storeBlank: boolean; maxCookieSize?: number }, view: object) {
    return site(
      async (server) => {
        await server.register({
          plugin: yar,
          options: { ...options, cookieOptions: { password, isSecure: false } },
        } as never);
        const session = (request: hapi.Request) =>
          request.yar as unknown as {
            id: string;
            get(name: string): unknown;
            set(name: string, value: unknown): void;
            reset(): void;
          };
        route(server, '/plain', () => 'plain');
        route(server, '/basket', (request) => `basket: ${session(request).get('basket')}`);
        route(server, '/id', (request) => `session ${session(request).id}`);
        route(server, '/part', (request) => `part: ${session(request).id.slice(0, 6)}`);
        route(server, '/anew', (request) => {
          const { id } = session(request);
          session(request).reset();
          return `anew: ${session(request).id !== id}`;
        });
        route(server, '/set/{what}', (request) => {
          session(request).set('basket', request.params.what);
          return 'set';
        });
      },
      { view },
    );
  }

  const cookieOf = ({ headers }: { headers: { 'set-cookie'?: string[] | undefined } }) => ({
    Cookie: String(headers['set-cookie']?.[0]?.split(';')[0]),
  });

  test('yar: what a session holds is its visitor’s own', async () => {
    const { get } = await withYar({ storeBlank: false }, { cookies: [] });
    expect(await outcomes(get, '/basket')).toEqual(['miss', 'hit']);
    const set = await get('/set/apples');
    expect(set.cache).toMatch(/^miss \(/);
    expect(set.headers['cache-control']).toBe('private, no-cache');
    const ann = cookieOf(set);
    expect(await get('/basket', ann)).toMatchObject({ text: 'basket: apples', cache: 'skip (personal)' });
    expect(await get('/plain', ann)).toMatchObject({ text: 'plain', cache: 'miss' });
    expect(await get('/plain')).toMatchObject({ text: 'plain', cache: 'hit' });
    expect(await get('/basket')).toMatchObject({ text: 'basket: null', cache: 'hit' });
    // A page may not repeat the id of a session, even of one that holds nothing.
    for (const _ of [1, 2]) expect((await get('/id')).cache).toBe('miss (personal: session.id)');
  });

  test('yar: what is made of the id of a session that holds nothing is for its visitor alone', async () => {
    const { get } = await withYar({ storeBlank: true, maxCookieSize: 0 }, { cookies: [] });
    const [ann, ben] = [cookieOf(await get('/part')), cookieOf(await get('/part'))];
    const texts = [];
    for (const own of [ann, ben, ann, ben]) texts.push((await get('/part', own)).text);
    expect(texts[0]).toMatch(/^part: \w{6}$/);
    expect(texts[1]).not.toBe(texts[0]);
    expect(texts.slice(2)).toEqual(texts.slice(0, 2));
    expect((await get('/anew', ann)).text).toBe('anew: true');
  });

  test('yar, which gives each visitor a session: its cookie goes along with a private answer', async () => {
    const { get } = await withYar({ storeBlank: true }, { cookies: [], cacheControl: 'no-cache, s-maxage=600' });
    const first = await get('/plain');
    expect(first).toMatchObject({ cache: 'miss (set-cookie)', headers: { 'cache-control': 'private, no-cache' } });
    const mine = cookieOf(first);
    expect(await get('/plain', mine)).toMatchObject({
      cache: 'miss',
      headers: { 'cache-control': 'no-cache, s-maxage=600' },
    });
    expect(await get('/plain', mine)).toMatchObject({
      cache: 'hit',
      headers: { 'cache-control': 'no-cache, s-maxage=600' },
    });
    const other = await get('/plain');
    expect(other).toMatchObject({ cache: 'hit', headers: { 'cache-control': 'private, no-cache' } });
    expect(other.headers['set-cookie']?.[0]).toMatch(/^session=/);
  });

  test('crumb: a form is its visitor’s own, and other pages are for all', async () => {
    const { get } = await site(
      async (server) => {
        await server.register({ plugin: crumb.plugin, options: { cookieOptions: { isSecure: false } } });
        route(server, '/form', (_request, h) => h.view('form'));
        route(server, '/page', (_request, h) => h.view('page', { text: 'x' }));
        route(server, '/token', ({ plugins }) => `token ${(plugins as { crumb?: string }).crumb}`);
      },
      { view: { cacheControl: 'no-cache, s-maxage=600' } },
    );
    const first = await get('/page');
    expect(first).toMatchObject({ cache: 'miss (set-cookie)', headers: { 'cache-control': 'private, no-cache' } });
    const ann = cookieOf(first);
    const ben = cookieOf(await get('/page'));
    expect(await get('/page', ann)).toMatchObject({ text: '<p>x</p>', cache: 'miss' });
    expect(await get('/page', ben)).toMatchObject({ text: '<p>x</p>', cache: 'hit' });
    expect(await get('/page')).toMatchObject({ cache: 'hit', headers: { 'cache-control': 'private, no-cache' } });
    for (const path of ['/form', '/token']) {
      for (const own of [ann, ben, ann]) {
        const answer = await get(path, own);
        expect(answer.text).toContain(own.Cookie.replace('crumb=', ''));
        expect(answer.cache).not.toBe('hit');
        expect(answer.headers['cache-control']).toBe('private, no-cache');
      }
      expect((await get(path)).text).not.toContain(ann.Cookie.replace('crumb=', ''));
    }
  });

  test('two visitors and nobody, in turn and at once: byte for byte as without the cache', async () => {
    const build = async (server: hapi.Server) => {
      const cookieOptions = { password, isSecure: false };
      await server.register({ plugin: yar, options: { storeBlank: false, cookieOptions } } as never);
      await server.register({ plugin: crumb.plugin, options: { cookieOptions: { isSecure: false } } });
      type Session = { get(name: string): unknown; set(name: string, value: unknown): void };
      const session = (request: hapi.Request) => request.yar as unknown as Session;
      route(server, '/news', (_request, h) => h.view('page', { text: 'news' }));
      route(server, '/form', (_request, h) => h.view('form'));
      route(server, '/greeting', async (_request, h) => {
        await sleep(2);
        return h.view('greeting', { text: 'Hello' });
      });
      route(server, '/basket', (request) => `basket ${JSON.stringify(session(request).get('basket'))}`);
      route(server, '/theme', ({ state }) => `theme ${state.theme ?? 'none'}`);
      route(server, '/lang', ({ headers }) => `lang ${headers['accept-language'] ?? 'none'}`);
      route(server, '/query', ({ query, url }) => JSON.stringify([query, url.search]));
      route(server, '/add/{what}', (request) => {
        session(request).set('basket', request.params.what);
        return 'added';
      });
    };
    const context = (request: hapi.Request | null) => ({
      visitor: (request?.yar as unknown as { get(name: string): unknown } | undefined)?.get('basket'),
      theme: request?.state.theme,
    });
    const view = { cookies: [], cacheControl: 'no-cache, s-maxage=600' };
    const [cached, plain] = [await site(build, { context, view }), await site(build, { context, cached: false })];
    const visitors = ['Ann', 'Ben', 'nobody'].map((name) => ({
      name,
      jars: [new Map<string, string>(), new Map<string, string>()] as const,
    }));
    let seed = 7;
    const random = (below: number) => {
      seed = (seed * 48271) % 2147483647;
      return seed % below;
    };
    const paths = ['/news', '/news', '/form', '/greeting', '/basket', '/theme', '/lang', '/query?a=1', '/query?a=2'];
    const seen: unknown[] = [];
    let mayAdd = true;
    const visit = async () => {
      const { name, jars } = visitors[random(3)]!;
      const path =
        mayAdd && random(12) === 0 && name !== 'nobody' ? `/add/${name}-${random(5)}` : paths[random(paths.length)]!;
      const theme = name === 'nobody' ? [] : [`theme=of-${name}`];
      const language = ['en', 'de'][random(2)]!;
      const answers = await Promise.all(
        [cached, plain].map(async ({ get }, i) => {
          const jar = jars[i]!;
          const own = Array.from(jar, ([key, value]) => `${key}=${value}`);
          const { headers, text, status, cache } = await get(path, {
            'Accept-Language': language,
            ...(name === 'nobody' && own.length === 0 ? {} : { Cookie: [...own, ...theme].join('; ') }),
          });
          const set = (headers['set-cookie'] ?? []).map((line) => /^([^=]+)=([^;]*)/.exec(line)!);
          if (name !== 'nobody') for (const [, key, value] of set) jar.set(key!, value!);
          if (set.length > 0 && i === 0) expect(headers['cache-control']).toBe('private, no-cache');
          for (const other of visitors) {
            const token = other.jars[i]!.get('crumb');
            if (other.name !== name && token !== undefined) expect(text).not.toContain(token);
          }
          seen.push(cache);
          const token = jar.get('crumb');
          const plainText =
            token === undefined ? text.replace(/value="[^"]+"/, 'value="?"') : text.replaceAll(token, '?');
          return [status, headers['content-type'], plainText];
        }),
      );
      expect([name, path, answers[0]]).toEqual([name, path, answers[1]]);
    };
    // In turn, so that each visitor has the tokens of both sites.
    for (let i = 0; i < 150; i++) await visit();
    mayAdd = false;
    for (let i = 0; i < 10; i++) await Promise.all(Array.from({ length: 12 }, visit));
    expect(seen.filter((cache) => cache === 'hit').length).toBeGreaterThan(20);
  });
});
