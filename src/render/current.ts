import { AsyncLocalStorage } from 'node:async_hooks';
import type { Render } from './render.ts';

/** Under this property whatever Nunjucks hands around for a page (its environment) carries the page's render. */
export const RENDER: unique symbol = Symbol('nunjucks-cachesweeper render');

/** Whatever runs for a render. */
export interface Running {
  readonly render: Render;
}

/** What runs on the stack now: certain, while the template runs without having waited. */
let running: Running | undefined;
/** The same for what continues later, where nothing better is known. */
const storage = new AsyncLocalStorage<Running | undefined>();

export function runningNow(): Running | undefined {
  return running;
}

/** Runs something as a part of a render, or of none. */
export function runAs<T>(what: Running | undefined, run: () => T): T {
  const outer = running;
  running = what;
  try {
    return storage.run(what, run);
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
  return own ?? running?.render ?? storage.getStore()?.render;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
