import { LRUCache } from 'lru-cache';
import { analyseCode } from './compiled-code.ts';
import { type Flows, findFlows } from './flows.ts';
import type { Environment, Lexer, Node, ParserClass, Template } from './nunjucks.ts';
import { boundNames, childNodes, descendants, scopeNames } from './syntax.ts';
import { literalTemplate, type Uses, UsesFinder } from './uses.ts';

/** What a template is made of, as far as caching its fragments goes. */
export interface TemplateAnalysis {
  /** The templates it names in its text: includes, imports, the one it extends. */
  readonly references: readonly string[];
  /** What the whole of it reads when it is included. */
  readonly page: Uses;
  /** What each block of it reads. */
  readonly blocks: ReadonlyMap<string, Uses>;
  /** The template it extends, where that is written in it. */
  readonly parent: string | undefined;
  /** Macros and imports whose code is in it or in a template it names. */
  readonly definitions: ReadonlySet<string>;
  readonly flows: Flows;
  /** Its fragments, by the tag's ordinal. */
  readonly fragments: readonly FragmentAnalysis[];
}

export interface FragmentAnalysis {
  /** What the body reads. */
  readonly uses: Uses;
  /** The block that the tag stands in. */
  readonly block: string | undefined;
  /** Names around the tag that Nunjucks compiles to JavaScript variables. */
  readonly variables: ReadonlySet<string>;
}

/** Nunjucks' own classes, of the copy that the environment comes from. */
export interface Toolkit {
  readonly Parser: ParserClass;
  readonly lexer: Lexer;
}

/** The field by which the node of a fragment tag is known while a template is analysed; its body is its content. */
export const ORDINAL = 'cachesweeperOrdinal';

/** Templates whose analysis is kept; strings rendered once must not pile up. */
const MAX_ANALYSES = 500;

/** Analyses the templates of one environment. */
export class Analyst {
  readonly #env: Environment;
  readonly #toolkit: Toolkit;
  readonly #kept = new LRUCache<string, TemplateAnalysis>({ max: MAX_ANALYSES });
  /** Parsing for an analysis: tags hand out their bodies and compile nothing. */
  #analysing = false;

  constructor(env: Environment, toolkit: Toolkit) {
    this.#env = env;
    this.#toolkit = toolkit;
  }

  get analysing(): boolean {
    return this.#analysing;
  }

  template(template: Template): TemplateAnalysis {
    if (template.tmplStr === undefined) return analyseCode(template.tmplProps ?? {});
    try {
      return this.source(this.#preprocess(template.tmplStr));
    } catch {
      // It cannot be compiled either: whoever renders it will hear of it, with its place.
      return analyseCode({});
    }
  }

  /** @param source after `preprocess` */
  source(source: string): TemplateAnalysis {
    let analysis = this.#kept.get(source);
    if (analysis === undefined) {
      analysis = analyseTree(this.#parse(source), this.#env.asyncFilters);
      this.#kept.set(source, analysis);
    }
    return analysis;
  }

  #preprocess(source: string): string {
    return this.#env.extensionsList.reduce((text, extension) => extension.preprocess?.(text) ?? text, source);
  }

  #parse(source: string): Node {
    const { Parser, lexer } = this.#toolkit;
    const parser = new Parser(lexer.lex(source, this.#env.opts));
    parser.extensions = this.#env.extensionsList;
    const before = this.#analysing;
    this.#analysing = true;
    try {
      return parser.parseAsRoot();
    } finally {
      this.#analysing = before;
    }
  }
}

/** What Nunjucks gives a JavaScript variable for the rest of the template. */
const DEFINITIONS: ReadonlySet<string> = new Set(['Macro', 'Import', 'FromImport']);
const REFERENCES: ReadonlySet<string> = new Set(['Include', 'Import', 'FromImport', 'Extends']);

function analyseTree(root: Node, asyncFilters: readonly string[]): TemplateAnalysis {
  const finder = new UsesFinder(root, asyncFilters);
  const references = new Set<string>();
  const blocks = new Map<string, Uses>();
  const fragments: FragmentAnalysis[] = [];
  const defining: Node[] = [];
  const definitions = new Set<string>();
  for (const node of descendants(root)) {
    if (DEFINITIONS.has(node.typename)) {
      defining.push(node);
      for (const name of boundNames(node)) {
        if (node.typename === 'Macro' || literalTemplate(node) !== undefined) definitions.add(name);
      }
    }
    if (REFERENCES.has(node.typename)) {
      const name = literalTemplate(node);
      if (name !== undefined) references.add(name);
    } else if (node.typename === 'Block') {
      const name = String((node.name as Node).value);
      blocks.set(name, finder.of(node.body as Node, name));
    }
  }
  findFragments(root, { block: undefined, variables: new Set() }, (ordinal, body, around) => {
    const inside = new Set(descendants(body));
    const variables = new Set(around.variables);
    for (const node of defining) if (!inside.has(node)) for (const name of boundNames(node)) variables.add(name);
    fragments[ordinal] = { uses: finder.of(body, around.block), block: around.block, variables };
  });
  return {
    references: [...references],
    page: finder.of(root),
    blocks,
    parent: finder.parent,
    definitions,
    flows: findFlows(root),
    fragments,
  };
}

interface Around {
  readonly block: string | undefined;
  readonly variables: ReadonlySet<string>;
}

/** Visits the bodies of all fragments, with what each stands in. */
function findFragments(node: Node, around: Around, visit: (ordinal: number, body: Node, around: Around) => void): void {
  const ordinal = node[ORDINAL];
  if (typeof ordinal === 'number') visit(ordinal, (node.contentArgs as readonly Node[])[0] as Node, around);
  const block = node.typename === 'Block' ? String((node.name as Node).value) : around.block;
  const own = scopeNames(node);
  const variables = own.length === 0 ? around.variables : new Set([...around.variables, ...own]);
  for (const child of childNodes(node)) findFragments(child, { block, variables }, visit);
}
