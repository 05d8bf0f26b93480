import { isPlaceholder } from '../reads/placeholder.ts';
import type { Recorder } from '../reads/recorder.ts';
import { isLazy } from '../reads/lazies.ts';
import { peek } from '../reads/peek.ts';
import type { ReadShape, RootKind } from '../reads/shape.ts';
import type { Context, Frame } from './nunjucks.ts';
import { macroOf, methodOf, type TemplateReading } from './page-runtime.ts';
import { recordingContext } from './recording-context.ts';

/** Where a body stands. */
export interface Around {
  /** The frame that the body's own variables are in. */
  readonly frame: Frame;
  readonly context: Context;
  /** Told of a variable of a template that a function renders, with what variables the page cannot tell. */
  ofComponent(name: string): void;
}

/**
 * Tells a recorder what a body looks up, in Nunjucks' terms: which variables stand outside of the body, whichever template
 * looks for them. A body's own variables are in its frame or below it, and in the contexts of what it includes.
 */
export class BodyReading implements TemplateReading {
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

  enter(context: Context, variables: Record<string, unknown> | undefined): void {
    // A template that extends another runs that one in its own context.
    if (context === this.#around.context || this.#contexts.has(context)) return;
    this.#contexts.set(context, variables);
    this.#owners.set(context.ctx, context);
  }

  lookup(context: Context, frame: Frame, name: string, value: unknown): void {
    const own = this.#around.frame;
    let isInside = false;
    for (let at: Frame | null | undefined = frame; at; at = at.parent) {
      if (at === own) isInside = true;
      if (at.variables[name] === undefined) continue;
      // Found in the body's own frames, or in a macro's, which stands alone.
      if (!isInside || at === own) return this.#seen(value);
      return this.#scope(name, value);
    }
    this.#ofContext(context, name, value, isInside);
  }

  lookupPast(kind: 'context' | 'global', context: Context, name: string, value: unknown): void {
    if (kind === 'global') this.#recorder.root('global', name, value);
    else this.#ofContext(context, name, value, false);
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
      if (parent === undefined) return this.#isolated(context, name, value);
      // Set by the template that the body includes.
      const isSame = Object.is(context.ctx[name], parent.ctx[name]) && name in context.ctx === name in parent.ctx;
      if (!isSame) return this.#seen(value);
      context = parent;
    }
    if (isInside) this.#scope(name, value);
    else this.#recorder.root('context', name, value);
  }

  /** A module without the page's variables, or a template that a function renders. */
  #isolated(context: Context, name: string, value: unknown): void {
    this.#around.ofComponent(name);
    if (!(name in context.ctx) && name in context.env.globals) this.#recorder.root('global', name, value);
    else this.#seen(value);
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

  hand(values: readonly unknown[]): void {
    for (const value of values) this.#recorder.hand(value);
  }

  called(called: unknown, context: Context, args: readonly unknown[]): Context {
    const method = methodOf(called);
    const target = method === undefined ? called : methodIn(method);
    const macro = macroOf(target);
    if (macro !== undefined) {
      this.#macroCalled(macro.context, target as object);
      for (const arg of args) this.#recorder.pass(arg);
      return context;
    }
    if (method !== undefined) this.#recorder.call(method.object, target);
    this.hand(args);
    return isLazy(target) ? context : this.recording(context);
  }

  #macroCalled(context: Context, macro: object): void {
    const macros = this.#macros.get(context);
    if (macros === undefined) this.#macros.set(context, new Set([macro]));
    else macros.add(macro);
  }

  repeat(shape: ReadShape, at: { read(kind: RootKind, name: string): unknown }): void {
    this.#recorder.repeat(shape, at);
  }

  typed(row: object, type: string): void {
    this.#recorder.typed(row, type);
  }

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
