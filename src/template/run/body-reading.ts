import { isLazy } from '../../reads/lazies.ts';
import { isObject } from '../../reads/objects.ts';
import { peek } from '../../reads/peek.ts';
import type { RootKind } from '../../reads/read-node.ts';
import type { Recorder } from '../../reads/recorder.ts';
import { repeatReads } from '../../reads/repeated-reads.ts';
import type { ReadShape } from '../../reads/shape.ts';
import type { Context, Frame } from '../nunjucks.ts';
import { isHidden } from './body-scope.ts';
import { ContextCopies, type Origin } from './context-copies.ts';
import type { HoleReading } from './hole-reading.ts';
import { reportingChanges } from './made-up-methods.ts';
import type { OpenHoles } from './open-holes.ts';
import { calledIn, macroOf, methodOf, type TemplateReading } from './page-runtime.ts';
import { recordingContext } from './recording-context.ts';
import type { TextUsesOfRuns } from './text-uses.ts';

/** The place of a body. */
export interface Around {
  /** The frame that the body's own variables are in. */
  readonly frame: Frame;
  readonly context: Context;
  /**
   * Called with each variable that is looked up without the page's variables, in a module or in a template that a
   * function renders.
   */
  ofComponent(name: string): void;
  /** Notes what the hole around the body looks up, if it stands in one. */
  readonly hole: HoleReading | undefined;
}

/**
 * Tells a recorder what a body looks up in Nunjucks. It finds out which variables come from outside of the body, in
 * whichever template they are looked up. A body's own variables are in its frame or below it, and in the contexts of
 * the templates it includes.
 */
export class BodyReading implements TemplateReading, Origin {
  readonly holes: OpenHoles;
  /** Tells which variables come from outside of the body. */
  readonly copies: ContextCopies;
  readonly #recorder: Recorder;
  readonly #texts: TextUsesOfRuns;
  readonly #around: Around;
  /** Macros that the body called, by the context that they see. */
  #macros: Map<Context, Set<object>> | undefined;
  /** Callers that `{% call %}` made for the body. */
  #callers: Set<object> | undefined;
  #recording: Map<Context, Context> | undefined;

  /** @param texts receives the contexts of the templates whose code the body runs */
  constructor(recorder: Recorder, texts: TextUsesOfRuns, around: Around, holes: OpenHoles) {
    this.holes = holes;
    this.#recorder = recorder;
    this.#texts = texts;
    this.#around = around;
    this.copies = new ContextCopies(around);
  }

  enter(context: Context, variables: Record<string, unknown> | undefined): void {
    this.#around.hole?.enter(context, variables);
    this.#texts.add(context);
    this.copies.enter(context, variables);
  }

  /** Records that a value cannot be looked at: a proxy in the page's data may throw. */
  #cannot(name: string): void {
    this.#recorder.cannotSee(name, 'looking at it throws');
  }

  lookup(context: Context, frame: Frame, name: string, value: unknown): void {
    const { frame: own, hole } = this.#around;
    hole?.note(context, frame, name);
    let isInside = false;
    for (let at: Frame | null | undefined = frame; at; at = at.parent) {
      if (at === own) isInside = true;
      const found = at.variables[name];
      if (found === undefined && !isHidden(at, name)) continue;
      if (!Object.is(found, value)) this.#recorder.cannotSee(name, MADE_UP);
      // Found in one of the body's own frames, or in the frame of a macro, which has no parent.
      if (!isInside || at === own) this.#seen(name, value);
      else this.#found(name, value);
      return;
    }
    const found = context.lookup(name);
    // A runtime may make up a value for a name that has none, such as Jinja's `True`. It is the same on each page, so
    // that the name has no value is all there is to compare.
    if (!Object.is(found, value) && (found !== undefined || isObject(value))) this.#recorder.cannotSee(name, MADE_UP);
    try {
      this.copies.follow(isInside ? 'scope' : 'context', context, name, found, this);
    } catch {
      this.#cannot(name);
    }
  }

  #found(name: string, value: unknown): void {
    try {
      this.#recorder.root('scope', name, value);
    } catch {
      this.#cannot(name);
    }
  }

  lookupPast(kind: 'context' | 'global', context: Context, name: string, value: unknown): void {
    if (kind === 'global') this.#recorder.root('global', name, value);
    else this.#past(context, name, value);
  }

  #past(context: Context, name: string, value: unknown): void {
    this.#around.hole?.notePast(context, name, value);
    this.copies.follow('context', context, name, value, this);
  }

  helper(name: string, called: unknown): void {
    this.#recorder.root('helper', name, called);
    this.#properties(called);
  }

  #seen(name: string, value: unknown): void {
    try {
      this.#recorder.again(name, value);
    } catch {
      this.#cannot(name);
    }
  }

  own(name: string, value: unknown): void {
    this.#seen(name, value);
  }

  ofPage(kind: RootKind, name: string, value: unknown): void {
    this.#recorder.root(kind, name, value);
  }

  ofComponent(context: Context, name: string, value: unknown): void {
    this.#around.ofComponent(name);
    if (!(name in context.ctx) && name in context.env.globals) this.#recorder.root('global', name, value);
    else this.#seen(name, value);
  }

  ofMacro(context: Context, name: string, value: unknown): void {
    for (const macro of this.#macros?.get(context) ?? []) if (this.#recorder.ofMacro(macro, name, value)) return;
    this.unknown(name);
  }

  unknown(name: string): void {
    this.#recorder.cannotSee(name, 'a variable of a template that cannot be told');
  }

  before(object: unknown, key: unknown): void {
    if (typeof object !== 'object' || object === null || typeof key !== 'string') return;
    try {
      // Most objects are plain, and inherit no getter.
      if (Object.getPrototypeOf(object) === Object.prototype) return;
      this.#recorder.before(object, key);
    } catch {
      this.#cannot(String(key));
    }
  }

  member(object: unknown, key: unknown, value: unknown): void {
    try {
      this.#recorder.member(object, key, value);
    } catch {
      this.#cannot(String(key));
    }
  }

  madeUp(object: unknown): unknown {
    if (!isObject(object)) return object;
    this.#method(object, undefined);
    // What the body made itself may be changed, and is made of what was read.
    if (!this.#recorder.isFromOutside(object)) return object;
    const path = this.#pathOf(object);
    return reportingChanges(object, () => this.#recorder.cannotSee(path, CHANGES));
  }

  #pathOf(object: object): string {
    return this.#recorder.pathTo(object)?.steps.join('.') ?? '';
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

  hold(got: string, value: unknown): void {
    try {
      this.#recorder.again(got, value);
    } catch {
      this.#cannot(got);
    }
  }

  hand(values: readonly unknown[]): void {
    for (const value of values) {
      try {
        this.#recorder.hand(value);
      } catch {
        this.#cannot(isObject(value) ? this.#pathOf(value) : '');
      }
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
      return context;
    }
    if (method !== undefined) this.#method(method.object, target);
    this.hand(args);
    if (isLazy(target)) return context;
    this.#properties(target);
    return this.recording(context);
  }

  /**
   * Records what a called function has as its own text, numbers and booleans, such as `t.locale`. Objects there, such as
   * the cache of a memoized function, are trusted like what it closes over.
   */
  #properties(called: unknown): void {
    if (typeof called !== 'function') return;
    try {
      const names = Object.keys(called);
      const values = names.map((name) => peek(called, name));
      // Handed on, it is compared by which properties it has as well.
      if (!values.some(isObject)) return this.#recorder.hand(called);
      names.forEach((name, i) => {
        if (!isObject(values[i])) this.#recorder.member(called, name, values[i]);
      });
    } catch {
      this.#cannot(called.name);
    }
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
    // Templates that such a macro includes get a copy of these variables.
    this.copies.own(context);
    this.#macros ??= new Map();
    const macros = this.#macros.get(context);
    if (macros !== undefined) {
      macros.add(macro);
      return;
    }
    this.#macros.set(context, new Set([macro]));
    this.#texts.add(context);
  }

  repeat(shape: ReadShape, at: { read(kind: RootKind, name: string): unknown }): void {
    repeatReads(this.#recorder, shape, {
      read: (kind, name) => at.read(kind, name),
      ofMacro: (macro, name) => {
        const context = macroOf(macro)?.context;
        if (context === undefined) return undefined;
        const value = context.lookup(name);
        this.#around.hole?.notePast(context, name, value);
        if (!this.#recorder.ofMacro(macro, name, value)) this.copies.follow('context', context, name, value, this);
        return { value };
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
            this.#past(context, name, value);
          } catch {
            this.#cannot(name);
          }
          this.hand([value]);
        },
        unsure: (name) => this.#recorder.cannotSee(name, 'a function asks whether it is there'),
        all: () => {
          this.#around.hole?.noteAll();
          this.#recorder.cannotSee('this.ctx', 'a function asks for all variables of the page');
        },
      });
      this.#recording.set(context, recording);
      // A function may hand on the context that it got.
      this.#recording.set(recording, recording);
    }
    return recording;
  }
}

const MADE_UP = 'the runtime gives another value than the page has';
const CHANGES = 'the body changes it';
