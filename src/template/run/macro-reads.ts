import { elementsOf, isObject } from '../../reads/objects.ts';
import { peek } from '../../reads/peek.ts';
import type { ReadNode } from '../../reads/read-node.ts';
import type { Context } from '../nunjucks.ts';
import { macroOf } from './page-runtime.ts';

/** A variable that a macro looks up, in the context of the template that the macro is defined in. */
export interface MacroRead {
  readonly context: Context;
  readonly name: string;
}

/** Finds what the macros look up that a fragment has called: those that it found at a path, or below. */
export function* readsOfMacros(node: ReadNode, value: unknown): Generator<MacroRead> {
  if (!isObject(value) || !hasMacro(node)) return;
  const context = macroOf(value)?.context;
  for (const child of node.context?.children ?? []) {
    if (context === undefined) continue;
    yield { context, name: child.step };
    yield* readsOfMacros(child, context.lookup(child.step));
  }
  for (const child of node.children) yield* readsOfMacros(child, peek(value, child.step));
  if (node.each === undefined) return;
  for (const element of elementsOf(value)) yield* readsOfMacros(node.each, element);
}

/** Whether a macro was called that was found at a path, or below. */
function hasMacro({ context, children, each }: ReadNode): boolean {
  return context !== undefined || children.some(hasMacro) || (each !== undefined && hasMacro(each));
}
