import { peekOrNothing } from '../../reads/peek.ts';
import type { PrivateNames } from '../../reads/private-names.ts';
import { BARE, type ReadNode, type ReadRoot } from '../../reads/read-node.ts';
import type { ReadShape } from '../../reads/shape.ts';
import type { Scope, World } from '../../reads/world.ts';
import { isPlain } from '../../util/plain.ts';

/**
 * Whether one of the keys that name a visitor's value is empty, for example because the visitor is not logged in. Such
 * a key does not tell visitors apart.
 *
 * @param indexes positions of the keys that name private values
 */
export function namesNoVisitor(indexes: readonly number[], keys: readonly unknown[], world: World): boolean {
  return indexes.some((index) => !isSomething(keys[index], world));
}

function isSomething(value: unknown, world: World): boolean {
  if (value === undefined || value === null || value === '' || Number.isNaN(value)) return false;
  if (typeof value !== 'object' || value instanceof Date || value instanceof String) return true;
  return world.identity(value) !== undefined || !isPlain(value) || Object.keys(value).length > 0;
}

/**
 * Whether a body read a private value that no argument of its tag names. It would make a fragment for each visitor.
 * Most such bodies are refused when the template is compiled; this finds reads of macros and of templates chosen at run
 * time.
 */
export function hasPrivateRead(
  shape: ReadShape,
  scope: Scope,
  privateNames: PrivateNames,
  allowed: readonly (readonly string[])[],
): boolean {
  const find = (node: ReadNode, path: readonly string[], value: unknown): boolean => {
    if (typeof value === 'object' && value !== null && scope.models.includes(value)) return false;
    if (privateNames.privateLength(path) === path.length && isThere(value) && !isAllowed(path, allowed)) return true;
    // A macro looks up the variables of its template by their names, so their paths start there.
    if (node.context?.children.some((child) => find(child, [child.step], ofMacro(value, child.step)))) return true;
    if (typeof value !== 'object' || value === null) return false;
    if (node.children.some((child) => find(child, [...path, child.step], peekOrNothing(value, child.step))))
      return true;
    return elementsRead(node, value).some(([each, step, element]) => find(each, [...path, step], element));
  };
  const ofMacro = (macro: unknown, name: string) =>
    typeof macro === 'function' ? scope.ofMacro(macro, name)?.value : undefined;
  return suspects(shape, privateNames).some(({ kind, node }) => find(node, [node.step], scope[kind](node.step)));
}

const known = new WeakMap<PrivateNames, WeakMap<ReadShape, readonly ReadRoot[]>>();

/**
 * Returns the roots below which any name may be private. Most bodies have none, and the answer is remembered because a
 * shape is checked many times.
 */
function suspects(shape: ReadShape, privateNames: PrivateNames): readonly ReadRoot[] {
  let shapes = known.get(privateNames);
  if (shapes === undefined) {
    shapes = new WeakMap();
    known.set(privateNames, shapes);
  }
  let roots = shapes.get(shape);
  if (roots === undefined) {
    roots = shape.roots.filter(({ node }) => mayBePrivate(node, privateNames));
    shapes.set(shape, roots);
  }
  return roots;
}

function mayBePrivate(node: ReadNode, privateNames: PrivateNames): boolean {
  // `for k, v in` reads every name in the object.
  if (node.entries || privateNames.isMentioned(node.step)) return true;
  for (let i = 0; i < node.children.length; i++) {
    if (mayBePrivate(node.children[i] as ReadNode, privateNames)) return true;
  }
  if (node.each !== undefined && mayBePrivate(node.each, privateNames)) return true;
  return node.context !== undefined && mayBePrivate(node.context, privateNames);
}

/** Returns the reads of all elements of a value, each with its step: `*` in a list, the name in an object. */
export function elementsRead(
  { each, entries }: ReadNode,
  value: object,
): (readonly [node: ReadNode, step: string, element: unknown])[] {
  if (entries) return Object.keys(value).map((key) => [each ?? ENTRY, key, peekOrNothing(value, key)]);
  if (each === undefined || !isCollection(value)) return [];
  return [...value.values()].map((element) => [each, '*', element]);
}

function isCollection(
  value: object,
): value is readonly unknown[] | ReadonlyMap<unknown, unknown> | ReadonlySet<unknown> {
  return Array.isArray(value) || value instanceof Map || value instanceof Set;
}

const ENTRY: ReadNode = { ...BARE, step: '*' };

export function isAllowed(path: readonly string[], allowed: readonly (readonly string[])[]): boolean {
  return allowed.some((one) => one.length === path.length && one.every((step, i) => step === path[i]));
}

/** Whether a private name has a value. Undefined, null, false and empty text stand for no visitor. */
export function isThere(value: unknown): boolean {
  return value !== undefined && value !== null && value !== false && value !== '';
}
