import { childNodes, HOLE } from '../../template/compile/syntax.ts';
import type { Position } from '../../template/compile/template-error.ts';
import type { Node } from '../../template/nunjucks.ts';
import type { Finding, Rule } from './rule.ts';

/** Nodes that use the html of what is in them as a value. */
const CAPTURING: ReadonlySet<string> = new Set(['Capture', 'Filter']);

/** Finds holes whose html a body captures: the fragment is then not stored, because its html is text with the visitor's own in it. */
export const lostHoles: Rule = function* ({ fragments, analysis }): Iterable<Finding> {
  const lost = new Set<number>();
  for (const { body } of fragments) for (const hole of capturedHoles(body, false)) lost.add(hole);
  for (const hole of lost) {
    const message =
      'this {% uncached %} is in html that the fragment around it captures ({% set %} or {% filter %}), so that it cannot be filled anew: ' +
      'the fragment is not stored; print the html where it is, or put {% uncached %} outside of what is captured';
    yield { rule: 'hole-lost', at: analysis.holes[hole]?.at as Position, message };
  }
};

function* capturedHoles(node: Node, isCaptured: boolean): Generator<number> {
  if (HOLE in node) {
    if (isCaptured) yield node[HOLE] as number;
    return;
  }
  const inside = isCaptured || CAPTURING.has(node.typename);
  for (const child of childNodes(node)) yield* capturedHoles(child, inside);
}
