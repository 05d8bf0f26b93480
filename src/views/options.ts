import { isStaleValue, STALE_VALUES, staleMilliseconds, ttlMilliseconds } from '../render/lifetime.ts';
import { badOption, checkNames } from '../util/check-option.ts';
import { describe } from '../util/describe.ts';
import { CACHE_HEADERS, type CacheHeader } from './http/cache-headers.ts';
import { type CookieName, DEFAULT_COOKIES, type IsSession, identifies } from './http/session-cookies.ts';
import { CACHED_STATUSES } from './http/sound-view.ts';
import { countingReads } from './reads/read-names.ts';
import { type SweeperLike, type Views, viewsOf } from './views.ts';

/** A header that lists for a CDN the names a page depends on. */
export type SurrogateHeader = 'Surrogate-Key' | 'Cache-Tag' | 'xkey';

export type { CacheHeader } from './http/cache-headers.ts';

/** Statuses that may be cached. */
export type CachedStatus = (typeof CACHED_STATUSES)[number];

/**
 * Options of `cacheView`, the same for all frameworks.
 *
 * @typeParam R the framework's request: `req` of Express, `request` of Fastify and hapi, `ctx` of Koa
 * @typeParam S the framework's response: `res` of Express, `reply` of Fastify; Node's of Koa and hapi
 */
export interface ViewOptions<R = unknown, S = unknown> {
  /** The sweeper whose bumps invalidate these views. */
  readonly sweeper: SweeperLike;
  /** Time to live: seconds, or text such as "10m". 0: the view does not expire and ends only with a bump. */
  readonly ttl: number | string;
  /**
   * How long a view may be served after its ttl while one request makes it anew: seconds, or text such as "1m". Never
   * after a bump, nor beyond a lifetime in the headers of its handler. Default: not at all.
   *
   * @example
   * cacheView({ sweeper, ttl: '5m', stale: '1m' })
   */
  readonly stale?: number | string;
  /** Name of the route, for `expireView({ name })`. */
  readonly name?: string;
  /** Pattern of the route, so that `expireView({ name, params })` can return urls. Default: learnt from the route. */
  readonly path?: string;
  /** Whether all hosts share one view. Default `false`. */
  readonly ignoreHost?: boolean;
  /** The only query parameters that count. Default: all except those that track visitors (`utm_*`, `gclid`…). */
  readonly query?: readonly string[];
  /**
   * Returns values that the page depends on beside what its handler reads, such as a theme from a cookie that `except`
   * leaves out, or a global locale. Default: none.
   */
  readonly vary?: (request: R) => readonly unknown[];
  /**
   * Names of what the handler may read of the request without that counting, because `vary` returns another value for
   * it or because no page shows it: `['t', 'cookies.theme']`. Default: none beside loggers and the framework's parts.
   */
  readonly except?: readonly string[];
  /** Returns true for requests that must neither be answered from the cache nor fill it. Default: none. */
  readonly skip?: (request: R) => boolean | Promise<boolean>;
  /**
   * Returns texts that are others for each visitor or request and that the page, or a header, shows as they are: a token
   * against forgery, the nonce of a policy. They are taken out of the page when it is stored, and this request's are put
   * in when it is sent. Visitors who are logged in or have a session are answered from the cache, too. Each text has
   * at least 16 visible ASCII characters and stands nowhere else by chance. Called before the handler. Default: none.
   *
   * @example
   * replace: (req, res) => ({ nonce: res.locals.cspNonce, csrf: req.csrfToken() })
   */
  readonly replace?: (
    request: R,
    response: S,
  ) => Readonly<Record<string, unknown>> | Promise<Readonly<Record<string, unknown>>>;
  /**
   * Returns the variables of the visitor, such as `user` and `csrfToken`. Pages are stored with their holes,
   * `{% uncached %}`, open. Holes see these variables and what is passed to them, and nothing else. Outside of holes, what
   * a template reads of them is in the view's key. Give them here in place of `render()`: they are variables of every page of
   * the route. Visitors who are logged in or have a session are answered from the cache, too. Called before the
   * handler. Default: none.
   *
   * @example
   * holes: (req) => ({ user: req.user, csrfToken: req.csrfToken() })
   */
  readonly holes?: (
    request: R,
    response: S,
  ) => Readonly<Record<string, unknown>> | Promise<Readonly<Record<string, unknown>>>;
  /**
   * Cookies with which a request goes past the cache whatever its handler reads; a final `*` matches any ending, and a
   * value that was signed for a visitor counts too. Default: those whose names speak of sessions, logins or tokens.
   * `[]` for none: then only what handlers read counts.
   */
  readonly cookies?: readonly CookieName[];
  /** Returns models that the page shows outside of fragments. Called before the handler runs. */
  readonly models?: (request: R) => unknown;
  /** Statuses that are cached. Default `[200]`. */
  readonly statuses?: readonly CachedStatus[];
  /** Largest body that is stored, in bytes. Default 524,288. */
  readonly maxBytes?: number;
  /**
   * Cache-Control for views whose handler sets none; `false` for none. Default "no-cache": browsers ask each time and
   * mostly get a 304.
   */
  readonly cacheControl?: string | false;
  /** Header that lists for a CDN the names a page depends on. Default: none. */
  readonly surrogate?: SurrogateHeader | { readonly header: SurrogateHeader; readonly maxBytes?: number };
  /**
   * Whether a successful POST, PUT, PATCH or DELETE expires the views of its address, and of those that its answer names
   * in Location. Default `true`.
   */
  readonly invalidateOnWrite?: boolean;
  /**
   * Headers that tell in the words of standards what X-Cache tells: Cache-Status (RFC 9211), and Server-Timing, which browsers show
   * beside their own timings. They are added last, behind what other caches have said, and are in no stored view. Default: none.
   *
   * @example
   * headers: ['Cache-Status', 'Server-Timing']
   */
  readonly headers?: readonly CacheHeader[];
  /** Whether X-Cache, and `headers`, give reasons. Default: true unless NODE_ENV is "production". */
  readonly debug?: boolean;
}

/** Checked and complete options. */
export interface ViewSettings {
  readonly views: Views;
  /** Milliseconds; 0 for no expiry. */
  readonly lifetime: number;
  /** Milliseconds that a view may be served after its lifetime; 0 for none. */
  readonly stale: number;
  readonly name: string | undefined;
  readonly path: string | undefined;
  readonly ignoreHost: boolean;
  readonly query: readonly string[] | undefined;
  readonly vary: ((request: unknown) => readonly unknown[]) | undefined;
  /** Whether a read counts. */
  readonly counts: (read: string) => boolean;
  readonly skip: ((request: unknown) => boolean | Promise<boolean>) | undefined;
  readonly replace: ((request: unknown, response: unknown) => unknown) | undefined;
  readonly holes: ((request: unknown, response: unknown) => unknown) | undefined;
  /** Whether a cookie identifies a visitor. */
  readonly isSession: IsSession;
  readonly models: ((request: unknown) => unknown) | undefined;
  readonly statuses: ReadonlySet<number>;
  readonly maxBytes: number;
  readonly cacheControl: string | undefined;
  readonly surrogate: { readonly header: SurrogateHeader; readonly maxBytes: number } | undefined;
  readonly invalidateOnWrite: boolean;
  readonly headers: readonly CacheHeader[];
  readonly debug: boolean;
}

const STATUSES: ReadonlySet<unknown> = new Set(CACHED_STATUSES);
const SURROGATES: ReadonlySet<unknown> = new Set<SurrogateHeader>(['Surrogate-Key', 'Cache-Tag', 'xkey']);
const DEFAULT_MAX_BYTES = 524_288;
/** Servers and CDNs accept at least 8 KB in a header line. */
const DEFAULT_SURROGATE_BYTES = 4_000;
const HEADER_VALUE = /^[\x20-\x7e]+$/;

type Check = (value: unknown) => boolean;
const isFunction: Check = (value) => typeof value === 'function';
const isBoolean: Check = (value) => typeof value === 'boolean';
const isText: Check = (value) => typeof value === 'string' && value !== '';
const isCount: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 1;
const areTexts: Check = (value) => Array.isArray(value) && value.every(isText);

const CHECKS: { readonly [K in keyof ViewOptions]-?: readonly [Check, expected: string] } = {
  sweeper: [(value) => viewsOf(value) !== undefined, 'a CacheSweeper'],
  ttl: [(value) => value !== undefined, 'seconds, or text such as "10m"'],
  stale: [isStaleValue, STALE_VALUES],
  name: [isText, 'a name'],
  path: [(value) => isText(value) && (value as string).startsWith('/'), 'a route\'s pattern that begins with "/"'],
  ignoreHost: [isBoolean, 'true or false'],
  query: [areTexts, 'a list of parameters'],
  vary: [isFunction, 'a function of the request that returns a list'],
  except: [areTexts, 'a list of names of reads, such as "t" or "cookies.theme"'],
  skip: [isFunction, 'a function of the request'],
  replace: [isFunction, 'a function of the request and the response that returns an object of texts'],
  holes: [isFunction, 'a function of the request and the response that returns an object of variables'],
  cookies: [
    (value) => Array.isArray(value) && value.every((one) => isText(one) || one instanceof RegExp),
    'a list of names of cookies, or patterns for them',
  ],
  models: [isFunction, 'a function of the request that returns models'],
  statuses: [
    (value) => Array.isArray(value) && value.length > 0 && value.every((one) => STATUSES.has(one)),
    `a list of ${[...STATUSES].join(', ')}`,
  ],
  maxBytes: [isCount, 'a whole number of bytes'],
  cacheControl: [
    (value) => value === false || (typeof value === 'string' && HEADER_VALUE.test(value)),
    'the text of a header, or false',
  ],
  surrogate: [isSurrogate, '"Surrogate-Key", "Cache-Tag", "xkey" or { header, maxBytes }'],
  invalidateOnWrite: [isBoolean, 'true or false'],
  headers: [
    (value) => Array.isArray(value) && value.every((one) => (CACHE_HEADERS as readonly unknown[]).includes(one)),
    `a list of ${CACHE_HEADERS.join(', ')}`,
  ],
  debug: [isBoolean, 'true or false'],
};

/**
 * Checks the options of `cacheView` and fills in defaults.
 *
 * @param where name of the place in error messages
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION, CACHESWEEPER_BAD_TTL
 */
export function checkViewOptions<R, S>(given: ViewOptions<R, S>, where = 'cacheView()'): ViewSettings {
  if (typeof given !== 'object' || given === null) throw badOption(where, 'an object of options', describe(given));
  checkNames(where, given, Object.keys(CHECKS));
  for (const [name, [check, expected]] of Object.entries(CHECKS)) {
    const value = given[name as keyof ViewOptions];
    const isMissing = value === undefined && name !== 'sweeper' && name !== 'ttl';
    if (!isMissing && !check(value)) throw badOption(`${where} ${name}`, expected, describe(value));
  }
  // Each framework's file passes requests of its own type, so the parameter type may be widened.
  const { vary, skip, replace, holes, models } = given as unknown as Pick<
    ViewSettings,
    'vary' | 'skip' | 'replace' | 'holes' | 'models'
  >;
  const surrogate = typeof given.surrogate === 'string' ? { header: given.surrogate } : given.surrogate;
  return Object.freeze({
    views: viewsOf(given.sweeper) as Views,
    lifetime: ttlMilliseconds(given.ttl),
    stale: staleMilliseconds(given.stale),
    name: given.name,
    path: given.path,
    ignoreHost: given.ignoreHost ?? false,
    query: given.query && [...given.query],
    vary,
    counts: countingReads(given.except ?? []),
    skip,
    replace,
    holes,
    isSession: identifies([...(given.cookies ?? DEFAULT_COOKIES)]),
    models,
    statuses: new Set<number>(given.statuses ?? [200]),
    maxBytes: given.maxBytes ?? DEFAULT_MAX_BYTES,
    cacheControl: given.cacheControl === false ? undefined : (given.cacheControl ?? 'no-cache'),
    surrogate: surrogate && { maxBytes: DEFAULT_SURROGATE_BYTES, ...surrogate },
    invalidateOnWrite: given.invalidateOnWrite ?? true,
    headers: [...new Set(given.headers)],
    debug: given.debug ?? process.env.NODE_ENV !== 'production',
  });
}

function isSurrogate(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return SURROGATES.has(value);
  const { header, maxBytes, ...others } = value as Record<string, unknown>;
  return SURROGATES.has(header) && (maxBytes === undefined || isCount(maxBytes)) && Object.keys(others).length === 0;
}
