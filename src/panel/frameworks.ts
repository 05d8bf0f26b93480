import type { IncomingMessage, ServerResponse } from 'node:http';

/** What the middleware of all frameworks passes a request to. */
export interface PanelServer {
  /**
   * Answers a request to the panel's own pages. For others, runs the site, whose answer it may change.
   *
   * @param target path and query
   * @param request what the framework's handlers get
   * @param next runs the site; not called if the panel answers
   */
  serve<T>(
    incoming: IncomingMessage,
    response: ServerResponse,
    target: string,
    request: unknown,
    next: () => T,
  ): T | Promise<Awaited<T> | undefined>;
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
