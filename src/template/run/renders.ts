import { AsyncResource } from 'node:async_hooks';
import type { TemplateDependency } from '../../cache/entry.ts';
import type { KeptHoles } from '../../cache/hole.ts';
import { CacheSweeperError } from '../../errors.ts';
import type { PageContext } from '../../options.ts';
import { currentPart, currentVisit, inNoPart, runAs, runningNow } from '../../render/ambient.ts';
import type { Engine, FilledHoles, TemplateSource } from '../../render/engine.ts';
import type { Maker } from '../../render/making/maker.ts';
import type { Shadow } from '../../render/verify/shadow.ts';
import type { Done, Environment, Template } from '../nunjucks.ts';
import type { TemplateEnvironment } from './environment.ts';
import { filledAlone } from './filled-alone.ts';
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

function settled<T>(run: () => T): { readonly value: T } | { readonly error: unknown } {
  try {
    return { value: run() };
  } catch (error) {
    return { error };
  }
}

/** Returns a page's variables with those of the visitor, where a view or a request gives them. */
function withVisitor(given: object | null | undefined): object | null | undefined {
  const part = currentPart();
  const visit = part === undefined ? currentVisit() : part.watch?.visit;
  const variables = visit === undefined ? given : { ...visit, ...given };
  return part?.watch?.visitor?.among(variables ?? {}) ?? variables;
}

/** Renders the pages of one environment, each in one or more passes. */
export class Renders implements TemplateSource {
  readonly #environment: TemplateEnvironment;
  readonly #engine: Engine;
  readonly #nunjucks: NunjucksRender;

  constructor(environment: TemplateEnvironment, engine: Engine, nunjucks: NunjucksRender) {
    this.#environment = environment;
    this.#engine = engine;
    this.#nunjucks = nunjucks;
    engine.addEnvironment(this);
  }

  outdated(templates: readonly TemplateDependency[]): Promise<readonly TemplateDependency[]> {
    return this.#environment.outdated(templates);
  }

  /** Replaces `template.render(context, done)` in an environment with the tag. */
  render(
    template: Template,
    given: object | null | undefined,
    done: Done<string> | undefined,
    since?: number,
  ): string | null {
    const inside = (template.env as PageEnvironment)[PAGE];
    if (inside !== undefined) {
      inside.handedOn = undefined;
      return this.#nunjucks.call(inside.adopt(template), given, done);
    }
    const running = runningNow();
    if (done === undefined && running instanceof Page && running.render.bodies === this.#engine.fragments.bodies) {
      return this.#part(running, template, given);
    }
    const context = withVisitor(given);
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
    const bodyOf = (hasOpenHoles: boolean) =>
      part && new PageBody(this.#environment, page, part, context ?? {}, hasOpenHoles);
    let body = bodyOf(true);
    try {
      let html: string | null | undefined = this.#pass(page, template, context, undefined, body);
      if (html !== null && body !== undefined) html = body.shown(html);
      if (html === undefined) {
        body = bodyOf(false);
        html = this.#pass(page, template, context, undefined, body);
      }
      body?.end(template);
      // Null means that the template is asynchronous: its html is lost.
      if (html !== null) this.#succeed(page, template, context, started);
      return html;
    } catch (error) {
      if (part !== undefined) part.body.uncached ??= 'contains uncached';
      throw page.failures.restored(error);
    } finally {
      page.render.finish();
    }
  }

  #inPasses(page: Page, template: Template, context: object | null | undefined, done: Done<string>): null {
    const { render } = page;
    const started = performance.now();
    const part = currentPart();
    // Nunjucks calls back from one queue for all pages. Call each caller, and who listens to reports, in the caller's asynchronous context.
    const fail = (error: unknown): void => {
      render.finish();
      if (part !== undefined) part.body.uncached ??= 'contains uncached';
      page.inContext(() => done(page.failures.restored(error)));
    };
    // Throw errors of the callback outside of any promise, as Nunjucks does: in a promise they would become rejections.
    const failLater = (error: unknown): void => queueMicrotask(() => fail(error));
    let hasOpenHoles = true;
    const succeed = (made: string | undefined, body: PageBody | undefined): void => {
      const html = body === undefined || made === undefined ? made : body.shown(made);
      if (html === undefined && made !== undefined) {
        hasOpenHoles = false;
        return page.inContext(pass);
      }
      page.inContext(() => {
        body?.end(template);
        this.#succeed(page, template, context, started);
        render.finish();
        done(null, html);
      });
    };
    const pass = (): void => {
      const body = part && new PageBody(this.#environment, page, part, context ?? {}, hasOpenHoles);
      let answered = false;
      const finish: Done<string> = (error, html) => {
        if (answered) return;
        answered = true;
        // Html with marks is another in each pass. What it was captured for would never be found.
        if (body?.hasLostHoles) hasOpenHoles = false;
        if (render.isOpen) {
          const learnt = (): void => {
            if (!this.#engine.fragments.isBorneOut(render)) page.inContext(pass);
            else if (error) fail(error);
            else succeed(html, body);
          };
          // Nunjucks may be calling back for another page, whose visitor has nothing to do with what the store is asked.
          void page.inContext(() => this.#wait(page)).then(() => queueMicrotask(learnt), failLater);
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
    else {
      render.beginAhead();
      // Wait until the request was sent, and written to the socket: by some clients in setImmediate. The answer then arrives while the
      // pass runs.
      process.nextTick(() => setImmediate(() => page.inContext(pass)));
    }
    return null;
  }

  async fill(
    { holes, environment }: KeptHoles,
    variables: PageContext,
    maker: Maker,
  ): Promise<FilledHoles | undefined> {
    if (environment !== this.#environment.identity) return undefined;
    const page = new Page(this.#environment, this.#engine.newRender(variables, true, undefined, maker));
    const { render } = page;
    const started = performance.now();
    try {
      for (;;) {
        page.beginPass(undefined);
        const made = settled(() => runAs(page, () => filledAlone(this.#environment, page, holes, variables)));
        if (render.isOpen) {
          await this.#wait(page);
          if (!this.#engine.fragments.isBorneOut(render)) continue;
        }
        if ('error' in made) throw page.failures.restored(made.error);
        const name = holes[0]?.template?.name ?? '';
        if (made.value === undefined) return undefined;
        this.#engine.succeed(render, name, `${name} holes`, performance.now() - started);
        return { texts: made.value, hasOutageHit: render.hasOutageHit };
      }
    } finally {
      render.finish();
    }
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
