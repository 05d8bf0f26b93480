import nunjucks from 'nunjucks';
import { CacheSweeper, type CacheSweeperOptions, type RenderReport } from 'nunjucks-cachesweeper';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { ObjectLoader, type Templates } from '../support/loaders.ts';

/** Time that passes only when a test says so. */
export class Clock {
  time = 1_800_000_000_000;
  readonly now = (): number => this.time;

  advance(milliseconds: number): void {
    this.time += milliseconds;
  }
}

/** Longer than data may be old: what is rendered now is stored for good. */
export const SETTLED = 10_000;

/** One process of a site: a sweeper and its environment. */
export class Site {
  readonly env: nunjucks.Environment;
  readonly sweeper: CacheSweeper;
  readonly reports: RenderReport[] = [];
  readonly errors: unknown[] = [];

  constructor(templates: Templates, options: CacheSweeperOptions = {}) {
    this.env = new nunjucks.Environment(new ObjectLoader(templates) as nunjucks.ILoader, { autoescape: true });
    this.sweeper = new CacheSweeper({
      timeout: '10s',
      onRender: (report) => void this.reports.push(report),
      onError: (error) => void this.errors.push(error),
      ...options,
    });
    this.sweeper.install(this.env);
  }

  /** The page's html; its entries are stored when it is there. */
  async page(context: object = {}, name = 'page.njk'): Promise<string> {
    const html = await this.sweeper.render(this.env, name, context);
    await this.sweeper.idle();
    return html;
  }

  get report(): RenderReport {
    const report = this.reports.at(-1);
    if (report === undefined) throw new Error('no page was rendered');
    return report;
  }

  /** What became of the last page's fragments. */
  get outcomes(): string[] {
    return this.report.fragments.map(({ outcome, reason }) => reason ?? outcome);
  }
}

/** A site with a store of its own and a clock that both go by. */
export function siteWithStore(templates: Templates, options: CacheSweeperOptions = {}) {
  const clock = new Clock();
  const store = new TestingStore({ now: clock.now });
  const site = new Site(templates, { store, now: clock.now, ...options });
  return { clock, store, site };
}

/** The calls of a store since it was last asked: `getMany token 3`. */
export function operationsOf(store: TestingStore): string[] {
  return store.operations.splice(0).map(({ method, kind, keys }) => `${method} ${kind} ${keys.length}`);
}

/** The error a promise rejects with. */
export async function failureOf(
  promise: Promise<unknown>,
): Promise<Error & { code?: string; names?: readonly string[] }> {
  try {
    await promise;
  } catch (error) {
    return error as Error & { code?: string };
  }
  throw new Error('it did not fail');
}

/** A promise settled by hand. */
export function gate<T = void>(): { promise: Promise<T>; open: (value: T) => void; fail: (error: unknown) => void } {
  let open!: (value: T) => void;
  let fail!: (error: unknown) => void;
  const promise = new Promise<T>((resolve, reject) => {
    open = resolve;
    fail = reject;
  });
  return { promise, open, fail };
}

/** Whether a call of a store concerns leases, which tell other processes that an entry is being made. */
export function areLeases(items: readonly { readonly key: string }[]): boolean {
  return items.some(({ key }) => key.includes(':lease:'));
}
