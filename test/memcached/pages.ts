import { setTimeout as sleep } from 'node:timers/promises';
import type { CacheSweeperOptions, Store } from 'nunjucks-cachesweeper';
import { expect } from 'vitest';
import { Article, Comment } from '../support/models.ts';
import { IdleWatch } from '../support/stopwatch.ts';
import { Site } from '../waiting/support.ts';

const templates = {
  'page.njk':
    '{% for comment in comments %}{% cachesweeper comment 500 %}<p>{{ comment.id }}: {{ comment.text }}</p>{% endcachesweeper %}{% endfor %}' +
    '{% cachesweeper article 500 %}<h1>{{ article.title }}</h1>{% for comment in comments %}' +
    '{% cachesweeper comment 500 "short" %}[{{ comment.text }}]{% endcachesweeper %}{% endfor %}{% endcachesweeper %}',
};
const COMMENTS = 8;
/** What one render may wait for the store, and what a busy machine may add, in milliseconds. */
const TIMEOUT = 250;
const SLACK = 1_000;
/** A second or two, and what a busy machine may add. */
const IN_SERVICE = 3_000;

let edits = 0;

/** One process that serves one page of nested fragments, every html of which is checked. It has no memory tier. */
export class Pages {
  readonly site: Site;
  readonly article: Article;
  readonly comments: readonly Comment[];

  /** @param rows what it shows: rows of its own, with this text, or those of another process */
  constructor(store: Store, options: CacheSweeperOptions = {}, rows: string | Pages = 'as written') {
    this.article = typeof rows === 'string' ? new Article(1, 'Article 1') : rows.article;
    this.comments =
      typeof rows === 'string'
        ? Array.from({ length: COMMENTS }, (_, i) => new Comment(i, `${rows} ${i}`))
        : rows.comments;
    this.site = new Site(templates, { store, memory: false, timeout: `${TIMEOUT}ms`, ...options });
  }

  get expected(): string {
    const comments = this.comments.map(({ id, text }) => `<p>${id}: ${text}</p>`).join('');
    const short = this.comments.map(({ text }) => `[${text}]`).join('');
    return `${comments}<h1>${this.article.title}</h1>${short}`;
  }

  /** Renders pages at one time; each must be right, and there in time. Returns the share of hits among their fragments. */
  async render(count = 1): Promise<number> {
    const reported = this.site.reports.length;
    await Promise.all(
      Array.from({ length: count }, async () => {
        const watch = new IdleWatch();
        const html = await this.site.sweeper.render(this.site.env, 'page.njk', this);
        expect(watch.stop()).toBeLessThan(TIMEOUT + SLACK);
        expect(html).toBe(this.expected);
      }),
    );
    const fragments = this.site.reports.slice(reported).flatMap((report) => report.fragments);
    return fragments.filter(({ outcome }) => outcome === 'hit').length / fragments.length;
  }

  /** Saves a comment; true when the bump was acknowledged. */
  async edit(id: number): Promise<boolean> {
    const comment = this.comments[id] as Comment;
    comment.text = `edit ${++edits} of ${id}`;
    try {
      await this.site.sweeper.invalidateCacheFor([comment, this.article]);
      return true;
    } catch (error) {
      expect(error).toMatchObject({ code: 'CACHESWEEPER_BUMP_FAILED' });
      return false;
    }
  }

  /** Resolved when nine of ten fragments hit again; fails when that takes longer than a second or two. */
  async inService(): Promise<void> {
    const watch = new IdleWatch();
    while ((await this.render()) <= 0.9) {
      if (watch.milliseconds > IN_SERVICE) throw new Error(`not nine of ten fragments hit after ${IN_SERVICE} ms`);
      await sleep(20);
    }
    watch.stop();
  }

  close(): Promise<void> {
    return this.site.sweeper.close();
  }
}
