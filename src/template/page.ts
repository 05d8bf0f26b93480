import { AsyncResource } from 'node:async_hooks';
import { RENDER, runAs } from '../render/current.ts';
import type { Frame } from '../render/frame.ts';
import type { Pass, Render } from '../render/render.ts';
import type { BodyWatch } from './body.ts';
import type { Closure } from './closure.ts';
import { failing } from './failing-template.ts';
import type { TemplateHost } from './host.ts';
import type { Done, Environment, RootFunction, Template } from './nunjucks.ts';
import { TemplateLoads } from './template-loads.ts';

/** Under this property an environment made for one page carries the page. */
export const PAGE: unique symbol = Symbol('nunjucks-cachesweeper page');

/** An environment made for one page. */
export type PageEnvironment = Environment & { readonly [PAGE]?: Page };

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
  readonly host: TemplateHost;
  readonly loads: TemplateLoads = new TemplateLoads();
  /** Closures found in this pass. */
  readonly closures: Map<RootFunction, Closure> = new Map();
  /** Templates this pass has asked for outside of bodies, by who asked and for what: a loop asks for one many times. */
  readonly adopted: Map<Optional<string>, Map<string, Template>> = new Map();
  /** Ends the pass that is running with an error. */
  fail: ((error: unknown) => void) | undefined;
  /** Whether a template may come later than it is asked for. */
  readonly hasSlowLoader: boolean;
  /** The page's environment. */
  readonly environment: Environment;
  /** The asynchronous context of whoever asked for the page. */
  readonly #resource: AsyncResource;
  #frame: Frame | undefined;
  #pageWatch: BodyWatch | undefined;
  /** The environment's globals, watched. */
  #guarded: object | undefined;
  /** The page in each environment that has a part of it, and the innermost body being rendered. */
  readonly #shared: { readonly pages: Map<TemplateHost, Page>; watch: BodyWatch | undefined };

  constructor(host: TemplateHost, render: Render, part?: Page) {
    this.host = host;
    this.render = render;
    this.hasSlowLoader = host.env.loaders.some((loader) => loader.async);
    this.environment = environmentOf(this);
    this.#resource = part !== undefined ? part.#resource : new AsyncResource('NUNJUCKS_CACHESWEEPER_PAGE');
    this.#shared = part !== undefined ? part.#shared : { pages: new Map(), watch: undefined };
    this.#shared.pages.set(host, this);
  }

  get watch(): BodyWatch | undefined {
    return this.#shared.watch;
  }

  set watch(watch: BodyWatch | undefined) {
    this.#shared.watch = watch;
    const isWatched = watch !== undefined;
    this.#showGlobals(isWatched);
    if (this.#shared.pages.size === 1) return;
    for (const page of this.#shared.pages.values()) page.#showGlobals(isWatched);
  }

  #showGlobals(isWatched: boolean): void {
    if (isWatched) this.#guarded ??= guarded(this);
    this.environment.globals = isWatched ? (this.#guarded as object) : this.host.env.globals;
  }

  /** The same page in another environment, for a part that is rendered there. */
  within(host: TemplateHost): Page {
    return this.#shared.pages.get(host) ?? new Page(host, this.render, this);
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
      page.closures.clear();
      page.adopted.clear();
    }
  }

  remember(from: Optional<string>, name: string, template: Template): void {
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
    const error = this.host.prepare(template);
    const own = Object.create(template) as Template;
    own.env = this.environment;
    if (error !== undefined) {
      failing(own, error);
    }
    this.watch?.watchTemplate(own);
    return own;
  }
}

/**
 * The environment's globals, watched. Nunjucks looks every variable of a page up among the globals first
 * (`Context.lookup`), whoever reads it: the body, a macro that was passed in, a template chosen at run time. So this
 * sees each private name of the page that is read, and costs nothing while no body is rendered.
 */
function guarded(page: Page): object {
  const { env, privateNames } = page.host;
  return new Proxy(env.globals, {
    has(globals, name) {
      if (typeof name === 'string' && privateNames.has(name)) page.watch?.events.privateRead(name);
      return name in globals;
    },
  });
}

type Optional<T> = T | null | undefined;

/**
 * What the environments of all pages have in common: how templates, filters and extensions are found for a page. Those of
 * one environment share it; a page adds itself and what is looked up most.
 */
export function pagePrototype(base: Environment): Environment {
  return Object.assign(Object.create(base) as Environment, {
    getTemplate(
      this: Environment & { readonly [PAGE]: Page },
      name: string | Template,
      eager?: Optional<boolean | Done<Template>>,
      from?: Optional<string | Done<Template>>,
      ignoreMissing?: boolean,
      done?: Done<Template>,
    ): Template | undefined {
      const page = this[PAGE];
      // The same short forms as Nunjucks': (name, done), (name, eager, done).
      if (typeof eager === 'function') return getTemplate(page, base, name, false, null, false, eager);
      if (typeof from === 'function') return getTemplate(page, base, name, eager ?? false, null, false, from);
      return getTemplate(page, base, name, eager ?? false, from, ignoreMissing ?? false, done);
    },
    getExtension(this: Environment & { readonly [PAGE]: Page }, name: string): object {
      const extension = base.getExtension(name);
      return name.startsWith('nunjucks-cachesweeper') ? extension : continuedExtension(this[PAGE], extension);
    },
  });
}

function environmentOf(page: Page): Environment {
  const { env: base, pagePrototype } = page.host;
  const own = Object.create(pagePrototype);
  own[PAGE] = page;
  own[RENDER] = page.render;
  own.globals = base.globals;
  // Looked up for each output and each filter of a page: one step here instead of three.
  own.opts = base.opts;
  own.filters = base.filters;
  return base.asyncFilters.length === 0 ? own : Object.assign(own, { getFilter: filtersOf(page, base) });
}

function filtersOf(page: Page, base: Environment): Environment['getFilter'] {
  return (name) => {
    const filter = base.getFilter(name);
    if (!base.asyncFilters.includes(name)) return filter;
    return continued(page, page.watch === undefined ? filter : page.watch.asyncFilter(filter));
  };
}

/** A function whose last argument may be called back later: the page goes on there as itself. */
function continued(page: Page, run: (...args: unknown[]) => unknown): (...args: unknown[]) => unknown {
  return function started(this: unknown, ...args: unknown[]) {
    const callback = args.at(-1);
    if (typeof callback !== 'function') return run.apply(this, args);
    let isLate = false;
    const { pass } = page.render;
    const go = (...results: unknown[]): unknown =>
      isLate ? page.later(() => callback(...results), pass) : callback(...results);
    try {
      return run.call(this, ...args.slice(0, -1), go);
    } finally {
      isLate = true;
    }
  };
}

/** Another extension's tags: asynchronous ones call back. */
function continuedExtension(page: Page, extension: object): object {
  return new Proxy(extension, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property);
      return typeof value === 'function' ? continued(page, value.bind(target)) : value;
    },
  });
}

function getTemplate(
  page: Page,
  base: Environment,
  name: string | Template,
  eager: boolean,
  from: Optional<string>,
  ignoreMissing: boolean,
  done: Done<Template> | undefined,
): Template | undefined {
  const adopt = (template: Template): Template => {
    page.watch?.events.used(name, from ?? undefined, template);
    return page.adopt(template);
  };
  if (done === undefined) {
    const template = base.getTemplate(name, eager, from, ignoreMissing);
    return template === undefined ? undefined : adopt(template);
  }
  // The usual case: every loader answers at once.
  if (typeof name === 'string' && !eager && !page.hasSlowLoader) {
    // Inside a body each use is watched, and a template that may be missing may be made up.
    const isPlain = page.watch === undefined && !ignoreMissing;
    const known = isPlain ? page.adopted.get(from)?.get(name) : undefined;
    if (known !== undefined) {
      done(null, known);
      return undefined;
    }
    let template: Template;
    try {
      template = base.getTemplate(name, eager, from, ignoreMissing) as Template;
    } catch (error) {
      done(error);
      return undefined;
    }
    const adopted = adopt(template);
    if (isPlain) page.remember(from, name, adopted);
    done(null, adopted);
    return undefined;
  }
  const { pass } = page.render;
  const deliver: Done<Template> = (error, template) => {
    if (error || template === undefined) done(error);
    else done(null, adopt(template));
  };
  if (typeof name !== 'string') {
    base.getTemplate(name, eager, from, ignoreMissing, deliver);
    return undefined;
  }
  const waiting = page.loads.get(base, name, eager, from, ignoreMissing, deliver, (run) => page.later(run, pass));
  if (waiting !== undefined) {
    page.watch?.waitFor(waiting);
    // Nunjucks loses output around an include that comes late (in loops, macros, conditions): with all templates at
    // hand, the next pass is complete.
    if (page.render.canWait) page.render.pass.pending.add(waiting);
  }
  return undefined;
}
