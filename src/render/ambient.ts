import { AsyncLocalStorage } from 'node:async_hooks';
import type { KeptHoles } from '../cache/hole.ts';
import type { Body } from './body.ts';
import { Loaded } from './loaded.ts';
import type { Maker } from './making/maker.ts';
import type { Render } from './render.ts';

/** All values that travel with an asynchronous context, by the {@link Ambient} that they belong to. */
type Values = ReadonlyMap<Ambient<unknown>, unknown>;

const NONE: Values = new Map();
const storage = new AsyncLocalStorage<Values>();

/**
 * A value that travels with the asynchronous context. Code that `run` calls finds it, and so does code that runs later
 * because of that call.
 */
export class Ambient<T> {
  get current(): T | undefined {
    return storage.getStore()?.get(this) as T | undefined;
  }

  /** Sets the value for the code that is running, and for what runs later because of it. */
  enter(value: T): void {
    storage.enterWith(new Map(storage.getStore() ?? NONE).set(this, value));
  }

  /** Runs a function with another value; undefined for none. */
  run<R>(value: T | undefined, inside: () => R): R {
    return storage.run(new Map(storage.getStore() ?? NONE).set(this, value), inside);
  }
}

/**
 * Property of a page's environment that holds the page's render. Nunjucks passes the environment to all code of the
 * page.
 */
export const RENDER: unique symbol = Symbol('nunjucks-cachesweeper render');

/** A page, or a part of one, that runs for a render. */
export interface Running {
  readonly render: Render;
}

/**
 * The page, or the part of one, that runs on the stack now. It is certain as long as the template runs without waiting.
 */
let running: Running | undefined;
/** The page that code continues after waiting. It is used only where nothing better is known. */
const continued = new Ambient<Running>();

export function runningNow(): Running | undefined {
  return running;
}

/** Runs a function as a part of a render, or of none. */
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
 * Returns the render that a function called by a template belongs to.
 *
 * @param receiver the function's `this`: Nunjucks passes its context to functions that are called by their name
 */
export function currentRender(receiver: unknown): Render | undefined {
  const env = isObject(receiver) && 'env' in receiver ? receiver.env : undefined;
  const own = isObject(env) ? (env as { readonly [RENDER]?: Render })[RENDER] : undefined;
  return own ?? running?.render ?? continued.current?.render;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** A lazy, or a whole view. Its body collects the dependencies of all pages that are rendered for it. */
export interface Part {
  readonly body: Body;
  /** Its data was read after this time: milliseconds since 1970. */
  readonly since: number;
  /** Whether its pages may look up private names outside of fragments, as long as these have no value. */
  readonly mayMissPrivate: boolean;
  /** For whom its pages are rendered. */
  readonly maker: Maker;
  /** What its code has loaded from elsewhere. */
  readonly loaded: Loaded;
  /** Told of what its pages look up, outside of fragments and in those that were compared. */
  readonly watch?: PageWatch;
}

/** The variables of one visitor, which the pages of a view are given and its holes see alone. */
export interface Visitor {
  /** As holes see them. */
  readonly variables: Readonly<Record<string, unknown>>;
  /** Returns a page's variables with the visitor's among them, whose reads outside of holes are recorded. */
  among(variables: object): object;
  /** Whether a name is one of them, on pages that were not given another value of that name. */
  gives(name: string): boolean;
  /** Whether the handler gave a page a variable of a name, with or without a value. */
  isHandlers(name: string): boolean;
  /**
   * Whether a variable is for each visitor the same in a hole and around it.
   *
   * @param there what is found around the hole
   * @param isBound whether the template has bound the name there
   */
  isSameAround(read: { readonly name: string; readonly value: unknown }, there: unknown, isBound: boolean): boolean;
  /** A page with holes was made. The texts are what they show on it. */
  made(html: string, kept: KeptHoles, texts: readonly string[]): void;
  /** A page cannot be kept with its holes open. */
  lost(why: string): void;
}

/** Watches the pages of a view. */
export interface PageWatch {
  /** @param variables what the page was given */
  pageBegins(variables: object): void;
  /** A page looked up a variable. */
  lookedUp(name: string): void;
  /** A function of a page asked for all variables. */
  lookedUpAll(): void;
  /** Whether a private value may be shown all the same, because each visitor's own stands in its place. */
  isReplaced(value: unknown): boolean;
  /** Given where pages are kept with their holes open. */
  readonly visitor?: Visitor | undefined;
  /** Variables of the visitor that pages are given as they are, by a view inside, because of which nothing is kept. */
  readonly visit?: Readonly<Record<string, unknown>> | undefined;
}

/** Stands for the view that a request's code will belong to, once it is known whether there is one. */
export class LatePart {
  part: Part | undefined;
  /** The visitor's variables, if there is no view. */
  visit: Readonly<Record<string, unknown>> | undefined;
}

const visitors = new Ambient<Readonly<Record<string, unknown>>>();

/** Runs a request that no view is made for. Its pages are given the visitor's variables all the same. */
export function inVisit<T>(variables: Readonly<Record<string, unknown>>, run: () => T): T {
  return visitors.run({ ...currentVisit(), ...variables }, run);
}

/** Returns the visitor's variables for pages of the running code. */
export function currentVisit(): Readonly<Record<string, unknown>> | undefined {
  const { current } = parts;
  return visitors.current ?? (current instanceof LatePart ? current.visit : undefined);
}

const parts = new Ambient<Part | LatePart>();

/** Returns the lazy or view that pages rendered by the running code belong to, if any. */
export function currentPart(): Part | undefined {
  const { current } = parts;
  return current instanceof LatePart ? current.part : current;
}

/** Whether {@link inPart} called the running code, or code because of which it runs. */
export function isInside(part: Part): boolean {
  return parts.current === part;
}

/**
 * From here on, the running code and what runs later because of it belongs to a view that is named later: for servers
 * whose steps do not call each other.
 */
export function enterLatePart(): LatePart {
  const late = new LatePart();
  parts.enter(late);
  return late;
}

/** Runs a function whose pages belong to no lazy and no view. */
export function inNoPart<T>(run: () => T): T {
  return parts.run(undefined, run);
}

/** Runs a function whose pages belong to a lazy or a view. */
export function inPart<T>(part: Part, run: () => T): T {
  return parts.run(part, run);
}

/** A request that is being handled. */
interface HandledRequest {
  /** When it began, in milliseconds since 1970. */
  readonly start: number;
  /** What its code has loaded from elsewhere, outside of views and lazies. */
  readonly loaded: Loaded;
}

const requests = new Ambient<HandledRequest>();

/** Runs a request's handlers. Renders in them know that their data was read after the request began. */
export function inRequest<T>(start: number, run: () => T): T {
  return requests.run({ start, loaded: new Loaded() }, run);
}

/**
 * Does the same for the code that is running, up to its end, and for what runs later because of it: for servers that
 * call listeners and let none call the next.
 */
export function enterRequest(start: number): void {
  requests.enter({ start, loaded: new Loaded() });
}

/** Returns when the request being handled began, in milliseconds since 1970, if that is known. */
export function requestStarted(): number | undefined {
  return requests.current?.start;
}

/** Returns what the lazy, view or request that the running code belongs to has loaded; undefined if it belongs to none. */
export function currentLoaded(): Loaded | undefined {
  return currentPart()?.loaded ?? requests.current?.loaded;
}
