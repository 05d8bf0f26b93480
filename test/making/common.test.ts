import { lazy } from 'nunjucks-cachesweeper';
import { describe, expect, test, vi } from 'vitest';
import { Article } from '../support/models.ts';
import { ask } from '../views/client.ts';
import { sites } from '../views/running.ts';
import { frameworks } from '../views/sites.ts';
import { gate } from '../waiting/support.ts';

describe.each(frameworks)('%s', (_name, start) => {
  const running = sites(start, () => ({ wait: '60s' }));

  test('views of ten addresses that are made at once load what they have in common once', async () => {
    const all = gate<void>();
    const load = gate<string[]>();
    let [began, loads] = [0, 0];
    const comments = lazy(() => {
      loads++;
      return load.promise;
    });
    const { site, sweeper } = await running([
      {
        path: '/pages/:id',
        handler: async (call) => {
          began++;
          await all.promise;
          await call.render('article.njk', { article: new Article(1), comments });
        },
      },
    ]);
    // Two for each address: who waits for a view keeps it from nothing.
    const answers = Array.from({ length: 20 }, (_, i) => ask(`${site.url}/pages/${i % 10}`));
    await vi.waitFor(() => expect([began, sweeper.stats().making.waiting]).toEqual([10, 10]), 10_000);
    all.open();
    await vi.waitFor(() => expect(sweeper.stats().making.waiting).toBe(19), 10_000);
    load.open([]);
    expect(new Set((await Promise.all(answers)).map(({ status }) => status))).toEqual(new Set([200]));
    expect(loads).toBe(1);
    expect(sweeper.stats().making).toMatchObject({ running: 0, waiting: 0 });
  });
});
