import { elementsOf, isObject } from './objects.ts';
import { peek } from './peek.ts';
import type { ReadNode, RootKind } from './read-node.ts';
import type { Recorder } from './recorder.ts';
import type { ReadShape } from './shape.ts';

/** Limit of steps taken to repeat the reads of one fragment. */
const MAX_REPEATED = 20_000;

/** Looks variables up for the body around a fragment, as the fragment's body did, and records that. */
interface RepeatedAt {
  read(kind: RootKind, name: string): unknown;
  /** Looks up a variable of the template that a macro stands in. */
  ofMacro(macro: object, name: string): { readonly value: unknown } | undefined;
}

/**
 * Records the reads of a fragment inside a body, which was served or rendered here: the body depends on the same values.
 * What the fragment printed, its shape says.
 */
export function repeatReads(recorder: Recorder, shape: ReadShape, at: RepeatedAt): void {
  const budget = { left: MAX_REPEATED };
  for (const { kind, node } of shape.roots) repeat(recorder, node, at.read(kind, node.step), at, budget);
}

function repeat(recorder: Recorder, node: ReadNode, value: unknown, at: RepeatedAt, budget: { left: number }): void {
  if (!isObject(value)) return;
  if (budget.left-- <= 0) return recorder.cannotSee(node.step, 'a fragment in the body reads too much');
  if (node.type !== undefined) recorder.typed(value, node.type);
  if (node.whole) recorder.hand(value);
  if (node.list || node.entries || node.each !== undefined) recorder.iterate(value);
  for (const child of node.children) {
    const found = peek(value, child.step);
    recorder.member(value, child.step, found);
    if (typeof found !== 'symbol') repeat(recorder, child, found, at, budget);
  }
  if (node.each !== undefined) {
    for (const element of elementsOf(value)) repeat(recorder, node.each, element, at, budget);
  }
  for (const child of node.context?.children ?? []) {
    const found = at.ofMacro(value, child.step);
    if (found !== undefined) repeat(recorder, child, found.value, at, budget);
  }
}
