import { CacheSweeperError } from '../../errors.ts';
import type { SetVariable } from '../../reads/variables.ts';
import type { Context, Frame, Template } from '../nunjucks.ts';

/** A fragment's body as Nunjucks compiles it from the nodes in emit.ts. */
export type CompiledBody = (done: BodyDone) => unknown;

/** The argument of a compiled body. Nunjucks calls it with an error; the statements from emit.ts use `run`. */
export interface BodyDone {
  (error?: unknown): void;
  run: BodyRun;
}

/** Called while a body runs. */
export interface BodyEvents {
  /** The body asked for a template. */
  used(name: string | Template, from: string | undefined, template: Template): void;
}

/** Watches one body for asynchronous work, which it must not leave open, and for the templates it uses. */
export class BodyWatch {
  readonly events: BodyEvents;
  /** Promises of templates that are being loaded for the body. */
  loading: Promise<void>[] | undefined;
  /** Asynchronous filters that have not called back. */
  open = 0;

  constructor(events: BodyEvents) {
    this.events = events;
  }

  /** Notes that a template is being loaded for the body. */
  waitFor(template: Promise<void>): void {
    this.loading ??= [];
    this.loading.push(template);
  }

  /** Counts a template as open while it is rendered. In a loop, nothing else would show that its html came late. */
  watchTemplate(template: Template): void {
    const { render } = template;
    const watch = this;
    const counted = function (this: Template, ...args: [context: object | null, ...unknown[]]): string | null {
      const done: unknown = args.at(-1);
      if (typeof done !== 'function') return render.apply(this, args as never);
      watch.open++;
      const close = (...results: unknown[]): void => {
        watch.open--;
        done(...results);
      };
      return render.apply(this, [...args.slice(0, -1), close] as never);
    };
    template.render = counted;
  }

  /** Counts a filter as open until it calls back. In a macro, nothing else would show that it never did. */
  asyncFilter(filter: (...args: unknown[]) => unknown): (...args: unknown[]) => unknown {
    const watch = this;
    return function counted(this: unknown, ...args: unknown[]) {
      const done = args.pop() as (...results: unknown[]) => void;
      watch.open++;
      return filter.call(this, ...args, (...results: unknown[]) => {
        watch.open--;
        done(...results);
      });
    };
  }
}

/** One run of a compiled body. */
export class BodyRun extends BodyWatch {
  /** The scope for the body's variables. */
  readonly frame: Frame;
  /** Whether every part of the body has been rendered. */
  hasEnded = false;
  failure: { readonly error: unknown } | undefined;
  /** Returns the compiled template's own variable `frame`, or sets it. */
  frameVariable: ((to?: Frame) => Frame) | undefined;

  constructor(events: BodyEvents, frame: Frame) {
    super(events);
    this.frame = frame;
  }

  end(): void {
    this.hasEnded = true;
  }

  fail(error: unknown): void {
    this.failure ??= { error };
  }

  /**
   * Takes the body's frame out of those that the template goes on with. After an error that an extension catches,
   * Nunjucks goes on in the frame of the loop or macro that failed. Returns whether it goes on in the tag's frame.
   *
   * @param around frame of the tag
   */
  leave(around: Frame): boolean {
    const last = this.frameVariable?.();
    if (last === this.frame) this.frameVariable?.(around);
    for (let at = last; at; at = at.parent ?? undefined) if (at.parent === this.frame) at.parent = around;
    return last === this.frame || last === around || last === undefined;
  }

  /** Renders the parent template's block, for super(). */
  inherited(render: (done: (error: unknown, html?: string) => void) => void): string {
    let inherited: string | undefined;
    this.open++;
    render((error, html) => {
      this.open--;
      if (error) this.fail(error);
      else inherited = html;
    });
    return inherited ?? '';
  }
}

/** The page that a body is rendered for. */
export interface BodyPage {
  /** Watch of the innermost body. */
  watch: BodyWatch | undefined;
  readonly render: { readonly canWait: boolean };
}

/** The place where a body runs. */
export interface BodyPlace {
  readonly page: BodyPage;
  readonly context: Context;
  /** The frame of the tag. */
  readonly frame: Frame;
  /** Names of variables that the body sets. */
  readonly assigned: readonly string[];
  /** Names of its macros and imports. They do not exist outside of the body. */
  readonly defined: readonly string[];
}

/** Result of a body: its html, and the variables it set. */
export interface BodyMade<T> {
  readonly html: string;
  readonly variables: readonly SetVariable[];
  readonly ended: T;
}

/**
 * Renders a body. Returns its result, or a promise after which it can be rendered again. While the body runs, the
 * variables that it sets stay in a frame of its own; after that they are set around the tag, as if the tag were not
 * there. So is what a body set before an error, because an extension may catch the error and show the rest of the page.
 *
 * @param own frame for the variables that the body sets
 * @param started called with the page's variables as they are before the body
 * @param ended called when the body has ended, before its variables are visible outside; `isBack` is false if the
 *   template goes on in another frame than that of the tag
 * @throws any error of the body; CacheSweeperError CACHESWEEPER_ASYNC_BODY
 */
export function renderBody<T>(
  { page, context, frame, assigned, defined }: BodyPlace,
  own: Frame,
  body: CompiledBody,
  events: BodyEvents,
  started: (before: PageVariables) => void,
  ended: (variables: readonly SetVariable[], isBack: boolean) => T,
): BodyMade<T> | Promise<unknown> {
  const run = new BodyRun(events, own);
  const done = ((error?: unknown) => {
    if (error) run.fail(error);
  }) as BodyDone;
  done.run = run;
  const outer = page.watch;
  const names = assigned.length + defined.length;
  const before = frame.topLevel && names > 0 ? new PageVariables(context, [...assigned, ...defined]) : undefined;
  if (before !== undefined) started(before);
  page.watch = run;
  let html: unknown;
  let variables: readonly SetVariable[] = NONE;
  const leave = (): boolean => {
    page.watch = outer;
    variables = variablesOf(own, before, defined);
    before?.restore();
    return run.leave(frame);
  };
  try {
    html = body(done);
  } catch (error) {
    leave();
    setAround(context, frame, variables);
    throw error;
  }
  const isBack = leave();
  if (run.loading !== undefined) {
    if (page.render.canWait) return Promise.all(run.loading);
    throw asyncBody();
  }
  if (run.failure !== undefined) {
    setAround(context, frame, variables);
    throw keepPlace(run.failure.error);
  }
  if (!run.hasEnded || run.open > 0) throw asyncBody();
  const result = ended(variables, isBack);
  setAround(context, frame, variables);
  return { html: String(html), variables, ended: result };
}

/** Makes the error for a body with asynchronous work that the page cannot wait for. */
export function asyncBody(): CacheSweeperError {
  return new CacheSweeperError(
    'CACHESWEEPER_ASYNC_BODY',
    'the body of this fragment is asynchronous (an asynchronous filter or tag, asyncEach, or a template loader that ' +
      'needs time in a render without a callback): do that part outside the fragment and pass its result in',
  );
}

/** Sets variables where a tag stands, as `{% set %}` does there. */
export function setAround(context: Context, frame: Frame, variables: readonly SetVariable[]): void {
  for (const [name, value] of variables) {
    frame.set(name, value, true);
    if (!frame.topLevel) continue;
    context.setVariable(name, value);
    if (!name.startsWith('_')) context.addExport(name);
  }
}

/**
 * Makes the frame for the variables that a body sets. Nunjucks' own isolated frame does not isolate a `set` in a loop
 * inside it, because `resolve` forgets on its way up that it was called for writing.
 */
export function frameOfBody(outer: Frame): Frame {
  const frame = outer.push(true);
  frame.topLevel = outer.topLevel;
  const resolve = function (this: Frame, name: string): Frame | undefined {
    // A variable from outside is written to this frame, where the rest of the body reads it. Outside it stays
    // unchanged.
    return this.variables[name] !== undefined || outer.resolve(name) !== undefined ? this : undefined;
  };
  frame.resolve = resolve;
  return frame;
}

/**
 * Returns the variables that the body set at its own level: in its frame and, at the top of a template, among the
 * page's variables.
 */
function variablesOf(
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

/**
 * Marks an error so that Nunjucks does not add the tag's place to it. If it comes from an include, Nunjucks has already
 * given it a place there; Nunjucks leaves errors with a line number alone.
 */
function keepPlace(error: unknown): unknown {
  if (error instanceof Error && !('lineno' in error && error.lineno)) {
    Object.defineProperty(error, 'lineno', { value: 1, configurable: true, writable: true });
  }
  return error;
}
