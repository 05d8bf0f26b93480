import { AsyncLocalStorage } from 'node:async_hooks';
import { CacheSweeperError } from '../errors.ts';
import { isPlain } from '../fragment/plain.ts';
import { currentRender, runAs } from './current.ts';
import { Frame } from './frame.ts';
import { isPlaceholder, makePlaceholder } from './placeholder.ts';
import type { Render } from './render.ts';

/** What a lazy's function renders, the fragment around the call is made from. */
const part = new AsyncLocalStorage<Frame>();

/** Where the renders of the lazy that is running belong, if one is. */
export function lazyPart(): Frame | undefined {
  return part.getStore();
}

/** One call of a lazy in one render. */
type Call =
  | { readonly state: 'loading'; readonly settled: Promise<void>; readonly placeholder: object }
  | { readonly state: 'loaded'; readonly value: unknown; readonly part: Frame }
  | { readonly state: 'failed'; readonly error: unknown };

/**
 * Puts off loading until a template asks: `comments()` in a fragment that hits is never called. The function runs at
 * most once for each render and arguments (plain data is compared by value, instances by reference), and the render
 * waits for its promise; all that a page asks for at one time is loaded together.
 *
 * The template runs again when the data is there. What must happen only once (a flash message that is taken, a counter)
 * belongs in a lazy.
 *
 * @throws CacheSweeperError when called: CACHESWEEPER_LAZY_OUTSIDE_RENDER, CACHESWEEPER_LAZY_NEEDS_CALLBACK; and what
 *   `load` throws or rejects with, at the place of the call
 *
 * @example
 * res.render('article.njk', { article, comments: lazy(() => article.getComments()) });
 * // in the template: {% for comment in comments() %}
 */
export function lazy<A extends unknown[], R>(load: (...args: A) => R): (...args: A) => Awaited<R> {
  if (typeof load !== 'function') {
    throw new CacheSweeperError('CACHESWEEPER_BAD_OPTION', `lazy() expected a function, got ${typeof load}`);
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
  const waiting = args.find(holdsPlaceholder);
  // Its arguments are not there yet, so neither can its value be; what they wait for, the page waits for.
  if (waiting !== undefined) return makePlaceholder();
  const calls = render.lazyCalls<Call>(load);
  const key = argumentsKey(args, render.objectNumber);
  const known = calls.get(key) ?? start(render, load, args, (outcome) => calls.set(key, outcome));
  switch (known.state) {
    case 'loading':
      render.pass.pending.add(known.settled);
      return known.placeholder;
    case 'failed':
      throw known.error;
    case 'loaded':
      render.frames.frame?.include(known.part);
      return known.value;
  }
}

function start(
  render: Render,
  load: (...args: unknown[]) => unknown,
  args: readonly unknown[],
  set: (outcome: Call) => void,
): Call {
  const frame = new Frame();
  const finish = (outcome: Call): Call => {
    set(outcome);
    return outcome;
  };
  let result: unknown;
  try {
    // It is nobody's part: what it renders is counted in `frame`, for every fragment that uses its value.
    result = render.frames.inside(undefined, () => runAs(undefined, () => part.run(frame, () => load(...args))));
  } catch (error) {
    return finish({ state: 'failed', error });
  }
  if (!isPromise(result)) return finish({ state: 'loaded', value: result, part: frame });
  const settled = Promise.resolve(result).then(
    (value) => void finish({ state: 'loaded', value, part: frame }),
    (error) => void finish({ state: 'failed', error }),
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

function holdsPlaceholder(value: unknown): boolean {
  if (isPlaceholder(value)) return true;
  return isPlainData(value) && Object.values(value).some(holdsPlaceholder);
}

function isPlainData(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !isPlaceholder(value) && isPlain(value);
}

/** Plain data by value, everything else by what it is. */
function argumentsKey(value: unknown, objectNumber: (object: object) => number): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'bigint') return `${value}n`;
  if (value instanceof Date) return `Date(${value.getTime()})`;
  if (Array.isArray(value)) return `[${Array.from(value, (item) => argumentsKey(item, objectNumber)).join(',')}]`;
  if (isPlainData(value)) {
    const pairs = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${pairs.map(([name, item]) => `${JSON.stringify(name)}:${argumentsKey(item, objectNumber)}`).join(',')}}`;
  }
  if ((typeof value === 'object' && value !== null) || typeof value === 'function') return `#${objectNumber(value)}`;
  return Object.is(value, -0) ? '-0' : String(value);
}

/** A lazy that is used without being called would be an empty loop, or print itself: that is an error. */
function guarded<F extends (...args: never[]) => unknown>(called: F): F {
  const forgotten = (): never => {
    throw new CacheSweeperError(
      'CACHESWEEPER_LAZY_NOT_CALLED',
      'a lazy value was used without being called: write {% for comment in comments() %}, with the parentheses',
    );
  };
  return new Proxy(called, {
    get(target, property, receiver) {
      if (USES.has(property)) return property === 'length' ? forgotten() : forgotten;
      return Reflect.get(target, property, receiver);
    },
    ownKeys: forgotten,
  });
}

/** What Nunjucks looks at when it loops over a value, prints it or filters it. */
const USES: ReadonlySet<string | symbol> = new Set<string | symbol>([
  'length',
  'toString',
  Symbol.iterator,
  Symbol.toPrimitive,
]);
