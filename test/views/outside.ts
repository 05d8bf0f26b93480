import type { Plan } from './sites.ts';

type Values = Record<string, unknown>;

/** What middleware in front of the cache can work on, in every framework. */
export interface Outside {
  /** The framework's request: `req`, `request` or `ctx`. */
  readonly request: Values;
  /** Variables for templates: `res.locals`, `reply.locals` or `ctx.state`. */
  readonly locals: Values;
  readonly headers: Record<string, string | undefined>;
  /** The framework's response: `res`, `reply` or `ctx.response`, and Node's own. */
  readonly response: Values;
  readonly rawResponse: Values;
}

/** Middleware in front of the cache, for each framework. */
export function outside(run: (at: Outside) => void): Pick<Plan, 'express' | 'fastify' | 'hapi' | 'koa'> {
  return {
    express: (app) => {
      app.use((request, response, next) => {
        run({
          request: request as never,
          locals: response.locals,
          headers: request.headers as never,
          response: response as never,
          rawResponse: response as never,
        });
        next();
      });
    },
    fastify: (app) => {
      app.addHook('onRequest', async (request, reply) => {
        const locals = {};
        Object.assign(reply, { locals });
        run({
          request: request as never,
          locals,
          headers: request.headers as never,
          response: reply as never,
          rawResponse: reply.raw as never,
        });
      });
    },
    hapi: (server) => {
      server.ext('onRequest', (request, h) => {
        run({
          request: request as never,
          locals: request.app as Values,
          headers: request.headers as never,
          response: request.raw.res as never,
          rawResponse: request.raw.res as never,
        });
        return h.continue;
      });
    },
    koa: (app) => {
      app.use((ctx, next) => {
        run({
          request: ctx as never,
          locals: ctx.state,
          headers: ctx.headers as never,
          response: ctx.response as never,
          rawResponse: ctx.res as never,
        });
        return next();
      });
    },
  };
}

interface Identified {
  user?: unknown;
  state?: { user?: unknown };
  readonly auth?: { credentials?: unknown; isAuthenticated?: boolean };
}

/** Says who the visitor is, as middleware does that looks into a session or a token. */
export function logIn(request: object, user: object): void {
  const known = request as Identified;
  if (known.auth !== undefined) Object.assign(known.auth, { credentials: user, isAuthenticated: true });
  else if (known.state !== undefined) known.state.user = user;
  else known.user = user;
}

/** Who the visitor is, if somebody has said so. */
export function userOf(request: object): object | undefined {
  const { auth, state, user } = request as Identified;
  return (auth?.credentials ?? user ?? state?.user ?? undefined) as object | undefined;
}
