import { CacheSweeperError } from '../errors.ts';
import type { Identity } from '../model/identity.ts';
import type { KeyMaker } from '../render/fragment-key.ts';
import type { FragmentAnalysis, TemplateAnalysis } from './compile/analysis.ts';
import { type Find, type Placed, readBody } from './compile/body-uses.ts';
import { preprocessed } from './compile/facts-text.ts';
import { checkFragment } from './compile/fragment-check.ts';
import { checkHole } from './compile/hole-check.ts';
import type { Position } from './compile/template-error.ts';
import type { NameUse } from './compile/uses.ts';
import { findFragments } from './compile/variables.ts';
import { Installation } from './installation.ts';
import type { Environment, Node, NunjucksEnvironment, Template } from './nunjucks.ts';
import type { TemplateEnvironment } from './run/environment.ts';

/** Something for which a template is refused when it is compiled. */
export interface TemplateFault {
  /** Code of the {@link CacheSweeperError}, or `syntax` for an error of Nunjucks' parser. */
  readonly code: string;
  /** What is wrong and what to do, without the place. */
  readonly message: string;
  readonly at: Position;
}

/** A fragment, as far as its template's text tells. */
export interface ExaminedFragment extends FragmentAnalysis {
  readonly body: Node;
  /** What the body reads from outside of itself, in the templates it includes too. Holes are left out. */
  readonly reads: readonly Placed<NameUse>[];
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
  readonly #analyses = new WeakMap<Template, TemplateAnalysis>();

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
    const error = faults.length === 0 ? this.#environment.prepare(template) : undefined;
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
    const rules = environment.rules((name, from) => environment.find(name, from));
    const all = () => true;
    const fragments = [...findFragments(root)]
      .sort((a, b) => a.ordinal - b.ordinal)
      .map(({ ordinal, body }): ExaminedFragment => {
        const fragment = analysis.fragments[ordinal] as FragmentAnalysis;
        checkFragment(fragment, template.path, rules, refuse);
        return { ...fragment, body, reads: readBody(fragment.uses, template.path, all, all, this.#find).leaks };
      });
    for (const hole of analysis.holes) checkHole(hole, refuse);
    return { root, analysis, fragments };
  }

  /** Finds a template with all names that it uses. One that cannot be had at once is left out. */
  readonly #find: Find = (name, from) => {
    let found: Template | undefined;
    try {
      this.#env.getTemplate(name, false, from, true, (error, template) => {
        if (!error) found = template;
      });
      if (found?.tmplStr === undefined) return 'unknown';
      let analysis = this.#analyses.get(found);
      if (analysis === undefined) {
        const source = preprocessed(found.tmplStr, this.#env.extensionsList);
        analysis = this.#environment.analyst.examine(source).analysis;
        this.#analyses.set(found, analysis);
      }
      return { facts: analysis.facts, path: found.path };
    } catch {
      // Its own faults are reported where it is examined itself.
      return 'unknown';
    }
  };
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
