import { LRUCache } from 'lru-cache';

/**
 * Where a path begins. `scope`: a name as seen at the tag. `variable`: a JavaScript variable of the compiled template
 * (a loop variable, a macro's parameter). `context`: a name as macros see it, past all frames. `global`: a global of
 * the environment. `helper`: a filter (`|name`) or test (`?name`) of the environment.
 */
export type RootKind = 'scope' | 'variable' | 'context' | 'global' | 'helper';

/** How a value is compared, apart from the members below it. */
export interface Comparison {
  /** All of its own data, because a function, filter or method received it. */
  readonly whole: boolean;
  /** Its elements: their number, their kinds, and the values of those that are not objects. */
  readonly list: boolean;
  /** Its names and values, in the order of `for k, v`. */
  readonly entries: boolean;
  /**
   * It was a model, a lazy or a macro. A token or digest stands for its content, so reports leave out what is below it.
   */
  readonly isStoodFor: boolean;
  /** It was an ordinary property, so that below a model it can be read without looking for a getter. */
  readonly isData: boolean;
  /** Nothing below it was read, and it is not compared as a whole. */
  readonly isEnd: boolean;
  /** Type that a tag gave to the rows here. */
  readonly type: string | undefined;
}

/** One step of a path, with all that was read below it. */
export interface ReadNode extends Comparison {
  readonly step: string;
  readonly children: readonly ReadNode[];
  /** Paths that were read below each element of a list. */
  readonly each: ReadNode | undefined;
  /** Variables that were read of the template in which a macro is defined. */
  readonly context: ReadNode | undefined;
}

export interface ReadRoot {
  readonly kind: RootKind;
  readonly node: ReadNode;
}

/** The paths that a body reads, without values. Equal shapes share one object. */
export interface ReadShape {
  readonly roots: readonly ReadRoot[];
  /** The shape as text, for a store and for comparing. */
  readonly text: string;
  /** Number of paths. */
  readonly size: number;
  /** The paths in readable form, for reports: `lang`, `rows[*].title`. */
  readonly paths: readonly string[];
}

/** A body that reads more paths than this is not stored, because looking it up would cost more than rendering. */
export const MAX_PATHS = 64;

/** Shapes cached by their text. A site has a few for each tag. */
const MAX_SHAPES = 5_000;
/** Limit of characters in all cached shapes. A shape's objects take some twenty times as much. */
const MAX_SHAPES_TEXT = 1_000_000;
/** Limit of characters in a shape that comes from a store. */
const MAX_STORED_TEXT = 32_768;
const MAX_NESTING = 64;

type Written = readonly [
  step: string,
  flags: number,
  children: readonly Written[],
  each: Written | 0,
  context: Written | 0,
  type: string | 0,
];

const WHOLE = 1;
const LIST = 2;
const ENTRIES = 4;
const STOOD_FOR = 8;
const DATA = 16;
const KINDS: readonly RootKind[] = ['scope', 'variable', 'context', 'global', 'helper'];

const shapes = new LRUCache<string, ReadShape>({
  max: MAX_SHAPES,
  maxSize: MAX_SHAPES_TEXT,
  sizeCalculation: ({ text }) => text.length,
});

/**
 * Returns the shape of these roots.
 *
 * @param last the shape of the last body of this tag, which is probably equal and then saves the work
 */
export function shapeOf(roots: readonly ReadRoot[], last?: ReadShape): ReadShape {
  if (last !== undefined && areSame(roots, last.roots)) return last;
  const text = JSON.stringify(roots.map(({ kind, node }) => [KINDS.indexOf(kind), write(node)]));
  return readShape(text) as ReadShape;
}

/** Reads the shape from a text that came from a store; undefined if this package cannot have stored it. */
export function storedShape(text: string): ReadShape | undefined {
  if (text === lastStored.text) return lastStored;
  if (text.length > MAX_STORED_TEXT) return undefined;
  const shape = readShape(text);
  if (shape === undefined || shape.size > MAX_PATHS) return undefined;
  lastStored = shape;
  return shape;
}

/** Reads a shape from its text; undefined for any other text. */
function readShape(text: string): ReadShape | undefined {
  const known = shapes.get(text);
  if (known !== undefined) return known;
  const roots = parse(text);
  if (roots === undefined) return undefined;
  // Filters and tests are code of the environment, so they do not count as paths of the page.
  const data = roots.filter(({ kind }) => kind !== 'helper');
  const size = data.reduce((sum, { node }) => sum + pathsOf(node), 0);
  const shape = { roots, text, size, paths: data.flatMap(({ node }) => textsBelow(node, node.step)) };
  shapes.set(text, shape);
  return shape;
}

function areSame(a: readonly ReadRoot[], b: readonly ReadRoot[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    const [one, other] = [a[i] as ReadRoot, b[i] as ReadRoot];
    if (one.kind !== other.kind || !isSameNode(one.node, other.node)) return false;
  }
  return true;
}

function isSameNode(a: ReadNode | undefined, b: ReadNode | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  if (a.step !== b.step || a.whole !== b.whole || a.list !== b.list || a.entries !== b.entries) return false;
  if (a.isStoodFor !== b.isStoodFor || a.isData !== b.isData || a.type !== b.type) return false;
  if (a.children.length !== b.children.length) return false;
  for (let i = 0; i < a.children.length; i++) if (!isSameNode(a.children[i], b.children[i])) return false;
  return isSameNode(a.each, b.each) && isSameNode(a.context, b.context);
}

export const NO_READS: ReadShape = shapeOf([]);

/** The last shape that came from a store. Most entries of a page have it, and comparing texts is quicker than hashing. */
let lastStored = NO_READS;

/** Returns all paths of both shapes, sorted, so that the result does not depend on which came first. */
export function union(a: ReadShape, b: ReadShape): ReadShape {
  if (a === b) return a;
  const merged = new Map<string, ReadRoot>();
  for (const root of [...a.roots, ...b.roots]) {
    const key = `${root.kind} ${root.node.step}`;
    const there = merged.get(key);
    merged.set(key, there === undefined ? root : { kind: root.kind, node: merge(there.node, root.node) });
  }
  return shapeOf(
    [...merged.values()]
      .map(({ kind, node }) => ({ kind, node: sorted(node) }))
      .sort((one, other) => (`${one.kind} ${one.node.step}` < `${other.kind} ${other.node.step}` ? -1 : 1)),
  );
}

/** Splits a shape into one for each path. */
export function leaves({ roots }: ReadShape): ReadShape[] {
  return roots.flatMap(({ kind, node }) => branches(node).map((branch) => shapeOf([{ kind, node: branch }])));
}

/** Splits a node into copies that have one path below each. */
function branches(node: ReadNode): ReadNode[] {
  const bare = { ...node, isEnd: true, children: [], each: undefined, context: undefined };
  const found: ReadNode[] = [];
  for (const child of node.children)
    for (const branch of branches(child)) found.push({ ...bare, isEnd: false, children: [branch] });
  if (node.each !== undefined)
    for (const branch of branches(node.each)) found.push({ ...bare, isEnd: false, each: branch });
  for (const child of node.context?.children ?? []) {
    for (const branch of branches(child))
      found.push({ ...bare, isEnd: false, context: { ...bare, step: '()', children: [branch] } });
  }
  return found.length === 0 ? [bare] : found;
}

/** Leaves out the given paths and all that is below them. */
export function without(roots: readonly ReadRoot[], paths: readonly (readonly string[])[]): readonly ReadRoot[] {
  if (paths.length === 0) return roots;
  return roots.flatMap(({ kind, node }) => {
    const left = pruned(node, paths);
    return left === undefined ? [] : [{ kind, node: left }];
  });
}

function pruned(node: ReadNode, paths: readonly (readonly string[])[]): ReadNode | undefined {
  const below = paths.filter(([first]) => first === node.step).map((path) => path.slice(1));
  if (below.length === 0) return node;
  if (below.some((path) => path.length === 0)) return undefined;
  const children = node.children.flatMap((child) => pruned(child, below) ?? []);
  const each = node.each && pruned(node.each, below);
  const isGone = children.length === 0 && each === undefined && !node.whole && !node.list && !node.entries;
  return isGone ? undefined : { ...node, children, each };
}

/** Returns a path in readable form. The step `*` stands for each element of a list. */
export function pathText([root = '', ...steps]: readonly string[]): string {
  return steps.reduce((path, step) => (step === '*' ? `${path}[*]` : joined(path, step)), root);
}

function textsBelow(node: ReadNode, path: string): string[] {
  const { children, each, context } = node;
  const ofContext = context?.children.flatMap((child) => textsBelow(child, `${path}()${joined('', child.step)}`)) ?? [];
  if (node.isStoodFor) return ofContext;
  const below = [
    ...children.flatMap((child) => textsBelow(child, joined(path, child.step))),
    ...(each === undefined ? [] : textsBelow(each, `${path}[*]`)),
    ...ofContext,
  ];
  if (node.list && each === undefined) return [`${path}[*]`, ...below];
  const isPath = node.whole || node.entries || (children.length === 0 && each === undefined && context === undefined);
  return isPath ? [path, ...below] : below;
}

function joined(path: string, step: string): string {
  if (/^\d+$/.test(step)) return `${path}[${step}]`;
  return /^[A-Za-z_$][\w$]*$/.test(step) ? `${path}.${step}` : `${path}[${JSON.stringify(step)}]`;
}

function pathsOf({ children, each, context }: ReadNode): number {
  let paths = 0;
  for (const child of children) paths += pathsOf(child);
  if (each !== undefined) paths += pathsOf(each);
  if (context !== undefined) paths += pathsOf(context);
  return Math.max(1, paths);
}

function write({ step, whole, list, entries, isStoodFor, isData, type, children, each, context }: ReadNode): Written {
  return [
    step,
    (whole ? WHOLE : 0) |
      (list ? LIST : 0) |
      (entries ? ENTRIES : 0) |
      (isStoodFor ? STOOD_FOR : 0) |
      (isData ? DATA : 0),
    children.map(write),
    each === undefined ? 0 : write(each),
    context === undefined ? 0 : write(context),
    type ?? 0,
  ];
}

function parse(text: string): readonly ReadRoot[] | undefined {
  try {
    const written: unknown = JSON.parse(text);
    if (!Array.isArray(written)) return undefined;
    return written.map((root: readonly [number, Written]) => {
      const kind = KINDS[root[0]];
      if (kind === undefined) throw new TypeError('no kind of root');
      return { kind, node: read(root[1], 0) };
    });
  } catch {
    // This package did not write the text.
    return undefined;
  }
}

function read(written: Written, depth: number): ReadNode {
  const [step, flags, children, each, context, type] = written;
  const isNode = typeof step === 'string' && typeof flags === 'number' && Array.isArray(children);
  if (!isNode || depth > MAX_NESTING || !(type === 0 || typeof type === 'string')) throw new TypeError('no node');
  const isWhole = (flags & WHOLE) !== 0;
  return {
    step: propertyName(step),
    isEnd: !isWhole && (flags & ENTRIES) === 0 && children.length === 0 && each === 0 && context === 0,
    whole: (flags & WHOLE) !== 0,
    list: (flags & LIST) !== 0,
    entries: (flags & ENTRIES) !== 0,
    isStoodFor: (flags & STOOD_FOR) !== 0,
    isData: (flags & DATA) !== 0,
    type: type === 0 ? undefined : type,
    children: children.map((child) => read(child, depth + 1)),
    each: each === 0 ? undefined : read(each, depth + 1),
    context: context === 0 ? undefined : read(context, depth + 1),
  };
}

/** Interns a string as V8 does with property names, because looking up a property by another string is much slower. */
function propertyName(text: string): string {
  return Object.keys({ [text]: 0 })[0] as string;
}

function merge(a: ReadNode, b: ReadNode): ReadNode {
  const children = new Map(a.children.map((child) => [child.step, child]));
  for (const child of b.children) {
    const there = children.get(child.step);
    children.set(child.step, there === undefined ? child : merge(there, child));
  }
  return {
    step: a.step,
    isEnd: a.isEnd && b.isEnd,
    whole: a.whole || b.whole,
    list: a.list || b.list,
    entries: a.entries || b.entries,
    isStoodFor: a.isStoodFor && b.isStoodFor,
    isData: a.isData && b.isData,
    type: a.type ?? b.type,
    children: [...children.values()],
    each: mergeOptional(a.each, b.each),
    context: mergeOptional(a.context, b.context),
  };
}

function sorted(node: ReadNode): ReadNode {
  const { children, each, context } = node;
  const kept = node.whole && context === undefined && !node.isStoodFor ? NO_CHILDREN : children;
  return {
    ...node,
    children: kept.map(sorted).sort((one, other) => (one.step < other.step ? -1 : 1)),
    each: each && sorted(each),
    context: context && sorted(context),
  };
}

const NO_CHILDREN: readonly ReadNode[] = [];

function mergeOptional(a: ReadNode | undefined, b: ReadNode | undefined): ReadNode | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return merge(a, b);
}
