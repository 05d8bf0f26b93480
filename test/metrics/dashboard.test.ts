import { execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { lazy } from 'nunjucks-cachesweeper';
import { MemcachedStore } from 'nunjucks-cachesweeper/memcached';
import { prometheus } from 'nunjucks-cachesweeper/metrics';
import { Registry } from 'prom-client';
import { describe, expect, onTestFinished, test } from 'vitest';
import { codeBlocks, readPage } from '../docs/code-blocks.ts';
import { Blog } from '../frameworks/blog.ts';
import { isDeep } from '../support/long.ts';
import { Memcached } from '../support/memcached.ts';
import { Site } from '../sweeper/site.ts';
import { articleRoute, sites } from '../views/running.ts';
import { startExpress } from '../views/sites.ts';
import { dashboard, metricsOf, queries, sent } from './dashboard.ts';
import { Prometheus } from './prometheus-server.ts';

/** All metrics, by their types. */
async function metrics(): Promise<ReadonlyMap<string, string>> {
  const register = new Registry();
  prometheus(new Site('').sweeper, { register });
  return new Map((await register.getMetricsAsJSON()).map(({ name, type }) => [name, String(type)]));
}

describe('the dashboard', () => {
  test('asks for metrics that there are, and for each of them', async () => {
    const all = await metrics();
    const series = [...all].flatMap(([name, type]) =>
      type === 'histogram' ? ['bucket', 'sum', 'count'].map((end) => `${name}_${end}`) : [name],
    );
    expect(queries.length).toBeGreaterThan(20);
    for (const query of queries) expect(series).toEqual(expect.arrayContaining([...metricsOf(query)]));
    const shown = new Set(queries.flatMap(metricsOf).map((name) => name.replace(/_(bucket|sum|count)$/, '')));
    expect([...shown].sort()).toEqual([...all.keys()].sort());
  });

  test('shows counters as rates, and amounts as they are', async () => {
    const all = await metrics();
    for (const query of queries) {
      for (const name of metricsOf(query)) {
        const isRate = query.includes(`rate(${name}{`);
        expect([name, isRate]).toEqual([name, all.get(name.replace(/_(bucket|sum|count)$/, '')) !== 'gauge']);
      }
    }
  });

  test('has its panels beside each other, and variables for what its queries name', () => {
    const names = dashboard.templating.list.map(({ name }) => name);
    for (const name of JSON.stringify(dashboard.panels).matchAll(/\$\{?([a-z]\w*)/g)) expect(names).toContain(name[1]);
    const taken = new Set<string>();
    for (const { title, gridPos } of dashboard.panels) {
      const { x, y, w, h } = gridPos;
      expect(x + w).toBeLessThanOrEqual(24);
      for (let n = 0; n < w * h; n++) {
        const cell = `${x + (n % w)} ${y + Math.floor(n / w)}`;
        expect(taken.has(cell), `${title} lies on another panel`).toBe(false);
        taken.add(cell);
      }
    }
  });

  test('and docs/metrics.md name the same metrics', async () => {
    const rows = Array.from(readPage('docs/metrics.md').matchAll(/^\| `(cachesweeper_\w+)`/gm), ([, name]) => name);
    expect(rows.sort()).toEqual([...(await metrics()).keys()].sort());
  });
});

describe.runIf(isDeep)('a real Prometheus', () => {
  const running = sites(startExpress, () => ({}));

  test('that scrapes a site gets an answer to every query of the dashboard', { timeout: 60_000 }, async () => {
    const memcached = await Memcached.start();
    const register = new Registry();
    const blog = new Blog();
    const { route } = articleRoute(blog);
    const uncached = { skip: () => true };
    const { article } = blog.known(1);
    const comments = lazy(() => blog.comments(article));
    const site = await running(
      [
        route,
        { path: '/refused', handler: ({ parts }) => parts(['refused'], 'end'), options: { maxBytes: 1 } },
        {
          path: '/fragments',
          options: uncached,
          handler: ({ render }) => render('article.njk', { article, comments }),
        },
        { path: '/when', options: uncached, handler: ({ render }) => render('when.njk', { article, isGuest: false }) },
        { path: '/metrics', options: uncached, handler: async ({ send }) => send(await register.metrics()) },
      ],
      {},
      { store: new MemcachedStore(memcached.address), verify: 1 },
    );
    prometheus(site.sweeper, { register });
    const server = await Prometheus.start(new URL(site.site.url).host);
    const open = new Set(queries);
    for (const until = Date.now() + 40_000; open.size > 0 && Date.now() < until; await sleep(50)) {
      for (const path of ['/articles/1', '/refused', '/fragments', '/when']) await site.get(path);
      await site.sweeper.invalidateCacheFor({ type: 'Article', id: '2' });
      for (const query of open) {
        const values = await server.query(sent(query, '10s'));
        if (values.length > 0 && values.every(Number.isFinite)) open.delete(query);
      }
    }
    expect([...open]).toEqual([]);
    for (const alarm of codeBlocks('docs/metrics.md', 'text').join('').trim().split('\n')) {
      expect(await server.query(alarm), alarm).toEqual([]);
    }
    // Names and help as Prometheus wants them.
    execFileSync('promtool', ['check', 'metrics'], { input: await register.metrics(), encoding: 'utf8' });
  });

  test('that scrapes the demo gets an answer to every query about what the demo does', {
    timeout: 60_000,
  }, async () => {
    const memcached = await Memcached.start();
    const demo = fork(fileURLToPath(new URL('demo.mjs', import.meta.url)), {
      env: { ...process.env, CACHESWEEPER_STORE: memcached.url },
    });
    onTestFinished(() => demo.disconnect());
    const [port] = await once(demo, 'message');
    const server = await Prometheus.start(`127.0.0.1:${port}`);
    const open = new Set(queries);
    for (const until = Date.now() + 15_000; open.size > 0 && Date.now() < until; await sleep(50)) {
      for (const path of ['/', '/articles/1', '/articles/2', '/?uncached=1', '/invalidate']) {
        await (await fetch(`http://127.0.0.1:${port}${path}`)).text();
      }
      for (const query of open) {
        const values = await server.query(sent(query, '10s'));
        if (values.length > 0 && values.every(Number.isFinite)) open.delete(query);
      }
    }
    expect([...open]).toEqual([]);
  });
});
