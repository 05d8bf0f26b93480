import type { Node } from '../nunjucks.ts';

/** The field by which the node of a fragment tag is known while a template is analysed; its body is its content. */
export const ORDINAL = 'cachesweeperOrdinal';

/** Everything directly inside a node, including what Nunjucks keeps outside its declared fields. */
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

/** Finds nodes anywhere below (and at) a node, in the order of the source. */
export function* descendants(node: Node): Generator<Node> {
  yield node;
  for (const child of childNodes(node)) yield* descendants(child);
}

/**
 * The path an expression is, if it is nothing but a name and its lookups: `user.address["city"]` is
 * user, address, city. A lookup that is computed ends the path.
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

/** The name that lookups begin with: `a` of `a.b[c]`; undefined for what is called or computed. */
export function rootOf(node: Node): string | undefined {
  if (node.typename === 'Symbol') return String(node.value);
  if (node.typename === 'LookupVal' && isNode(node.target)) return rootOf(node.target);
  const [only, ...others] = node.typename === 'Group' ? childNodes(node) : [];
  return only !== undefined && others.length === 0 ? rootOf(only) : undefined;
}

/** What defines macros, and names for other templates' macros. */
export const DEFINITIONS: ReadonlySet<string> = new Set(['Macro', 'Import', 'FromImport']);

/** The names a node binds in the scope it stands in. */
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

/** The names a node binds for what is inside it: a loop's variables, a macro's parameters. */
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
