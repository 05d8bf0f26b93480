import { lazy } from 'nunjucks-cachesweeper';
import { requestStart } from 'nunjucks-cachesweeper/express';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { Article } from '../frameworks/blog.ts';
import { ask } from '../views/client.ts';
import { sites } from '../views/running.ts';
import { allFrameworks, type Handler } from '../views/sites.ts';
import { templateSite } from '../views/template-site.ts';
import { gate } from '../waiting/support.ts';

afterEach(() => void vi.restoreAllMocks());

describe.each(allFrameworks.slice(0, 1))('%s', (_name, start) => {
  const running = sites(start, () => ({ wait: '60s', maxDataAge: '1ms' }));

  test('a request that has waited for a view waits for what its holes show for the rest of the time only', async () => {
    const handled = gate<void>();
    const loads: ReturnType<typeof gate<readonly string[]>>[] = [];
    const handler: Handler = async (call) => {
      await handled.promise;
      await call.render('holes/waiting.njk', { title: 'T' });
    };
    const holes = ({ headers }: { readonly headers: { readonly 'x-article'?: string } }) => {
      const id = headers['x-article'] ?? '';
      const load = () => {
        const own = gate<readonly string[]>();
        if (id === '1') own.open(['one']);
        else loads.push(own);
        return own.promise;
      };
      return { article: new Article(Number(id), ''), rows: lazy(load) };
    };
    const { site, sweeper } = await running([{ path: '/page', handler, options: { holes: holes as never } }], {}, {});
    const visit = async (id: number) =>
      (await ask(`${site.url}/page`, { headers: { 'X-Article': `${id}` } })).body.toString();
    const maker = visit(1);
    const until = (started: number, waiting: number) =>
      vi.waitFor(() => expect([loads.length, sweeper.stats().making.waiting]).toEqual([started, waiting]), 10_000);
    await vi.waitFor(() => expect(sweeper.stats().making.running).toBe(1), 10_000);
    const others = [visit(2), visit(2)];
    await until(0, 2);
    const now = performance.now.bind(performance);
    vi.spyOn(performance, 'now').mockImplementation(() => now() + 59_900);
    handled.open();
    // One of the two loads, and the other waits for it for 100 ms.
    await until(2, 0);
    for (const load of loads) load.open(['two']);
    expect([await maker, ...(await Promise.all(others))].map((text) => text.trim())).toEqual([
      '<h1>T</h1>one',
      '<h1>T</h1>two',
      '<h1>T</h1>two',
    ]);
  });
});

test('a view of who could not use the one that was waited for is not kept if it was expired meanwhile', async () => {
  const gates: ReturnType<typeof gate<void>>[] = [];
  let isUsable = false;
  let time = 1_800_000_000_000;
  vi.spyOn(Date, 'now').mockImplementation(() => time);
  const now = () => Date.now();
  const site = await templateSite({
    templates: { 'page.njk': '{{ run }} {% uncached %}{{ name | usable }}{% enduncached %}' },
    environment: (env) =>
      env.addFilter('usable', (name: string) => {
        if (name === 'b' && !isUsable) {
          isUsable = true;
          throw new Error('not now');
        }
        return name;
      }),
    holes: (request) => ({ name: request.get('X-Visitor') }),
    handler: async (_request, response) => {
      const own = gate<void>();
      const run = gates.push(own);
      if (run > 2) own.open();
      await own.promise;
      response.render('page.njk', { run });
    },
    sweeper: { store: new TestingStore({ now }), now },
    before: (app) => void app.use(requestStart()),
  });
  try {
    const maker = site.get('/page', 'a');
    await vi.waitFor(() => expect(gates).toHaveLength(1), 10_000);
    // What is read long after the last bump takes the place of what was made before.
    time += 10_000;
    const other = site.get('/page', 'b');
    await vi.waitFor(() => expect(site.sweeper.stats().making.waiting).toBe(1), 10_000);
    gates[0]?.open();
    await vi.waitFor(() => expect(gates).toHaveLength(2), 10_000);
    await maker;
    await site.sweeper.expireView('/page');
    gates[1]?.open();
    expect((await other).text).toBe('2 b');
    expect((await site.get('/page', 'c')).text).toBe('3 c');
  } finally {
    await site.close();
  }
});
