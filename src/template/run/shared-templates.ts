import type { Context, Environment, Frame, RootFunction, Runtime, Template } from '../nunjucks.ts';
import type { PageEnvironment } from './page-environment.ts';
import { PAGE } from './page-environment.ts';
import { asPageFrame } from './page-frame.ts';
import { isPageRuntime, type MakeRuntime, pageRuntime, type TemplateReading } from './page-runtime.ts';
import { noteRun } from './text-uses.ts';

type Run = (this: Template, ...args: unknown[]) => unknown;

/**
 * Makes the objects that pages' copies of a template derive from. They run the template with the page's runtime, and
 * tell the page which variables the template gets.
 */
export class SharedTemplates {
  readonly #fragments: { readonly reading: TemplateReading | undefined };
  readonly #textsOf: (template: Template) => readonly string[] | undefined;
  readonly #known = new WeakMap<Template, Template>();
  readonly #runtimes = new WeakMap<Runtime, MakeRuntime>();

  /** @param textsOf returns what a template may use the text of; undefined when that is not known */
  constructor(
    fragments: { readonly reading: TemplateReading | undefined },
    textsOf: (template: Template) => readonly string[] | undefined,
  ) {
    this.#fragments = fragments;
    this.#textsOf = textsOf;
  }

  of(template: Template): Template {
    let shared = this.#known.get(template);
    if (shared === undefined) {
      shared = this.#share(template);
      this.#known.set(template, shared);
    }
    return shared;
  }

  #share(template: Template): Template {
    let known: ReadonlySet<string> | undefined;
    const texts = () => {
      if (known === undefined) {
        const found = this.#textsOf(template);
        known = found && new Set(found);
      }
      return known;
    };
    const makeRuntime = (runtime: Runtime) => this.runtimeOf(runtime);
    const own = {
      rootRenderFunc(
        this: Template,
        env: Environment,
        context: Context,
        frame: Frame,
        runtime: Runtime,
        done: unknown,
      ) {
        noteRun(context, texts);
        const page = (env as PageEnvironment)[PAGE];
        page?.reading?.enter(context, page.handedOn);
        if (page !== undefined) {
          const { handedOn } = page;
          const { ctx } = context;
          const alone = page.isImporting ? ctx : undefined;
          const module = handedOn === undefined ? alone : page.isolated.get(handedOn);
          if (module !== undefined) page.isolated.set(ctx, module);
          page.handedOn = undefined;
          if (page.isImporting) page.modules.add(context);
          page.isImporting = false;
        }
        // A template that another extends receives the runtime of that one. Keep it.
        const own = isPageRuntime(runtime) ? runtime : new (makeRuntime(runtime))(context);
        (template.rootRenderFunc as RootFunction)(env, context, asPageFrame(own.Frame, frame), own, done);
      },
      render: handingOn(template.render as Run, false),
      getExported: handingOn((template as unknown as { readonly getExported: Run }).getExported, true),
    };
    return Object.assign(Object.create(template), own);
  }

  /** Returns the class of the runtimes of pages, made of that of Nunjucks. */
  runtimeOf(runtime: Runtime): MakeRuntime {
    let made = this.#runtimes.get(runtime);
    if (made === undefined) {
      made = pageRuntime(runtime, this.#fragments, noteFailure);
      this.#runtimes.set(runtime, made);
    }
    return made;
  }
}

function noteFailure({ env }: Context, error: unknown): void {
  const page = (env as PageEnvironment)[PAGE];
  if (page === undefined) return;
  page.failures.note(error);
  // Nunjucks may report the error to the page instead of the body: an import in a macro does. The body goes on without
  // it, and a later pass would show what is left.
  if (page.body !== undefined) page.body.uncached ??= 'contains uncached';
}

/**
 * Makes a method of a template note the variables it receives. Nunjucks passes the variables themselves and copies them
 * later, so only here can they be recognised.
 */
function handingOn(run: Run, isImport: boolean): Run {
  return function handed(this: Template, ...args: unknown[]) {
    const page = (this.env as PageEnvironment)[PAGE];
    if (page !== undefined) {
      page.isImporting = isImport;
      const [variables] = args;
      page.handedOn =
        typeof variables === 'object' && variables !== null ? (variables as Record<string, unknown>) : undefined;
    }
    const { reading } = page ?? {};
    if (isImport && reading !== undefined) args.push(holding(reading, args.pop()));
    return run.apply(this, args);
  };
}

/** Wraps what an import calls back: the importing template keeps what the module exports in JavaScript variables. */
function holding(reading: TemplateReading, done: unknown): unknown {
  if (typeof done !== 'function') return done;
  return (error: unknown, exported: unknown) => {
    if (typeof exported === 'object' && exported !== null) {
      for (const [name, value] of Object.entries(exported)) reading.hold(name, value);
    }
    return done(error, exported);
  };
}
