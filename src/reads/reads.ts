import { type Parts, PartsCollector, PartsMatcher, TextMatcher } from './matchers.ts';
import { NO_READS, type ReadShape, storedShape } from './shape.ts';
import { areVariables } from './variables.ts';
import { walk } from './walk.ts';
import type { Scope } from './world.ts';

/**
 * How a body stands in its page: what it read, and what it set. Those of one text are one object, because most entries of a tag
 * have the same.
 */
export interface Reads {
  /** The paths that it read, and the text of the values that they had. */
  readonly shape: ReadShape;
  readonly text: string;
  /** Variables that it set for what stands behind it, as {@link writeVariables} wrote them; '' for none. */
  readonly variables: string;
  /** The text taken apart, once it was compared twice: an entry that is fetched for one page is not. */
  parts: Parts | 'compared' | undefined;
}

export const NOTHING_READ: Reads = { shape: NO_READS, text: '', variables: '', parts: undefined };

const last = new WeakMap<ReadShape, Reads>();

/** The reads of an entry, shared with the last entry of the same. */
export function readsOf(shape: ReadShape, text: string, variables: string): Reads {
  if (shape === NO_READS && text === '' && variables === '') return NOTHING_READ;
  const known = last.get(shape);
  if (known !== undefined && known.text === text && known.variables === variables) return known;
  const reads = { shape, text: inOnePiece(text), variables, parts: undefined };
  last.set(shape, reads);
  return reads;
}

/** V8 puts texts that were put together into a tree of their pieces: comparing with one piece is quicker. */
function inOnePiece(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8');
}

/** Whether the paths of an entry would read the same at a place; `pending` while one of them is still being loaded. */
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

/** As a store has them; undefined for what was not written by {@link writeReads}. */
export function parseReads(written: unknown): Reads | undefined {
  if (written === 0) return NOTHING_READ;
  if (!Array.isArray(written) || written.length !== 3) return undefined;
  const [shapeText, text, variables]: readonly unknown[] = written;
  if (typeof shapeText !== 'string' || typeof text !== 'string' || typeof variables !== 'string') return undefined;
  const shape = areVariables(variables) ? storedShape(shapeText) : undefined;
  return shape && readsOf(shape, text, variables);
}

export function writeReads({ shape, text, variables }: Reads): unknown {
  return shape.roots.length === 0 && variables === '' ? 0 : [shape.text, text, variables];
}
