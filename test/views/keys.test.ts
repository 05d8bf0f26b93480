import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addressOf } from '../../src/views/http/address.ts';
import { validatorMet } from '../../src/views/http/conditional.ts';
import { sites } from './running.ts';
import { frameworks, type Handler } from './sites.ts';

describe.each(frameworks)('%s: what tells one view from another', (_name, start) => {
  const running = sites(start, () => ({}));
  const echo: Handler = (call) => call.send(`${call.path} ${JSON.stringify(call.query)} ${call.header('host')}`);

  test('the query: sorted, without what tracks visitors', async () => {
    const { get } = await running([{ path: '/', handler: echo }]);
    const first = await get('/?b=2&a=1');
    for (const query of ['a=1&b=2', 'utm_source=x&a=1&UTM_Medium=y&b=2', 'b=2&gclid=1&a=1&fbclid=2', '&a=1&&b=2&']) {
      expect(await get(`/?${query}`)).toMatchObject({ cache: 'hit', text: first.text });
    }
    for (const query of ['a=1', 'a=1&b=3', 'a=2&b=1', 'a=1&b=2&a=1', '']) {
      expect(await get(`/?${query}`)).toMatchObject({ cache: 'miss' });
    }
  });

  test('repeated parameters keep their order', async () => {
    const { get } = await running([{ path: '/', handler: echo }]);
    const first = await get('/?tag=a&tag=b');
    const second = await get('/?tag=b&tag=a');
    expect(second.cache).toBe('miss');
    expect(second.text).not.toBe(first.text);
  });

  test('an allow-list of parameters: the others change nothing', async () => {
    const { get } = await running([{ path: '/', handler: echo, options: { query: ['page'] } }]);
    await get('/?page=2&sort=up');
    expect(await get('/?sort=down&page=2')).toMatchObject({ cache: 'hit' });
    expect(await get('/?page=3')).toMatchObject({ cache: 'miss' });
  });

  test('the host, unless it is ignored', async () => {
    const { get } = await running([
      { path: '/hosts', handler: echo },
      { path: '/all', handler: echo, options: { ignoreHost: true } },
    ]);
    for (const path of ['/hosts', '/all']) await get(path, { Host: 'one.example' });
    expect(await get('/hosts', { Host: 'ONE.example' })).toMatchObject({ cache: 'hit' });
    expect(await get('/hosts', { Host: 'two.example' })).toMatchObject({
      cache: 'miss',
      text: expect.stringContaining('two'),
    });
    expect(await get('/all', { Host: 'two.example' })).toMatchObject({ cache: 'hit' });
  });

  test('a host that a proxy is said to have forwarded counts only where the framework trusts it', async () => {
    const { get } = await running([{ path: '/', handler: echo }]);
    await get('/', { 'X-Forwarded-Host': 'evil.example' });
    expect((await get('/')).text).not.toContain('evil');
  });

  test('vary(request)', async () => {
    const vary = (request: { headers: Record<string, string> }) => [
      /lang=(\w+)/.exec(request.headers.cookie ?? '')?.[1],
    ];
    const handler: Handler = (call) => call.send(`in ${/lang=(\w+)/.exec(call.header('cookie') ?? '')?.[1]}`);
    const { get } = await running([{ path: '/', handler, options: { vary: vary as (request: never) => unknown[] } }]);
    for (const language of ['en', 'de', 'en', 'de']) {
      expect((await get('/', { Cookie: `lang=${language}; x=${Math.random()}` })).text).toBe(`in ${language}`);
    }
    expect(await get('/', { Cookie: 'lang=de' })).toMatchObject({ cache: 'hit', text: 'in de' });
  });

  test('the request headers that the response’s Vary names', async () => {
    const handler: Handler = (call) => {
      call.set('Vary', 'Accept-Language, X-Theme');
      call.send(`${call.header('accept-language')} ${call.header('x-theme')}`);
    };
    const { get } = await running([{ path: '/', handler }]);
    const asked: Record<string, string>[] = [
      { 'Accept-Language': 'en', 'X-Theme': 'dark' },
      { 'Accept-Language': 'de', 'X-Theme': 'dark' },
      { 'Accept-Language': 'de' },
      {},
    ];
    for (const cache of ['miss', 'hit']) {
      for (const headers of asked) {
        expect(await get('/', headers)).toMatchObject({
          cache,
          text: `${headers['Accept-Language']} ${headers['X-Theme']}`,
          headers: { vary: 'Accept-Language, X-Theme' },
        });
      }
    }
  });

  test('a Vary that comes only sometimes: all headers that were ever named count', async () => {
    const handler: Handler = (call) => {
      const language = call.header('accept-language');
      call.set('Vary', language === 'de' ? 'Accept-Language, X-Theme' : 'Accept-Language');
      call.send(`${language} ${language === 'de' ? call.header('x-theme') : ''}`);
    };
    const { get } = await running([{ path: '/', handler }]);
    for (let round = 0; round < 3; round++) {
      for (const theme of ['dark', 'light']) {
        for (const language of ['en', 'de']) {
          const { text } = await get('/', { 'Accept-Language': language, 'X-Theme': theme });
          expect(text).toBe(`${language} ${language === 'de' ? theme : ''}`);
        }
      }
    }
  });

  test('methods other than GET and HEAD, and requests with a body, pass by', async () => {
    const { get, site } = await running([{ path: '/', handler: (call) => call.send('x') }]);
    await get('/');
    const answer = await fetch(site.url, { method: 'POST', body: 'x' });
    expect(answer.headers.get('x-cache')).not.toBe('hit');
    await answer.text();
  });
});

const parts = { protocol: 'http', host: 'site.example' };
const options = { ignoreHost: false, query: undefined };
const query = (search: string) => addressOf({ ...parts, target: `/?${search}` }, options)?.query;

describe('a view’s address', () => {
  test('two queries are one exactly when they have the same pairs, in the same order for each name', () => {
    const pair = fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.constantFrom('1', '2', ''));
    const text = (pairs: [string, string][]) => pairs.map(([name, value]) => `${name}=${value}`).join('&');
    const byName = (pairs: [string, string][]) =>
      ['a', 'b', 'c', 'd'].map((name) => pairs.filter(([own]) => own === name).map(([, value]) => value));
    fc.assert(
      fc.property(fc.array(pair, { maxLength: 6 }), fc.array(pair, { maxLength: 6 }), (one, two) => {
        expect(query(text(one)) === query(text(two))).toBe(JSON.stringify(byName(one)) === JSON.stringify(byName(two)));
      }),
    );
    fc.assert(
      fc.property(fc.array(pair, { maxLength: 8 }), (pairs) => {
        const sorted = [...pairs].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
        expect(query(text(pairs))).toBe(query(text(sorted)));
      }),
    );
  });

  test('a list in brackets stays in order with its plain name', () => {
    expect(query('a=1&a[]=2')).not.toBe(query('a[]=2&a=1'));
    expect(query('a[x]=1&b=2')).toBe(query('b=2&a[x]=1'));
  });

  test('a name is found through its encoding, and what cannot be decoded is kept', () => {
    expect(query('%75tm_source=x&a=1')).toBe('a=1');
    expect(query('%zz=1')).toBe('%zz=1');
  });

  test('what is no path of this site is no view', () => {
    for (const target of ['*', 'http://other.example/', '', 'x']) {
      expect(addressOf({ ...parts, target }, options)).toBeUndefined();
    }
  });

  test('scheme and host are parts of it, the fragment is not', () => {
    expect(addressOf({ protocol: 'https', host: 'A.b:8443', target: '/x?y#z' }, options)).toEqual({
      host: 'https://a.b:8443',
      path: '/x',
      query: 'y',
    });
  });
});

describe('validators', () => {
  const met = (tags: string) => validatorMet({ 'if-none-match': tags }, '"abc"', undefined);

  test('the tag of the same page in another content coding is the same page', () => {
    expect(met('"abc.gzip"')).toBe('"abc.gzip"');
    expect(met('"x,y", W/"abc.br"')).toBe('W/"abc.br"');
    for (const tags of ['"abcgzip"', '"abc."', '"abc.GZIP"', '"abc.1"', '"ab"', 'abc', ''])
      expect(met(tags)).toBeUndefined();
  });
});
