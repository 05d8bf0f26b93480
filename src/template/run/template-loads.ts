import type { Done, Environment, Template } from '../nunjucks.ts';

interface Late {
  readonly error: unknown;
  readonly template: Template | undefined;
}

/**
 * Remembers the templates that one page asked for. A loader may need time, and a fragment's body cannot wait. So a
 * template that came late is kept here, and the next pass has it at once.
 */
export class TemplateLoads {
  readonly #late = new Map<string, Late>();

  /**
   * Like `env.getTemplate`, but remembers late templates. Calls `done` at once and returns undefined, or returns a
   * promise that resolves when the template has arrived.
   *
   * @param later runs the call of `done`, if it does not happen at once
   */
  get(
    env: Environment,
    name: string,
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
    env.getTemplate(name, false, from, ignoreMissing, (error, template) => {
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

  /** Returns a template to examine it; null when there is none, a promise when it has not arrived yet. */
  look(env: Environment, name: string, from: string | undefined): Template | null | Promise<void> {
    let found: Template | null = null;
    const keep: Done<Template> = (error, template) => {
      found = error || template === undefined || isMadeUp(template) ? null : template;
    };
    const waiting = this.get(env, name, from, true, keep, (run) => run());
    return waiting ?? found;
  }
}

/** Whether Nunjucks made up an empty template, without a path, in place of a missing one. */
function isMadeUp(template: Template): boolean {
  return template.path === '' && template.tmplProps !== undefined;
}
