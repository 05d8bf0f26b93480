import type { Analyst } from '../compile/analysis.ts';
import type { Found } from '../compile/body-uses.ts';
import { factsOf, type TemplateFacts } from '../compile/facts.ts';
import type { Environment, RootFunction, Template } from '../nunjucks.ts';

/** The compiled templates of one environment: which function is of which of them, and what their code says of them. */
export class CompiledTemplates {
  readonly #env: Environment;
  readonly #analyst: Analyst;
  readonly #templates = new WeakMap<RootFunction, Template>();
  /** The templates being compiled for a page, innermost last. */
  readonly #compiling: Template[] = [];

  constructor(env: Environment, analyst: Analyst) {
    this.#env = env;
    this.#analyst = analyst;
  }

  /** Returns the template that has this compiled function. */
  of(root: RootFunction): Template | undefined {
    return this.#templates.get(root);
  }

  /** Returns the facts of a template; undefined when it was compiled elsewhere. */
  factsIn(template: Template): TemplateFacts | undefined {
    const { rootRenderFunc, tmplStr } = template;
    if (rootRenderFunc === undefined && tmplStr !== undefined) return this.#analyst.factsOf(tmplStr);
    if (this.prepare(template) !== undefined) return undefined;
    // A template compiled before the sweeper was installed has no facts in its code, but it has its source.
    return factsOf(template) ?? (tmplStr === undefined ? undefined : this.#analyst.factsOf(tmplStr));
  }

  /**
   * Compiles a template for a page, and remembers its compiled function. Returns the error if it cannot be compiled.
   */
  prepare(template: Template): unknown {
    const isKnown = template.rootRenderFunc !== undefined && this.#templates.has(template.rootRenderFunc);
    return isKnown ? undefined : this.#compile(template);
  }

  #compile(template: Template): unknown {
    this.#compiling.push(template);
    try {
      template.compile();
    } catch (error) {
      return error;
    } finally {
      this.#compiling.pop();
    }
    if (template.rootRenderFunc === undefined) return undefined;
    this.#templates.set(template.rootRenderFunc, template);
    factsOf(template);
    return undefined;
  }

  /** Returns the path of the template being compiled; undefined while one is precompiled. */
  compilingPath(): string | undefined {
    return this.#compiling.at(-1)?.path;
  }

  /** Looks up a template while another one is compiled. One that cannot be had at once is examined when a page runs. */
  find(name: string, from: string | undefined): Found {
    let found: Found = 'unknown';
    // A template that is precompiled, or compiled by hand, has no path that the name could be relative to.
    if (from === undefined && /^\.\.?\//.test(name)) return found;
    try {
      this.#env.getTemplate(name, false, from, true, (error, template) => {
        const facts = error || !template?.path ? undefined : this.factsIn(template);
        if (facts !== undefined) found = { facts, path: template?.path };
      });
    } catch {
      // An error of a loader or of syntax: it will show when that template is rendered.
    }
    return found;
  }
}
