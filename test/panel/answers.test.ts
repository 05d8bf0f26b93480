import { brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib';
import compression from 'compression';
import type { Response } from 'express';
import { CacheSweeper, CacheSweeperError } from 'nunjucks-cachesweeper';
import { cacheView } from 'nunjucks-cachesweeper/express';
import { type PanelOptions, panel } from 'nunjucks-cachesweeper/panel';
import { afterEach, expect, test, vi } from 'vitest';
import { PAGE_SCRIPT } from '../../src/panel/assets/page-script.ts';
import { STRIP_SCRIPT } from '../../src/panel/assets/strip-script.ts';
import { STRIP_STYLE } from '../../src/panel/assets/strip-style.ts';
import { STYLE } from '../../src/panel/assets/style.ts';
import { hasOtherBase } from '../../src/panel/http/base.ts';
import { scriptPolicy } from '../../src/panel/http/policy.ts';
import { holeTexts } from '../../src/panel/inspection/hole-texts.ts';
import { ask } from '../views/client.ts';
import { DOCUMENT, type PanelSite, type Plan, panelSite } from './site.ts';

const open: PanelSite[] = [];
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const site of open.splice(0)) await site.close();
});

const PAGE =
  '<!doctype html><body>{% cachesweeper row 500 type="Row" %}<p>{{ row.text }}</p>{% endcachesweeper %}</body>';
const STRIP = /<script src="\/__cachesweeper\/strip\/\w+\.js" async><\/script>/;
const MARKS = { ...DOCUMENT, Cookie: 'cachesweeper-panel=marks' };

async function start(plan: Partial<Plan> = {}): Promise<PanelSite> {
  const context = () => ({ row: { id: 1, text: 'a row' } });
  const site = await panelSite('express', { templates: { 'page.njk': PAGE }, context, ...plan });
  open.push(site);
  return site;
}

test.each<[string, PanelOptions, string]>([
  ['an unknown name', { autorize: () => true } as PanelOptions, 'panel() autorize: expected one of authorize, path'],
  ['no function', { authorize: true as never }, 'panel() authorize: expected a function, got the boolean true'],
  ['a path that ends with /', { path: '/cache/' }, 'panel() path: expected a path such as "/__cachesweeper"'],
  ['no object', 'x' as never, 'panel(): expected an object of options'],
])('%s is refused', (_, options, message) => {
  expect(() => panel(new CacheSweeper(), options)).toThrow(
    expect.objectContaining({ code: 'CACHESWEEPER_BAD_OPTION', message: expect.stringContaining(message) }),
  );
});

test('what is no sweeper is refused', () => {
  expect(() => panel({} as CacheSweeper)).toThrow('panel(): expected a CacheSweeper');
});

test('in production it starts with authorize alone', () => {
  vi.stubEnv('NODE_ENV', 'production');
  const made = () => panel(new CacheSweeper());
  expect(made).toThrow(CacheSweeperError);
  expect(made).toThrow(expect.objectContaining({ code: 'CACHESWEEPER_PANEL' }));
  panel(new CacheSweeper(), { authorize: () => false });
});

test('all that is served takes less than 40 KB', () => {
  const bytes = [STRIP_SCRIPT, STRIP_STYLE, PAGE_SCRIPT, STYLE].map((text) => Buffer.byteLength(text));
  expect(bytes.reduce((sum, each) => sum + each)).toBeLessThan(40_000);
});

test.each<[string, () => unknown]>([
  ['throws', () => Promise.reject(new Error('no session'))],
  [
    'throws at once',
    () => {
      throw new Error('no session');
    },
  ],
  ['gives something true', () => 'yes'],
])('an authorize that %s allows nothing', async (_, authorize) => {
  const site = await start({ panel: { authorize: authorize as () => boolean } });
  expect((await site.get('/page')).text).toBe('<!doctype html><body><p>a row</p></body>');
  expect((await site.get('/__cachesweeper')).status).toBe(404);
  expect(site.errors.map((error) => (error as Error).message)).toEqual(
    _.startsWith('throws') ? ['no session', 'no session'] : [],
  );
});

test('it has another path where that is asked for', async () => {
  const site = await start({ panel: { path: '/dev/cache' } });
  const address = /<script src="(\/dev\/cache\/strip\/\w+\.js)"/.exec((await site.get('/page')).text)?.[1] as string;
  expect((await site.get(address)).headers.get('content-type')).toBe('text/javascript; charset=utf-8');
  expect((await site.get('/dev/cache/')).status).toBe(404);
  expect((await site.get('/dev/cache')).text).toContain('<title>Cache</title>');
  expect((await site.get('/dev/cacheable')).status).toBe(500);
});

test('its own addresses are sent to no other site, and kept nowhere', async () => {
  const site = await start();
  const address = /src="([^"]+)"/.exec((await site.get('/page')).text)?.[1] as string;
  for (const path of ['/__cachesweeper', address]) {
    const { headers } = await site.get(path, { 'Sec-Fetch-Site': 'same-origin' });
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
    expect(headers.get('content-security-policy')).toContain("default-src 'none'; script-src 'self'");
    for (const from of ['cross-site', 'same-site'])
      expect((await site.get(path, { 'Sec-Fetch-Site': from })).status).toBe(404);
  }
});

test('what comes from visitors is escaped', async () => {
  const site = await start({
    templates: { 'page.njk': PAGE },
    context: () => ({ row: { id: '"</script><b>', text: 'a' } }),
  });
  const { text } = await site.get('/page?<b>"&\u2028');
  const address = /src="([^"]+)"/.exec(text)?.[1] as string;
  expect((await site.get(address)).text).toContain('Row:=');
  const page = await site.get('/__cachesweeper');
  expect(page.text).not.toContain('<b>"');
  expect(page.text).toContain('/page?');
});

test('what has no entry is not said to be invalidated', async () => {
  const site = await start();
  const uncached = { ...DOCUMENT, Cookie: 'cachesweeper-panel=uncached' };
  const address = /src="([^"]+)"/.exec((await site.get('/page', uncached)).text)?.[1] as string;
  const [, id, token] = /"id":"(\w+)".*"token":"(\w+)"/.exec((await site.get(address)).text) ?? [];
  const headers = { 'Sec-Fetch-Site': 'same-origin', 'X-Cachesweeper-Token': token as string };
  const answer = await site.get(`/__cachesweeper/pages/${id}/fragments/0/invalidate`, headers, 'POST');
  expect([answer.status, answer.text]).toEqual([404, 'no entry of this page is known: reload it']);
});

test('headers that the cache adds last stay on the page', async () => {
  const site = await start({
    behind: (app, { sweeper, env }) => {
      app.get(
        '/view',
        cacheView({ sweeper, ttl: 300, headers: ['Cache-Status'] }),
        async (_request, response: Response) => {
          response.send(await sweeper.render(env, 'page.njk', { row: { id: 1, text: 'a row' } }));
        },
      );
    },
  });
  const { headers, text } = await site.get('/view');
  expect(text).toMatch(STRIP);
  expect(headers.get('cache-status')).toContain('miss');
  expect(headers.get('cache-control')).toBe('no-store');
});

test('middleware that adds to the head as it is written does so once', async () => {
  const site = await start({
    behind: (app) => {
      app.use((_request, response, next) => {
        const { writeHead } = response;
        response.writeHead = function adding(this: Response, ...args: [number]) {
          this.append('X-Added', 'once');
          return writeHead.apply(this, args);
        } as Response['writeHead'];
        next();
      });
    },
  });
  const { headers, text } = await site.get('/page');
  expect(text).toMatch(STRIP);
  expect(headers.get('x-added')).toBe('once');
});

test('behind a view by mistake, the strip gets into no entry', async () => {
  let rendered = 0;
  const site = await start({
    panel: false,
    behind: (app, { sweeper, env }) => {
      app.get(
        '/view',
        cacheView({ sweeper, ttl: 300 }),
        panel(sweeper).express,
        async (_request, response: Response) => {
          rendered++;
          response.send(await sweeper.render(env, 'page.njk', { row: { id: 1, text: 'a row' } }));
        },
      );
    },
  });
  expect((await site.get('/view')).text).toMatch(STRIP);
  expect((await site.get('/view', { Accept: '*/*' })).text).not.toMatch(STRIP);
  expect(rendered).toBe(2);
});

test.each<[string, (body: Buffer) => Buffer]>([
  ['gzip', gunzipSync],
  ['br', brotliDecompressSync],
])('a page that was compressed with %s gets the strip, and is sent as it is', async (coding, decode) => {
  const site = await start({ behind: (app) => void app.use(compression({ threshold: 0 })) });
  const headers = { 'Accept-Encoding': coding };
  const plain = await ask(`${site.url}/page`, { headers });
  expect(plain.headers['content-encoding']).toBe(coding);
  expect(decode(plain.body).toString()).toContain('<p>a row</p>');
  const page = await ask(`${site.url}/page`, { headers: { ...headers, ...DOCUMENT } });
  expect(page.headers['content-encoding']).toBeUndefined();
  expect(page.body.toString()).toMatch(STRIP);
  expect(page.headers['content-length']).toBe(String(page.body.length));
});

test.each<[string, (response: Response) => void, RegExp | string]>([
  [
    'in pieces',
    (response) => {
      response.type('html');
      for (const piece of ['<!doctype html><body>', Buffer.from('ä'), '</body>']) response.write(piece);
      response.end();
    },
    /^<!doctype html><body>ä<script [^>]+><\/script><\/body>$/,
  ],
  [
    'with writeHead',
    (response) => {
      response.writeHead(404, 'Gone away', { 'Content-Type': 'text/html', 'Content-Length': '29' });
      response.end('<!doctype html><body>x</body>');
    },
    /^<!doctype html><body>x<script [^>]+><\/script><\/body>$/,
  ],
  [
    'with a list of headers',
    (response) => {
      response.writeHead(200, ['Content-Type', 'text/html', 'X-A', '1', 'ETag', '"x"'] as never);
      response.end('PGh0bWw+', 'base64');
    },
    /^<html><script [^>]+><\/script>$/,
  ],
  [
    'that says that it is sent in chunks, such as one of a proxy',
    (response) => {
      response.writeHead(200, { 'Content-Type': 'text/html', 'Transfer-Encoding': 'chunked' });
      response.end('<!doctype html><body>x</body>');
    },
    /^<!doctype html><body>x<script [^>]+><\/script><\/body>$/,
  ],
  [
    'without an end of its body',
    (response) => void response.send('<!doctype html><p>a'),
    /^<!doctype html><p>a<script [^>]+><\/script>$/,
  ],
  [
    'that ends in a comment',
    (response) => void response.send('<!doctype html><p>a<!-- b'),
    '<!doctype html><p>a<!-- b',
  ],
  [
    'larger than 4 MiB',
    (response) => void response.send(`<!doctype html>${'x'.repeat(4 * 1024 * 1024)}`),
    `<!doctype html>${'x'.repeat(4 * 1024 * 1024)}`,
  ],
  [
    'larger than 4 MiB, which is compressed',
    (response) => {
      const body = gzipSync('x'.repeat(4 * 1024 * 1024 + 1));
      response.set('Content-Encoding', 'gzip').type('html').send(body);
    },
    gzipSync('x'.repeat(4 * 1024 * 1024 + 1)).toString(),
  ],
  [
    'that is no UTF-8',
    (response) => {
      response.type('html');
      response.end(Buffer.from('<!doctype html>\xe4', 'latin1'));
    },
    Buffer.from('<!doctype html>\xe4', 'latin1').toString(),
  ],
  [
    'with its head sent first',
    (response) => {
      response.type('html').flushHeaders();
      response.end('<!doctype html><body></body>');
    },
    '<!doctype html><body></body>',
  ],
  [
    'with an unknown Content-Encoding',
    (response) => {
      response.set('Content-Encoding', 'zstd').type('html').send(Buffer.from('<!doctype html>'));
    },
    '<!doctype html>',
  ],
  [
    'with a broken body',
    (response) => {
      response.set('Content-Encoding', 'gzip').type('html').send(Buffer.from('<!doctype html>'));
    },
    '<!doctype html>',
  ],
  ['without any', (response) => void response.status(204).type('html').end(), ''],
  ['of a redirect', (response) => void response.status(302).set('Location', '/').type('html').send('<html>'), '<html>'],
])('an answer %s', async (title, send, expected) => {
  const site = await start({ behind: (app) => void app.get('/answer', (_request, response) => send(response)) });
  const answer = await ask(`${site.url}/answer`, { headers: DOCUMENT });
  const text = answer.body.toString();
  if (typeof expected === 'string') expect(text === expected).toBe(true);
  else {
    expect(text).toMatch(expected);
    expect(answer.headers['content-length']).toBe(String(answer.body.length));
    expect(answer.headers.etag).toBeUndefined();
  }
  expect(answer.complete).toBe(true);
  if (title === 'with writeHead') expect([answer.status, answer.message]).toEqual([404, 'Gone away']);
  expect(site.errors.length).toBe(title === 'with a broken body' ? 1 : 0);
});

test('what is no page is sent in the same way as without the panel', async () => {
  const behind: Plan['behind'] = (app) => {
    app.get('/text', (_request, response) => void response.setHeader('Content-Type', 'text/plain').end('text'));
  };
  const headers = async (site: PanelSite) => {
    const { date, ...others } = (await ask(`${site.url}/text`, { headers: DOCUMENT })).headers;
    return others;
  };
  const [site, plain] = [await start({ behind }), await start({ behind, panel: false })];
  expect(await headers(site)).toEqual(await headers(plain));
  expect((await headers(site))['content-length']).toBe('4');
});

test('HEAD is answered as without the panel', async () => {
  const site = await start();
  const plain = await start({ panel: false });
  const [one, other] = [await site.get('/page', DOCUMENT, 'HEAD'), await plain.get('/page', DOCUMENT, 'HEAD')];
  expect(one.headers.get('content-length')).toBe(other.headers.get('content-length'));
  expect(one.headers.get('etag')).toBe(other.headers.get('etag'));
});

test.each<[string | string[], unknown]>([
  ['', { nonce: undefined }],
  ["default-src 'self'", { nonce: undefined }],
  ["default-src 'none'", 'refused'],
  ["script-src 'none'; default-src 'self'", 'refused'],
  ["script-src 'nonce-a+/='", { nonce: 'a+/=' }],
  ["default-src 'none'; script-src-elem 'nonce-b'; script-src 'none'", { nonce: 'b' }],
  ["script-src 'strict-dynamic' 'self'", 'refused'],
  ["script-src 'strict-dynamic' 'nonce-c'", { nonce: 'c' }],
  ['script-src https://site.example', { nonce: undefined }],
  ['script-src https://other.example', 'refused'],
  ["img-src 'none'", { nonce: undefined }],
  [["script-src 'nonce-d'", "default-src 'self'"], { nonce: 'd' }],
  [["script-src 'nonce-d'", "script-src 'nonce-e'"], 'refused'],
  [`script-src 'nonce-"><script>'`, 'refused'],
  ['sandbox allow-forms', 'refused'],
  ['sandbox Allow-Scripts', { nonce: undefined }],
])('the policy %s', (header, expected) => {
  expect(scriptPolicy(header, 'site.example', '')).toEqual(expected);
});

test.each<[string, unknown]>([
  [`<meta http-equiv="Content-Security-Policy" content="script-src 'none'">`, 'refused'],
  [`<META content='default-src https://other.example' HTTP-EQUIV=content-security-policy>`, 'refused'],
  ['<meta http-equiv="Content-Security-Policy" content="script-src &#39;nonce-f&#39;">', { nonce: 'f' }],
  [`<meta http-equiv="Content-Security-Policy" content="img-src 'none'">`, { nonce: undefined }],
  [`<meta http-equiv="Content-Security-Policy-Report-Only" content="script-src 'none'">`, { nonce: undefined }],
  ['<meta name="description" content="Content-Security-Policy">', { nonce: undefined }],
])('the policy in %s', (page, expected) => {
  expect(scriptPolicy(undefined, 'site.example', page)).toEqual(expected);
  expect(scriptPolicy("script-src 'none'", 'site.example', page)).toBe('refused');
});

test.each<[string, boolean]>([
  ['<base href="/shop/">', false],
  ['<base target="a" href="//site.example/shop/">', false],
  ['<BASE HREF=https://cdn.example/>', true],
  ["<base href='//cdn.example'>", true],
  ['<p>//cdn.example', false],
])('with %s, addresses are of another site: %s', (page, expected) => {
  expect(hasOtherBase(page, 'site.example')).toBe(expected);
});

test('no other site is asked for the script of the strip, and the page of the panel says so', async () => {
  const page = '<!doctype html><head><base href="https://cdn.example/"></head><body></body>';
  const site = await start({ templates: { 'page.njk': page } });
  expect((await site.get('/page')).text).toBe(page);
  expect((await site.get('/__cachesweeper')).text).toContain('no strip: its &lt;base&gt; is of another site');
});

test.each<[string, number[], string, (string | undefined)[]]>([
  ['<p></p>', [3], '<p>a</p>', ['a']],
  ['<p></p>', [3, 3], '<p>ab</p>', [undefined, undefined]],
  ['<p>, </p>', [3, 5], '<p>a, b</p>', ['a', 'b']],
  ['<p>, </p>', [3, 5], '<p>a, b, c</p>', [undefined, undefined]],
  ['', [0], 'all', ['all']],
])('what holes of %s show', (text, at, shown, expected) => {
  expect(
    holeTexts(
      text,
      at.map((each) => ({ at: each })),
      shown,
    ),
  ).toEqual(expected);
});

test('a page that is rendered in several passes, with lazies, counts its fragments once', async () => {
  const { lazy } = await import('nunjucks-cachesweeper');
  const template =
    '<!doctype html><body>{% cachesweeper row 500 type="Row" %}{% for one in rows() %}' +
    '{% cachesweeper one 500 type="Row" %}<p>{{ one.text }}</p>{% endcachesweeper %}{% endfor %}{% endcachesweeper %}</body>';
  const rows = [
    { id: 2, text: 'two' },
    { id: 3, text: 'three' },
  ];
  const site = await start({
    templates: { 'page.njk': template },
    context: () => ({ row: { id: 1 }, rows: lazy(async () => rows) }),
  });
  const marked = await site.get('/page', MARKS);
  expect(marked.text.replace(/:\w{24}:/g, ':').replace(STRIP, '')).toBe(
    '<!doctype html><body><!--cs:0--><!--cs:1--><p>two</p><!--/cs:1--><!--cs:2--><p>three</p><!--/cs:2--><!--/cs:0--></body>',
  );
});
