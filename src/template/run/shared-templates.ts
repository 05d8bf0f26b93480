import type { Context, Environment, Frame, RootFunction, Runtime, Template } from '../nunjucks.ts';
import type { PageEnvironment } from './page-environment.ts';
import { PAGE } from './page-environment.ts';
import { isPageRuntime, type MakeRuntime, pageRuntime, type TemplateReading } from './page-runtime.ts';

type Run = (this: Template, ...args: unknown[]) => unknown;

/**
 * What the pages' own copies of a template have in common: they are run with the page's runtime, and say whose variables they
 * are given.
 */
export class SharedTemplates {
  readonly #fragments: { readonly reading: TemplateReading | undefined };
  readonly #known = new WeakMap<Template, Template>();
  readonly #runtimes = new WeakMap<Runtime, MakeRuntime>();

  constructor(fragments: { readonly reading: TemplateReading | undefined }) {
    this.#fragments = fragments;
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
    const makeRuntime = (runtime: Runtime) => this.#runtimeOf(runtime);
    const own = {
      rootRenderFunc(
        this: Template,
        env: Environment,
        context: Context,
        frame: Frame,
        runtime: Runtime,
        done: unknown,
      ) {
        const page = (env as PageEnvironment)[PAGE];
        page?.reading?.enter(context, page.handedOn);
        if (page !== undefined) {
          page.handedOn = undefined;
          if (page.isImporting) page.modules.add(context);
          page.isImporting = false;
        }
        // A template that is extended is run with what the extending one was run with.
        const own = isPageRuntime(runtime) ? runtime : new (makeRuntime(runtime))(context);
        (template.rootRenderFunc as RootFunction)(env, context, frame, own, done);
      },
      render: handingOn(template.render as Run, false),
      getExported: handingOn((template as unknown as { readonly getExported: Run }).getExported, true),
    };
    return Object.assign(Object.create(template), own);
  }

  #runtimeOf(runtime: Runtime): MakeRuntime {
    let made = this.#runtimes.get(runtime);
    if (made === undefined) {
      made = pageRuntime(runtime, this.#fragments);
      this.#runtimes.set(runtime, made);
    }
    return made;
  }
}

/** Nunjucks hands on the variables themselves, and copies them when it has arrived. */
function handingOn(run: Run, isImport: boolean): Run {
  return function handed(this: Template, ...args: unknown[]) {
    const page = (this.env as PageEnvironment)[PAGE];
    if (page !== undefined) page.isImporting = isImport;
    if (page?.reading !== undefined) {
      const [variables] = args;
      page.handedOn =
        typeof variables === 'object' && variables !== null ? (variables as Record<string, unknown>) : undefined;
    }
    return run.apply(this, args);
  };
}
