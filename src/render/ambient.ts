import { AsyncLocalStorage } from 'node:async_hooks';
import type { Frame } from './frame.ts';
import type { Render } from './render.ts';

/** Everything that travels with an asynchronous context, each value under the {@link Ambient} that it belongs to. */
type Values = ReadonlyMap<Ambient<unknown>, unknown>;

const NONE: Values = new Map();
const storage = new AsyncLocalStorage<Values>();

/** One value that travels with the asynchronous context: whatever runs later because of `run` finds it. */
export class Ambient<T> {
  get current(): T | undefined {
    return storage.getStore()?.get(this) as T | undefined;
  }

  /** Runs something with another value; undefined for none. */
  run<R>(value: T | undefined, inside: () => R): R {
    return storage.run(new Map(storage.getStore() ?? NONE).set(this, value), inside);
  }
}

/** Under this property whatever Nunjucks hands around for a page (its environment) carries the page's render. */
export const RENDER: unique symbol = Symbol('nunjucks-cachesweeper render');

/** A page, or a part of one, that runs for a render. */
export interface Running {
  readonly render: Render;
}

/** What runs on the stack now: certain, while the template runs without having waited. */
let running: Running | undefined;
/** The same for what continues later, where nothing better is known. */
const continued = new Ambient<Running>();

export function runningNow(): Running | undefined {
  return running;
}

/** Runs something as a part of a render, or of none. */
export function runAs<T>(what: Running | undefined, run: () => T): T {
  const outer = running;
  running = what;
  try {
    return continued.run(what, run);
  } finally {
    running = outer;
  }
}

/**
 * The render that a function called by a template belongs to.
 *
 * @param receiver the function's `this`: Nunjucks gives its context to functions that are called by their name
 */
export function currentRender(receiver: unknown): Render | undefined {
  const env = isObject(receiver) && 'env' in receiver ? receiver.env : undefined;
  const own = isObject(env) ? (env as { readonly [RENDER]?: Render })[RENDER] : undefined;
  return own ?? running?.render ?? continued.current?.render;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** A lazy, or a whole view: the dependencies of the pages that are rendered for it are counted in its frame. */
export interface Part {
  readonly frame: Frame;
  /** Its data is not older than this: milliseconds since 1970. */
  readonly since: number;
  /** Whether its pages may look for private names outside of fragments, as long as there is nothing under them. */
  readonly mayMissPrivate: boolean;
}

const parts = new Ambient<Part>();

/** The lazy or view that the pages which are rendered here belong to, if any. */
export function currentPart(): Part | undefined {
  return parts.current;
}

/** Runs something whose pages belong to no lazy and no view. */
export function inNoPart<T>(run: () => T): T {
  return parts.run(undefined, run);
}

/** Runs something whose pages belong to a lazy or a view. */
export function inPart<T>(part: Part, run: () => T): T {
  return parts.run(part, run);
}

const starts = new Ambient<number>();

/** Runs a request's handlers: renders in them know that their data is not older than the request. */
export function inRequest<T>(start: number, run: () => T): T {
  return starts.run(start, run);
}

/** When the request being handled began, in milliseconds since 1970, if that is known. */
export function requestStarted(): number | undefined {
  return starts.current;
}
