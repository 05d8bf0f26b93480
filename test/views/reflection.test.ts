import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { inBase64, unescaped as undone } from '../../src/views/http/spellings.ts';
import { sites } from './running.ts';
import { frameworks, type Handler, type Plan, startExpress, streamOf } from './sites.ts';

const without = () => ({});
const SECRET = 'a1/b2+c3=d4&e5"f6<g7';
const COOKIE = { Cookie: `ticket=${encodeURIComponent(SECRET)}` };

const numbered = (write: (code: number) => string) => [...SECRET].map((sign) => write(sign.charCodeAt(0))).join('');
const hex = (code: number, digits: number) => code.toString(16).padStart(digits, '0');
const base64 = (text: string) => Buffer.from(text).toString('base64');

/** How templates, urls, scripts and libraries write a text. */
const spellings: [string, string][] = [
  ['as it is', SECRET],
  ['percent-encoded', encodeURIComponent(SECRET)],
  ['percent-encoded in small letters', encodeURIComponent(SECRET).replace(/%../g, (part) => part.toLowerCase())],
  ['in a query', new URLSearchParams({ next: SECRET }).toString()],
  ['percent-encoded twice', encodeURIComponent(encodeURIComponent(SECRET))],
  ['html', SECRET.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;')],
  ['html, decimal', numbered((code) => `&#${code};`)],
  ['html, hexadecimal', numbered((code) => `&#x${hex(code, 2)};`)],
  [
    'html as handlebars writes it',
    SECRET.replaceAll('=', '&#x3D;').replaceAll('&e', '&amp;e').replaceAll('"', '&quot;'),
  ],
  [
    'html, named',
    SECRET.replaceAll('&', '&amp;').replaceAll('=', '&equals;').replaceAll('+', '&plus;').replaceAll('/', '&sol;'),
  ],
  ['JSON', JSON.stringify({ secret: SECRET })],
  [
    'JSON that is safe in a script',
    JSON.stringify(SECRET)
      .replaceAll('<', '\\u003c')
      .replaceAll('=', '\\u003d')
      .replaceAll('&', '\\u0026')
      .replaceAll('/', '\\/'),
  ],
  ['JavaScript', numbered((code) => `\\x${hex(code, 2)}`)],
  ['JavaScript, in braces', numbered((code) => `\\u{${hex(code, 1)}}`)],
  ['JSON in an attribute', JSON.stringify({ secret: SECRET }).replaceAll('&', '&amp;').replaceAll('"', '&quot;')],
  ['base64', base64(SECRET)],
  ['base64url', Buffer.from(SECRET).toString('base64url')],
  ...['', 'a', 'ab'].map((before): [string, string] => [
    `base64, ${before.length} behind others`,
    encodeURIComponent(base64(`${before}${SECRET}!`)),
  ]),
].filter(([name]) => name !== 'base64 of JSON') as [string, string][];

describe.each(frameworks)('%s: a page that repeats a cookie of its visitor', (_name, start) => {
  const running = sites(start, without);

  test.each(spellings)('%s: is not stored, and for nobody on the way', async (_how, shown) => {
    const { get } = await running([
      {
        path: '/',
        handler: (call) => call.send(`<p>${shown}</p>`),
        options: { cacheControl: 's-maxage=60' },
      },
    ]);
    const own = await get('/', COOKIE);
    expect([own.cache, own.headers['cache-control']]).toEqual(['miss (csrf token)', 'private, no-cache']);
    expect((await get('/', { Cookie: 'ticket=another-ticket-of-somebody' })).cache).toBe('miss');
  });

  test.each(['Link', 'Location', 'X-Ticket'])('in the header %s: the same', async (name) => {
    const handler: Handler = (call) => {
      call.set(name, `/next?ticket=${encodeURIComponent(SECRET)}`);
      call.send('x');
    };
    const { get } = await running([{ path: '/', handler, options: { cacheControl: 's-maxage=60' } }]);
    const own = await get('/', COOKIE);
    expect([own.cache, own.headers['cache-control']]).toEqual(['miss (csrf token)', 'private, no-cache']);
  });

  test('in a stream: is not stored, and for nobody on the way, as is any stream for whoever brings something', async () => {
    const { get, reports } = await running([
      {
        path: '/:what',
        handler: (call) => call.stream(streamOf(['<p>', call.params.what === 'own' ? SECRET : 'news', '</p>'])),
        options: { cacheControl: 's-maxage=60' },
      },
    ]);
    expect((await get('/own', COOKIE)).headers['cache-control']).toBe('private, no-cache');
    expect((await get('/news', COOKIE)).headers['cache-control']).toBe('private, no-cache');
    expect(reports.map(({ reason }) => reason)).toEqual(['csrf token', undefined]);
    expect(await get('/news')).toMatchObject({ cache: 'hit', headers: { 'cache-control': 's-maxage=60' } });
  });

  test('compressed inside the cache: is not stored for whoever brings anything', async () => {
    const handler: Handler = (call) => {
      call.set('Content-Type', 'text/html');
      call.set('Content-Encoding', 'gzip');
      call.send(gzipSync('<p>0123456789abcdef</p>'));
    };
    const { get } = await running([{ path: '/', handler }]);
    const gzip = { 'Accept-Encoding': 'gzip' };
    expect((await get('/', { ...gzip, ...COOKIE })).cache).toBe('miss (csrf token)');
    expect((await get('/', gzip)).cache).toBe('miss');
    expect((await get('/', { ...gzip, Cookie: 'a=1' })).cache).toBe('hit');
  });

  test('a visitor with more cookies than can be searched for is not cached', async () => {
    const { get } = await running([{ path: '/', handler: (call) => call.send('x') }]);
    const many = (count: number) => ({
      Cookie: Array.from({ length: count }, (_, i) => `c${i}=${'0123456789abcdef'}${i}`).join('; '),
    });
    expect((await get('/', many(31))).cache).toBe('miss (csrf token)');
    expect((await get('/', many(30))).cache).toBe('miss');
    expect((await get('/', many(600))).cache).toBe('hit');
  });

  test.each([
    ['the origin that asks', (origin: () => string) => origin(), 'miss'],
    ['every origin', () => '*', 'hit'],
  ])('Access-Control-Allow-Origin for %s', async (_what, allow, second) => {
    const handler: Handler = (call) => {
      call.set(
        'Access-Control-Allow-Origin',
        allow(() => call.header('origin') ?? ''),
      );
      call.send('x');
    };
    const { get } = await running([{ path: '/', handler }]);
    const [evil, good] = ['https://evil.example', 'https://good.example'];
    const first = await get('/', { Origin: evil });
    expect([first.cache, first.headers.vary]).toEqual(['miss', second === 'miss' ? 'Origin' : undefined]);
    expect(await get('/', { Origin: good })).toMatchObject({
      cache: second,
      headers: { 'access-control-allow-origin': allow(() => good) },
    });
    for (const origin of [evil, good]) {
      expect(await get('/', { Origin: origin })).toMatchObject({
        cache: 'hit',
        headers: { 'access-control-allow-origin': allow(() => origin) },
      });
    }
  });
});

describe('Express: what a visitor brings beside cookies', () => {
  const running = sites(startExpress, without);
  const id = 'session-id-of-this-visitor';
  const withSession = (session: object, own: object = {}): Partial<Plan> => ({
    express: (app) => {
      app.use((req, _res, next) => {
        if (req.get('x-own')) Object.assign(req, own, { session });
        next();
      });
    },
  });

  test.each([
    ['the id of the session, on the request', withSession({}, { sessionID: id })],
    ['the id of the session', withSession({ id })],
    ['a token against forgery in the session', withSession({ csrfSecret: id })],
  ])('%s, in base64: not stored', async (_what, plan) => {
    const handler: Handler = (call) => call.send(call.header('x-own') ? base64(`id=${id}`) : 'nobody');
    const { get } = await running([{ path: '/', handler }], plan);
    expect((await get('/', { 'X-Own': '1' })).cache).toBe('miss (csrf token)');
    expect((await get('/')).cache).toBe('miss');
  });

  test('a header that middleware outside sets late with the visitor’s cookie: not stored', async () => {
    const { get, reports } = await running([{ path: '/', handler: (call) => call.send('x') }], {
      express: (app) => {
        app.use((_req, res, next) => {
          const { writeHead } = res;
          res.writeHead = function late(this: typeof res, ...args: never[]) {
            this.setHeader('X-Ticket', SECRET);
            return (writeHead as (...args: never[]) => typeof res).apply(this, args);
          } as typeof res.writeHead;
          next();
        });
      },
    });
    await get('/', COOKIE);
    expect(reports.map(({ reason }) => reason)).toEqual(['csrf token']);
  });
});

describe('spellings', () => {
  const unescaped = (given: string) => undone(Buffer.from(given)).toString();
  const text = fc.string({ unit: 'grapheme-ascii', minLength: 8, maxLength: 40 });

  test('a text is found again in what base64 makes of a longer one', () => {
    fc.assert(
      fc.property(text, fc.string(), fc.string(), (secret, before, after) => {
        for (const coding of ['base64', 'base64url'] as const) {
          const coded = Buffer.from(before + secret + after).toString(coding);
          expect(inBase64(secret).some((form) => coded.includes(form))).toBe(true);
        }
      }),
    );
  });

  test('however a text is escaped, it becomes what it becomes unescaped', () => {
    const ways: ((text: string) => string)[] = [
      encodeURIComponent,
      (plain) => encodeURIComponent(encodeURIComponent(plain)),
      (plain) => JSON.stringify(plain).slice(1, -1),
      (plain) => plain.replace(/[&<>"'`=]/g, (sign) => `&#x${sign.charCodeAt(0).toString(16).toUpperCase()};`),
      (plain) => plain.replace(/[^a-z]/g, (sign) => `&#${sign.charCodeAt(0)};`),
      (plain) => plain.replace(/\W/g, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`),
    ];
    // Without signs that begin escapes: what these become depends on their neighbours.
    const plain = text.map((given) => given.replace(/[&%\\]/g, '-'));
    fc.assert(
      fc.property(plain, fc.constantFrom(...ways), (given, way) => {
        expect(unescaped(way(given))).toContain(unescaped(given));
      }),
    );
  });

  test('what is no escape stays', () => {
    for (const given of [
      '100 %',
      '%zz',
      '&nope;',
      '&#99999999;',
      '&#x110000;',
      'a && b',
      '\\q',
      '\\u12',
      '\\u{12',
      '&',
      '&#',
      '%',
      '%4',
      '\\',
    ]) {
      expect(unescaped(given)).toBe(given);
    }
  });
});
