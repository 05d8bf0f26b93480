import type { Node, Nodes } from '../nunjucks.ts';
import { boundNames, childNodes, DEFINITIONS, isNode, ORDINAL } from './syntax.ts';

/**
 * Variable of a compiled body that holds its {@link BodyRun}. Not `cb`, which inside another tag's block is that tag's.
 */
const RUN = 'cachesweeperRun';

/**
 * Makes the nodes to which a fragment tag is compiled.
 *
 * Nunjucks writes a literal that is not a string as the result of its `toString`, so a literal can hold a piece of
 * JavaScript. Such pieces survive precompiling: `root`, the template's own function, by which a running tag recognises
 * its template anywhere; `frame`, the scope it runs in; `runtime.markSafe`, because Nunjucks' transformer loses
 * `autoescape = false` when it copies a tag's node; and the statements around a body, which give it a scope of its own
 * and report its end.
 */
export class Emitter {
  readonly #nodes: Nodes;

  constructor(nodes: Nodes) {
    this.#nodes = nodes;
  }

  /** Makes a call of the extension's `run`, with template and scope as first arguments. */
  call(extension: object, args: readonly Node[], body?: Node): Node {
    const all = this.list([this.#code('root'), this.#code('frame'), this.#code('runtime.markSafe'), ...args]);
    return new this.#nodes.CallExtension(extension, 'run', all, body === undefined ? [] : [body]);
  }

  list(children: readonly Node[]): Node {
    return new this.#nodes.NodeList(0, 0, children);
  }

  array(children: readonly Node[]): Node {
    return new this.#nodes.Array(0, 0, children);
  }

  /** Makes a list of the values that names have where the tag is. */
  symbols(names: readonly string[]): Node {
    return this.array(names.map((name) => new this.#nodes.Symbol(0, 0, name)));
  }

  literal(value: string | number | boolean | null): Node {
    return new this.#nodes.Literal(0, 0, value);
  }

  #code(javascript: string): Node {
    return new this.#nodes.Literal(0, 0, { toString: () => javascript });
  }

  #statement(javascript: string): Node {
    return new this.#nodes.Output(0, 0, [new this.#nodes.TemplateData(0, 0, { toString: () => `"";${javascript}` })]);
  }

  /**
   * Makes the body, and returns the names that it sets and defines.
   *
   * A body that defines macros or imports becomes the body of a caller, because Nunjucks' compiler keeps definitions in
   * JavaScript variables, which must not exist after the body. If such a body sets a name that is a JavaScript variable
   * around it, such as a loop variable, the name becomes a parameter of the caller and starts with the value outside.
   *
   * @param variables names around the tag that are JavaScript variables
   * @param block the block around the tag
   */
  scoped(body: Node, variables: ReadonlySet<string>, block: string | undefined): ScopedBody {
    if (block !== undefined) this.#renderSuperInPlace(body, block);
    const assigned = namesIn(body, isSet);
    const defined = namesIn(body, isDefinition);
    this.#publishDefinitions(body);
    // Assign the template function's own `frame`: macros set it when called, and callers run in the frame that it
    // holds. The run sets it back, even after an error.
    // The function has a name of its own first: see "closures" in docs/performance.md.
    const variable = `function(to) { return to ? frame = to : frame; }`;
    const begin = `var ${RUN} = cb.run, ${RUN}_frame = ${variable}; ${RUN}.frameVariable = ${RUN}_frame`;
    const inFrame = this.#statement(`${begin}; frame = ${RUN}.frame`);
    const end = this.#statement(`${RUN}.end()`);
    if (defined.length === 0) return { node: this.list([inFrame, body, end]), assigned, defined };
    const parameters = assigned.filter((name) => variables.has(name));
    const symbols = () => this.list(parameters.map((name) => new this.#nodes.Symbol(0, 0, name)));
    const content = this.list([this.#statement(`frame = ${RUN}.frame`), body, this.#statement(`${RUN}.end()`)]);
    const caller = new this.#nodes.Caller(0, 0, new this.#nodes.Symbol(0, 0, 'caller'), symbols(), content);
    // "lineno" and "colno" are the variables in which the code keeps its place; passing them leaves the place
    // unchanged.
    const call = new this.#nodes.FunCall('lineno', 'colno', caller, symbols());
    return {
      node: this.list([this.#statement(begin), new this.#nodes.Output(0, 0, [call])]),
      assigned,
      defined,
    };
  }

  /**
   * Makes the assignments after a tag: on a hit and on a miss, JavaScript variables get the values that the body set.
   */
  behind(names: readonly string[]): Node[] {
    return names.map((name) => {
      const value = this.#code(`frame.lookup(${JSON.stringify(name)})`);
      return new this.#nodes.Set(0, 0, [new this.#nodes.Symbol(0, 0, name)], value);
    });
  }

  /**
   * Makes `super()` in a body render in place. Nunjucks would render the parent's block before the block around the
   * body: on a hit as well, and outside of the body, which would miss its dependencies.
   */
  #renderSuperInPlace(node: Node, block: string): Node {
    if (isSuper(node)) {
      const name = JSON.stringify(block);
      return this.#code(
        `runtime.markSafe(${RUN}.inherited(function(done) { context.getSuper(env, ${name}, b_${block}, frame, runtime, done); }))`,
      );
    }
    const fields = node as Record<string, unknown>;
    const replace = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(replace);
      return isNode(value) ? this.#renderSuperInPlace(value, block) : value;
    };
    for (const field of [...node.fields, 'body']) if (field in fields) fields[field] = replace(fields[field]);
    return node;
  }

  /**
   * Adds `set m = m` after each definition in a body. Macros see the page's variables, not the scope they are called
   * from. Definitions at the top of a template are such variables; in a body they become so by the `set`, until the
   * body ends.
   */
  #publishDefinitions(node: Node): void {
    if (node.typename === 'Macro' || ORDINAL in node) return;
    const children = node.children;
    if (Array.isArray(children)) {
      const published = children.flatMap((child: Node) => [child, ...this.#definitions(child)]);
      children.splice(0, children.length, ...published);
    }
    for (const child of childNodes(node)) this.#publishDefinitions(child);
  }

  #definitions(node: Node): Node[] {
    if (!DEFINITIONS.has(node.typename)) return [];
    return boundNames(node).map((name) => {
      const symbol = () => new this.#nodes.Symbol(node.lineno, node.colno, name);
      return new this.#nodes.Set(node.lineno, node.colno, [symbol()], symbol());
    });
  }
}

function isSuper({ typename, name }: Node): boolean {
  return typename === 'FunCall' && isNode(name) && name.typename === 'Symbol' && name.value === 'super';
}

/** A compiled body, the names it sets, and the names of its macros and imports. */
export interface ScopedBody {
  readonly node: Node;
  readonly assigned: readonly string[];
  readonly defined: readonly string[];
}

const isSet = ({ typename }: Node): boolean => typename === 'Set';
const isDefinition = ({ typename }: Node): boolean => DEFINITIONS.has(typename);

/**
 * Returns the names that a body binds outside of its macros. Names that a fragment inside sets count, because they are
 * set around it, too.
 */
function namesIn(body: Node, isBinding: (node: Node) => boolean): string[] {
  const names = new Set<string>();
  const visit = (node: Node): void => {
    if (isBinding(node)) for (const name of boundNames(node)) names.add(name);
    if (node.typename === 'Macro') return;
    // Definitions in a fragment end with it.
    if (ORDINAL in node && isBinding === isDefinition) return;
    for (const child of childNodes(node)) visit(child);
  };
  visit(body);
  return [...names];
}
