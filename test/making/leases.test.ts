import { AsyncLocalStorage } from 'node:async_hooks';
import { lazy, type Store } from 'nunjucks-cachesweeper';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { Sealer } from '../../src/cache/seal.ts';
import { Leases } from '../../src/cache/shared/leases.ts';
import { SafeStore } from '../../src/cache/shared/safe-store.ts';
import { Article } from '../support/models.ts';
import { everyday, type StoreServer, storeAt, storeKinds } from '../support/store-servers.ts';
import { areLeases, Clock, gate, operationsOf, SETTLED, Site } from '../waiting/support.ts';

const PAGE =
  '{% cachesweeper article 500 %}{{ lang }}{% for row in rows() %}{{ row }}{% endfor %}{% endcachesweeper %}';

const servers = everyday(storeKinds);
const started: StoreServer[] = [];
beforeAll(async () => {
  started.push(...(await Promise.all(servers.map((kind) => kind.start()))));
});

let namespaces = 0;
const kinds = {
  'a store in this process': () => {
    const clock = new Clock();
    const store = new TestingStore({ now: clock.now });
    return { clock, store, storeOf: () => new TestingStore({ now: clock.now, shared: store }) };
  },
  ...Object.fromEntries(
    servers.map(({ name }, i) => [
      name,
      () => ({ clock: new Clock(), storeOf: () => storeAt(started[i] as StoreServer) }),
    ]),
  ),
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
  readonly clock: Clock;
  readonly sites: readonly Site[];
  readonly loads: ReturnType<typeof gate<readonly number[]>>[] = [];
  /** Which process started each load. */
  readonly by: number[] = [];

  constructor(
    count: number,
    { clock, storeOf }: { readonly clock: Clock; readonly storeOf: () => Store },
    template: string | Record<string, string> = PAGE,
    options = {},
  ) {
    this.clock = clock;
    const namespace = `leases${++namespaces}`;
    const templates = typeof template === 'string' ? { 'page.njk': template } : template;
    this.sites = Array.from(
      { length: count },
      () => new Site(templates, { store: storeOf(), namespace, now: clock.now, ...options }),
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

  until(loads: number, waiting?: number): Promise<void> {
    const here = () => [this.loads.length, waiting === undefined ? undefined : this.waiting];
    return vi.waitFor(() => expect(here()).toEqual([loads, waiting]), 10_000);
  }

  /** Makes the tokens, long ago, so that what is made from now on is kept. */
  async settle(): Promise<this> {
    const page = this.visit(0);
    await this.until(1);
    this.loads[0]?.open([0]);
    await page;
    await this.bump();
    this.loads.length = 0;
    this.by.length = 0;
    return this;
  }

  async bump(): Promise<void> {
    await Promise.all(this.sites.map(({ sweeper }) => sweeper.idle()));
    await this.sites.at(-1)?.sweeper.invalidateCacheFor(new Article(1));
    this.clock.advance(SETTLED);
  }
}

describe.each(Object.entries(kinds))('processes on %s', (_kind, newStore) => {
  test('twenty visitors of each of four cost one load, cold and after a bump', async () => {
    const all = await new Processes(4, newStore()).settle();
    for (const round of [1, 2]) {
      const pages = all.visits(20);
      await all.until(round, 79);
      all.loads[round - 1]?.open([round]);
      expect(new Set(await Promise.all(pages))).toEqual(new Set([`en${round}`]));
      expect(all.loads).toHaveLength(round);
      await all.bump();
    }
  });

  test('a cold start costs one load, whichever process makes the tokens', async () => {
    const all = new Processes(4, newStore());
    const pages = all.visits(5);
    await all.until(1, 19);
    all.loads[0]?.open([1]);
    expect(new Set(await Promise.all(pages))).toEqual(new Set(['en1']));
    expect(all.loads).toHaveLength(1);
  });

  test('so does each end of a ttl, also while it is still told that the one before is done', async () => {
    const all = await new Processes(3, newStore(), PAGE.replace('500', '1')).settle();
    for (const round of [1, 2, 3]) {
      const pages = all.visits(5);
      await all.until(round, 14);
      all.loads[round - 1]?.open([round]);
      expect(new Set(await Promise.all(pages))).toEqual(new Set([`en${round}`]));
      await Promise.all(all.sites.map(({ sweeper }) => sweeper.idle()));
      all.clock.advance(1_001);
    }
    expect(all.loads).toHaveLength(3);
  });

  test('two variants cost two loads', async () => {
    const all = await new Processes(2, newStore()).settle();
    const pages = [...all.visits(3, { lang: 'en' }), ...all.visits(3, { lang: 'de' })];
    await all.until(2, 10);
    for (const load of all.loads) load.open([1]);
    expect((await Promise.all(pages)).sort()).toEqual([...Array(6).fill('de1'), ...Array(6).fill('en1')]);
    expect(all.loads).toHaveLength(2);
  });

  test('a bump ends a lease: who comes after it does not wait for what began before', async () => {
    const all = await new Processes(2, newStore()).settle();
    const before = all.visit(0);
    await all.until(1);
    await all.bump();
    const after = all.visit(1);
    await all.until(2, 0);
    all.loads[1]?.open([2]);
    expect(await after).toBe('en2');
    all.loads[0]?.open([1]);
    await before;
    expect(await all.visit(1)).toBe('en2');
    expect(all.loads).toHaveLength(2);
  });

  test('a load that fails fails its page: one page of one process loads again, and so on three times', async () => {
    const all = await new Processes(3, newStore()).settle();
    const pages = all.visits(2).map((page) => page.catch((error: Error) => error.message));
    for (let i = 0; i < 2; i++) {
      await all.until(i + 1, 5 - i);
      all.loads[i]?.fail(new Error('no database'));
    }
    await all.until(3, 3);
    all.loads[2]?.open([1]);
    const html = await Promise.all(pages);
    expect(html.filter((text) => text.includes('no database'))).toHaveLength(2);
    expect(html.filter((text) => text === 'en1')).toHaveLength(4);
    expect(all.loads).toHaveLength(3);
  });

  test('a hundred visitors of one process are not run again and again while they wait', async () => {
    const all = await new Processes(2, newStore()).settle();
    const own = all.visit(0);
    await all.until(1);
    const pages = Array.from({ length: 100 }, () => all.visit(1));
    await all.until(1, 100);
    all.loads[0]?.open([1]);
    expect(new Set(await Promise.all([own, ...pages]))).toEqual(new Set(['en1']));
    expect(Math.max(...(all.sites[1] as Site).reports.map(({ passes }) => passes))).toBeLessThanOrEqual(6);
  });

  test('a page waits no longer than the option says', async () => {
    const all = await new Processes(2, newStore(), PAGE, { wait: '300ms' }).settle();
    const slow = all.visit(0);
    await all.until(1);
    const other = all.visit(1);
    await all.until(1, 1);
    await all.until(2, 0);
    for (const load of all.loads) load.open([1]);
    expect(await Promise.all([slow, other])).toEqual(['en1', 'en1']);
  });
});

test('a process that dies costs the life of its lease: then one of the others loads', async () => {
  const store = kinds['a store in this process']();
  const all = await new Processes(3, store).settle();
  const dying = all.visit(0);
  await all.until(1);
  const pages = [1, 2].flatMap((process) => [all.visit(process), all.visit(process)]);
  await all.until(1, 4);
  // It renews nothing more.
  await all.sites[0]?.sweeper.close();
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(all.loads).toHaveLength(1);
  store.clock.advance(2_001);
  await all.until(2, 3);
  all.loads[1]?.open([2]);
  expect(await Promise.all(pages)).toEqual(Array(4).fill('en2'));
  expect(all.loads).toHaveLength(2);
  all.loads[0]?.open([1]);
  await dying;
});

test('a process that dies, and whose lease the store keeps for longer, costs the life of its lease as well', async () => {
  const store = kinds['a store in this process']();
  const all = await new Processes(3, store).settle();
  const dying = all.visit(0);
  await all.until(1);
  const pages = [1, 2].flatMap((process) => [all.visit(process), all.visit(process)]);
  await all.until(1, 4);
  await all.sites[0]?.sweeper.close();
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(all.loads).toHaveLength(1);
  const { now } = performance;
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => now.call(performance) + 1_900);
  onTestFinished(() => clock.mockRestore());
  await all.until(2, 3);
  // Who comes now learns of it, too.
  const later = all.visit(1);
  await all.until(2, 4);
  all.loads[1]?.open([2]);
  expect(await Promise.all([...pages, later])).toEqual(Array(5).fill('en2'));
  expect(all.loads).toHaveLength(2);
  all.loads[0]?.open([1]);
  await dying;
});

test('a lease that is renewed is waited for, however long that takes', async () => {
  const { clock: time, storeOf } = kinds['a store in this process']();
  const stores: TestingStore[] = [];
  const store = { clock: time, storeOf: () => stores[stores.push(storeOf()) - 1] as TestingStore };
  const intervals = vi.spyOn(globalThis, 'setInterval');
  onTestFinished(() => intervals.mockRestore());
  const all = await new Processes(2, store).settle();
  const page = all.visit(0);
  await all.until(1);
  const renew = intervals.mock.calls.at(-1)?.[0] as () => void;
  const other = all.visit(1);
  await all.until(1, 1);
  const { now } = performance;
  let passed = 0;
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => now.call(performance) + passed);
  onTestFinished(() => clock.mockRestore());
  const looked = stores[1] as TestingStore;
  for (let i = 0; i < 5; i++) {
    passed += 900;
    renew();
    // The waiting process looks at it twice.
    const looks = looked.operations.length + 2;
    await vi.waitUntil(() => looked.operations.length >= looks, { interval: 1, timeout: 10_000 });
  }
  expect([all.loads.length, all.waiting]).toEqual([1, 1]);
  all.loads[0]?.open([1]);
  expect(await Promise.all([page, other])).toEqual(['en1', 'en1']);
});

describe('what a store is asked', () => {
  const several = [1, 2, 3]
    .map((id) => `{% cachesweeper a${id} 500 %}{{ rows(${id}) | join }}{% endcachesweeper %}`)
    .join('');
  const models = { a1: new Article(1), a2: new Article(2), a3: new Article(3) };
  const asked = async (template: string) => {
    const { clock, store } = kinds['a store in this process']();
    const all = new Processes(1, { clock, storeOf: () => store }, template);
    const page = () => all.visit(0, { ...models, rows: lazy(async (id: number) => [id]) });
    await page();
    await all.bump();
    await all.sites[0]?.sweeper.invalidateAll();
    clock.advance(SETTLED);
    store.operations.splice(0);
    const html = await page();
    await all.sites[0]?.sweeper.idle();
    return { html, asked: operationsOf(store) };
  };

  test('all leases of a pass in one batch, told when the entries are there', async () => {
    const { html, asked: calls } = await asked(several);
    expect(html).toBe('123');
    const adds = calls.filter((call) => call.startsWith('addMany entry'));
    expect(adds).toEqual(['addMany entry 3']);
    // The entries, and then what came of the leases.
    expect(calls.slice(-2)).toEqual(['setMany entry 3', 'setMany entry 3']);
  });

  test('no lease for bodies that load nothing', async () => {
    const { asked: calls } = await asked(several.replaceAll(/rows\((\d)\) \| join/g, '$1'));
    expect(calls.filter((call) => call.startsWith('addMany entry'))).toEqual([]);
    expect(calls.filter((call) => call.startsWith('setMany entry'))).toEqual(['setMany entry 3']);
  });
});

test('a store that does not say who has the lease costs no wait: each page loads', async () => {
  const store = new TestingStore({
    script: ({ method, kind }) =>
      method === 'addMany' && kind === 'entry' ? { outcome: 'unknown' as const } : undefined,
  });
  const all = new Processes(2, { clock: new Clock(), storeOf: () => store });
  all.clock.advance(SETTLED);
  const pages = all.visits(1);
  await all.until(2, 0);
  for (const load of all.loads) load.open([1]);
  expect(await Promise.all(pages)).toEqual(['en1', 'en1']);
});

test('in a transaction nobody asks for a lease', async () => {
  const all = await new Processes(2, kinds['a store in this process']()).settle();
  const outside = all.visit(0);
  await all.until(1);
  const inside = all.sites[1]?.sweeper.transaction(() => all.visit(1));
  await all.until(2, 0);
  for (const load of all.loads) load.open([1]);
  expect(await Promise.all([outside, inside])).toEqual(['en1', 'en1']);
});

test('of a hundred and fifty visitors who all need another variant none is run again and again', async () => {
  const all = await new Processes(1, kinds['a store in this process']()).settle();
  const rows = lazy(async () => ['']);
  const pages = Array.from({ length: 150 }, (_, i) => all.visit(0, { lang: `${i}`, rows }));
  expect(await Promise.all(pages)).toEqual(Array.from(pages, (_, i) => `${i}`));
  expect(Math.max(...(all.sites[0] as Site).reports.map(({ passes }) => passes))).toBeLessThanOrEqual(10);
});

test('a store that has each lease, and does not find it, delays a page and does not fail it', async () => {
  class Forgetful extends TestingStore {
    override addMany(...[kind, items, call]: Parameters<TestingStore['addMany']>): ReturnType<TestingStore['addMany']> {
      return areLeases(items) ? Promise.resolve(items.map(() => 'exists')) : super.addMany(kind, items, call);
    }
  }
  const clock = new Clock();
  const all = await new Processes(1, { clock, storeOf: () => new Forgetful({ now: clock.now }) }).settle();
  expect(await all.visit(0, { rows: lazy(async () => [1]) })).toBe('en1');
  expect(all.sites[0]?.report.passes).toBeLessThan(30);
});

test('who joins others that wait for a lease does not have it looked at sooner', async () => {
  const all = await new Processes(2, kinds['a store in this process']()).settle();
  const pages = [all.visit(0)];
  await all.until(1);
  const timers = vi.spyOn(globalThis, 'setTimeout');
  const pauses = () => timers.mock.calls.flatMap(([, delay = 0]) => (delay >= 1 && delay <= 40 ? [delay] : []));
  for (let looks = 1; looks <= 5; looks++) {
    pages.push(all.visit(1));
    await vi.waitFor(() => expect([all.waiting, pauses().length >= looks]).toEqual([looks, true]), 10_000);
  }
  // As long as somebody has waited, the pauses are longer.
  expect(pauses()[0]).toBe(10);
  expect(pauses()).toEqual(pauses().toSorted((a, b) => a - b));
  timers.mockRestore();
  all.loads[0]?.open([1]);
  expect(new Set(await Promise.all(pages))).toEqual(new Set(['en1']));
});

test('a slow store is not sent a second renewal of a lease before it has answered the first: that might be carried out last', async () => {
  const store = new TestingStore({ script: ({ method }) => (method === 'setMany' ? { outcome: 'hang' } : undefined) });
  const leases = new Leases(new SafeStore(store, () => {}), new Sealer([]), {
    timeout: 50,
    wait: 60_000,
    now: Date.now,
  });
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  expect(await leases.take('lease')).toBe('held');
  vi.advanceTimersByTime(1_600);
  expect(operationsOf(store)).toEqual(['addMany entry 1', 'setMany entry 1']);
  leases.close();
  vi.useRealTimers();
});

/** Who waits in vain waits longer than the test. */
const LONG = { wait: '60s' };

test('what the store does not take nobody waits for a second time: after one load all others load at once', async () => {
  class Small extends TestingStore {
    override setMany(...[kind, items, call]: Parameters<TestingStore['setMany']>): ReturnType<TestingStore['setMany']> {
      const isEntry = kind === 'entry' && !areLeases(items);
      return isEntry ? Promise.resolve(items.map(() => false)) : super.setMany(kind, items, call);
    }
  }
  const { clock, store } = kinds['a store in this process']();
  const all = await new Processes(
    4,
    { clock, storeOf: () => new Small({ now: clock.now, shared: store }) },
    PAGE,
    LONG,
  ).settle();
  const pages = all.visits(1);
  await all.until(1, 3);
  all.loads[0]?.open([1]);
  await all.until(4, 0);
  for (const load of all.loads) load.open([2]);
  expect((await Promise.all(pages)).sort()).toEqual(['en1', 'en2', 'en2', 'en2']);
});

test('a lease that was taken, and not acknowledged, ends when its entry is there', async () => {
  const { clock, store } = kinds['a store in this process']();
  const losing = new TestingStore({ now: clock.now, shared: store });
  const stores = [losing, new TestingStore({ now: clock.now, shared: store })];
  const all = await new Processes(2, { clock, storeOf: () => stores.shift() as TestingStore }, PAGE, LONG).settle();
  losing.script = ({ method, kind }) => (method === 'addMany' && kind === 'entry' ? { outcome: 'lost' } : undefined);
  const pages = [all.visit(0)];
  await all.until(1);
  pages.push(all.visit(1));
  await all.until(1, 1);
  all.loads[0]?.open([1]);
  expect(await Promise.all(pages)).toEqual(['en1', 'en1']);
  expect(all.loads).toHaveLength(1);
});

test('nobody waits for what cannot be kept until its page has ended: after one load all others load at once', async () => {
  const odd = () => Math.random();
  const template =
    '{% cachesweeper article 500 %}{% set n = rows()[0] %}{{ odd() }}{% endcachesweeper %}{% if n == 1 %}{{ slow() }}{% endif %}';
  const all = await new Processes(3, kinds['a store in this process'](), template, LONG);
  const slow = gate<string>();
  const pages = [0, 1, 2].map((process) => all.visit(process, { odd, slow: lazy(() => slow.promise) }));
  await all.until(1, 2);
  all.loads[0]?.open([1]);
  await all.until(3, 0);
  for (const load of all.loads) load.open([2]);
  slow.open('');
  await Promise.all(pages);
});

test('a store that has not answered for a lease is not waited for a second time by the same page', async () => {
  const template = [1, 2, 3].reduceRight(
    (inside, i) =>
      `{% cachesweeper article 500 ${i} %}{% if load(${i}) == ${i} %}${i}${inside}{% endif %}{% endcachesweeper %}`,
    '',
  );
  const store = new TestingStore({
    script: ({ method, kind }) =>
      method === 'addMany' && kind === 'entry' ? { outcome: 'unknown' as const } : undefined,
  });
  const all = new Processes(1, { clock: new Clock(), storeOf: () => store }, template);
  expect(await all.visit(0, { load: lazy(async (i: number) => i) })).toBe('123');
  const asked = store.operations.filter(
    ({ method, keys }) => method === 'addMany' && areLeases(keys.map((key) => ({ key }))),
  );
  expect(asked).toHaveLength(1);
});

/** Known when the first page begins, and bumped while it loads; the lease knows nothing of it, because there is no entry that does. */
const DEPENDS =
  '{% cachesweeper article 500 %}{% depends author %}{% for row in rows() %}{{ row }}{% endfor %}{% endcachesweeper %}';

test.each([
  ['a process', 0],
  ['another process', 1],
])(
  'who waits in %s for what a bump has not ended takes nothing that is older than its own tokens',
  async (_where, other) => {
    const author = new Article(9);
    const all = new Processes(2, kinds['a store in this process'](), DEPENDS, LONG);
    const first = all.visit(0, { author });
    await all.until(1);
    await all.sites[1]?.sweeper.invalidateCacheFor(author);
    const second = all.visit(other, { author });
    await all.until(1, 1);
    all.loads[0]?.open([1]);
    expect(await first).toBe('1');
    await all.until(2, 0);
    all.loads[1]?.open([2]);
    expect(await second).toBe('2');
  },
);

test('a store is asked in the asynchronous context of the visitor who asks, also when another one has just been answered', async () => {
  const visitors = new AsyncLocalStorage<string>();
  const asked: (string | undefined)[] = [];
  class Traced extends TestingStore {
    override getMany(...call: Parameters<TestingStore['getMany']>): ReturnType<TestingStore['getMany']> {
      asked.push(visitors.getStore());
      return super.getMany(...call);
    }
  }
  const author = new Article(9);
  const all = new Processes(1, { clock: new Clock(), storeOf: () => new Traced() }, DEPENDS, LONG);
  const first = visitors.run('first', () => all.visit(0, { author }));
  await all.until(1);
  const second = visitors.run('second', () => all.visit(0, { author }));
  await all.until(1, 1);
  asked.splice(0);
  all.loads[0]?.open([1]);
  expect(await Promise.all([first, second])).toEqual(['1', '1']);
  expect(new Set(asked)).toEqual(new Set(['second']));
});
