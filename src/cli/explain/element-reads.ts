import { childNodes, HOLE, pathOf, scopeNames } from '../../template/compile/syntax.ts';
import type { Node } from '../../template/nunjucks.ts';

/** What a name of a body stands for: a path of the page, or something of its own. */
type Bound = ReadonlyMap<string, readonly string[] | undefined>;

/** Returns what a body reads of the elements of lists that it loops over: `rows[*].title` for `row.title`. */
export function elementReads(body: Node): readonly (readonly string[])[] {
  return [...walk(body, new Map())];
}

function* walk(node: Node, bound: Bound): Generator<readonly string[]> {
  if (HOLE in node) return;
  const path = resolved(node, bound);
  if (path !== undefined) {
    if (path.includes('*')) yield path;
    return;
  }
  if (node.typename === 'Macro' || node.typename === 'Caller') {
    const own = scopeNames(node).map((name) => [name, undefined] as const);
    return yield* walk(node.body as Node, new Map([...bound, ...own]));
  }
  for (const child of childNodes(node)) yield* walk(child, child === node.body ? inLoop(node, bound) : bound);
}

/** Returns the path of the page that an expression is; undefined for any other. */
function resolved(node: Node, bound: Bound): readonly string[] | undefined {
  const found = pathOf(node);
  if (!found?.exact) return undefined;
  const [name = '', ...steps] = found.path;
  if (!bound.has(name)) return found.path;
  const start = bound.get(name);
  return start === undefined ? undefined : [...start, ...steps];
}

function inLoop(node: Node, bound: Bound): Bound {
  if (node.typename !== 'For') return bound;
  const names = scopeNames(node);
  const list = resolved(node.arr as Node, bound);
  const isElement = names.length === 1 && list !== undefined;
  const own = names.map((name) => [name, isElement ? [...list, '*'] : undefined] as const);
  return new Map([...bound, ...own, ['loop', undefined]]);
}
