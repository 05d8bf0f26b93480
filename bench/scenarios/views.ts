import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { fastify } from 'fastify';
import Koa from 'koa';
import { CacheSweeper, type Store } from 'nunjucks-cachesweeper';
import * as forExpress from 'nunjucks-cachesweeper/express';
import * as forFastify from 'nunjucks-cachesweeper/fastify';
import * as forKoa from 'nunjucks-cachesweeper/koa';
import { HOST, listeningMemcached, RawClient } from '../memcached.ts';
import type { Made, Scenario } from '../scenario.ts';
import { CONNECTIONS, visitors } from '../visitors.ts';

/** 20 KB, as a page of text has them. */
const html = `<!doctype html><title>A page</title>${'<p>Some text of a page, and “more” of it.</p>'.repeat(436)}`.slice(
  0,
  20_400,
);

/** What a site does before it sends its ready page. */
type Before = () => Promise<void>;

interface Cached {
  readonly store?: Store;
  readonly now?: () => number;
}

type Start = (cached: Cached | undefined, before?: Before, control?: string) => Promise<Server>;

/** What a handler says of a page that is rendered for each visitor. */
const NO_STORE = 'no-store';

const startExpress: Start = async (cached, before, control) => {
  const app = express();
  const view = cached && [forExpress.cacheView({ sweeper: new CacheSweeper(cached), ttl: 0 })];
  app.get('/page', ...(view ?? []), async (_request, response) => {
    await before?.();
    if (control !== undefined) response.set('Cache-Control', control);
    response.type('html').send(html);
  });
  return listening(app);
};

const startFastify: Start = async (cached, before, control) => {
  const app = fastify();
  if (cached) await app.register(forFastify.cacheView({ sweeper: new CacheSweeper(cached), ttl: 0 }));
  app.get('/page', { config: { cacheView: cached !== undefined } }, async (_request, reply) => {
    await before?.();
    if (control !== undefined) reply.header('Cache-Control', control);
    return reply.type('text/html; charset=utf-8').send(html);
  });
  await app.listen({ port: 0, host: HOST });
  return app.server as Server;
};

const startKoa: Start = async (cached, before, control) => {
  const app = new Koa();
  if (cached) app.use(forKoa.cacheView({ sweeper: new CacheSweeper(cached), ttl: 0 }));
  app.use(async (context) => {
    await before?.();
    if (control !== undefined) context.set('Cache-Control', control);
    context.type = 'html';
    context.body = html;
  });
  return listening(app.callback());
};

async function listening(handler: RequestListener): Promise<Server> {
  const server = createServer(handler).listen(0, HOST);
  await once(server, 'listening');
  return server;
}

async function asked(server: Server): Promise<Made> {
  return { side: await visitors((server.address() as AddressInfo).port, '/page') };
}

/** A cached view on Memcached, asked for so often and so long ago that it is stored for good. */
async function onMemcached(start: Start, port: number): Promise<Made> {
  const { store, asked: keys, record } = listeningMemcached(port);
  let passed = 0;
  const made = await asked(await start({ store, now: () => Date.now() + passed }));
  for (let i = 0; i < 4; i++) {
    await made.side();
    // Longer than maxDataAge.
    passed += 10_000;
  }
  await record(async () => void (await made.side()));
  return { ...made, told: { tokenKeys: [...new Set(keys.token)] } };
}

async function readyOnMemcached(start: Start, port: number, keys: readonly string[]): Promise<Made> {
  // A raw client answers one batch at a time, and each visitor waits for one.
  const batches: Before[] = [];
  for (let i = 0; i < CONNECTIONS; i++) batches.push((await RawClient.connect(port)).batch(keys));
  const before = async (): Promise<void> => {
    const batch = batches.pop() as Before;
    await batch();
    batches.push(batch);
  };
  return asked(await start(undefined, before));
}

/** Why a framework that sends text quickly is ahead of a hit. */
const REASONS: Readonly<Record<string, string>> = {
  Fastify:
    'Fastify sends a ready page with two headers; a hit looks for the view, judges its tokens and has six more headers, among them the validator with which ' +
    'browsers ask for nothing the next time.',
  Koa:
    'Koa is given text, because middleware outside may work on it: Koa and Node measure and encode its 20 KB for each answer, as they do for the ready page, ' +
    'and the rest is looking the view up.',
};

const COMMON = { rounds: 100, warmUp: 3_000, fragments: 64 };
const FRAMEWORKS: readonly (readonly [name: string, start: Start])[] = [
  ['Express', startExpress],
  ['Fastify', startFastify],
  ['Koa', startKoa],
];

/** A page of 20 KB from the cache, for 8 visitors at a time; times are of one request. */
export const scenarios: readonly Scenario[] = FRAMEWORKS.flatMap(([name, start]): Scenario[] => [
  {
    ...COMMON,
    scenario: `${name}, a view from memory`,
    floor: `${name} sends the ready page`,
    goal: 1,
    ...(name in REASONS ? { reason: REASONS[name] as string } : {}),
    ours: async () => asked(await start({})),
    other: async () => asked(await start(undefined)),
  },
  {
    ...COMMON,
    scenario: `${name}, a miss: the handler is watched, and says that its page is not to be stored`,
    floor: `${name} sends the same page`,
    ours: async () => asked(await start({}, undefined, NO_STORE)),
    other: async () => asked(await start(undefined, undefined, NO_STORE)),
  },
  {
    ...COMMON,
    scenario: `${name}, a view, Memcached + memory tier`,
    floor: `${name} sends the ready page + one raw multi-get of its tokens`,
    goal: 1.3,
    ...(name === 'Koa' ? { reason: REASONS[name] as string } : {}),
    away: 0,
    ours: (port) => onMemcached(start, port),
    other: (port, { tokenKeys = [] }) => readyOnMemcached(start, port, tokenKeys),
  },
]);
