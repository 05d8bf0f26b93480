import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import fastify from 'fastify';
import Koa from 'koa';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import { cacheView as fastifyView } from 'nunjucks-cachesweeper/fastify';
import { cacheView as koaView } from 'nunjucks-cachesweeper/koa';
import { panel } from 'nunjucks-cachesweeper/panel';
import { expect, onTestFinished, test } from 'vitest';
import { DOCUMENT } from './site.ts';

const PAGE = '<!doctype html><body>a page</body>';

function started(): CacheSweeper {
  const sweeper = new CacheSweeper({ maxDataAge: '60s' });
  onTestFinished(() => sweeper.close());
  return sweeper;
}

async function listen(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Asks for a page, and returns what X-Cache says and what its strip is given. */
async function shown(site: string, path: string) {
  const answer = await fetch(site + path, { headers: DOCUMENT });
  const address = /src="([^"]+)"/.exec(await answer.text())?.[1];
  const script = await (await fetch(site + address, { headers: { 'Sec-Fetch-Site': 'same-origin' } })).text();
  const [, report, given] = /\n}\)\((\{.*\}), (\{.*\})\);\n$/.exec(script) ?? [];
  const { view } = JSON.parse(report as string) as { view?: { outcome: string; reason?: string } };
  const { id, token } = JSON.parse(given as string) as { id: string; token: string };
  const press = async (action: string) => {
    const headers = { 'X-Cachesweeper-Token': token, 'Sec-Fetch-Site': 'same-origin' };
    return (await fetch(`${site}/__cachesweeper/pages/${id}/${action}`, { method: 'POST', headers })).status;
  };
  return { cache: answer.headers.get('x-cache'), view, press };
}

test('the button expires the address of the view, also where the panel is given a part of it', async () => {
  const sweeper = started();
  const koa = new Koa();
  koa.use(panel(sweeper).koa);
  koa.use(koaView({ sweeper, ttl: 300 }));
  koa.use((context) => {
    context.body = PAGE;
  });
  const site = express();
  site.use((request, _response, next) => {
    if (request.url.startsWith('/en/')) request.url = request.url.slice(3);
    next();
  });
  site.use(koa.callback());
  const url = await listen(site);
  expect((await shown(url, '/en/page')).cache).toBe('miss');
  const { cache, press } = await shown(url, '/en/page');
  expect(cache).toBe('hit');
  expect(await press('view/expire')).toBe(200);
  expect((await shown(url, '/en/page')).cache).toBe('miss');
});

test('a view that a handler asks its own site for is not what the page is', async () => {
  const sweeper = started();
  const site = fastify();
  await site.register(panel(sweeper).fastify);
  await site.register(fastifyView({ sweeper }));
  const part = async () => 'a part';
  site.get('/part', { config: { cacheView: { ttl: 300 } } }, part);
  site.get('/page', async (_request, reply) => {
    const { body } = await site.inject('/part');
    return reply.type('text/html').send(PAGE.replace('a page', body));
  });
  const url = await site.listen({ port: 0, host: '127.0.0.1' });
  onTestFinished(() => site.close());
  await shown(url, '/page');
  expect((await shown(url, '/page')).view).toBeUndefined();
});
