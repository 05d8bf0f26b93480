import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import hapi from '@hapi/hapi';
import express, { type Express } from 'express';
import fastify from 'fastify';
import Koa from 'koa';
import nunjucks from 'nunjucks';
import { CacheSweeper, type CacheSweeperOptions } from 'nunjucks-cachesweeper';
import { cacheView as expressView } from 'nunjucks-cachesweeper/express';
import { cacheView as fastifyView } from 'nunjucks-cachesweeper/fastify';
import { cacheView as hapiView } from 'nunjucks-cachesweeper/hapi';
import { cacheView as koaView } from 'nunjucks-cachesweeper/koa';
import { type PanelOptions, panel } from 'nunjucks-cachesweeper/panel';

/** A request as the sites of all frameworks see it. */
export interface Call {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

export interface Plan {
  readonly templates: Readonly<Record<string, string>>;
  /** Variables of each page; the path without `/` names its template. */
  readonly context?: (call: Call) => object;
  /** Headers of each page. */
  readonly headers?: (call: Call) => Readonly<Record<string, string>>;
  /** False for a site without the panel. */
  readonly panel?: PanelOptions<never> | false;
  readonly sweeper?: CacheSweeperOptions;
  /** Whether pages come from whole views. */
  readonly view?: boolean;
  /** What stands in front of the panel, in Express. */
  readonly before?: (app: Express) => void;
  /** What stands behind the panel, in Express. */
  readonly behind?: (
    app: Express,
    site: { readonly sweeper: CacheSweeper; readonly env: nunjucks.Environment },
  ) => void;
}

export interface PanelSite {
  readonly url: string;
  readonly sweeper: CacheSweeper;
  readonly errors: unknown[];
  get(path: string, headers?: Readonly<Record<string, string>>, method?: string): Promise<PanelAnswer>;
  close(): Promise<void>;
}

export interface PanelAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** Headers of a browser that asks for a page. */
export const DOCUMENT = { 'Sec-Fetch-Dest': 'document', 'Sec-Fetch-Site': 'none', Accept: 'text/html' };

export type Framework = 'express' | 'fastify' | 'koa' | 'hapi';

/** A site of one framework whose pages are templates, with a panel in front. */
export async function panelSite(framework: Framework, plan: Plan): Promise<PanelSite> {
  const errors: unknown[] = [];
  const sweeper = new CacheSweeper({
    maxDataAge: '60s',
    timeout: '20s',
    causes: true,
    onError: (error) => void errors.push(error),
    ...plan.sweeper,
  });
  const env = sweeper.install(
    new nunjucks.Environment({
      getSource: (name: string) => {
        const src = plan.templates[name];
        if (src === undefined) throw new Error(`no template ${name}`);
        return { src, path: name, noCache: false };
      },
    } as nunjucks.ILoader),
  );
  const shown = plan.panel === false ? undefined : panel(sweeper, plan.panel ?? {});
  const render = (call: Call) => sweeper.render(env, `${call.path}.njk`, plan.context?.(call) ?? {});
  const served = await servers[framework]({ plan, render, shown, sweeper, env });
  return {
    ...served,
    sweeper,
    errors,
    async get(path, headers = DOCUMENT, method = 'GET') {
      const answer = await fetch(served.url + path, { headers, method, redirect: 'manual' });
      const text = await answer.text();
      await sweeper.idle();
      return { status: answer.status, headers: answer.headers, text };
    },
    async close() {
      await served.close();
      await sweeper.close();
    },
  };
}

interface Parts {
  readonly plan: Plan;
  readonly render: (call: Call) => Promise<string>;
  readonly shown: ReturnType<typeof panel> | undefined;
  readonly sweeper: CacheSweeper;
  readonly env: nunjucks.Environment;
}

function callOf(url: string, headers: Call['headers']): Call {
  const { pathname, searchParams } = new URL(url, 'http://site');
  return { path: pathname.slice(1), query: searchParams, headers };
}

async function listen(listener: RequestListener): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const servers: Record<Framework, (parts: Parts) => Promise<{ url: string; close(): Promise<void> }>> = {
  async express({ plan, render, shown, sweeper, env }) {
    const app = express();
    plan.before?.(app);
    if (shown !== undefined) app.use(shown.express);
    plan.behind?.(app, { sweeper, env });
    if (plan.view) app.use(expressView({ sweeper, ttl: 300 }));
    app.all('/{*page}', async (request, response) => {
      const call = callOf(request.originalUrl, request.headers);
      response.set({ ...plan.headers?.(call) });
      response.send(await render(call));
    });
    return listen(app);
  },
  async koa({ plan, render, shown, sweeper }) {
    const app = new Koa();
    if (shown !== undefined) app.use(shown.koa);
    if (plan.view) app.use(koaView({ sweeper, ttl: 300 }));
    app.use(async (context) => {
      const call = callOf(context.originalUrl, context.headers);
      context.set({ ...plan.headers?.(call) });
      context.body = await render(call);
    });
    return listen(app.callback());
  },
  async hapi({ plan, render, shown, sweeper }) {
    const server = hapi.server({ port: 0, host: '127.0.0.1' });
    if (shown !== undefined) await server.register(shown.hapi);
    if (plan.view) await server.register(hapiView({ sweeper }));
    server.route({
      method: ['GET', 'POST'],
      path: '/{page*}',
      ...(plan.view ? { options: { plugins: { cacheView: { ttl: 300 } } } } : {}),
      async handler(request, h) {
        const call = callOf(request.raw.req.url ?? '', request.raw.req.headers);
        const response = h.response(await render(call)).type('text/html');
        for (const [name, value] of Object.entries(plan.headers?.(call) ?? {})) response.header(name, value);
        return response;
      },
    });
    await server.start();
    return { url: server.info.uri, close: () => server.stop({ timeout: 0 }) };
  },
  async fastify({ plan, render, shown, sweeper }) {
    const app = fastify();
    if (shown !== undefined) await app.register(shown.fastify);
    if (plan.view) await app.register(fastifyView({ sweeper }));
    app.route({
      method: ['GET', 'POST'],
      url: '/*',
      config: plan.view ? { cacheView: { ttl: 300 } } : {},
      async handler(request, reply) {
        const call = callOf(request.originalUrl, request.headers);
        reply.type('text/html; charset=utf-8').headers({ ...plan.headers?.(call) });
        return render(call);
      },
    });
    await app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = app.server.address() as AddressInfo;
    return { url: `http://127.0.0.1:${port}`, close: () => app.close() };
  },
};
