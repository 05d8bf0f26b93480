import type { IncomingMessage, ServerResponse } from 'node:http';
import type { HapiPlugin } from '../views/hapi/lifecycle.ts';
import type { PageInspector } from './inspection/page-inspector.ts';

/** What the middleware of all frameworks passes a request to. */
export interface PanelServer {
  /**
   * Answers a request to the panel's own pages. For others, runs the site, whose answer it may change.
   *
   * @param target path and query
   * @param request what the framework's handlers get
   * @param next runs the site; not called if the panel answers
   * @param inspector the one that was entered for the request, if one was
   */
  serve<T>(
    incoming: IncomingMessage,
    response: ServerResponse,
    target: string,
    request: unknown,
    next: () => T,
    inspector?: PageInspector,
  ): T | Promise<Awaited<T> | undefined>;
  /**
   * Lets an inspector look on at all that runs later because of the running code, once it is started: for servers whose steps do not call
   * each other. Returns undefined if the request is for no page.
   */
  enter(incoming: IncomingMessage): PageInspector | undefined;
}

type Next = (error?: unknown) => void;

export function expressPanel(
  server: PanelServer,
): (request: IncomingMessage, response: ServerResponse, next: Next) => void {
  return (request, response, next) => {
    const { originalUrl = request.url ?? '' } = request as { readonly originalUrl?: string };
    const served = server.serve(request, response, originalUrl, request, () => next());
    if (served instanceof Promise) served.catch(next);
  };
}

/** The part of Koa's context that is used here. */
export interface PanelContext {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly originalUrl: string;
  respond?: boolean | undefined;
}

export function koaPanel(server: PanelServer): (context: PanelContext, next: () => Promise<unknown>) => Promise<void> {
  return async (context, next) => {
    let isSite = false;
    await server.serve(context.req, context.res, context.originalUrl, context, () => {
      isSite = true;
      return next();
    });
    if (!isSite) context.respond = false;
  };
}

type FastifyHook = (request: never, reply: never, done: (error?: Error) => void) => void;

/** The part of a Fastify instance that is used here. */
export interface PanelFastify {
  addHook(name: 'onRequest', hook: FastifyHook): unknown;
}

interface FastifyRequest {
  readonly raw: IncomingMessage;
  readonly originalUrl: string;
}

interface FastifyReply {
  readonly raw: ServerResponse;
  hijack(): unknown;
}

export function fastifyPanel(server: PanelServer): (fastify: PanelFastify, options: unknown, done: () => void) => void {
  const plugin = (fastify: PanelFastify, _options: unknown, ready: () => void): void => {
    fastify.addHook('onRequest', (request: FastifyRequest, reply: FastifyReply, done) => {
      let isSite = false;
      const served = server.serve(request.raw, reply.raw, request.originalUrl, request, () => {
        isSite = true;
        done();
      });
      if (served instanceof Promise) served.then(() => isSite || reply.hijack(), done);
    });
    ready();
  };
  // For the whole server, not for the plugin alone.
  return Object.assign(plugin, { [Symbol.for('skip-override')]: true });
}

/** The part of a hapi server that is used here. */
interface HapiServer {
  readonly listener: { prependListener(event: 'request', heard: (incoming: IncomingMessage) => void): unknown };
  ext(event: 'onRequest', method: (request: HapiRequest, h: HapiToolkit) => Promise<symbol>): unknown;
}

interface HapiRequest {
  readonly raw: { readonly req: IncomingMessage; readonly res: ServerResponse };
}

interface HapiToolkit {
  readonly continue: symbol;
  readonly abandon: symbol;
}

export function hapiPanel(server: PanelServer): HapiPlugin {
  return {
    name: 'nunjucks-cachesweeper-panel',
    register(given) {
      const hapi = given as HapiServer;
      const inspectors = new WeakMap<object, PageInspector>();
      // What an extension puts into the asynchronous context is gone behind it, if it has waited.
      hapi.listener.prependListener('request', (incoming) => {
        const inspector = server.enter(incoming);
        if (inspector !== undefined) inspectors.set(incoming, inspector);
      });
      hapi.ext('onRequest', async (request, h) => {
        const { req, res } = request.raw;
        let isSite = false;
        const site = () => {
          isSite = true;
        };
        await server.serve(req, res, req.url ?? '', request, site, inspectors.get(req));
        return isSite ? h.continue : h.abandon;
      });
    },
  };
}
