import type { Node } from '../nunjucks.ts';
import { boundNames, childNodes, isNode, ORDINAL, scopeNames } from './syntax.ts';

/** What a fragment tag stands in. */
export interface Around {
  readonly ordinal: number;
  readonly body: Node;
  /** What has variables of its own around it: a block, a macro, or the template. */
  readonly region: Node;
  /** The block around it. */
  readonly block: string | undefined;
  /** Names that Nunjucks compiles to JavaScript variables where the tag stands. */
  readonly variables: ReadonlySet<string>;
}

/** What a node stands in. */
type Enclosing = Pick<Around, 'block' | 'region'>;

/** How a name is known in a scope of Nunjucks' compiler. */
type Kind = 'parameter' | 'macro' | 'import' | 'gone';

/** A scope of Nunjucks' compiler: the names that it compiles to JavaScript variables. */
class CompiledScope {
  readonly own = new Map<string, Kind>();
  readonly #outer: CompiledScope | undefined;

  constructor(names: readonly string[] = [], outer?: CompiledScope) {
    for (const name of names) this.own.set(name, 'parameter');
    this.#outer = outer;
  }

  inner(names: readonly string[] = []): CompiledScope {
    return new CompiledScope(names, this);
  }

  names(): Set<string> {
    const names = this.#outer?.names() ?? new Set<string>();
    for (const [name, kind] of this.own) {
      if (kind === 'gone') names.delete(name);
      else names.add(name);
    }
    return names;
  }
}

/**
 * All fragments of a template, with what each stands in, in the order of the source.
 *
 * Nunjucks keeps loop variables, positional parameters, macros and imports in JavaScript variables as well: what a macro or an
 * import defines is known from there on. Its compiler still knows it where JavaScript's scope has ended (behind a captured
 * block, another tag's body, an import in a condition); to use it there is an error, so such names are gone.
 */
export function* findFragments(root: Node): Generator<Around> {
  yield* walk(root, new CompiledScope(), { block: undefined, region: root });
}

function* walk(node: unknown, scope: CompiledScope, place: Enclosing): Generator<Around> {
  if (!isNode(node)) return;
  switch (node.typename) {
    case 'For': {
      const inner = scope.inner(scopeNames(node));
      yield* walk(node.arr, scope, place);
      yield* walk(node.body, inner, place);
      return yield* walk(node.else_, inner, place);
    }
    case 'AsyncEach':
    case 'AsyncAll':
      yield* walk(node.arr, scope, place);
      yield* walk(node.body, scope.inner(scopeNames(node)), place);
      return yield* walk(node.else_, scope.inner(), place);
    case 'Macro':
      // A macro's code sees nothing of what is around it.
      yield* walkAll([node.args, node.body], new CompiledScope(positional(node)), { ...place, region: node });
      return define(node, scope, 'macro');
    case 'Caller':
      return yield* walkAll([node.args, node.body], scope.inner(positional(node)), place);
    case 'Block':
      return yield* walk(node.body, new CompiledScope(), { block: String((node.name as Node).value), region: node });
    case 'Import':
    case 'FromImport':
      return define(node, scope, 'import');
    case 'If':
      yield* walk(node.cond, scope, place);
      yield* walkScope(node.body, scope, place, ['import']);
      return yield* walkScope(node.else_, scope, place, ['import']);
    case 'IfAsync':
      yield* walk(node.cond, scope, place);
      yield* walkScope(node.body, scope, place);
      return yield* walkScope(node.else_, scope, place);
    case 'Capture':
      return yield* walkScope(node.body, scope, place);
    case 'CallExtension':
    case 'CallExtensionAsync': {
      const [body, ...others] = node.contentArgs as readonly unknown[];
      const ordinal = node[ORDINAL];
      if (typeof ordinal === 'number' && isNode(body)) yield { ordinal, body, ...place, variables: scope.names() };
      yield* walk(node.args, scope, place);
      for (const content of [body, ...others]) {
        // A fragment's body that defines something is compiled with a scope of its own.
        if (ordinal === undefined) yield* walkScope(content, scope, place);
        else yield* walk(content, scope.inner(), place);
      }
      return;
    }
    default:
      yield* walkAll(childNodes(node), scope, place);
  }
}

function* walkAll(nodes: readonly unknown[], scope: CompiledScope, place: Enclosing): Generator<Around> {
  for (const node of nodes) yield* walk(node, scope, place);
}

/** Something that is a scope for JavaScript, and none for Nunjucks' compiler. */
function* walkScope(
  node: unknown,
  scope: CompiledScope,
  place: Enclosing,
  ending: readonly Kind[] = ['macro', 'import'],
): Generator<Around> {
  const inner = scope.inner();
  yield* walk(node, inner, place);
  for (const [name, kind] of inner.own) scope.own.set(name, ending.includes(kind) ? 'gone' : kind);
}

function define(node: Node, scope: CompiledScope, kind: Kind): void {
  for (const name of boundNames(node)) scope.own.set(name, kind);
}

/** Parameters that are JavaScript variables: those with a default value are not. */
function positional({ args }: Node): string[] {
  return childNodes(args as Node)
    .filter(({ typename }) => typename === 'Symbol')
    .map(({ value }) => String(value));
}
