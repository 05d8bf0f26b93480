import { lazy } from 'nunjucks-cachesweeper';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { Article } from '../frameworks/blog.ts';
import { ask } from '../views/client.ts';
import { sites } from '../views/running.ts';
import { allFrameworks, type Handler } from '../views/sites.ts';
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
