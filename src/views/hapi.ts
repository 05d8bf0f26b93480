import type { ServerResponse } from 'node:http';
// biome-ignore lint/suspicious/noTsIgnore: users without hapi compile the declarations, too
/** @ts-ignore an optional peer: only for the type of `plugins.cacheView` */
import type { Request } from '@hapi/hapi';
import { enterLatePart, enterRequest, type LatePart } from '../render/ambient.ts';
import { badOption } from '../util/check-option.ts';
import { describe } from '../util/describe.ts';
import { checkFreshOptions, type FreshOptions, isFresh } from './fresh.ts';
import { exchangeOf, learnInternal } from './hapi/exchange.ts';
import type {
  Handler,
  HapiPlugin,
  HapiRequest,
  HapiResponse,
  HapiRoute,
  HapiServer,
  HapiToolkit,
  WholeRequest,
} from './hapi/lifecycle.ts';
import { MadeView } from './hapi/made-view.ts';
import { patternOf } from './hapi/pattern.ts';
import { hideConditions, responseOf } from './hapi/reply-response.ts';
import { expireChanged, watchWriter } from './hapi/written.ts';
import type { Reply } from './http/exchange.ts';
import { codeOf } from './http/handlers.ts';
import { answerFor, standFirst, watchResponses } from './http/last-word.ts';
import { checkViewOptions, type ViewOptions, type ViewSettings } from './options.ts';
import { serveView } from './serve-view.ts';
import { dependOn } from './views-of-requests.ts';
import { expireOnWrite } from './writes.ts';

export type { FreshOptions } from './fresh.ts';
export type { HapiPlugin, HapiRequest } from './hapi/lifecycle.ts';
export { type CompileOptions, type NunjucksEnvironment, type ViewEngine, viewEngine } from './hapi/view-engine.ts';
export { type CookieName, DEFAULT_COOKIES } from './http/session-cookies.ts';
export { surrogateKeys } from './http/surrogate.ts';
export type { CachedStatus, CacheHeader, SurrogateHeader, ViewOptions } from './options.ts';
export type { ViewReport } from './view-report.ts';

/**
 * A plugin that notes when a request began. Data read for its page is not older than that, however long it takes. It
 * may be registered in any order with other plugins. Requests of `server.inject` are not noted.
 *
 * @example
 * await server.register(requestStart());
 */
export function requestStart(): HapiPlugin {
  watchResponses();
  return {
    name: 'nunjucks-cachesweeper',
    once: true,
    register(server) {
      // An `onRequest` extension would be too late: what it puts into the asynchronous context is gone behind it, if
      // another extension has waited before.
      (server as HapiServer).listener.prependListener('request', () => enterRequest(Date.now()));
    },
  };
}

/** Options of the plugin. They apply where a route does not give its own. */
export type PluginOptions<R> = Omit<ViewOptions<R, ServerResponse>, 'ttl' | 'name' | 'path'> &
  Partial<Pick<ViewOptions<R>, 'ttl'>>;

/** Options of a route, under `plugins.cacheView`; `true` for the plugin's options, `false` for no caching. */
export type RouteViewOptions<R> = Partial<Omit<ViewOptions<R, ServerResponse>, 'sweeper'>> | boolean;

// biome-ignore lint/suspicious/noTsIgnore: as above
/** @ts-ignore as above */
declare module '@hapi/hapi' {
  interface PluginSpecificConfiguration {
    /** Whether and how the route's answers are cached. */
    cacheView?: RouteViewOptions<Request>;
  }
}

/** Property of a request: stands for its view in all that the request runs. */
const LATE: unique symbol = Symbol('nunjucks-cachesweeper.part');

/** What becomes of requests: a view that is being made, or an answer from the cache. */
type Views = WeakMap<object, MadeView | 'hit'>;

interface CachedRoute {
  readonly settings: ViewSettings;
  /** Tells routes apart. */
  readonly text: string;
}

/**
 * A plugin that stores the answers of routes that ask for it, and serves them until they expire or a name they were
 * made from is bumped. It looks behind all `onPreHandler` extensions, because those may identify the visitor, and
 * before the route's `pre` methods, because those load data.
 *
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION, CACHESWEEPER_BAD_TTL
 *
 * @example
 * await server.register(cacheView({ sweeper }));
 * server.route({
 *   method: 'GET',
 *   path: '/articles/{slug}',
 *   options: { plugins: { cacheView: { ttl: 300, name: 'post-detail' } } },
 *   handler,
 * });
 */
export function cacheView<R extends HapiRequest = HapiRequest>(options: PluginOptions<R>): HapiPlugin {
  const { views } = checkViewOptions(typeof options === 'object' ? { ttl: 0, ...options } : options);
  watchResponses();
  return {
    name: 'nunjucks-cachesweeper-views',
    register(given) {
      const server = given as HapiServer;
      // Another server of this process may have the same routes, with handlers of the same code that know other things.
      const number = views.nextNumber();
      const routes = new WeakMap<object, CachedRoute>();
      const made: Views = new WeakMap();
      const prepare = (route: HapiRoute): void => {
        const found = settingsOf(route, options as PluginOptions<unknown>, number);
        watchWriter(route);
        if (found === undefined) return;
        // A table has other objects for its routes than requests have, with the same settings.
        routes.set(route.settings, found);
        watchHandler(route, made);
      };
      for (const route of server.table()) prepare(route);
      server.events.on('route', prepare);
      // hapi has no step that calls all others, so name the view of a request before its first step.
      let isFirst = true;
      const stayLast = extend(server, routes, made);
      const begin = (request: WholeRequest): LatePart => {
        const { res } = request.raw;
        if (isFirst) learnInternal(request);
        isFirst = false;
        stayLast(request);
        standFirst(res);
        const late = enterLatePart();
        // Connections that wait for their next request keep the context of the last one.
        res.once('close', () => {
          late.part = undefined;
          late.visit = undefined;
        });
        return late;
      };
      server.decorate('request', LATE, begin, { apply: true });
    },
  };
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
export function depend({ raw }: { readonly raw: { readonly req: object } }, models: unknown): Promise<void> {
  return dependOn(raw.req, models);
}

/**
 * Tells from the models' tokens alone whether the client already has the answer. If so, it returns the response 304,
 * which the handler should return. Otherwise it sets the validator that the client will send next time.
 *
 * @param models models that the answer is made from
 * @param options `keys`: other values the answer depends on; `sweeper`: needed if the route has no `cacheView`
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION, CACHESWEEPER_NO_IDENTITY, CACHESWEEPER_BAD_KEY
 *
 * @example
 * const unchanged = await fresh(request, h, [{ type: 'Article', id: request.params.id }]);
 * if (unchanged) return unchanged;
 */
export async function fresh<H extends { response(source?: never): unknown }>(
  request: HapiRequest,
  h: H,
  models: unknown,
  options: FreshOptions = {},
): Promise<ReturnType<H['response']> | undefined> {
  checkFreshOptions(options);
  const exchange = exchangeOf(request, () => {});
  const answer = await isFresh(exchange, models, options);
  if (answer !== undefined) {
    const response = responseOf(request as WholeRequest, h as unknown as HapiToolkit, answer);
    return response as ReturnType<H['response']>;
  }
  // hapi replaces the Cache-Control that was set for this by its own, where the handler gives none.
  const { response } = exchange;
  if (response.hasHeader('etag')) {
    answerFor(response, { isPersonal: () => response.getHeader('cache-control') === 'no-cache' });
  }
  return undefined;
}

function settingsOf(route: HapiRoute, options: PluginOptions<unknown>, number: number): CachedRoute | undefined {
  const { method, path, vhost, settings } = route;
  const own = settings.plugins?.cacheView;
  if (own === undefined || own === false) return undefined;
  const where = `plugins.cacheView of ${method.toUpperCase()} ${path}`;
  if (own !== true && (typeof own !== 'object' || own === null)) {
    throw badOption(where, 'options of cacheView, true or false', describe(own));
  }
  const checked = checkViewOptions({ path, ...options, ...(own === true ? {} : own) } as ViewOptions, where);
  const { name, views } = checked;
  const pattern = checked.path ?? path;
  if (name !== undefined) views.routes.learn(name, pattern, patternOf(pattern));
  expireOnWrite(checked);
  return { settings: checked, text: `${number} ${path} ${String(vhost)} ${codeOf([settings.handler])}` };
}

/** Lets the view of a request know of its handler. */
function watchHandler({ settings }: HapiRoute, made: Views): void {
  // The cache answers with whole pages only.
  settings.response = { ...settings.response, ranges: false };
  const handler = settings.handler as Handler;
  if (typeof handler !== 'function') return;
  const watched: Handler = function (request, h) {
    const view = made.get(request);
    const run = () => handler.call(this, request, h);
    return view instanceof MadeView ? view.handle(run) : run();
  };
  // hapi's own messages name it.
  settings.handler = Object.defineProperty(watched, 'name', { value: handler.name });
}

/**
 * Adds the extensions. The function that it returns puts them behind those of all others again, if there are new ones:
 * of plugins that came later, at a server that runs already as well, and of routes. Call it before a request's first step.
 */
function extend(server: HapiServer, routes: WeakMap<object, CachedRoute>, made: Views): (request: object) => void {
  let latest = 0;
  /** Which of ours count for a request: those that were the last when it began. */
  const counting = new WeakMap<object, number>();
  /** How many extensions there have been: hapi counts them to keep their order. */
  let count: number | undefined;
  const add = (): void => {
    latest += 1;
    const own = latest;
    server.ext('onPreHandler', async (request, h) => {
      const route = counting.get(request) === own ? routes.get(request.route.settings) : undefined;
      return route === undefined ? h.continue : lookUp(request, h, route, made);
    });
    server.ext('onPostHandler', (request, h) => {
      const view = counting.get(request) === own ? made.get(request) : undefined;
      if (view instanceof MadeView) view.handOver();
      return h.continue;
    });
    server.ext('onPreResponse', (request, h) => {
      const view = counting.get(request) === own ? made.get(request) : undefined;
      if (view instanceof MadeView) view.send();
      else if (view === 'hit') hideConditions(request);
      else if (counting.get(request) === own) return expireChanged(request, h);
      return h.continue;
    });
    count = server._core?.extensionsSeq;
  };
  add();
  // Most have theirs by then, so that no request has to wait for it.
  server.ext('onPreStart', add);
  return (request) => {
    if (count !== server._core?.extensionsSeq) add();
    counting.set(request, latest);
  };
}

async function lookUp(
  request: WholeRequest,
  h: HapiToolkit,
  { settings, text }: CachedRoute,
  made: Views,
): Promise<symbol | HapiResponse> {
  let answer: Reply | undefined;
  const send = (reply: Reply): void => {
    answer = reply;
  };
  const coding = (asked: string | null) => {
    const view = made.get(request);
    return view instanceof MadeView ? view.coding(asked) : undefined;
  };
  const exchange = exchangeOf(request, send, text, coding);
  await serveView(exchange, settings, (run, visitor) => {
    const late = (request as { readonly [LATE]?: LatePart })[LATE];
    if (run === undefined) {
      if (late !== undefined) late.visit = visitor;
      return;
    }
    if (late !== undefined) late.part = run.part;
    made.set(request, new MadeView(request, run, exchange));
  });
  if (answer === undefined) return h.continue;
  made.set(request, 'hit');
  return responseOf(request, h, answer);
}
