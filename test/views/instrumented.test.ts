import compression from 'compression';
import type { RequestHandler } from 'express';
import session from 'express-session';
import passport from 'passport';
import { afterEach, describe, expect, test } from 'vitest';
import * as instruments from './instrumentations.ts';
import { sites } from './running.ts';
import { frameworks, type Handler, type Plan, type Route, startExpress } from './sites.ts';

const without = () => ({});
const restoring: (() => void)[] = [];
afterEach(() => {
  for (const restore of restoring.splice(0)) restore();
});

/** A site of one framework with something that watches it. `told` gets what that saw. */
interface Watched {
  readonly name: string;
  readonly start: (plan: Plan) => ReturnType<typeof startExpress>;
  readonly watch: (told: (line: string) => void) => Partial<Plan>;
  /** What it tells of every request. */
  readonly tells?: readonly string[];
}

const patched = (patch: (told: (line: string) => void) => () => void) => (told: (line: string) => void) => {
  restoring.push(patch(told));
  return {};
};

const addressAndAgent = ['utm_source=', 'agent '];
const watched: Watched[] = [
  ...frameworks.flatMap(([name, start]): Watched[] => [
    {
      name: `${name} with OpenTelemetry’s http instrumentation`,
      start,
      watch: patched(instruments.openTelemetry),
      tells: [...addressAndAgent, 'traceparent '],
    },
    { name: `${name} with Sentry`, start, watch: patched(instruments.sentry), tells: addressAndAgent },
  ]),
  {
    name: 'Express whose layers OpenTelemetry traces, those behind the cache as well',
    start: startExpress,
    watch: (told) => {
      restoring.push(instruments.openTelemetry(told));
      return { express: (app) => traceLayers(app as never, told), expressInside: instruments.traced('/', pass, told) };
    },
    tells: ['layer ', ...addressAndAgent],
  },
  {
    name: 'Fastify with @fastify/otel',
    start: frameworks[1][1],
    watch: (told) => ({ fastify: (app) => instruments.tracedFastify(app, told) }),
    tells: ['traceparent ', 'utm_source='],
  },
  {
    name: 'Express with helmet',
    start: startExpress,
    watch: () => ({ express: (app) => void app.use(instruments.helmet) }),
  },
  {
    name: 'Express with compression',
    start: startExpress,
    watch: () => ({ express: (app) => void app.use(compression({ threshold: 0 })) }),
  },
  {
    name: 'Express with morgan',
    start: startExpress,
    watch: (told) => ({ express: (app) => void app.use(instruments.morgan(told)) }),
    tells: addressAndAgent,
  },
  {
    name: 'Express with pino-http',
    start: startExpress,
    watch: (told) => ({ express: (app) => void app.use(instruments.pinoHttp(told)) }),
    tells: addressAndAgent,
  },
  {
    name: 'Fastify with pino-http',
    start: frameworks[1][1],
    watch: (told) => {
      const logger = instruments.pinoHttp(told);
      return { fastify: (app) => app.addHook('onRequest', async ({ raw }, reply) => logger(raw, reply.raw)) };
    },
    tells: addressAndAgent,
  },
  {
    name: 'Koa with koa-pino-logger',
    start: frameworks[2][1],
    watch: (told) => ({ koa: (app) => void app.use(instruments.koaPino(told)) }),
    tells: addressAndAgent,
  },
  {
    name: 'Express with sessions and Passport',
    start: startExpress,
    watch: () => ({
      express: (app) => {
        const keeper = new passport.Passport();
        app.use(session({ secret: 'secret', resave: false, saveUninitialized: false }));
        app.use(keeper.initialize(), keeper.session());
      },
    }),
  },
  {
    name: 'Express with all of them',
    start: startExpress,
    watch: (told) => {
      restoring.push(instruments.openTelemetry(told), instruments.sentry(told));
      return {
        express: (app) => {
          const keeper = new passport.Passport();
          traceLayers(app as never, told);
          app.use(instruments.pinoHttp(told), instruments.morgan(told), instruments.helmet);
          app.use(compression({ threshold: 0 }), session({ secret: 'x', resave: false, saveUninitialized: false }));
          app.use(keeper.initialize(), keeper.session());
        },
      };
    },
    tells: [...addressAndAgent, 'traceparent ', 'layer '],
  },
];

const pass: RequestHandler = (_request, _response, next) => next();

/** Traces each layer that is added from now on. */
function traceLayers(app: Record<'get' | 'use', (...args: unknown[]) => unknown>, told: (line: string) => void): void {
  for (const method of ['get', 'use'] as const) {
    const add = app[method];
    app[method] = function (this: unknown, ...args: unknown[]) {
      // `app.get(name)` tells a setting; error handlers have four parameters.
      const path = typeof args[0] === 'string' ? args[0] : '/';
      const isLayer = (one: unknown) => typeof one === 'function' && one.length < 4;
      return add.apply(
        this,
        args.map((one) => (isLayer(one) ? instruments.traced(path, one as RequestHandler, told) : one)),
      );
    };
  }
}

/** Visitors who differ in all that such tools read. */
const visitor = (i: number) => ({
  'User-Agent': `agent ${i}`,
  'X-Forwarded-For': `192.0.2.${i}`,
  Referer: `https://elsewhere.example/${i}`,
  Cookie: `_ga=${i}`,
  'Accept-Encoding': 'gzip',
  traceparent: `traceparent ${i}`,
  baggage: `sentry-trace_id=${i}`,
  'sentry-trace': `${i}`,
});

/** Handlers that read nothing of a visitor, in the ways in which handlers do that. */
const handlers: Record<string, Handler> = {
  '/text': (call) => call.send('a page'),
  '/rendered': (call) => call.render('plain.njk', { text: 'a page' }),
  '/late': async (call) => {
    await new Promise((resolve) => setImmediate(resolve));
    await call.render('plain.njk', { text: 'a page' });
  },
  // Whoever listens for the end of a request uses what OpenTelemetry and Sentry have put over its emitter.
  '/listening': (call) => {
    const { raw } = call as unknown as { raw: NodeJS.EventEmitter };
    raw.on('close', () => {});
    raw.once('aborted', () => {});
    call.send('a page');
  },
  '/parts': (call) => {
    call.set('Content-Type', 'text/html');
    call.parts(['a ', 'page']);
  },
};

describe.each(watched)('$name', ({ start, watch, tells = [] }) => {
  const running = sites(start, without);
  const routes = Object.entries(handlers).map(([path, handler]): Route => ({ path, handler }));

  test.each(Object.keys(handlers))(
    '%s is cached for all visitors, and each of them is seen as they are',
    async (path) => {
      const told: string[] = [];
      const { get } = await running(
        routes,
        watch((line) => void told.push(line)),
      );
      for (const [i, cache] of ['miss', 'hit', 'hit'].entries()) {
        told.length = 0;
        const headers = { ...visitor(i), ...(i === 2 ? { 'If-None-Match': '"other"' } : {}) };
        expect(await get(`${path}?utm_source=mail${i}`, headers)).toMatchObject({ cache, status: 200 });
        const seen = told.join('\n');
        for (const what of tells) {
          // What a layer tells has no number.
          expect(seen).toContain(what === 'layer ' ? what : `${what}${what === 'utm_source=' ? 'mail' : ''}${i}`);
        }
      }
    },
  );
});
