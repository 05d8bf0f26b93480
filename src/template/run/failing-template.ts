import type { Template } from '../nunjucks.ts';

/**
 * Makes a page's copy of a template that cannot be compiled throw the error at once, with its place. Nunjucks would
 * report the error later, when a body cannot wait for it any more.
 */
export function failing(template: Template, error: unknown): void {
  template.compile = () => {
    throw error;
  };
  const render = template.render as (
    this: Template,
    context: object | null | undefined,
    frame?: unknown,
  ) => string | null;
  template.render = function failed(this: Template, context, ...rest: unknown[]): string | null {
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
