import type { ReadNode, ReadRoot, RootKind } from './read-node.ts';

/** Deepest nesting of a shape that comes from a store. */
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

/** Writes the paths of a body as text. */
export function shapeText(roots: readonly ReadRoot[]): string {
  return JSON.stringify(roots.map(({ kind, node }) => [KINDS.indexOf(kind), write(node)]));
}

/** Reads paths from their text; undefined for any other text. */
export function rootsIn(text: string): readonly ReadRoot[] | undefined {
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
