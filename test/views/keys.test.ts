import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addressOf } from '../../src/views/http/address.ts';
import { validatorMet } from '../../src/views/http/conditional.ts';
import { sites } from './running.ts';
import { frameworks, type Handler } from './sites.ts';

describe.each(frameworks)('%s: what tells one view from another', (_name, start) => {
  const running = sites(start, () => ({}));
  const echo: Handler = (call) => call.send(`${call.path} ${JSON.stringify(call.query)} ${call.header('host')}`);

  test('the query as it was sent, without what tracks visitors', async () => {
    const { get } = await running([{ path: '/', handler: echo }]);
    const first = await get('/?b=2&a=1');
    for (const query of ['utm_source=x&b=2&a=1&UTM_Medium=y', 'b=2&gclid=1&a=1&fbclid=2']) {
      expect(await get(`/?${query}`)).toMatchObject({ cache: 'hit', text: first.text });
    }
    for (const query of ['a=1&b=2', 'a=1', 'a=1&b=3', 'a=2&b=1', 'a=1&b=2&a=1', '']) {
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
    const first = await get('/?page=2&sort=up');
    expect(first.text).toBe((await get('/?page=2')).text);
    expect(await get('/?sort=down&page=2')).toMatchObject({ cache: 'hit', text: first.text });
    expect(await get('/?page=3')).toMatchObject({ cache: 'miss' });
  });

  test('the host, unless it is ignored', async () => {
    const { get } = await running([
      { path: '/hosts', handler: echo },
      { path: '/all', handler: (call) => call.send('for all'), options: { ignoreHost: true } },
      { path: '/shown', handler: echo, options: { ignoreHost: true } },
    ]);
    for (const path of ['/hosts', '/all', '/shown']) await get(path, { Host: 'one.example' });
    expect(await get('/hosts', { Host: 'one.example' })).toMatchObject({ cache: 'hit' });
    expect(await get('/hosts', { Host: 'two.example' })).toMatchObject({
      cache: 'miss',
      text: expect.stringContaining('two'),
    });
    expect(await get('/all', { Host: 'two.example' })).toMatchObject({ cache: 'hit' });
    expect(await get('/shown', { Host: 'one.example' })).not.toMatchObject({ cache: 'hit' });
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
    const { get } = await running([
      { path: '/', handler, options: { vary: vary as (request: never) => unknown[], except: ['headers.cookie'] } },
    ]);
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

const parts = { protocol: 'http', host: 'site.example', incoming: { headers: { host: 'site.example' } } };
const options = { ignoreHost: false, query: undefined };
const addressAt = (target: string, query?: readonly string[]) =>
  addressOf({ ...parts, urls: [target] }, { ...options, query });
const query = (search: string) => addressAt(`/?${search}`)?.query;

describe('a view’s address', () => {
  const name = fc.constantFrom('a', 'b', 'c[]', 'utm_x', 'gclid', 'page');
  const pairs = fc.array(fc.tuple(name, fc.constantFrom('1', '2', '')), { maxLength: 8 });
  const text = (all: readonly (readonly [string, string])[]) => all.map(([own, value]) => `${own}=${value}`).join('&');

  test('it says what counts, as it was sent', () => {
    fc.assert(
      fc.property(pairs, (all) => {
        const kept = all.filter(([own]) => !['utm_x', 'gclid'].includes(own));
        expect(query(text(all))).toBe(kept.length === 0 && all.length > 0 ? '' : `?${text(kept)}`);
      }),
    );
  });

  test('what is listed stands in the order of the list, and one name’s values in their own', () => {
    fc.assert(
      fc.property(pairs, (all) => {
        const listed = (own: string) => all.filter((pair) => pair[0] === own);
        const kept = text([...listed('page'), ...listed('c[]'), ...listed('a')]);
        expect(addressAt(`/?${text(all)}`, ['page', 'c', 'a'])?.query).toBe(kept === '' ? '' : `?${kept}`);
      }),
    );
  });

  test('a name is found through its encoding, and what cannot be decoded is kept', () => {
    expect(query('%75tm_source=x&a=1')).toBe('?a=1');
    expect(query('%zz=1')).toBe('?%zz=1');
  });

  test.each([
    '*',
    'http://other.example/',
    '',
    'x',
    '/x#y',
    '/?[page]=9',
    '/?%5Bpage%5D=9',
    '/?utm_x;page=2',
    `/?${'utm_&'.repeat(100)}page=2`,
    '/?utm_%22=1',
  ])('what parsers may disagree about is no address: %s', (target) => {
    expect(addressAt(target)).toBeUndefined();
  });

  test('scheme and host are parts of it, both as a proxy says and as the client does', () => {
    const incoming = { headers: { host: 'inner:8080' } };
    expect(addressOf({ protocol: 'https', host: 'A.b:8443', urls: ['/x?y', '/y'], incoming }, options)).toMatchObject({
      host: 'https://A.b:8443 inner:8080',
      path: '/x',
      query: '?y',
      urls: ['/x?y', '/y'],
    });
    expect(
      addressOf({ protocol: 'https', host: 'A.b', urls: ['/'], incoming }, { ...options, ignoreHost: true })?.host,
    ).toBe('https://');
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
