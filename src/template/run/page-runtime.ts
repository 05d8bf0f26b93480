import { peek } from '../../reads/peek.ts';
import { isPlaceholder } from '../../reads/placeholder.ts';
import type { Reading } from '../../render/frame.ts';
import type { Context, Frame, Runtime } from '../nunjucks.ts';

type Called = (this: unknown, ...args: unknown[]) => unknown;

/** Under this property a macro carries what is known of it. */
const MACRO: unique symbol = Symbol('nunjucks-cachesweeper macro');
/** Under this property what `object.method` gives carries the object and the method. */
const METHOD_OF: unique symbol = Symbol('nunjucks-cachesweeper method');

export interface Method {
  readonly object: unknown;
  readonly key: unknown;
}

export interface Macro {
  /** The context of the template that it stands in: what it looks up, it looks up there. */
  readonly context: Context;
  /** Its compiled code. */
  readonly body: (...args: never[]) => unknown;
  /** It is what {% call %} passes in: a closure, which sees what stands around it. */
  isCaller: boolean;
}

/** What is known of a macro, or of what Nunjucks gives for `templates.macro`; undefined for anything else. */
export function macroOf(value: unknown): Macro | undefined {
  if (typeof value !== 'function') return undefined;
  const macro = (value as { readonly [MACRO]?: Macro })[MACRO];
  if (macro !== undefined) return macro;
  const method = methodOf(value);
  return method && macroOf(calledIn(method));
}

/** The function that Nunjucks' wrapper of a method calls; undefined where that takes a getter. */
export function calledIn({ object, key }: Method): unknown {
  if ((typeof object !== 'object' && typeof object !== 'function') || object === null || isPlaceholder(object)) {
    return undefined;
  }
  try {
    return peek(object, key as string);
  } catch {
    return undefined;
  }
}

/** What Nunjucks gives for `object.method`, taken apart; undefined for any other function. */
export function methodOf(value: unknown): Method | undefined {
  return typeof value === 'function' ? (value as { readonly [METHOD_OF]?: Method })[METHOD_OF] : undefined;
}

/** Told of what the templates of a page do, as their compiled code does it. */
export interface TemplateReading extends Reading {
  /** A template or module is run, with a copy of `variables` (undefined for none of the page). */
  enter(context: Context, variables: Record<string, unknown> | undefined): void;
  /** Looks a variable up, as Nunjucks does: in the frames, then in the context. */
  lookup(context: Context, frame: Frame, name: string): unknown;
  /** A variable that is looked up past all frames, as macros and modules do. */
  lookupPast(kind: 'context' | 'global', context: Context, name: string, value: unknown): void;
  /** A filter (`|name`) or a test (`?name`) of the site's is used. */
  helper(name: string, called: unknown): void;
  member(object: unknown, key: unknown, value: unknown): void;
  /** `for` goes over a value. */
  iterate(value: unknown): void;
  /** `for a, b in` takes the elements of a value apart. */
  destructure(value: unknown): void;
  /** A filter, a test, an operator, another tag is handed values. */
  hand(values: readonly unknown[]): void;
  /** What {% call %} passes in was made for the body. */
  madeCaller(caller: object): void;
  /** A call: returns the context that the function is given as its `this`. */
  called(called: unknown, context: Context, args: readonly unknown[]): Context;
  /** What a function gave. */
  given(value: unknown): void;
  isGiven(value: unknown): boolean;
  /** The context as functions see it. */
  recording(context: Context): Context;
}

/** Nunjucks' runtime as one run of a template gets it. */
export type PageRuntime = Runtime & { readonly context: Context };

const PAGE_RUNTIME: unique symbol = Symbol('nunjucks-cachesweeper runtime');

export function isPageRuntime(runtime: Runtime): runtime is PageRuntime {
  return PAGE_RUNTIME in runtime;
}

/** Makes the runtime of one run of a template, whose macros see `context`. */
export type MakeRuntime = new (context: Context) => PageRuntime;

/**
 * The runtime that the templates of a page are handed: Nunjucks' own, which tells the body being rendered what is looked up. Where no
 * body is rendered, it asks one variable more than Nunjucks.
 */
export function pageRuntime(
  runtime: Runtime,
  fragments: { readonly reading: TemplateReading | undefined },
): MakeRuntime {
  const { contextOrFrameLookup, memberLookup, makeMacro, makeKeywordArgs } = runtime;
  const { fromIterator, inOperator, callWrap, isArray } = runtime;
  const overrides: Partial<Runtime> & ThisType<PageRuntime> = {
    contextOrFrameLookup(context, frame, name) {
      const reading = fragments.reading;
      if (reading === undefined) return contextOrFrameLookup(context, frame, name);
      return reading.lookup(context, frame, name);
    },
    memberLookup(object, key) {
      const value = memberLookup(object, key);
      fragments.reading?.member(object, key, value);
      return typeof value === 'function' ? method(object, key, value as Called) : value;
    },
    makeMacro(names, keywords, body) {
      const macro = makeMacro(names, keywords, body);
      (macro as { [MACRO]?: Macro })[MACRO] = { context: this.context, body, isCaller: false };
      return macro;
    },
    makeKeywordArgs(args) {
      const { caller } = args as { readonly caller?: unknown };
      const macro = macroOf(caller);
      if (macro !== undefined) {
        macro.isCaller = true;
        fragments.reading?.madeCaller(caller as object);
      }
      return makeKeywordArgs(args);
    },
    fromIterator(value) {
      fragments.reading?.iterate(value);
      return fromIterator(value);
    },
    isArray(value) {
      fragments.reading?.destructure(value);
      return isArray(value);
    },
    inOperator(key, value) {
      const reading = fragments.reading;
      if (Array.isArray(value)) reading?.iterate(value);
      else reading?.hand([value]);
      return inOperator(key, value);
    },
    callWrap(called, name, context, args) {
      const reading = fragments.reading;
      if (reading === undefined) return callWrap(called, name, context, args);
      const value = callWrap(called, name, reading.called(called, context, args), args);
      if (!isMethodOfText(called)) reading.given(value);
      return value;
    },
  };
  class Derived {
    readonly [PAGE_RUNTIME] = true;
    readonly context: Context;
    constructor(context: Context) {
      this.context = context;
    }
  }
  Object.setPrototypeOf(Derived.prototype, Object.assign(Object.create(runtime), overrides));
  return Derived as unknown as MakeRuntime;
}

/** What a method of a text gives was made for whoever called it. */
function isMethodOfText(called: unknown): boolean {
  return typeof methodOf(called)?.object === 'string';
}

function method(object: unknown, key: unknown, value: Called): Called {
  (value as { [METHOD_OF]?: Method })[METHOD_OF] = { object, key };
  return value;
}
