import type { PageContext } from '../options.ts';
import type { Context, Frame } from './nunjucks.ts';

/**
 * Whether a body may print html that was captured from a fragment finished earlier on the page:
 *
 *     {% set box %}{% cachesweeper comment 500 %}…{% endcachesweeper %}{% endset %}
 *     {% cachesweeper article 500 %}{{ box | safe }}{% endcachesweeper %}
 *
 * The article's fragment shows the comment, which was not rendered inside it. Html carries no trace of what it was
 * made from, so a variable is suspected when its value did not come with the page's context and is what a macro
 * returned, has a tag in it, or is text (or holds some) that a `set`, import or macro of some template made. What is
 * suspected wrongly makes the fragment depend on more than it must: rendered too often, never stale.
 *
 * @param reads the variables the body reads; undefined when they are not known
 * @param assigned names that any template of this environment sets
 */
export function mayPrintEarlier(
  reads: readonly string[] | undefined,
  frame: Frame,
  context: Context,
  page: PageContext,
  assigned: ReadonlySet<string>,
): boolean {
  if (reads === undefined) return true;
  return reads.some((name) => {
    const own = frame.lookup(name);
    const value = own === undefined || own === null ? context.lookup(name) : own;
    return value !== page[name] && mayHold(value, assigned.has(name));
  });
}

function mayHold(value: unknown, isAssigned: boolean): boolean {
  if (value instanceof String) return true;
  if (typeof value === 'string') return isAssigned || value.includes('<');
  if (!isAssigned || typeof value !== 'object' || value === null) return false;
  const items = Array.isArray(value) ? value : isPlain(value) ? Object.values(value) : [];
  return items.some((item) => typeof item === 'string' || item instanceof String || typeof item === 'object');
}

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}
