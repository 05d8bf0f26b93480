import { lazy, type WarmPage, type WarmProgress } from 'nunjucks-cachesweeper';
import { MemcachedStore } from 'nunjucks-cachesweeper/memcached';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { describe, expect, test } from 'vitest';
import { Memcached } from '../support/memcached.ts';
import { Article } from '../support/models.ts';
import { areLeases, Clock, failureOf, gate, SETTLED, Site, siteWithStore } from './support.ts';

const templates = {
  'page.njk':
    '{% cachesweeper article 500 %}<{{ article.title }}>{% for c in comments() %}{{ c }}{% endfor %}{% endcachesweeper %}',
  'plain.njk': '{% cachesweeper "Menu" 500 %}menu{% endcachesweeper %}',
  'broken.njk': '{{ missing() }}',
};

/** The variables of an article's page. */
const variables = (id: number, title = `t${id}`) => ({
  article: new Article(id, title),
  comments: lazy(async () => ['c']),
});
const pageOf =
  (site: Site) =>
  (id: number): WarmPage => ({ env: site.env, name: 'page.njk', context: () => variables(id) });
const ids = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

/** What a visitor of each page meets. */
async function visited(site: Site, count: number): Promise<string[]> {
  const outcomes: string[] = [];
  for (const id of ids(count)) {
    await site.page(variables(id));
    outcomes.push(...site.outcomes);
  }
  return outcomes;
}

const turns = async () => {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
};
const hits = (count: number) => ids(count).map(() => 'hit');

describe('warm() renders pages, so that visitors find them', () => {
  test('in the memory of the process, without a store', async () => {
    const site = new Site(templates);
    expect(await site.sweeper.warm(ids(9).map(pageOf(site)))).toEqual({ rendered: 9, failed: [] });
    expect(await visited(site, 9)).toEqual(hits(9));
  });

  test('in the store, when it has resolved: another process has all hits, long after', async () => {
    const clock = new Clock();
    const server = await Memcached.start();
    const process = () => new Site(templates, { store: new MemcachedStore(server.address), now: clock.now });
    const [a, b, c] = [process(), process(), process()];
    // Tokens are there, as before the deploy of a site that is running.
    await a.sweeper.warm(ids(20).map(pageOf(a)));
    clock.advance(SETTLED);
    await b.sweeper.warm(ids(20).map(pageOf(b)), { concurrency: 3 });
    clock.advance(100_000);
    expect(await visited(c, 20)).toEqual(hits(20));
    await Promise.all([a, b, c].map(({ sweeper }) => sweeper.close()));
  });

  test('a page has its place until its entries are written: no more are rendered than a slow store takes', async () => {
    const { store, site } = siteWithStore(templates);
    const writing: (() => void)[] = [];
    const held =
      (call: TestingStore['setMany']): TestingStore['setMany'] =>
      async (kind, items, options) => {
        if (kind === 'entry' && !areLeases(items)) await new Promise<void>((resolve) => writing.push(resolve));
        return call(kind, items, options);
      };
    store.setMany = held(store.setMany.bind(store));
    const add = store.addMany.bind(store);
    store.addMany = async (kind, items, options) => {
      if (kind === 'entry' && !areLeases(items)) await new Promise<void>((resolve) => writing.push(resolve));
      return add(kind, items, options);
    };
    let isOver = false;
    const warming = site.sweeper.warm(ids(6).map(pageOf(site)), { concurrency: 2 }).finally(() => {
      isOver = true;
    });
    const rendered: number[] = [];
    while (!isOver) {
      await turns();
      rendered.push(site.reports.length);
      for (const write of writing.splice(0)) write();
    }
    expect((await warming).rendered).toBe(6);
    expect(rendered.slice(0, 3)).toEqual([2, 4, 6]);
  });
});

describe('the data of a page', () => {
  test('that its function reads is younger than the call: such entries are stored for good', async () => {
    const { clock, site } = siteWithStore(templates);
    await site.sweeper.warm([pageOf(site)(1)]);
    clock.advance(SETTLED);
    await site.sweeper.invalidateCacheFor(new Article(1));
    clock.advance(1_500);
    await site.sweeper.warm([pageOf(site)(1)]);
    clock.advance(100_000);
    expect(await visited(site, 1)).toEqual(['hit']);
  });

  test('that an object brings may be older than a bump: such entries live for maxDataAge after it', async () => {
    const { clock, site } = siteWithStore(templates);
    await site.sweeper.warm([pageOf(site)(1)]);
    clock.advance(SETTLED);
    const context = variables(1, 'old');
    await site.sweeper.invalidateCacheFor(new Article(1));
    clock.advance(1_500);
    await site.sweeper.warm([{ env: site.env, name: 'page.njk', context }]);
    expect(await site.page(variables(1))).toBe('<old>c');
    clock.advance(2_502);
    expect(await site.page(variables(1))).toBe('<t1>c');
  });

  test('that was read before: `since` says when, for a function too', async () => {
    const { clock, site } = siteWithStore(templates);
    const page = pageOf(site)(1);
    await site.sweeper.warm([page]);
    clock.advance(SETTLED);
    const since = clock.time;
    await site.sweeper.invalidateCacheFor(new Article(1));
    clock.advance(2_000);
    await site.sweeper.warm([{ ...page, since }]);
    clock.advance(2_002);
    expect(await visited(site, 1)).not.toContain('hit');
  });

  test('of names that have no token yet: entries live for maxDataAge, and for good when it is warmed again 4 s later', async () => {
    const once = siteWithStore(templates);
    await once.site.sweeper.warm([pageOf(once.site)(1)]);
    once.clock.advance(4_002);
    expect(await visited(once.site, 1)).not.toContain('hit');
    const again = siteWithStore(templates);
    const object = { env: again.site.env, name: 'page.njk', context: variables(1) };
    await again.site.sweeper.warm([object]);
    again.clock.advance(4_001);
    await again.site.sweeper.warm([object]);
    again.clock.advance(100_000);
    expect(await visited(again.site, 1)).toEqual(['hit']);
  });

  test('may be left out', async () => {
    const site = new Site(templates);
    await site.sweeper.warm([{ env: site.env, name: 'plain.njk' }]);
    await site.page({}, 'plain.njk');
    expect(site.outcomes).toEqual(['hit']);
  });
});

describe('a page that fails', () => {
  test('does not stop the others, and is told with its error', async () => {
    const site = new Site(templates);
    const page = pageOf(site);
    const noRow = new Error('no such row');
    const { rendered, failed } = await site.sweeper.warm([
      { env: site.env, name: 'broken.njk' },
      page(1),
      { env: site.env, name: 'nowhere.njk' },
      {
        env: site.env,
        name: 'page.njk',
        context: () => {
          throw noRow;
        },
      },
      { env: site.env, name: 'page.njk', context: () => Promise.reject(noRow) },
      { env: site.env, name: 'page.njk', context: (() => undefined) as never },
      page(2),
    ]);
    expect(rendered).toBe(2);
    const told = failed.map(({ name, error }) => `${name}: ${(error as Error).message.replaceAll(/\s+/g, ' ')}`).sort();
    expect(told).toEqual([
      expect.stringContaining('broken.njk: '),
      expect.stringContaining('nowhere.njk: template not found'),
      'page.njk: no such row',
      'page.njk: no such row',
      "page.njk: warm() context of page.njk: expected an object of the page's variables, or a function that returns one, got undefined",
    ]);
    expect(failed.find(({ error }) => (error as Error).message.startsWith('warm()'))?.error).toMatchObject({
      code: 'CACHESWEEPER_BAD_OPTION',
    });
    expect(await visited(site, 2)).toEqual(hits(2));
  });

  test('is counted, and the errors of a thousand are kept', async () => {
    const site = new Site(templates);
    const context = () => Promise.reject(new Error('no such row'));
    const pages = ids(1_200).map(() => ({ env: site.env, name: 'page.njk', context }));
    const told: number[] = [];
    const onProgress = ({ failed }: WarmProgress) => void told.push(failed);
    const { rendered, failed } = await site.sweeper.warm(pages, { onProgress });
    expect([rendered, failed.length, told.at(-1)]).toEqual([0, 1_000, 1_200]);
  });
});

describe('at one time', () => {
  /** How many pages load at one time, at most. */
  async function most(options: { readonly concurrency?: number }): Promise<number> {
    const site = new Site(templates);
    let now = 0;
    let highest = 0;
    const context = async () => {
      highest = Math.max(highest, ++now);
      for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
      now--;
      return variables(1);
    };
    await site.sweeper.warm(
      ids(200).map(() => ({ env: site.env, name: 'page.njk', context })),
      options,
    );
    return highest;
  }

  test('four pages are rendered, or as many as concurrency says', async () => {
    expect([await most({}), await most({ concurrency: 1 }), await most({ concurrency: 100 })]).toEqual([4, 1, 100]);
  });

  test('a generator is asked for a page when there is a place for it', async () => {
    const site = new Site(templates);
    const gates: ReturnType<typeof gate<object>>[] = [];
    let given = 0;
    async function* pages(): AsyncGenerator<WarmPage> {
      for (; given < 10; ) {
        given++;
        const opened = gate<object>();
        gates.push(opened);
        yield { env: site.env, name: 'page.njk', context: () => opened.promise };
      }
    }
    const warming = site.sweeper.warm(pages(), { concurrency: 3 });
    await turns();
    expect(given).toBe(3);
    gates[1]?.open(variables(1));
    await turns();
    expect(given).toBe(4);
    for (let i = 0; i < 10; i++) {
      gates[i]?.open(variables(1));
      await turns();
    }
    expect(await warming).toEqual({ rendered: 10, failed: [] });
  });
});

describe('progress', () => {
  test.each([
    ['a list, of which it is known how many there are', (list: WarmPage[]) => list, 3],
    ['a set', (list: WarmPage[]) => new Set(list), undefined],
    ['a generator', (list: WarmPage[]) => list.values(), undefined],
  ] as const)('is told after each page of %s', async (_title, form, all) => {
    const site = new Site(templates);
    const told: WarmProgress[] = [];
    const list = [pageOf(site)(1), { env: site.env, name: 'broken.njk' }, { env: site.env, name: 'plain.njk' }];
    await site.sweeper.warm(form(list), { concurrency: 1, onProgress: (progress) => told.push(progress) });
    expect(told).toEqual([
      { done: 1, failed: 0, all, name: 'page.njk' },
      { done: 2, failed: 1, all, name: 'broken.njk' },
      { done: 3, failed: 1, all, name: 'plain.njk' },
    ]);
  });

  test.each([
    [
      'throws',
      () => {
        throw new Error('of the listener');
      },
    ],
    [
      'rejects',
      async () => {
        throw new Error('of the listener');
      },
    ],
  ] as const)('that %s goes to onError, and warming goes on', async (_title, onProgress) => {
    const site = new Site(templates);
    expect((await site.sweeper.warm(ids(3).map(pageOf(site)), { onProgress })).rendered).toBe(3);
    expect(site.errors.map((error) => (error as Error).message)).toEqual(ids(3).map(() => 'of the listener'));
  });
});

describe('a signal', () => {
  test('that is aborted ends warming at once, though a page may take for ever', async () => {
    const site = new Site(templates);
    const abort = new AbortController();
    const reason = new Error('the deploy goes on');
    const told: WarmProgress[] = [];
    const begun: number[] = [];
    let isClosed = false;
    const opened = gate<object>();
    function* pages(): Generator<WarmPage> {
      try {
        for (let id = 1; ; id++) {
          begun.push(id);
          yield { env: site.env, name: 'page.njk', context: () => (id === 2 ? opened.promise : variables(id)) };
        }
      } finally {
        isClosed = true;
      }
    }
    const warming = site.sweeper.warm(pages(), {
      concurrency: 2,
      signal: abort.signal,
      onProgress: (progress) => {
        told.push(progress);
        if (progress.done === 5) abort.abort(reason);
      },
    });
    expect(await failureOf(warming)).toBe(reason);
    const before = told.length;
    opened.open(variables(2));
    await turns();
    await site.sweeper.idle();
    await turns();
    expect([told.length, isClosed]).toEqual([before, true]);
    expect(Math.max(...begun)).toBeLessThanOrEqual(7);
  });

  test('that was aborted before renders nothing', async () => {
    const site = new Site(templates);
    const signal = AbortSignal.abort(new Error('over'));
    expect((await failureOf(site.sweeper.warm([pageOf(site)(1)], { signal }))).message).toBe('over');
    expect(site.reports).toEqual([]);
  });

  test('keeps no listener of a warming that is over', async () => {
    const site = new Site(templates);
    const { signal } = new AbortController();
    let listeners = 0;
    const { addEventListener, removeEventListener } = signal;
    signal.addEventListener = function add(...args: Parameters<typeof addEventListener>) {
      listeners++;
      return addEventListener.apply(signal, args);
    };
    signal.removeEventListener = function remove(...args: Parameters<typeof removeEventListener>) {
      listeners--;
      return removeEventListener.apply(signal, args);
    };
    await site.sweeper.warm([pageOf(site)(1)], { signal });
    expect(listeners).toBe(0);
  });
});

describe('what is wrong is refused', () => {
  const formsWanted =
    'warm() pages: expected a list of pages, each { env, name, context }, or something iterable that gives such pages, got';
  const variablesWanted = "expected an object of the page's variables, or a function that returns one, got";
  const { env } = new Site(templates);
  const page = { env, name: 'page.njk' };

  test.each<[pages: unknown, options: unknown, message: string]>([
    ['page.njk', {}, `${formsWanted} the string "page.njk"; pass one page as a list, too: [page]`],
    [page, {}, `${formsWanted} a plain object with env, name; pass one page as a list, too: [page]`],
    [null, {}, `${formsWanted} null; pass one page as a list, too: [page]`],
    [['page.njk'], {}, 'warm() pages[0]: expected a page: { env, name, context }, got the string "page.njk"'],
    [[page, undefined, page], {}, 'warm() pages[1]: expected a page: { env, name, context }, got undefined'],
    [[[env]], {}, 'warm() pages[0]: expected a page: { env, name, context }, got a list of 1'],
    [
      [{ ...page, template: 'x' }],
      {},
      'warm() pages[0] template: expected one of env, name, context, since, got an unknown name',
    ],
    [
      [{ name: 'page.njk' }],
      {},
      'warm() pages[0] env: expected a Nunjucks environment, got undefined; pass the one that sweeper.install(env) was called with',
    ],
    [[{ env, name: '' }], {}, 'warm() pages[0] name: expected a template\'s name, got the string ""'],
    [[{ ...page, context: 5 }], {}, `warm() pages[0] context: ${variablesWanted} the number 5`],
    [[{ ...page, context: [] }], {}, `warm() pages[0] context: ${variablesWanted} a list of 0`],
    [
      [{ ...page, context: Promise.resolve({}) }],
      {},
      `warm() pages[0] context: ${variablesWanted} a promise (await it first)`,
    ],
    [
      [{ ...page, since: Number.NaN }],
      {},
      'warm() pages[0] since: expected milliseconds since 1970, got the number NaN',
    ],
    [[], { concurrency: 0 }, 'warm() concurrency: expected a whole number from 1 to 100, got the number 0'],
    [[], { concurrency: 101 }, 'warm() concurrency: expected a whole number from 1 to 100, got the number 101'],
    [[], { concurrency: 1.5 }, 'warm() concurrency: expected a whole number from 1 to 100, got the number 1.5'],
    [[], { concurrency: '4' }, 'warm() concurrency: expected a whole number from 1 to 100, got the string "4"'],
    [[], { onProgress: true }, 'warm() onProgress: expected a function, got the boolean true'],
    [[], { signal: {} }, 'warm() signal: expected an AbortSignal, got an empty object'],
    [
      [],
      { onprogress: () => {} },
      'warm() onprogress: expected one of concurrency, onProgress, signal, got an unknown name',
    ],
    [[], null, 'warm() options: expected an object of options, got null'],
    [[], 4, 'warm() options: expected an object of options, got the number 4'],
  ])('%#', async (pages, options, message) => {
    const site = new Site(templates);
    const failure = await failureOf(site.sweeper.warm(pages as never, options as never));
    expect([failure.code, failure.message]).toEqual(['CACHESWEEPER_BAD_OPTION', message]);
    expect(site.reports).toEqual([]);
  });

  test('an environment without this sweeper: nothing of the list is rendered', async () => {
    const site = new Site(templates);
    const failure = await failureOf(site.sweeper.warm([pageOf(site)(1), { env, name: 'page.njk' }]));
    expect(failure).toMatchObject({ code: 'CACHESWEEPER_INSTALL' });
    expect(site.reports).toEqual([]);
  });

  test('a wrong page of a generator, when it comes: the pages before it have ended', async () => {
    const site = new Site(templates);
    let isClosed = false;
    function* pages() {
      try {
        yield* [pageOf(site)(1), pageOf(site)(2), 'page.njk' as never, pageOf(site)(3)];
      } finally {
        isClosed = true;
      }
    }
    const failure = await failureOf(site.sweeper.warm(pages(), { concurrency: 10 }));
    expect(failure.message).toContain('warm() pages[2]: expected a page');
    expect([site.reports.length, isClosed]).toEqual([2, true]);
  });

  test('an error of what gives the pages is the error of warm()', async () => {
    const site = new Site(templates);
    async function* pages() {
      yield pageOf(site)(1);
      throw new Error('the list of articles could not be read');
    }
    expect((await failureOf(site.sweeper.warm(pages()))).message).toBe('the list of articles could not be read');
    expect(site.reports).toHaveLength(1);
  });

  test('a sweeper that is closed', async () => {
    const site = new Site(templates);
    await site.sweeper.close();
    expect(await failureOf(site.sweeper.warm([pageOf(site)(1)]))).toMatchObject({
      code: 'CACHESWEEPER_CLOSED',
      message: 'this sweeper was closed: nothing can be cached',
    });
  });
});

test('a sweeper that is closed meanwhile: no page is said to be warm that is not, and no further one is rendered', async () => {
  for (const left of [0, 1]) {
    const { site } = siteWithStore(templates);
    const loading = gate<object>();
    const pages = [
      pageOf(site)(1),
      { env: site.env, name: 'page.njk', context: () => loading.promise },
      ...ids(left).map(pageOf(site)),
    ];
    const warming = site.sweeper.warm(pages, { concurrency: 1 }).catch((error) => error);
    await turns();
    await site.sweeper.close();
    loading.open(variables(2));
    const closed = expect.objectContaining({ code: 'CACHESWEEPER_CLOSED' });
    expect(await warming).toEqual(left === 1 ? closed : { rendered: 1, failed: [{ name: 'page.njk', error: closed }] });
    expect(site.reports).toHaveLength(2);
  }
});

test('with a store that is away pages are rendered all the same, and warm() resolves', async () => {
  const store = new TestingStore({ script: () => ({ outcome: 'reject' }) });
  const site = new Site(templates, { store });
  expect(await site.sweeper.warm(ids(5).map(pageOf(site)))).toEqual({ rendered: 5, failed: [] });
  await site.sweeper.close();
});
