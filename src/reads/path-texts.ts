import type { ReadNode } from './read-node.ts';

/** Returns a path in readable form. The step `*` stands for each element of a list. */
export function pathText([root = '', ...steps]: readonly string[]): string {
  return steps.reduce((path, step) => (step === '*' ? `${path}[*]` : joined(path, step)), root);
}

/** Returns the paths at a step and below it, in readable form. */
export function textsBelow(node: ReadNode, path: string): string[] {
  const { children, each, context } = node;
  const ofContext = context?.children.flatMap((child) => textsBelow(child, `${path}()${joined('', child.step)}`)) ?? [];
  if (node.isStoodFor) return ofContext;
  const below = [
    ...children.flatMap((child) => textsBelow(child, joined(path, child.step))),
    ...(each === undefined ? [] : textsBelow(each, `${path}[*]`)),
    ...ofContext,
  ];
  if (node.list && each === undefined) return [`${path}[*]`, ...below];
  const isPath = node.whole || node.entries || (children.length === 0 && each === undefined && context === undefined);
  return isPath ? [path, ...below] : below;
}

function joined(path: string, step: string): string {
  if (/^\d+$/.test(step)) return `${path}[${step}]`;
  return /^[A-Za-z_$][\w$]*$/.test(step) ? `${path}.${step}` : `${path}[${JSON.stringify(step)}]`;
}

/** Counts the paths at a step and below it. */
export function pathsOf({ children, each, context }: ReadNode): number {
  let paths = 0;
  for (const child of children) paths += pathsOf(child);
  if (each !== undefined) paths += pathsOf(each);
  if (context !== undefined) paths += pathsOf(context);
  return Math.max(1, paths);
}
