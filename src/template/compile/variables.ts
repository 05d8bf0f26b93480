import type { Node } from '../nunjucks.ts';
import type { WrittenTag } from './arguments.ts';
import { boundNames, childNodes, HOLE, isNode, ORDINAL, scopeNames, WRITTEN } from './syntax.ts';

/** A fragment tag and its surroundings. */
export interface Around {
  readonly ordinal: number;
  readonly written: WrittenTag;
  readonly body: Node;
  /** The nearest node around it with variables of its own: a block, a macro, or the template. */
  readonly region: Node;
  /** Name of the block around it. */
  readonly block: string | undefined;
  /** Names that Nunjucks compiles to JavaScript variables at the tag. */
  readonly variables: ReadonlySet<string>;
}

/** The surroundings of a node. */
type Enclosing = Pick<Around, 'block' | 'region'>;

/** How a scope of Nunjucks' compiler knows a name. `gone`: JavaScript's scope of it has ended. */
type Kind = 'parameter' | 'macro' | 'import' | 'gone';

/** A scope of Nunjucks' compiler: names that it compiles to JavaScript variables. */
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
 * Returns all fragments of a template with their surroundings, in the order of the source.
 *
 * Nunjucks keeps loop variables, positional parameters, macros and imports in JavaScript variables. A macro or import
 * is known from its definition on. Nunjucks' compiler believes that it is still known where JavaScript's scope has
 * ended: after a captured block, another tag's body, or an import in a condition. Using it there is an error, so such
 * names are marked as gone.
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
      // A macro's code does not see the variables around it.
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
      if (typeof ordinal === 'number' && isNode(body)) {
        yield { ordinal, written: node[WRITTEN] as WrittenTag, body, ...place, variables: scope.names() };
      }
      yield* walk(node.args, scope, place);
      // A hole is compiled as a block of its own.
      if (HOLE in node) return yield* walk(body, new CompiledScope(), { block: undefined, region: body as Node });
      for (const content of [body, ...others]) {
        // A fragment's body with definitions is compiled with a scope of its own.
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

/** Walks a node that is a scope in JavaScript but not in Nunjucks' compiler. */
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

/** Returns the parameters that become JavaScript variables: those without a default value. */
function positional({ args }: Node): string[] {
  return childNodes(args as Node)
    .filter(({ typename }) => typename === 'Symbol')
    .map(({ value }) => String(value));
}
