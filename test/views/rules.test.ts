import { connect } from 'node:http2';
import express from 'express';
import { fastify } from 'fastify';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import { cacheView } from 'nunjucks-cachesweeper/express';
import { cacheView as cacheViews } from 'nunjucks-cachesweeper/fastify';
import { describe, expect, test } from 'vitest';
import { serve } from '../frameworks/framework-suite.ts';
import { ask } from './client.ts';
import { sites } from './running.ts';
import { startExpress, startFastify } from './sites.ts';

describe('whose rules count', () => {
  const inFastify = sites(startFastify, () => ({}));
  const inExpress = sites(startExpress, () => ({}));

  test('a cache inside of another: nobody is answered past its skip and vary', async () => {
    const sweeper = new CacheSweeper();
    const app = express();
    app.use(cacheView({ sweeper, ttl: 300 }));
    const inner = cacheView({
      sweeper,
      ttl: 300,
      skip: (request) => request.headers['x-name'] !== undefined,
      vary: (request) => [request.headers['x-language']],
    });
    app.get(
      '/',
      inner,
      (request, response) => void response.send(`${request.get('x-name')} ${request.get('x-language')}`),
    );
    app.get('/plain', (_request, response) => void response.send('plain'));
    const site = await serve(app);
    const asked: [Record<string, string>, string][] = [
      [{ 'X-Name': 'Ann' }, 'Ann undefined'],
      [{}, 'undefined undefined'],
      [{ 'X-Language': 'de' }, 'undefined de'],
      [{ 'X-Name': 'Ben' }, 'Ben undefined'],
    ];
    for (const [headers, text] of asked) {
      const answer = await ask(site.url, { headers });
      expect([answer.body.toString(), answer.headers['x-cache']]).toEqual([text, 'miss (nested view)']);
    }
    await ask(`${site.url}/plain`);
    expect((await ask(`${site.url}/plain`)).headers['x-cache']).toBe('hit');
    await site.close();
    await sweeper.close();
  });

  test.each(['a new list', 'the same list'])(
    'Fastify: a hook that a plugin adds later, to %s, is asked first',
    async (how) => {
      const sweeper = new CacheSweeper();
      const app = fastify();
      await app.register(cacheViews({ sweeper }));
      const door = async (
        request: { headers: object },
        reply: { code(status: number): { send(text: string): unknown } },
      ) => {
        return 'x-key' in request.headers ? undefined : reply.code(401).send('no');
      };
      app.addHook('onRoute', (route) => {
        const hooks = route.preHandler as unknown[];
        if (how === 'the same list') hooks.push(door);
        else route.preHandler = [...hooks, door] as never;
      });
      app.get('/', { config: { cacheView: { ttl: 300 } } }, async () => 'secret');
      const url = await app.listen({ port: 0, host: '127.0.0.1' });
      const key = { 'X-Key': '1' };
      for (const cache of ['miss', 'hit']) {
        const answer = await ask(url, { headers: key });
        expect([answer.body.toString(), answer.headers['x-cache']]).toEqual(['secret', cache]);
      }
      for (const method of ['GET', 'HEAD']) expect((await ask(url, { method })).status).toBe(401);
      expect((await ask(url, { method: 'HEAD', headers: key })).headers['x-cache']).toBe('hit');
      await app.close();
      await sweeper.close();
    },
  );

  test('HTTP/2: a request with a body neither fills the cache nor is answered from it', async () => {
    const { site } = await inFastify(
      [
        {
          path: '/',
          handler: async (call) => {
            const parts: Buffer[] = [];
            for await (const part of call.raw as AsyncIterable<Buffer>) parts.push(part);
            call.send(`got ${Buffer.concat(parts)}`);
          },
        },
      ],
      { http2: true },
    );
    const client = connect(site.url);
    const get = (body?: string) =>
      new Promise<[string, unknown]>((resolve, reject) => {
        const stream = client.request({ ':path': '/', ':method': 'GET' }, { endStream: body === undefined });
        let text = '';
        let cache: unknown;
        stream.on('response', (headers) => {
          cache = headers['x-cache'];
        });
        stream.on('data', (part) => {
          text += part;
        });
        stream.on('error', reject);
        stream.on('end', () => resolve([text, cache]));
        if (body !== undefined) stream.end(body);
      });
    expect(await get('evil')).toEqual(['got evil', 'skip (request body)']);
    expect(await get()).toEqual(['got ', 'miss']);
    expect(await get('evil')).toEqual(['got evil', 'skip (request body)']);
    expect(await get()).toEqual(['got ', 'hit']);
    client.close();
  });

  test('what stands behind a semicolon in a tracking parameter is no part of it', async () => {
    const { get } = await inExpress([
      { path: '/', handler: (call) => call.send((call.request as { url: string }).url) },
    ]);
    await get('/?utm_source=x;page=2');
    expect(await get('/')).toMatchObject({ cache: 'miss', text: '/' });
  });

  test.each(['before', 'after'])(
    'a transaction that changed a model, and a page that shows it through depend() %s',
    async (when) => {
      let title = 'Old';
      const article = { type: 'Article', id: 7 };
      const { get, sweeper } = await inExpress([
        {
          path: '/',
          handler: async (call) => {
            if (call.header('x-edit') === undefined) {
              await call.depend(article);
              return call.send(title);
            }
            const gone = sweeper.transaction(async (transaction) => {
              if (when === 'before') await call.depend(article);
              transaction.invalidateCacheFor(article);
              if (when === 'after') await call.depend(article);
              title = 'Uncommitted';
              call.send(title);
              throw new Error('rolled back');
            });
            await gone.catch(() => {
              title = 'Old';
            });
          },
          options: { except: ['headers.x-edit'] },
        },
      ]);
      expect(await get('/', { 'X-Edit': '1' })).toMatchObject({ text: 'Uncommitted', cache: 'miss (unknown token)' });
      expect(await get('/')).toMatchObject({ text: 'Old', cache: 'miss' });
      expect(await get('/')).toMatchObject({ text: 'Old', cache: 'hit' });
    },
  );
});
