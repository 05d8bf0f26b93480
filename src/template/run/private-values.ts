import { isObject } from '../../reads/objects.ts';
import { peekOrNothing } from '../../reads/peek.ts';
import type { PrivateNames } from '../../reads/private-names.ts';
import type { ReadNode, ReadRoot } from '../../reads/read-node.ts';
import type { Scope, World } from '../../reads/world.ts';
import { elementsRead, isAllowed, isThere } from './private-reads.ts';

/** Limit of objects searched for private ones, where a function receives a value that `except=` excludes. */
const MAX_SCANNED = 1_000;

/**
 * Returns the private values of a page. A template may have given them other names, so they are found by identity: the
 * objects and texts at private names, and the objects directly in these that are no models.
 *
 * @param variables variables of the page
 * @param allowed paths that arguments of the tag name
 */
export function privateValues(
  variables: readonly object[],
  world: World,
  privateNames: PrivateNames,
  allowed: readonly (readonly string[])[],
): ReadonlySet<unknown> {
  const found = new Set<unknown>();
  const carriers = new Set<object>();
  const add = (value: unknown): void => {
    if (typeof value === 'string') found.add(value);
    if (typeof value !== 'object' || value === null) return;
    found.add(value);
    for (const key of Object.keys(value)) {
      const inside = peekOrNothing(value, key);
      if (typeof inside === 'object' && inside !== null && world.identity(inside) === undefined) found.add(inside);
    }
  };
  const look = (carrier: object, path: readonly string[]): void => {
    if (carriers.has(carrier)) return;
    carriers.add(carrier);
    for (const key of Object.keys(carrier)) {
      const steps = [...path, key];
      const value = peekOrNothing(carrier, key);
      if (privateNames.privateLength(steps) === steps.length) {
        if (isThere(value) && !isAllowed(steps, allowed)) add(value);
      } else if (typeof value === 'object' && value !== null && privateNames.mayHold(steps)) look(value, steps);
    }
  };
  for (const carrier of variables) look(carrier, []);
  return found;
}

/** Whether a body read one of these values on a path that `except=` excludes, or below it. */
export function exceptsPrivate(
  roots: readonly ReadRoot[],
  except: readonly (readonly string[])[],
  scope: Scope,
  values: ReadonlySet<unknown>,
): boolean {
  const isPrivate = (node: ReadNode, value: unknown): boolean => {
    if (isObject(value) && scope.models.includes(value)) return false;
    if (values.has(value)) return true;
    if (typeof value !== 'object' || value === null) return false;
    return (
      (node.whole && holds(value, values)) ||
      node.children.some((child) => isPrivate(child, peekOrNothing(value, child.step))) ||
      elementsRead(node, value).some(([each, , element]) => isPrivate(each, element))
    );
  };
  const find = (node: ReadNode, value: unknown, paths: readonly (readonly string[])[]): boolean => {
    if (paths.some((path) => path.length === 0)) return isPrivate(node, value);
    if (paths.length === 0 || typeof value !== 'object' || value === null) return false;
    const below = (step: string) => paths.filter(([first]) => first === step).map((path) => path.slice(1));
    return (
      node.children.some((child) => find(child, peekOrNothing(value, child.step), below(child.step))) ||
      elementsRead(node, value).some(([each, , element]) => find(each, element, below('*')))
    );
  };
  if (values.size === 0) return false;
  return roots.some(({ kind, node }) => {
    const paths = except.filter(([first]) => first === node.step).map((path) => path.slice(1));
    return paths.length > 0 && find(node, scope[kind](node.step), paths);
  });
}

/** Whether one of the values is anywhere in an object that a function received. */
function holds(value: object, values: ReadonlySet<unknown>): boolean {
  const seen = new Set<unknown>([value]);
  for (const object of seen) {
    if (seen.size > MAX_SCANNED) return false;
    for (const key of Object.keys(object as object)) {
      const inside = peekOrNothing(object as object, key);
      if (values.has(inside)) return true;
      if (typeof inside === 'object' && inside !== null) seen.add(inside);
    }
  }
  return false;
}
