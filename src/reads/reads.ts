import { type Parts, PartsCollector, PartsMatcher, TextMatcher } from './matchers.ts';
import { NO_READS, type ReadShape, storedShape } from './shape.ts';
import { areVariables } from './variables.ts';
import { walk } from './walk.ts';
import type { Scope } from './world.ts';

/**
 * Values that a body read of its page, and variables that it set. Equal reads share one object, because most entries of
 * a tag have the same.
 */
export interface Reads {
  /** The paths the body read, and the text of their values. */
  readonly shape: ReadShape;
  readonly text: string;
  /** Variables that it set for the page after it, written by {@link writeVariables}; '' for none. */
  readonly variables: string;
  /**
   * The text split into parts, made at the second hit. Many entries fetched from a store serve one page only, so the
   * first hit does not pay for it.
   */
  parts: Parts | 'compared' | undefined;
}

export const NOTHING_READ: Reads = { shape: NO_READS, text: '', variables: '', parts: undefined };

const last = new WeakMap<ReadShape, Reads>();

/** Returns a `Reads` with this content; the same object as last time for the shape if it is equal. */
export function readsOf(shape: ReadShape, text: string, variables: string): Reads {
  if (shape === NO_READS && text === '' && variables === '') return NOTHING_READ;
  const known = last.get(shape);
  if (known !== undefined && known.text === text && known.variables === variables) return known;
  const reads = { shape, text: inOnePiece(text), variables, parts: undefined };
  last.set(shape, reads);
  return reads;
}

/** Flattens a string. V8 keeps a concatenated string as a tree, and comparing with a flat one is quicker. */
function inOnePiece(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8');
}

/** Whether the paths of an entry would read the same values here; `pending` while one of them is still being loaded. */
export function compare(reads: Reads, scope: Scope): 'same' | 'different' | 'pending' {
  const { shape } = reads;
  if (shape.roots.length === 0) return 'same';
  const matcher = matcherOf(reads);
  if (walk(shape, scope, matcher) && matcher.isWhole) {
    if (matcher instanceof PartsCollector) reads.parts = matcher.parts;
    else reads.parts ??= 'compared';
    return 'same';
  }
  return matcher.isPending ? 'pending' : 'different';
}

function matcherOf({ text, parts }: Reads): TextMatcher | PartsMatcher {
  if (parts === undefined) return new TextMatcher(text);
  return parts === 'compared' ? new PartsCollector(text) : new PartsMatcher(parts);
}

/**
 * Reads what {@link writeReads} wrote; undefined for anything else.
 *
 * @param shapeText text of the shape
 * @param values text of the values, and the variables
 */
export function parseReads(shapeText: string, values: unknown): Reads | undefined {
  if (!Array.isArray(values) || values.length !== 2) return undefined;
  const [text, variables]: readonly unknown[] = values;
  if (typeof text !== 'string' || typeof variables !== 'string' || !areVariables(variables)) return undefined;
  const shape = storedShape(shapeText);
  return shape && readsOf(shape, text, variables);
}

/** Writes reads for a store: their shape as one line of text, and what is to be written as JSON. */
export function writeReads({ shape, text, variables }: Reads): readonly [shapeText: string, values: readonly string[]] {
  return [shape.text, [text, variables]];
}
