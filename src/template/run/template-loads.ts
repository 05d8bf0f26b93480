import type { Done, Environment, Template } from '../nunjucks.ts';

interface Late {
  readonly error: unknown;
  readonly template: Template | undefined;
}

/**
 * The templates one page asked for. A loader may need time; a fragment's body cannot wait, so what came late is
 * remembered here and is there at once when the page is run again.
 */
export class TemplateLoads {
  readonly #late = new Map<string, Late>();

  /**
   * `env.getTemplate` with a memory: calls `done` at once and returns undefined, or returns a promise that is resolved
   * when it is worth asking again.
   *
   * @param later runs what calls `done` when it is not called at once
   */
  get(
    env: Environment,
    name: string,
    eager: boolean,
    from: string | null | undefined,
    ignoreMissing: boolean,
    done: Done<Template>,
    later: (run: () => void) => void,
  ): Promise<void> | undefined {
    const key = `${ignoreMissing ? '?' : '!'}${from ?? ''}\n${name}`;
    const late = this.#late.get(key);
    if (late !== undefined) {
      done(late.error, late.template);
      return undefined;
    }
    let waiting = false;
    let answered = false;
    let settle: (() => void) | undefined;
    env.getTemplate(name, eager, from, ignoreMissing, (error, template) => {
      answered = true;
      if (!waiting) return done(error, template);
      this.#late.set(key, { error, template });
      settle?.();
      return later(() => done(error, template));
    });
    if (answered) return undefined;
    waiting = true;
    return new Promise((resolve) => {
      settle = resolve;
    });
  }

  /** A template for looking at: null when there is none, a promise when it is worth asking again later. */
  look(env: Environment, name: string, from: string | undefined): Template | null | Promise<void> {
    let found: Template | null = null;
    const keep: Done<Template> = (error, template) => {
      found = error || template === undefined || isMadeUp(template) ? null : template;
    };
    const waiting = this.get(env, name, false, from, true, keep, (run) => run());
    return waiting ?? found;
  }
}

/** Nunjucks makes up an empty template, without a path, for a missing one that may be missing. */
function isMadeUp(template: Template): boolean {
  return template.path === '' && template.tmplProps !== undefined;
}
