import type { Plan } from './sites.ts';

type Values = Record<string, unknown>;

/** What middleware in front of the cache can work on, in every framework. */
export interface Outside {
  /** The framework's request: `req`, `request` or `ctx`. */
  readonly request: Values;
  /** Variables for templates: `res.locals`, `reply.locals` or `ctx.state`. */
  readonly locals: Values;
  readonly headers: Record<string, string | undefined>;
}

/** Middleware in front of the cache, for each framework. */
export function outside(run: (at: Outside) => void): Pick<Plan, 'express' | 'fastify' | 'koa'> {
  return {
    express: (app) => {
      app.use((request, response, next) => {
        run({ request: request as never, locals: response.locals, headers: request.headers as never });
        next();
      });
    },
    fastify: (app) => {
      app.addHook('onRequest', async (request, reply) => {
        const locals = {};
        Object.assign(reply, { locals });
        run({ request: request as never, locals, headers: request.headers as never });
      });
    },
    koa: (app) => {
      app.use((ctx, next) => {
        run({ request: ctx as never, locals: ctx.state, headers: ctx.headers as never });
        return next();
      });
    },
  };
}
