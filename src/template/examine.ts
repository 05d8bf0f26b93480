import { CacheSweeperError } from '../errors.ts';
import type { Identity } from '../model/identity.ts';
import { Collector } from '../reads/sinks.ts';
import { walkWhole } from '../reads/walk.ts';
import type { KeyMaker } from '../render/fragment-key.ts';
import type { FragmentAnalysis, TemplateAnalysis } from './compile/analysis.ts';
import { type Find, type Placed, readBody } from './compile/body-uses.ts';
import type { TemplateFacts } from './compile/facts.ts';
import { preprocessed } from './compile/facts-text.ts';
import { checkFragment } from './compile/fragment-check.ts';
import { checkHole } from './compile/hole-check.ts';
import { boundNames, DEFINITIONS, descendants } from './compile/syntax.ts';
import { type Position, positionOf } from './compile/template-error.ts';
import type { NameUse } from './compile/uses.ts';
import { findFragments } from './compile/variables.ts';
import { Installation } from './installation.ts';
import type { Environment, Node, NunjucksEnvironment, Template } from './nunjucks.ts';
import type { TemplateEnvironment } from './run/environment.ts';
import { PageWorld } from './run/page-world.ts';

/** Something for which a template is refused when it is compiled. */
export interface TemplateFault {
  /** Code of the {@link CacheSweeperError}, or `syntax` for an error of Nunjucks' parser. */
  readonly code: string;
  /** What is wrong and what to do, without the place. */
  readonly message: string;
  readonly at: Position;
}

/** Something that a body reads from outside of itself. */
export interface ExaminedRead extends Placed<NameUse> {
  /** Whether it is a function or method that is called. */
  readonly isCall: boolean;
}

/** A fragment, as far as its template's text tells. */
export interface ExaminedFragment extends FragmentAnalysis {
  readonly body: Node;
  /** What the body reads, in the templates it includes too. Holes are left out, and macros and imports of its template. */
  readonly reads: readonly ExaminedRead[];
}

/** A template that can be parsed. */
export interface ParsedTemplate {
  readonly root: Node;
  readonly analysis: TemplateAnalysis;
  readonly fragments: readonly ExaminedFragment[];
}

export interface ExaminedTemplate {
  /** As the loader resolves it, and as reports have it. */
  readonly name: string;
  readonly path: string | undefined;
  /** For what it is refused: all that is found without running it, in the order of the text. */
  readonly faults: readonly TemplateFault[];
  /** Undefined for one with an error of syntax, and for one that was compiled elsewhere and has no source. */
  readonly parsed: ParsedTemplate | undefined;
}

/**
 * Looks into templates without rendering them. The faults are those that compiling reports, from the same functions, but
 * all of them and not the first.
 */
export class Examiner {
  readonly #environment: TemplateEnvironment;
  readonly #env: Environment;
  readonly #keys: KeyMaker;
  readonly #included = new WeakMap<Template, IncludedTemplate>();

  /** @throws CacheSweeperError CACHESWEEPER_INSTALL when the environment has no sweeper of this copy of the package */
  constructor(env: NunjucksEnvironment) {
    const installed = Installation.of(env as Environment);
    if (!(installed instanceof Installation)) {
      throw new CacheSweeperError(
        'CACHESWEEPER_INSTALL',
        installed === undefined
          ? 'expected an environment in which a sweeper is installed, got one without: call sweeper.install(env)'
          : 'the sweeper of this environment belongs to another copy of nunjucks-cachesweeper: run the command that is ' +
              'installed beside it (npx in the folder of the site)',
      );
    }
    this.#env = env as Environment;
    this.#environment = installed.environment;
    this.#keys = installed.engine.keys;
  }

  /**
   * Examines a template.
   *
   * @param from path of the template that names it, for names that are relative
   * @throws errors of the loaders, also when there is no such template
   */
  async template(called: string, from?: string): Promise<ExaminedTemplate> {
    const template = await this.#load(called, from);
    const { tmplStr: source, path } = template;
    const name = this.#environment.nameOf(template);
    if (source === undefined) return { name, path, faults: [], parsed: undefined };
    let parsed: ParsedTemplate;
    const faults: TemplateFault[] = [];
    try {
      parsed = this.#parse(template, source, (error) => faults.push(faultOf(error)));
    } catch (error) {
      return { name, path, faults: [faultOf(error)], parsed: undefined };
    }
    // The rest of what can be wrong is known to Nunjucks' compiler alone.
    const error = faults.length === 0 ? this.#environment.templates.prepare(template) : undefined;
    if (error !== undefined) faults.push(faultOf(error));
    return { name, path, faults: faults.sort(inOrder), parsed };
  }

  /**
   * Returns the identity of a value that a tag names as its model.
   *
   * @param type value of `type=`; null or undefined when there is none
   * @throws CacheSweeperError CACHESWEEPER_NO_IDENTITY
   */
  identify(model: unknown, type: unknown): Identity {
    return this.#keys.identity(model, type);
  }

  /** Returns why a value of the environment can never be compared, so that what uses all of it is not stored. */
  whyUnseen(value: object): string | undefined {
    const { identifier, functions, helpers } = this.#environment;
    // A second page trusts functions that the first one has met.
    const [, collector] = [{}, {}].map((page) => {
      const world = new PageWorld({ identifier, functions, helpers }, page);
      const nothing = () => undefined;
      const collector = new Collector();
      const none = {
        scope: nothing,
        variable: nothing,
        context: nothing,
        global: nothing,
        helper: nothing,
        ofMacro: nothing,
      };
      walkWhole(value, { world, models: [], ...none }, collector);
      return collector;
    });
    if (collector?.isTooMuch === true) return 'it holds more than is compared';
    const { path = '', why } = collector?.unseenValue ?? {};
    return why === undefined || path === '' ? why : `${path}: ${why}`;
  }

  #load(name: string, from: string | undefined): Promise<Template> {
    return new Promise((resolve, reject) => {
      this.#env.getTemplate(name, false, from, false, (error, template) =>
        error || template === undefined ? reject(error) : resolve(template),
      );
    });
  }

  #parse(template: Template, source: string, refuse: (error: CacheSweeperError) => void): ParsedTemplate {
    const environment = this.#environment;
    const { root, analysis } = environment.analyst.examine(preprocessed(source, this.#env.extensionsList));
    const rules = environment.rules((name, from) => environment.templates.find(name, from));
    const defined = new Set(
      [...descendants(root)].filter(({ typename }) => DEFINITIONS.has(typename)).flatMap(boundNames),
    );
    const fragments = [...findFragments(root)]
      .sort((a, b) => a.ordinal - b.ordinal)
      .map(({ ordinal, body }): ExaminedFragment => {
        const fragment = analysis.fragments[ordinal] as FragmentAnalysis;
        checkFragment(fragment, template.path, rules, refuse);
        const reads = this.#reads(fragment, template.path, callsIn(root));
        const isOwn = ({ use, template }: ExaminedRead) => template === undefined && defined.has(use.path[0] as string);
        return { ...fragment, body, reads: reads.filter((read) => !isOwn(read)) };
      });
    for (const hole of analysis.holes) checkHole(hole, refuse);
    return { root, analysis, fragments };
  }

  #reads({ uses }: FragmentAnalysis, from: string | undefined, calls: ReadonlySet<string>): readonly ExaminedRead[] {
    const callsOf = new Map<string | undefined, ReadonlySet<string>>([[undefined, calls]]);
    const find: Find = (name, parent) => {
      const found = this.#find(name, parent);
      if (found === undefined) return 'unknown';
      callsOf.set(name, found.calls);
      return { facts: found.facts, path: found.path };
    };
    const all = () => true;
    const { leaks } = readBody(uses, from, all, all, find);
    return leaks.map((read) => ({ ...read, isCall: callsOf.get(read.template)?.has(placeOf(read.use.at)) === true }));
  }

  /** Finds a template with all names that it uses; undefined for one that cannot be had at once. */
  #find(name: string, from: string | undefined): IncludedTemplate | undefined {
    let found: Template | undefined;
    try {
      this.#env.getTemplate(name, false, from, true, (error, template) => {
        if (!error) found = template;
      });
      if (found?.tmplStr === undefined) return undefined;
      let included = this.#included.get(found);
      if (included === undefined) {
        const source = preprocessed(found.tmplStr, this.#env.extensionsList);
        const { root, analysis } = this.#environment.analyst.examine(source);
        included = { facts: analysis.facts, path: found.path, calls: callsIn(root) };
        this.#included.set(found, included);
      }
      return included;
    } catch {
      // Its own faults are reported where it is examined itself.
      return undefined;
    }
  }
}

/** A template that a body includes, with all names that it uses, and the places of its calls. */
interface IncludedTemplate {
  readonly facts: TemplateFacts;
  readonly path: string | undefined;
  readonly calls: ReadonlySet<string>;
}

function callsIn(root: Node): ReadonlySet<string> {
  const calls = [...descendants(root)].filter(({ typename }) => typename === 'FunCall');
  return new Set(calls.map(({ name }) => placeOf(positionOf(name as Node))));
}

function placeOf({ line, column }: Position): string {
  return `${line}:${column}`;
}

/** Errors of Nunjucks and of the tags have the place in `lineno` and `colno`, from 1. */
function faultOf(error: unknown): TemplateFault {
  const { message, lineno, colno } = error as Error & { readonly lineno?: unknown; readonly colno?: unknown };
  return {
    code: error instanceof CacheSweeperError ? error.code : 'syntax',
    message: message.trim(),
    at: { line: numberFrom1(lineno), column: numberFrom1(colno) },
  };
}

function numberFrom1(value: unknown): number {
  return typeof value === 'number' && value >= 1 ? value : 1;
}

function inOrder({ at: a }: TemplateFault, { at: b }: TemplateFault): number {
  return a.line - b.line || a.column - b.column;
}
