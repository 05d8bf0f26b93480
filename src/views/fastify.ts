import type { IncomingMessage, ServerResponse } from 'node:http';
// biome-ignore lint/suspicious/noTsIgnore: users without Fastify compile the declarations, too
/** @ts-ignore an optional peer: only for the type of `config.cacheView` */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { inRequest } from '../render/ambient.ts';
import { badOption } from '../util/check-option.ts';
import { describe } from '../util/describe.ts';
import type { FastifyReplyLike, FastifyRequestLike, FastifyRouteLike } from './fastify/contract.ts';
import { watchGenerateCsrf } from './fastify/csrf.ts';
import { exchangeOf, send, textOfRoute } from './fastify/exchange.ts';
import { bytesOf, isFailed, isStream, passedOn } from './fastify/payload.ts';
import { checkFreshOptions, type FreshOptions, isFresh } from './fresh.ts';
import type { Headers } from './http/exchange.ts';
import { standFirst, watchResponses } from './http/last-word.ts';
import { checkViewOptions, type ViewOptions, type ViewSettings } from './options.ts';
import { requestContext } from './request-context.ts';
import { serveView } from './serve-view.ts';
import type { ViewRun } from './view-run.ts';
import { dependOn } from './views-of-requests.ts';
import { expireOnWrite, expireWritten, isUnsafe, mayWrite, watchWrite } from './writes.ts';

export type { FastifyReplyLike, FastifyRequestLike, FastifyRouteLike } from './fastify/contract.ts';
export type { FreshOptions } from './fresh.ts';
export { type CookieName, DEFAULT_COOKIES } from './http/session-cookies.ts';
export { surrogateKeys } from './http/surrogate.ts';
export type { CachedStatus, CacheHeader, SurrogateHeader, ViewOptions } from './options.ts';
export type { ViewReport } from './view-report.ts';

type Hook = (request: FastifyRequestLike, reply: FastifyReplyLike, done: (error?: Error) => void) => void;

/** The part of a Fastify instance that {@link requestStart} uses. */
export interface FastifyHooks {
  addHook(name: 'onRequest', hook: (request: unknown, reply: unknown, done: () => void) => void): unknown;
}

/** The part of a Fastify instance that {@link cacheView} uses. */
export interface FastifyRoutes {
  addHook(name: 'onRoute', hook: (route: FastifyRouteLike) => void): unknown;
}

/**
 * A plugin that notes when a request began. Data read by later handlers is not older than that, however long they take.
 * Register it before everything that reads data.
 *
 * @example
 * await fastify.register(requestStart());
 */
export function requestStart(): (fastify: FastifyHooks, options: unknown, done: () => void) => void {
  watchResponses();
  return forAll((fastify: FastifyHooks, _options, done) => {
    fastify.addHook('onRequest', (_request, reply, next) => {
      standFirst((reply as FastifyReplyLike).raw as ServerResponse);
      inRequest(Date.now(), next);
    });
    done();
  });
}

/** Options of the plugin. They apply where a route does not give its own. */
export type PluginOptions<R, S = FastifyReplyLike> = Omit<ViewOptions<R, S>, 'ttl' | 'name' | 'path'> &
  Partial<Pick<ViewOptions<R, S>, 'ttl'>>;

/** Options of a route, under `config.cacheView`; `true` for the plugin's options, `false` for no caching. */
export type RouteViewOptions<R, S = FastifyReplyLike> = Partial<ViewOptions<R, S>> | boolean;

// biome-ignore lint/suspicious/noTsIgnore: as above
/** @ts-ignore as above */
declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether and how the route's answers are cached. */
    cacheView?: RouteViewOptions<FastifyRequest, FastifyReply>;
  }
}

/**
 * A plugin that stores the answers of routes that ask for it, and serves them until they expire or a name they were
 * made from is bumped. It runs after all `preHandler` hooks, because those may identify the visitor. Register it before
 * the routes.
 *
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION, CACHESWEEPER_BAD_TTL
 *
 * @example
 * await fastify.register(cacheView({ sweeper }));
 * fastify.get('/articles/:slug', { config: { cacheView: { ttl: 300, name: 'post-detail' } } }, handler);
 */
export function cacheView<
  R extends FastifyRequestLike = FastifyRequestLike,
  S extends FastifyReplyLike = FastifyReplyLike,
>(options: PluginOptions<R, S>): (fastify: FastifyRoutes, options: unknown, done: () => void) => void {
  const { views } = checkViewOptions(typeof options === 'object' ? { ttl: 0, ...options } : options);
  watchResponses();
  return forAll((fastify: FastifyRoutes, _options, done) => {
    // Another server of this process may have the same routes, with handlers of the same code that know other things.
    const number = views.nextNumber();
    fastify.addHook('onRoute', (route) => {
      if (listOf(route.method).some((method) => isUnsafe(String(method)))) {
        route.onSend = [...listOf(route.onSend), expireBeforeSending];
      }
      const own = (route.config as { readonly cacheView?: unknown } | undefined)?.cacheView;
      if (own === undefined || own === false) return;
      if (own !== true && (typeof own !== 'object' || own === null)) {
        throw badOption(`config.cacheView of ${route.url}`, 'options of cacheView, true or false', describe(own));
      }
      const given = { path: route.url, ...options, ...(own === true ? {} : own) } as ViewOptions<R, S>;
      const settings = checkViewOptions(given, `config.cacheView of ${route.url}`);
      if (settings.name !== undefined) settings.views.routes.learn(settings.name, settings.path ?? route.url);
      expireOnWrite(settings);
      putLast(route, settings, number);
    });
    done();
  });
}

/**
 * Adds models to the dependencies of a request's view. Call it for models that the handler shows outside of fragments.
 *
 * @returns resolved when their tokens are known; there is no need to wait for it
 * @throws CacheSweeperError CACHESWEEPER_NO_IDENTITY, CACHESWEEPER_TYPE_CONFLICT
 *
 * @example
 * depend(request, article);
 */
export function depend({ raw }: { readonly raw: object }, models: unknown): Promise<void> {
  return dependOn(raw, models);
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
 * if (await fresh(request, reply, [{ type: 'Article', id: request.params.id }])) return reply;
 */
export async function fresh(
  request: FastifyRequestLike,
  reply: FastifyReplyLike,
  models: unknown,
  options: FreshOptions = {},
): Promise<boolean> {
  checkFreshOptions(options);
  const answer = await isFresh(exchangeOf(request, reply), models, options);
  if (answer !== undefined) send(reply, answer);
  return answer !== undefined;
}

/** Expires the views that an unsafe request has changed, before its answer is sent. */
async function expireBeforeSending(
  request: FastifyRequestLike,
  reply: FastifyReplyLike,
  payload: unknown,
): Promise<void> {
  const { method } = request.raw as IncomingMessage;
  if (!mayWrite(method)) return;
  const { protocol, host, originalUrl: target } = request;
  const write = { method, protocol, host, target };
  const headers = () => reply.getHeaders() as Headers;
  await expireWritten(write, reply.statusCode, headers());
  // What a stream is made of may be written only while it is sent.
  if (isStream(payload)) watchWrite(reply.raw as ServerResponse, () => write, headers);
}

const ours = new WeakSet<object>();

/**
 * Keeps our hook behind all other hooks of the route, including those that plugins add later: they may identify the
 * visitor.
 */
function putLast(route: FastifyRouteLike, settings: ViewSettings, number: number): void {
  let hooks = listOf(route.preHandler);
  // Fastify's own route for HEAD comes with the hook of the route for GET.
  const own = hooks.find(isOurs) ?? hookOf(settings, `${number} ${textOfRoute(route)}`);
  Object.defineProperty(route, 'preHandler', {
    configurable: true,
    enumerable: true,
    // Return the same list each time, because plugins add to it.
    get() {
      hooks.splice(0, hooks.length, ...hooks.filter((hook) => !isOurs(hook)), own);
      return hooks;
    },
    set(value: unknown) {
      hooks = listOf(value);
    },
  });
}

function listOf(hooks: unknown): unknown[] {
  return hooks === undefined || hooks === null ? [] : [hooks].flat();
}

function isOurs(hook: unknown): boolean {
  return typeof hook === 'function' && ours.has(hook);
}

function hookOf(settings: ViewSettings, route: string): Hook {
  const hook: Hook = (request, reply, done) => {
    serveView(exchangeOf(request, reply, route), settings, (run, visitor) => {
      if (run !== undefined) prepare(reply, run);
      if (run !== undefined || visitor !== undefined) keepInContext(reply, run);
      done();
    }).catch(done);
  };
  ours.add(hook);
  return hook;
}

function prepare(reply: FastifyReplyLike, run: ViewRun): void {
  const taken = () => run.refuse('csrf token');
  watchGenerateCsrf(reply, taken, (held) => run.reads.given('reply.generateCsrf', held));
  const { send } = reply;
  const sent = function (this: FastifyReplyLike, payload?: unknown) {
    run.answering();
    // Fastify passes it to the error handler next.
    if (payload instanceof Error || isFailed(this)) run.failed();
    // Hooks run next and may change what is sent. What a stream sends cannot be compared, but where it goes can.
    if (isStream(payload)) run.handOver(passedOn(payload, this));
    else {
      const given = bytesOf(this, payload);
      run.handOver(
        (body) => body === undefined || given?.equals(body) === true,
        () => given,
      );
      run.ending();
    }
    return send.call(this, payload);
  };
  reply.send = sent;
}

type Renderer = FastifyReplyLike & { [Name in 'view' | 'viewAsync']?: (...args: unknown[]) => unknown };

/**
 * Keeps a reply's renderers inside the view, and their pages the visitor's. What they copy for a page counts only as far as
 * the page looks it up.
 */
function keepInContext(reply: Renderer, run: ViewRun | undefined): void {
  const within = requestContext();
  for (const name of ['view', 'viewAsync'] as const) {
    const render = reply[name];
    if (typeof render !== 'function') continue;
    const rendered = function (this: Renderer, ...args: unknown[]): unknown {
      const rendering = () => render.apply(this, args);
      return within(() => (run === undefined ? rendering() : run.reads.whileCopying(rendering, args[1])));
    };
    reply[name] = rendered;
  }
}

/** Makes a plugin's hooks apply to all routes, not only to those of its own encapsulated context. */
function forAll<F>(plugin: (fastify: F, options: unknown, done: () => void) => void): typeof plugin {
  return Object.assign(plugin, { [Symbol.for('skip-override')]: true });
}
