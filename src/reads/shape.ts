import { LRUCache } from 'lru-cache';
import { pathsOf, textsBelow } from './path-texts.ts';
import type { ReadNode, ReadRoot } from './read-node.ts';
import { rootsIn, shapeText } from './shape-text.ts';

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
  const text = shapeText(roots);
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
  const roots = rootsIn(text);
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
