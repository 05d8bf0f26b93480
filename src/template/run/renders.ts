import { AsyncResource } from 'node:async_hooks';
import { CacheSweeperError } from '../../errors.ts';
import type { PageContext } from '../../options.ts';
import { currentPart, inNoPart, runAs, runningNow } from '../../render/ambient.ts';
import type { Engine } from '../../render/engine.ts';
import type { Shadow } from '../../render/verify/shadow.ts';
import type { Done, Environment, Template } from '../nunjucks.ts';
import type { TemplateEnvironment } from './environment.ts';
import { Page } from './page.ts';
import { PageBody } from './page-body.ts';
import { PAGE, type PageEnvironment, withoutHoles } from './page-environment.ts';
import { renderShadow } from './shadow-pages.ts';

/** Nunjucks' own `Template.prototype.render`. */
export type NunjucksRender = (this: Template, context: object | null | undefined, done?: Done<string>) => string | null;

/**
 * Limit of passes for one page. Each pass waits for something new, so a page with more has a loader or a lazy that
 * never settles.
 */
const MAX_PASSES = 100;

/** Renders the pages of one environment, each in one or more passes. */
export class Renders {
  readonly #environment: TemplateEnvironment;
  readonly #engine: Engine;
  readonly #nunjucks: NunjucksRender;

  constructor(environment: TemplateEnvironment, engine: Engine, nunjucks: NunjucksRender) {
    this.#environment = environment;
    this.#engine = engine;
    this.#nunjucks = nunjucks;
  }

  /** Replaces `template.render(context, done)` in an environment with the tag. */
  render(
    template: Template,
    context: object | null | undefined,
    done: Done<string> | undefined,
    since?: number,
  ): string | null {
    const inside = (template.env as PageEnvironment)[PAGE];
    if (inside !== undefined) {
      inside.handedOn = undefined;
      return this.#nunjucks.call(inside.adopt(template), context, done);
    }
    const running = runningNow();
    if (done === undefined && running instanceof Page && running.render.bodies === this.#engine.fragments.bodies) {
      return this.#part(running, template, context);
    }
    const page = new Page(
      this.#environment,
      this.#engine.newRender((context ?? {}) as PageContext, done !== undefined, since),
    );
    return done === undefined ? this.#atOnce(page, template, context) : this.#inPasses(page, template, context, done);
  }

  /** Renders a template as a part of the running page, as for a component that is written as a global or filter. */
  #part(running: Page, template: Template, context: object | null | undefined): string | null {
    const page = running.within(this.#environment);
    const { current } = this.#engine.fragments.bodies;
    // The fragment's own environment cannot find out when a template of another environment changes, so do not store
    // it.
    if (page !== running && current !== undefined) current.uncached ??= 'unknown template';
    else if (template.path) page.body?.used(template.path, undefined, template);
    page.handedOn = undefined;
    try {
      const render = () => this.#nunjucks.call(page.adopt(template), context);
      return page.reading === undefined ? render() : withoutHoles(page.reading, render);
    } catch (error) {
      // The caller may show something in place of the error. No bump would invalidate that, so the body is not stored.
      if (current !== undefined) current.uncached ??= 'contains uncached';
      throw error;
    }
  }

  /** Replaces `env.render(name, context, done)`. All of it runs in the caller's asynchronous context. */
  byName(env: Environment, name: string, context: object, done: Done<string>, since?: number): void {
    const loaded: Done<Template> = (error, template) => {
      if (error || template === undefined) queueMicrotask(() => done(error));
      else if (since === undefined) template.render(context, done);
      else this.render(template, context, done, since);
    };
    const isSlow = env.loaders.some((loader) => loader.async);
    const getTemplate = env.getTemplate as unknown as (name: string, done: Done<Template>) => void;
    getTemplate.call(env, name, isSlow ? AsyncResource.bind(loaded) : loaded);
  }

  #atOnce(page: Page, template: Template, context: object | null | undefined): string | null {
    const started = performance.now();
    const part = currentPart();
    const body = part && new PageBody(this.#environment, page, part, context ?? {});
    try {
      const html = this.#pass(page, template, context, undefined, body);
      body?.end(template);
      // Null means that the template is asynchronous: its html is lost.
      if (html !== null) this.#succeed(page, template, context, started);
      return html;
    } catch (error) {
      if (part !== undefined) part.body.uncached ??= 'contains uncached';
      throw page.failures.restored(error);
    } finally {
      page.render.isFinished = true;
    }
  }

  #inPasses(page: Page, template: Template, context: object | null | undefined, done: Done<string>): null {
    const { render } = page;
    const started = performance.now();
    const part = currentPart();
    // Nunjucks calls back from one queue for all pages. Call each caller in its own asynchronous context.
    const answer = (error: unknown, html?: string): void =>
      page.inContext(() => done(error === null ? null : page.failures.restored(error), html));
    const fail = (error: unknown): void => {
      render.isFinished = true;
      if (part !== undefined) part.body.uncached ??= 'contains uncached';
      answer(error);
    };
    // Throw errors of the callback outside of any promise, as Nunjucks does: in a promise they would become rejections.
    const failLater = (error: unknown): void => queueMicrotask(() => fail(error));
    const succeed = (html: string | undefined, body: PageBody | undefined): void => {
      body?.end(template);
      this.#succeed(page, template, context, started);
      render.isFinished = true;
      answer(null, html);
    };
    const pass = (): void => {
      const body = part && new PageBody(this.#environment, page, part, context ?? {});
      let answered = false;
      const finish: Done<string> = (error, html) => {
        if (answered) return;
        answered = true;
        if (render.isOpen) {
          const learnt = (): void => {
            if (!this.#engine.fragments.isBorneOut(render)) page.inContext(pass);
            else if (error) fail(error);
            else succeed(html, body);
          };
          void this.#wait(page).then(() => queueMicrotask(learnt), failLater);
        } else if (error) {
          fail(error);
        } else {
          succeed(html, body);
        }
      };
      page.fail = finish;
      try {
        this.#pass(page, template, context, finish, body);
      } catch (error) {
        // Nunjucks threw the error instead of reporting it.
        finish(error ?? new Error('the template failed'));
      }
    };
    const mustWait = this.#engine.predict(render, this.#environment.pageNameOf(template));
    if (mustWait === undefined) pass();
    else if (mustWait) void this.#wait(page).then(() => page.inContext(pass), failLater);
    // Wait until after the tick that writes the request to the socket. The answer then arrives while the pass runs.
    else process.nextTick(() => page.inContext(pass));
    return null;
  }

  async #wait({ render }: Page): Promise<void> {
    if (render.passes < MAX_PASSES) return render.roundTrip();
    const asked = render.reader.giveUp();
    if (asked.length === 0 || render.passes > MAX_PASSES) {
      throw new CacheSweeperError(
        'CACHESWEEPER_NO_PROGRESS',
        `the page was run ${render.passes} times and still waits for something new: does a lazy's argument or a template ` +
          'loader give another value each time?',
      );
    }
    this.#environment.warn(
      `the page was run ${MAX_PASSES} times and asked the store for something new each time; it is delivered without: ` +
        asked.slice(0, 5).join(', '),
      { type: 'CacheSweeperWarning', code: 'CACHESWEEPER_NO_PROGRESS' },
    );
    return undefined;
  }

  #pass(
    page: Page,
    template: Template,
    context: object | null | undefined,
    done?: Done<string>,
    body?: PageBody,
  ): string | null {
    page.beginPass(body);
    return runAs(page, () =>
      this.#engine.fragments.bodies.inside(body, () => this.#nunjucks.call(page.adopt(template), context, done)),
    );
  }

  #succeed(page: Page, template: Template, context: object | null | undefined, started: number): void {
    const { render } = page;
    const chosen = render.watch?.take();
    this.#engine.succeed(
      render,
      this.#environment.nameOf(template),
      this.#environment.pageNameOf(template),
      performance.now() - started,
    );
    if (chosen === undefined || chosen.length === 0) return;
    const renderAgain = (shadow: Shadow) => this.#renderAgain(page, shadow, template, context);
    this.#engine.verifier.start({ chosen, since: render.since, renderAgain });
  }

  /**
   * Renders a delivered page once more, to verify it. It runs in the same asynchronous context, but belongs to no lazy
   * or view.
   */
  #renderAgain(page: Page, shadow: Shadow, template: Template, context: object | null | undefined): Promise<void> {
    const make = () => new Page(this.#environment, this.#engine.newShadow(page.render, shadow));
    const own = page.inContext(() => inNoPart(() => shadow.around(make)));
    return renderShadow(
      own,
      shadow,
      (done) => this.#pass(own, template, context, done),
      (render) => this.#engine.fragments.isBorneOut(render),
    );
  }
}
