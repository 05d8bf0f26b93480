import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { describe, expect, test } from 'vitest';
import { sites } from './running.ts';
import { allFrameworks, type Handler, type Plan, startExpress } from './sites.ts';

const SHARED = 'public, s-maxage=600';

/** Chooses the page by what `choose` returns, and lets a CDN keep it. */
function page(choose: (call: Parameters<Handler>[0]) => unknown): Handler {
  return (call) => {
    call.set('Cache-Control', SHARED);
    call.send(`chosen by ${choose(call)}`);
  };
}

const varyOf = ({ headers }: { headers: IncomingMessage['headers'] }) =>
  (headers.vary ?? '')
    .toLowerCase()
    .split(/, */)
    // hapi names its own coding.
    .filter((name) => name !== '' && name !== 'accept-encoding');

describe.each(allFrameworks)('%s: caches on the way are told what the handler read', (name, start) => {
  const running = sites(start, () => ({}));

  test.each<[string, (call: Parameters<Handler>[0]) => unknown, string[]]>([
    ['a header', (call) => call.header('Accept-Language'), ['accept-language']],
    ['a header that is not there', (call) => call.header('X-Forwarded-Prefix'), ['x-forwarded-prefix']],
    ['two', (call) => [call.header('X-B'), call.header('X-A')], ['x-b', 'x-a']],
    ['the host', (call) => call.header('Host'), []],
    ['a cookie that is not there', (call) => call.header('Cookie'), []],
    ['nothing', () => '', []],
  ])('%s: in Vary of miss, hit and 304', async (_what, choose, names) => {
    const { get } = await running([{ path: '/', handler: page(choose) }]);
    const headers = { 'Accept-Language': 'de', 'X-A': 'a' };
    const [miss, hit] = [await get('/', headers), await get('/', headers)];
    const again = await get('/', { ...headers, 'If-None-Match': String(miss.headers.etag) });
    expect([miss.cache, hit.cache, again.status]).toEqual(['miss', 'hit', 304]);
    for (const answer of [miss, hit, again]) {
      expect(varyOf(answer)).toEqual(names);
      expect(answer.headers['cache-control']).toBe(SHARED);
    }
  });

  test('a Vary of the handler stays, and no name is there twice', async () => {
    const { get } = await running([
      {
        path: '/',
        handler: (call) => {
          call.set('Vary', 'Accept-Language, X-Theme');
          page(({ header }) => `${header('accept-language')} ${header('X-Mode')}`)(call);
        },
      },
    ]);
    for (const cache of ['miss', 'hit']) {
      const answer = await get('/');
      expect([answer.cache, answer.headers.vary]).toEqual([cache, 'Accept-Language, X-Theme, x-mode']);
    }
  });

  test('headers that only a result in the key was made from are named, and are in no key', async () => {
    const { get } = await running(
      [{ path: '/', handler: page(({ request }) => (request as { protocol: string }).protocol) }],
      trusting,
    );
    const [first, second] = [await get('/', { 'X-Forwarded-Proto': 'http' }), await get('/')];
    expect([first.cache, second.cache]).toEqual(['miss', 'hit']);
    // Fastify trusts nobody here, and hapi nobody at all.
    for (const answer of [first, second])
      if (name !== 'Fastify' && name !== 'hapi') expect(varyOf(answer)).toEqual(['x-forwarded-proto']);
  });

  test('headers that `except` leaves out of the key are named: another value stands for them in the key only', async () => {
    const vary = (request: { headers: Record<string, string> }) => [request.headers['accept-language']?.slice(0, 2)];
    const { get } = await running([
      {
        path: '/',
        handler: page((call) => call.header('accept-language')?.slice(0, 2)),
        options: { except: ['headers.accept-language'], vary: vary as (request: never) => unknown[] },
      },
    ]);
    for (const [language, cache] of [
      ['de-AT', 'miss'],
      ['de-CH', 'hit'],
      ['en', 'miss'],
    ] as const) {
      const answer = await get('/', { 'Accept-Language': language });
      expect([answer.cache, varyOf(answer)]).toEqual([cache, ['accept-language']]);
    }
  });

  test('more names than a Vary may have of a handler: stored all the same', async () => {
    const names = Array.from({ length: 20 }, (_, i) => `x-${i}`);
    const { get } = await running([{ path: '/', handler: page((call) => names.map((one) => call.header(one))) }]);
    expect([(await get('/')).cache, (await get('/')).cache]).toEqual(['miss', 'hit']);
  });

  test('what no header can be named is left out', async () => {
    const { get } = await running([{ path: '/', handler: page((call) => call.header('x y\nz')) }]);
    expect(await get('/')).toMatchObject({ status: 200, cache: 'miss' });
    expect(varyOf(await get('/'))).toEqual([]);
  });

  test.each([
    [SHARED, 'private'],
    ['max-age=60', 'private, max-age=60'],
    ['public, max-age=60, s-maxage="600", x="a, public"', 'private, max-age=60, x="a, public"'],
  ])(
    'a stream, whose head goes before all is read, is for browsers only: %s; from the cache it is for all',
    async (said, sent) => {
      const handler: Handler = (call) => {
        call.set('Cache-Control', said);
        call.set('Surrogate-Control', 'max-age=600');
        call.set('Content-Type', 'text/plain');
        call.stream(
          Readable.from(
            (async function* () {
              for (const part of ['a', `b ${call.header('X-Early')}`]) {
                await new Promise((resolve) => setTimeout(resolve, 5));
                yield Buffer.from(part);
              }
              yield Buffer.from(String(call.header('X-Late')));
            })(),
            { objectMode: false },
          ),
        );
      };
      const { get } = await running([{ path: '/', handler }]);
      const miss = await get('/');
      expect(miss).toMatchObject({ text: 'ab undefinedundefined', cache: 'miss', headers: { 'cache-control': sent } });
      expect(miss.headers['surrogate-control']).toBeUndefined();
      const hit = await get('/');
      expect(hit).toMatchObject({ text: 'ab undefinedundefined', cache: 'hit', headers: { 'cache-control': said } });
      expect(hit.headers['surrogate-control']).toBe('max-age=600');
      expect(varyOf(miss)).toEqual(['x-early']);
      expect(varyOf(hit)).toEqual(['x-early', 'x-late']);
    },
  );
});

/** Sites behind a proxy that they trust. */
const trusting: Partial<Plan> = {
  express: (app) => void app.set('trust proxy', true),
  koa: (app) => {
    app.proxy = true;
  },
};

describe('what nobody has watched', () => {
  const store: { current: TestingStore } = { current: new TestingStore() };
  const running = sites(startExpress, () => ({ store: store.current }));
  const handler = page((call) => call.header('Accept-Language'));

  test('while the store is away, what the handler reads is named as well', async () => {
    store.current = new TestingStore();
    const { get } = await running([{ path: '/', handler }]);
    store.current.script = () => ({ outcome: 'unknown' });
    const answer = await get('/');
    expect(answer).toMatchObject({ cache: 'miss (unknown token)', headers: { 'cache-control': SHARED } });
    expect(varyOf(answer)).toEqual(['accept-language']);
  });

  test('nor does HEAD of a page that is not cached hide it', async () => {
    store.current = new TestingStore();
    const { get } = await running([{ path: '/', handler }]);
    const answer = await get('/', {}, 'HEAD');
    expect(answer).toMatchObject({ cache: 'miss (head request)', headers: { 'cache-control': SHARED } });
    expect(varyOf(answer)).toEqual(['accept-language']);
  });

  test('a target that parsers read in different ways goes past the cache, and to browsers only', async () => {
    store.current = new TestingStore();
    const { get } = await running([{ path: '/', handler }]);
    expect(await get('/?a=1;b=2')).toMatchObject({ cache: 'skip (target)', headers: { 'cache-control': 'private' } });
  });
});
