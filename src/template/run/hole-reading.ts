import type { ReadShape, RootKind } from '../../reads/shape.ts';
import type { Context, Frame } from '../nunjucks.ts';
import { PageReading } from './page-reading.ts';

/** A variable from outside that a hole looks up. */
export interface HoleRead {
  readonly name: string;
  readonly value: unknown;
  /** Whether it was looked up in the variables around the hole first, and then in those of the page. */
  readonly isFramed: boolean;
}

/** Notes the variables from outside that a hole looks up, beside what is noted of the page around. */
export class HoleReading extends PageReading {
  readonly reads: HoleRead[] = [];
  readonly #base: Frame;
  /** The context that the hole runs in, and those of the templates that it includes, which have copies of it. */
  readonly #contexts: Set<Context>;

  /**
   * @param around what notes the reads of the page; undefined if nothing does
   * @param base the frame with what is passed to the hole. What is found there, or below, is the hole's own
   * @param context the context that the hole runs in
   */
  constructor(around: PageReading | undefined, base: Frame, context: Context) {
    super(...PageReading.partsOf(around));
    this.#base = base;
    this.#contexts = new Set([context]);
  }

  override enter(context?: Context, variables?: object): void {
    if (context !== undefined && variables !== undefined) this.#contexts.add(context);
  }

  override lookup(context: Context, frame: Frame, name: string, value: unknown): void {
    super.lookup(context, frame, name, value);
    let at: Frame | null | undefined = frame;
    for (; at && at !== this.#base; at = at.parent) if (at.variables[name] !== undefined) return;
    if (at) {
      if (!Object.hasOwn(this.#base.variables, name)) this.reads.push({ name, value, isFramed: true });
    } else {
      this.#ofContext(context, name, value);
    }
  }

  override lookupPast(kind: 'context' | 'global', context: Context, name: string, value: unknown): void {
    super.lookupPast(kind, context, name, value);
    if (kind === 'context') this.#ofContext(context, name, value);
  }

  #ofContext(context: Context, name: string, value: unknown): void {
    // What a template sets at its top it exports.
    if (this.#contexts.has(context) && !context.exported.includes(name))
      this.reads.push({ name, value, isFramed: false });
  }

  /** A fragment in the hole reads these where its tag stands, which is noted like any other lookup. */
  override repeat(shape: ReadShape, at: { read(kind: RootKind, name: string): unknown }): void {
    super.repeat(shape, at);
    for (const { kind, node } of shape.roots) if (kind === 'scope' || kind === 'context') at.read(kind, node.step);
  }
}
