import type { SetVariable } from '../../reads/variables.ts';
import type { Context, Frame } from '../nunjucks.ts';

/** Sets variables where a tag stands, as `{% set %}` does there. */
export function setAround(context: Context, frame: Frame, variables: readonly SetVariable[]): void {
  for (const [name, value] of variables) {
    frame.set(name, value, true);
    if (!frame.topLevel) continue;
    context.setVariable(name, value);
    if (!name.startsWith('_')) context.addExport(name);
  }
}

/** Makes the frame for the variables that a body sets. */
export function frameOfBody(outer: Frame): Frame {
  const frame = isolatedFrame(outer);
  frame.topLevel = outer.topLevel;
  return frame;
}

/**
 * Makes a frame that keeps what is set below it. Nunjucks' own isolated frame does not isolate a `set` in a loop
 * inside it, because `resolve` forgets on its way up that it was called for writing.
 */
export function isolatedFrame(outer: Frame): Frame {
  const frame = outer.push(true);
  frame.resolve = resolveHere;
  return frame;
}

/** A variable from outside is written to this frame, where what is below reads it. Outside it stays unchanged. */
function resolveHere(this: Frame, name: string): Frame | undefined {
  return this.variables[name] !== undefined || this.parent?.resolve(name) !== undefined ? this : undefined;
}

/** Makes the variables of a frame hide what is around it also where they are undefined. Nunjucks takes that for no variable at all. */
export function hideAround(frame: Frame): void {
  frame.lookup = lookupHere;
  hiding.add(frame);
}

/** Whether a frame hides a variable around it, and has no value for it. */
export function isHidden(frame: Frame, name: string): boolean {
  return hiding.has(frame) && Object.hasOwn(frame.variables, name);
}

const hiding = new WeakSet<Frame>();

function lookupHere(this: Frame, name: string): unknown {
  return Object.hasOwn(this.variables, name) ? this.variables[name] : this.parent?.lookup(name);
}

/**
 * Returns the variables that the body set at its own level: in its frame and, at the top of a template, among the
 * page's variables.
 */
export function variablesOf(
  own: Frame,
  before: PageVariables | undefined,
  defined: readonly string[],
): readonly SetVariable[] {
  const names = Object.keys(own.variables);
  if (names.length === 0 && before === undefined) return NONE;
  const variables = new Map<string, unknown>(names.map((name) => [name, own.variables[name]]));
  for (const [name, value] of before?.changed() ?? NONE) if (!variables.has(name)) variables.set(name, value);
  for (const name of defined) variables.delete(name);
  return [...variables];
}

const NONE: readonly SetVariable[] = [];

/** A copy of the page's variables, made before a body that sets some of them. */
export class PageVariables {
  readonly #context: Context;
  readonly #exported: number;
  readonly #before: Readonly<Record<string, unknown>>;
  readonly #values: readonly (readonly [name: string, existed: boolean, value: unknown])[];

  constructor(context: Context, names: readonly string[]) {
    this.#context = context;
    this.#exported = context.exported.length;
    this.#values = names.map((name) => [name, Object.hasOwn(context.ctx, name), context.ctx[name]]);
    this.#before = { ...context.ctx };
  }

  /** The page's variables before the body. */
  get variables(): Readonly<Record<string, unknown>> {
    return this.#before;
  }

  #isSame([name, existed, value]: readonly [string, boolean, unknown]): boolean {
    const { ctx } = this.#context;
    return Object.hasOwn(ctx, name) === existed && Object.is(ctx[name], value);
  }

  changed(): readonly SetVariable[] {
    const { ctx } = this.#context;
    return this.#values.flatMap((known) => (this.#isSame(known) ? [] : [[known[0], ctx[known[0]]] as const]));
  }

  restore(): void {
    this.#context.exported.length = this.#exported;
    for (const [name, existed, value] of this.#values) {
      if (existed) this.#context.ctx[name] = value;
      else delete this.#context.ctx[name];
    }
  }
}
