import nunjucks from 'nunjucks';
import { CacheSweeper, type CacheSweeperOptions, type FragmentReport, type RenderReport } from 'nunjucks-cachesweeper';
import { ObjectLoader, type Templates } from '../support/loaders.ts';
import { renderPage } from '../support/render.ts';

/** What one render of a page gave, and the labels of the bodies that ran for it, in order. */
export interface Rendered {
  readonly html: string;
  readonly ran: readonly string[];
}

/** A site of some templates with a clock that only the test moves. A body says that it runs with `{{ ran("label") }}`. */
export class Site {
  now = Date.UTC(2026, 10, 1);
  readonly reports: RenderReport[] = [];
  readonly sweeper: CacheSweeper;
  readonly env: nunjucks.Environment;
  #ran: string[] = [];

  /** @param templates all of them, or the source of `page.njk` */
  constructor(templates: Templates | string, options: CacheSweeperOptions = {}) {
    this.sweeper = new CacheSweeper({
      now: () => this.now,
      onRender: (report) => {
        this.reports.push(report);
      },
      ...options,
    });
    const sources = typeof templates === 'string' ? { 'page.njk': templates } : templates;
    this.env = this.sweeper.install(new nunjucks.Environment(new ObjectLoader(sources) as nunjucks.ILoader));
    this.env.addGlobal('ran', (label: unknown) => {
      this.#ran.push(String(label));
      return '';
    });
  }

  async render(context: object = {}, name = 'page.njk'): Promise<Rendered> {
    this.#ran = [];
    const html = await renderPage(this.env, name, context);
    return { html, ran: this.#ran };
  }

  /** The same by `sweeper.render`, for a request that began at a known time. */
  async renderSince(since: number, context: object = {}, name = 'page.njk'): Promise<Rendered> {
    this.#ran = [];
    const html = await this.sweeper.render(this.env, name, context, { since });
    return { html, ran: this.#ran };
  }

  /** What became of the fragments of the last page, inner ones first. */
  get fragments(): readonly FragmentReport[] {
    return this.reports.at(-1)?.fragments ?? [];
  }

  /** The same in short: `hit`, `miss` or why it was not stored. */
  get outcomes(): readonly string[] {
    return this.fragments.map(({ outcome, reason }) => reason ?? outcome);
  }

  /** Lets so much time pass that nothing that was bumped so far makes an entry provisional. */
  settle(): void {
    this.now += 60_000;
  }
}

/** The fragment tag around a body that says when it runs. */
export const fragment = (args: string, label: string, body = ''): string =>
  `{% cachesweeper ${args} %}{{ ran(${label}) }}${body}{% endcachesweeper %}`;
