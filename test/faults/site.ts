import nunjucks from 'nunjucks';
import {
  CacheSweeper,
  type CacheSweeperError,
  type CacheSweeperOptions,
  lazy,
  type Store,
} from 'nunjucks-cachesweeper';
import { afterEach, expect } from 'vitest';
import { ObjectLoader } from '../support/loaders.ts';
import { sized } from '../support/long.ts';
import { Measures } from './measures.ts';
import { type Article, Comment, Expected, makeArticles, type Row } from './rows.ts';

const TEMPLATES = {
  'page.njk':
    '{% cachesweeper article 500 "article" %}{{ article.html() | safe }}' +
    '{% for comment in comments() %}{% include "comment.njk" %}{% endfor %}{% endcachesweeper %}',
  'comment.njk': '{% cachesweeper comment 500 %}{{ comment.html() | safe }}{% endcachesweeper %}',
};
/** What all waiting for the store in one page may take, in milliseconds. */
export const TIMEOUT = 250;
/** A page or bump may wait beyond its deadline by so much, in milliseconds: some of it is for others that run in between,
 * of which CI has more. */
export const MARGIN: number = sized(150, 150, 300);
/** How often a process may say that a server has failed: for reading and for writing, and once more while it comes back. */
export const REPORTS = 4;
/** Pages that are rendered at one time. */
export const AT_ONCE = 20;

const open: Site[] = [];
afterEach(async () => {
  const sites = open.splice(0);
  await Promise.all(sites.map((site) => site.close()));
  // Nobody waits for a page that nobody renders.
  for (const { processes } of sites) {
    for (const { sweeper } of processes) expect(sweeper.stats().making).toMatchObject({ running: 0, waiting: 0 });
  }
});

/** What stands for one process of the site. */
export class SiteProcess {
  readonly sweeper: CacheSweeper;
  readonly env: nunjucks.Environment;
  /** Reported to nobody else. */
  readonly errors: CacheSweeperError[] = [];

  constructor(options: CacheSweeperOptions, onFragments: (hits: number, all: number) => void) {
    this.env = new nunjucks.Environment(new ObjectLoader(TEMPLATES) as nunjucks.ILoader);
    this.sweeper = new CacheSweeper({
      timeout: `${TIMEOUT}ms`,
      onRender: ({ fragments }) => {
        onFragments(fragments.filter(({ outcome }) => outcome === 'hit').length, fragments.length);
      },
      onError: (error) => void this.errors.push(error as CacheSweeperError),
      ...options,
    });
    this.sweeper.install(this.env);
    this.sweeper.register(Comment, { touches: ({ articleId }) => [{ type: 'Article', id: articleId }] });
  }
}

interface SiteOptions {
  /** Of the rows' texts in bytes, taken in turn. */
  readonly sizes?: readonly number[];
  readonly articles?: number;
  /** Of each article. */
  readonly comments?: number;
  /** The memory tier of the one process that has one. */
  readonly memory?: { readonly maxBytes?: number };
}

/**
 * A site of articles with comments, a fragment in a fragment, rendered by two processes: one with a memory tier, one without. Every page is
 * compared byte for byte with what the rows give, and may not show an older version than was acknowledged when it began.
 */
export class Site {
  readonly articles: readonly Article[];
  readonly processes: readonly SiteProcess[];
  readonly measures: Measures = new Measures();
  readonly faults: string[] = [];

  constructor(
    store: (process: number) => Store,
    { sizes = [100, 800], articles = 12, comments = 3, memory = {} }: SiteOptions = {},
  ) {
    this.articles = makeArticles(articles, comments, sizes);
    const seen = (hits: number, all: number) => this.measures.addFragments(hits, all);
    this.processes = [memory, false as const].map(
      (tier, i) => new SiteProcess({ store: store(i), memory: tier }, seen),
    );
    open.push(this);
  }

  get rows(): readonly Row[] {
    return this.articles.flatMap(({ all }) => all);
  }

  /** Renders a page and looks at every byte of it. */
  async page(process: SiteProcess, article: Article): Promise<void> {
    const expected = new Expected(article, process);
    const done = this.measures.startPage(TIMEOUT);
    try {
      // The bodies read their rows when they run: the data is as young as the page.
      const html = await process.sweeper.render(
        process.env,
        'page.njk',
        { article, comments: lazy(async () => article.comments) },
        { since: Date.now() },
      );
      done();
      const fault = expected.fault(html);
      if (fault !== undefined) this.faults.push(fault);
    } catch (error) {
      this.faults.push(`a page failed: ${error}`);
    }
  }

  /** All pages once by each process, some at a time. */
  async allPages(): Promise<void> {
    const pages = this.processes.flatMap((process) => this.articles.map((article) => [process, article] as const));
    for (let i = 0; i < pages.length; i += AT_ONCE) {
      await Promise.all(pages.slice(i, i + AT_ONCE).map(([process, article]) => this.page(process, article)));
    }
  }

  /** Changes a row and invalidates what shows it; whether that was acknowledged. */
  async save(process: SiteProcess, row: Row): Promise<boolean> {
    const version = ++row.version;
    const done = this.measures.startBump();
    try {
      await process.sweeper.invalidateCacheFor(row);
      done();
      row.acknowledged = Math.max(row.acknowledged, version);
      return true;
    } catch (error) {
      done();
      row.loseBump(process, version);
      const { code, names = [] } = error as CacheSweeperError;
      const lost = namesOf(row);
      if (code !== 'CACHESWEEPER_BUMP_FAILED' || !names.every((name) => lost.includes(name))) {
        this.faults.push(`a bump failed with ${error}`);
      }
      return false;
    }
  }

  /** Waits for the retries of lost bumps; from then on they count as acknowledged. */
  async idle(): Promise<void> {
    const versions = this.rows.map((row) => [row, row.version] as const);
    await Promise.all(this.processes.map(({ sweeper }) => sweeper.idle()));
    for (const [row, version] of versions) row.acknowledged = Math.max(row.acknowledged, version);
  }

  get bumpsWaiting(): number {
    return this.processes.reduce((sum, { sweeper }) => sum + sweeper.stats().bumpsWaiting, 0);
  }

  /** How often each code was reported, over all processes. */
  get reported(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { errors } of this.processes) {
      for (const { code, message } of errors) counts[code ?? message] = (counts[code ?? message] ?? 0) + 1;
    }
    return counts;
  }

  async close(): Promise<void> {
    await Promise.all(this.processes.map(({ sweeper }) => sweeper.close()));
  }
}

/** What a bump of a row gives new tokens to: itself, its article, and the lists of both. */
function namesOf(row: Row): string[] {
  const own = [`${row.constructor.name}:=${row.id}`, `${row.constructor.name}:*`];
  return row instanceof Comment ? [...own, `Article:=${row.articleId}`, 'Article:*'] : own;
}
