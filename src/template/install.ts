import { CacheSweeperError } from '../errors.ts';
import type { Engine } from '../render/engine.ts';
import { describe } from '../util/describe.ts';
import type { Toolkit } from './compile/analysis.ts';
import { Installation } from './installation.ts';
import type {
  ContextClass,
  Done,
  Environment,
  Lexer,
  NunjucksEnvironment,
  Parser,
  ParserClass,
  Runtime,
  Template,
} from './nunjucks.ts';
import type { NunjucksRender, Renders } from './run/renders.ts';
import { WatchedBody } from './run/watched-body.ts';

/**
 * Adds the tags to an environment, and renders its pages in passes.
 *
 * @param options `name` tells environments apart whose helpers have the same source but use different values; it must
 *   be the same in every process
 * @throws CacheSweeperError CACHESWEEPER_INSTALL when `target` is no environment, or has another sweeper
 */
export function install(target: NunjucksEnvironment, engine: Engine, { name }: { readonly name?: string } = {}): void {
  const env = checkedEnvironment(target);
  if (name !== undefined && (typeof name !== 'string' || name === ''))
    throw failed(`install() name: expected a text, got ${describe(name)}`);
  const installed = Installation.of(env);
  if (installed !== undefined) {
    if (installed.engine === engine) return;
    throw failed('this environment already has another sweeper: use one sweeper, or another environment');
  }
  const { prototype, toolkit, runtime, Context } = probe(env);
  const installation = Installation.begin(
    env,
    engine,
    { toolkit, runtime, Context, render: hookRender(prototype) },
    name ?? '',
  );
  renderByName(env, installation.renders);
  noteTemplates(env, engine);
}

/** Returns the object that renders the pages of an environment with this sweeper. */
export function rendersOf(target: NunjucksEnvironment, engine: Engine): Renders {
  const installed = Installation.of(target as Environment);
  if (installed?.engine === engine) return installed.renders;
  throw failed('this environment does not have this sweeper: call sweeper.install(env) first');
}

function checkedEnvironment(target: NunjucksEnvironment): Environment {
  const env = target as Partial<Environment> | null | undefined;
  if (
    typeof env?.getTemplate === 'function' &&
    typeof env.addExtension === 'function' &&
    Array.isArray(env.extensionsList)
  ) {
    return env as Environment;
  }
  throw failed(
    `install(): expected a nunjucks Environment, as nunjucks.configure() returns it, got ${describe(target)}`,
  );
}

function failed(message: string): CacheSweeperError {
  return new CacheSweeperError('CACHESWEEPER_INSTALL', message);
}

interface TemplatePrototype {
  render: (...args: never[]) => unknown;
  constructor: new (source: string | object, env: object, path: string) => Template;
}

/**
 * Finds the classes and the runtime of the copy of Nunjucks that an environment belongs to, from the environment alone.
 * A derived environment without loaders makes up an empty template, an extension added to it receives the parser, and a
 * template made of compiled code receives the runtime.
 */
function probe(env: Environment): {
  prototype: TemplatePrototype;
  toolkit: Toolkit;
  runtime: Runtime;
  Context: ContextClass;
} {
  let toolkit: Toolkit | undefined;
  let runtime: Runtime | undefined;
  let Context: ContextClass | undefined;
  const tag = 'cachesweeperprobe';
  const extension = {
    __name: tag,
    tags: [tag],
    parse(parser: Parser, _nodes: unknown, lexer: Lexer): never {
      toolkit = { Parser: parser.constructor as ParserClass, lexer };
      throw new Error('probed');
    },
  };
  const bare = Object.create(env, {
    loaders: { value: [] },
    extensionsList: { value: [extension] },
    opts: { value: {} },
  }) as Environment;
  const template = bare.getTemplate('probe', false, null, true) as Template;
  const prototype = Object.getPrototypeOf(template) as TemplatePrototype;
  try {
    new prototype.constructor(`{% ${tag} %}`, bare, 'probe').compile();
  } catch {
    // The template was compiled only to reach parse().
  }
  const root = (_env: object, context: object, _frame: object, given: Runtime, done: Done<string>): void => {
    runtime = given;
    Context = context.constructor as ContextClass;
    done(null, '');
  };
  new prototype.constructor({ type: 'code', obj: { root } }, bare, 'probe').render({});
  if (
    toolkit === undefined ||
    runtime === undefined ||
    Context === undefined ||
    typeof prototype.render !== 'function'
  ) {
    throw failed('this version of Nunjucks is not known: expected 3.2.4 or later 3.2');
  }
  return { prototype, toolkit, runtime, Context };
}

/**
 * Makes `env.render` with a callback load the template, and call back, in the asynchronous context of its caller.
 * Otherwise that would be the context of the request that the loader, or Nunjucks' queue, is serving at that moment.
 */
function renderByName(env: Environment, renders: Renders): void {
  const { render } = env;
  env.render = function named(this: Environment, name, context, done): string | null {
    const callback = typeof context === 'function' ? (context as Done<string>) : done;
    const variables = typeof context === 'function' ? {} : (context ?? {});
    if (callback === undefined) return render.call(this, name, variables);
    renders.byName(this, name, variables, callback);
    return null;
  };
}

/**
 * Makes a body that is being rendered depend on each template that a function of the site asks the environment for,
 * whether it is there or not: a helper may show something else in place of a template that is missing.
 */
function noteTemplates(env: Environment, engine: Engine): void {
  const original = env.getTemplate as (this: Environment, ...args: unknown[]) => Template;
  let isNoting = false;
  const note = (name: unknown, from: unknown, template: unknown): void => {
    const body = engine.fragments.bodies.current;
    // Finding the digest of the template asks for the template again.
    if (!(body instanceof WatchedBody) || typeof name !== 'string' || isNoting) return;
    isNoting = true;
    try {
      body.used(name, typeof from === 'string' ? from : undefined, template as Template | undefined);
    } finally {
      isNoting = false;
    }
  };
  const getTemplate = function getTemplate(this: Environment, ...args: unknown[]): Template {
    if (engine.fragments.bodies.current === undefined) return original.apply(this, args);
    const [name, , from] = args;
    try {
      const template = original.apply(this, args);
      note(name, from, template);
      return template;
    } catch (error) {
      note(name, from, undefined);
      throw error;
    }
  };
  env.getTemplate = getTemplate as Environment['getTemplate'];
}

/** Prototypes whose `render` was replaced, each with the original method. */
const hooked = new WeakMap<TemplatePrototype, NunjucksRender>();

/**
 * Replaces `Template.prototype.render`, where every page of every environment starts: `env.render`, `env.renderString`,
 * Express' views and a template rendered directly. It is replaced once for each copy of Nunjucks, and then looks at the
 * environment: without a sweeper, and for includes (which pass a frame), the original runs.
 */
function hookRender(prototype: TemplatePrototype): NunjucksRender {
  const known = hooked.get(prototype);
  if (known !== undefined) return known;
  const original = prototype.render as (this: Template, ...args: unknown[]) => string | null;
  const nunjucks: NunjucksRender = function render(this: Template, context, done) {
    return done === undefined ? original.call(this, context) : original.call(this, context, done);
  };
  hooked.set(prototype, nunjucks);
  prototype.render = function render(this: Template, context: unknown, frame: unknown, done: unknown): string | null {
    // Includes are the most frequent callers, so tell them from pages without looking at the environment.
    const isPart = frame !== null && typeof frame === 'object';
    const installed = isPart ? undefined : Installation.of(this.env);
    // Another copy of this package may have replaced the same method; leave its environments to it.
    if (!(installed instanceof Installation)) return original.call(this, context, frame, done);
    const callback = [context, frame, done].find((value) => typeof value === 'function') as Done<string> | undefined;
    return installed.renders.render(this, typeof context === 'function' ? {} : (context as object), callback);
  } as TemplatePrototype['render'];
  return nunjucks;
}
