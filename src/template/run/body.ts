import { CacheSweeperError } from '../../errors.ts';
import type { SetVariable } from '../../reads/variables.ts';
import type { Context, Frame, Template } from '../nunjucks.ts';

/** A fragment's body as Nunjucks compiles it from the nodes in emit.ts. */
export type CompiledBody = (done: BodyDone) => unknown;

/** What the compiled body is called with: Nunjucks calls it with an error, our own statements use the rest. */
export interface BodyDone {
  (error?: unknown): void;
  run: BodyRun;
}

/** Told of what a body does while it runs. */
export interface BodyEvents {
  /** It asked for a template. */
  used(name: string | Template, from: string | undefined, template: Template): void;
}

/** Watches one body for what a synchronous body must not do, and for what it uses. */
export class BodyWatch {
  readonly events: BodyEvents;
  /** Templates that are being loaded for it. */
  loading: Promise<void>[] | undefined;
  /** Asynchronous filters that have not called back. */
  open = 0;

  constructor(events: BodyEvents) {
    this.events = events;
  }

  /** A template is being loaded for it. */
  waitFor(template: Promise<void>): void {
    this.loading ??= [];
    this.loading.push(template);
  }

  /** The template, counted as open while it is rendered: in a loop nothing else would show that it came late. */
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

  /** The filter, counted as open until it calls back: in a macro nothing else would show that it never did. */
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
  /** Every part of the body has been rendered. */
  hasEnded = false;
  failure: { readonly error: unknown } | undefined;

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

  /** Renders the parent's block, for super(). */
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
  /** What watches the innermost body. */
  watch: BodyWatch | undefined;
  readonly render: { readonly canWait: boolean };
}

/** Where a body is run. */
export interface BodyPlace {
  readonly page: BodyPage;
  readonly context: Context;
  /** The frame of the tag. */
  readonly frame: Frame;
  /** Names that the body gives values to. */
  readonly assigned: readonly string[];
  /** Names of its macros and imports, which end with it. */
  readonly defined: readonly string[];
}

/** What a body made: its html, and what it set. */
export interface BodyMade<T> {
  readonly html: string;
  readonly variables: readonly SetVariable[];
  readonly ended: T;
}

/**
 * Renders a body: what it made, or a promise of when to try again. What it sets stays in a frame of its own while it runs; then
 * it is set around the tag, as if the tag were not there.
 *
 * @param own the frame for what the body sets
 * @param started called with the page's variables as they are before it
 * @param ended called when it has ended, before what it set is seen outside
 * @throws what the body threw; CacheSweeperError CACHESWEEPER_ASYNC_BODY
 */
export function renderBody<T>(
  { page, context, frame, assigned, defined }: BodyPlace,
  own: Frame,
  body: CompiledBody,
  events: BodyEvents,
  started: (before: PageVariables) => void,
  ended: (variables: readonly SetVariable[]) => T,
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
  let variables: readonly SetVariable[];
  try {
    html = body(done);
  } finally {
    page.watch = outer;
    variables = variablesOf(own, before, defined);
    before?.restore();
  }
  if (run.loading !== undefined) {
    if (page.render.canWait) return Promise.all(run.loading);
    throw asyncBody();
  }
  if (run.failure !== undefined) throw keepPlace(run.failure.error);
  if (!run.hasEnded || run.open > 0) throw asyncBody();
  const result = ended(variables);
  setAround(context, frame, variables);
  return { html: String(html), variables, ended: result };
}

/** What is asynchronous in a fragment, in a way that nothing can wait for. */
export function asyncBody(): CacheSweeperError {
  return new CacheSweeperError(
    'CACHESWEEPER_ASYNC_BODY',
    'the body of this fragment is asynchronous (an asynchronous filter or tag, asyncEach, or a template loader that ' +
      'needs time in a render without a callback): do that part outside the fragment and pass its result in',
  );
}

/** Sets variables where a tag stands, as `set` does there. */
export function setAround(context: Context, frame: Frame, variables: readonly SetVariable[]): void {
  for (const [name, value] of variables) {
    frame.set(name, value, true);
    if (!frame.topLevel) continue;
    context.setVariable(name, value);
    if (!name.startsWith('_')) context.addExport(name);
  }
}

/**
 * A frame for what a body sets. Nunjucks' own isolated frame is passed by when a `set` stands in a loop inside it:
 * `resolve` forgets on the way up that it was called for writing.
 */
export function frameOfBody(outer: Frame): Frame {
  const frame = outer.push(true);
  frame.topLevel = outer.topLevel;
  const resolve = function (this: Frame, name: string): Frame | undefined {
    // A variable from outside is written here, where the rest of the body reads it, and stays as it was out there.
    return this.variables[name] !== undefined || outer.resolve(name) !== undefined ? this : undefined;
  };
  frame.resolve = resolve;
  return frame;
}

/** What the body set at its own level: in its frame and, at the top of a template, among the page's variables. */
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

/** Variables of the page as they are before a body that sets them. */
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

  /** The page's variables as they were. */
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
 * An error that Nunjucks has already given its place (an include's) must not be given the tag's: Nunjucks leaves
 * errors with a line number alone.
 */
function keepPlace(error: unknown): unknown {
  if (error instanceof Error && !('lineno' in error && error.lineno)) {
    Object.defineProperty(error, 'lineno', { value: 1, configurable: true, writable: true });
  }
  return error;
}
