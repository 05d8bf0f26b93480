import { badOption, checkNames } from '../util/check-option.ts';
import { describe } from '../util/describe.ts';
import type { NunjucksEnvironment } from './nunjucks.ts';

/** A page that `warm` renders. */
export interface WarmPage {
  /** The environment that visitors' pages are rendered in. */
  readonly env: NunjucksEnvironment;
  /** Name of the template. */
  readonly name: string;
  /**
   * The page's variables, or a function that reads the page's data and returns its variables, now or as a promise.
   * Default: none. What such a function returns is taken to be read after it was called, so that younger bumps alone count.
   */
  readonly context?: object | (() => object | PromiseLike<object>);
  /**
   * When the reading of the page's data began, in milliseconds since 1970. Default: when `context` was called; for an
   * object, as in `render`.
   */
  readonly since?: number;
}

/** How far warming has come; given to `onProgress` after each page. */
export interface WarmProgress {
  /** Pages so far, those that failed included. */
  readonly done: number;
  /** Pages so far that failed. */
  readonly failed: number;
  /** All pages, if they were given as an array. */
  readonly all: number | undefined;
  /** The page that has just ended. */
  readonly name: string;
}

/** Options of `warm`. */
export interface WarmOptions {
  /** Pages that are rendered at a time, a whole number from 1 to 100. Default 4. */
  readonly concurrency?: number;
  /** Called after each page. An error that it throws goes to the option `onError`. Default: none. */
  readonly onProgress?: (progress: WarmProgress) => void;
  /** Ends warming: `warm` rejects at once with the signal's reason, and no further page begins. Default: none. */
  readonly signal?: AbortSignal;
}

/** Checked and complete options. */
export interface WarmSettings {
  readonly concurrency: number;
  readonly onProgress: ((progress: WarmProgress) => unknown) | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Pages, in any form that can be walked through once. */
export type WarmPages = Iterable<WarmPage> | AsyncIterable<WarmPage>;

const DEFAULT_CONCURRENCY = 4;
const MAX_CONCURRENCY = 100;
const FORMS = 'a list of pages, each { env, name, context }, or something iterable that gives such pages';

/** @throws CacheSweeperError CACHESWEEPER_BAD_OPTION when an option has an unknown name or a wrong value */
export function checkWarmOptions(options: WarmOptions): WarmSettings {
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw badOption('warm() options', 'an object of options', describe(options));
  checkNames('warm()', options, ['concurrency', 'onProgress', 'signal']);
  const { concurrency = DEFAULT_CONCURRENCY, onProgress, signal } = options;
  if (!Number.isSafeInteger(concurrency) || concurrency < 1 || concurrency > MAX_CONCURRENCY)
    throw badOption('warm() concurrency', `a whole number from 1 to ${MAX_CONCURRENCY}`, describe(concurrency));
  if (onProgress !== undefined && typeof onProgress !== 'function')
    throw badOption('warm() onProgress', 'a function', describe(onProgress));
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw badOption('warm() signal', 'an AbortSignal', describe(signal));
  return { concurrency, onProgress, signal };
}

/**
 * Checks that pages can be walked through. A list is checked as a whole, so that nothing is rendered if one of its pages is
 * wrong.
 *
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION
 */
export function checkWarmPages(pages: WarmPages): void {
  const isIterable =
    typeof pages === 'object' && pages !== null && (Symbol.iterator in pages || Symbol.asyncIterator in pages);
  if (!isIterable)
    throw badOption('warm() pages', FORMS, describe(pages), { todo: 'pass one page as a list, too: [page]' });
  // Not `forEach`, which skips the holes of a list.
  if (Array.isArray(pages)) for (let i = 0; i < pages.length; i++) checkWarmPage(pages[i], i);
}

/**
 * @param index its place among the pages, from 0
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION
 */
export function checkWarmPage(page: WarmPage, index: number): void {
  const what = `warm() pages[${index}]`;
  if (typeof page !== 'object' || page === null || Array.isArray(page))
    throw badOption(what, 'a page: { env, name, context }', describe(page));
  checkNames(what, page, ['env', 'name', 'context', 'since']);
  const { env, name, context, since } = page;
  if (typeof env !== 'object' || env === null)
    throw badOption(`${what} env`, 'a Nunjucks environment', describe(env), {
      todo: 'pass the one that sweeper.install(env) was called with',
    });
  if (typeof name !== 'string' || name === '') throw badOption(`${what} name`, "a template's name", describe(name));
  if (context !== undefined && typeof context !== 'function') checkContext(`${what} context`, context);
  if (since !== undefined && !Number.isFinite(since))
    throw badOption(`${what} since`, 'milliseconds since 1970', describe(since));
}

/** @throws CacheSweeperError CACHESWEEPER_BAD_OPTION when variables of a page are none */
export function checkContext(what: string, context: unknown): object {
  const isPromise = typeof (context as PromiseLike<unknown> | null | undefined)?.then === 'function';
  if (typeof context === 'object' && context !== null && !Array.isArray(context) && !isPromise) return context;
  throw badOption(what, "an object of the page's variables, or a function that returns one", describe(context));
}
