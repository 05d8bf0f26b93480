/** Got as a member whose name is computed, or as a slice. */
export const BY_COMPUTED_NAME = '[]';

/** Got as a member of this name. */
export function asMember(name: string): string {
  return `.${name}`;
}

/** Got as a part of an element, as in `for a, b in list`. Nunjucks does not tell under which name it keeps one. */
export function asPart(index: number): string {
  return `,${index}`;
}

/** Got from a filter. */
export function fromFilter(name: string): string {
  return `|${name}`;
}

/** Got from a call of something whose name the compiler and the code that runs may write differently. */
export const BY_CALL = '()';
const SIMPLE_NAME = /^[\w$["\]]{1,200}$/;

/**
 * Got from a call.
 *
 * @param name of what is called, as Nunjucks has it: `f`, or `o["f"]`
 */
export function fromCall(name: string): string {
  return SIMPLE_NAME.test(name) ? `()${name}` : BY_CALL;
}

/**
 * Tells what templates use the text of, by how they get it: as a variable, `x`, as a member, `.x`, and so on. Nunjucks
 * prints and compares without a call that could be heard.
 */
export interface TextUses {
  has(got: string): boolean;
}
