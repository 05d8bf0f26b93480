import { describe, expect, test } from 'vitest';
import { sites } from './running.ts';
import { allFrameworks, type Call, type Handler, type Plan, type Route } from './sites.ts';

type Values = Record<string, unknown>;

/** What a visitor brings: who it is, and the values that middleware leaves for it. */
const visitor = (name: string, more: Record<string, string> = {}) => ({ 'X-Visitor': name, ...more });
const csrfOf = (name: string) => `csrf-${name}-0123456789abcdef`;

/** Middleware that finds the visitor's token and makes a nonce for each request, and leaves both for templates. */
function tokens(values: (name: string, nonce: string) => Values = (name, nonce) => ({ csrf: csrfOf(name), nonce })) {
  let made = 0;
  const leave = (name: unknown, set: (policy: string) => void): Values => {
    made += 1;
    const nonce = `nonce+number/${String(made).padStart(6, '0')}==`;
    set(`script-src 'self' 'nonce-${nonce}'`);
    return values(String(name), nonce);
  };
  const plan: Partial<Plan> = {
    express: (app) => {
      app.use((req, res, next) => {
        Object.assign(
          res.locals,
          leave(req.get('x-visitor'), (policy) => res.set('Content-Security-Policy', policy)),
        );
        next();
      });
    },
    fastify: (app) => {
      app.addHook('onRequest', async (request, reply) => {
        const found = leave(request.headers['x-visitor'], (policy) => reply.header('Content-Security-Policy', policy));
        (reply as { locals?: Values }).locals = found;
      });
    },
    hapi: (server) => {
      server.ext('onRequest', ({ raw, headers, app }, h) => {
        const found = leave(headers['x-visitor'], (policy) => raw.res.setHeader('Content-Security-Policy', policy));
        Object.assign(app, found);
        return h.continue;
      });
    },
    koa: (app) => {
      app.use((ctx, next) => {
        Object.assign(
          ctx.state,
          leave(ctx.get('x-visitor'), (policy) => ctx.set('Content-Security-Policy', policy)),
        );
        return next();
      });
    },
  };
  return plan;
}

/** Variables of a request, from what the option `replace` is given in each framework. */
function localsOf(request: unknown, response: unknown): Values {
  const { state, app, server } = request as { state?: Values; app?: Values; server?: unknown };
  if (server !== undefined && typeof (request as { setUrl?: unknown }).setUrl === 'function') return app ?? {};
  return (response as { locals?: Values }).locals ?? state ?? {};
}

const replace = (request: unknown, response: unknown) => {
  const { csrf, nonce } = localsOf(request, response);
  return { csrf, nonce };
};

/** A page with a form and a script, and how often its handler ran. */
function formPage(html: (locals: Values, call: Call) => string | Buffer = form, options: Values = {}) {
  const ran: string[] = [];
  const handler: Handler = (call) => {
    ran.push(call.path);
    call.send(html(call.locals as Values, call));
  };
  return { ran, route: { path: '/', handler, options: { replace, ...options } as Route['options'] } as Route };
}

const form = ({ csrf, nonce }: Values) =>
  `<form><input name="_csrf" value="${csrf}"></form><script nonce="${nonce}">go('${csrf}')</script>`;

describe.each(allFrameworks)('%s: values that are replaced', (_name, start) => {
  const running = sites(start, () => ({}));

  test('each visitor gets their own, in the body and in the policy, and the handler runs once', async () => {
    const { ran, route } = formPage();
    const { get } = await running([route], tokens());
    const first = await get('/', visitor('ann'));
    expect(first.cache).toBe('miss');
    for (const name of ['ben', 'ann', 'eve']) {
      const { text, cache, headers } = await get('/', visitor(name));
      const nonce = /'nonce-([^']+)'/.exec(String(headers['content-security-policy']))?.[1];
      expect([cache, text]).toEqual(['hit', form({ csrf: csrfOf(name), nonce })]);
      expect(headers['content-length']).toBe(String(Buffer.byteLength(text)));
    }
    expect(ran).toHaveLength(1);
  });
});
