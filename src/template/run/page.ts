import { AsyncResource } from 'node:async_hooks';
import { runAs } from '../../render/ambient.ts';
import type { Pass, Render } from '../../render/render.ts';
import type { Context, Environment, RootFunction, Template } from '../nunjucks.ts';
import type { CompiledTemplates } from './compiled-templates.ts';
import { failing } from './failing-template.ts';
import { Failures } from './failures.ts';
import { environmentOf } from './page-environment.ts';
import type { TemplateReading } from './page-runtime.ts';
import { type Known, PageWorld } from './page-world.ts';
import type { TemplateDigest } from './template-digest.ts';
import { TemplateLoads } from './template-loads.ts';
import type { WatchedBody } from './watched-body.ts';

/** The environment that a page's templates belong to. */
export interface PageSource extends Known {
  readonly env: Environment;
  /** The prototype of the environments of all its pages. */
  readonly pagePrototype: Environment;
  readonly templates: CompiledTemplates;
  /** Returns the object that all pages' copies of a template derive from. */
  shared(template: Template): Template;
}

/**
 * One page that Nunjucks renders.
 *
 * Nunjucks passes a compiled template the environment it belongs to, and from there it reaches every include, import,
 * macro and block. So each page gets an environment of its own, derived from the real one. All code that runs for the
 * page finds the page through it, even where Nunjucks passes no context (macros) or calls back in another page's
 * asynchronous context.
 */
export class Page {
  readonly render: Render;
  readonly environment: PageSource;
  readonly loads: TemplateLoads = new TemplateLoads();
  /** Identifies the page's values for the cache. */
  readonly world: PageWorld;
  /** How each template was asked for. */
  readonly asked: Map<RootFunction, { readonly name: string; readonly parent: string | undefined }> = new Map();
  /** Variables of modules that were imported without those of the page, and of what these include, each with the module's. */
  readonly isolated: WeakMap<object, object> = new WeakMap();
  /** The variables that the next template to be rendered gets a copy of. */
  handedOn: Record<string, unknown> | undefined;
  /** Contexts of modules. Variables that a module sets can be read by all templates that import it. */
  readonly modules: WeakSet<Context> = new WeakSet();
  /** Whether the next template to run is a module. */
  isImporting = false;
  /** Template digests found in this pass. */
  readonly digests: Map<RootFunction, TemplateDigest> = new Map();
  /**
   * Templates that this pass has asked for outside of bodies, by the asking template and the name. A loop may ask for
   * the same one many times.
   */
  readonly adopted: Map<string | null | undefined, Map<string, Template>> = new Map();
  /** Our errors that the pass has met, in all environments. */
  readonly failures: Failures;
  /** Ends the pass that is running with an error. */
  fail: ((error: unknown) => void) | undefined;
  /** Whether a template may arrive later than it is asked for. */
  readonly hasSlowLoader: boolean;
  /** The page's environment. */
  readonly ownEnvironment: Environment;
  /** The asynchronous context of the code that asked for the page. */
  readonly #resource: AsyncResource;
  /** The whole page, if it belongs to a lazy or view. */
  #body: WatchedBody | undefined;
  /** The page's parts in each environment. */
  readonly #parts: Map<PageSource, Page>;

  constructor(environment: PageSource, render: Render, part?: Page) {
    this.environment = environment;
    this.render = render;
    this.failures = part !== undefined ? part.failures : new Failures();
    this.hasSlowLoader = environment.env.loaders.some((loader) => loader.async);
    this.ownEnvironment = environmentOf(this);
    this.world = new PageWorld(environment, render.original.token);
    this.#resource = part !== undefined ? part.#resource : new AsyncResource('NUNJUCKS_CACHESWEEPER_PAGE');
    this.#parts = part !== undefined ? part.#parts : new Map();
    this.#parts.set(environment, this);
  }

  /** The innermost body. All that are rendered by Nunjucks are watched. */
  get body(): WatchedBody | undefined {
    return this.render.bodies.current as WatchedBody | undefined;
  }

  /** Records the lookups of templates, where they are recorded. */
  get reading(): TemplateReading | undefined {
    return this.render.bodies.current?.reading as TemplateReading | undefined;
  }

  /** Returns the same page in another environment, for a part that is rendered there. */
  within(environment: PageSource): Page {
    return this.#parts.get(environment) ?? new Page(environment, this.render, this);
  }

  /** Runs a function in the asynchronous context of the code that asked for the page. */
  inContext<T>(run: () => T): T {
    return this.#resource.runInAsyncScope(run);
  }

  /**
   * Continues the page when something it waited for has arrived. The code that calls back may be in the middle of
   * another page, so `run` runs for this page, inside no body, and its errors are this page's.
   */
  later(run: () => void, startedIn: Pass): void {
    // Ignore a call for an earlier pass, which a newer pass has replaced, or for a page that was delivered.
    if (this.render.pass !== startedIn || this.render.isFinished) return;
    try {
      this.inContext(() => runAs(this, () => this.render.bodies.inside(this.#body, run)));
    } catch (error) {
      if (this.fail === undefined) throw error;
      this.fail(error);
    }
  }

  /**
   * Begins a pass.
   *
   * @param body the whole page, if it belongs to a lazy or view
   */
  beginPass(body: WatchedBody | undefined): void {
    this.#body = body;
    this.failures.forget();
    this.render.beginPass();
    for (const page of this.#parts.values()) {
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

  /** Returns a page's copy of a template: the same code, in the page's environment. */
  adopt(template: Template): Template {
    // Compile the shared template, not the page's copy, which is gone with the page.
    const error = this.environment.templates.prepare(template);
    const own = Object.create(this.environment.shared(template)) as Template;
    own.env = this.ownEnvironment;
    if (error !== undefined) {
      this.failures.note(error);
      failing(own, error);
    }
    this.body?.watchTemplate(own);
    return own;
  }
}
