import type { Identity } from '../model/identity.ts';

/**
 * Tells what the values of a page are to the cache. No method throws, except {@link World.version} and where a proxy of
 * the page throws.
 */
export interface World {
  /** Returns the identity of a model: registered, given by the object itself, or of a type that a tag named. */
  identity(object: object): Identity | undefined;
  /** Grows when more objects become models. */
  readonly generation: number;
  /** Returns the identity of a plain row of a type; undefined when it has no usable id. */
  rowIdentity(row: object, type: string): Identity | undefined;
  /** Returns the text by which a function is compared; undefined when it may be another function next time. */
  functionText(called: (...args: never[]) => unknown): string | undefined;
  /**
   * Like {@link functionText}, for a symbol, a class's prototype, or an instance without data; they are identified as
   * functions are.
   */
  codeText(code: object | symbol): string | undefined;
  /**
   * Returns the identity of an object whose content is not compared: any instance with an id, even if its type was
   * never named.
   */
  uncomparedIdentity(object: object): Identity | undefined;
  /** Returns the object on which Nunjucks' wrapper of a method calls it; undefined for any other function. */
  boundTo(called: unknown): unknown;
  /** Whether the copy of Nunjucks that renders the page prints the value as html, unescaped. */
  isMarkedSafe(value: object): boolean;
  /** Returns what is known of a macro; undefined for anything else. */
  macro(value: unknown): object | undefined;
  /**
   * Returns the text of a model's `version` attribute, or its value if that is an object, to be compared whole; '' for
   * a type without such an attribute. Throws where the attribute is a method.
   */
  version(object: object, identity: Identity): string | object;
}

/** The values at a tag's place in a page, by the kinds of root. */
export interface Scope {
  readonly world: World;
  /** Models of the tag. Their tokens stand for what is below them. */
  readonly models: readonly object[];
  /**
   * Returns what an object below a model held before the body could change it. Set when the body has ended, because its
   * entry is found by what the next page has before.
   */
  contents?: (object: object) => readonly unknown[];
  scope(name: string): unknown;
  variable(name: string): unknown;
  context(name: string): unknown;
  global(name: string): unknown;
  /** A filter (`|name`) or a test (`?name`). */
  helper(name: string): unknown;
  /** A variable of the template in which a macro is defined; undefined where it cannot be told. */
  ofMacro(macro: object, name: string): { readonly value: unknown } | undefined;
}
