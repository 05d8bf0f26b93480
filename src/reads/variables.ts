import type { RootKind } from './shape.ts';

/** A variable that a body set for the page behind it. */
export type SetVariable = readonly [name: string, value: unknown];

/** What stands outside of a body. */
export interface Outside {
  isOutside(object: object): boolean;
  /** Whether it is printed as html. */
  isMarkedSafe(object: object): boolean;
  pathTo(object: object): { readonly kind: RootKind; readonly steps: readonly string[] } | undefined;
}

/** Finds what is at a path of the page. */
export type Find = (kind: RootKind, steps: readonly string[]) => unknown;

const ROOTS: ReadonlySet<string> = new Set<RootKind>(['scope', 'variable', 'context', 'global']);

/** Makes html that is marked as safe, of the copy of Nunjucks that the page is rendered by. */
export type MarkSafe = (html: string) => unknown;

/**
 * Variables as text, for an entry; undefined when one of them is not plain data that comes back as it is.
 *
 * @param outside tells objects of the page: what is set to one must be that object, wherever it is on the next page
 *
 * @example writeVariables([['count', 3]], outside) // '[["count",3]]'
 */
export function writeVariables(variables: readonly SetVariable[], outside: Outside): string | undefined {
  if (variables.length === 0) return '';
  try {
    const met = new Set<object>();
    return JSON.stringify(variables.map(([name, value]) => [name, packed(value, outside, met)]));
  } catch {
    return undefined;
  }
}

/** Nesting of what a stored entry may set. */
const MAX_DEPTH = 50;
/** A name with a dot would be taken for a path by Nunjucks. */
const NAME = /^[^.\s]+$/;

/** Whether a text is what {@link writeVariables} wrote: a store may give back anything. */
export function areVariables(text: string): boolean {
  if (text === '') return true;
  try {
    const variables: unknown = JSON.parse(text);
    return Array.isArray(variables) && variables.every((variable) => isVariable(variable));
  } catch {
    return false;
  }
}

function isVariable(variable: unknown): boolean {
  if (!Array.isArray(variable) || variable.length !== 2) return false;
  const [name, value] = variable;
  return typeof name === 'string' && NAME.test(name) && name !== '__proto__' && isPacked(value, 0);
}

function isPacked(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (depth > MAX_DEPTH) return false;
  if (!Array.isArray(value)) return Object.values(value).every((item) => isPacked(item, depth + 1));
  const [kind, content] = value;
  if (kind === 'u') return value.length === 1;
  if (value.length !== 2) return false;
  if (kind === 'a') return Array.isArray(content) && content.every((item) => isPacked(item, depth + 1));
  if (kind === 'p') {
    const isPath = Array.isArray(content) && content.length >= 2 && content.every((step) => typeof step === 'string');
    return isPath && ROOTS.has(content[0] as string);
  }
  return (kind === 'h' || kind === 'd') && typeof content === 'string';
}

export function readVariables(text: string, markSafe: MarkSafe, find: Find): SetVariable[] {
  if (text === '') return [];
  return (JSON.parse(text) as readonly [string, unknown][]).map(([name, value]) => [
    name,
    unpacked(value, markSafe, find),
  ]);
}

/** Values that JSON has no form for are lists of one or two elements; lists are in a list of their own. */
function packed(value: unknown, outside: Outside, met: Set<object>): unknown {
  if (value === undefined) return ['u'];
  if (typeof value === 'object' && value !== null && outside.isMarkedSafe(value)) return ['h', String(value)];
  if (typeof value === 'number') {
    return Number.isFinite(value) && !Object.is(value, -0) ? value : ['d', Object.is(value, -0) ? '-0' : String(value)];
  }
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  // What is one object in two places would be two.
  if (typeof value === 'object' && outside.isOutside(value)) {
    const path = outside.pathTo(value);
    if (path === undefined) throw new TypeError('not plain data');
    return ['p', [path.kind, ...path.steps]];
  }
  if (typeof value !== 'object' || met.has(value)) throw new TypeError('not plain data');
  met.add(value);
  if (Array.isArray(value)) {
    if (Object.keys(value).length !== value.length) throw new TypeError('not plain data');
    return ['a', value.map((item) => packed(item, outside, met))];
  }
  if (Object.getPrototypeOf(value) !== Object.prototype) throw new TypeError('not plain data');
  return Object.fromEntries(
    Reflect.ownKeys(value).map((key) => {
      const property = Object.getOwnPropertyDescriptor(value, key) as PropertyDescriptor;
      if (typeof key === 'symbol' || key === '__proto__' || !('value' in property) || !property.enumerable) {
        throw new TypeError('not plain data');
      }
      return [key, packed(property.value, outside, met)];
    }),
  );
}

function unpacked(value: unknown, markSafe: MarkSafe, find: Find): unknown {
  if (Array.isArray(value)) {
    const [kind, content] = value as [string, unknown];
    if (kind === 'u') return undefined;
    if (kind === 'h') return markSafe(content as string);
    if (kind === 'd') return Number(content);
    if (kind === 'p') {
      const [root, ...steps] = content as [RootKind, string, ...string[]];
      return find(root, steps);
    }
    return (content as unknown[]).map((item) => unpacked(item, markSafe, find));
  }
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, unpacked(item, markSafe, find)]));
}
