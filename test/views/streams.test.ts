import { request } from 'node:http';
import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { CollectedBody, collectedBytes, MAX_COLLECTED } from '../../src/views/http/collected-body.ts';
import { sites } from './running.ts';
import { frameworks } from './sites.ts';

/** Asks for a page and resolves when so many bytes of it have come. */
function begun(url: string, bytes: number, headers: Record<string, string> = {}): Promise<{ leave(): Promise<void> }> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { headers, agent: false }, (response) => {
      let came = 0;
      response.on('error', () => {});
      response.on('data', (chunk: Buffer) => {
        came += chunk.length;
        if (came < bytes) return;
        resolve({ leave: () => new Promise((left) => asked.once('close', left).destroy()) });
      });
    });
    asked.on('error', reject);
    asked.end();
  });
}

describe.each(frameworks)('%s: what a response that goes on keeps in memory', (_name, start) => {
  const running = sites(start, () => ({}));
  const part = Buffer.alloc(10_000, 'x');

  /** Begins some visits of a stream that does not end, and tells what is kept of it. */
  async function keptOf(type: string, set: Readonly<Record<string, string>>, headers: Record<string, string> = {}) {
    const streams: PassThrough[] = [];
    const { site, reports } = await running([
      {
        path: '/',
        handler: (call) => {
          const stream = new PassThrough();
          streams.push(stream);
          call.set('Content-Type', type);
          for (const [name, value] of Object.entries(set)) call.set(name, value);
          call.stream(stream);
          stream.write(part);
          // In the handler's context: what another one writes is not stored in Express.
          setImmediate(() => stream.write(part));
        },
      },
    ]);
    const visits = [];
    for (let i = 0; i < 5; i++) visits.push(await begun(site.url, 2 * part.length, headers));
    const kept = collectedBytes();
    for (const visit of visits) await visit.leave();
    for (const stream of streams) stream.destroy();
    await expect.poll(() => reports.length).toBe(5);
    return { kept, reason: reports[0]?.reason };
  }

  test('nothing of an event stream', async () => {
    expect(await keptOf('text/event-stream; charset=utf-8', {})).toEqual({ kept: 0, reason: 'event stream' });
    expect(await keptOf('multipart/x-mixed-replace; boundary=x', {})).toEqual({ kept: 0, reason: 'event stream' });
  });

  test.each([
    [{ 'Set-Cookie': 'a=1' }, {}, 'set-cookie'],
    [{ 'Cache-Control': 'private' }, {}, 'cache-control'],
    [{}, { 'Cache-Control': 'no-store' }, 'request no-store'],
  ])('nothing where the head already says that it is not stored: %o, asked with %o', async (set, headers, reason) => {
    expect(await keptOf('text/html', set, headers)).toEqual({ kept: 0, reason });
  });

  test('what may be stored is kept, and forgotten when the visitor leaves', async () => {
    const { kept, reason } = await keptOf('text/html', {});
    expect(kept).toBe(10 * part.length);
    expect(reason).toBe('aborted');
    expect(collectedBytes()).toBe(0);
  });
});

test('all responses together collect up to a limit: what is beyond it is not stored', () => {
  const share = MAX_COLLECTED / 4;
  const bodies = Array.from({ length: 6 }, () => new CollectedBody(share));
  for (const body of bodies) body.add(Buffer.alloc(share));
  expect(collectedBytes()).toBe(MAX_COLLECTED);
  expect(bodies.map((body) => body.take()?.length)).toEqual([share, share, share, share, undefined, undefined]);
  expect(bodies.map(({ bytes }) => bytes)).toEqual(Array(6).fill(share));
  expect(collectedBytes()).toBe(0);
});
