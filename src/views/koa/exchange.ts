import type { Address } from '../http/address.ts';
import type { Exchange, ReadRecorder } from '../http/exchange.ts';
import { codeOf } from '../http/handlers.ts';
import { headersOf } from '../http/recorder.ts';
import { ownOfRequest, ownOfResponse } from '../reads/pristine.ts';
import { cookieRead } from '../reads/read-names.ts';
import { send } from './body.ts';
import type { RoutedContext } from './context.ts';

/** @param number tells one `cacheView` from another */
export function exchangeOf(context: RoutedContext, number = 0): Exchange {
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
