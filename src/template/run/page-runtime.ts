import { peekOrNothing } from '../../reads/peek.ts';
import { isPlaceholder } from '../../reads/placeholder.ts';
import type { Reading } from '../../render/frame.ts';
import type { Context, Frame, Runtime } from '../nunjucks.ts';
import { pageFrame } from './page-frame.ts';

type Called = (this: unknown, ...args: unknown[]) => unknown;

/** Property of a macro that holds its context and code. */
const MACRO: unique symbol = Symbol('nunjucks-cachesweeper macro');
/** Property of a method that Nunjucks returned for `object.method`; it holds the object and the method's name. */
const METHOD_OF: unique symbol = Symbol('nunjucks-cachesweeper method');

export interface Method {
  readonly object: unknown;
  readonly key: unknown;
}

export interface Macro {
  /** The context of the template that the macro is defined in. The macro looks up its variables there. */
  readonly context: Context;
  /** Its compiled code. */
  readonly body: (...args: never[]) => unknown;
  /** Whether it is the block of a `{% call %}`: a closure, which sees the variables around it. */
  isCaller: boolean;
}

/**
 * Returns the context and code of a macro, also of one imported as `templates.macro`; undefined for any other value.
 */
export function macroOf(value: unknown): Macro | undefined {
  if (typeof value !== 'function') return undefined;
  const macro = (value as { readonly [MACRO]?: Macro })[MACRO];
  if (macro !== undefined) return macro;
  const method = methodOf(value);
  return method && macroOf(calledIn(method));
}

/** Returns the function that Nunjucks' wrapper of a method calls; undefined where finding it would call a getter. */
export function calledIn({ object, key }: Method): unknown {
  if ((typeof object !== 'object' && typeof object !== 'function') || object === null || isPlaceholder(object)) {
    return undefined;
  }
  return peekOrNothing(object, key as string);
}

/**
 * Returns the object and the name of the method that Nunjucks wrapped for `object.method`; undefined for any other
 * function.
 */
export function methodOf(value: unknown): Method | undefined {
  return typeof value === 'function' ? (value as { readonly [METHOD_OF]?: Method })[METHOD_OF] : undefined;
}

/** Receives each step that the compiled templates of a page take. */
export interface TemplateReading extends Reading {
  /** A template or module runs, with a copy of `variables`; undefined if these are not the page's. */
  enter(context: Context, variables: Record<string, unknown> | undefined): void;
  /** Looks a variable up, as Nunjucks does: in the frames, then in the context. */
  lookup(context: Context, frame: Frame, name: string): unknown;
  /** A variable was looked up past all frames, as macros and modules do. */
  lookupPast(kind: 'context' | 'global', context: Context, name: string, value: unknown): void;
  /** The template uses a filter (`|name`) or test (`?name`) that is not Nunjucks' own. */
  helper(name: string, called: unknown): void;
  member(object: unknown, key: unknown, value: unknown): void;
  /** `for` goes over a value. */
  iterate(value: unknown): void;
  /** `for a, b in` takes apart the elements of a value. */
  destructure(value: unknown): void;
  /** JavaScript variables of the compiled template hold values, so the template may print them without a lookup. */
  hold(values: readonly unknown[]): void;
  /** A filter, a test, an operator or another tag receives values. */
  hand(values: readonly unknown[]): void;
  /** The body made the block of a `{% call %}`. */
  madeCaller(caller: object): void;
  /** A function is called. Returns the context that it gets as its `this`. */
  called(called: unknown, context: Context, args: readonly unknown[]): Context;
  /** A function returned a value. */
  given(value: unknown): void;
  isGiven(value: unknown): boolean;
  /** Returns a context for functions that records their lookups. */
  recording(context: Context): Context;
}

/** Nunjucks' runtime, as one run of a template receives it. */
export type PageRuntime = Runtime & { readonly context: Context };

const PAGE_RUNTIME: unique symbol = Symbol('nunjucks-cachesweeper runtime');

export function isPageRuntime(runtime: Runtime): runtime is PageRuntime {
  return PAGE_RUNTIME in runtime;
}

/** Makes the runtime of one run of a template, whose macros see `context`. */
export type MakeRuntime = new (context: Context) => PageRuntime;

/**
 * Makes the runtime that the templates of a page receive: Nunjucks' own, which also tells the body being rendered about
 * each lookup. Where no body is rendered, it costs one more check than Nunjucks alone.
 *
 * @param failed called with each error that a template catches
 */
export function pageRuntime(
  runtime: Runtime,
  fragments: { readonly reading: TemplateReading | undefined },
  failed: (context: Context, error: unknown) => void,
): MakeRuntime {
  const { contextOrFrameLookup, memberLookup, makeMacro, makeKeywordArgs } = runtime;
  const { fromIterator, inOperator, callWrap, isArray, handleError } = runtime;
  const overrides: Partial<Runtime> & ThisType<PageRuntime> = {
    Frame: pageFrame(runtime.Frame, fragments),
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
    handleError(error, line, column) {
      failed(this.context, error);
      return handleError(error, line, column);
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

/** Whether a function is a method of a text. Such a method makes a new result for each call. */
function isMethodOfText(called: unknown): boolean {
  return typeof methodOf(called)?.object === 'string';
}

function method(object: unknown, key: unknown, value: Called): Called {
  (value as { [METHOD_OF]?: Method })[METHOD_OF] = { object, key };
  return value;
}
