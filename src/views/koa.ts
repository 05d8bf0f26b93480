import { isUtf8 } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { inRequest } from '../render/ambient.ts';
import { checkFreshOptions, type FreshOptions, isFresh } from './fresh.ts';
import type { Exchange, Reply } from './http/exchange.ts';
import { headersOf } from './http/recorder.ts';
import { checkViewOptions, type ViewOptions } from './options.ts';
import { dependOn, serveView } from './serve-view.ts';
import { expireOnWrite, expireWritten, mayWrite } from './writes.ts';

export type { FreshOptions } from './fresh.ts';
export { DEFAULT_COOKIES } from './http/session-cookies.ts';
export { surrogateKeys } from './http/surrogate.ts';
export type { CachedStatus, SurrogateHeader, ViewOptions } from './options.ts';
export type { ViewReport } from './serve-view.ts';

/** The part of Koa's context that is used here. */
export interface KoaContext {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
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
}

/**
 * Middleware that notes when a request began. Data read by later handlers is not older than that, however long they
 * take. Put it before everything that reads data.
 *
 * @example
 * app.use(requestStart());
 */
export function requestStart(): (context: unknown, next: () => Promise<unknown>) => Promise<unknown> {
  return (context, next) => inRequest(Date.now(), () => expiring(context as RoutedContext, next));
}

/** Runs the middleware behind, then expires the views that an unsafe request has changed, before Koa answers. */
function expiring(context: RoutedContext, next: () => Promise<unknown>): Promise<unknown> {
  const { method } = context.req;
  if (!mayWrite(method) || written.has(context)) return next();
  written.add(context);
  return next().then(async (result) => {
    await expireWritten({ ...exchangeOf(context), method }, context.status, headersOf(context.res));
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
  const { name, path, views } = settings;
  if (name !== undefined && path !== undefined) views.routes.learn(name, path);
  expireOnWrite(settings);
  return (context, next) =>
    serveView(exchangeOf(context), settings, async (run) => {
      if (run === undefined) return expiring(context, next);
      watchBody(context.response, () => run.answering());
      try {
        return await next();
      } catch (error) {
        run.failed();
        throw error;
      } finally {
        const given = context.body;
        run.handOver(() => context.body === given);
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
    // Koa sends after all middleware, outside of any handler's asynchronous context.
    answersInContext: false,
    mayCompress: false,
    headers: () => headersOf(res),
    send: (reply) => send(context, reply),
  };
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

function send(context: KoaContext, { status, headers, removed, body }: Reply): void {
  context.status = status;
  for (const [name, value] of Object.entries(headers)) {
    context.set(name, Array.isArray(value) ? value : String(value));
  }
  const hadType = context.res.hasHeader('Content-Type');
  // Pass text on as text, because outer middleware may work on it.
  context.body = status === 304 ? null : isUtf8(body) ? body.toString() : body;
  // Koa sets a type for every body.
  if (!hadType && !('content-type' in headers)) context.remove('Content-Type');
  for (const name of removed) context.remove(name);
}
