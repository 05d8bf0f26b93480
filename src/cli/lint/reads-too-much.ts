import { pathText } from '../../reads/path-texts.ts';
import { MAX_PATHS } from '../../reads/shape.ts';
import { childNodes, HOLE, isNode } from '../../template/compile/syntax.ts';
import { positionOf } from '../../template/compile/template-error.ts';
import type { Node } from '../../template/nunjucks.ts';
import { leafPaths } from '../leaf-paths.ts';
import type { Finding, Rule } from './rule.ts';

/**
 * Finds fragments that read more paths than are compared, so that they are never stored. Counts what the body reads in
 * any case: not what is in conditions, loops and includes, which depends on the page.
 */
export const readsTooMuch: Rule = function* ({ fragments }, { env }): Iterable<Finding> {
  const isOfPage = ([name = '']: readonly string[]) => !(name in env.globals);
  for (const { written, body, reads } of fragments) {
    const certain = new Set<string>();
    for (const node of certainNodes(body)) certain.add(place(positionOf(node)));
    const paths = leafPaths(
      reads.flatMap(({ use, template }) =>
        template === undefined && certain.has(place(use.at)) && isOfPage(use.path) ? [pathText(use.path)] : [],
      ),
    );
    if (paths.length <= MAX_PATHS) continue;
    const message =
      `the body reads ${paths.length} paths, and a fragment of more than ${MAX_PATHS} is not stored: comparing them would ` +
      'take longer than rendering; make several fragments of it, or pass what it shows as one model';
    yield { rule: 'reads-too-much', at: written.at, message };
  }
};

function place({ line, column }: { readonly line: number; readonly column: number }): string {
  return `${line}:${column}`;
}

/** Fields of nodes whose content is not run in every case, or not here. */
const UNCERTAIN: Readonly<Record<string, readonly string[]>> = {
  If: ['body', 'else_'],
  IfAsync: ['body', 'else_'],
  InlineIf: ['body', 'else_'],
  Switch: ['cases', 'default'],
  For: ['body', 'else_'],
  AsyncEach: ['body', 'else_'],
  AsyncAll: ['body', 'else_'],
  Or: ['right'],
  And: ['right'],
  Macro: ['args', 'body'],
  Caller: ['args', 'body'],
};

function* certainNodes(node: Node): Generator<Node> {
  if (HOLE in node) return;
  yield node;
  const uncertain = new Set((UNCERTAIN[node.typename] ?? []).flatMap((field) => nodesIn(node[field])));
  for (const child of childNodes(node)) if (!uncertain.has(child)) yield* certainNodes(child);
}

function nodesIn(value: unknown): readonly Node[] {
  return (Array.isArray(value) ? value : [value]).filter(isNode);
}
