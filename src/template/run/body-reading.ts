import { isLazy } from '../../reads/lazies.ts';
import type { Recorder } from '../../reads/recorder.ts';
import type { ReadShape, RootKind } from '../../reads/shape.ts';
import type { Context, Frame } from '../nunjucks.ts';
import { calledIn, macroOf, methodOf, type TemplateReading } from './page-runtime.ts';
import { recordingContext } from './recording-context.ts';

/** Where a body stands. */
export interface Around {
  /** The frame that the body's own variables are in. */
  readonly frame: Frame;
  readonly context: Context;
  /** Told of a variable of a template that a function renders, with what variables the page cannot tell. */
  ofComponent(name: string): void;
}

type Variables = Readonly<Record<string, unknown>>;

/** A context that is a copy of another's variables, as it was at first. */
interface Copy {
  readonly initial: Variables;
  /** Those that it is a copy of, as they are now; undefined for none of the page's. */
  readonly variables: Variables | undefined;
}

function isSame(name: string, a: Variables, b: Variables): boolean {
  return Object.is(a[name], b[name]) && name in a === name in b;
}

/**
 * Tells a recorder what a body looks up, in Nunjucks' terms: which variables stand outside of the body, whichever template
 * looks for them. A body's own variables are in its frame or below it, and in the contexts of what it includes.
 */
export class BodyReading implements TemplateReading {
  readonly #recorder: Recorder;
  readonly #around: Around;
  /** Contexts made while the body runs. */
  #copies: Map<Context, Copy> | undefined;
  #owners: Map<Variables, Context> | undefined;
  /** Macros that the body called, by the context that they see. */
  #macros: Map<Context, Set<object>> | undefined;
  /** Callers that were made for the body. */
  #callers: Set<object> | undefined;
  #before: { readonly variables: Variables } | undefined;
  #recording: Map<Context, Context> | undefined;

  constructor(recorder: Recorder, around: Around) {
    this.#recorder = recorder;
    this.#around = around;
  }

  /** The page's variables as they were before the body: what it sets is its own. */
  start(before: { readonly variables: Variables }): void {
    this.#before = before;
  }

  enter(context: Context, variables: Record<string, unknown> | undefined): void {
    // A template that extends another runs that one in its own context.
    if (context === this.#around.context || this.#copies?.has(context)) return;
    this.#copies ??= new Map();
    this.#owners ??= new Map([[this.#around.context.ctx, this.#around.context]]);
    this.#copies.set(context, { initial: { ...context.ctx }, variables });
    this.#owners.set(context.ctx, context);
  }

  /** A proxy of the page's may throw when it is looked at. */
  #cannot(name: string): void {
    this.#recorder.cannotSee(name, 'looking at it throws');
  }

  lookup(context: Context, frame: Frame, name: string): unknown {
    const own = this.#around.frame;
    let isInside = false;
    for (let at: Frame | null | undefined = frame; at; at = at.parent) {
      if (at === own) isInside = true;
      const value = at.variables[name];
      if (value === undefined) continue;
      // Found in the body's own frames, or in a macro's, which stands alone.
      if (!isInside || at === own) this.#seen(value);
      else this.#found(name, value);
      return value;
    }
    const value = context.lookup(name);
    try {
      this.#ofContext(context, name, value, isInside);
    } catch {
      this.#cannot(name);
    }
    return value;
  }

  #found(name: string, value: unknown): void {
    try {
      this.#scope(name, value);
    } catch {
      this.#cannot(name);
    }
  }

  lookupPast(kind: 'context' | 'global', context: Context, name: string, value: unknown): void {
    if (kind === 'global') this.#recorder.root('global', name, value);
    else this.#ofContext(context, name, value, false);
  }

  helper(name: string, called: unknown): void {
    this.#recorder.root('helper', name, called);
  }

  #seen(value: unknown): void {
    try {
      this.#recorder.again(value);
    } catch {
      this.#cannot('');
    }
  }

  #scope(name: string, value: unknown): void {
    this.#recorder.root('scope', name, value);
  }

  /** A variable is the page's if it came to the context by being copied, from the tag's on: its value then is what counts. */
  #ofContext(from: Context, name: string, value: unknown, isInside: boolean): void {
    let context = from;
    if (!isSame(name, context.ctx, this.#initialOf(context))) return this.#seen(value);
    while (context !== this.#around.context) {
      const copy = this.#copies?.get(context);
      if (copy === undefined) return this.#ofMacro(context, name, value);
      const parent = copy.variables && this.#owners?.get(copy.variables);
      if (parent === undefined) {
        if (copy.variables === undefined) return this.#isolated(context, name, value);
        return this.#recorder.cannotSee(name, 'a variable of a template that cannot be told');
      }
      if (!isSame(name, copy.initial, this.#initialOf(parent))) return this.#seen(value);
      context = parent;
    }
    if (isInside) this.#scope(name, value);
    else this.#recorder.root('context', name, value);
  }

  /** The variables that a context had when the body began, or when it was made for the body. */
  #initialOf(context: Context): Variables {
    if (context === this.#around.context) return this.#before?.variables ?? context.ctx;
    return this.#copies?.get(context)?.initial ?? context.ctx;
  }

  /** A module without the page's variables, or a template that a function renders. */
  #isolated(context: Context, name: string, value: unknown): void {
    this.#around.ofComponent(name);
    if (!(name in context.ctx) && name in context.env.globals) this.#recorder.root('global', name, value);
    else this.#seen(value);
  }

  /** A macro from outside looks at its own template's variables. */
  #ofMacro(context: Context, name: string, value: unknown): void {
    for (const macro of this.#macros?.get(context) ?? []) if (this.#recorder.ofMacro(macro, name, value)) return;
    this.#recorder.cannotSee(name, 'a variable of a template that cannot be told');
  }

  member(object: unknown, key: unknown, value: unknown): void {
    try {
      this.#recorder.member(object, key, value);
    } catch {
      this.#cannot(String(key));
    }
  }

  iterate(value: unknown): void {
    try {
      this.#recorder.iterate(value);
    } catch {
      this.#cannot('');
    }
  }

  destructure(value: unknown): void {
    try {
      this.#recorder.destructure(value);
    } catch {
      this.#cannot('');
    }
  }

  hand(values: readonly unknown[]): void {
    try {
      for (const value of values) this.#recorder.hand(value);
    } catch {
      this.#cannot('');
    }
  }

  given(value: unknown): void {
    this.#recorder.given(value);
  }

  isGiven(value: unknown): boolean {
    return this.#recorder.isGiven(value);
  }

  called(called: unknown, context: Context, args: readonly unknown[]): Context {
    const method = methodOf(called);
    const target = method === undefined ? called : calledIn(method);
    const macro = macroOf(target);
    if (macro !== undefined) {
      if (macro.isCaller && !this.#callers?.has(target as object)) {
        this.#recorder.cannotSee('caller', 'what {% call %} passes in is another block each time');
      }
      this.#macroCalled(macro.context, target as object);
      this.#macroCalled(macro.context, called as object);
      try {
        for (const arg of args) this.#recorder.pass(arg);
      } catch {
        this.#cannot('');
      }
      return context;
    }
    if (method !== undefined) this.#method(method.object, target);
    this.hand(args);
    return isLazy(target) ? context : this.recording(context);
  }

  #method(object: unknown, target: unknown): void {
    try {
      this.#recorder.call(object, target);
    } catch {
      this.#cannot('');
    }
  }

  madeCaller(caller: object): void {
    this.#callers ??= new Set();
    this.#callers.add(caller);
  }

  #macroCalled(context: Context, macro: object): void {
    // What such a macro includes is a copy of these.
    this.#owners ??= new Map([[this.#around.context.ctx, this.#around.context]]);
    this.#owners.set(context.ctx, context);
    this.#macros ??= new Map();
    const macros = this.#macros.get(context);
    if (macros === undefined) this.#macros.set(context, new Set([macro]));
    else macros.add(macro);
  }

  repeat(shape: ReadShape, at: { read(kind: RootKind, name: string): unknown }): void {
    this.#recorder.repeat(shape, {
      read: (kind, name) => at.read(kind, name),
      readOfMacro: (macro, name, value) => {
        const found = macroOf(macro);
        if (found !== undefined) this.#ofContext(found.context, name, value, false);
      },
    });
  }

  typed(row: object, type: string): void {
    this.#recorder.typed(row, type);
  }

  recording(context: Context): Context {
    this.#recording ??= new Map();
    let recording = this.#recording.get(context);
    if (recording === undefined) {
      recording = recordingContext(context, {
        read: (name, value) => {
          try {
            this.#ofContext(context, name, value, false);
          } catch {
            this.#cannot(name);
          }
          this.hand([value]);
        },
        unsure: (name) => this.#recorder.cannotSee(name, 'a function asks whether it is there'),
        all: () => this.#recorder.cannotSee('this.ctx', 'a function asks for all variables of the page'),
      });
      this.#recording.set(context, recording);
    }
    return recording;
  }
}
