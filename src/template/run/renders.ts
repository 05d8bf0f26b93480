import { AsyncResource } from 'node:async_hooks';
import { CacheSweeperError, recogniseError } from '../../errors.ts';
import type { PageContext } from '../../options.ts';
import { currentPart, inNoPart, type Part, runAs, runningNow } from '../../render/ambient.ts';
import type { Engine } from '../../render/engine.ts';
import { Frame } from '../../render/frame.ts';
import type { Shadow } from '../../render/verify/shadow.ts';
import type { Done, Environment, Template } from '../nunjucks.ts';
import { type BodyEvents, BodyWatch } from './body.ts';
import { type TemplateEnvironment, UNKNOWN } from './environment.ts';
import { Page } from './page.ts';
import { PAGE, type PageEnvironment } from './page-environment.ts';
import { PageReading } from './page-reading.ts';
import { renderShadow } from './shadow-pages.ts';

/** Nunjucks' own `Template.prototype.render`. */
export type NunjucksRender = (this: Template, context: object | null | undefined, done?: Done<string>) => string | null;

/** Passes of one page: each waits for something new, so more than these is a loader or a template that never settles. */
const MAX_PASSES = 100;

/** Takes the pages of one environment through their passes. */
export class Renders {
  readonly #environment: TemplateEnvironment;
  readonly #engine: Engine;
  readonly #nunjucks: NunjucksRender;

  constructor(environment: TemplateEnvironment, engine: Engine, nunjucks: NunjucksRender) {
    this.#environment = environment;
    this.#engine = engine;
    this.#nunjucks = nunjucks;
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
      inside.handedOn = undefined;
      return this.#nunjucks.call(inside.adopt(template), context, done);
    }
    const running = runningNow();
    if (done === undefined && running instanceof Page && running.render.frames === this.#engine.fragments) {
      return this.#part(running, template, context);
    }
    const page = new Page(
      this.#environment,
      this.#engine.newRender((context ?? {}) as PageContext, done !== undefined, since),
    );
    return done === undefined ? this.#atOnce(page, template, context) : this.#inPasses(page, template, context, done);
  }

  /** A page that renders a part of itself, as a component written as a global or filter does. */
  #part(running: Page, template: Template, context: object | null | undefined): string | null {
    const page = running.within(this.#environment);
    const { frame } = this.#engine.fragments;
    // What a template in another environment is made of now, the fragment's own environment cannot tell.
    if (page !== running && frame !== undefined) frame.uncached ??= 'unknown template';
    else if (template.path) page.watch?.events.used(template.path, undefined, template);
    page.handedOn = undefined;
    try {
      return this.#nunjucks.call(page.adopt(template), context);
    } catch (error) {
      // Whoever called may show something in its place, which no bump would sweep.
      if (frame !== undefined) frame.uncached ??= 'contains uncached';
      throw error;
    }
  }

  /** What `env.render(name, context, done)` does: all of it in the caller's asynchronous context. */
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
    const frame = part && new Frame();
    try {
      const html = this.#pass(page, template, context, undefined, part, frame);
      if (part !== undefined && frame !== undefined) this.#addTo(part, frame, page, template);
      // Null says that the template is asynchronous: nobody will get its html.
      if (html !== null) this.#succeed(page, template, context, started);
      return html;
    } catch (error) {
      if (part !== undefined) part.frame.uncached ??= 'contains uncached';
      throw recogniseError(error);
    } finally {
      page.render.isFinished = true;
    }
  }

  #inPasses(page: Page, template: Template, context: object | null | undefined, done: Done<string>): null {
    const { render } = page;
    const started = performance.now();
    const part = currentPart();
    // Nunjucks calls back from one queue for all pages: each caller is called in its own asynchronous context.
    const answer = (error: unknown, html?: string): void =>
      page.inContext(() => done(error === null ? null : recogniseError(error), html));
    const fail = (error: unknown): void => {
      render.isFinished = true;
      if (part !== undefined) part.frame.uncached ??= 'contains uncached';
      answer(error);
    };
    // What the callback throws is thrown to nobody, as with Nunjucks alone: in a promise it would be a rejection.
    const failLater = (error: unknown): void => queueMicrotask(() => fail(error));
    const succeed = (html: string | undefined, frame: Frame | undefined): void => {
      if (part !== undefined && frame !== undefined) this.#addTo(part, frame, page, template);
      this.#succeed(page, template, context, started);
      render.isFinished = true;
      answer(null, html);
    };
    const pass = (): void => {
      const frame = part && new Frame();
      let answered = false;
      const finish: Done<string> = (error, html) => {
        if (answered) return;
        answered = true;
        if (render.isOpen) {
          const learnt = (): void => {
            if (!this.#engine.fragments.isBorneOut(render)) page.inContext(pass);
            else if (error) fail(error);
            else succeed(html, frame);
          };
          void this.#wait(page).then(() => queueMicrotask(learnt), failLater);
        } else if (error) {
          fail(error);
        } else {
          succeed(html, frame);
        }
      };
      page.fail = finish;
      try {
        this.#pass(page, template, context, finish, part, frame);
      } catch (error) {
        // Nunjucks failed to report it.
        finish(error ?? new Error('the template failed'));
      }
    };
    const mustWait = this.#engine.predict(render, this.#environment.pageNameOf(template));
    if (mustWait === undefined) pass();
    else if (mustWait) void this.#wait(page).then(() => page.inContext(pass), failLater);
    // Behind the tick in which what was asked is written to the socket: the answer comes while the pass runs.
    else process.nextTick(() => page.inContext(pass));
    return null;
  }

  /** What a lazy renders, the fragment that uses the lazy's value is made from; what a view renders, the view. */
  #addTo(part: Part, frame: Frame, page: Page, { path }: Template): void {
    if (!page.render.enabled) frame.uncached ??= 'disabled';
    const digest = path ? this.#environment.templateDigest(page, { name: path, parent: undefined }) : undefined;
    if (path && digest !== undefined && digest !== UNKNOWN)
      frame.dependencies.addTemplate({ name: path, parent: undefined, digest });
    else frame.uncached ??= 'unknown template';
    part.frame.include(frame);
  }

  /** Looks for what a page that is kept as a whole must not show. */
  #reading(part: Part | undefined, frame: Frame): PageReading {
    return new PageReading(this.#environment.pagePrivateNames, (_name, value) => {
      if (isValue(value) || !part?.mayMissPrivate) frame.uncached ??= 'private name';
    });
  }

  /** What a page that somebody counts does outside of its fragments. */
  #pageEvents(page: Page, frame: Frame): BodyEvents {
    return {
      used: (name, parent) => {
        const digest = typeof name === 'string' ? this.#environment.templateDigest(page, { name, parent }) : undefined;
        if (typeof name !== 'string' || digest === UNKNOWN) frame.uncached ??= 'unknown template';
        else if (digest !== undefined) frame.dependencies.addTemplate({ name, parent, digest });
      },
    };
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
    process.emitWarning(
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
    part?: Part,
    frame?: Frame,
  ): string | null {
    if (frame !== undefined) frame.reading = this.#reading(part, frame);
    page.beginPass(frame, frame && new BodyWatch(this.#pageEvents(page, frame)));
    return runAs(page, () =>
      this.#engine.fragments.inside(frame, () => this.#nunjucks.call(page.adopt(template), context, done)),
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

  /** Renders a page that was delivered once more: where it was asked for, and as a part of nothing. */
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

/** Not what a page finds under a private name when nobody is there. */
function isValue(value: unknown): boolean {
  return value !== undefined && value !== null && value !== false && value !== '';
}
