import { type IncomingMessage, Server, type ServerResponse } from 'node:http';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import type { FastifyInstance } from 'fastify';
import type Koa from 'koa';

// These touch a request as the packages do whose names they have (read in their sources, 2026): which properties they set, which headers they
// read, and when. What they tell goes to `told`.

type Told = (line: string) => void;
type Emitter = { [name: string]: unknown };

/** Wraps what a server does with each request, as patches of `http` do. Returns what takes that back. */
function wrapServers(around: (request: IncomingMessage, response: ServerResponse, next: () => boolean) => boolean) {
  const { emit } = Server.prototype;
  Server.prototype.emit = function (this: Server, event: string, ...args: unknown[]) {
    const next = () => emit.apply(this, [event, ...args] as unknown as Parameters<typeof emit>);
    return event === 'request' ? around(args[0] as IncomingMessage, args[1] as ServerResponse, next) : next();
  } as typeof emit;
  return () => {
    Server.prototype.emit = emit;
  };
}

/**
 * OpenTelemetry's http instrumentation: reads headers and address before anybody else, puts methods of its own over those of the request's and
 * the response's emitter, and reads method and status when the response is closed.
 */
export function openTelemetry(told: Told): () => void {
  return wrapServers((request, response, next) => {
    const { headers } = request;
    const host = headers.forwarded ?? headers['x-forwarded-host'] ?? headers.host;
    const address = headers['x-forwarded-for'] ?? request.socket.remoteAddress;
    told(`start ${request.url} ${host} ${address} ${headers['user-agent']} ${headers.traceparent} ${headers.baggage}`);
    bindEmitter(request as unknown as Emitter);
    bindEmitter(response as unknown as Emitter);
    response.on('close', () => told(`close ${request.method} ${request.url} ${response.statusCode}`));
    return next();
  });
}

const LISTENERS = ['addListener', 'on', 'once', 'prependListener', 'prependOnceListener', 'removeListener', 'off'];

function bindEmitter(emitter: Emitter): void {
  emitter[Symbol('OtListeners') as unknown as string] = Object.create(null);
  for (const name of LISTENERS) {
    const own = emitter[name] as (...args: unknown[]) => unknown;
    emitter[name] = function (this: unknown, ...args: unknown[]) {
      return own.apply(this, args);
    };
  }
}

/** Sentry: marks the request, copies all of its headers, puts a proxy over its `on`, and reads them again when it is closed. */
export function sentry(told: Told): () => void {
  return wrapServers((request, response, next) => {
    Object.assign(request, { [Symbol.for('sentry_http_server_instrumented')]: true });
    Object.defineProperty(request, '_startSpanCallback', {
      configurable: true,
      writable: true,
      value: new WeakRef(told),
    });
    const copy = { url: request.url, headers: Object.fromEntries(Object.entries(request.headers)) };
    const own = request as unknown as Emitter;
    own.on = own.addListener = new Proxy(request.on, {});
    own.off = own.removeListener = new Proxy(request.off, {});
    request.on('end', () => {});
    response.once('close', () => {
      const forwarded = request.headers['x-forwarded-for'];
      told(`close ${copy.url} ${JSON.stringify(copy.headers)} ${forwarded} ${response.statusCode}`);
    });
    return next();
  });
}

const layers = Symbol('express-layers');

/**
 * OpenTelemetry's and Sentry's instrumentation of Express: each layer keeps a list of paths on the request, and reads route and address, those
 * behind the cache as well.
 */
export function traced(path: string, layer: RequestHandler, told: Told): RequestHandler {
  return function (this: unknown, request: Request, response: Response, next: NextFunction) {
    const own = request as unknown as Record<symbol, string[] | undefined>;
    if (own[layers] === undefined) Object.defineProperty(request, layers, { value: [] });
    own[layers]?.push(path);
    const route = own[layers]?.filter((one) => one !== '/').join('');
    told(`layer ${route} ${request.originalUrl} ${request.baseUrl} ${request.route?.path}`);
    const ended = () => {};
    response.once('close', ended);
    const wrapped: NextFunction = (error?: unknown) => {
      request.res?.removeListener('close', ended);
      if (!(request.route && error)) own[layers]?.pop();
      next(error as never);
    };
    return layer.call(this, request, response, wrapped);
  } as RequestHandler;
}

/** @fastify/otel: a span on each request, read again by a wrapper of each handler. */
export function tracedFastify(app: FastifyInstance, told: Told): void {
  const span = Symbol('fastify span');
  app.decorateRequest(span, undefined);
  app.addHook('onRequest', async (request) => {
    Object.assign(request, { [span]: { name: request.routeOptions.url } });
    told(`span ${request.method} ${request.url} ${request.headers.traceparent}`);
  });
  app.addHook('onRoute', (route) => {
    const { handler } = route;
    route.handler = function (this: FastifyInstance, request, reply) {
      const held = (request as unknown as Record<symbol, { name: string }>)[span];
      told(`handler ${held?.name} ${request.routeOptions.url} ${request.method}`);
      return handler.call(this, request, reply);
    };
  });
  app.addHook('onResponse', async (request, reply) => told(`end ${request.url} ${reply.statusCode}`));
}

/** helmet: sets headers, and reads nothing. */
export const helmet: RequestHandler = (_request, response, next) => {
  response.setHeader('Content-Security-Policy', "default-src 'self';object-src 'none'");
  response.setHeader('Strict-Transport-Security', 'max-age=31536000; includeSubDomains');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.removeHeader('X-Powered-By');
  next();
};

/** morgan: times on the request and the response, and a line when the response is finished. */
export function morgan(told: Told): RequestHandler {
  return (request, response, next) => {
    const own = request as unknown as Record<string, unknown>;
    own._startAt = process.hrtime();
    own._startTime = new Date();
    own._remoteAddress = request.ip || request.socket.remoteAddress;
    const { writeHead } = response as unknown as { writeHead: (...args: unknown[]) => Response };
    response.writeHead = function (this: Response, ...args: unknown[]) {
      Object.assign(this, { _startAt: process.hrtime() });
      return writeHead.apply(this, args);
    } as never;
    response.on('finish', () => {
      const { referer, 'user-agent': agent } = request.headers;
      told(`${own._remoteAddress} ${request.originalUrl || request.url} ${response.statusCode} ${referer} ${agent}`);
    });
    next();
  };
}

/** pino-http: an id and a logger on the request, and when the response is finished a line with all of its headers. */
export function pinoHttp(told: Told): (request: IncomingMessage, response: ServerResponse, next?: () => void) => void {
  return (request, response, next) => {
    const log = { info: (line: string) => told(line) };
    Object.assign(request, { id: `id ${Math.random()}`, log, allLogs: [log] });
    Object.assign(response, { log, allLogs: [log], [Symbol('reqObject')]: request });
    const finished = () => {
      response.removeListener('finish', finished);
      const { url, headers, query, params } = request as unknown as Record<string, unknown>;
      log.info(JSON.stringify({ url, headers, query, params, remote: request.socket.remoteAddress }));
    };
    response.on('finish', finished);
    next?.();
  };
}

/** The same for Koa, whose middleware it is called in. */
export function koaPino(told: Told): Koa.Middleware {
  const logger = pinoHttp(told);
  return (ctx, next) => {
    logger(ctx.req, ctx.res);
    const { log } = ctx.req as unknown as { log: unknown };
    for (const one of [ctx, ctx.request, ctx.response]) Object.assign(one, { log });
    return next();
  };
}
