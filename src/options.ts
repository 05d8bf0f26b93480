import type { KeyParts } from './cache/key.ts';
import type { ModelIdentity } from './model/identity.ts';
import type { OutboxKnex } from './outbox/database.ts';
import { checkOutbox, type OutboxOptions, type OutboxSettings } from './outbox/options.ts';
import type { RenderReport } from './reporting/report.ts';
import type { Store, StoreOption } from './stores/store.ts';
import { badOption, checkNames } from './util/check-option.ts';
import { describe } from './util/describe.ts';
import { parseDuration } from './util/duration.ts';

/** The variables of a page, as passed to `render`. */
export type PageContext = Readonly<Record<string, unknown>>;

/** Options of {@link CacheSweeper}. All have defaults. Durations are text with a unit, such as "100ms" or "3s". */
export interface CacheSweeperOptions {
  /**
   * Store shared by all processes of the site; `'off'` renders every body and stores nothing. Default: none; each process has a
   * cache of its own. `storeFromEnvironment()` returns what this option takes.
   */
  readonly store?: StoreOption;
  /** Memory tier inside the process: the bytes it may take, default 64 MiB; `false` for none. */
  readonly memory?: { readonly maxBytes?: number } | false;
  /**
   * `false` renders every body and stores nothing. A function decides for each page from its context. Default `true`.
   */
  readonly enabled?: boolean | ((context: PageContext) => boolean);
  /**
   * Part of every key, so that two sites can share a store. Up to 64 letters, digits, `_`, `.` or `-`. Default `''`.
   */
  readonly namespace?: string;
  /** Part of every key, a whole number; raising it empties this site's cache. Default 1. */
  readonly version?: number;
  /**
   * Returns another key, made from the key's parts alone. A long or unprintable result is hashed. For further
   * differences between fragments use `vary`. Default: {@link KeyParts} joined to one text.
   */
  readonly key?: (parts: KeyParts) => string;
  /** Returns values of the page's context that go into every fragment key, such as locale or theme. Default: none. */
  readonly vary?: (context: PageContext) => readonly unknown[];
  /**
   * Returns the identity of models that the built-in rules do not recognise; called before these rules. Default: none.
   */
  readonly identify?: (model: unknown) => ModelIdentity | undefined;
  /**
   * Names that no body may use unless an argument or `when=` of its tag names them. `user` or `flash*` apply to the
   * page's variables and directly below `ctx`, `req`, `request`, `res`, `locals` and `state`; `**.session` applies
   * anywhere. Default {@link DEFAULT_PRIVATE_NAMES}; `[]` for none.
   */
  readonly private?: readonly string[];
  /** Longest time between reading a page's data and rendering it. Default "3s". */
  readonly maxDataAge?: string;
  /**
   * Secret for sealing stored values with HMAC-SHA-256, so that write access to the store is not enough to forge an
   * entry. A text of at least 16 characters, or a list: the first signs, all verify. All processes need the same.
   * Default: none.
   */
  readonly secret?: string | readonly string[];
  /** Longest time that one render waits for the store. Default "250ms". */
  readonly timeout?: string;
  /**
   * Longest time that one page or view waits for others who make the same fragments and views, instead of loading their data
   * itself. Default "5s"; "0s" for not at all.
   */
  readonly wait?: string;
  /**
   * How early what has a ttl is made anew, so that it does not expire for all pages at once: each page draws at random whether it
   * does so, the more likely the nearer the end is and the longer making it takes (XFetch). 1 is about as early as it takes to make;
   * 2 is twice as early. Default 1; 0 for not at all.
   */
  readonly early?: number;
  /**
   * How long entries of the memory tier are served while the store cannot be asked, counted from when this process last
   * read their tokens. Bumps of other processes can be missed for that time, those of this process never. Pages with
   * such a hit are not stored; their reports have the reason `outage`. Default: off, so that they are rendered
   * uncached. Without a store or a memory tier it does nothing.
   *
   * @example
   * new CacheSweeper({ store: new MemcachedStore('localhost:11211'), outage: '30s' });
   */
  readonly outage?: string;
  /**
   * Keeps the names of a save in its own database until they are bumped, so that they are bumped within two seconds if the process
   * dies between the commit and the bump. The site's Knex; `true` where hooks of ORMs are enough, each of which looks into its own
   * database; or `{ knex, table, interval }`. Make the table first: `await sweeper.outbox.createTable()`. Without a store it does
   * nothing. Default: off.
   *
   * @example
   * new CacheSweeper({ store: new MemcachedStore('localhost:11211'), outbox: true });
   */
  readonly outbox?: boolean | OutboxKnex | OutboxOptions;
  /**
   * Share of hits that are verified, from 0 to 1: after the page was delivered, the body is rendered too, and a
   * difference is reported to `onError`. Default 0. Use 0.001 in production and 1 in tests.
   */
  readonly verify?: number;
  /**
   * Keeps what bumped a name, so that reports say why a fragment missed: `FragmentReport.cause`. Costs about 50 µs for each bump,
   * and with a store one write of what made its tokens. Default: `true`, unless `NODE_ENV` is `production` or `test`.
   */
  readonly causes?: boolean;
  /** Called after each render. An error that it throws goes to `onError`. */
  readonly onRender?: (report: RenderReport) => void;
  /**
   * Called with names that were bumped, after the store has acknowledged it; use it to purge a CDN. Errors go to
   * `onError`; the bump does not wait for it.
   */
  readonly onBump?: (names: readonly string[]) => unknown;
  /** Called for each error that did not reach a page or a caller. Default: a process warning. */
  readonly onError?: (error: unknown) => void;
  /** Clock, in milliseconds since 1970; for tests. Default `Date.now`. */
  readonly now?: () => number;
}

/** Checked and complete options; durations in milliseconds. */
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
  readonly wait: number;
  /** 0 for off. */
  readonly early: number;
  /** 0 for off. */
  readonly outage: number;
  readonly outbox: OutboxSettings | undefined;
  readonly verify: number;
  readonly causes: boolean;
  readonly onRender: ((report: RenderReport) => void) | undefined;
  readonly onBump: ((names: readonly string[]) => unknown) | undefined;
  readonly onError: ((error: unknown) => void) | undefined;
  readonly now: () => number;
}

/** Usual names of visitors' own data in templates, and where they apply. */
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
const DEFAULT_WAIT = 5_000;
const DEFAULT_EARLY = 1;
const MIN_SECRET = 16;
/** A name, optionally with a final `*`; the prefix `**.` makes it apply anywhere. */
const PRIVATE_NAME = /^(\*\*\.)?[^\s.*]+\*?$/;
const NAMESPACE = /^[A-Za-z0-9_.-]{0,64}$/;

const KNOWN: readonly (keyof CacheSweeperOptions)[] = [
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
  'wait',
  'early',
  'outage',
  'outbox',
  'verify',
  'causes',
  'onRender',
  'onBump',
  'onError',
  'now',
];

/** @throws CacheSweeperError CACHESWEEPER_BAD_OPTION when an option has an unknown name or a wrong value */
export function checkOptions(options: CacheSweeperOptions): Settings {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw badOption('new CacheSweeper()', 'an object of options', describe(options));
  }
  checkNames('option', options, KNOWN);
  return Object.freeze({
    store: store(options.store),
    memoryBytes: memoryBytes(options.memory),
    enabled: enabled(options.enabled, options.store),
    namespace: namespace(options.namespace),
    version: version(options.version),
    key: optionalFunction('key', options.key),
    vary: optionalFunction('vary', options.vary),
    identify: optionalFunction('identify', options.identify),
    private: privateNames(options.private),
    maxDataAge: duration('maxDataAge', options.maxDataAge, DEFAULT_MAX_DATA_AGE),
    secrets: secrets(options.secret),
    timeout: duration('timeout', options.timeout, DEFAULT_TIMEOUT),
    wait: duration('wait', options.wait, DEFAULT_WAIT),
    early: early(options.early),
    outage: duration('outage', options.outage, 0),
    outbox: checkOutbox(options.outbox),
    verify: share(options.verify),
    causes: causes(options.causes),
    onRender: optionalFunction('onRender', options.onRender),
    onBump: optionalFunction('onBump', options.onBump),
    onError: optionalFunction('onError', options.onError),
    now: optionalFunction('now', options.now) ?? Date.now,
  });
}

function store(value: StoreOption): Store | undefined {
  if (value === undefined || value === 'off') return undefined;
  const methods = ['getMany', 'setMany', 'addMany', 'close'] as const;
  if (typeof value === 'object' && value !== null && methods.every((name) => typeof value[name] === 'function'))
    return value;
  throw badOption('option store', `a store (an object with ${methods.join(', ')}), or 'off'`, describe(value));
}

function memoryBytes(memory: CacheSweeperOptions['memory']): number {
  if (memory === undefined) return DEFAULT_MEMORY_BYTES;
  if (memory === false) return 0;
  const isObject = typeof memory === 'object' && memory !== null;
  if (isObject) checkNames('option memory', memory, ['maxBytes']);
  const bytes: unknown = isObject ? (memory.maxBytes ?? DEFAULT_MEMORY_BYTES) : undefined;
  if (typeof bytes === 'number' && Number.isSafeInteger(bytes) && bytes >= 1) return bytes;
  throw badOption(
    'option memory',
    '{ maxBytes } with a whole number of bytes, or false',
    describe(isObject ? bytes : memory),
  );
}

function enabled(value: CacheSweeperOptions['enabled'] = true, store: StoreOption): Settings['enabled'] {
  if (typeof value === 'boolean' || typeof value === 'function') return store === 'off' ? false : value;
  throw badOption('option enabled', 'true, false or a function of the context', describe(value));
}

function namespace(value: unknown): string {
  if (value === undefined) return '';
  if (typeof value === 'string' && NAMESPACE.test(value)) return value;
  throw badOption('option namespace', 'up to 64 letters, digits, "_", "." or "-"', describe(value));
}

function version(value: unknown): number {
  if (value === undefined) return 1;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw badOption('option version', 'a whole number', describe(value));
}

function privateNames(value: unknown): readonly string[] {
  if (value === undefined) return DEFAULT_PRIVATE_NAMES;
  if (!Array.isArray(value)) throw badOption('option private', 'a list of names', describe(value));
  for (const name of value) {
    if (typeof name !== 'string' || !PRIVATE_NAME.test(name)) {
      throw badOption('option private', 'names such as "user", "flash*" or "**.session"', describe(name));
    }
  }
  return [...value];
}

function secrets(value: unknown): readonly string[] {
  if (value === undefined) return [];
  const list = Array.isArray(value) ? value : [value];
  const isSecret = (text: unknown) => typeof text === 'string' && text.length >= MIN_SECRET;
  if (list.length > 0 && list.every(isSecret)) return list;
  // Do not show the secret.
  throw badOption('option secret', `a text of at least ${MIN_SECRET} characters, or a list of such`, 'something else');
}

function duration(name: string, value: unknown, byDefault: number): number {
  if (value === undefined) return byDefault;
  const result = parseDuration(value);
  if (result !== undefined) return result;
  throw badOption(`option ${name}`, 'a duration with its unit, such as "100ms" or "3s"', describe(value));
}

function early(value: unknown): number {
  if (value === undefined) return DEFAULT_EARLY;
  if (typeof value === 'number' && value >= 0 && value < Number.POSITIVE_INFINITY) return value;
  throw badOption('option early', 'a number from 0 on', describe(value));
}

function share(value: unknown): number {
  if (value === undefined) return 0;
  if (typeof value === 'number' && value >= 0 && value <= 1) return value;
  throw badOption('option verify', 'the share of hits that are verified, a number from 0 to 1', describe(value));
}

/** Off in tests as well, which may count calls of the store. */
function causes(value: unknown): boolean {
  if (value === undefined) return !['production', 'test'].includes(process.env.NODE_ENV ?? '');
  if (typeof value === 'boolean') return value;
  throw badOption('option causes', 'true or false', describe(value));
}

function optionalFunction<T extends (...args: never[]) => unknown>(name: string, value: T | undefined): T | undefined {
  if (value === undefined || typeof value === 'function') return value;
  throw badOption(`option ${name}`, 'a function', describe(value));
}
