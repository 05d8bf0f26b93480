import type { TemplateDependency } from '../../cache/entry.ts';
import type { HoleTemplate } from '../../cache/hole.ts';
import type { Identifier } from '../../model/identity.ts';
import { PrivateNames } from '../../reads/private-names.ts';
import type { MarkSafe } from '../../reads/variables.ts';
import type { Engine } from '../../render/engine.ts';
import type { Functions } from '../../render/functions.ts';
import type { Place } from '../../render/place.ts';
import { digest } from '../../util/digest.ts';
import { Analyst, type Toolkit } from '../compile/analysis.ts';
import type { Find } from '../compile/body-uses.ts';
import type { TemplateFacts } from '../compile/facts.ts';
import { type BakedTagSite, checkBody, type Rules } from '../compile/tag-site.ts';
import { refuseAtOnce } from '../compile/template-error.ts';
import type { Context, ContextClass, Environment, Frame, RootFunction, Runtime, Template } from '../nunjucks.ts';
import { asyncBody } from './async-body.ts';
import { CompiledTemplates } from './compiled-templates.ts';
import { Helpers } from './helpers.ts';
import { Manner } from './manner.ts';
import { Page } from './page.ts';
import { PAGE, type PageEnvironment, pagePrototype } from './page-environment.ts';
import type { TemplateReading } from './page-runtime.ts';
import { RecordedHelpers } from './recorded-helpers.ts';
import { SharedTemplates } from './shared-templates.ts';
import { type TemplateDigest, TemplateDigests, UNKNOWN } from './template-digest.ts';
import { noteRun } from './text-uses.ts';

/** A tag site: a tag in the present version of its template. */
export interface TagSite extends BakedTagSite, Place {
  /** Undefined when the template is unknown, because its compiled code was called by hand. */
  readonly templateDigest: TemplateDigest | undefined;
}

/** What an environment needs of the copy of Nunjucks that it belongs to. */
export interface NunjucksParts {
  readonly toolkit: Toolkit;
  readonly runtime: Runtime;
  readonly Context: ContextClass;
}

const OF_REQUESTS: readonly string[] = ['req', 'request', 'cookies', 'visitor', 'current_user'];

/** Rounds of loading before templates count as changed. Each round loads the templates that the last one includes. */
const MAX_ROUNDS = 100;

/** Looks after one environment and its templates: compiles them, and knows their facts, digests and tag sites. */
export class TemplateEnvironment {
  readonly env: Environment;
  /** The prototype of the environments of all its pages. */
  readonly pagePrototype: Environment;
  readonly analyst: Analyst;
  readonly templates: CompiledTemplates;
  readonly helpers: Helpers;
  readonly privateNames: PrivateNames;
  /** The private names for pages that are kept as a whole: views, and pages that a lazy renders. */
  readonly pagePrivateNames: PrivateNames;
  readonly #engine: Engine;
  readonly #digests: TemplateDigests;
  readonly #shared: SharedTemplates;
  readonly #sites = new WeakMap<TemplateDigest, Map<string, TagSite>>();
  readonly #manner: Manner;
  readonly #nunjucks: NunjucksParts;
  readonly #name: string;
  readonly #number: number;
  readonly #warned: Set<string>;

  /**
   * @param name name of the environment; empty if it has none
   * @param original the environment that this one is a clone of
   */
  constructor(env: Environment, nunjucks: NunjucksParts, engine: Engine, name: string, original?: TemplateEnvironment) {
    const { toolkit, runtime } = nunjucks;
    this.env = env;
    this.#engine = engine;
    this.#nunjucks = nunjucks;
    this.#name = name;
    this.#number = engine.nextEnvironment();
    this.#warned = original === undefined ? new Set() : original.#warned;
    this.helpers = new Helpers(env, engine.functions, name, original?.helpers);
    const of = { name, own: this.helpers.own, original: original === undefined ? undefined : original.#manner };
    this.#manner = new Manner(env, runtime, engine.functions, of);
    const fragments = engine.fragments as { readonly reading: TemplateReading | undefined };
    this.pagePrototype = pagePrototype(env, new RecordedHelpers(this.helpers.own, fragments));
    this.#shared = new SharedTemplates(fragments, (template) => this.templates.factsIn(template)?.texts);
    this.privateNames = new PrivateNames(engine.settings.private);
    // A page as a whole is not compared by its reads, so the names of request objects are private too, unless the
    // option is an empty list.
    this.pagePrivateNames = new PrivateNames([
      ...engine.settings.private,
      ...(engine.settings.private.length === 0 ? [] : OF_REQUESTS),
    ]);
    this.analyst = new Analyst(env, toolkit, this.privateNames);
    this.templates = new CompiledTemplates(env, this.analyst);
    this.#digests = new TemplateDigests(
      env,
      (template) => this.factsOf(template),
      () => this.#manner.text,
    );
  }

  /**
   * Tells this environment from others. The sweeper is installed in those without a name in the same order in each process,
   * as far as can be known.
   */
  get identity(): string {
    return digest(JSON.stringify([this.#name === '' ? this.#number : this.#name, this.#digests.manner]), 16);
  }

  /** Looks after a clone of the environment. */
  ofClone(env: Environment): TemplateEnvironment {
    return new TemplateEnvironment(env, this.#nunjucks, this.#engine, this.#name, this);
  }

  get identifier(): Identifier {
    return this.#engine.identifier;
  }

  get functions(): Functions {
    return this.#engine.functions;
  }

  /** Returns the object that all pages' copies of a template derive from. */
  shared(template: Template): Template {
    return this.#shared.of(template);
  }

  /** Returns a name that tells pages apart. Templates rendered from a string have no path, so their digest is added. */
  pageNameOf(template: Template): string {
    return template.path
      ? this.nameOf(template)
      : `${this.nameOf(template)} ${this.templates.factsIn(template)?.digest ?? ''}`;
  }

  nameOf(template: Template): string {
    return this.#digests.nameOf(template);
  }

  /** Returns the page that a tag runs for. */
  pageOf(context: Context): Page {
    const page = (context.env as PageEnvironment)[PAGE];
    return page instanceof Page ? page : this.#noPage(context);
  }

  /**
   * Makes up a page for a template that another copy of Nunjucks runs, or compiled code called by hand. Nothing of it
   * is stored.
   */
  #noPage(context: Context): Page {
    this.warn(
      'a template was run without its environment: nothing in it is cached. Another copy of Nunjucks than the one the ' +
        'environment was made with does this, and so does calling a compiled template by hand',
      { type: 'CacheSweeperWarning', code: 'CACHESWEEPER_NO_PAGE' },
    );
    return new Page(this, this.#engine.newRender(context.ctx, false));
  }

  /** Warns once for each code, for an environment and its clones. */
  warn(message: string, options: { readonly type: string; readonly code: string }): void {
    if (this.#warned.has(options.code)) return;
    this.#warned.add(options.code);
    process.emitWarning(message, options);
  }

  /** Returns the facts of a template; undefined when it was compiled elsewhere. Warns of that once. */
  factsOf(template: Template): TemplateFacts | undefined {
    const facts = this.templates.factsIn(template);
    if (facts === undefined) {
      this.warn(
        `the compiled code of ${this.nameOf(template)} does not say what it is made of, so no fragment with it is cached: ` +
          'precompile with the environment that the sweeper is installed in (nunjucks.precompile(…, { env })), by this version ' +
          'of nunjucks-cachesweeper',
        { type: 'CacheSweeperWarning', code: 'CACHESWEEPER_UNKNOWN_TEMPLATE' },
      );
    }
    return facts;
  }

  /** Returns the tag site; a promise when templates have to be loaded first. */
  site(page: Page, root: RootFunction, baked: string): TagSite | Promise<unknown> {
    const template = this.templates.of(root);
    let templateDigest = page.digests.get(root);
    if (templateDigest === undefined) {
      if (template === undefined)
        return { ...JSON.parse(baked), template: '(unknown)', digest: '', templateDigest: undefined };
      const found = this.#templateDigest(page, template);
      if (found instanceof Promise) return found;
      templateDigest = found;
      page.digests.set(root, templateDigest);
    }
    const sites = this.#sitesOf(templateDigest);
    let site = sites.get(baked);
    if (site === undefined) {
      site = this.#newSite(page, template as Template, templateDigest, JSON.parse(baked) as BakedTagSite);
      sites.set(baked, site);
    }
    return site;
  }

  /** Returns the tag sites of one version of a template that have run, by the text that was compiled into its code. */
  #sitesOf(templateDigest: TemplateDigest): Map<string, TagSite> {
    let sites = this.#sites.get(templateDigest);
    if (sites === undefined) {
      sites = new Map();
      this.#sites.set(templateDigest, sites);
    }
    return sites;
  }

  /** Returns the compiled function of a hole's template, if it is what it was; `pending` while it has to be loaded. */
  rootOf(page: Page, { name, parent, digest }: HoleTemplate): RootFunction | 'pending' | undefined {
    const template = page.loads.look(this.env, name, parent);
    if (template === null) return undefined;
    if (template instanceof Promise) {
      waitFor(page, template);
      return 'pending';
    }
    if (this.templates.prepare(template) !== undefined || this.templates.factsIn(template)?.digest !== digest)
      return undefined;
    return template.rootRenderFunc;
  }

  get markSafe(): MarkSafe {
    return this.#nunjucks.runtime.markSafe as MarkSafe;
  }

  newContext(page: Page, variables: object): Context {
    const { Context } = this.#nunjucks;
    return new Context(variables, {}, page.ownEnvironment);
  }

  /** Notes that code of a template will run in a context. */
  noteTemplate(context: Context, root: RootFunction): void {
    const template = this.templates.of(root);
    if (template === undefined) return;
    noteRun(context, () => {
      const texts = this.templates.factsIn(template)?.texts;
      return texts && new Set(texts);
    });
  }

  newRuntime(context: Context): Runtime {
    return new (this.#shared.runtimeOf(this.#nunjucks.runtime))(context);
  }

  newFrame(): Frame {
    const { Frame } = this.#shared.runtimeOf(this.#nunjucks.runtime).prototype;
    return new Frame();
  }

  /** Returns the rules that bodies are checked against. */
  rules(find: Find): Rules {
    const globals = this.env.globals as Readonly<Record<string, unknown>>;
    const isHelper = (name: string) => name in globals && !isCollection(globals[name]);
    return { privateNames: this.privateNames, isHelper, find };
  }

  /** Makes a tag site, from the facts of the templates as they are now. */
  #newSite(page: Page, template: Template, templateDigest: TemplateDigest, baked: BakedTagSite): TagSite {
    const uses = this.factsOf(template)?.fragments[baked.ordinal];
    const find: Find = (name, from) => {
      const found = page.loads.look(this.env, name, from);
      // A template that is still not there is in no complete template digest, so it counts as missing.
      if (found === null || found instanceof Promise) return 'missing';
      const facts = this.factsOf(found);
      return facts === undefined ? 'unknown' : { facts, path: found.path };
    };
    const facts = uses && checkBody(uses, template.path, baked, baked, this.rules(find), refuseAtOnce);
    return { ...baked, ...facts, template: templateDigest.name, digest: templateDigest.digest, templateDigest };
  }

  #templateDigest(page: Page, template: Template): TemplateDigest | Promise<unknown> {
    return this.#digests.of(template, (name, from) => page.loads.look(this.env, name, from));
  }

  /**
   * Returns the present digest of a template chosen at run time; undefined when the page has to wait for it.
   *
   * @throws CacheSweeperError CACHESWEEPER_ASYNC_BODY when the page cannot wait
   */
  templateDigest(page: Page, { name, parent }: Pick<TemplateDependency, 'name' | 'parent'>): string | undefined {
    const template = page.loads.look(this.env, name, parent);
    const templateDigest =
      template === null || template instanceof Promise ? template : this.#templateDigest(page, template);
    if (templateDigest === null) return 'missing';
    if (!(templateDigest instanceof Promise)) return templateDigest.isKnown ? templateDigest.digest : UNKNOWN;
    waitFor(page, templateDigest);
    return undefined;
  }

  /** Returns the templates that have changed, and those that this environment cannot find. */
  async outdated(templates: readonly TemplateDependency[]): Promise<readonly TemplateDependency[]> {
    const page = new Page(this, this.#engine.newRender({}, true));
    const { pending } = page.render.pass;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const digests = templates.map((template) => this.templateDigest(page, template));
      if (pending.size === 0) return templates.filter(({ digest }, i) => digest !== digests[i]);
      await Promise.allSettled(pending);
      pending.clear();
    }
    return templates;
  }
}

function isCollection(value: unknown): boolean {
  return Array.isArray(value) || value instanceof Map || value instanceof Set;
}

/**
 * Makes a page wait for a template, and run again after that.
 *
 * @throws CacheSweeperError CACHESWEEPER_ASYNC_BODY when the page cannot wait
 */
export function waitFor(page: Page, loading: Promise<unknown>): void {
  if (page.render.canWait) {
    page.render.pass.pending.add(loading);
    return;
  }
  loading.catch(() => {}); // The page ends here: nobody is left to hear of it.
  throw asyncBody();
}
