import type { RootFunction, Template } from '../nunjucks.ts';
import type { Uses } from './uses.ts';

/** The block whose function prints a template's facts. */
export const FACTS_BLOCK = 'cachesweeper_facts';

/** Raised when facts of an older version cannot be read any more. */
const VERSION = 1;

/** What is known of a template when it is compiled, and travels in its compiled code. */
export interface TemplateFacts {
  readonly version: typeof VERSION;
  /** Of its source, after `preprocess`. */
  readonly digest: string;
  /** The templates it names in its text: includes, imports, the one it extends. */
  readonly references: readonly string[];
  /** The template it extends, where that is written in it. */
  readonly parent?: string;
  /** What the whole of it does where it is included. */
  readonly page: Uses;
  /** What each block of it does. */
  readonly blocks: Readonly<Record<string, Uses>>;
  /** What the body of each fragment does, by the tag's ordinal. */
  readonly fragments: readonly Uses[];
}

export function newFacts(facts: Omit<TemplateFacts, 'version'>): TemplateFacts {
  return { version: VERSION, ...facts };
}

const known = new WeakMap<RootFunction, TemplateFacts | null>();

/** The facts in a template's compiled code; undefined when there are none, or of another version of this package. */
export function factsOf({ rootRenderFunc, blocks }: Template): TemplateFacts | undefined {
  if (rootRenderFunc === undefined) return undefined;
  let facts = known.get(rootRenderFunc);
  if (facts === undefined) {
    facts = parseFacts(printedBy(blocks[FACTS_BLOCK])) ?? null;
    known.set(rootRenderFunc, facts);
  }
  // Read once for all: each use of the template would carry it around as a block that pages can show.
  delete (blocks as Record<string, unknown>)[FACTS_BLOCK];
  return facts ?? undefined;
}

/** What a block's compiled function prints that needs neither page nor variables. */
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
