import { isUtf8 } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { inRequest } from '../render/ambient.ts';
import { checkFreshOptions, type FreshOptions, isFresh } from './fresh.ts';
import type { Exchange, Reply } from './http/exchange.ts';
import { headersOf } from './http/recorder.ts';
import { checkViewOptions, type ViewOptions } from './options.ts';
import { dependOn, serveView } from './serve-view.ts';

export type { FreshOptions } from './fresh.ts';
export { DEFAULT_COOKIES } from './http/session-cookies.ts';
export { surrogateKeys } from './http/surrogate.ts';
export type { CachedStatus, SurrogateHeader, ViewOptions } from './options.ts';
export type { ViewReport } from './serve-view.ts';

/** The part of Koa's context that is used here. */
export interface KoaContext {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** Koa's own, whose body is the context's. */
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

/** What @koa/router adds to it. */
interface RoutedContext extends KoaContext {
  readonly params?: Readonly<Record<string, unknown>>;
  readonly _matchedRoute?: unknown;
}

/**
 * Middleware that remembers when a request began: data that its handlers read is not older, however long they take.
 * Put it before everything that reads data.
 *
 * @example
 * app.use(requestStart());
 */
export function requestStart(): (context: unknown, next: () => Promise<unknown>) => Promise<unknown> {
  return (_context, next) => inRequest(Date.now(), next);
}

/**
 * Middleware that keeps what comes behind it answers, and answers from that as long as nothing that it was made from was
 * bumped. Put it behind the middleware that finds out who the visitor is.
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
  const { name, path, views } = settings;
  if (name !== undefined && path !== undefined) views.routes.learn(name, path);
  return (context, next) =>
    serveView(exchangeOf(context), settings, async (run) => {
      if (run === undefined) return next();
      watchBody(context.response, () => run.answering());
      try {
        return await next();
      } finally {
        const given = context.body;
        run.handOver(() => context.body === given);
      }
    });
}

/**
 * Adds models to what the view of a request is made from: those that its handler shows outside of fragments.
 *
 * @returns resolved when it is noted; there is no need to wait for it
 * @throws CacheSweeperError CACHESWEEPER_NO_IDENTITY, CACHESWEEPER_TYPE_CONFLICT
 *
 * @example
 * depend(ctx, article);
 */
export function depend({ req }: { readonly req: IncomingMessage }, models: unknown): Promise<void> {
  return dependOn(req, models);
}

/**
 * Whether the client has already got what the handler would answer, told from the models' tokens alone: then the
 * answer is 304, and there is nothing left to do. Otherwise the response gets the validator to ask with next time.
 *
 * @param models what the answer is made from
 * @param options `keys`: other values it is made from; `sweeper`: where the route has no `cacheView`
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

function exchangeOf(context: RoutedContext): Exchange {
  const { req, res, state, _matchedRoute: pattern } = context;
  return {
    request: context,
    incoming: req,
    response: res,
    target: context.originalUrl,
    protocol: context.protocol,
    host: context.host,
    params: context.params ?? {},
    pattern: typeof pattern === 'string' ? pattern : undefined,
    visitors: [context, state, req],
    locals: () => [state],
    // Koa sends when all middleware is done, in the context of none.
    answersInContext: false,
    mayCompress: false,
    headers: () => headersOf(res),
    send: (reply) => send(context, reply),
  };
}

/** Notes where a response gets its body. */
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

function send(context: KoaContext, { status, headers, removed, body }: Reply): void {
  context.status = status;
  for (const [name, value] of Object.entries(headers)) {
    context.set(name, Array.isArray(value) ? value : String(value));
  }
  const hadType = context.res.hasHeader('Content-Type');
  // Text as text: whoever stands outside may work on it.
  context.body = status === 304 ? null : isUtf8(body) ? body.toString() : body;
  // Koa gives one to every body.
  if (!hadType && !('content-type' in headers)) context.remove('Content-Type');
  for (const name of removed) context.remove(name);
}
