import { connect } from 'node:http2';
import { describe, expect, test } from 'vitest';
import { Blog } from '../frameworks/blog.ts';
import { articleRoute, sites } from './running.ts';
import { type Route, startFastify, streamOf } from './sites.ts';

interface Answer {
  readonly status: unknown;
  readonly headers: Record<string, unknown>;
  readonly body: Buffer;
}

function ask(url: string, path: string, headers: Record<string, string> = {}): Promise<Answer> {
  const client = connect(url);
  return new Promise((resolve, reject) => {
    client.on('error', reject);
    const stream = client.request({ ':path': path, ...headers });
    const chunks: Buffer[] = [];
    let answered: Record<string, unknown> = {};
    stream.on('response', (given) => {
      answered = given;
    });
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', reject);
    stream.on('close', () => {
      client.close();
      resolve({ status: answered[':status'], headers: answered, body: Buffer.concat(chunks) });
    });
    stream.end();
  });
}

describe('Fastify over HTTP/2', () => {
  const running = sites(startFastify, () => ({}));
  const bytes = Buffer.from(Array.from({ length: 5_000 }, (_, i) => i % 256));

  test('headers that tell of the cache are sent, once in each answer', async () => {
    const options = { headers: ['Cache-Status', 'Server-Timing'] } as const;
    const { site, sweeper } = await running([{ path: '/', handler: (call) => call.send('page'), options }], {
      http2: true,
    });
    const told = async (headers = {}) => {
      const answer = await ask(site.url, '/', headers);
      await sweeper.idle();
      return [answer.status, answer.headers['cache-status'], answer.headers['server-timing'], answer.headers.etag];
    };
    const hit = /^cachesweeper; hit; ttl=29\d$/;
    const miss = await told();
    expect(miss).toEqual([
      200,
      'cachesweeper; fwd=uri-miss; stored',
      expect.stringMatching(/^cache;desc="miss";dur=[\d.]+, handler;dur=[\d.]+$/),
      expect.any(String),
    ]);
    const timing = expect.stringMatching(/^cache;desc="hit";dur=[\d.]+$/);
    expect(await told()).toEqual([200, expect.stringMatching(hit), timing, miss[3]]);
    expect(await told({ 'if-none-match': miss[3] })).toEqual([304, expect.stringMatching(hit), timing, miss[3]]);
  });

  test('views, streams and parts come from the cache as they were', async () => {
    const { route, ran } = articleRoute(new Blog());
    const routes: Route[] = [
      route,
      { path: '/stream', handler: (call) => call.stream(streamOf(['a', bytes, 'b'])) },
      { path: '/parts', handler: (call) => call.parts(['a', bytes, 'b']) },
      { path: '/empty', handler: (call) => call.end() },
    ];
    const { site, sweeper } = await running(routes, { http2: true });
    for (const path of ['/articles/7', '/stream', '/parts', '/empty']) {
      const first = await ask(site.url, path);
      await sweeper.idle();
      const second = await ask(site.url, path);
      expect([path, first.headers['x-cache'], second.headers['x-cache']]).toEqual([path, 'miss', 'hit']);
      expect(second.status).toBe(200);
      expect(second.body.equals(first.body)).toBe(true);
      expect(second.headers['content-type']).toBe(first.headers['content-type']);
      const etag = String(second.headers.etag);
      expect(await ask(site.url, path, { 'if-none-match': etag })).toMatchObject({ status: 304, headers: { etag } });
      const head = await ask(site.url, path, { ':method': 'HEAD' });
      expect(head).toMatchObject({ status: 200, headers: { 'x-cache': 'hit', etag } });
      expect(head.body).toHaveLength(0);
    }
    expect(ran).toEqual(['7']);
  });

  test('headers that tell of the cache are those of HTTP/1', async () => {
    const options = { headers: ['Cache-Status', 'Server-Timing'] } as const;
    const { site } = await running([{ path: '/', handler: ({ send }) => send('page'), options }], { http2: true });
    const [miss, hit] = [await ask(site.url, '/'), await ask(site.url, '/')];
    expect(miss.headers['cache-status']).toBe('cachesweeper; fwd=uri-miss; stored');
    expect(hit.headers['cache-status']).toMatch(/^cachesweeper; hit; ttl=29\d$/);
    expect(hit.headers['server-timing']).toMatch(/^cache;desc="hit";dur=/);
  });

  test('a stream that its client gave up is not kept', async () => {
    let runs = 0;
    const { site } = await running(
      [
        {
          path: '/',
          handler: (call) => {
            runs++;
            if (runs > 1) return call.send('whole');
            return call.stream(streamOf(Array.from({ length: 50 }, () => 'x'.repeat(10_000))));
          },
        },
      ],
      { http2: true },
    );
    const client = connect(site.url);
    await new Promise<void>((resolve) => {
      const stream = client.request({ ':path': '/' });
      stream.on('error', () => {});
      stream.once('data', () => stream.close(8));
      stream.on('close', () => resolve());
    });
    client.close();
    expect((await ask(site.url, '/')).body.toString()).toBe('whole');
  });

  test('a host that comes beside the one in the key counts if the handler reads it', async () => {
    const route: Route = {
      path: '/',
      handler: (call) => call.send(`at ${(call.raw as { authority: string }).authority}`),
    };
    const { site } = await running([route], { http2: true });
    for (const host of ['evil.example', 'good.example']) {
      const { body } = await ask(site.url, '/', { ':authority': host, host: 'shop.example' });
      expect(`${body}`).toBe(`at ${host}`);
    }
  });
});
