import { RENDER } from '../../render/ambient.ts';
import type { Pass, Render } from '../../render/render.ts';
import type { Context, Done, Environment, RootFunction, Template } from '../nunjucks.ts';
import { throwIfFailing } from './failing-template.ts';
import type { Failures } from './failures.ts';
import type { TemplateReading } from './page-runtime.ts';
import type { Called, RecordedHelpers } from './recorded-helpers.ts';
import type { TemplateLoads } from './template-loads.ts';
import type { WatchedBody } from './watched-body.ts';
import { waterfall } from './waterfall.ts';

/** The parts of a page that its environment uses. */
export interface EnvironmentPage {
  readonly environment: { readonly env: Environment; readonly pagePrototype: Environment };
  readonly render: Render;
  readonly reading: TemplateReading | undefined;
  readonly body: WatchedBody | undefined;
  readonly loads: TemplateLoads;
  readonly failures: Failures;
  readonly hasSlowLoader: boolean;
  /** The variables that the next template to be rendered gets a copy of. */
  handedOn: Record<string, unknown> | undefined;
  /** Contexts of modules, which are imported templates. */
  readonly modules: WeakSet<Context>;
  /** Whether the next template to run is a module. */
  isImporting: boolean;
  /** How each template was asked for. */
  readonly asked: Map<RootFunction, { readonly name: string; readonly parent: string | undefined }>;
  /** Variables of modules that were imported without those of the page, and of what these include, each with the module's. */
  readonly isolated: WeakMap<object, object>;
  readonly adopted: ReadonlyMap<string | null | undefined, ReadonlyMap<string, Template>>;
  adopt(template: Template): Template;
  remember(from: string | null | undefined, name: string, template: Template): void;
  later(run: () => void, startedIn: Pass): void;
}

/** Property of an environment made for one page that holds the page. */
export const PAGE: unique symbol = Symbol('nunjucks-cachesweeper page');

/** An environment made for one page. */
export type PageEnvironment = Environment & { readonly [PAGE]?: EnvironmentPage };

type Optional<T> = T | null | undefined;

/**
 * Makes the prototype of the environments of all pages of one environment. It finds templates, filters and extensions
 * for a page; the page's own environment adds the page and the most frequent lookups.
 */
export function pagePrototype(base: Environment, recorded: RecordedHelpers): Environment {
  const own = {
    // Each page has its own. They stand here, too, because nothing can be assigned over a property of a frozen environment.
    globals: base.globals,
    opts: base.opts,
    filters: base.filters,
    getTemplate(
      this: Environment & { readonly [PAGE]: EnvironmentPage },
      name: string | Template,
      eager?: Optional<boolean | Done<Template>>,
      from?: Optional<string | Done<Template>>,
      ignoreMissing?: boolean,
      done?: Done<Template>,
    ): Template | undefined {
      const page = this[PAGE];
      // Nunjucks accepts the same short forms: (name, done), (name, eager, done).
      if (typeof eager === 'function') return getTemplate(page, base, name, false, null, false, eager);
      if (typeof from === 'function') return getTemplate(page, base, name, eager ?? false, null, false, from);
      return getTemplate(page, base, name, eager ?? false, from, ignoreMissing ?? false, done);
    },
    waterfall(tasks: readonly never[], callback?: never, isDeferred?: boolean): void {
      if (isDeferred || !Array.isArray(tasks)) base.waterfall(tasks, callback, isDeferred);
      else waterfall(tasks, callback);
    },
    getFilter(this: Environment & { readonly [PAGE]: EnvironmentPage }, name: string): Called {
      return getFilter(this[PAGE], base, recorded, name);
    },
    getTest(this: Environment & { readonly [PAGE]: EnvironmentPage }, name: string): Called {
      const test = base.getTest(name);
      return this[PAGE].reading === undefined ? test : recorded.of(`?${name}`, test);
    },
    getExtension(this: Environment & { readonly [PAGE]: EnvironmentPage }, name: string): object {
      const extension = base.getExtension(name);
      return name.startsWith('nunjucks-cachesweeper') ? extension : continuedExtension(this[PAGE], extension);
    },
  };
  return Object.create(base, Object.getOwnPropertyDescriptors(own)) as Environment;
}

export function environmentOf(page: EnvironmentPage): Environment {
  const { env: base, pagePrototype } = page.environment;
  const own = Object.create(pagePrototype);
  own[PAGE] = page;
  own[RENDER] = page.render;
  own.globals = base.globals;
  // Nunjucks reads these for each output and each filter of a page: own properties take one step instead of three.
  own.opts = base.opts;
  own.filters = base.filters;
  return own;
}

function getFilter(page: EnvironmentPage, base: Environment, recorded: RecordedHelpers, name: string): Called {
  const filter = base.getFilter(name);
  if (base.asyncFilters.includes(name)) {
    return continued(page, page.body === undefined ? filter : page.body.asyncFilter(filter));
  }
  return page.reading === undefined ? filter : recorded.of(`|${name}`, filter);
}

/** Wraps a function whose last argument may be called back later, so that the page continues there as itself. */
function continued(page: EnvironmentPage, run: (...args: unknown[]) => unknown): (...args: unknown[]) => unknown {
  return function started(this: unknown, ...args: unknown[]) {
    const callback = args.at(-1);
    if (typeof callback !== 'function') return run.apply(this, args);
    let isLate = false;
    const { pass } = page.render;
    const go = (...results: unknown[]): unknown => {
      page.failures.note(results[0]);
      return isLate ? page.later(() => callback(...results), pass) : callback(...results);
    };
    try {
      return run.call(this, ...args.slice(0, -1), go);
    } finally {
      isLate = true;
    }
  };
}

/** Wraps another extension. Its asynchronous tags call back, and all of its tags receive the page's context. */
function continuedExtension(page: EnvironmentPage, extension: object): object {
  return new Proxy(extension, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property);
      if (typeof value !== 'function') return value;
      return continued(page, (context, ...args) => {
        const { reading } = page;
        if (reading === undefined) return value.call(target, context, ...args);
        reading.hand(args);
        return withoutHoles(reading, () => value.call(target, reading.recording(context as Context), ...args));
      });
    },
  });
}

/** Runs code that may render html and use it as it likes. The holes in that are lost. */
export function withoutHoles<T>({ holes }: Pick<TemplateReading, 'holes'>, run: () => T): T {
  return holes === undefined ? run() : holes.apart(run);
}

function getTemplate(
  page: EnvironmentPage,
  base: Environment,
  name: string | Template,
  eager: boolean,
  from: Optional<string>,
  ignoreMissing: boolean,
  done: Done<Template> | undefined,
): Template | undefined {
  const adopt = (template: Template): Template => {
    page.body?.used(name, from ?? undefined, template);
    const own = page.adopt(template);
    if (typeof name === 'string' && template.rootRenderFunc !== undefined && !page.asked.has(template.rootRenderFunc))
      page.asked.set(template.rootRenderFunc, { name, parent: from ?? undefined });
    if (eager) throwIfFailing(own);
    return own;
  };
  // Nunjucks would compile it at once if `eager` is true, and replace an error before the page has noted it. So the
  // page compiles it.
  if (done === undefined) {
    const template = base.getTemplate(name, false, from, ignoreMissing);
    return template === undefined ? undefined : adopt(template);
  }
  // The usual case: every loader answers at once.
  if (typeof name === 'string' && !eager && !page.hasSlowLoader) {
    // Do not reuse a template inside a body, where each use is recorded, or one that may be missing: Nunjucks makes
    // that one up.
    const isPlain = page.body === undefined && !ignoreMissing;
    const known = isPlain ? page.adopted.get(from)?.get(name) : undefined;
    if (known !== undefined) {
      done(null, known);
      return undefined;
    }
    let template: Template;
    try {
      template = base.getTemplate(name, false, from, ignoreMissing) as Template;
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
    base.getTemplate(name, false, from, ignoreMissing, deliver);
    return undefined;
  }
  const waiting = page.loads.get(base, name, from, ignoreMissing, deliver, (run) => page.later(run, pass));
  if (waiting !== undefined) {
    page.body?.waitFor(waiting);
    // Nunjucks loses output around an include that comes late (in loops, macros, conditions). The next pass has all
    // templates at once, so its output is complete.
    if (page.render.canWait) page.render.pass.pending.add(waiting);
  }
  return undefined;
}
