import { isPlain } from '../fragment/plain.ts';
import type { PageContext } from '../options.ts';
import type { CapturedNames } from './captured-names.ts';
import type { Context, Frame } from './nunjucks.ts';
import type { BodyFacts } from './site.ts';

/*
 * What a body may show that was made outside it, by other templates, and is in no argument of its tag. Such a value
 * carries no trace of what it was made from; what is suspected wrongly is rendered too often, never stale.
 */

/** The variables that a body sees. */
export interface Scope {
  readonly frame: Frame;
  readonly context: Context;
  /** The page's own variables. */
  readonly page: PageContext;
}

/**
 * Whether a body may print html that was captured from a fragment finished earlier on the page:
 *
 *     {% set box %}{% cachesweeper comment 500 %}…{% endcachesweeper %}{% endset %}
 *     {% cachesweeper article 500 %}{{ box | safe }}{% endcachesweeper %}
 *
 * The article's fragment shows the comment, which was not rendered inside it. A variable is suspected when templates
 * give it captured html, or when its value did not come with the page and is what a macro returned, has a tag in it, or
 * is an import that exports more than macros.
 */
export function mayPrintEarlier(
  { reads }: Pick<BodyFacts, 'reads'>,
  scope: Scope,
  captured: CapturedNames,
  hasForeignHtml: boolean,
): boolean {
  if (reads === undefined) return true;
  return reads.some((name) => {
    // Whatever its value is: Nunjucks keeps some variables of loops where nobody can look.
    if (captured.has(name, hasForeignHtml)) return true;
    const value = variable(name, scope);
    if (value === undefined || value === null) return false;
    if (captured.isImport(name) && exportsMore(value)) return true;
    return (
      value !== scope.page[name] && (value instanceof String || (typeof value === 'string' && value.includes('<')))
    );
  });
}

/**
 * Whether a body calls a macro that its template neither defines nor names: one that the including template imported,
 * or a macro's argument. What that is made of nobody can tell, and another page may pass another one.
 */
export function usesForeignCode({ reads, defined }: Pick<BodyFacts, 'reads' | 'defined'>, scope: Scope): boolean {
  const { globals } = scope.context.env as unknown as { readonly globals: Readonly<Record<string, unknown>> };
  return (reads ?? []).some((name) => {
    if (defined.includes(name)) return false;
    const value = variable(name, scope);
    return value !== scope.page[name] && value !== globals[name] && isCode(value);
  });
}

function variable(name: string, { frame, context }: Scope): unknown {
  const own = frame.lookup(name);
  return own === undefined || own === null ? context.lookup(name) : own;
}

function isCode(value: unknown): boolean {
  if (typeof value === 'function') return true;
  return (
    typeof value === 'object' &&
    value !== null &&
    isPlain(value) &&
    Object.values(value).some((item) => typeof item === 'function')
  );
}

/** Whether an import is, or holds, anything but macros: what those print is rendered inside the body. */
function exportsMore(value: unknown): boolean {
  if (typeof value === 'function') return false;
  if (typeof value !== 'object' || value === null) return true;
  return Object.values(value).some((item) => typeof item !== 'function');
}
