import type { PrivateNames } from '../../reads/private-names.ts';
import { digest } from '../../util/digest.ts';
import { lru } from '../../util/lru.ts';
import type { Environment, Lexer, Node, ParserClass } from '../nunjucks.ts';
import type { WrittenTag } from './arguments.ts';
import { newFacts, type TemplateFacts } from './facts.ts';
import { preprocessed, withoutFactsTag } from './facts-text.ts';
import { definitionsForHoles, findHoles, type HoleAnalysis, namesDefinedBy } from './holes.ts';
import { boundNames, childNodes, DEFINITIONS, descendants, HOLE, isNode, ORDINAL } from './syntax.ts';
import { type Position, positionOf } from './template-error.ts';
import { textsIn } from './texts.ts';
import { literalTemplate, type NameUse, type Uses, UsesFinder } from './uses.ts';
import { findFragments } from './variables.ts';

/** Facts found in a template's source while it is compiled. */
export interface TemplateAnalysis {
  /** Facts that are written into its compiled code. */
  readonly facts: TemplateFacts;
  /** Its fragments, by the tag's ordinal. */
  readonly fragments: readonly FragmentAnalysis[];
  /** Its holes, by the tag's ordinal. */
  readonly holes: readonly HoleAnalysis[];
  /** Names of the macros and imports that its holes use. */
  readonly definedForHoles: readonly string[];
}

export interface FragmentAnalysis {
  /** The tag. */
  readonly written: WrittenTag;
  /** Names and templates that the body uses. */
  readonly uses: Uses;
  /** Name of the block around the tag. */
  readonly block: string | undefined;
  /** Names around the tag that Nunjucks compiles to JavaScript variables. */
  readonly variables: ReadonlySet<string>;
  /** Those of the variables that the body mentions. */
  readonly handed: readonly string[];
  /** Those that only the holes in it mention. */
  readonly handedToHoles: readonly string[];
  /** Names that may be read after the body or around it; `*` for any. */
  readonly readBehind: readonly string[] | '*';
  /**
   * A macro or import that the body defines and that is used after it. This is an error, because a hit would not define
   * it.
   */
  readonly usedBehind: { readonly name: string; readonly at: Position } | undefined;
}

/** Nunjucks' own classes, from the copy of Nunjucks that the environment uses. */
export interface Toolkit {
  readonly Parser: ParserClass;
  readonly lexer: Lexer;
}

/** Limit of analyses kept. Templates from strings that are rendered once must not pile up. */
const MAX_ANALYSES = 500;

/** Analyses the sources of one environment's templates. */
export class Analyst {
  readonly #env: Environment;
  readonly #toolkit: Toolkit;
  readonly #privateNames: PrivateNames;
  readonly #kept = lru<TemplateAnalysis>(MAX_ANALYSES);
  /** While true, tags return their bodies and compile nothing. */
  #analysing = false;
  /** While true, a source is compiled for its definitions alone. */
  #defining = false;

  constructor(env: Environment, toolkit: Toolkit, privateNames: PrivateNames) {
    this.#env = env;
    this.#toolkit = toolkit;
    this.#privateNames = privateNames;
  }

  get analysing(): boolean {
    return this.#analysing;
  }

  /**
   * Returns the facts of a template that is not compiled yet, as its compiled code will have them.
   *
   * @param source before `preprocess`
   */
  factsOf(source: string): TemplateFacts {
    try {
      return this.source(preprocessed(source, this.#env.extensionsList)).facts;
    } catch {
      // It cannot be compiled either; rendering it throws the error, with its place.
      return brokenFacts(source);
    }
  }

  /**
   * Returns the analysis of a source, cached.
   *
   * @param source after `preprocess`
   * @throws errors of Nunjucks' parser and of our tags
   */
  source(source: string): TemplateAnalysis {
    let analysis = this.#kept.get(source);
    if (analysis === undefined) {
      analysis = this.#analyse(source);
      this.#kept.set(source, analysis);
    }
    return analysis;
  }

  /** Remembers the analysis of one source for another source with the same meaning. */
  keep(source: string, analysis: TemplateAnalysis): void {
    this.#kept.set(source, analysis);
  }

  /** Whether a source is being compiled for {@link definitions}. */
  get defining(): boolean {
    return this.#defining;
  }

  /**
   * Returns the compiled nodes of macros and imports at the top of a source. The parser that compiles a template has no
   * way to hand out what it has read, so that the source is parsed once more.
   *
   * @param names names of what is wanted
   */
  definitions(source: string, names: readonly string[]): readonly Node[] {
    if (names.length === 0) return [];
    this.#defining = true;
    try {
      return childNodes(this.#parse(source, false)).filter(
        (node) => DEFINITIONS.has(node.typename) && boundNames(node).some((name) => names.includes(name)),
      );
    } finally {
      this.#defining = false;
    }
  }

  /**
   * Like {@link source}, but not cached, with the syntax tree and with all names that are used, where compiled code
   * has the private ones only.
   */
  examine(source: string): { readonly root: Node; readonly analysis: TemplateAnalysis } {
    const root = this.#parse(source, true);
    return { root, analysis: this.#analyseTree(source, root, () => true) };
  }

  #analyse(source: string): TemplateAnalysis {
    // The others are not checked when a page runs.
    const isPrivate = ({ path }: NameUse) => this.#privateNames.privateLength(path) !== undefined;
    return this.#analyseTree(source, this.#parse(source, true), isPrivate);
  }

  #analyseTree(source: string, root: Node, isKept: (use: NameUse) => boolean): TemplateAnalysis {
    return analyseTree(root, digest(withoutFactsTag(source, this.#env.opts)), this.#env.asyncFilters, isKept);
  }

  /** @param analysing whether tags return their bodies and compile nothing */
  #parse(source: string, analysing: boolean): Node {
    const { Parser, lexer } = this.#toolkit;
    const parser = new Parser(lexer.lex(source, this.#env.opts));
    parser.extensions = this.#env.extensionsList;
    const before = this.#analysing;
    this.#analysing = analysing;
    try {
      return parser.parseAsRoot();
    } finally {
      this.#analysing = before;
    }
  }
}

/** Returns facts for a template that cannot be compiled. It prints nothing until its source changes. */
function brokenFacts(source: string): TemplateFacts {
  const page = { names: [], changes: [], templates: [] };
  return newFacts({ digest: digest(source), references: [], texts: [], page, blocks: {}, fragments: [] });
}

const REFERENCES: ReadonlySet<string> = new Set(['Include', 'Import', 'FromImport', 'Extends']);

function analyseTree(
  root: Node,
  sourceDigest: string,
  asyncFilters: readonly string[],
  isKept: (use: NameUse) => boolean,
): TemplateAnalysis {
  const finder = new UsesFinder(root, asyncFilters);
  const references = new Set<string>();
  const blocks: Record<string, Uses> = {};
  const uses = (piece: Node, block?: string): Uses => {
    const found = finder.of(piece, block);
    return { ...found, names: found.names.filter(isKept) };
  };
  for (const node of descendants(root)) {
    if (REFERENCES.has(node.typename)) {
      const name = literalTemplate(node);
      if (name !== undefined) references.add(name);
    } else if (node.typename === 'Block') {
      const name = String((node.name as Node).value);
      Object.defineProperty(blocks, name, {
        value: uses(node.body as Node, name),
        enumerable: true,
        configurable: true,
      });
    }
  }
  const behind = new Behind(root);
  const fragments: FragmentAnalysis[] = [];
  for (const { ordinal, written, body, block, variables, region } of findFragments(root)) {
    const mentioned = new Set(symbolsIn(body));
    const read = new Set(symbolsOutsideOfHoles(body));
    fragments[ordinal] = {
      written,
      uses: uses(body, block),
      block,
      variables,
      handed: [...variables].filter((name) => mentioned.has(name)),
      handedToHoles: [...variables].filter((name) => mentioned.has(name) && !read.has(name)),
      readBehind: behind.namesOf(body, region),
      usedBehind: usedBehind(root, body, finder),
    };
  }
  const { parent } = finder;
  const facts = newFacts({
    digest: sourceDigest,
    references: [...references],
    texts: textsIn(root),
    ...(parent === undefined ? {} : { parent }),
    page: uses(root),
    blocks,
    fragments: fragments.map((fragment) => fragment.uses),
  });
  const holes = findHoles(root, finder);
  const definedForHoles = holes.length === 0 ? [] : namesDefinedBy(definitionsForHoles(root, finder));
  return { facts, fragments, holes, definedForHoles };
}

function* symbolsIn(node: Node): Generator<string> {
  for (const { typename, value } of descendants(node)) if (typename === 'Symbol') yield String(value);
}

/** What is passed to a hole counts, because it is kept. */
function* symbolsOutsideOfHoles(node: Node): Generator<string> {
  if (node.typename === 'Symbol') yield String(node.value);
  const inside = HOLE in node ? [node.args as Node] : childNodes(node);
  for (const child of inside) yield* symbolsOutsideOfHoles(child);
}

/** Whether a node passes the variables around it to code of another template or tag. */
function handsOn(node: Node): boolean {
  if (
    node.typename === 'Include' ||
    node.typename === 'Extends' ||
    node.typename === 'Block' ||
    node.typename === 'CallExtensionAsync'
  )
    return true;
  if (node.typename === 'CallExtension') return !(ORDINAL in node || HOLE in node);
  if (node.typename === 'FunCall') return isNode(node.name) && node.name.value === 'super';
  return (node.typename === 'Import' || node.typename === 'FromImport') && node.withContext === true;
}

/** Counts names, and nodes that pass variables on, in a part of a template. */
class Mentions {
  readonly names = new Map<string, number>();
  handsOn = 0;

  constructor(nodes: Iterable<Node>) {
    for (const node of nodes) {
      if (node.typename === 'Symbol') this.names.set(String(node.value), (this.names.get(String(node.value)) ?? 0) + 1);
      if (handsOn(node)) this.handsOn++;
    }
  }
}

/**
 * Tells which names that a body sets may be read outside of it. Each part of the template is counted once for all tags.
 */
class Behind {
  readonly #root: Node;
  readonly #counted = new Map<Node, Mentions>();

  constructor(root: Node) {
    this.#root = root;
  }

  /**
   * Returns the names of a body that also occur outside of it.
   *
   * @param region the nearest node around the tag with variables of its own: a block, a macro, or the template
   */
  namesOf(body: Node, region: Node): readonly string[] | '*' {
    const own = new Mentions(descendants(body));
    if (this.#count(region).handsOn > own.handsOn) return '*';
    const { names } = this.#count(this.#root);
    // Only names that the body mentions matter.
    return [...own.names].flatMap(([name, count]) => ((names.get(name) ?? 0) > count ? [name] : []));
  }

  #count(node: Node): Mentions {
    let mentions = this.#counted.get(node);
    if (mentions === undefined) {
      mentions = new Mentions(descendants(node));
      this.#counted.set(node, mentions);
    }
    return mentions;
  }
}

/** Finds the first use, after a body, of a macro or import that only the body defines. */
function usedBehind(root: Node, body: Node, finder: UsesFinder): FragmentAnalysis['usedBehind'] {
  const inside = [...descendants(body)];
  const defined = new Map<string, Position>();
  for (const node of inside) {
    if (DEFINITIONS.has(node.typename)) for (const name of boundNames(node)) defined.set(name, positionOf(node));
  }
  if (defined.size === 0) return undefined;
  for (const { name, at } of definedOutsideOfFragments(root)) {
    const definition = defined.get(name);
    // A definition after the body replaces the body's own.
    if (definition !== undefined && isBehind(at, definition)) defined.delete(name);
  }
  const places = new Set(inside.map((node) => placeOf(positionOf(node))));
  for (const { path, at } of finder.of(root).names) {
    const name = path[0] as string;
    const definition = defined.get(name);
    if (definition !== undefined && isBehind(at, definition) && !places.has(placeOf(at))) return { name, at };
  }
  return undefined;
}

function* definedOutsideOfFragments(root: Node): Generator<{ readonly name: string; readonly at: Position }> {
  const inside = new Set<Node>();
  for (const { body } of findFragments(root)) for (const node of descendants(body)) inside.add(node);
  for (const node of descendants(root)) {
    if (!DEFINITIONS.has(node.typename) || inside.has(node)) continue;
    for (const name of boundNames(node)) yield { name, at: positionOf(node) };
  }
}

function isBehind(at: Position, other: Position): boolean {
  return at.line > other.line || (at.line === other.line && at.column > other.column);
}

const placeOf = ({ line, column }: Position): string => `${line}:${column}`;
