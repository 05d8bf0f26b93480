import type { ReadNode, ReadRoot } from './read-node.ts';
import { type ReadShape, shapeOf } from './shape.ts';

/** Returns all paths of both shapes, sorted, so that the result does not depend on which came first. */
export function union(a: ReadShape, b: ReadShape): ReadShape {
  if (a === b) return a;
  const merged = new Map<string, ReadRoot>();
  for (const root of [...a.roots, ...b.roots]) {
    const key = `${root.kind} ${root.node.step}`;
    const there = merged.get(key);
    merged.set(key, there === undefined ? root : { kind: root.kind, node: merge(there.node, root.node) });
  }
  return shapeOf(
    [...merged.values()]
      .map(({ kind, node }) => ({ kind, node: sorted(node) }))
      .sort((one, other) => (`${one.kind} ${one.node.step}` < `${other.kind} ${other.node.step}` ? -1 : 1)),
  );
}

/** Splits a shape into one for each path. */
export function leaves({ roots }: ReadShape): ReadShape[] {
  return roots.flatMap(({ kind, node }) => branches(node).map((branch) => shapeOf([{ kind, node: branch }])));
}

/** Splits a node into copies that have one path below each. */
function branches(node: ReadNode): ReadNode[] {
  const bare = { ...node, isEnd: true, children: [], each: undefined, context: undefined };
  const found: ReadNode[] = [];
  for (const child of node.children)
    for (const branch of branches(child)) found.push({ ...bare, isEnd: false, children: [branch] });
  if (node.each !== undefined)
    for (const branch of branches(node.each)) found.push({ ...bare, isEnd: false, each: branch });
  for (const child of node.context?.children ?? []) {
    for (const branch of branches(child))
      found.push({ ...bare, isEnd: false, context: { ...bare, step: '()', children: [branch] } });
  }
  return found.length === 0 ? [bare] : found;
}

/** Leaves out the given paths and all that is below them. */
export function without(roots: readonly ReadRoot[], paths: readonly (readonly string[])[]): readonly ReadRoot[] {
  if (paths.length === 0) return roots;
  return roots.flatMap(({ kind, node }) => {
    const left = pruned(node, paths);
    return left === undefined ? [] : [{ kind, node: left }];
  });
}

function pruned(node: ReadNode, paths: readonly (readonly string[])[]): ReadNode | undefined {
  const below = paths.filter(([first]) => first === node.step).map((path) => path.slice(1));
  if (below.length === 0) return node;
  if (below.some((path) => path.length === 0)) return undefined;
  const children = node.children.flatMap((child) => pruned(child, below) ?? []);
  const each = node.each && pruned(node.each, below);
  const isGone = children.length === 0 && each === undefined && !node.whole && !node.list && !node.entries;
  return isGone ? undefined : { ...node, children, each };
}

function merge(a: ReadNode, b: ReadNode): ReadNode {
  const children = new Map(a.children.map((child) => [child.step, child]));
  for (const child of b.children) {
    const there = children.get(child.step);
    children.set(child.step, there === undefined ? child : merge(there, child));
  }
  return {
    step: a.step,
    isEnd: a.isEnd && b.isEnd,
    whole: a.whole || b.whole,
    list: a.list || b.list,
    entries: a.entries || b.entries,
    isStoodFor: a.isStoodFor && b.isStoodFor,
    isData: a.isData && b.isData,
    type: a.type ?? b.type,
    children: [...children.values()],
    each: mergeOptional(a.each, b.each),
    context: mergeOptional(a.context, b.context),
  };
}

function sorted(node: ReadNode): ReadNode {
  const { children, each, context } = node;
  const kept = node.whole && context === undefined && !node.isStoodFor ? NO_CHILDREN : children;
  return {
    ...node,
    children: kept.map(sorted).sort((one, other) => (one.step < other.step ? -1 : 1)),
    each: each && sorted(each),
    context: context && sorted(context),
  };
}

const NO_CHILDREN: readonly ReadNode[] = [];

function mergeOptional(a: ReadNode | undefined, b: ReadNode | undefined): ReadNode | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return merge(a, b);
}
