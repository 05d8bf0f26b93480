import type { Node } from '../nunjucks.ts';

/** Field that marks the node of a fragment tag while a template is analysed. The node's content is the body. */
export const ORDINAL = 'cachesweeperOrdinal';

/** Field of the nodes of fragments and of `depends` that holds the tag as it is written. */
export const WRITTEN = 'cachesweeperWritten';

/** Field that marks the node of a hole while a template is analysed. The node's content is what the hole shows. */
export const HOLE = 'cachesweeperHole';

/** Returns all nodes directly inside a node, including those that Nunjucks keeps outside of the declared fields. */
export function childNodes(node: Node): readonly Node[] {
  const found: Node[] = [];
  const collect = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(collect);
    else if (isNode(value)) found.push(value);
  };
  for (const field of node.fields) collect(node[field]);
  // A block set keeps its content in `body`, which is not among the fields of Set.
  if (node.typename === 'Set') collect(node.body);
  return found;
}

export function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'typename' in value && 'fields' in value;
}

/** Iterates over a node and all nodes below it, in the order of the source. */
export function* descendants(node: Node): Generator<Node> {
  yield node;
  for (const child of childNodes(node)) yield* descendants(child);
}

/**
 * Returns the path that an expression is, if it consists of a name and lookups: `user.address["city"]` gives user,
 * address, city. A computed lookup ends the path; `exact` is false then.
 */
export function pathOf(node: Node): { readonly path: readonly string[]; readonly exact: boolean } | undefined {
  if (node.typename === 'Symbol') return { path: [String(node.value)], exact: true };
  if (node.typename === 'Group') {
    const [only, ...others] = childNodes(node);
    return only !== undefined && others.length === 0 ? pathOf(only) : undefined;
  }
  if (node.typename !== 'LookupVal' || !isNode(node.target) || !isNode(node.val)) return undefined;
  const target = pathOf(node.target);
  if (target === undefined) return undefined;
  const step = node.val;
  const literal = step.typename === 'Literal' && ['string', 'number'].includes(typeof step.value);
  if (!target.exact || !literal) return { path: target.path, exact: false };
  return { path: [...target.path, String(step.value)], exact: true };
}

/** Returns the name with which lookups begin, `a` for `a.b[c]`; undefined for a call or a computed value. */
export function rootOf(node: Node): string | undefined {
  if (node.typename === 'Symbol') return String(node.value);
  if (node.typename === 'LookupVal' && isNode(node.target)) return rootOf(node.target);
  const [only, ...others] = node.typename === 'Group' ? childNodes(node) : [];
  return only !== undefined && others.length === 0 ? rootOf(only) : undefined;
}

/** Nodes that define macros, or names for macros of other templates. */
export const DEFINITIONS: ReadonlySet<string> = new Set(['Macro', 'Import', 'FromImport']);

/** Returns the names that a node binds in the scope around it. */
export function boundNames(node: Node): readonly string[] {
  switch (node.typename) {
    case 'Set':
      return (node.targets as readonly Node[])
        .filter(({ typename }) => typename === 'Symbol')
        .map(({ value }) => String(value));
    case 'Macro':
      return [String((node.name as Node).value)];
    case 'Import':
      return [String((node.target as Node).value)];
    case 'FromImport':
      return childNodes(node.names as Node).map((name) =>
        String(name.typename === 'Pair' ? (name.value as Node).value : name.value),
      );
    default:
      return [];
  }
}

/** Returns the names that a node binds inside: a loop's variables, a macro's parameters. */
export function scopeNames(node: Node): readonly string[] {
  switch (node.typename) {
    case 'For':
    case 'AsyncEach':
    case 'AsyncAll': {
      const target = node.name as Node;
      return (target.typename === 'Array' ? childNodes(target) : [target]).map(({ value }) => String(value));
    }
    case 'Macro':
    case 'Caller':
      return childNodes(node.args as Node).flatMap((parameter) =>
        parameter.typename === 'Symbol'
          ? [String(parameter.value)]
          : childNodes(parameter).map((pair) => String((pair.key as Node).value)),
      );
    default:
      return [];
  }
}
