import type { Node } from '../nunjucks.ts';
import { boundNames, childNodes, DEFINITIONS, descendants, HOLE, isNode, ORDINAL, scopeNames } from './syntax.ts';
import { type Position, positionOf } from './template-error.ts';
import { literalTemplate, type UsesFinder } from './uses.ts';

/** What is found about a hole, `{% uncached %}`, when its template is compiled. */
export interface HoleAnalysis {
  /** The place of the tag. */
  readonly at: Position;
  /** Names around it that are JavaScript variables, and that its content mentions. */
  readonly handed: readonly string[];
  /** A name that its content reads and that the body of the fragment around binds: a hit does not run that body. */
  readonly boundInBody: { readonly name: string; readonly at: Position } | undefined;
  /** What it looks up itself. */
  readonly reads: readonly string[];
  /** Whether templates or code that it runs look up more. */
  readonly others: 'any name' | 'past the frames' | 'nothing';
  /** Something in it that cannot be rendered apart from the template. */
  readonly impossible: { readonly what: 'async' | 'block' | 'caller' | 'super'; readonly at: Position } | undefined;
}

/** The surroundings of a hole. */
interface Around {
  /** Names that are JavaScript variables there. */
  readonly variables: ReadonlySet<string>;
  /** Names that the body of the fragment around binds; undefined outside of fragments. */
  readonly bound: ReadonlySet<string> | undefined;
}

/** Finds the holes of a template, by their ordinals. */
export function findHoles(root: Node, finder: UsesFinder): readonly HoleAnalysis[] {
  const holes: HoleAnalysis[] = [];
  for (const { node, around } of walk(root, { variables: new Set(), bound: undefined })) {
    holes[node[HOLE] as number] = analyse(node, around, finder);
  }
  return holes;
}

function analyse(node: Node, { variables, bound }: Around, finder: UsesFinder): HoleAnalysis {
  const { content, passed } = partsOf(node);
  const { names, block, extends: parent, caller } = finder.ofHole(content);
  const read = names.filter(({ path }) => !passed.has(path[0] as string));
  const inBody = bound && read.find(({ path }) => bound.has(path[0] as string));
  const mentioned = new Set(read.map(({ path }) => path[0] as string));
  const impossible = [
    { what: 'async' as const, at: asynchronousIn(content, finder) },
    { what: 'block' as const, at: block ?? parent },
    { what: 'caller' as const, at: caller },
    { what: 'super' as const, at: superIn(content) },
  ].find(({ at }) => at !== undefined);
  return {
    at: node.at as Position,
    handed: [...variables].filter((name) => mentioned.has(name)),
    reads: [...mentioned],
    others: othersIn(content),
    boundInBody: inBody && { name: inBody.path[0] as string, at: inBody.at },
    impossible: impossible && { what: impossible.what, at: impossible.at as Position },
  };
}

/** Nodes that run another template, which sees the variables around. */
const SEEING: ReadonlySet<string> = new Set(['Include', 'Import', 'FromImport']);
/** Nodes that run code of macros or of the site. */
const CALLING: ReadonlySet<string> = new Set(['FunCall', 'Filter', 'CallExtension']);

function othersIn(content: Node): HoleAnalysis['others'] {
  const types = [...descendants(content)].map(({ typename }) => typename);
  if (types.some((type) => SEEING.has(type))) return 'any name';
  return types.some((type) => CALLING.has(type)) ? 'past the frames' : 'nothing';
}

/** Returns the content of a hole, and the names of what is passed to it. */
function partsOf(node: Node): { readonly content: Node; readonly passed: ReadonlySet<string> } {
  return {
    content: (node.contentArgs as readonly Node[])[0] as Node,
    passed: new Set(node.passed as readonly string[]),
  };
}

/**
 * Returns where something asynchronous is. Nunjucks makes new nodes of what is around it, and the node that the contents
 * of holes hang on would be replaced by one without them.
 */
function asynchronousIn(content: Node, finder: UsesFinder): Position | undefined {
  const { asynchronous } = finder.ofHole(content);
  if (asynchronous !== undefined) return asynchronous;
  for (const node of descendants(content)) if (node.typename === 'IfAsync') return positionOf(node);
  return undefined;
}

function superIn(content: Node): Position | undefined {
  for (const node of descendants(content)) {
    const called = node.typename === 'FunCall' ? (node.name as Node) : undefined;
    if (called?.typename === 'Symbol' && called.value === 'super') return positionOf(node);
  }
  return undefined;
}

function* walk(node: unknown, around: Around): Generator<{ readonly node: Node; readonly around: Around }> {
  if (!isNode(node)) return;
  if (HOLE in node) {
    yield { node, around };
    yield* walk(node.args, around);
    // What stands in a hole is rendered for every page.
    return yield* walk(partsOf(node).content, { variables: new Set(), bound: undefined });
  }
  if (ORDINAL in node) {
    yield* walk(node.args, around);
    const body = (node.contentArgs as readonly Node[])[0] as Node;
    return yield* walk(body, { ...around, bound: new Set([...(around.bound ?? []), ...setIn(body)]) });
  }
  for (const child of childNodes(node)) yield* walk(child, inside(node, child, around));
}

/** Returns the surroundings of what is in a node. */
function inside(node: Node, child: Node, around: Around): Around {
  switch (node.typename) {
    case 'For':
    case 'AsyncEach':
    case 'AsyncAll':
      return child === node.body ? binding(around, [...scopeNames(node)], ['loop']) : around;
    case 'Caller':
      return binding(around, scopeNames(node), ['caller']);
    case 'Macro':
      // A macro sees no variables around it.
      return {
        variables: new Set(scopeNames(node)),
        bound: around.bound && new Set([...scopeNames(node), 'caller', ...setIn(node.body as Node)]),
      };
    case 'Block':
      return { variables: new Set(), bound: around.bound };
    default:
      return around;
  }
}

function binding({ variables, bound }: Around, names: readonly string[], others: readonly string[]): Around {
  return {
    variables: new Set([...variables, ...names]),
    bound: bound && new Set([...bound, ...names, ...others]),
  };
}

/** Returns the names that are set or defined in a part of a template, apart from those in its macros and holes. */
function setIn(body: Node): ReadonlySet<string> {
  const names = new Set<string>();
  const visit = (node: Node): void => {
    if (node.typename === 'Set' || DEFINITIONS.has(node.typename)) for (const name of boundNames(node)) names.add(name);
    if (node.typename === 'Macro' || HOLE in node) return;
    for (const child of childNodes(node)) visit(child);
  };
  visit(body);
  return names;
}

/**
 * Returns the macros and imports of a template that its holes use, directly or through each other. A hit does not run
 * an included template, so that its holes need them again. One that is chosen at run time, asynchronous or defined twice
 * is left out: a hole that uses it is then refused when it is first rendered.
 */
export function definitionsForHoles(root: Node, finder: UsesFinder): readonly Node[] {
  const counted = new Map<string, number>();
  for (const node of descendants(root)) {
    if (node.typename !== 'Set' && !DEFINITIONS.has(node.typename)) continue;
    for (const name of boundNames(node)) counted.set(name, (counted.get(name) ?? 0) + 1);
  }
  const known = new Map<string, Node>();
  for (const node of childNodes(root)) {
    const isFixed =
      node.typename === 'Macro'
        ? asynchronousIn(node, finder) === undefined
        : DEFINITIONS.has(node.typename) && literalTemplate(node) !== undefined;
    if (isFixed) for (const name of boundNames(node)) if (counted.get(name) === 1) known.set(name, node);
  }
  const used = new Set<Node>();
  const use = (piece: Node): void => {
    for (const { path } of finder.ofHole(piece).names) {
      const definition = known.get(path[0] as string);
      if (definition === undefined || used.has(definition)) continue;
      used.add(definition);
      if (definition.typename === 'Macro') use(definition);
    }
  };
  for (const node of descendants(root)) if (HOLE in node) use(partsOf(node).content);
  return childNodes(root).filter((node) => used.has(node));
}

/** Returns the names that are defined by some nodes. */
export function namesDefinedBy(definitions: readonly Node[]): readonly string[] {
  return definitions.flatMap((node) => boundNames(node));
}
