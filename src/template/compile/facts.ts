import type { RootFunction, Template } from '../nunjucks.ts';
import { takeHoleBlocks } from './hole-blocks.ts';
import type { Uses } from './uses.ts';

/** Name of the block whose function prints a template's facts. */
export const FACTS_BLOCK = 'cachesweeper_facts';

/** Raise this when the form of the facts changes; templates compiled with another version then have unknown facts. */
const VERSION = 4;

/** Facts about a template that are found when it is compiled and written into its compiled code. */
export interface TemplateFacts {
  readonly version: typeof VERSION;
  /** Digest of its source, after `preprocess`. */
  readonly digest: string;
  /** Templates it names literally, in include, import, from and extends. */
  readonly references: readonly string[];
  /** The template it extends, if named literally. */
  readonly parent?: string;
  /** What it may use the text of, by how it gets it. */
  readonly texts: readonly string[];
  /** Uses of the whole template, where it is included. */
  readonly page: Uses;
  /** Uses of each of its blocks. */
  readonly blocks: Readonly<Record<string, Uses>>;
  /** Uses of each fragment's body, by the tag's ordinal. */
  readonly fragments: readonly Uses[];
}

export function newFacts(facts: Omit<TemplateFacts, 'version'>): TemplateFacts {
  return { version: VERSION, ...facts };
}

const known = new WeakMap<RootFunction, TemplateFacts | null>();

/** Returns the facts in a template's compiled code; undefined if there are none, or of another version. */
export function factsOf({ rootRenderFunc, blocks }: Template): TemplateFacts | undefined {
  if (rootRenderFunc === undefined) return undefined;
  let facts = known.get(rootRenderFunc);
  if (facts === undefined) {
    facts = parseFacts(printedBy(blocks[FACTS_BLOCK])) ?? null;
    known.set(rootRenderFunc, facts);
  }
  // The facts were read, so remove their block, or each use of the template would carry it along as a block.
  delete (blocks as Record<string, unknown>)[FACTS_BLOCK];
  takeHoleBlocks({ rootRenderFunc, blocks });
  return facts ?? undefined;
}

/** Returns what a block's compiled function prints; the block must need neither page nor variables. */
function printedBy(block: unknown): unknown {
  if (typeof block !== 'function') return undefined;
  let printed: unknown;
  const frame = { push: () => frame };
  const runtime = { handleError: (error: unknown) => error };
  block({}, {}, frame, runtime, (error: unknown, text: unknown) => {
    if (!error) printed = text;
  });
  return printed;
}

function parseFacts(printed: unknown): TemplateFacts | undefined {
  if (typeof printed !== 'string') return undefined;
  let facts: Partial<TemplateFacts> | null;
  try {
    facts = JSON.parse(printed);
  } catch {
    return undefined;
  }
  const isComplete =
    facts?.version === VERSION &&
    typeof facts.digest === 'string' &&
    areTexts(facts.references) &&
    areTexts(facts.texts) &&
    isUses(facts.page) &&
    typeof facts.blocks === 'object' &&
    facts.blocks !== null &&
    Object.values(facts.blocks).every(isUses) &&
    Array.isArray(facts.fragments) &&
    facts.fragments.every(isUses);
  return isComplete ? (facts as TemplateFacts) : undefined;
}

function areTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function isUses(value: unknown): boolean {
  const uses = value as Partial<Uses> | null | undefined;
  return Array.isArray(uses?.names) && Array.isArray(uses.changes) && Array.isArray(uses.templates);
}
