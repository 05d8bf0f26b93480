import { CacheSweeperError } from '../errors.ts';
import { markLazy } from '../reads/lazies.ts';
import { isPlaceholder, makePlaceholder } from '../reads/placeholder.ts';
import { badOption } from '../util/check-option.ts';
import { describe } from '../util/describe.ts';
import { isPlain } from '../util/plain.ts';
import { currentLoaded, currentRender, inPart, runAs } from './ambient.ts';
import { argumentsKey } from './arguments-key.ts';
import { Body } from './body.ts';
import { Loaded } from './loaded.ts';
import type { Render } from './render.ts';

/** One call of a lazy in one render, and what came of it. */
type Load =
  | { readonly state: 'loading'; readonly settled: Promise<void>; readonly placeholder: object }
  | { readonly state: 'loaded'; readonly value: unknown; readonly body: Body }
  | { readonly state: 'failed'; readonly error: unknown };

/**
 * Delays loading until a template asks for the data: `comments()` in a fragment that hits is never called. The function
 * runs at most once for each render and arguments (text, dates, lists and plain objects are compared by value, all else
 * by reference), and the render waits for its promise. Everything that a page asks for in one pass is loaded together.
 *
 * The template runs again when the data is there. Put effects that must happen only once (taking a flash message,
 * counting) into a lazy.
 *
 * @throws CacheSweeperError when called: CACHESWEEPER_LAZY_OUTSIDE_RENDER, CACHESWEEPER_LAZY_NEEDS_CALLBACK; and any
 *   error that `load` throws or rejects with, at the place of the call
 *
 * @example
 * res.render('article.njk', { article, comments: lazy(() => article.getComments()) });
 * // in the template: {% for comment in comments() %}
 */
export function lazy<A extends unknown[], R>(load: (...args: A) => R): (...args: A) => Awaited<R> {
  if (typeof load !== 'function') {
    throw badOption('lazy()', 'a function', describe(load));
  }
  const called = function called(this: unknown, ...args: A): Awaited<R> {
    const render = currentRender(this);
    if (render === undefined || render.isFinished) {
      throw new CacheSweeperError(
        'CACHESWEEPER_LAZY_OUTSIDE_RENDER',
        'a lazy can be called only by a template while it is rendered in an environment that has a sweeper',
      );
    }
    return call(render, load as (...args: unknown[]) => unknown, args) as Awaited<R>;
  };
  return guarded(called);
}

function call(render: Render, load: (...args: unknown[]) => unknown, args: readonly unknown[]): unknown {
  const waiting = args.find((argument) => holdsPlaceholder(argument));
  // Its arguments are still being loaded, so the call has to wait. The page already waits for the arguments.
  if (waiting !== undefined) return makePlaceholder();
  const calls = render.lazyCalls<Load>(load);
  const key = argumentsKey(args, render.objectNumber);
  let known = calls.get(key);
  if (known === undefined) {
    // Another process may be about to load the same.
    const gate = render.bodies.gate();
    if (gate !== undefined) {
      render.pass.pending.add(gate);
      return makePlaceholder();
    }
    known = start(render, load, args, (outcome) => calls.set(key, outcome));
  }
  switch (known.state) {
    case 'loading':
      render.waitFor(known.settled);
      return known.placeholder;
    case 'failed':
      throw known.error;
    case 'loaded':
      use(render, known.body);
      return known.value;
  }
}

/** Whether a call has its value or has failed. */
export function isSettled(call: unknown): boolean {
  return (call as Load).state !== 'loading';
}

/** A body that uses a lazy's value inherits its dependencies; outside of bodies a variable that holds it is a read. */
function use(render: Render, body: Body): void {
  const { current } = render.bodies;
  if (body.uncached !== undefined) current?.refuse(body.uncached);
  current?.include(body);
  if (body.hasOutageHit) render.hasOutageHit = true;
}

function start(
  render: Render,
  load: (...args: unknown[]) => unknown,
  args: readonly unknown[],
  set: (outcome: Load) => void,
): Load {
  const body = new Body();
  const loaded = new Loaded(currentLoaded());
  const finish = (outcome: Load): Load => {
    set(outcome);
    return outcome;
  };
  let result: unknown;
  try {
    // Run it in no body and no page. Pages that it renders are counted in `body`, for every fragment that uses the
    // value.
    result = render.bodies.inside(undefined, () =>
      runAs(undefined, () =>
        inPart({ body, since: render.since, mayMissPrivate: false, maker: render.maker, loaded }, () => load(...args)),
      ),
    );
  } catch (error) {
    return finish({ state: 'failed', error: error ?? new Error(`a lazy threw ${error}`) });
  }
  if (!isPromise(result)) return finish({ state: 'loaded', value: result, body });
  const settled = Promise.resolve(result).then(
    (value) => void finish({ state: 'loaded', value, body }),
    // Nunjucks takes an undefined error for success, so make an error.
    (error) => void finish({ state: 'failed', error: error ?? new Error(`a lazy was rejected with ${error}`) }),
  );
  if (!render.canWait) {
    throw new CacheSweeperError(
      'CACHESWEEPER_LAZY_NEEDS_CALLBACK',
      'a lazy gave a promise, and a render without a callback cannot wait for it: use res.render, env.render(name, ' +
        'context, callback) or await sweeper.render(env, name, context)',
    );
  }
  return finish({ state: 'loading', settled, placeholder: makePlaceholder() });
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

/** Objects that are searched in the arguments of one call. Rows that hold each other may be a whole database. */
const MAX_SEARCHED = 10_000;

/** Whether plain data hold a value that is still being loaded. Each object is looked into once. */
function holdsPlaceholder(argument: unknown): boolean {
  const found = new Set<unknown>([argument]);
  for (const value of found) {
    if (isPlaceholder(value)) return true;
    if (!isPlainData(value)) continue;
    for (const item of Object.values(value)) if (typeof item === 'object') found.add(item);
    if (found.size > MAX_SEARCHED) return false;
  }
  return false;
}

function isPlainData(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !isPlaceholder(value) && isPlain(value);
}

/** @throws CacheSweeperError CACHESWEEPER_LAZY_NOT_CALLED */
export function notCalled(): never {
  throw new CacheSweeperError(
    'CACHESWEEPER_LAZY_NOT_CALLED',
    'a lazy value was used without being called: write {% for comment in comments() %}, with the parentheses',
  );
}

/** Makes a lazy throw when it is used without being called. It would otherwise loop over nothing, or print its code. */
function guarded<F extends (...args: never[]) => unknown>(called: F): F {
  const lazy = new Proxy(called, {
    get(target, property, receiver) {
      if (property === Symbol.iterator || property === Symbol.toPrimitive) return notCalled;
      if (typeof property === 'string' && !OWN.has(property)) return notCalled();
      return Reflect.get(target, property, receiver);
    },
    ownKeys: notCalled,
  });
  markLazy(lazy);
  return lazy;
}

/** Properties of a function that JavaScript or Nunjucks may read in order to call it or to find out its kind. */
const OWN: ReadonlySet<string> = new Set(['apply', 'call', 'bind', 'prototype', 'constructor', 'then', 'toJSON']);
