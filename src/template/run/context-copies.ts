import type { RootKind } from '../../reads/read-node.ts';
import type { Context, Frame } from '../nunjucks.ts';

type Variables = Readonly<Record<string, unknown>>;

/** A context that starts with a copy of another context's variables. */
interface Copy {
  readonly initial: Variables;
  /** The variables it was copied from, as they are now; undefined if they are not the page's. */
  readonly variables: Variables | undefined;
}

/** The place of a body. */
interface Place {
  /** The frame that the body's own variables are in. */
  readonly frame: Frame;
  readonly context: Context;
}

/** Told where a variable comes from that is looked up in a context. */
export interface Origin {
  /** It is the body's own. */
  own(name: string, value: unknown): void;
  /** It is the page's, as the body found it. */
  ofPage(kind: RootKind, name: string, value: unknown): void;
  /** It is looked up in a module without the page's variables, or in a template that a function renders. */
  ofComponent(context: Context, name: string, value: unknown): void;
  /** It is looked up in a template that did not begin while the body runs: by a macro of it. */
  ofMacro(context: Context, name: string, value: unknown): void;
  unknown(name: string): void;
}

/**
 * The contexts of the templates that run while a body does. Nunjucks gives each a copy of the variables around it, so that
 * one has to be followed back to tell whether it comes from outside of the body.
 */
export class ContextCopies {
  readonly #around: Place;
  /** Contexts made while the body runs. */
  #copies: Map<Context, Copy> | undefined;
  #owners: Map<Variables, Context> | undefined;
  #before: { readonly variables: Variables } | undefined;

  constructor(around: Place) {
    this.#around = around;
  }

  /** Starts with the page's variables as they were before the body. A variable that the body sets is its own. */
  start(before: { readonly variables: Variables }): void {
    this.#before = before;
  }

  /** Notes that a template begins whose context was copied from some variables. */
  enter(context: Context, variables: Variables | undefined): void {
    // A template that extends another runs it in the same context.
    if (context === this.#around.context || this.#copies?.has(context)) return;
    this.#copies ??= new Map();
    this.#copies.set(context, { initial: { ...context.ctx }, variables });
    this.own(context);
  }

  /** Notes whose variables those of a context are: templates that are included there get a copy of them. */
  own(context: Context): void {
    this.#owners ??= new Map([[this.#around.context.ctx, this.#around.context]]);
    this.#owners.set(context.ctx, context);
  }

  /**
   * Follows a variable back through the copies to the context of the tag. It is a read of the page's variable only if it
   * was copied at each step; the value in the tag's context then is the one to compare.
   *
   * @param kind how it is found at the tag, if it is the page's
   */
  follow(kind: RootKind, from: Context, name: string, value: unknown, origin: Origin): void {
    let context = from;
    if (!isSame(name, context.ctx, this.#initialOf(context))) return origin.own(name, value);
    while (context !== this.#around.context) {
      const copy = this.#copies?.get(context);
      if (copy === undefined) return origin.ofMacro(context, name, value);
      const parent = copy.variables && this.#owners?.get(copy.variables);
      if (parent === undefined) {
        if (copy.variables === undefined) return origin.ofComponent(context, name, value);
        return origin.unknown(name);
      }
      if (!isSame(name, copy.initial, this.#initialOf(parent))) return origin.own(name, value);
      context = parent;
    }
    origin.ofPage(kind, name, value);
  }

  /**
   * Whether a variable that is looked up at a place in the body comes from outside of it. One that the body may have set
   * does not.
   *
   * @param isFramed whether it is looked up in the frames first, and not only among the page's variables
   */
  isOutside(context: Context, frame: Frame, name: string, isFramed: boolean): boolean {
    const own = this.#around.frame;
    let isInside = false;
    for (let at: Frame | null | undefined = frame; at; at = at.parent) {
      if (at === own) isInside = true;
      // What is set at the top of a template is a variable of the page there as well, also if it sets nothing.
      const isSet = at.topLevel ? Object.hasOwn(at.variables, name) : isFramed && at.variables[name] !== undefined;
      if (isSet) return isInside && at !== own;
    }
    let of = context;
    if (this.#hasSet(of, name)) return false;
    while (of !== this.#around.context) {
      // What a template sets at its top it exports.
      if (of.exported.includes(name)) return false;
      const copy = this.#copies?.get(of);
      if (copy?.variables === undefined) return true;
      const parent = this.#owners?.get(copy.variables);
      if (parent === undefined || !isSame(name, copy.initial, this.#initialOf(parent)) || this.#hasSet(parent, name))
        return false;
      of = parent;
    }
    return true;
  }

  /** Whether the body has set one of some variables from outside of it, which macros from there see. */
  hasSetOutside(variables: object, name: string): boolean {
    const { context } = this.#around;
    return variables === context.ctx && this.#hasSet(context, name);
  }

  /** Whether the body has set a variable of a context, maybe to the value that it had before. */
  #hasSet(context: Context, name: string): boolean {
    if (!isSame(name, context.ctx, this.#initialOf(context))) return true;
    const { frame, context: around } = this.#around;
    return context === around && frame.topLevel && Object.hasOwn(frame.variables, name);
  }

  /** Returns the variables that a context had when the body began, or when it was made for the body. */
  #initialOf(context: Context): Variables {
    if (context === this.#around.context) return this.#before?.variables ?? context.ctx;
    return this.#copies?.get(context)?.initial ?? context.ctx;
  }
}

/** Whether a variable is the same in two sets of variables. */
export function isSame(name: string, a: Variables, b: Variables): boolean {
  return Object.is(a[name], b[name]) && name in a === name in b;
}
