import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import fastifyCompress from '@fastify/compress';
import compression from 'compression';
import koaCompress from 'koa-compress';
import { describe, expect, test } from 'vitest';
import { sites } from './running.ts';
import { frameworks, type Handler, type Plan, startExpress, startFastify, streamOf } from './sites.ts';

const startKoa = frameworks[2][1];
const text = 'Some words, again and again. '.repeat(300);
const routes = [
  { path: '/', handler: ((call) => call.send(text)) satisfies Handler },
  {
    path: '/parts',
    handler: ((call) => {
      call.set('Content-Type', 'text/html');
      return call.stream(streamOfText());
    }) satisfies Handler,
  },
];

function streamOfText() {
  return streamOf([text.slice(0, 1_000), text.slice(1_000)]);
}

const cases: [string, (plan: Plan) => ReturnType<typeof startExpress>, Partial<Plan>][] = [
  ['Express: outside', startExpress, { express: (app) => void app.use(compression({ threshold: 0 })) }],
  ['Express: inside', startExpress, { expressInside: compression({ threshold: 0 }) }],
  ['Fastify', startFastify, { fastify: (app) => app.register(fastifyCompress, { threshold: 0 }) }],
  ['Koa: outside', startKoa, { koa: (app) => void app.use(koaCompress({ threshold: 0 })) }],
  ['Koa: inside', startKoa, { koaInside: koaCompress({ threshold: 0 }) }],
];

describe.each(cases)('compression, %s', (_name, start, plan) => {
  const running = sites(start, () => ({}));
  const decoded = (body: Buffer, coding: string | undefined) => {
    if (coding === 'gzip') return gunzipSync(body).toString();
    if (coding === 'br') return brotliDecompressSync(body).toString();
    return body.toString();
  };

  test.each(['/', '/parts'])('%s: every client gets a coding that it takes, miss and hit', async (path) => {
    const { get } = await running(routes, plan);
    const tags = new Map<string, string>();
    for (let round = 0; round < 2; round++) {
      for (const accepted of ['gzip', 'identity', 'br', '']) {
        const answer = await get(path, accepted === '' ? {} : { 'Accept-Encoding': accepted });
        const coding = answer.headers['content-encoding'];
        expect([accepted, 'identity', undefined]).toContain(coding);
        if (accepted === 'gzip' || accepted === 'br') expect(coding).toBe(accepted);
        expect(decoded(answer.body, coding)).toBe(text);
        if (coding !== undefined) expect(answer.headers.vary?.toLowerCase()).toContain('accept-encoding');
        if (round === 1) {
          expect(answer.cache).toBe('hit');
          tags.set(coding ?? 'identity', answer.headers.etag!);
        }
      }
    }
    // A strong tag names one sequence of bytes.
    expect(new Set(tags.values()).size).toBe(tags.size);
    for (const [coding, etag] of tags) {
      const answer = await get(path, { 'Accept-Encoding': coding, 'If-None-Match': etag });
      expect(answer).toMatchObject({ status: 304, text: '', headers: { etag } });
    }
  });

  test('a client that takes no coding, and comes first, does not take it from the others', async () => {
    const { get } = await running(routes, plan);
    for (let i = 0; i < 2; i++) await get('/');
    for (let i = 0; i < 2; i++) {
      expect((await get('/', { 'Accept-Encoding': 'gzip' })).headers['content-encoding']).toBe('gzip');
    }
  });

  test('HEAD has no body and the same tag', async () => {
    const { get } = await running(routes, plan);
    await get('/', { 'Accept-Encoding': 'identity' });
    const { headers } = await get('/', { 'Accept-Encoding': 'identity' });
    const head = await get('/', { 'Accept-Encoding': 'identity' }, 'HEAD');
    expect(head).toMatchObject({ status: 200, text: '', headers: { etag: headers.etag } });
  });
});
