import { gzipSync } from 'node:zlib';
import compression from 'compression';
import { CacheSweeper, lazy } from 'nunjucks-cachesweeper';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { Blog } from '../frameworks/blog.ts';
import type { Site } from '../frameworks/framework-suite.ts';
import { isDeep } from '../support/long.ts';
import { type Answer, ask } from './client.ts';
import { frameworks, type Plan, type Route, startExpress, streamOf } from './sites.ts';

/** What the cache adds, beside what belongs to one connection or moment. */
const ADDED = [
  'x-cache',
  'etag',
  'last-modified',
  'age',
  'accept-ranges',
  'cache-control',
  'date',
  'connection',
  'keep-alive',
];
/** A stored body is sent with its length, whatever its parts were. */
const FRAMING = ['content-length', 'transfer-encoding'];

const bytes = Buffer.from(Array.from({ length: 3_000 }, (_, i) => (i * 7919 + i) % 256));

function routes(): Route[] {
  const blog = new Blog();
  return [
    {
      path: '/articles/:id',
      handler: async (call) => {
        const article = await blog.article(call.params.id);
        await call.render('article.njk', { article, comments: lazy(() => blog.comments(article)) });
      },
    },
    { path: '/search', handler: (call) => call.send(JSON.stringify(call.query)) },
    {
      path: '/parts',
      handler: (call) => {
        call.set('Content-Type', 'text/plain; charset=utf-8');
        call.parts(['ein ', 'zwölftel ', bytes]);
      },
    },
    {
      path: '/stream',
      handler: (call) => {
        call.set('Content-Type', 'application/octet-stream');
        call.stream(streamOf(['a', bytes, 'b']));
      },
    },
    {
      path: '/gzip',
      handler: (call) => {
        call.set('Content-Type', 'text/html');
        call.set('Content-Encoding', 'gzip');
        call.send(gzipSync('x'.repeat(5_000)));
      },
    },
    { path: '/empty', handler: (call) => call.end() },
    { path: '/moved', options: { statuses: [200, 301] }, handler: (call) => call.redirect('/articles/1', 301) },
    { path: '/found', handler: (call) => call.redirect('/articles/1', 302) },
    {
      path: '/missing',
      options: { statuses: [404] },
      handler: (call) => {
        call.status(404);
        call.send('nothing here');
      },
    },
    {
      path: '/broken',
      handler: () => {
        throw new Error('broken');
      },
    },
    {
      path: '/cookie',
      handler: (call) => {
        call.set('Set-Cookie', 'a=1; Path=/');
        call.send('with a cookie');
      },
    },
    {
      path: '/languages',
      handler: (call) => {
        call.set('Vary', 'Accept-Language');
        call.send(`in ${call.header('accept-language')}`);
      },
    },
    {
      path: '/headers',
      handler: (call) => {
        call.set('X-One', '1');
        call.set('Link', '</a.css>; rel=preload');
        call.set('Content-Language', 'en');
        call.send('with headers');
      },
    },
  ];
}

interface Asked {
  readonly path: string;
  readonly method?: string;
  readonly headers?: Record<string, string>;
}

/** The same hundred in every run, each kind of page several times and in turns. */
function requests(): Asked[] {
  const kinds: ((i: number) => Asked)[] = [
    (i) => ({ path: `/articles/${(i % 7) + 1}` }),
    (i) => ({ path: `/articles/${(i % 3) + 1}?utm_source=${i}` }),
    (i) => ({ path: `/search?b=${i % 4}&a=1&a=${i % 2}` }),
    () => ({ path: '/parts' }),
    () => ({ path: '/stream' }),
    () => ({ path: '/gzip', headers: { 'Accept-Encoding': 'gzip' } }),
    () => ({ path: '/empty' }),
    () => ({ path: '/moved' }),
    () => ({ path: '/found' }),
    () => ({ path: '/missing' }),
    () => ({ path: '/broken' }),
    () => ({ path: '/cookie' }),
    (i) => ({ path: '/languages', headers: { 'Accept-Language': i % 2 ? 'de' : 'en' } }),
    () => ({ path: '/headers' }),
    (i) => ({ path: `/articles/${(i % 7) + 1}`, method: 'HEAD' }),
    (i) => ({ path: '/headers', headers: { Cookie: `connect.sid=${i}` } }),
    () => ({ path: '/nowhere' }),
    (i) => ({ path: `/articles/${(i % 5) + 1}`, headers: { 'Accept-Encoding': 'gzip' } }),
  ];
  return Array.from({ length: 100 }, (_, i) => kinds[i % kinds.length]!(Math.floor(i / kinds.length)));
}

const sites: [string, (plan: Plan) => Promise<Site>, Partial<Plan>][] = [
  ...frameworks.map(([name, start]) => [name, start, {}] as [string, (plan: Plan) => Promise<Site>, Partial<Plan>]),
  ['Express with compression outside', startExpress, { express: (app) => void app.use(compression({ threshold: 0 })) }],
  ['Express with compression inside', startExpress, { expressInside: compression({ threshold: 0 }) }],
];

// Every day one of the frameworks and one place of compression, in CI all.
describe.each(isDeep ? sites : sites.filter((_, i) => i % 4 === 0))('%s: a hundred requests', (_name, start, plan) => {
  const closing: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });

  test('are answered as without the cache, byte for byte, cold and warm', async () => {
    const store = new TestingStore();
    const open = async (cached: boolean) => {
      const sweeper = new CacheSweeper({ store, maxDataAge: '60s', timeout: '20s', enabled: cached });
      const site = await start({ sweeper, routes: routes(), cached, ...plan });
      closing.push(async () => {
        await site.close();
        await sweeper.close();
      });
      return { site, sweeper };
    };
    const plain = await open(false);
    const cached = await open(true);
    const outcomes = new Map<unknown, number>();
    const rounds = ['cold', 'warm', ...(isDeep ? ['warm'] : [])];
    for (const _round of rounds) {
      for (const { path, method, headers } of requests()) {
        const asked = { method: method ?? 'GET', headers: { Host: 'site.example', ...headers } };
        const [expected, got] = [await ask(plain.site.url + path, asked), await ask(cached.site.url + path, asked)];
        await cached.sweeper.idle();
        expectSame(path, got, expected);
        const cache = got.headers['x-cache'] ?? 'none';
        outcomes.set(cache, (outcomes.get(cache) ?? 0) + 1);
      }
    }
    // It was the cache that answered.
    expect(outcomes.get('hit')).toBeGreaterThan(60 * rounds.length);
    // Another process, with the same store and nothing in memory.
    const second = await open(true);
    for (const { path, method, headers } of requests()) {
      const asked = { method: method ?? 'GET', headers: { Host: 'site.example', ...headers } };
      const [expected, got] = [await ask(plain.site.url + path, asked), await ask(second.site.url + path, asked)];
      expectSame(path, got, expected);
    }
  });
});

/** The cache adds to Vary what the handler read, as Koa's redirect reads Accept. */
function expectSame(path: string, got: Answer, expected: Answer): void {
  const varies = ({ headers }: Answer) => headers.vary?.toLowerCase().split(/, */) ?? [];
  const vary = varies(got).filter((name) => varies(expected).includes(name));
  const headers = { ...got.headers, ...(vary.length === 0 ? { vary: undefined } : { vary: vary.join(', ') }) };
  const same = { ...expected, headers: { ...expected.headers, vary: varies(expected).join(', ') || undefined } };
  expect({ path, ...comparable({ ...got, headers }) }).toEqual({ path, ...comparable(same) });
}

function comparable({ status, headers, body, complete }: Answer) {
  const kept = Object.entries(headers).filter(([name]) => !ADDED.includes(name) && !FRAMING.includes(name));
  return { status, complete, headers: Object.fromEntries(kept), body: body.toString('base64') };
}
