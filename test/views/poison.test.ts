import express from 'express';
import express4 from 'express4';
import nunjucks from 'nunjucks';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import { cacheView } from 'nunjucks-cachesweeper/express';
import { afterEach, describe, expect, test } from 'vitest';
import { serve } from '../frameworks/framework-suite.ts';
import { ask } from './client.ts';
import { sites } from './running.ts';
import { allFrameworks, type Call, type Handler } from './sites.ts';

type Values = Record<string, unknown>;
const values = (call: Call) => call.request as Values;

describe.each(allFrameworks)('%s: what a stranger sends', (name, start) => {
  const running = sites(start, () => ({}));

  test.each([
    'utm_a[b]=evil',
    'utm_a%5Bb%5D=evil',
    'utm_a[b=evil',
    'utm_a[]=evil',
    'utm_a%5B=evil',
    'utm_a.b=evil',
    'utm+a=evil',
    'utm_a%20b=evil',
    'UTM_A[x][y]=evil',
    'utm_a]=evil',
    'utm_a%00=evil',
    '&utm_a=evil&',
    'utm_a==evil',
    'utm_a[__proto__]=evil',
    'utm_a%2Bb=evil',
    'utm_a%=evil',
    'utm_ä=evil',
    'utm_a%26b=evil',
    'utm_a%3D=evil',
    'fbclid[a]=1&x=2&fbclid=evil',
    'utm_%2561=evil',
    '__proto__[utm_a]=evil',
    'a[utm_b]=evil',
    'utm_a%0d=evil',
  ])('%s cannot get into the page of those who do not send it', async (search) => {
    const handler: Handler = (call) => {
      const { url, originalUrl } = values(call) as { url: string; originalUrl: string };
      call.send(JSON.stringify([url, originalUrl, (call.raw as { url: string }).url, call.query]));
    };
    const { get } = await running([{ path: '/', handler }]);
    await get(`/?p=1&${search}`);
    expect((await get('/?p=1')).text).not.toContain('evil');
    await get(`/?${search}`);
    expect((await get('/')).text).not.toContain('evil');
  });

  const hosts: [string, (call: Call) => void][] = [
    [
      'the host',
      (call) =>
        call.send(`${name.startsWith('Express') ? (call.raw as { headers: Values }).headers.host : values(call).host}`),
    ],
    ['the header', (call) => call.send(`${(call.raw as { headers: Values }).headers.host}`)],
    ['the hostname', (call) => call.send(`${values(call).hostname}`)],
    ['a url of it', (call) => call.send(new URL(`http://${(call.raw as { headers: Values }).headers.host}`).href)],
    [
      'a link in a header',
      (call) => {
        call.set('Link', `<http://${(call.raw as { headers: Values }).headers.host}/>; rel=canonical`);
        call.send('x');
      },
    ],
    [
      'an escaped host',
      (call) => call.send(encodeURIComponent(String((call.raw as { headers: Values }).headers.host))),
    ],
  ];
  test.each(hosts)('with ignoreHost, a page that repeats %s is not for others', async (_what, handler) => {
    const { get } = await running([{ path: '/', handler, options: { ignoreHost: true } }]);
    await get('/', { Host: 'EVIL.example:8080' });
    const answer = await get('/', { Host: 'good.example' });
    expect(`${answer.text} ${answer.headers.link ?? ''}`.toLowerCase()).not.toContain('evil');
  });
});

describe('Express: what a stranger sends', () => {
  const closing: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });
  async function site(
    framework: typeof express,
    make: (app: express.Express, view: express.RequestHandler, sweeper: CacheSweeper) => void,
  ) {
    const sweeper = new CacheSweeper();
    const app = framework();
    make(app, cacheView({ sweeper, ttl: 300 }) as express.RequestHandler, sweeper);
    const served = await serve(app);
    closing.push(
      () => served.close(),
      () => sweeper.close(),
    );
    return async (path: string, headers: Record<string, string> = {}) => {
      const answer = await ask(served.url + path, { headers });
      await sweeper.idle();
      return { ...answer, text: answer.body.toString(), cache: answer.headers['x-cache'] };
    };
  }

  describe.each([
    ['Express 4', express4 as typeof express],
    ['Express 5', express],
  ] as const)('%s', (_name, framework) => {
    test('a mounted app that trusts proxies reads the headers that they set', async () => {
      const get = await site(framework, (app, view) => {
        const inner = framework();
        inner.set('trust proxy', true);
        inner.get('/', (req, res) => void res.send(`${req.protocol}://${req.hostname}`));
        app.use(view, inner);
      });
      const proto = { 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'evil.example' };
      expect((await get('/', proto)).text).toBe('https://evil.example');
      expect((await get('/')).text).toBe('http://127.0.0.1');
    });

    test('a mounted app finds out the client’s address by headers', async () => {
      const get = await site(framework, (app, view) => {
        const inner = framework();
        inner.set('trust proxy', true);
        inner.get('/', (req, res) => void res.send(`${req.ip}`));
        app.use(view, inner);
      });
      expect((await get('/', { 'X-Forwarded-For': '1.1.1.1' })).text).toBe('1.1.1.1');
      expect((await get('/', { 'X-Forwarded-For': '2.2.2.2' })).text).toBe('2.2.2.2');
    });

    test('two routes of one pattern, whose handlers are made by one function', async () => {
      const only =
        (flag: string): express.RequestHandler =>
        (req, _res, next) =>
          next(req.headers['x-flag'] === flag ? undefined : 'route');
      const page =
        (text: string): express.RequestHandler =>
        (_req, res) =>
          void res.send(text);
      const get = await site(framework, (app, view) => {
        app.get('/', only('a'), view, page('page a'));
        app.get('/', only('b'), view, page('page b'));
      });
      for (const flag of ['a', 'b', 'a', 'b']) expect((await get('/', { 'X-Flag': flag })).text).toBe(`page ${flag}`);
    });

    test('two routers, of which middleware calls one', async () => {
      const page =
        (text: string): express.RequestHandler =>
        (_req, res) =>
          void res.send(text);
      const get = await site(framework, (app, view) => {
        const [one, two] = ['page a', 'page b'].map((text) => {
          const router = framework.Router();
          router.get('/', view, page(text));
          return router;
        });
        app.use((req, res, next) => (req.headers['x-flag'] === 'a' ? one : two)!(req, res, next));
      });
      for (const flag of ['a', 'b', 'a', 'b']) expect((await get('/', { 'X-Flag': flag })).text).toBe(`page ${flag}`);
    });

    test('a parser of queries that makes an object of a class', async () => {
      const get = await site(framework, (app, view) => {
        app.set('query parser', (text: string) => new URLSearchParams(text));
        app.get(
          '/',
          view,
          (req, res) => void res.send(`${(req.query as unknown as URLSearchParams).get('p')} ${req.query}`),
        );
      });
      for (const path of ['/?p=1&utm_a=evil', '/?p=2', '/?p=1', '/?p=2&utm_a=evil']) {
        const [p] = /(?<=p=)\d/.exec(path)!;
        expect(await get(path)).toMatchObject({ status: 200, text: `${p} p=${p}` });
      }
    });

    test('a parameter that app.param has replaced', async () => {
      const get = await site(framework, (app, view) => {
        app.param('who', (req, _res, next) => {
          req.params.who = String(req.headers['x-who']);
          next();
        });
        app.get('/:who', view, (req, res) => void res.send(req.params.who));
      });
      for (const who of ['Ann', 'Ben']) expect((await get('/me', { 'X-Who': who })).text).toBe(who);
    });

    test('a header of the response that middleware has set', async () => {
      const get = await site(framework, (app, view) => {
        app.use((req, res, next) => {
          res.set('Content-Language', String(req.headers['x-who'] ?? 'en'));
          next();
        });
        app.get('/', view, (_req, res) => void res.send(`in ${res.get('Content-Language')}`));
      });
      for (const who of ['de', 'fr']) expect((await get('/', { 'X-Who': who })).text).toBe(`in ${who}`);
    });

    test('a header of the response that middleware has set, and the handler appends to', async () => {
      const get = await site(framework, (app, view) => {
        app.use((req, res, next) => {
          res.set('Link', `<${req.headers['x-who']}>`);
          next();
        });
        app.get('/', view, (_req, res) => {
          res.append('Link', '<more>');
          res.send('x');
        });
      });
      for (const who of ['de', 'fr']) expect((await get('/', { 'X-Who': who })).headers.link).toBe(`<${who}>, <more>`);
    });

    test('a renderer of middleware that chooses the template by a variable', async () => {
      const get = await site(framework, (app, view, sweeper) => {
        sweeper.install(nunjucks.configure(new URL('templates', import.meta.url).pathname, { express: app }));
        app.use((req, res, next) => {
          res.locals.mobile = req.headers['x-who'] !== undefined;
          const { render } = res;
          res.render = function (this: express.Response, file: string) {
            const all = { ...res.locals };
            (render as (file: string, options: object) => void).call(this, file, {
              text: all.mobile ? 'small' : 'large',
            });
          } as express.Response['render'];
          next();
        });
        app.get('/', view, (_req, res) => void res.render('locals.njk'));
      });
      expect((await get('/', { 'X-Who': 'x' })).text).toContain('small');
      expect((await get('/')).text).toContain('large');
    });
  });
});
