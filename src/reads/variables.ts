import type { RootKind } from './read-node.ts';

/** A variable that a body set for the page after it. */
export type SetVariable = readonly [name: string, value: unknown];

/** Tells what a body's variables have in common with the page around. */
export interface Outside {
  isOutside(object: object): boolean;
  /** Whether Nunjucks prints the object as html, unescaped. */
  isMarkedSafe(object: object): boolean;
  pathTo(object: object): { readonly kind: RootKind; readonly steps: readonly string[] } | undefined;
}

/** Finds the value at a path of the page. */
export type Find = (kind: RootKind, steps: readonly string[]) => unknown;

const ROOTS: ReadonlySet<string> = new Set<RootKind>(['scope', 'variable', 'context', 'global']);

/** Marks html as safe with the copy of Nunjucks that renders the page. */
export type MarkSafe = (html: string) => unknown;

/**
 * Writes variables as text for an entry; undefined when one of them is not plain data that reading restores exactly.
 *
 * @param outside tells objects of the page. A variable set to one is written as a path, so that it is the same object
 * on the next page.
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

/** Deepest nesting in the variables of a stored entry. */
const MAX_DEPTH = 50;
/** Nunjucks would take a name with a dot for a path. */
const NAME = /^[^.\s]+$/;

/** Whether a text has the form that {@link writeVariables} gives. A store may return anything. */
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

/** Writes values that JSON cannot express as `[kind]` or `[kind, content]`; a list becomes `['a', […]]`. */
function packed(value: unknown, outside: Outside, met: Set<object>): unknown {
  if (value === undefined) return ['u'];
  if (typeof value === 'object' && value !== null && outside.isMarkedSafe(value)) return ['h', String(value)];
  if (typeof value === 'number') {
    return Number.isFinite(value) && !Object.is(value, -0) ? value : ['d', Object.is(value, -0) ? '-0' : String(value)];
  }
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  // An object from outside is written as its path: a copy of it would be another object.
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
