import type { Template } from '../nunjucks.ts';

/** The pages' copies that cannot be compiled. */
const failed = new WeakSet<Template>();

/**
 * Makes a page's copy of a template that cannot be compiled throw the error at once, with its place. Nunjucks would
 * report the error later, when a body cannot wait for it any more.
 */
export function failing(template: Template, error: unknown): void {
  failed.add(template);
  template.compile = () => {
    throw error;
  };
  const render = template.render as (
    this: Template,
    context: object | null | undefined,
    frame?: unknown,
  ) => string | null;
  template.render = function failing(this: Template, context, ...rest: unknown[]): string | null {
    const done = rest.at(-1);
    if (typeof done !== 'function') return render.call(this, context);
    try {
      render.call(this, context, rest.length > 1 ? rest[0] : undefined);
    } catch (placed) {
      done(placed);
    }
    return null;
  };
}

/** @throws the error of a page's copy of a template that cannot be compiled, with its place */
export function throwIfFailing(template: Template): void {
  if (failed.has(template)) template.render(undefined);
}
