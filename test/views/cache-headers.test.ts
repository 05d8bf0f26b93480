import type { ServerResponse } from 'node:http';
import fc from 'fast-check';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { describe, expect, test } from 'vitest';
import { CACHE_HEADERS, type Told, tellOfCache } from '../../src/views/http/cache-headers.ts';
import { runs } from '../support/long.ts';
import { outside } from './outside.ts';
import { sites } from './running.ts';
import { allFrameworks, type Handler, streamOf } from './sites.ts';

const HEADERS = { headers: ['Cache-Status', 'Server-Timing'] } as const;
const page: Handler = (call) => call.send('page');
const saying =
  (cacheControl: string): Handler =>
  (call) => {
    call.set('Cache-Control', cacheControl);
    page(call);
  };

/** A member of a list of structured fields: RFC 9651, as far as Cache-Status has it. */
const MEMBER = /^[a-z][\w.-]*(; [a-z]+(=(-?\d{1,15}|[a-z][a-z-]*|"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"))?)*$/;
const statusOf = ({ headers }: { headers: Record<string, unknown> }) => {
  const status = String(headers['cache-status']);
  expect(status).toMatch(MEMBER);
  return status;
};

/** The headers of an answer of which this is told, at second 1. */
function written(told: Told): ReadonlyMap<string, string> {
  const set = new Map<string, string>();
  const response = {
    getHeader: () => undefined,
    setHeader: (name: string, value: string) => set.set(name, value),
  } as unknown as ServerResponse;
  tellOfCache(
    CACHE_HEADERS,
    () => 1_000,
    () => told,
  ).finish?.(response);
  return set;
}

describe.each(allFrameworks)('%s: headers that tell of the cache', (_name, start) => {
  const running = sites(start, () => ({}));

  test('Cache-Status: of a miss, a hit, a 304, HEAD and what is not for the cache', async () => {
    const { get } = await running([{ path: '/', handler: page, options: HEADERS }]);
    const [miss, hit] = [await get('/'), await get('/')];
    expect(statusOf(miss)).toBe('cachesweeper; fwd=uri-miss; stored');
    expect(statusOf(hit)).toMatch(/^cachesweeper; hit; ttl=29\d$/);
    const again = await get('/', { 'If-None-Match': String(hit.headers.etag) });
    expect([again.status, statusOf(again)]).toEqual([304, expect.stringMatching(/^cachesweeper; hit; ttl=29\d$/)]);
    expect(statusOf(await get('/', {}, 'HEAD'))).toMatch(/^cachesweeper; hit; ttl=29\d$/);
    expect(statusOf(await get('/', { Authorization: 'Basic x' }))).toBe(
      'cachesweeper; fwd=bypass; detail="authorization"',
    );
  });

  test('Cache-Status: says why it was made, and why it is not stored', async () => {
    const { get, sweeper } = await running([
      { path: '/', handler: (call) => call.send(`${call.header('X-Theme')}`), options: HEADERS },
      { path: '/no', handler: saying('no-store'), options: HEADERS },
    ]);
    await get('/', { 'X-Theme': 'light' });
    expect(statusOf(await get('/', { 'X-Theme': 'dark' }))).toBe('cachesweeper; fwd=vary-miss; stored');
    await sweeper.expireView('/');
    expect(statusOf(await get('/', { 'X-Theme': 'dark' }))).toBe('cachesweeper; fwd=stale; stored');
    expect(statusOf(await get('/no'))).toBe('cachesweeper; fwd=uri-miss; detail="cache-control"');
  });

  test('Server-Timing: how long looking for the view took, and the handler', async () => {
    const { get } = await running([{ path: '/', handler: page, options: HEADERS }]);
    const timing = async (headers = {}) => (await get('/', headers)).headers['server-timing'];
    expect(await timing()).toMatch(/^cache;desc="miss";dur=[\d.]+, handler;dur=[\d.]+$/);
    expect(await timing()).toMatch(/^cache;desc="hit";dur=[\d.]+$/);
    expect(await timing({ Authorization: 'x' })).toBe('cache;desc="skip (authorization)"');
  });

  test('stand behind what others have said, also as the head is written; a hit repeats no timings', async () => {
    const upstream: Handler = (call) => {
      call.set('Cache-Status', 'cdn; fwd=miss');
      call.set('Server-Timing', 'db;dur=53');
      call.send('page');
    };
    const { get } = await running([{ path: '/', handler: upstream, options: HEADERS }]);
    const [miss, hit, again] = [await get('/'), await get('/'), await get('/')];
    expect(miss.headers['cache-status']).toBe('cdn; fwd=miss, cachesweeper; fwd=uri-miss; stored');
    expect(miss.headers['server-timing']).toMatch(/^db;dur=53, cache;desc="miss"/);
    for (const answer of [hit, again]) {
      expect(answer.headers['cache-status']).toMatch(/^cdn; fwd=miss, cachesweeper; hit; ttl=29\d$/);
      expect(answer.headers['server-timing']).toMatch(/^cache;desc="hit"/);
    }
  });

  test('are of each request, and in no view: another route option, the tag and the body stay what they are', async () => {
    const store = new TestingStore();
    const [told, silent] = [
      await running([{ path: '/', handler: page, options: HEADERS }], {}, { store }),
      await running([{ path: '/', handler: page }], {}, { store: new TestingStore({ shared: store }) }),
    ];
    const miss = await told.get('/');
    const [hit, plain] = [await told.get('/'), await silent.get('/')];
    expect([hit.cache, hit.headers.etag, hit.text]).toEqual(['hit', miss.headers.etag, miss.text]);
    expect(plain.headers).not.toHaveProperty('cache-status');
    expect(plain.headers).not.toHaveProperty('server-timing');
    expect([plain.text, plain.headers.etag]).toEqual([miss.text, miss.headers.etag]);
  });

  test('of a stream say nothing of what is known at its end only', async () => {
    const handler: Handler = (call) => call.stream(streamOf(['a', 'b']));
    const { get } = await running([{ path: '/', handler, options: HEADERS }]);
    expect(statusOf(await get('/'))).toBe('cachesweeper; fwd=uri-miss');
    expect(statusOf(await get('/'))).toMatch(/^cachesweeper; hit/);
  });

  test('do not say that what is larger than maxBytes is stored', async () => {
    const { get } = await running([{ path: '/', handler: page, options: { ...HEADERS, maxBytes: 3 } }]);
    for (const answer of [await get('/'), await get('/')]) {
      expect([answer.cache, statusOf(answer)]).toEqual(['miss', 'cachesweeper; fwd=uri-miss']);
    }
  });

  test('say that the store could not be asked', async () => {
    const store = new TestingStore({ script: ({ kind }) => (kind === 'token' ? { outcome: 'unknown' } : undefined) });
    const { get } = await running([{ path: '/', handler: page, options: HEADERS }], {}, { store });
    expect(statusOf(await get('/'))).toBe('cachesweeper; fwd=miss; detail="unknown token"');
  });

  test('say no reasons where X-Cache says none', async () => {
    const options = { ...HEADERS, debug: false };
    const { get } = await running([{ path: '/', handler: page, options }]);
    const answer = await get('/', { Authorization: 'x' });
    expect([answer.cache, statusOf(answer)]).toEqual(['skip', 'cachesweeper; fwd=bypass']);
    expect(answer.headers['server-timing']).toBe('cache;desc="skip"');
  });

  test('are not there by default', async () => {
    const { get } = await running([{ path: '/', handler: page }]);
    for (const answer of [await get('/'), await get('/'), await get('/', { Authorization: 'x' })]) {
      expect(Object.keys(answer.headers)).not.toContain('cache-status');
      expect(Object.keys(answer.headers)).not.toContain('server-timing');
    }
  });

  test('leave a hit private that brings a cookie', async () => {
    let requests = 0;
    const { get } = await running(
      [{ path: '/', handler: saying('s-maxage=60'), options: HEADERS }],
      outside(({ rawResponse }) => {
        if (++requests > 1) (rawResponse as unknown as ServerResponse).setHeader('Set-Cookie', 'sid=1');
      }),
    );
    await get('/');
    const hit = await get('/');
    expect([hit.cache, hit.headers['cache-control']]).toEqual(['hit', 'private, no-cache']);
    expect(statusOf(hit)).toMatch(/^cachesweeper; hit; ttl=\d+$/);
  });
});

test.each<[Told, status: string, timing: string]>([
  [{ outcome: 'hit', expires: 61_999, lookup: 0.126 }, 'cachesweeper; hit; ttl=60', 'cache;desc="hit";dur=0.13'],
  [
    { outcome: 'hit', expires: 500, detail: 'stale' },
    'cachesweeper; hit; ttl=-1; detail="stale"',
    'cache;desc="hit (stale)"',
  ],
  [{ outcome: 'hit', expires: Number.POSITIVE_INFINITY }, 'cachesweeper; hit', 'cache;desc="hit"'],
  [
    { outcome: 'miss', forward: 'stale', isStored: false, detail: 'a "b" \\ ü', lookup: 1, handler: 2 },
    'cachesweeper; fwd=stale; detail="a \\"b\\" \\\\ ?"',
    'cache;desc="miss (a \\"b\\" \\\\ ?)";dur=1, handler;dur=2',
  ],
])('%o is told as %s', (told, status, timing) => {
  expect(written(told)).toEqual(
    new Map([
      ['Cache-Status', status],
      ['Server-Timing', timing],
    ]),
  );
});

test('whatever is said, a header of it can be sent and read', () => {
  const told: fc.Arbitrary<Told> = fc.record(
    {
      outcome: fc.constantFrom('hit', 'miss', 'skip'),
      forward: fc.constantFrom('bypass', 'method', 'uri-miss', 'vary-miss', 'miss', 'stale'),
      isStored: fc.boolean(),
      expires: fc.oneof(fc.constant(Number.POSITIVE_INFINITY), fc.integer({ min: 0, max: 8.64e15 })),
      detail: fc.string({ unit: 'binary', maxLength: 300 }),
      lookup: fc.double({ min: 0, max: 1e6, noNaN: true }),
      handler: fc.double({ min: 0, max: 1e6, noNaN: true }),
    },
    { requiredKeys: ['outcome'] },
  );
  fc.assert(
    fc.property(told, (what) => {
      const set = written(what);
      expect(set.get('Cache-Status')).toMatch(MEMBER);
      expect(set.get('Server-Timing')).toMatch(
        /^cache;desc="(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"(;dur=[\d.e-]+)?(, handler;dur=[\d.e-]+)?$/,
      );
    }),
    runs(200, 20_000, 2_000),
  );
});
