import { badOption } from '../../util/check-option.ts';
import { describe } from '../../util/describe.ts';

type Rendered = (error: Error | null, html: string | null) => void;
type RenderAtOnce = (context: object) => string | null;
type RenderLater = (context: object, options: unknown, done: Rendered) => void;

/** What vision takes as an engine. */
export interface ViewEngine {
  readonly compile: {
    (source: string, options: CompileOptions): RenderAtOnce;
    (source: string, options: CompileOptions, done: (error: null, render: RenderLater) => void): void;
  };
}

/** The part of vision's `compileOptions` that is used here. */
export interface CompileOptions {
  /** The path of the template's file. */
  readonly filename?: string;
}

/** The part of a Nunjucks environment that is used here. */
export interface NunjucksEnvironment {
  getTemplate(name: string, eager?: boolean): unknown;
}

interface Template {
  render(context: object, done?: Rendered): string | null;
}

/**
 * An engine for @hapi/vision that renders with a Nunjucks environment. With `compileMode: 'async'` a page can wait: for
 * the store, and for what a `lazy` loads.
 *
 * @param environment in which the sweeper is installed
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION when it is no environment
 *
 * @example
 * const env = sweeper.install(nunjucks.configure('templates'));
 * server.views({ engines: { njk: viewEngine(env) }, compileMode: 'async', path: 'templates' });
 */
export function viewEngine(environment: NunjucksEnvironment): ViewEngine {
  const Template = templateClass(environment);
  const compile = (
    source: string,
    { filename }: CompileOptions,
    done?: (error: null, render: RenderLater) => void,
  ): RenderAtOnce | undefined => {
    const template = new Template(source, environment, filename);
    if (done === undefined) return (context) => template.render(context);
    done(null, (context, _options, rendered) => void template.render(context, rendered));
    return undefined;
  };
  return { compile: compile as ViewEngine['compile'] };
}

/** Finds the class of an environment's templates: without loaders, the environment makes up an empty one. */
function templateClass(
  environment: NunjucksEnvironment,
): new (
  source: string,
  environment: object,
  path: string | undefined,
) => Template {
  if (typeof environment?.getTemplate !== 'function') {
    throw badOption(
      'viewEngine()',
      'a nunjucks Environment, as nunjucks.configure() returns it',
      describe(environment),
    );
  }
  const bare = Object.create(environment, { loaders: { value: [] } }) as {
    getTemplate(name: string, eager: boolean, parent: null, ignoreMissing: boolean): object;
  };
  return Object.getPrototypeOf(bare.getTemplate('none', false, null, true)).constructor;
}
