import { CacheSweeperError } from '../errors.ts';
import type { Context, Frame, Template } from './nunjucks.ts';
import type { Page } from './page.ts';

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
  /** A private name of the page was read, by the body or by whatever it called. */
  privateRead(name: string): void;
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

/**
 * Renders a body: its html, or a promise of when to try again.
 *
 * @param assigned names that the body gives values to; what they were is put back afterwards
 * @throws what the body threw; CacheSweeperError CACHESWEEPER_ASYNC_BODY
 */
export function renderBody(
  page: Page,
  context: Context,
  frame: Frame,
  assigned: readonly string[],
  body: CompiledBody,
  events: BodyEvents,
): string | Promise<unknown> {
  const run = new BodyRun(events, isolated(frame));
  const done = ((error?: unknown) => {
    if (error) run.fail(error);
  }) as BodyDone;
  done.run = run;
  const outer = page.watch;
  const restore = frame.topLevel ? variablesOf(context, assigned) : undefined;
  page.watch = run;
  let html: unknown;
  try {
    html = body(done);
  } finally {
    page.watch = outer;
    restore?.();
  }
  if (run.loading !== undefined) {
    if (page.render.canWait) return Promise.all(run.loading);
    throw asyncBody();
  }
  if (run.failure !== undefined) throw keepPlace(run.failure.error);
  if (!run.hasEnded || run.open > 0) throw asyncBody();
  return String(html);
}

/** What is asynchronous in a fragment, in a way that nothing can wait for. */
export function asyncBody(): CacheSweeperError {
  return new CacheSweeperError(
    'CACHESWEEPER_ASYNC_BODY',
    'the body of this fragment is asynchronous (an asynchronous filter or tag, asyncEach, or a template loader that ' +
      'needs time in a render without a callback): do that part outside the fragment and pass its result in',
  );
}

/**
 * A scope from which nothing leaks. Nunjucks' own isolated frame is passed by when a `set` stands in a loop inside it:
 * `resolve` forgets on the way up that it was called for writing.
 */
function isolated(outer: Frame): Frame {
  const frame = outer.push(true);
  frame.topLevel = outer.topLevel;
  const resolve = function (this: Frame, name: string): Frame | undefined {
    // A variable from outside is written here, where the rest of the body reads it, and stays as it was out there.
    return this.variables[name] !== undefined || outer.resolve(name) !== undefined ? this : undefined;
  };
  frame.resolve = resolve;
  return frame;
}

/** Remembers variables of the page; the result puts them back. */
function variablesOf(context: Context, names: readonly string[]): () => void {
  const exported = context.exported.length;
  const values = names.map((name) => [name, Object.hasOwn(context.ctx, name), context.ctx[name]] as const);
  return () => {
    context.exported.length = exported;
    for (const [name, existed, value] of values) {
      if (existed) context.ctx[name] = value;
      else delete context.ctx[name];
    }
  };
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
