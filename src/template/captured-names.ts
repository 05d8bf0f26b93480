import type { Node } from './nunjucks.ts';
import { boundNames, childNodes, descendants, isNode, scopeNames } from './syntax.ts';

/** How one template passes captured html around. */
export interface Captures {
  /** Names to which it gives captured html, or what it made of it. */
  readonly captured: readonly string[];
  /** Names of its imports: they may export what was captured. */
  readonly imports: readonly string[];
  /** The parameters of its macros and call blocks. */
  readonly parameters: readonly string[];
  /** It passes captured html to a macro or to caller(). */
  readonly passes: boolean;
}

/** Names in all templates of an environment; more than that and it is generated text, not templates. */
const MAX_NAMES = 10_000;

/**
 * The names under which html that was captured from a fragment may be known in the templates run so far. What is
 * passed to a macro may be known as any macro's parameter, in whatever template.
 */
export class CapturedNames {
  readonly #captured = new Set<string>();
  readonly #imports = new Set<string>();
  readonly #parameters = new Set<string>();
  #passes = false;

  add({ captured, imports, parameters, passes }: Captures): void {
    for (const name of imports) if (this.#imports.size < MAX_NAMES) this.#imports.add(name);
    for (const name of captured) if (this.#captured.size < MAX_NAMES) this.#captured.add(name);
    for (const name of parameters) if (this.#parameters.size < MAX_NAMES) this.#parameters.add(name);
    this.#passes ||= passes;
  }

  /** Whether a name is known for an import: what it exports beside macros may be captured. */
  isImport(name: string): boolean {
    return this.#imports.size >= MAX_NAMES || this.#imports.has(name);
  }

  has(name: string): boolean {
    const isFull = this.#captured.size >= MAX_NAMES || this.#parameters.size >= MAX_NAMES;
    return isFull || this.#captured.has(name) || (this.#passes && this.#parameters.has(name));
  }
}

/**
 * Captured is what a block set, a macro or an import may give: targets of block sets, of sets whose value mentions a
 * macro, an import or a captured name, loops over such a value, and objects that it is passed to (`list.push(box)`).
 */
export function findCaptures(root: Node): Captures {
  const nodes = [...descendants(root)];
  const sources = new Set<string>(['caller', 'super']);
  const parameters = new Set<string>();
  const imports = new Set<string>();
  for (const node of nodes) {
    if (IMPORTS.has(node.typename)) for (const name of boundNames(node)) imports.add(name);
    if (DEFINITIONS.has(node.typename)) for (const name of boundNames(node)) sources.add(name);
    if (MACROS.has(node.typename)) for (const name of scopeNames(node)) parameters.add(name);
  }
  const captured = new Set<string>();
  const isSource = (name: string) => sources.has(name) || captured.has(name);
  let passes = false;
  for (let before = -1; before < captured.size; ) {
    before = captured.size;
    for (const node of nodes) {
      if (node.typename === 'Set' && (isNode(node.body) || mentions(node.value, isSource))) {
        for (const name of boundNames(node)) captured.add(name);
      } else if (LOOPS.has(node.typename) && mentions(node.arr, isSource)) {
        for (const name of scopeNames(node)) captured.add(name);
      } else if (node.typename === 'FunCall' && mentions(node.args, isSource)) {
        passes = true;
        const receiver = rootName(node.name);
        if (receiver !== undefined && !sources.has(receiver)) captured.add(receiver);
      }
    }
  }
  return { captured: [...captured], imports: [...imports], parameters: [...parameters], passes };
}

const DEFINITIONS: ReadonlySet<string> = new Set(['Macro', 'Import', 'FromImport']);
const IMPORTS: ReadonlySet<string> = new Set(['Import', 'FromImport']);
const MACROS: ReadonlySet<string> = new Set(['Macro', 'Caller']);
const LOOPS: ReadonlySet<string> = new Set(['For', 'AsyncEach', 'AsyncAll']);

function mentions(node: unknown, isSource: (name: string) => boolean): boolean {
  if (!isNode(node)) return false;
  if (node.typename === 'Symbol') return isSource(String(node.value));
  // The content of a call block is rendered where caller() is called, not passed as a value.
  if (node.typename === 'Caller') return false;
  return childNodes(node).some((child) => mentions(child, isSource));
}

/** The variable whose method is called. */
function rootName(callee: unknown): string | undefined {
  let at = callee;
  if (!isNode(at) || at.typename !== 'LookupVal') return undefined;
  while (isNode(at) && at.typename === 'LookupVal') at = at.target;
  return isNode(at) && at.typename === 'Symbol' ? String(at.value) : undefined;
}
