import type { Identity } from '../model/identity.ts';

/** What the values of a page are to the cache. None of these throws, but for {@link World.version} and for what a proxy of the page's may throw. */
export interface World {
  /** The identity of a model: what is registered, says it itself, or is of a type that a tag named. */
  identity(object: object): Identity | undefined;
  /** Grows when more objects become models. */
  readonly generation: number;
  /** The identity of a plain row of a type; undefined when it has no usable id. */
  rowIdentity(row: object, type: string): Identity | undefined;
  /** The text by which a function is compared; undefined when it cannot be trusted to be the same the next time. */
  functionText(called: (...args: never[]) => unknown): string | undefined;
  /**
   * The same for the prototype of an instance whose methods or getters are read, and for an instance without data: they are
   * code as functions are.
   */
  codeText(code: object | symbol): string | undefined;
  /** The identity of an object that is not compared: of any instance that has an id, whether its type was named or not. */
  uncomparedIdentity(object: object): Identity | undefined;
  /** The object that Nunjucks' wrapper of a method calls the method on; undefined for any other function. */
  boundTo(called: unknown): unknown;
  /** Whether the copy of Nunjucks that renders the page prints it as html. */
  isMarkedSafe(value: object): boolean;
  /** What is known of a macro; undefined for anything else. */
  macro(value: unknown): object | undefined;
  /**
   * What stands in a model's identity for what no bump tells, `version` of its registration: its text, or an object that is
   * compared as a whole. It throws where there is none to compare.
   */
  version(object: object, identity: Identity): string | object;
}

/** The values at a tag's place, as a path begins. */
export interface Scope {
  readonly world: World;
  /** The models of the tag: they stand for what is below them. */
  readonly models: readonly object[];
  scope(name: string): unknown;
  variable(name: string): unknown;
  context(name: string): unknown;
  global(name: string): unknown;
  /** A filter (`|name`) or a test (`?name`). */
  helper(name: string): unknown;
  /** A variable of the template that a macro stands in; undefined where that cannot be told. */
  ofMacro(macro: object, name: string): { readonly value: unknown } | undefined;
}
