import { AsyncResource } from 'node:async_hooks';
import { runAs } from '../../render/ambient.ts';
import type { Frame } from '../../render/frame.ts';
import type { Pass, Render } from '../../render/render.ts';
import type { Context, Environment, RootFunction, Template } from '../nunjucks.ts';
import type { BodyWatch } from './body.ts';
import { failing } from './failing-template.ts';
import { environmentOf } from './page-environment.ts';
import type { TemplateReading } from './page-runtime.ts';
import { type Known, PageWorld } from './page-world.ts';
import type { TemplateDigest } from './template-digest.ts';
import { TemplateLoads } from './template-loads.ts';

/** The environment that a page's templates belong to. */
export interface PageSource extends Known {
  readonly env: Environment;
  /** What the environments of all its pages have in common. */
  readonly pagePrototype: Environment;
  /** Compiles a template; returns the error that says why it cannot be. */
  prepare(template: Template): unknown;
  /** The template with what its pages' own copies of it have in common. */
  shared(template: Template): Template;
}

/**
 * One page on its way through Nunjucks.
 *
 * Nunjucks hands a compiled template the environment it belongs to, and from there it reaches every include, import,
 * macro and block. So each page gets an environment of its own, derived from the real one: whatever runs for the page
 * finds the page through it, even where Nunjucks passes no context (macros) or calls back in another page's
 * asynchronous context.
 */
export class Page {
  readonly render: Render;
  readonly environment: PageSource;
  readonly loads: TemplateLoads = new TemplateLoads();
  /** What its values are to the cache. */
  readonly world: PageWorld;
  /** The variables that the template which is rendered next is given a copy of. */
  handedOn: Record<string, unknown> | undefined;
  /** Contexts of modules: whoever imports one reads what it sets. */
  readonly modules: WeakSet<Context> = new WeakSet();
  /** The template that is run next is a module. */
  isImporting = false;
  /** TemplateDigests found in this pass. */
  readonly digests: Map<RootFunction, TemplateDigest> = new Map();
  /** Templates this pass has asked for outside of bodies, by who asked and for what: a loop asks for one many times. */
  readonly adopted: Map<string | null | undefined, Map<string, Template>> = new Map();
  /** Ends the pass that is running with an error. */
  fail: ((error: unknown) => void) | undefined;
  /** Whether a template may come later than it is asked for. */
  readonly hasSlowLoader: boolean;
  /** The page's environment. */
  readonly ownEnvironment: Environment;
  /** The asynchronous context of whoever asked for the page. */
  readonly #resource: AsyncResource;
  #frame: Frame | undefined;
  #pageWatch: BodyWatch | undefined;
  /** The page in each environment that has a part of it, and the innermost body being rendered. */
  readonly #shared: { readonly pages: Map<PageSource, Page>; watch: BodyWatch | undefined };

  constructor(environment: PageSource, render: Render, part?: Page) {
    this.environment = environment;
    this.render = render;
    this.hasSlowLoader = environment.env.loaders.some((loader) => loader.async);
    this.ownEnvironment = environmentOf(this);
    this.world = new PageWorld(environment, render.original.token);
    this.#resource = part !== undefined ? part.#resource : new AsyncResource('NUNJUCKS_CACHESWEEPER_PAGE');
    this.#shared = part !== undefined ? part.#shared : { pages: new Map(), watch: undefined };
    this.#shared.pages.set(environment, this);
  }

  get watch(): BodyWatch | undefined {
    return this.#shared.watch;
  }

  set watch(watch: BodyWatch | undefined) {
    this.#shared.watch = watch;
  }

  /** Where what templates look up now is recorded, if anywhere. */
  get reading(): TemplateReading | undefined {
    return this.render.frames.frame?.reading as TemplateReading | undefined;
  }

  /** The same page in another environment, for a part that is rendered there. */
  within(environment: PageSource): Page {
    return this.#shared.pages.get(environment) ?? new Page(environment, this.render, this);
  }

  /** Runs something in the asynchronous context of whoever asked for the page. */
  inContext<T>(run: () => T): T {
    return this.#resource.runInAsyncScope(run);
  }

  /**
   * Goes on with the page when something that it waited for has come. Whoever calls back may be in the middle of another
   * page: what follows runs for this one, inside no body, and its errors are this page's.
   */
  later(run: () => void, startedIn: Pass): void {
    // An earlier pass, or a page that was answered: nobody waits for this any more, and it knows less than there is now.
    if (this.render.pass !== startedIn || this.render.isFinished) return;
    const { watch } = this;
    this.watch = this.#pageWatch;
    try {
      this.inContext(() => runAs(this, () => this.render.frames.inside(this.#frame, run)));
    } catch (error) {
      if (this.fail === undefined) throw error;
      this.fail(error);
    } finally {
      this.watch = watch;
    }
  }

  /**
   * @param frame what all of the page is counted in, if anybody asks what it was made from
   * @param watch what watches all of it, then
   */
  beginPass(frame: Frame | undefined, watch: BodyWatch | undefined): void {
    this.#frame = frame;
    this.#pageWatch = watch;
    this.watch = watch;
    this.render.beginPass();
    for (const page of this.#shared.pages.values()) {
      page.digests.clear();
      page.adopted.clear();
    }
  }

  remember(from: string | null | undefined, name: string, template: Template): void {
    let names = this.adopted.get(from);
    if (names === undefined) {
      names = new Map();
      this.adopted.set(from, names);
    }
    names.set(name, template);
  }

  /** A template as this page runs it: the same code, in the page's environment. */
  adopt(template: Template): Template {
    // The shared template is compiled, not the page's view of it, which is gone with the page.
    const error = this.environment.prepare(template);
    const own = Object.create(this.environment.shared(template)) as Template;
    own.env = this.ownEnvironment;
    if (error !== undefined) {
      failing(own, error);
    }
    this.watch?.watchTemplate(own);
    return own;
  }
}
