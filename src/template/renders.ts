import { AsyncResource } from 'node:async_hooks';
import { CacheSweeperError } from '../errors.ts';
import type { Settings } from '../options.ts';
import type { Fragments } from '../render/fragments.ts';
import { Render } from '../render/render.ts';
import type { RenderReport } from '../render/report.ts';
import type { TemplateHost } from './host.ts';
import type { Done, Environment, Template } from './nunjucks.ts';
import { PAGE, Page, type PageEnvironment } from './page.ts';

/** Nunjucks' own `Template.prototype.render`. */
export type NunjucksRender = (this: Template, context: object | null | undefined, done?: Done<string>) => string | null;

/** Passes of one page: each waits for something new, so more than these is a loader or a template that never settles. */
const MAX_PASSES = 100;

/** Takes pages through their passes. One for each environment. */
export class Renders {
  readonly #env: Environment;
  readonly #host: TemplateHost;
  readonly #settings: Settings;
  readonly #fragments: Fragments;
  readonly #finished: (report: RenderReport) => void;
  readonly #nunjucks: NunjucksRender;
  /** The page whose pass is on the stack: shared by all environments, a page may render a part in another one. */
  readonly #running: { page: Page | undefined };

  constructor(parts: {
    env: Environment;
    host: TemplateHost;
    settings: Settings;
    fragments: Fragments;
    nunjucks: NunjucksRender;
    running: { page: Page | undefined };
    finished: (report: RenderReport) => void;
  }) {
    this.#env = parts.env;
    this.#host = parts.host;
    this.#settings = parts.settings;
    this.#fragments = parts.fragments;
    this.#nunjucks = parts.nunjucks;
    this.#running = parts.running;
    this.#finished = parts.finished;
  }

  /** What `template.render(context, done)` does in an environment with the tag. */
  render(
    template: Template,
    context: object | null | undefined,
    done: Done<string> | undefined,
    since?: number,
  ): string | null {
    const inside = (template.env as PageEnvironment)[PAGE];
    if (inside !== undefined) {
      this.#host.prepare(template);
      return this.#nunjucks.call(template, context, done);
    }
    const running = this.#running.page;
    if (running !== undefined && done === undefined) return this.#part(running, template, context);
    const page = new Page(
      this.#host,
      new Render(this.#settings, (context ?? {}) as Record<string, unknown>, done !== undefined, since),
    );
    return done === undefined ? this.#atOnce(page, template, context) : this.#inPasses(page, template, context, done);
  }

  /** A page that renders a part of itself, as a component written as a global or filter does. */
  #part(page: Page, template: Template, context: object | null | undefined): string | null {
    const own = page.adopt(template, this.#env);
    if (template.path) page.watch?.used(template.path, undefined, template);
    return this.#nunjucks.call(own, context);
  }

  #atOnce(page: Page, template: Template, context: object | null | undefined): string | null {
    const started = performance.now();
    try {
      const html = this.#pass(page, template, context);
      // Null says that the template is asynchronous: nobody will get its html.
      if (html !== null) this.#succeed(page, template, started);
      return html;
    } catch (error) {
      throw this.#host.recognise(error);
    }
  }

  #inPasses(page: Page, template: Template, context: object | null | undefined, done: Done<string>): null {
    const started = performance.now();
    // Nunjucks calls back from one queue for all pages: each caller is called in its own asynchronous context.
    const resource = new AsyncResource('NUNJUCKS_CACHESWEEPER_RENDER');
    const deliver = (error: unknown, html?: string): void => {
      resource.runInAsyncScope(done, undefined, error === null ? null : this.#host.recognise(error), html);
    };
    const pass = (): void => {
      let answered = false;
      this.#pass(page, template, context, (error, html) => {
        if (answered) return;
        answered = true;
        const { pending } = page.render.pass;
        if (pending.size > 0) {
          void this.#wait(page).then(
            () => resource.runInAsyncScope(pass),
            (failure) => deliver(failure),
          );
        } else if (error) {
          deliver(error);
        } else {
          this.#succeed(page, template, started);
          deliver(null, html);
        }
      });
    };
    pass();
    return null;
  }

  async #wait(page: Page): Promise<void> {
    const { render } = page;
    if (render.passes >= MAX_PASSES) {
      throw new CacheSweeperError(
        'CACHESWEEPER_NO_PROGRESS',
        `the page was run ${MAX_PASSES} times and still waits for something new: does a template loader give a new answer each time?`,
      );
    }
    render.waves++;
    await Promise.allSettled(render.pass.pending);
  }

  #pass(page: Page, template: Template, context: object | null | undefined, done?: Done<string>): string | null {
    const outer = this.#running.page;
    this.#running.page = page;
    page.beginPass();
    try {
      return this.#fragments.outside(() => this.#nunjucks.call(page.adopt(template, this.#env), context, done));
    } finally {
      this.#running.page = outer;
    }
  }

  #succeed({ render }: Page, template: Template, started: number): void {
    this.#fragments.store(render);
    this.#finished({
      template: this.#host.nameOf(template),
      passes: render.passes,
      waves: render.waves,
      milliseconds: performance.now() - started,
      fragments: render.pass.reports,
    });
  }
}
