/**
 * The parts of Nunjucks that this package touches, typed by their shape: an environment may come from another copy of
 * Nunjucks than ours (Eleventy brings its own), so nothing here is imported and nothing is tested with `instanceof`.
 */

export type Done<T> = (error: unknown, result?: T) => void;

/** Argument of `install`: any `nunjucks.Environment`. */
export interface NunjucksEnvironment {
  getTemplate(name: string): unknown;
  addExtension(name: string, extension: object): unknown;
}

export interface Environment extends NunjucksEnvironment {
  readonly opts: LexerOptions & {
    readonly autoescape: boolean;
    readonly throwOnUndefined: boolean;
    readonly trimBlocks: boolean;
    readonly lstripBlocks: boolean;
  };
  readonly loaders: readonly Loader[];
  readonly filters: Readonly<Record<string, unknown>>;
  readonly tests: Readonly<Record<string, unknown>>;
  extensions: Readonly<Record<string, Extension>>;
  extensionsList: readonly Extension[];
  readonly asyncFilters: readonly string[];
  globals: object;
  getExtension(name: string): object;
  render(name: string, context?: object | null | Done<string>, done?: Done<string>): string | null;
  waterfall(tasks: readonly never[], callback?: never, isDeferred?: boolean): void;
  getFilter(name: string): (this: unknown, ...args: unknown[]) => unknown;
  getTest(name: string): (this: unknown, ...args: unknown[]) => unknown;
  getTemplate(name: string): Template;
  getTemplate(
    name: string | Template,
    eager: boolean,
    parent: string | null | undefined,
    ignoreMissing: boolean,
    done?: Done<Template>,
  ): Template | undefined;
}

export interface Loader {
  readonly async?: boolean;
  readonly searchPaths?: readonly string[];
}

export interface Extension {
  /** The name by which the environment knows it; set by Nunjucks. */
  readonly __name?: string;
  readonly tags?: readonly string[];
  readonly preprocess?: (source: string) => string;
  readonly parse?: (parser: Parser, nodes: Nodes, lexer: Lexer) => Node;
}

export interface LexerOptions {
  readonly tags?: {
    readonly blockStart?: string;
    readonly blockEnd?: string;
    readonly commentStart?: string;
    readonly commentEnd?: string;
  };
}

/** A compiled template; `rootRenderFunc` and the source are set by Nunjucks. */
export interface Template {
  env: Environment;
  readonly path: string | undefined;
  readonly tmplStr?: string;
  readonly tmplProps?: CompiledCode;
  readonly rootRenderFunc?: RootFunction;
  readonly blocks: Readonly<Record<string, unknown>>;
  compile(): void;
  render(context: object | null | undefined, done?: Done<string>): string | null;
}

export type CompiledCode = Readonly<Record<string, (...args: never[]) => unknown>>;

/** The functions that Nunjucks passes to compiled templates. */
export interface Runtime {
  contextOrFrameLookup(context: Context, frame: Frame, name: string): unknown;
  /** With Jinja compatibility, `slice` is the rest of `object[start:stop:step]`, whose start is `key`. */
  memberLookup(object: unknown, key: unknown, ...slice: readonly unknown[]): unknown;
  makeMacro(names: readonly string[], keywords: readonly string[], body: (...args: unknown[]) => unknown): object;
  makeKeywordArgs(args: object): object;
  fromIterator(value: unknown): unknown;
  isArray(value: unknown): boolean;
  inOperator(key: unknown, value: unknown): boolean;
  callWrap(called: unknown, name: string, context: Context, args: readonly unknown[]): unknown;
  readonly Frame: FrameClass;
  readonly SafeString: SafeStringClass;
  markSafe(value: unknown): unknown;
  /** Returns what is printed for a value. */
  suppressValue(value: unknown, autoescape: boolean): unknown;
  handleError(error: unknown, line: number, column: number): unknown;
}

/** A template's compiled function. It identifies the template, wherever a macro or block of it runs. */
export type RootFunction = (...args: unknown[]) => void;

export interface Context {
  readonly env: Environment;
  readonly ctx: Record<string, unknown>;
  readonly exported: string[];
  lookup(name: string): unknown;
  setVariable(name: string, value: unknown): void;
  addExport(name: string): void;
  getVariables(): Record<string, unknown>;
}

export interface SafeStringClass {
  readonly prototype: object;
  new (text: string): object;
}

/** Its constructor copies the variables. */
export type ContextClass = new (variables: object, blocks: object, env: Environment) => Context;

export type FrameClass = new (parent?: Frame | null, isolateWrites?: boolean) => Frame;

export interface Frame {
  variables: Record<string, unknown>;
  parent: Frame | null;
  readonly isolateWrites: boolean | undefined;
  topLevel: boolean;
  push(isolateWrites?: boolean): Frame;
  set(name: string, value: unknown, resolveUp?: boolean): void;
  lookup(name: string): unknown;
  resolve(name: string, forWrite?: boolean): Frame | undefined;
}

export interface Token {
  readonly type: string;
  readonly value: unknown;
  readonly lineno: number;
  readonly colno: number;
}

export interface TokenSource {
  nextToken(): Token | null;
}

export interface Tokenizer extends TokenSource {
  /** The whole source, after the extensions' `preprocess`. */
  readonly str: string;
  readonly tags: { readonly BLOCK_END: string };
  readonly lineno: number;
  readonly colno: number;
}

export interface Parser {
  readonly tokens: Tokenizer;
  extensions: readonly Extension[];
  nextToken(withWhitespace?: boolean): Token | null;
  peekToken(): Token | null;
  pushToken(token: Token): void;
  advanceAfterBlockEnd(name?: string): Token;
  parseUntilBlocks(...names: string[]): Node;
  parseUnary(): Node;
  parseAsRoot(): Node;
}

export type ParserClass = new (tokens: TokenSource) => Parser;

export interface Lexer {
  lex(source: string, options: LexerOptions): Tokenizer;
  readonly TOKEN_STRING: string;
  readonly TOKEN_WHITESPACE: string;
  readonly TOKEN_BLOCK_END: string;
  readonly TOKEN_VARIABLE_END: string;
  readonly TOKEN_LEFT_PAREN: string;
  readonly TOKEN_RIGHT_PAREN: string;
  readonly TOKEN_LEFT_BRACKET: string;
  readonly TOKEN_RIGHT_BRACKET: string;
  readonly TOKEN_LEFT_CURLY: string;
  readonly TOKEN_RIGHT_CURLY: string;
  readonly TOKEN_OPERATOR: string;
  readonly TOKEN_COMMA: string;
  readonly TOKEN_COLON: string;
  readonly TOKEN_TILDE: string;
  readonly TOKEN_PIPE: string;
  readonly TOKEN_INT: string;
  readonly TOKEN_FLOAT: string;
  readonly TOKEN_BOOLEAN: string;
  readonly TOKEN_NONE: string;
  readonly TOKEN_SYMBOL: string;
  readonly TOKEN_REGEX: string;
}

/** A node of Nunjucks' syntax tree; `typename` determines which fields exist. */
export interface Node {
  readonly typename: string;
  readonly lineno: number;
  readonly colno: number;
  readonly fields: readonly string[];
  readonly [field: string]: unknown;
}

type NodeClass = new (line: number | string, column: number | string, ...fields: unknown[]) => Node;

export interface Nodes {
  readonly NodeList: NodeClass;
  readonly Output: NodeClass;
  readonly TemplateData: NodeClass;
  readonly Literal: NodeClass;
  readonly Symbol: NodeClass;
  readonly Array: NodeClass;
  readonly Set: NodeClass;
  readonly Block: NodeClass;
  readonly FunCall: NodeClass;
  readonly Caller: NodeClass;
  readonly CallExtension: new (extension: object, method: string, args: Node, contents: readonly Node[]) => Node;
}
