import { createRequire } from 'node:module';
import type nunjucks from 'nunjucks';
import type { Templates } from '../support/loaders.ts';

/** A node of Nunjucks' parser, as far as it is used here. */
type Node = { [field: string]: unknown; readonly typename: string };
/** Names that Nunjucks' compiler has JavaScript variables for. */
interface CompilerFrame {
  push(isolateWrites?: boolean): CompilerFrame;
  set(name: string, variable: string): void;
  lookup(name: string): string | undefined;
}
interface Compiler {
  _tmpid(): string;
  _emit(code: string): void;
  _emitLine(code: string): void;
  _compileExpression(node: unknown, frame: CompilerFrame): void;
  _compileMacro(node: Node, frame?: CompilerFrame): string;
  compileRoot(node: Node, frame?: CompilerFrame): void;
  hasScopes?: boolean;
  compile(node: unknown, frame: CompilerFrame): void;
  compileScope(node: Node, frame: CompilerFrame): void;
}

/** Returns a copy of Nunjucks that has no hooks of the sweeper. */
function nunjucksAlone(): typeof nunjucks {
  const load = createRequire(import.meta.url);
  const own = /[\\/]nunjucks[\\/]/;
  const before = Object.entries(load.cache).filter(([path]) => own.test(path));
  for (const [path] of before) delete load.cache[path];
  const copy = load('nunjucks') as typeof nunjucks;
  for (const path of Object.keys(load.cache)) if (own.test(path)) delete load.cache[path];
  for (const [path, module] of before) load.cache[path] = module;
  addScope(copy);
  return copy;
}

/**
 * Teaches Nunjucks' compiler a scope: what is set in it ends with it. This is what `{% uncached %}` is without a cache.
 */
export function addScope(copy: typeof nunjucks): void {
  const { Compiler } = (copy as unknown as { compiler: { Compiler: { prototype: Compiler } } }).compiler;
  const { compileRoot, _compileMacro: compileMacro } = Compiler.prototype;
  Compiler.prototype.compileRoot = function (node, frame) {
    this.hasScopes = hasScopes(node);
    return compileRoot.call(this, node, frame);
  };
  // A macro sees the page as it is where it is defined, whatever is passed to the scope that it is called in.
  Compiler.prototype._compileMacro = function _compileMacro(node, frame) {
    const macro = compileMacro.call(this, node, frame);
    // The sweeper knows macros by their identity.
    if (!this.hasScopes) return macro;
    const [own, around] = [this._tmpid(), this._tmpid()];
    this._emitLine(
      `var ${own} = context; ${macro} = (function(macro) { return function() { var ${around} = context; context = ${own};`,
    );
    this._emitLine(`try { return macro.apply(this, arguments); } finally { context = ${around}; } }; })(${macro});`);
    return macro;
  };
  Compiler.prototype.compileScope = function compileScope({ content, names, values }, frame) {
    const passed = (values as readonly unknown[]).map((value) => {
      const variable = this._tmpid();
      this._emit(`var ${variable} = `);
      this._compileExpression(value, frame);
      this._emitLine(';');
      return variable;
    });
    const kept = setIn(content as Node).flatMap((name) => {
      const variable = frame.lookup(name);
      if (variable === undefined) return [];
      const before = this._tmpid();
      this._emitLine(`var ${before} = ${variable};`);
      return [`${variable} = ${before};`];
    });
    const outer = this._tmpid();
    this._emitLine(`var ${outer} = frame; frame = frame.push(true);`);
    this._emitLine(
      `frame.resolve = function(name) { return this.variables[name] !== undefined || ${outer}.resolve(name) ? this : undefined; };`,
    );
    // What is passed hides what is around also where it is undefined, which Nunjucks takes for no variable at all.
    this._emitLine(
      `frame.lookup = function(name) { return Object.hasOwn(this.variables, name) ? this.variables[name] : ${outer}.lookup(name); };`,
    );
    const around = this._tmpid();
    this._emitLine(`var ${around} = context;`);
    const inner = frame.push(true);
    (names as readonly string[]).forEach((name, i) => {
      const value = passed[i] as string;
      inner.set(name, value);
      this._emitLine(`frame.set(${JSON.stringify(name)}, ${value});`);
      const without = `Object.assign(Object.create(context), { ctx: Object.assign({}, context.ctx, { ${name}: undefined }) })`;
      this._emitLine(`if (${value} === undefined) context = ${without};`);
    });
    this.compile(content, inner.push());
    this._emitLine(`frame = ${outer}; context = ${around}; ${kept.join(' ')}`);
  };
}

function hasScopes(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(hasScopes);
  if (typeof value !== 'object' || value === null || !('typename' in value)) return false;
  const node = value as Node;
  return node.typename === 'Scope' || (node.fields as string[]).some((field) => hasScopes(node[field]));
}

function setIn(node: Node): string[] {
  const names: string[] = [];
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) return value.forEach(visit);
    if (typeof value !== 'object' || value === null || !('typename' in value)) return;
    const { typename, targets, fields } = value as Node;
    if (typename === 'Set') for (const target of targets as Node[]) names.push(String(target.value));
    for (const field of fields as string[]) visit((value as Node)[field]);
  };
  visit(node);
  return names;
}

/** Nunjucks without the sweeper. */
export const alone: typeof nunjucks = nunjucksAlone();

/** Nunjucks' parser, as far as it is used here. */
export interface Parser {
  nextToken(): { readonly value: string };
  peekToken(): { readonly type: string };
  advanceAfterBlockEnd(tag?: string): void;
  parseUntilBlocks(...ends: readonly string[]): Node;
  parseSignature(tolerant: null, noParens: boolean): { readonly children: readonly Arguments[] };
}
interface Arguments {
  readonly children: readonly { readonly key: Node; readonly value: Node }[];
}
type NodeClass = new (...args: unknown[]) => Node;
export interface NodeClasses {
  readonly NodeList: NodeClass;
  readonly CallExtension: NodeClass;
}

/** `{% uncached %}` in plain Nunjucks, and the other tags, which do nothing there. */
export const plainTags = {
  tags: ['uncached', 'cachesweeper', 'depends'],
  parse(parser: Parser, nodes: NodeClasses) {
    const { value } = parser.nextToken();
    if (value !== 'uncached') {
      while (parser.peekToken().type !== 'block-end') parser.nextToken();
      parser.advanceAfterBlockEnd(value);
      if (value === 'depends') return new nodes.NodeList(0, 0, []);
      const body = parser.parseUntilBlocks('endcachesweeper');
      parser.advanceAfterBlockEnd();
      return body;
    }
    const pairs = parser.parseSignature(null, true).children.flatMap(({ children }) => children);
    parser.advanceAfterBlockEnd(value);
    const content = parser.parseUntilBlocks('enduncached');
    parser.advanceAfterBlockEnd();
    const values = pairs.map((pair) => pair.value);
    return Object.defineProperties(new nodes.NodeList(0, 0, [...values, content]), {
      typename: { value: 'Scope' },
      names: { value: pairs.map(({ key }) => key.value) },
      values: { value: values },
      content: { value: content },
    });
  },
};

/** An environment of plain Nunjucks, for templates with the tags of the sweeper. */
export function plainEnvironment(templates: Templates, options: nunjucks.ConfigureOptions = {}): nunjucks.Environment {
  const loader = {
    getSource: (name: string) => {
      const src = templates[name];
      return src === undefined ? null : { src, path: name, noCache: false };
    },
  };
  const env = new alone.Environment(loader as unknown as nunjucks.ILoader, options);
  env.addExtension('tags', plainTags as unknown as nunjucks.Extension);
  return env;
}
