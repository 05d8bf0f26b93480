import type { IncomingMessage, ServerResponse } from 'node:http';
import { currentPart, inRequest } from '../render/ambient.ts';
import { watchErrors } from './express-errors.ts';
import { placeOf } from './express-routes.ts';
import { checkFreshOptions, type FreshOptions, isFresh } from './fresh.ts';
import { type Address, queryOf } from './http/address.ts';
import type { Exchange, Reply } from './http/exchange.ts';
import { codeOf } from './http/handlers.ts';
import { standFirst, watchResponses } from './http/last-word.ts';
import { headersOf } from './http/recorder.ts';
import { checkViewOptions, type ViewOptions } from './options.ts';
import { ownOfRequest, ownOfResponse } from './reads/pristine.ts';
import { requestContext } from './request-context.ts';
import { serveView } from './serve-view.ts';
import { ViewPages } from './view-pages.ts';
import { dependOn } from './views-of-requests.ts';
import { expireOnWrite, mayWrite, type Write, watchWrite } from './writes.ts';

export type { FreshOptions } from './fresh.ts';
export { type CookieName, DEFAULT_COOKIES } from './http/session-cookies.ts';
export { surrogateKeys } from './http/surrogate.ts';
export type { CachedStatus, CacheHeader, SurrogateHeader, ViewOptions } from './options.ts';
export type { ViewReport } from './view-report.ts';

/** The part of Express' request that is used here. */
export interface ExpressRequest extends IncomingMessage {
  readonly originalUrl: string;
  readonly baseUrl: string;
  readonly protocol: string;
  /** Without the port. */
  readonly hostname: string;
}

/**
 * The request as the functions among the options receive it. Handlers use {@link ExpressRequest} instead, because these
 * `params` would conflict with Express' own type.
 */
export interface RoutedRequest extends ExpressRequest {
  readonly params: Readonly<Record<string, unknown>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly route?: { readonly path?: unknown };
  readonly app?: object;
}

/** The part of Express' response that is used here. */
export interface ExpressResponse extends ServerResponse {
  readonly locals: object;
  render(...args: never[]): unknown;
}

/** The response as the functions among the options receive it. */
export interface RoutedResponse extends ExpressResponse {
  readonly locals: Readonly<Record<string, unknown>>;
}

type Next = (error?: unknown) => void;

/**
 * Middleware that notes when a request began. Data read by later handlers is not older than that, however long they
 * take. Put it before everything that reads data.
 *
 * @example
 * app.use(requestStart());
 */
export function requestStart(): (request: unknown, response: unknown, next: () => void) => void {
  watchResponses();
  return (request, response, next) => {
    standFirst(response as ServerResponse);
    watch(request as RoutedRequest, response as ExpressResponse);
    inRequest(Date.now(), next);
  };
}

/**
 * Returns host and port of the header that Express took the hostname from: it knows which proxies to trust. Only
 * Express 5 has a getter for both.
 */
function hostOf({ hostname = '', headers }: RoutedRequest): string {
  const [forwarded = ''] = String(headers['x-forwarded-host'] ?? '').split(',');
  const isIts = (host: string) => host === hostname || host.startsWith(`${hostname}:`);
  return [headers.host ?? '', forwarded.trim()].find(isIts) ?? hostname;
}

/** Expires the views that an unsafe request changes. */
function watch(request: RoutedRequest, response: ExpressResponse): void {
  if (!mayWrite(request.method)) return;
  const write = (): Write => ({
    method: request.method,
    protocol: request.protocol,
    host: hostOf(request),
    target: request.originalUrl,
  });
  watchWrite(response, write, () => headersOf(response));
}

/**
 * Middleware that stores what the handlers behind it answer, and serves that until it expires or a name it was made
 * from is bumped. Put it behind the middleware that identifies the visitor.
 *
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION, CACHESWEEPER_BAD_TTL
 *
 * @example
 * app.get('/articles/:slug', cacheView({ sweeper, ttl: 300, name: 'post-detail' }), handler);
 */
export function cacheView<R extends ExpressRequest = RoutedRequest, S extends ExpressResponse = RoutedResponse>(
  options: ViewOptions<R, S>,
): (request: ExpressRequest, response: ExpressResponse, next: Next) => void {
  const settings = checkViewOptions(options);
  watchResponses();
  const { name, path, views } = settings;
  if (name !== undefined && path !== undefined) views.routes.learn(name, path);
  expireOnWrite(settings);
  const number = views.nextNumber();
  return (request, response, next) => {
    watch(request as RoutedRequest, response);
    serveView(exchangeOf(request as RoutedRequest, response, number), settings, (run, visitor) => {
      if (run !== undefined) watchErrors(request, () => run.failed());
      if (run !== undefined || visitor !== undefined) keepInContext(response);
      next();
    }).catch(next);
  };
}

/**
 * Adds models to the dependencies of a request's view. Call it for models that the handler shows outside of fragments.
 *
 * @returns resolved when their tokens are known; there is no need to wait for it
 * @throws CacheSweeperError CACHESWEEPER_NO_IDENTITY, CACHESWEEPER_TYPE_CONFLICT
 *
 * @example
 * depend(req, article);
 */
export function depend(request: IncomingMessage, models: unknown): Promise<void> {
  return dependOn(request, models);
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
 * if (await fresh(req, res, [{ type: 'Article', id: req.params.id }])) return;
 */
export async function fresh(
  request: ExpressRequest,
  response: ExpressResponse,
  models: unknown,
  options: FreshOptions = {},
): Promise<boolean> {
  checkFreshOptions(options);
  const reply = await isFresh(exchangeOf(request as RoutedRequest, response), models, options);
  if (reply !== undefined) send(response, reply);
  return reply !== undefined;
}

/** @param number tells one `cacheView` from another */
function exchangeOf(request: RoutedRequest, response: ExpressResponse, number = 0): Exchange {
  const { route, baseUrl } = request;
  return {
    request,
    incoming: request,
    response,
    target: request.originalUrl,
    urls: [request.originalUrl, request.url ?? ''],
    route: `${number} ${String(route?.path)} ${placeOf(route, request.app)} ${codeOf(stackOf(route))}`,
    given: (address) => [request.params, own(request, 'query', address), own(request, 'body', address)],
    holders: [
      { name: 'req', object: request, isOwn },
      { name: 'res', object: response, isOwn: isOwnOfResponse },
    ],
    localsAt: { object: response, key: 'locals', read: 'locals' },
    derived: [
      { object: request, names: ['protocol', 'secure', 'host', 'hostname', 'subdomains'] },
      { object: request, names: ['ip', 'ips'], read: 'ip' },
    ],
    rewrite: (address) => rewrite(request, address),
    protocol: request.protocol,
    host: hostOf(request),
    params: request.params ?? {},
    // In a mounted router only the current address is known, not the whole pattern.
    pattern: baseUrl === '' && typeof route?.path === 'string' ? route.path : undefined,
    visitors: [request, response.locals ?? {}],
    locals: () => [response.locals ?? {}],
    answersInContext: true,
    mayCompress: false,
    headers: () => headersOf(response),
    send: (reply) => send(response, reply),
  };
}

/** Express' own properties of a request. All but the address are the same for every request. */
const isOwn = ownOfRequest([
  'res',
  'route',
  'next',
  'baseUrl',
  'originalUrl',
  'params',
  'query',
  'body',
  '_parsedUrl',
  '_parsedOriginalUrl',
]);

const isOwnOfResponse = ownOfResponse(['locals']);

/** Returns what Express 4 or middleware keeps on a request, without the parameters that are left out. */
function own(request: object, name: 'query' | 'body', address: Address): unknown {
  const kept: unknown = Object.getOwnPropertyDescriptor(request, name)?.value;
  if (typeof kept !== 'object' || kept === null) return kept;
  return { ...(name === 'query' ? queryOf(kept, address) : kept) };
}

function stackOf(route: unknown): unknown[] {
  const { stack } = (route ?? {}) as { readonly stack?: readonly { readonly handle?: unknown }[] };
  return Array.isArray(stack) ? stack.map(({ handle }) => handle) : [];
}

/** Gives the handler the address that is in the key. */
function rewrite(request: RoutedRequest, address: Address): () => void {
  const { url, originalUrl } = request;
  const to = request as { url: string; originalUrl: string; query: object };
  // Express 5 reads the query from the address each time. Express 4 and other middleware keep what they read.
  const query = Object.getOwnPropertyDescriptor(request, 'query');
  const isKept = query !== undefined && typeof query.value === 'object' && query.value !== null;
  const [target = '', entry = ''] = address.urls;
  if (url === entry && originalUrl === target && address.order === undefined) return () => {};
  to.url = entry;
  to.originalUrl = target;
  if (isKept) to.query = queryOf(query.value as object, address);
  return () => {
    // A router may be in the middle of its own change.
    if (to.url === entry) to.url = url as string;
    to.originalUrl = originalUrl;
    if (isKept) Object.defineProperty(request, 'query', query);
  };
}

function send(response: ServerResponse, { status, headers, removed, body }: Reply): void {
  for (const name of removed) response.removeHeader(name);
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  response.statusCode = status;
  if (response.req.method === 'HEAD' || status === 304) response.end();
  else response.end(body);
}

/** Keeps a response's `render` inside the view, and its pages the visitor's. */
function keepInContext(response: ExpressResponse): void {
  const { render } = response;
  const within = requestContext();
  const rendered = function (this: ExpressResponse, ...args: never[]): unknown {
    watchRenderer((this.req as { readonly app?: object }).app);
    return within(() => render.apply(this, args));
  };
  response.render = rendered;
}

const watchedRenderers = new WeakSet<object>();

/**
 * What an application copies for a page counts only as far as the page looks it up. What middleware copies in a
 * `res.render` of its own counts whole, because it may choose by it.
 */
function watchRenderer(app: object | undefined): void {
  if (app === undefined) return;
  const own = app as { render: (...args: unknown[]) => unknown };
  const { render } = own;
  if (watchedRenderers.has(render)) return;
  const copying = function (this: unknown, ...args: unknown[]): unknown {
    const watch = currentPart()?.watch;
    const rendering = () => render.apply(this, args);
    return watch instanceof ViewPages ? watch.reads.whileCopying(rendering, args[1]) : rendering();
  };
  watchedRenderers.add(copying);
  own.render = copying;
}
