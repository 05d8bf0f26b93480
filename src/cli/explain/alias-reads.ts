import { boundNames, childNodes, HOLE, isNode, scopeNames } from '../../template/compile/syntax.ts';
import type { Node } from '../../template/nunjucks.ts';

/** What the names of a body stand for: a path of the page, or something of its own. */
type Scope = Map<string, Path | undefined>;

/** Steps from a variable; `*` is any element, as in reports. */
type Path = readonly string[];

/**
 * Returns what a body reads in ways that the compiler does not follow: `rows[*].title` for `row.title` in a loop over rows, and for
 * `rows[i].title`; `page.author.name` for `author.name` behind `{% set author = page.author %}`.
 */
export function aliasReads(body: Node): readonly Path[] {
  return [...walk(body, new Map())];
}

function* walk(node: Node, scope: Scope): Generator<Path> {
  if (HOLE in node) return;
  const found = resolve(node, scope);
  if (found !== undefined) {
    if (found.isOwn || found.path.includes('*')) yield found.path;
    for (const step of found.computed) yield* walk(step, scope);
    return;
  }
  switch (node.typename) {
    case 'Set': {
      for (const part of [node.value, node.body]) if (isNode(part)) yield* walk(part, scope);
      const path = isNode(node.value) ? resolve(node.value, scope)?.path : undefined;
      for (const name of boundNames(node)) scope.set(name, path);
      return;
    }
    case 'Filter':
      return yield* walk(node.args as Node, scope);
    case 'For': {
      const inside = inLoop(node, scope);
      const list = resolve(node.arr as Node, scope);
      if (list !== undefined) yield [...list.path, '*'];
      for (const child of childNodes(node)) {
        if (child !== node.name) yield* walk(child, child === node.body ? inside : scope);
      }
      return;
    }
    case 'Macro':
    case 'Caller': {
      const own = scopeNames(node).map((name) => [name, undefined] as const);
      return yield* walk(node.body as Node, new Map([...scope, ...own]));
    }
    default:
      for (const child of childNodes(node)) yield* walk(child, scope);
  }
}

/** An expression that is a path of the page. */
interface Resolved {
  readonly path: Path;
  /** Whether it begins with a name that the body has set. */
  readonly isOwn: boolean;
  /** Expressions that choose its steps. */
  readonly computed: readonly Node[];
}

function resolve(node: Node, scope: Scope): Resolved | undefined {
  if (node.typename === 'Symbol') {
    const name = String(node.value);
    const isOwn = scope.has(name);
    const path = isOwn ? scope.get(name) : [name];
    return path && { path, isOwn, computed: [] };
  }
  if (node.typename === 'Group') {
    const [only, ...others] = childNodes(node);
    return only !== undefined && others.length === 0 ? resolve(only, scope) : undefined;
  }
  if (node.typename !== 'LookupVal' || !isNode(node.target) || !isNode(node.val)) return undefined;
  const target = resolve(node.target, scope);
  if (target === undefined) return undefined;
  const { typename, value } = node.val;
  if (typename === 'Literal') return { ...target, path: [...target.path, String(value)] };
  return { ...target, path: [...target.path, '*'], computed: [...target.computed, node.val] };
}

/** Of two names the second is the value of an object's entry; of a list of pairs, which looks the same, it is part of the element. */
function inLoop(node: Node, scope: Scope): Scope {
  const names = scopeNames(node);
  const list = resolve(node.arr as Node, scope)?.path;
  const element = list && names.length <= 2 ? [...list, '*'] : undefined;
  const own = names.map((name, i) => [name, i === names.length - 1 ? element : undefined] as const);
  return new Map([...scope, ...own, ['loop', undefined]]);
}
