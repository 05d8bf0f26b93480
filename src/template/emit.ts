import type { Node, Nodes } from './nunjucks.ts';
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
   * The body in a scope of its own, and the names it gives values to.
   *
   * A body that sets names is the body of a caller, which has a scope both when it is compiled and when it runs. Where it
   * sets a name that is a JavaScript variable around it (a loop's variable, say), the name is a parameter of the caller: it
   * starts with the value it has outside, and `set` leaves that alone.
   *
   * @param variables names around the tag that are JavaScript variables
   * @param block the block that the tag stands in
   */
  scoped(
    body: Node,
    variables: ReadonlySet<string>,
    block: string | undefined,
  ): { readonly node: Node; readonly assigned: readonly string[] } {
    if (block !== undefined) this.#renderSuperInPlace(body, block);
    this.#publishDefinitions(body);
    const assigned = assignedNames(body);
    const inFrame = this.#statement(`var ${RUN} = cb.run, frame = ${RUN}.frame`);
    const end = this.#statement(`${RUN}.end()`);
    if (assigned.length === 0) return { node: this.list([inFrame, body, end]), assigned };
    const parameters = assigned.filter((name) => variables.has(name));
    const symbols = () => this.list(parameters.map((name) => new this.#nodes.Symbol(0, 0, name)));
    const content = this.list([this.#statement(`frame.topLevel = ${RUN}.frame.topLevel`), body, end]);
    const caller = new this.#nodes.Caller(0, 0, new this.#nodes.Symbol(0, 0, 'caller'), symbols(), content);
    // "lineno" and "colno" are the variables the code keeps its place in: calling the body does not change the place.
    const call = new this.#nodes.FunCall('lineno', 'colno', caller, symbols());
    return { node: this.list([inFrame, new this.#nodes.Output(0, 0, [call])]), assigned };
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

/** Names that a body sets in its own scope: not inside its macros and inner fragments, which have theirs. */
function assignedNames(body: Node): string[] {
  const names = new Set<string>();
  const visit = (node: Node): void => {
    if (node.typename === 'Macro' || ORDINAL in node) return;
    if (node.typename === 'Set') for (const name of boundNames(node)) names.add(name);
    for (const child of childNodes(node)) visit(child);
  };
  visit(body);
  return [...names];
}
