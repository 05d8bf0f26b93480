import type { Template } from '../nunjucks.ts';

/**
 * A template that cannot be compiled. Nunjucks would report that some time later, when a body cannot wait for it any
 * more: here whoever includes it hears of it at once, with its place.
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
