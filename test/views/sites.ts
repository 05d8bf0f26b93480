import { Readable } from 'node:stream';
import fastifyCookie from '@fastify/cookie';
import fastifyView from '@fastify/view';
import hapi from '@hapi/hapi';
import vision from '@hapi/vision';
import Router from '@koa/router';
import express, { type NextFunction, type Request, type Response } from 'express';
import express4 from 'express4';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import Koa from 'koa';
import nunjucks from 'nunjucks';
import type { CacheSweeper } from 'nunjucks-cachesweeper';
import * as forExpress from 'nunjucks-cachesweeper/express';
import * as forFastify from 'nunjucks-cachesweeper/fastify';
import * as forHapi from 'nunjucks-cachesweeper/hapi';
import * as forKoa from 'nunjucks-cachesweeper/koa';
import { type Site, serve } from '../frameworks/framework-suite.ts';

export const templates = new URL('templates', import.meta.url).pathname;

/** A request and its response, as the handlers of these tests use them in every framework. */
export interface Call {
  readonly path: string;
  readonly params: Record<string, string>;
  readonly query: Record<string, unknown>;
  header(name: string): string | undefined;
  set(name: string, value: string): void;
  status(code: number): void;
  render(template: string, context?: object): Promise<void>;
  send(body: string | Buffer): void;
  redirect(to: string, status: number): void;
  /** Ends without a body. */
  end(): void;
  stream(stream: Readable): void;
  /** Writes to the response itself; it is ended, or cut off. */
  parts(parts: readonly (string | Buffer)[], ending?: 'end' | 'cut'): void;
  depend(models: unknown): Promise<void>;
  fresh(models: unknown, options?: object): Promise<boolean>;
  /** The framework's request, for what middleware leaves there. */
  readonly request: object;
  readonly raw: object;
  /** The framework's response: `res`, `reply` or `ctx.response`, and Node's own. */
  readonly response: object;
  readonly rawResponse: object;
  /** Variables for templates: `res.locals`, `reply.locals` or `ctx.state`. */
  readonly locals: object;
}

export type Handler = (call: Call) => unknown;

/** Options of cacheView, as far as they are the same in every framework. */
export type Options = Omit<forExpress.ViewOptions, 'sweeper' | 'vary' | 'skip' | 'models'> & {
  readonly vary?: (request: never) => readonly unknown[];
  readonly skip?: (request: never) => boolean | Promise<boolean>;
  readonly models?: (request: never) => unknown;
};

export interface Route {
  readonly path: string;
  readonly handler: Handler;
  readonly options?: Partial<Options>;
}

export interface Plan {
  readonly sweeper: CacheSweeper;
  readonly routes: readonly Route[];
  /** False for the same site without the cache. */
  readonly cached?: boolean;
  /** What comes before the cache: each framework's own middleware. */
  readonly express?: (app: express.Express) => void;
  readonly fastify?: (app: FastifyInstance) => unknown;
  readonly koa?: (app: Koa) => void;
  readonly hapi?: (server: hapi.Server) => unknown;
  /** What stands between the cache and the handler. */
  readonly expressInside?: express.RequestHandler;
  readonly koaInside?: Koa.Middleware;
  /** What the site does with errors: by default 500 with the message. */
  readonly expressErrors?: express.ErrorRequestHandler;
  readonly fastifyErrors?: (error: Error, request: FastifyRequest, reply: FastifyReply) => unknown;
  readonly http2?: boolean;
}

const OPTIONS: Options = { ttl: 300 };

export const startExpress = (plan: Plan): Promise<Site> => startWith(express, plan);
export const startExpress4 = (plan: Plan): Promise<Site> => startWith(express4, plan);

async function startWith(
  framework: typeof express,
  {
    sweeper,
    routes,
    cached = true,
    express: before,
    expressInside,
    expressErrors = (error: Error, _req: Request, res: Response, next: NextFunction) => {
      if (res.headersSent) next(error);
      else res.status(500).send(error.message);
    },
  }: Plan,
): Promise<Site> {
  const app = framework();
  const env = nunjucks.configure(templates, { autoescape: true, express: app });
  sweeper.install(env);
  before?.(app);
  for (const { path, handler, options } of routes) {
    const view = { sweeper, ...OPTIONS, ...options } as unknown as forExpress.ViewOptions<Request>;
    const middleware: express.RequestHandler[] = cached ? [forExpress.cacheView(view)] : [];
    if (expressInside) middleware.push(expressInside);
    // Express 4 does not catch what an asynchronous handler throws, and has other names for the rest of a path.
    app.get(framework === express ? path : path.replace('{*rest}', '*'), ...middleware, (req, res, next) => {
      Promise.resolve()
        .then(() => handler(expressCall(req, res)))
        .catch(next);
    });
  }
  app.use(expressErrors);
  return serve(app);
}

function expressCall(req: Request, res: Response): Call {
  return {
    path: req.path,
    params: req.params as Record<string, string>,
    query: req.query as Record<string, unknown>,
    header: (name) => req.get(name),
    set: (name, value) => void res.set(name, value),
    status: (code) => void res.status(code),
    render: (template, context = {}) =>
      new Promise((resolve, reject) => {
        res.render(template, context, (error, html) => {
          if (error) return reject(error);
          res.send(html);
          resolve();
        });
      }),
    send: (body) => void res.send(body),
    redirect: (to, status) => res.redirect(status, to),
    end: () => void res.end(),
    stream: (stream) => {
      stream.on('error', () => res.destroy());
      stream.pipe(res);
    },
    parts: (parts, ending) => writeParts(res, parts, ending),
    depend: (models) => forExpress.depend(req, models),
    fresh: (models, options) => forExpress.fresh(req, res, models, options),
    request: req,
    raw: req,
    response: res,
    rawResponse: res,
    get locals() {
      return res.locals;
    },
  };
}

export async function startFastify(plan: Plan): Promise<Site> {
  const { sweeper, routes, cached = true, fastify: before, http2 = false } = plan;
  const app = (http2 ? fastify({ http2: true }) : fastify()) as unknown as FastifyInstance;
  await app.register(fastifyCookie);
  await app.register(fastifyView, {
    engine: { nunjucks },
    templates,
    options: { autoescape: true, onConfigure: (env: nunjucks.Environment) => sweeper.install(env) },
  });
  await before?.(app);
  if (cached) await app.register(forFastify.cacheView({ sweeper }));
  for (const { path, handler, options } of routes) {
    app.get(
      path.replace('{*rest}', '*'),
      { config: { cacheView: { ...OPTIONS, ...options } } as object },
      async (request, reply) => {
        await handler(fastifyCall(request, reply));
        return reply;
      },
    );
  }
  app.setErrorHandler(
    plan.fastifyErrors ??
      ((error: Error, _request, reply) => reply.code(500).type('text/html; charset=utf-8').send(error.message)),
  );
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  return {
    url,
    close: () => {
      if ('closeAllConnections' in app.server) app.server.closeAllConnections();
      return app.close();
    },
  };
}

function fastifyCall(request: FastifyRequest, reply: FastifyReply): Call {
  return {
    path: request.url.split('?')[0]!,
    params: request.params as Record<string, string>,
    query: request.query as Record<string, unknown>,
    header: (name) => request.headers[name.toLowerCase()] as string | undefined,
    set: (name, value) => void reply.header(name, value),
    status: (code) => void reply.code(code),
    render: async (template, context = {}) => {
      const html = await reply.viewAsync(template, context);
      reply.type('text/html; charset=utf-8').send(html);
    },
    send: (body) => {
      if (!reply.hasHeader('content-type')) {
        reply.type(typeof body === 'string' ? 'text/html; charset=utf-8' : 'application/octet-stream');
      }
      reply.send(body);
    },
    redirect: (to, status) => void reply.redirect(to, status),
    end: () => void reply.send(),
    stream: (stream) => void reply.send(stream),
    parts: (parts, ending) => {
      reply.hijack();
      for (const [name, value] of Object.entries(reply.getHeaders())) reply.raw.setHeader(name, value!);
      reply.raw.statusCode = reply.statusCode;
      writeParts(reply.raw, parts, ending);
    },
    depend: (models) => forFastify.depend(request, models),
    fresh: (models, options) => forFastify.fresh(request, reply, models, options),
    request,
    raw: request.raw,
    response: reply,
    rawResponse: reply.raw,
    get locals() {
      return (reply as { locals?: object }).locals ?? {};
    },
  };
}

export async function startKoa({ sweeper, routes, cached = true, koa: before, koaInside }: Plan): Promise<Site> {
  const app = new Koa();
  app.silent = true;
  const env = nunjucks.configure(templates, { autoescape: true });
  sweeper.install(env);
  app.use(async (ctx, next) => {
    try {
      await next();
    } catch (error) {
      ctx.status = 500;
      ctx.body = (error as Error).message;
    }
  });
  before?.(app);
  const router = new Router();
  for (const { path, handler, options } of routes) {
    const view = { sweeper, ...OPTIONS, ...options } as unknown as forKoa.ViewOptions<Koa.Context>;
    const middleware: Koa.Middleware[] = cached ? [forKoa.cacheView(view) as Koa.Middleware] : [];
    if (koaInside) middleware.push(koaInside);
    router.get(path, ...(middleware as never[]), async (ctx: Koa.Context) => {
      await handler(koaCall(ctx, sweeper, env));
    });
  }
  app.use(router.routes() as Koa.Middleware);
  return serve(app.callback());
}

function koaCall(ctx: Koa.Context, sweeper: CacheSweeper, env: nunjucks.Environment): Call {
  return {
    path: ctx.path,
    params: ctx.params as Record<string, string>,
    query: ctx.query,
    header: (name) => ctx.get(name) || undefined,
    set: (name, value) => ctx.set(name, value),
    status: (code) => {
      ctx.status = code;
    },
    render: async (template, context = {}) => {
      const html = await sweeper.render(env, template, { ...ctx.state, ...context });
      ctx.type = 'html';
      ctx.body = html;
    },
    send: (body) => {
      ctx.body = body;
      if (typeof body === 'string' && !ctx.res.hasHeader('Content-Type')) ctx.type = 'html';
    },
    redirect: (to, status) => {
      ctx.status = status;
      ctx.redirect(to);
    },
    end: () => {
      const { status } = ctx;
      ctx.body = null;
      ctx.status = status === 404 ? 200 : status;
    },
    stream: (stream) => {
      ctx.body = stream;
    },
    parts: (parts, ending) => {
      ctx.respond = false;
      ctx.res.statusCode = 200;
      writeParts(ctx.res, parts, ending);
    },
    depend: (models) => forKoa.depend(ctx, models),
    fresh: (models, options) => forKoa.fresh(ctx, models, options),
    request: ctx,
    raw: ctx.req,
    response: ctx.response,
    rawResponse: ctx.res,
    get locals() {
      return ctx.state;
    },
  };
}

export async function startHapi(plan: Plan): Promise<Site> {
  const { sweeper, routes, cached = true, hapi: before } = plan;
  const server = hapi.server({ host: '127.0.0.1', debug: false, routes: { response: { emptyStatusCode: 200 } } });
  const env = sweeper.install(nunjucks.configure(templates, { autoescape: true }));
  // As sites hand to all pages what their extensions found out.
  const context = (request: hapi.Request | null) => ({ ...request?.app });
  await server.register(vision);
  server.views({ engines: { njk: forHapi.viewEngine(env) }, compileMode: 'async', path: templates, context });
  await before?.(server);
  if (cached) await server.register(forHapi.cacheView({ sweeper }));
  for (const { path, handler, options } of routes) {
    server.route({
      method: 'GET',
      path: path.replace(/:(\w+)/g, '{$1}').replace('{*rest}', '{rest*}'),
      options: { plugins: { cacheView: { ...OPTIONS, ...options } as object } },
      handler: async (request, h) => {
        const { call, answer } = hapiCall(request, h);
        await handler(call);
        return answer();
      },
    });
  }
  server.ext('onPreResponse', ({ response }, h) => {
    if (!('isBoom' in response) || response.output.statusCode !== 500) return h.continue;
    // vision hands the error of a template on as the data of its own.
    return h
      .response((response.data ?? response).message)
      .code(500)
      .type('text/html');
  });
  await server.start();
  return {
    url: server.info.uri,
    close: () => {
      server.listener.closeAllConnections();
      return server.stop({ timeout: 0 });
    },
  };
}

/** hapi's handlers return their answer. */
function hapiCall(
  request: hapi.Request,
  h: hapi.ResponseToolkit,
): { call: Call; answer: () => hapi.Lifecycle.ReturnValue } {
  const headers = new Map<string, string>();
  let code: number | undefined;
  let given: hapi.ResponseObject | symbol = h.response();
  const call: Call = {
    path: request.path,
    params: request.params as Record<string, string>,
    query: request.query,
    header: (name) => request.headers[name.toLowerCase()] as string | undefined,
    set: (name, value) => void headers.set(name, value),
    status: (status) => {
      code = status;
    },
    render: async (template, context = {}) => {
      given = h.view(template, context);
    },
    send: (body) => {
      given = h.response(body);
    },
    redirect: (to, status) => {
      given = h.redirect(to).code(status);
    },
    end: () => {
      given = h.response();
    },
    stream: (stream) => {
      given = h.response(stream);
    },
    parts: (parts, ending) => {
      // As hapi says of all that it may compress.
      request.raw.res.setHeader('Vary', 'accept-encoding');
      for (const [name, value] of headers) request.raw.res.setHeader(name, value);
      request.raw.res.statusCode = code ?? 200;
      writeParts(request.raw.res, parts, ending);
      given = h.abandon;
    },
    depend: (models) => forHapi.depend(request, models),
    fresh: async (models, options) => {
      const unchanged = await forHapi.fresh(request, h, models, options);
      if (unchanged !== undefined) given = unchanged;
      return unchanged !== undefined;
    },
    request,
    raw: request.raw.req,
    response: request.raw.res,
    rawResponse: request.raw.res,
    locals: request.app as Record<string, unknown>,
  };
  const answer = () => {
    if (typeof given === 'symbol') return given;
    for (const [name, value] of headers) given.header(name, value);
    return code === undefined ? given : given.code(code);
  };
  return { call, answer };
}

/** The part of every response that a handler may write to itself. */
interface Writable {
  write(chunk: string | Buffer): unknown;
  end(): unknown;
  destroy?(): unknown;
}

function writeParts(response: object, parts: readonly (string | Buffer)[], ending: 'end' | 'cut' = 'end'): void {
  const writable = response as Writable;
  for (const part of parts) writable.write(part);
  if (ending === 'end') writable.end();
  // What was written has to be on its way before the connection goes.
  else setTimeout(() => writable.destroy?.(), 20);
}

/** A stream of some parts, each of them later than the one before; with an error at its end, if it shall have one. */
export function streamOf(parts: readonly (string | Buffer)[], error?: Error): Readable {
  return Readable.from(
    (async function* () {
      for (const part of parts) {
        await new Promise((resolve) => setImmediate(resolve));
        yield Buffer.from(part);
      }
      if (error) throw error;
    })(),
    { objectMode: false },
  );
}

/** All, where it matters how the framework keeps its request: Express 4 and 5 do so differently. */
export const allFrameworks = [
  ['Express 4', (plan: Plan) => startExpress4(plan)],
  ['Express 5', (plan: Plan) => startExpress(plan)],
  ['Fastify', (plan: Plan) => startFastify(plan)],
  ['Koa', (plan: Plan) => startKoa(plan)],
  ['hapi', (plan: Plan) => startHapi(plan)],
] as const;

export const frameworks = [
  ['Express', startExpress],
  ['Fastify', startFastify],
  ['Koa', startKoa],
  ['hapi', startHapi],
] as const;
