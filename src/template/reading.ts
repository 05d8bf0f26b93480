import { isPlaceholder } from '../reads/placeholder.ts';
import type { Recorder } from '../reads/recorder.ts';
import { isLazy } from '../reads/lazies.ts';
import { peek } from '../reads/peek.ts';
import type { Reading } from '../render/frame.ts';
import type { Context, Frame } from './nunjucks.ts';
import { macroOf, methodOf } from './page-runtime.ts';
import { recordingContext } from './recording-context.ts';

/** Where a body stands. */
export interface Around {
  /** The frame that the body's own variables are in. */
  readonly frame: Frame;
  readonly context: Context;
}

/**
 * Tells a recorder what a body looks up, in Nunjucks' terms: which variables stand outside of the body, whichever template
 * looks for them. A body's own variables are in its frame or below it, and in the contexts of what it includes.
 */
export class BodyReading implements Reading {
  readonly #recorder: Recorder;
  readonly #around: Around;
  /** Contexts made while the body runs, with the variables that each is a copy of. */
  readonly #contexts = new Map<Context, Record<string, unknown> | undefined>();
  readonly #owners = new Map<Record<string, unknown>, Context>();
  /** Macros that the body called, by the context that they see. */
  readonly #macros = new Map<Context, Set<object>>();
  readonly #recording = new Map<Context, Context>();

  constructor(recorder: Recorder, around: Around) {
    this.#recorder = recorder;
    this.#around = around;
    this.#owners.set(around.context.ctx, around.context);
  }

  get recorder(): Recorder {
    return this.#recorder;
  }

  /** A template or module is run for the body, with a copy of `variables` (undefined for none of the page). */
  enter(context: Context, variables: Record<string, unknown> | undefined): void {
    this.#contexts.set(context, variables);
    this.#owners.set(context.ctx, context);
  }

  lookup(context: Context, frame: Frame, name: string, value: unknown): void {
    const own = this.#around.frame;
    let isInside = false;
    for (let at: Frame | null = frame; at !== null; at = at.parent) {
      if (at === own) isInside = true;
      if (at.variables[name] === undefined) continue;
      // Found in the body's own frames, or in a macro's, which stands alone.
      if (!isInside || at === own) return this.#seen(value);
      return this.#scope(name, value);
    }
    this.#ofContext(context, name, value, isInside);
  }

  #seen(value: unknown): void {
    this.#recorder.again(value);
  }

  #scope(name: string, value: unknown): void {
    if (name === 'caller') this.#recorder.cannotSee('caller', 'what {% call %} passes in is another block each time');
    this.#recorder.root('scope', name, value);
  }

  #ofContext(from: Context, name: string, value: unknown, isInside: boolean): void {
    let context = from;
    while (context !== this.#around.context) {
      if (!this.#contexts.has(context)) return this.#ofMacro(context, name, value);
      const variables = this.#contexts.get(context);
      const parent = variables && this.#owners.get(variables);
      if (parent === undefined) return this.#isolated(context, variables, name, value);
      // Set by the template that the body includes.
      const isSame = Object.is(context.ctx[name], parent.ctx[name]) && name in context.ctx === name in parent.ctx;
      if (!isSame) return this.#seen(value);
      context = parent;
    }
    if (isInside) this.#scope(name, value);
    else this.#recorder.root('context', name, value);
  }

  /** A module without the page's variables, or a template that a function renders. */
  #isolated(context: Context, variables: object | undefined, name: string, value: unknown): void {
    if (name in context.ctx) return this.#seen(value);
    const { globals } = context.env;
    if (name in globals) this.#recorder.root('global', name, value);
    else if (variables !== undefined) this.#seen(value);
  }

  /** A macro from outside looks at its own template's variables. */
  #ofMacro(context: Context, name: string, value: unknown): void {
    for (const macro of this.#macros.get(context) ?? []) if (this.#recorder.ofMacro(macro, name, value)) return;
    this.#recorder.cannotSee(name, 'a variable of a template that cannot be told');
  }

  member(object: unknown, key: unknown, value: unknown): void {
    this.#recorder.member(object, key, value);
  }

  iterate(value: unknown): void {
    this.#recorder.iterate(value);
  }

  destructure(value: unknown): void {
    this.#recorder.destructure(value);
  }

  hand(value: unknown): void {
    this.#recorder.hand(value);
  }

  /** A call: returns the context that the function is given as its `this`. */
  called(called: unknown, context: unknown, args: readonly unknown[]): unknown {
    const method = methodOf(called);
    const target = method === undefined ? called : methodIn(method);
    const macro = macroOf(target);
    if (macro !== undefined) {
      this.#macroCalled(macro.context, target as object);
      for (const arg of args) this.#recorder.pass(arg);
      return context;
    }
    if (method !== undefined) this.#recorder.call(method.object, target);
    for (const arg of args) this.#recorder.hand(arg);
    return isLazy(target) ? context : this.recording(context as Context);
  }

  #macroCalled(context: Context, macro: object): void {
    const macros = this.#macros.get(context);
    if (macros === undefined) this.#macros.set(context, new Set([macro]));
    else macros.add(macro);
  }

  /** A filter, a test, another tag is called. */
  handed(args: readonly unknown[]): void {
    for (const arg of args) this.#recorder.hand(arg);
  }

  /** The context as functions see it: what they look up in it is recorded. */
  recording(context: Context): Context {
    let recording = this.#recording.get(context);
    if (recording === undefined) {
      recording = recordingContext(context, {
        read: (name, value) => {
          this.#ofContext(context, name, value, false);
          this.#recorder.hand(value);
        },
        all: () => this.#recorder.cannotSee('this.ctx', 'a function asks for all variables of the page'),
      });
      this.#recording.set(context, recording);
    }
    return recording;
  }
}

/** The function that a wrapped method stands for; undefined where that takes a getter. */
function methodIn({ object, key }: { readonly object: unknown; readonly key: unknown }): unknown {
  if ((typeof object !== 'object' && typeof object !== 'function') || object === null || isPlaceholder(object)) return undefined;
  try {
    return peek(object, key as string);
  } catch {
    return undefined;
  }
}
