import nunjucks from 'nunjucks';
import { CacheSweeper, type CacheSweeperOptions, type RenderReport } from 'nunjucks-cachesweeper';
import { ObjectLoader } from '../support/loaders.ts';
import { renderPage } from '../support/render.ts';

/** What a page shows, as an ORM loaded it. */
export interface Page {
  readonly articles: readonly { id: number; title: string }[];
  readonly comments: readonly { id: number; articleId: number; text: string; likes: number }[];
  readonly tags: readonly { id: number; name: string }[];
}

// An article shows its comments without naming or meeting them: only `touches` can tell that it is stale.
const page = `
{%- for article in articles %}{% cachesweeper article 0 "article" %}{{ ran("article " ~ article.id) }}
{{ article.title }}{{ commentsOf(article.id) }}
{% endcachesweeper %}{% endfor %}
{%- for comment in comments %}{% cachesweeper comment 0 "comment" %}{{ ran("comment " ~ comment.id) }}
{{ comment.text }} {{ comment.likes }} of {{ comment.articleId }}
{% endcachesweeper %}{% endfor %}
{%- for tag in tags %}{% cachesweeper tag 0 "tag" %}{{ ran("tag " ~ tag.id) }}{{ tag.name }}{% endcachesweeper %}{% endfor %}
{%- cachesweeper "Comment" 0 "list" %}{{ ran("list") }}{{ commentCount() }}{% endcachesweeper %}`;

/** A site that shows rows of an ORM, with a clock that only the test moves. */
export class OrmSite {
  now = Date.UTC(2026, 10, 1);
  readonly errors: unknown[] = [];
  readonly reports: RenderReport[] = [];
  readonly sweeper: CacheSweeper;
  readonly #env: nunjucks.Environment;
  readonly #uncached: nunjucks.Environment;
  #ran: string[] = [];
  readonly #hasStore: boolean;
  /** What is in the database, as far as helpers of the site know. */
  #rows: Page = { articles: [], comments: [], tags: [] };

  constructor(options: CacheSweeperOptions = {}) {
    this.#hasStore = options.store !== undefined;
    this.sweeper = new CacheSweeper({
      now: () => this.now,
      causes: true,
      onError: (error) => this.errors.push(error),
      onRender: (report) => {
        this.reports.push(report);
      },
      ...options,
    });
    this.sweeper.register('Comment', {
      touches: (comment: unknown) => [{ type: 'Article', id: (comment as { articleId: number }).articleId }],
    });
    this.#env = this.sweeper.install(
      this.#environment((label) => {
        this.#ran.push(label);
      }),
    );
    this.#uncached = new CacheSweeper({ enabled: false }).install(this.#environment(() => undefined));
  }

  /** Renders the page, and tells whose bodies ran for it. */
  async render(rows: Page): Promise<{ readonly html: string; readonly ran: readonly string[] }> {
    this.#ran = [];
    this.#rows = rows;
    const html = await renderPage(this.#env, 'page.njk', rows);
    // With a store a body may run again in a later pass.
    return { html, ran: [...(this.#hasStore ? new Set(this.#ran) : this.#ran)].sort() };
  }

  /** What the page should look like. */
  async fresh(rows: Page): Promise<string> {
    this.#rows = rows;
    return renderPage(this.#uncached, 'page.njk', rows);
  }

  /** An empty cache, and nothing bumped so lately that it makes an entry provisional. */
  async reset(): Promise<void> {
    await this.sweeper.invalidateAll();
    this.now += 60_000;
    this.errors.length = 0;
  }

  #environment(ran: (label: string) => void): nunjucks.Environment {
    const env = new nunjucks.Environment(new ObjectLoader({ 'page.njk': page }) as nunjucks.ILoader);
    env.addGlobal('commentsOf', (id: number) =>
      this.#rows.comments
        .filter(({ articleId }) => articleId === id)
        .map(({ text, likes }) => ` ${text} ${likes}`)
        .join(''),
    );
    env.addGlobal('commentCount', () => this.#rows.comments.length);
    return env.addGlobal('ran', (label: string) => {
      ran(label);
      return '';
    });
  }
}
