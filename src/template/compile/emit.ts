import type { Node, Nodes } from '../nunjucks.ts';
import { boundNames, childNodes, DEFINITIONS, isNode, ORDINAL } from './syntax.ts';

/** The variable of a compiled body that has its {@link BodyRun}: inside another tag's block `cb` is that tag's. */
const RUN = 'cachesweeperRun';

/**
 * The nodes a fragment tag is compiled from.
 *
 * Nunjucks writes a literal that is not a string as whatever its `toString` gives, so a literal can hold a piece of
 * JavaScript. Such pieces survive precompilation: `root`, the template's own function, by which a running tag knows its
 * template wherever it stands; `frame`, the scope it runs in; `runtime.markSafe`, because Nunjucks forgets
 * `autoescape = false` of a tag it has to rebuild; and the statements around the body, which give it a scope of its own
 * and tell when all of it was rendered.
 */
export class Emitter {
  readonly #nodes: Nodes;

  constructor(nodes: Nodes) {
    this.#nodes = nodes;
  }

  /** A call of the extension's `run`, with the template and scope as its first arguments. */
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

  /** The values that names have where the tag stands. */
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
   * The body, and the names that it sets and defines.
   *
   * A body that defines macros or imports is the body of a caller: Nunjucks' compiler keeps definitions in JavaScript variables,
   * which must not be looked for behind the body. Where such a body sets a name that is a JavaScript variable around it (a loop's
   * variable, say), the name is a parameter of the caller: it starts with the value it has outside.
   *
   * @param variables names around the tag that are JavaScript variables
   * @param block the block that the tag stands in
   */
  scoped(body: Node, variables: ReadonlySet<string>, block: string | undefined): ScopedBody {
    if (block !== undefined) this.#renderSuperInPlace(body, block);
    const assigned = namesIn(body, isSet);
    const defined = namesIn(body, isDefinition);
    this.#publishDefinitions(body);
    // The variable is that of the template's function: macros that are called set it, and callers run in what they set.
    const inFrame = this.#statement(`var ${RUN} = cb.run; frame = ${RUN}.frame`);
    const end = this.#statement(`${RUN}.end(); frame = ${RUN}.frame.parent`);
    if (defined.length === 0) return { node: this.list([inFrame, body, end]), assigned, defined };
    const parameters = assigned.filter((name) => variables.has(name));
    const symbols = () => this.list(parameters.map((name) => new this.#nodes.Symbol(0, 0, name)));
    const content = this.list([this.#statement(`frame = ${RUN}.frame`), body, this.#statement(`${RUN}.end()`)]);
    const caller = new this.#nodes.Caller(0, 0, new this.#nodes.Symbol(0, 0, 'caller'), symbols(), content);
    // "lineno" and "colno" are the variables the code keeps its place in: calling the body does not change the place.
    const call = new this.#nodes.FunCall('lineno', 'colno', caller, symbols());
    // The caller's end takes its frame away again.
    return {
      node: this.list([this.#statement(`var ${RUN} = cb.run`), new this.#nodes.Output(0, 0, [call])]),
      assigned,
      defined,
    };
  }

  /** Behind a tag: JavaScript variables get what its body set under their names, on a miss and on a hit. */
  behind(names: readonly string[]): Node[] {
    return names.map((name) => {
      const value = this.#code(`frame.lookup(${JSON.stringify(name)})`);
      return new this.#nodes.Set(0, 0, [new this.#nodes.Symbol(0, 0, name)], value);
    });
  }

  /**
   * `super()` in a body, rendered where it stands. Nunjucks would render the parent's block before the block that
   * the body is in: on a hit as well, and outside the body, which would not know what it was made from.
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
   * Macros see the page's variables and not the scope they are called from. At the top of a template, definitions are
   * such variables; in a scope they would not be: `set m = m` behind each makes them so until the body ends.
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

/** A body as it is compiled, the names it sets, and those of its macros and imports. */
export interface ScopedBody {
  readonly node: Node;
  readonly assigned: readonly string[];
  readonly defined: readonly string[];
}

const isSet = ({ typename }: Node): boolean => typename === 'Set';
const isDefinition = ({ typename }: Node): boolean => DEFINITIONS.has(typename);

/** Names that a body binds at its own level: not inside its macros. What fragments in it set, is set around them. */
function namesIn(body: Node, isBinding: (node: Node) => boolean): string[] {
  const names = new Set<string>();
  const visit = (node: Node): void => {
    if (isBinding(node)) for (const name of boundNames(node)) names.add(name);
    if (node.typename === 'Macro') return;
    // Definitions in a fragment are gone when it ends.
    if (ORDINAL in node && isBinding === isDefinition) return;
    for (const child of childNodes(node)) visit(child);
  };
  visit(body);
  return [...names];
}
