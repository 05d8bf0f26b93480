import type { KeyParts } from './cache/key.ts';
import { CacheSweeperError } from './errors.ts';
import type { ModelIdentity } from './model/identity.ts';
import type { RenderReport } from './reporting/report.ts';
import type { Store } from './stores/store.ts';
import { describe } from './util/describe.ts';
import { milliseconds } from './util/duration.ts';

/** The variables of a page, as they were given to `render`. */
export type PageContext = Readonly<Record<string, unknown>>;

/** Options of {@link CacheSweeper}. All have defaults; durations are text with a unit ("100ms", "3s"). */
export interface CacheSweeperOptions {
  /** A store shared by all processes of the site. Default none: each process has its own cache. */
  readonly store?: Store;
  /** The lru-cache inside the process: most bytes it may take (default 64 MiB); `false` for none. */
  readonly memory?: { readonly maxBytes?: number } | false;
  /** `false` renders every body and stores nothing; a function decides for each page from its context. Default `true`. */
  readonly enabled?: boolean | ((context: PageContext) => boolean);
  /** In every key, so that two sites can share one store: up to 64 letters, digits, `_`, `.`, `-`. Default `''`. */
  readonly namespace?: string;
  /** In every key: raising it empties this site's cache. A whole number, default 1. */
  readonly version?: number;
  /** Replaces the default key, from its parts alone: what else tells fragments apart belongs in `vary`. Whatever it returns is made safe. */
  readonly key?: (parts: KeyParts) => string;
  /** Values of the page's context that every fragment key holds: locale, theme… Default none. */
  readonly vary?: (context: PageContext) => readonly unknown[];
  /** Tells the identity of models that the built-in rules do not know; asked before them. */
  readonly identify?: (model: unknown) => ModelIdentity | undefined;
  /**
   * What no body may use unless an argument or `when=` of its tag names it: `user`, or `flash*`, among the page's variables and
   * directly below `ctx`, `req`, `request`, `res`, `locals`, `state`; `**.session` wherever it stands. Default
   * {@link DEFAULT_PRIVATE_NAMES}; `[]` for none.
   */
  readonly private?: readonly string[];
  /** The longest time between reading a page's data and rendering it. Default "3s". */
  readonly maxDataAge?: string;
  /**
   * Seals what is stored with HMAC-SHA-256, so that whoever can write to the store cannot forge entries: a text of at least 16
   * characters, or a list of which the first signs and all verify. All processes need the same. Default none.
   */
  readonly secret?: string | readonly string[];
  /** All waiting for the store in one render. Default "250ms". */
  readonly timeout?: string;
  /**
   * The share of hits that are verified, 0 to 1: when the page was delivered, the body is rendered as well, and a difference is
   * reported to `onError`. Default 0; 0.001 is little enough for production, and 1 is for tests.
   */
  readonly verify?: number;
  /** Called after each render. What it throws is reported as a warning and goes no further. */
  readonly onRender?: (report: RenderReport) => void;
  /**
   * Called with the names that were bumped, when that is acknowledged: to purge a CDN. What it throws or rejects with goes
   * to `onError`; no bump waits for it.
   */
  readonly onBump?: (names: readonly string[]) => unknown;
  /** Called for each error that did not reach a page or a caller. */
  readonly onError?: (error: unknown) => void;
  /** The clock, in milliseconds since 1970; for tests. Default `Date.now`. */
  readonly now?: () => number;
}

/** Options as the sweeper uses them: checked, complete, its own. */
export interface Settings {
  readonly store: Store | undefined;
  readonly memoryBytes: number;
  readonly enabled: boolean | ((context: PageContext) => boolean);
  readonly namespace: string;
  readonly version: number;
  readonly key: ((parts: KeyParts) => string) | undefined;
  readonly vary: ((context: PageContext) => readonly unknown[]) | undefined;
  readonly identify: ((model: unknown) => ModelIdentity | undefined) | undefined;
  readonly private: readonly string[];
  readonly maxDataAge: number;
  readonly secrets: readonly string[];
  readonly timeout: number;
  readonly verify: number;
  readonly onRender: ((report: RenderReport) => void) | undefined;
  readonly onBump: ((names: readonly string[]) => unknown) | undefined;
  readonly onError: ((error: unknown) => void) | undefined;
  readonly now: () => number;
}

/** What visitors' own data is usually called in templates, and where it stands. */
export const DEFAULT_PRIVATE_NAMES: readonly string[] = [
  '**.session',
  '**.csrf*',
  '**._csrf',
  '**.nonce',
  '**.cspNonce',
  '**.crumb',
  'user',
  'currentUser',
  'account',
  'auth',
  'credentials',
  'isAuthenticated',
  'cart',
  'messages',
  'flash*',
];

const DEFAULT_MEMORY_BYTES = 64 * 1024 * 1024;
const DEFAULT_MAX_DATA_AGE = 3_000;
const DEFAULT_TIMEOUT = 250;
const MIN_SECRET = 16;
/** A step of a path, with or without a `*` at its end; `**.` in front says anywhere. */
const PRIVATE_NAME = /^(\*\*\.)?[^\s.*]+\*?$/;
const NAMESPACE = /^[A-Za-z0-9_.-]{0,64}$/;

const KNOWN: ReadonlySet<string> = new Set<keyof CacheSweeperOptions>([
  'store',
  'memory',
  'enabled',
  'namespace',
  'version',
  'key',
  'vary',
  'identify',
  'private',
  'maxDataAge',
  'secret',
  'timeout',
  'verify',
  'onRender',
  'onBump',
  'onError',
  'now',
]);

/** @throws CacheSweeperError CACHESWEEPER_BAD_OPTION */
export function checkOptions(options: CacheSweeperOptions): Settings {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw badOption('new CacheSweeper()', 'an object of options', options);
  }
  for (const name of Object.keys(options)) {
    if (!KNOWN.has(name)) throw badOption(`option ${name}`, `one of ${[...KNOWN].join(', ')}`, 'an unknown name', true);
  }
  return Object.freeze({
    store: store(options.store),
    memoryBytes: memoryBytes(options.memory),
    enabled: enabled(options.enabled),
    namespace: namespace(options.namespace),
    version: version(options.version),
    key: optionalFunction('key', options.key),
    vary: optionalFunction('vary', options.vary),
    identify: optionalFunction('identify', options.identify),
    private: privateNames(options.private),
    maxDataAge: duration('maxDataAge', options.maxDataAge, DEFAULT_MAX_DATA_AGE),
    secrets: secrets(options.secret),
    timeout: duration('timeout', options.timeout, DEFAULT_TIMEOUT),
    verify: share(options.verify),
    onRender: optionalFunction('onRender', options.onRender),
    onBump: optionalFunction('onBump', options.onBump),
    onError: optionalFunction('onError', options.onError),
    now: optionalFunction('now', options.now) ?? Date.now,
  });
}

function badOption(what: string, expected: string, got: unknown, verbatim = false): CacheSweeperError {
  return new CacheSweeperError(
    'CACHESWEEPER_BAD_OPTION',
    `${what}: expected ${expected}, got ${verbatim ? got : describe(got)}`,
  );
}

function store(value: Store | undefined): Store | undefined {
  if (value === undefined) return undefined;
  const methods = ['getMany', 'setMany', 'addMany', 'close'] as const;
  if (typeof value === 'object' && value !== null && methods.every((name) => typeof value[name] === 'function'))
    return value;
  throw badOption('option store', `a store (an object with ${methods.join(', ')})`, value);
}

function memoryBytes(memory: CacheSweeperOptions['memory']): number {
  if (memory === undefined) return DEFAULT_MEMORY_BYTES;
  if (memory === false) return 0;
  const isObject = typeof memory === 'object' && memory !== null;
  const other = isObject ? Object.keys(memory).find((name) => name !== 'maxBytes') : undefined;
  if (other !== undefined) throw badOption(`option memory.${other}`, 'maxBytes', 'an unknown name', true);
  const bytes: unknown = isObject ? (memory.maxBytes ?? DEFAULT_MEMORY_BYTES) : undefined;
  if (typeof bytes === 'number' && Number.isSafeInteger(bytes) && bytes >= 1) return bytes;
  throw badOption('option memory', '{ maxBytes } with a whole number of bytes, or false', isObject ? bytes : memory);
}

function enabled(value: CacheSweeperOptions['enabled']): Settings['enabled'] {
  if (value === undefined) return true;
  if (typeof value === 'boolean' || typeof value === 'function') return value;
  throw badOption('option enabled', 'true, false or a function of the context', value);
}

function namespace(value: unknown): string {
  if (value === undefined) return '';
  if (typeof value === 'string' && NAMESPACE.test(value)) return value;
  throw badOption('option namespace', 'up to 64 letters, digits, "_", "." or "-"', value);
}

function version(value: unknown): number {
  if (value === undefined) return 1;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw badOption('option version', 'a whole number', value);
}

function privateNames(value: unknown): readonly string[] {
  if (value === undefined) return DEFAULT_PRIVATE_NAMES;
  if (!Array.isArray(value)) throw badOption('option private', 'a list of names', value);
  for (const name of value) {
    if (typeof name !== 'string' || !PRIVATE_NAME.test(name)) {
      throw badOption('option private', 'names such as "user", "flash*" or "**.session"', name);
    }
  }
  return [...value];
}

function secrets(value: unknown): readonly string[] {
  if (value === undefined) return [];
  const list = Array.isArray(value) ? value : [value];
  const isSecret = (text: unknown) => typeof text === 'string' && text.length >= MIN_SECRET;
  if (list.length > 0 && list.every(isSecret)) return list;
  // What was got is not shown.
  throw badOption(
    'option secret',
    `a text of at least ${MIN_SECRET} characters, or a list of such`,
    'something else',
    true,
  );
}

function duration(name: string, value: unknown, byDefault: number): number {
  if (value === undefined) return byDefault;
  const result = milliseconds(value);
  if (result !== undefined) return result;
  throw badOption(`option ${name}`, 'a duration with its unit, such as "100ms" or "3s"', value);
}

function share(value: unknown): number {
  if (value === undefined) return 0;
  if (typeof value === 'number' && value >= 0 && value <= 1) return value;
  throw badOption('option verify', 'the share of hits that are verified, a number from 0 to 1', value);
}

function optionalFunction<T extends (...args: never[]) => unknown>(name: string, value: T | undefined): T | undefined {
  if (value === undefined || typeof value === 'function') return value;
  throw badOption(`option ${name}`, 'a function', value);
}
