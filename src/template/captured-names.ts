import type { Node } from './nunjucks.ts';
import { boundNames, childNodes, descendants, isNode, scopeNames } from './syntax.ts';

/** How one template passes captured html around. */
export interface Captures {
  /** Names to which it gives captured html, or what it made of it. */
  readonly captured: readonly string[];
  /** Names of its imports: they may export what was captured. */
  readonly imports: readonly string[];
  /** Names to which it gives what any function or filter returned, or what it made of it. */
  readonly returned: readonly string[];
  /** The parameters of its macros and call blocks. */
  readonly parameters: readonly string[];
  /** It passes captured html to a macro or to caller(). */
  readonly passes: boolean;
  /** It passes them what any function or filter returned. */
  readonly passesReturned: boolean;
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
  readonly #returned = new Set<string>();
  readonly #parameters = new Set<string>();
  #passes = false;
  #passesReturned = false;
  /** Some names were not kept: any may be one of them. */
  #isFull = false;

  add({ captured, imports, returned, parameters, passes, passesReturned }: Captures): void {
    for (const name of returned) if (this.#returned.size < MAX_NAMES) this.#returned.add(name);
    this.#passesReturned ||= passesReturned;
    for (const name of imports) if (this.#imports.size < MAX_NAMES) this.#imports.add(name);
    for (const name of captured) if (this.#captured.size < MAX_NAMES) this.#captured.add(name);
    for (const name of parameters) if (this.#parameters.size < MAX_NAMES) this.#parameters.add(name);
    this.#passes ||= passes;
    this.#isFull = [this.#captured, this.#parameters, this.#returned].some(({ size }) => size >= MAX_NAMES);
  }

  /** Whether a name is known for an import: what it exports beside macros may be captured. */
  isImport(name: string): boolean {
    return this.#imports.size >= MAX_NAMES || this.#imports.has(name);
  }

  /** @param hasForeignHtml a component or a lazy rendered something that a variable may hold */
  has(name: string, hasForeignHtml: boolean): boolean {
    if (this.#isFull || this.#captured.has(name) || (this.#passes && this.#parameters.has(name))) return true;
    return hasForeignHtml && (this.#returned.has(name) || (this.#passesReturned && this.#parameters.has(name)));
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
  const captured = follow(nodes, sources, (name) => sources.has(name), false);
  const returned = follow(nodes, sources, (name) => sources.has(name), true);
  return {
    captured: [...captured.names],
    imports: [...imports],
    returned: [...returned.names],
    parameters: [...parameters],
    passes: captured.passes,
    passesReturned: returned.passes,
  };
}

/** Follows values from where they come from to the names that get them, until nothing new is found. */
function follow(
  nodes: readonly Node[],
  definitions: ReadonlySet<string>,
  isSource: (name: string) => boolean,
  withCalls: boolean,
): { readonly names: ReadonlySet<string>; readonly passes: boolean } {
  const names = new Set<string>();
  const holds = (node: unknown) => mentions(node, (name) => isSource(name) || names.has(name), withCalls);
  let passes = false;
  for (let before = -1; before < names.size; ) {
    before = names.size;
    for (const node of nodes) {
      if (node.typename === 'Set' && (isNode(node.body) || holds(node.value))) {
        for (const name of boundNames(node)) names.add(name);
      } else if (LOOPS.has(node.typename) && holds(node.arr)) {
        for (const name of scopeNames(node)) names.add(name);
      } else if (node.typename === 'FunCall' && holds(node.args)) {
        passes = true;
        const receiver = rootName(node.name);
        if (receiver !== undefined && !definitions.has(receiver)) names.add(receiver);
      }
    }
  }
  return { names, passes };
}

const DEFINITIONS: ReadonlySet<string> = new Set(['Macro', 'Import', 'FromImport']);
const IMPORTS: ReadonlySet<string> = new Set(['Import', 'FromImport']);
const MACROS: ReadonlySet<string> = new Set(['Macro', 'Caller']);
const LOOPS: ReadonlySet<string> = new Set(['For', 'AsyncEach', 'AsyncAll']);

function mentions(node: unknown, isSource: (name: string) => boolean, withCalls: boolean): boolean {
  if (!isNode(node)) return false;
  if (node.typename === 'Symbol') return isSource(String(node.value));
  // The content of a call block is rendered where caller() is called, not passed as a value.
  if (node.typename === 'Caller') return false;
  if (withCalls && (node.typename === 'FunCall' || node.typename === 'Filter')) return true;
  return childNodes(node).some((child) => mentions(child, isSource, withCalls));
}

/** The variable whose method is called. */
function rootName(callee: unknown): string | undefined {
  let at = callee;
  if (!isNode(at) || at.typename !== 'LookupVal') return undefined;
  while (isNode(at) && at.typename === 'LookupVal') at = at.target;
  return isNode(at) && at.typename === 'Symbol' ? String(at.value) : undefined;
}
