import { lazy } from 'nunjucks-cachesweeper';
import { MemcachedStore } from 'nunjucks-cachesweeper/memcached';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { Memcached } from '../support/memcached.ts';
import { Article } from '../support/models.ts';
import { gate, Site } from '../waiting/support.ts';

const PAGE =
  '{% cachesweeper article 500 %}{{ lang }}{% for row in rows() %}{{ row }}{% endfor %}{% endcachesweeper %}';

let server: Memcached;
beforeAll(async () => {
  server = await Memcached.start();
});
afterAll(() => server.stop());

let namespaces = 0;
const kinds = {
  'a store in this process': () => {
    const store = new TestingStore();
    return () => store;
  },
  Memcached: () => () => new MemcachedStore(server.address),
};

const open: Site[] = [];
afterEach(async () => {
  for (const site of open.splice(0)) {
    expect(site.sweeper.stats().making).toMatchObject({ running: 0, waiting: 0 });
    await site.sweeper.close();
  }
});

/** Processes of one site, each with a sweeper of its own on one store. */
class Processes {
  readonly sites: readonly Site[];
  readonly loads: ReturnType<typeof gate<readonly number[]>>[] = [];
  /** Which process started each load. */
  readonly by: number[] = [];

  constructor(
    count: number,
    storeOf: () => TestingStore | MemcachedStore,
    template: string | Record<string, string> = PAGE,
    options = {},
  ) {
    const namespace = `leases${++namespaces}`;
    const templates = typeof template === 'string' ? { 'page.njk': template } : template;
    this.sites = Array.from(
      { length: count },
      () => new Site(templates, { store: storeOf(), namespace, maxDataAge: '1ms', ...options }),
    );
    open.push(...this.sites);
  }

  visit(process: number, context: object = {}, name = 'page.njk'): Promise<string> {
    const { sweeper, env } = this.sites[process] as Site;
    const load = () => {
      const own = gate<readonly number[]>();
      this.loads.push(own);
      this.by.push(process);
      return own.promise;
    };
    return sweeper.render(env, name, { article: new Article(1), lang: 'en', rows: lazy(load), ...context });
  }

  visits(each: number, context: object = {}): Promise<string>[] {
    return this.sites.flatMap((_site, process) => Array.from({ length: each }, () => this.visit(process, context)));
  }

  get waiting(): number {
    return this.sites.reduce((sum, { sweeper }) => sum + sweeper.stats().making.waiting, 0);
  }

  until(loads: number, waiting: number): Promise<void> {
    return vi.waitFor(() => expect([this.loads.length, this.waiting]).toEqual([loads, waiting]), 10_000);
  }

  /** Makes the tokens, so that what is made from now on is kept. */
  async settle(): Promise<void> {
    const pages = this.visits(1);
    await vi.waitFor(() => expect(this.loads.length).toBeGreaterThan(0), 10_000);
    const opened = setInterval(() => this.loads.forEach((load) => load.open([0])), 5);
    await Promise.all(pages);
    clearInterval(opened);
    await this.idle();
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    await this.sites[0]?.sweeper.invalidateAll();
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    this.loads.length = 0;
    this.by.length = 0;
  }

  async idle(): Promise<void> {
    await Promise.all(this.sites.map(({ sweeper }) => sweeper.idle()));
  }
}

describe.each(Object.entries(kinds))('four processes on %s', (_kind, storeOf) => {
  test('twenty visitors of each cost one load, cold and after a bump', async () => {
    const all = new Processes(4, storeOf());
    await all.settle();
    for (const round of [1, 2]) {
      const pages = all.visits(20);
      await all.until(round, 79);
      all.loads[round - 1]?.open([round]);
      expect(new Set(await Promise.all(pages))).toEqual(new Set([`en${round}`]));
      expect(all.loads).toHaveLength(round);
      await all.idle();
      await all.sites[round]?.sweeper.invalidateCacheFor(new Article(1));
      await new Promise((resolve) => setTimeout(resolve, 1_100));
    }
  });
});
