import type { IncomingMessage, ServerResponse } from 'node:http';
import { inRequest } from '../render/ambient.ts';
import { checkFreshOptions, type FreshOptions, isFresh } from './fresh.ts';
import type { Address } from './http/address.ts';
import type { Exchange, Headers, ReadRecorder, Reply } from './http/exchange.ts';
import { codeOf } from './http/handlers.ts';
import { standFirst, watchResponses } from './http/last-word.ts';
import { headersOf } from './http/recorder.ts';
import { textOf as bodyText } from './http/stored-view.ts';
import { checkViewOptions, type ViewOptions } from './options.ts';
import { ownOfRequest, ownOfResponse } from './reads/pristine.ts';
import { cookieRead } from './reads/read-names.ts';
import { dependOn, serveView } from './serve-view.ts';
import type { ViewRun } from './view-run.ts';
import { expireOnWrite, expireWritten, mayWrite } from './writes.ts';

export type { FreshOptions } from './fresh.ts';
export { type CookieName, DEFAULT_COOKIES } from './http/session-cookies.ts';
export { surrogateKeys } from './http/surrogate.ts';
export type { CachedStatus, SurrogateHeader, ViewOptions } from './options.ts';
export type { ViewReport } from './serve-view.ts';

/** The part of Koa's context that is used here. */
export interface KoaContext {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly request: object;
  /** Koa's response; setting the context's `body` sets this one's. */
  readonly response: object;
  readonly originalUrl: string;
  readonly protocol: string;
  readonly host: string;
  readonly state: object;
  status: number;
  body: unknown;
  set(name: string, value: string | string[]): void;
  remove(name: string): void;
}

/** Properties that @koa/router adds. */
interface RoutedContext extends KoaContext {
  readonly params?: Readonly<Record<string, unknown>>;
  readonly _matchedRoute?: unknown;
  readonly routerPath?: string;
  readonly matched?: readonly { readonly stack?: readonly unknown[] }[];
}

/**
 * Middleware that notes when a request began. Data read by later handlers is not older than that, however long they
 * take. Put it before everything that reads data.
 *
 * @example
 * app.use(requestStart());
 */
export function requestStart(): (context: unknown, next: () => Promise<unknown>) => Promise<unknown> {
  watchResponses();
  return (context, next) => {
    standFirst((context as KoaContext).res);
    return inRequest(Date.now(), () => expiring(context as RoutedContext, next));
  };
}

/** Runs the middleware behind, then expires the views that an unsafe request has changed, before Koa answers. */
function expiring(context: RoutedContext, next: () => Promise<unknown>): Promise<unknown> {
  const { method } = context.req;
  if (!mayWrite(method) || written.has(context)) return next();
  written.add(context);
  return next().then(async (result) => {
    const { protocol, host, originalUrl: target } = context;
    await expireWritten({ method, protocol, host, target }, context.status, headersOf(context.res));
    return result;
  });
}

const written = new WeakSet<object>();

/**
 * Middleware that stores what the handlers behind it answer, and serves that until it expires or a name it was made
 * from is bumped. Put it behind the middleware that identifies the visitor.
 *
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION, CACHESWEEPER_BAD_TTL
 *
 * @example
 * router.get('/articles/:slug', cacheView({ sweeper, ttl: 300, name: 'post-detail' }), handler);
 */
export function cacheView<C extends KoaContext = KoaContext>(
  options: ViewOptions<C>,
): (context: C, next: () => Promise<unknown>) => Promise<unknown> {
  const settings = checkViewOptions(options);
  watchResponses();
  const { name, path, views } = settings;
  if (name !== undefined && path !== undefined) views.routes.learn(name, path);
  const number = views.nextNumber();
  expireOnWrite(settings);
  return (context, next) =>
    serveView(exchangeOf(context, number), settings, async (run) => {
      if (run === undefined) return expiring(context, next);
      watchBody(context.response, () => run.answering());
      copyFor(context, run);
      try {
        return await next();
      } catch (error) {
        run.failed();
        throw error;
      } finally {
        const given = context.body;
        const text = textOf(given);
        run.handOver(
          (body) => context.body === given && (text === undefined || body === undefined || body.equals(text)),
        );
        // A stream is read later, in the handler's code.
        if (!isStream(given)) run.ending();
      }
    });
}

/**
 * Adds models to the dependencies of a request's view. Call it for models that the handler shows outside of fragments.
 *
 * @returns resolved when their tokens are known; there is no need to wait for it
 * @throws CacheSweeperError CACHESWEEPER_NO_IDENTITY, CACHESWEEPER_TYPE_CONFLICT
 *
 * @example
 * depend(ctx, article);
 */
export function depend({ req }: { readonly req: IncomingMessage }, models: unknown): Promise<void> {
  return dependOn(req, models);
}

/**
 * Tells from the models' tokens alone whether the client already has the answer. If so, it sends 304 and returns true,
 * and the handler should return. Otherwise it sets the validator that the client will send next time.
 *
 * @param models models that the answer is made from
 * @param options `keys`: other values the answer depends on; `sweeper`: needed if the route has no `cacheView`
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION, CACHESWEEPER_NO_IDENTITY, CACHESWEEPER_BAD_KEY
 *
 * @example
 * if (await fresh(ctx, [{ type: 'Article', id: ctx.params.id }])) return;
 */
export async function fresh(context: KoaContext, models: unknown, options: FreshOptions = {}): Promise<boolean> {
  checkFreshOptions(options);
  const reply = await isFresh(exchangeOf(context), models, options);
  if (reply !== undefined) send(context, reply);
  return reply !== undefined;
}

/** @param number tells one `cacheView` from another */
function exchangeOf(context: RoutedContext, number = 0): Exchange {
  const { req, res, request, state, _matchedRoute: pattern } = context;
  // Koa inside of Express: what is before Koa is the original.
  const target = (req as { readonly originalUrl?: string }).originalUrl ?? context.originalUrl;
  return {
    request: context,
    incoming: req,
    response: res,
    target,
    urls: [target, req.url ?? '', context.originalUrl],
    route: `${number} ${String(pattern)} ${codeOf((context.matched ?? []).flatMap(({ stack }) => stack ?? []))}`,
    given: ({ urls: [, url = ''] }) => [context.params, keptQuery(request, url)],
    holders: [
      { name: 'ctx', object: context, isOwn: isOwnOfContext },
      { name: 'request', object: request, isOwn: isOwnOfKoaRequest },
      { name: 'req', object: req, isOwn: isOwnOfReq },
      { name: 'response', object: context.response, isOwn: isOwnOfKoaResponse },
      { name: 'res', object: res, isOwn: isOwnOfResponse },
    ],
    localsAt: { object: context, key: 'state', read: 'state' },
    derived: [
      ...[context, request].flatMap((object) => [
        { object, names: ['protocol', 'secure', 'host', 'hostname', 'subdomains', 'origin', 'href', 'URL'] },
        { object, names: ['ip', 'ips'], read: 'ip' },
      ]),
      { object: context, names: ['session'], read: 'session' },
    ],
    watchOwn: (reads) => watchCookies(context, reads),
    rewrite: (address) => rewrite(context, address),
    protocol: context.protocol,
    host: context.host,
    params: context.params ?? {},
    pattern: typeof pattern === 'string' ? pattern : undefined,
    visitors: [context, state, req, request],
    locals: () => [state],
    // Koa sends after all middleware, outside of any handler's asynchronous context.
    answersInContext: false,
    mayCompress: false,
    headers: () => headersOf(res),
    send: (reply) => send(context, reply),
  };
}

const isOwnOfContext = ownOf([
  'app',
  'req',
  'res',
  'request',
  'response',
  'originalUrl',
  'state',
  'respond',
  'params',
  'router',
  'routerPath',
  'routerName',
  'matched',
  'captures',
  '_matchedRoute',
  '_matchedRouteName',
]);
const isOwnOfKoaRequest = ownOf([
  'app',
  'req',
  'res',
  'ctx',
  'response',
  'originalUrl',
  'memoizedURL',
  '_querycache',
  'params',
]);
const isOwnOfKoaResponse = ownOf(['app', 'req', 'res', 'ctx', 'request', '_explicitStatus', '_explicitNullBody']);
const isOwnOfResponse = ownOfResponse([]);
const isOwnOfReq = ownOfRequest(['originalUrl', 'baseUrl', '_parsedUrl']);

function ownOf(names: readonly string[]): (name: string) => boolean {
  const own = new Set(names);
  return (name) => own.has(name);
}

/** Returns the query of a url if Koa has parsed it already. It keeps the object, which middleware may have changed. */
function keptQuery(request: object, url: string): unknown {
  const kept = (request as { readonly _querycache?: Readonly<Record<string, object>> })._querycache;
  const end = url.indexOf('?');
  return { ...kept?.[end === -1 ? '' : url.slice(end + 1)] };
}

/** Gives the handler the address that is in the key. */
function rewrite(context: RoutedContext, { urls }: Address): () => void {
  const [target = '', url = '', own = ''] = urls;
  const { req, originalUrl, request } = context as RoutedContext & {
    originalUrl: string;
    readonly request: { originalUrl: string; memoizedURL?: unknown };
    readonly req: { url: string; originalUrl?: string };
  };
  const before = { url: req.url, target: req.originalUrl, memoized: request.memoizedURL };
  if (before.url === url && originalUrl === own) return () => {};
  const set = (to: { url: string; own: string; target: string | undefined; memoized: unknown }): void => {
    req.url = to.url;
    (context as { originalUrl: string }).originalUrl = to.own;
    request.originalUrl = to.own;
    if (before.target !== undefined) req.originalUrl = to.target as string;
    if (to.memoized === undefined) Reflect.deleteProperty(request, 'memoizedURL');
    else request.memoizedURL = to.memoized;
  };
  set({ url, own, target, memoized: undefined });
  return () => set({ ...before, own: originalUrl });
}

/** Koa reads cookies from the header that holds them all. Each is recorded by its own name. */
function watchCookies(context: object, reads: ReadRecorder): () => void {
  const parent = Object.getPrototypeOf(context) as object;
  const get = (): unknown => {
    const cookies = reads.silently(() => Reflect.get(parent, 'cookies', context)) as Cookies;
    if (!reads.isRecording) return cookies;
    return Object.create(cookies, {
      get: {
        value(name: string, options?: object) {
          reads.read(cookieRead(name));
          return reads.silently(() => cookies.get(name, options));
        },
      },
    });
  };
  if (Object.hasOwn(context, 'cookies') || !('cookies' in context)) return () => {};
  Object.defineProperty(context, 'cookies', { configurable: true, get });
  return () => void Reflect.deleteProperty(context, 'cookies');
}

interface Cookies {
  get(name: string, options?: object): unknown;
}

/** What a renderer copies for a page counts only as far as the page looks it up. */
function copyFor(context: object, run: ViewRun): void {
  const render = run.reads.silently(() => (context as { readonly render?: unknown }).render);
  if (typeof render !== 'function') return;
  const copying = function (this: unknown, ...args: unknown[]): unknown {
    return run.reads.whileCopying(() => render.apply(this, args));
  };
  (context as { render: unknown }).render = copying;
}

function isStream(body: unknown): boolean {
  if (typeof body !== 'object' || body === null) return false;
  return 'pipe' in body || 'getReader' in body || body instanceof Blob || body instanceof Response;
}

/** Returns what Koa sends for an object or bytes if no middleware changes them; undefined for other bodies. */
function textOf(body: unknown): Buffer | undefined {
  if (typeof body !== 'object' || body === null || isStream(body)) return undefined;
  // Middleware outside may change the bytes in their place.
  if (body instanceof Uint8Array) return Buffer.from(body);
  try {
    return Buffer.from(JSON.stringify(body));
  } catch {
    return undefined;
  }
}

/** Returns the data that a handler gave for a body, if that is written as Koa writes it. */
function dataOf(text: string, headers: Headers): unknown {
  if (!/^application\/json\b/.test(String(headers['content-type'] ?? ''))) return text;
  try {
    const data: unknown = JSON.parse(text);
    return typeof data === 'object' && data !== null && JSON.stringify(data) === text ? data : text;
  } catch {
    return text;
  }
}

/** Calls `given` whenever the response gets a body. */
function watchBody(response: object, given: () => void): void {
  const parent = Object.getPrototypeOf(response) as object;
  Object.defineProperty(response, 'body', {
    configurable: true,
    enumerable: true,
    get(this: object) {
      return Reflect.get(parent, 'body', this);
    },
    set(this: object, body: unknown) {
      given();
      Reflect.set(parent, 'body', body, this);
    },
  });
}

function send(context: KoaContext, { status, headers, removed, body, isText }: Reply): void {
  context.status = status;
  for (const [name, value] of Object.entries(headers)) {
    context.set(name, Array.isArray(value) ? value : String(value));
  }
  const hadType = context.res.hasHeader('Content-Type');
  // Pass text on as text and data as data, because outer middleware may work on it.
  context.body = status === 304 ? null : isText ? dataOf(bodyText(body), headers) : body;
  // Koa sets a type for every body.
  if (!hadType && !('content-type' in headers)) context.remove('Content-Type');
  for (const name of removed) context.remove(name);
}
