import type { RootKind } from '../../reads/read-node.ts';
import type { ReadShape } from '../../reads/shape.ts';
import type { Context, Frame } from '../nunjucks.ts';
import { isHidden } from './body-scope.ts';
import { isSame } from './context-copies.ts';
import { readsOfMacros } from './macro-reads.ts';
import { PageReading } from './page-reading.ts';

/** Name of a read of all variables. No variable has such a name. */
export const ALL_VARIABLES = 'this.ctx';

/** A variable from outside that a hole looks up. */
export interface HoleRead {
  readonly name: string;
  readonly value: unknown;
  /** Whether it was looked up in the variables around the hole first, and then in those of the page. */
  readonly isFramed: boolean;
  /** The variables that the macro sees which looked it up, if these are not the hole's; they are the same on a hit. */
  readonly macro: object | undefined;
  /** Whether it is the hole's own, unless the variables around the hole have the name. It has no `value` then. */
  readonly isOwn: boolean;
}

/** The variables of a template that runs in a hole. */
interface Copy {
  /** What they were copied from; undefined for those of the hole. */
  readonly from: Variables | undefined;
  /** What they were when the template began. */
  readonly initial: Variables;
}

type Variables = Readonly<Record<string, unknown>>;

/**
 * Notes the variables from outside that a hole looks up, beside what is noted of the page around. What a fragment or another hole in it
 * looks up, it looks up itself: the readings there pass it on.
 */
export class HoleReading extends PageReading {
  readonly reads: HoleRead[] = [];
  readonly #base: Frame;
  /** The variables of the context that the hole runs in. */
  readonly #own: object;
  /** Those of the hole, and copies, as an include has them. */
  readonly #copies: Map<object, Copy>;
  /** Notes the same for the hole around. */
  readonly #outer: HoleReading | undefined;

  /**
   * @param around what notes the lookups around the hole; undefined if nothing does
   * @param base the frame with what is passed to the hole. What is found there, or below, is the hole's own
   * @param context the context that the hole runs in
   * @param definitions noted what the definitions in that context look up
   */
  constructor(around: PageReading | undefined, base: Frame, context: Context, definitions?: HoleReading) {
    super(...PageReading.partsOf(around));
    this.#base = base;
    this.#own = context.ctx;
    // What the definitions have set since they began is the hole's own.
    const begun: Iterable<[object, Copy]> = [[context.ctx, { from: undefined, initial: { ...context.ctx } }]];
    this.#copies = new Map(definitions === undefined ? begun : definitions.#copies);
    this.#outer = around instanceof HoleReading ? around : undefined;
  }

  override enter(context: Context, variables: Variables | undefined): void {
    this.#outer?.enter(context, variables);
    // A template that extends another runs it in the same context.
    if (variables === undefined || this.#copies.has(context.ctx)) return;
    this.#copies.set(context.ctx, { from: variables, initial: { ...variables } });
  }

  override lookup(context: Context, frame: Frame, name: string, value: unknown): void {
    super.lookup(context, frame, name, value);
    this.note(context, frame, name);
  }

  /** Notes that a variable was looked up in the frames, then in the context. */
  note(context: Context, frame: Frame, name: string): void {
    this.#outer?.note(context, frame, name);
    let at: Frame | null | undefined = frame;
    for (; at && at !== this.#base; at = at.parent) if (at.variables[name] !== undefined || isHidden(at, name)) return;
    // A runtime may make up a value for a name that has none, such as Jinja's `True`.
    const framed = frame.lookup(name);
    const found = framed !== undefined ? framed : context.lookup(name);
    if (!at) return this.#ofContext(context, name, found);
    if (Object.hasOwn(this.#base.variables, name)) return;
    const isOwn = framed === undefined && this.#originOf(context, name) === undefined;
    // The hole sees what its template defines as that does: past the variables around.
    if (isOwn && context.ctx === this.#own) return;
    this.reads.push({ name, value: isOwn ? undefined : found, isFramed: true, macro: undefined, isOwn });
  }

  override lookupPast(kind: 'context' | 'global', context: Context, name: string, value: unknown): void {
    super.lookupPast(kind, context, name, value);
    if (kind === 'context') this.notePast(context, name, value);
  }

  /** Notes that a variable was looked up past all frames. */
  notePast(context: Context, name: string, value: unknown): void {
    this.#outer?.notePast(context, name, value);
    this.#ofContext(context, name, value);
  }

  protected override readAll(context: Context): void {
    super.readAll(context);
    this.noteAll();
  }

  /** Notes that a function asked for the names of all variables. */
  noteAll(): void {
    this.#outer?.noteAll();
    this.reads.push({ name: ALL_VARIABLES, value: undefined, isFramed: false, macro: undefined, isOwn: false });
  }

  #ofContext(context: Context, name: string, value: unknown): void {
    const origin = this.#originOf(context, name);
    if (origin === undefined) return;
    const macro = origin === this.#own ? undefined : origin;
    this.reads.push({ name, value, isFramed: false, macro, isOwn: false });
  }

  /** Returns the variables from which one has come to a context; undefined if a template of the hole has set it. */
  #originOf(context: Context, name: string): object | undefined {
    let variables: Variables = context.ctx;
    let copy = this.#copies.get(variables);
    // A template exports what it sets at its top, but not what it imports there.
    if (copy !== undefined && context.exported.includes(name)) return undefined;
    // What they were when the next one was copied from them.
    let then = variables;
    for (; copy !== undefined; copy = this.#copies.get(variables)) {
      if (!isSame(name, then, copy.initial)) return undefined;
      if (copy.from === undefined) break;
      then = copy.initial;
      variables = copy.from;
    }
    return variables;
  }

  /** A fragment in the hole reads these where its tag stands, which is noted like any other lookup. */
  override repeat(shape: ReadShape, at: { read(kind: RootKind, name: string): unknown }): void {
    super.repeat(shape, at);
    for (const { kind, node } of shape.roots) {
      const value = kind === 'helper' ? undefined : at.read(kind, node.step);
      for (const { context, name } of readsOfMacros(node, value)) this.notePast(context, name, context.lookup(name));
    }
  }
}
