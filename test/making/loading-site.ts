import { type CacheSweeperOptions, lazy } from 'nunjucks-cachesweeper';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { afterEach, expect, vi } from 'vitest';
import { Article } from '../support/models.ts';
import { Clock, gate, SETTLED, Site } from '../waiting/support.ts';

export const PAGE =
  '{% cachesweeper article 500 %}{{ lang }}{% for row in rows() %}{{ row }}{% endfor %}{% endcachesweeper %}';

/** A site whose page loads rows; `loads` are the loads that have not ended. */
export class LoadingSite extends Site {
  readonly clock: Clock;
  readonly loads: ReturnType<typeof gate<readonly number[]>>[] = [];
  started = 0;

  constructor(template: string | Record<string, string>, { clock = new Clock(), ...options }: LoadingOptions = {}) {
    super(typeof template === 'string' ? { 'page.njk': template } : template, { now: clock.now, ...options });
    this.clock = clock;
  }

  readonly load = (): Promise<readonly number[]> => {
    this.started++;
    const load = gate<readonly number[]>();
    this.loads.push(load);
    return load.promise;
  };

  visit(context: object = {}, name = 'page.njk'): Promise<string> {
    return this.sweeper.render(this.env, name, {
      article: new Article(1),
      lang: 'en',
      rows: lazy(this.load),
      ...context,
    });
  }

  visits(count: number, context: object = {}): Promise<string>[] {
    return Array.from({ length: count }, () => this.visit(context));
  }

  /** Waits until this many loads have started. */
  async until(started: number): Promise<void> {
    await vi.waitUntil(() => this.started >= started, { interval: 1, timeout: 10_000 });
  }

  /** Waits until this many pages wait for others. */
  async untilWaiting(count: number): Promise<void> {
    await vi.waitFor(() => expect(this.waiting).toBe(count), 10_000);
  }

  /** Waits until nothing happens without a load. */
  async settled(): Promise<void> {
    for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
  }

  get waiting(): number {
    return this.sweeper.stats().making.waiting;
  }

  get outcomesOfAll(): string[] {
    return this.reports.map(({ fragments }) => fragments.map(({ outcome, reason }) => reason ?? outcome).join());
  }
}

/** Options of a site, and a clock that it goes by. */
export type LoadingOptions = CacheSweeperOptions & { readonly clock?: Clock };

function onStore(options: LoadingOptions = {}): LoadingOptions {
  const clock = new Clock();
  return { clock, store: new TestingStore({ now: clock.now }), ...options };
}

export const kinds: Readonly<Record<string, () => LoadingOptions>> = {
  'without a store': () => ({}),
  'with a store': () => onStore(),
  'with a store and no memory tier': () => onStore({ memory: false }),
};

/** Returns what makes sites, which end with their test: by then nothing is being made. */
export function loadingSites() {
  const open: Site[] = [];
  afterEach(async () => {
    vi.useRealTimers();
    for (const site of open.splice(0)) {
      const { running, waiting } = site.sweeper.stats().making;
      expect({ running, waiting }).toEqual({ running: 0, waiting: 0 });
      await site.sweeper.close();
    }
  });
  return function siteOf(template: string | Record<string, string> = PAGE, options: LoadingOptions = {}): LoadingSite {
    const site = new LoadingSite(template, options);
    site.clock.advance(SETTLED);
    open.push(site);
    return site;
  };
}

/** Lets all loads that begin give these rows, until some pages are there. */
export async function finished<T>(
  site: LoadingSite,
  rows: readonly number[],
  pages: readonly Promise<T>[],
): Promise<T[]> {
  let isDone = false;
  const all = Promise.all(pages).finally(() => {
    isDone = true;
  });
  await vi.waitUntil(
    () => {
      for (const load of site.loads) load.open(rows);
      return isDone;
    },
    { interval: 1, timeout: 10_000 },
  );
  return all;
}

/**
 * Renders a page whose loads give these rows, and waits until its entries are stored.
 *
 * @param milliseconds how long each load takes
 */
export async function loaded(
  site: LoadingSite,
  rows: readonly number[],
  context: object = {},
  name?: string,
  milliseconds = 0,
) {
  let open = site.loads.length;
  let isDone = false;
  const page = site.visit(context, name).finally(() => {
    isDone = true;
  });
  await vi.waitUntil(
    () => {
      if (site.loads.length > open) site.clock.advance(milliseconds);
      for (const load of site.loads.slice(open)) load.open(rows);
      open = site.loads.length;
      return isDone;
    },
    { interval: 1 },
  );
  await site.sweeper.idle();
  return page;
}

/** Pages that are rendered without a load of their own. */
export async function shown(site: LoadingSite, count: number, context: object = {}, name?: string) {
  const { started } = site;
  const html = await Promise.all(Array.from({ length: count }, () => site.visit(context, name)));
  expect(site.started).toBe(started);
  return html;
}
