import type { IncomingMessage, ServerResponse } from 'node:http';
import { inRequest } from '../render/ambient.ts';
import { checkFreshOptions, type FreshOptions, isFresh } from './fresh.ts';
import { standFirst, watchResponses } from './http/last-word.ts';
import { headersOf } from './http/recorder.ts';
import { isStream, send, textOf, watchBody } from './koa/body.ts';
import type { KoaContext, RoutedContext } from './koa/context.ts';
import { exchangeOf } from './koa/exchange.ts';
import { checkViewOptions, type ViewOptions } from './options.ts';
import { serveView } from './serve-view.ts';
import type { ViewRun } from './view-run.ts';
import { dependOn } from './views-of-requests.ts';
import { expireOnWrite, expireWritten, mayWrite, watchWrite } from './writes.ts';

export type { FreshOptions } from './fresh.ts';
export { type CookieName, DEFAULT_COOKIES } from './http/session-cookies.ts';
export { surrogateKeys } from './http/surrogate.ts';
export type { KoaContext } from './koa/context.ts';
export type { CachedStatus, CacheHeader, SurrogateHeader, ViewOptions } from './options.ts';
export type { ViewReport } from './view-report.ts';

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
    const { protocol, host, originalUrl: target, res } = context;
    const write = { method, protocol, host, target };
    await expireWritten(write, context.status, headersOf(res));
    // What a stream is made of may be written only while it is sent, and so may what a handler sends by itself.
    if (isStream(context.body) || context.respond === false) {
      watchWrite(
        res,
        () => write,
        () => headersOf(res),
      );
    }
    return result;
  });
}

const written = new WeakSet<object>();
const NO_BODY = Buffer.alloc(0);

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
  options: ViewOptions<C, ServerResponse>,
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
        // Koa itself writes what it sends for a status without a body, and middleware outside finds none.
        const isEmpty = (given === undefined || given === null) && context.respond !== false;
        const isSent = isEmpty ? NO_BODY : text;
        run.handOver(
          (body) => context.body === given && (isSent === undefined || body === undefined || body.equals(isSent)),
          () => (typeof given === 'string' ? Buffer.from(given) : text),
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

/** What a renderer copies for a page counts only as far as the page looks it up. */
function copyFor(context: object, run: ViewRun): void {
  const render = run.reads.silently(() => (context as { readonly render?: unknown }).render);
  if (typeof render !== 'function') return;
  const copying = function (this: unknown, ...args: unknown[]): unknown {
    return run.reads.whileCopying(() => render.apply(this, args), args[1]);
  };
  (context as { render: unknown }).render = copying;
}
