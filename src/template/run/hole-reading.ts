import type { RootKind } from '../../reads/read-node.ts';
import type { ReadShape } from '../../reads/shape.ts';
import type { Context, Frame } from '../nunjucks.ts';
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
}

/** Notes the variables from outside that a hole looks up, beside what is noted of the page around. */
export class HoleReading extends PageReading {
  readonly reads: HoleRead[] = [];
  readonly #base: Frame;
  /** The variables of the context that the hole runs in. */
  readonly #own: object;
  /** Variables that are copies, as an include has them, each with what they are copies of. */
  readonly #copies: Map<object, object>;

  /**
   * @param around what notes the reads of the page; undefined if nothing does
   * @param base the frame with what is passed to the hole. What is found there, or below, is the hole's own
   * @param context the context that the hole runs in
   * @param definitions noted what the definitions in that context look up
   */
  constructor(around: PageReading | undefined, base: Frame, context: Context, definitions?: HoleReading) {
    super(...PageReading.partsOf(around));
    this.#base = base;
    this.#own = context.ctx;
    this.#copies = new Map(definitions === undefined ? [] : definitions.#copies);
  }

  override enter(context?: Context, variables?: object): void {
    if (context !== undefined && variables !== undefined) this.#copies.set(context.ctx, this.#originOf(variables));
  }

  #originOf(variables: object): object {
    return this.#copies.get(variables) ?? variables;
  }

  override lookup(context: Context, frame: Frame, name: string, value: unknown): void {
    super.lookup(context, frame, name, value);
    let at: Frame | null | undefined = frame;
    for (; at && at !== this.#base; at = at.parent) if (at.variables[name] !== undefined) return;
    // A runtime may make up a value for a name that has none, such as Jinja's `True`.
    const framed = frame.lookup(name);
    const found = framed !== undefined ? framed : context.lookup(name);
    if (at) {
      if (!Object.hasOwn(this.#base.variables, name))
        this.reads.push({ name, value: found, isFramed: true, macro: undefined });
    } else {
      this.#ofContext(context, name, found);
    }
  }

  override lookupPast(kind: 'context' | 'global', context: Context, name: string, value: unknown): void {
    super.lookupPast(kind, context, name, value);
    if (kind === 'context') this.#ofContext(context, name, value);
  }

  protected override readAll(context: Context): void {
    super.readAll(context);
    this.reads.push({ name: ALL_VARIABLES, value: undefined, isFramed: false, macro: undefined });
  }

  #ofContext(context: Context, name: string, value: unknown): void {
    const origin = this.#originOf(context.ctx);
    const isMade = origin === this.#own || origin !== context.ctx;
    // What a template sets at its top it exports.
    if (isMade && context.exported.includes(name)) return;
    this.reads.push({ name, value, isFramed: false, macro: origin === this.#own ? undefined : origin });
  }

  /** A fragment in the hole reads these where its tag stands, which is noted like any other lookup. */
  override repeat(shape: ReadShape, at: { read(kind: RootKind, name: string): unknown }): void {
    super.repeat(shape, at);
    for (const { kind, node } of shape.roots) if (kind === 'scope' || kind === 'context') at.read(kind, node.step);
  }
}
