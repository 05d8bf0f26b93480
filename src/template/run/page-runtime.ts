import { peekOrNothing } from '../../reads/peek.ts';
import { isPlaceholder } from '../../reads/placeholder.ts';
import { BY_CALL, BY_COMPUTED_NAME, fromCall } from '../../reads/text-uses.ts';
import type { Reading } from '../../render/body.ts';
import type { Context, Frame, Runtime, SafeStringClass } from '../nunjucks.ts';
import { MethodWrappers } from './made-up-methods.ts';
import { NotThere } from './not-there.ts';
import type { OpenHoles } from './open-holes.ts';
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
  /** The holes of the body that is rendered, if it is to be kept. */
  readonly holes?: OpenHoles | undefined;
  /** A template or module runs, with a copy of `variables`; undefined if these are not the page's. */
  enter(context: Context, variables: Record<string, unknown> | undefined): void;
  /** A variable was looked up in the frames, then in the context. */
  lookup(context: Context, frame: Frame, name: string, value: unknown): void;
  /** A variable was looked up past all frames, as macros and modules do. */
  lookupPast(kind: 'context' | 'global', context: Context, name: string, value: unknown): void;
  /** The template uses a filter (`|name`) or test (`?name`) that is not Nunjucks' own. */
  helper(name: string, called: unknown): void;
  /** `object[key]` will be read. */
  before(object: unknown, key: unknown): void;
  member(object: unknown, key: unknown, value: unknown): void;
  /**
   * The runtime made up a method for an object, as Jinja compatibility does. Returns the object that the method is to
   * work on: one that reports changes, or the object itself.
   */
  madeUp(object: unknown): unknown;
  /** `for` goes over a value. */
  iterate(value: unknown): void;
  /** `for a, b in` takes apart the elements of a value. */
  destructure(value: unknown): void;
  /**
   * The template got a value without a lookup: a JavaScript variable of its code holds it, or a filter, slice or call gave
   * it.
   */
  hold(got: string, value: unknown): void;
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
export interface MakeRuntime {
  readonly prototype: PageRuntime;
  new (context: Context): PageRuntime;
}

/**
 * Makes the runtime that the templates of a page receive: Nunjucks' own, which also tells the body being rendered about
 * each lookup. Where no body is rendered, it costs one more check than Nunjucks alone.
 *
 * Each function calls the one that the runtime has at that time, because `installJinjaCompat` replaces some of them,
 * and may be called after the first page.
 *
 * @param failed called with each error that a template catches
 */
export function pageRuntime(
  runtime: Runtime,
  fragments: { readonly reading: TemplateReading | undefined },
  failed: (context: Context, error: unknown) => void,
): MakeRuntime {
  const wrappers = new MethodWrappers(runtime);
  const overrides: Partial<Runtime> & ThisType<PageRuntime> = {
    Frame: pageFrame(runtime.Frame, fragments),
    contextOrFrameLookup(context, frame, name) {
      const value = runtime.contextOrFrameLookup.call(this, context, frame, name);
      NotThere.refuse(value);
      fragments.reading?.lookup(context, frame, name, value);
      return value;
    },
    memberLookup(object, key, ...slice) {
      const reading = fragments.reading;
      if (slice.length === 0) reading?.before(object, key);
      const value = runtime.memberLookup.call(this, object, key, ...slice);
      if (slice.length > 0) {
        if (reading !== undefined) sliced(reading, object, value);
        return value;
      }
      const isMethod = typeof value === 'function';
      if (reading !== undefined) {
        if (isMethod && !wrappers.includes(value)) return runtime.memberLookup.call(this, reading.madeUp(object), key);
        reading.member(object, key, value);
      }
      return isMethod ? method(object, key, value as Called) : value;
    },
    makeMacro(names, keywords, body) {
      const macro = runtime.makeMacro.call(this, names, keywords, body);
      (macro as { [MACRO]?: Macro })[MACRO] = { context: this.context, body, isCaller: false };
      return macro;
    },
    // A macro returns its html in one, as does `super()`.
    SafeString: safeString(runtime, fragments),
    markSafe(value) {
      const safe = runtime.markSafe(value);
      return typeof value === 'string' ? printable(fragments, safe as object, value) : safe;
    },
    suppressValue(value, autoescape) {
      const shown = runtime.suppressValue(value, autoescape);
      if (typeof shown === 'object') fragments.reading?.holes?.print(shown);
      return shown;
    },
    makeKeywordArgs(args) {
      const { caller } = args as { readonly caller?: unknown };
      const macro = macroOf(caller);
      if (macro !== undefined) {
        macro.isCaller = true;
        fragments.reading?.madeCaller(caller as object);
      }
      return runtime.makeKeywordArgs.call(this, args);
    },
    fromIterator(value) {
      fragments.reading?.iterate(value);
      return runtime.fromIterator.call(this, value);
    },
    isArray(value) {
      fragments.reading?.destructure(value);
      return runtime.isArray.call(this, value);
    },
    inOperator(key, value) {
      const reading = fragments.reading;
      if (Array.isArray(value)) reading?.iterate(value);
      else reading?.hand([value]);
      return runtime.inOperator.call(this, key, value);
    },
    callWrap(called, name, context, args) {
      const reading = fragments.reading;
      if (reading === undefined) return runtime.callWrap.call(this, called, name, context, args);
      const value = runtime.callWrap.call(this, called, name, reading.called(called, context, args), args);
      if (isMethodOfText(called)) return value;
      reading.given(value);
      // A macro returns its html.
      if (typeof value !== 'object' || value instanceof String) return value;
      for (const got of [fromCall(name), BY_CALL]) reading.hold(got, value);
      return value;
    },
    handleError(error, line, column) {
      failed(this.context, error);
      return runtime.handleError.call(this, error, line, column);
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

/** Makes the class of html that is not escaped. It is a function, because it may return another object. */
function safeString(runtime: Runtime, fragments: { readonly reading: TemplateReading | undefined }): SafeStringClass {
  const { SafeString } = runtime;
  const made = function safe(text: string): object {
    return printable(fragments, new SafeString(text), text);
  };
  made.prototype = SafeString.prototype;
  return made as unknown as SafeStringClass;
}

function printable(fragments: { readonly reading: TemplateReading | undefined }, safe: object, html: string): object {
  return fragments.reading?.holes?.printable(safe, html) ?? safe;
}

/** Records that a tag receives operands. Of a list, the models in it are operands. */
export function goOverLists(reading: TemplateReading, operands: readonly unknown[]): void {
  for (const operand of operands) if (Array.isArray(operand)) reading.iterate(operand);
}

/** Reports a slice, `list[1:3]`. Reads of the elements of a list are recorded when they are used. */
function sliced(reading: TemplateReading, object: unknown, slice: unknown): void {
  if (Array.isArray(object)) {
    reading.iterate(object);
    return reading.hold(BY_COMPUTED_NAME, slice);
  }
  reading.hand([object]);
  if (typeof object === 'object') reading.given(slice);
}

/** Whether a function is a method of a text. Such a method makes a new result for each call. */
function isMethodOfText(called: unknown): boolean {
  return typeof methodOf(called)?.object === 'string';
}

function method(object: unknown, key: unknown, value: Called): Called {
  (value as { [METHOD_OF]?: Method })[METHOD_OF] = { object, key };
  return value;
}
