import { CacheSweeper } from 'nunjucks-cachesweeper';
import { httpModels } from 'nunjucks-cachesweeper/http';
import { Request as UndiciRequest } from 'undici';
import { expect, test } from 'vitest';

const sweeper = new CacheSweeper();

test.each([
  ['rules', {}],
  ['rules[0]', [undefined]],
  ['rules[0].match', [{}]],
  ['rules[0].match', [{ match: '/articles/:id' }]],
  ['rules[0].match', [{ match: 'https://api.example/articles?page=1' }]],
  ['rules[0].match', [{ match: 'https://api.example/articles/:' }]],
  ['rules[0].match', [{ match: 'ftp://api.example/' }]],
  ['rules[0].model', [{ match: 'https://api.example/', model: 'Article' }]],
  ['rules[0].safe', [{ match: 'https://api.example/', safe: 'POST' }]],
  ['rules[0].ignore', [{ match: 'https://api.example/', ignore: 'yes' }]],
  ['rules[0].credentials', [{ match: 'https://api.example/', credentials: 'mine' }]],
  ['rules[0] models', [{ match: 'https://api.example/', models: () => [] }]],
])('%s is refused that is no rule, and the error says what is one', (what, rules) => {
  expect(() => httpModels(sweeper, rules as never)).toThrow(
    expect.objectContaining({ code: 'CACHESWEEPER_BAD_OPTION', message: expect.stringContaining(what) }),
  );
});

test.each([
  ['strict', { strict: 1 }],
  ['credentials', { credentials: true }],
  ['fetch', { fetch: 'fetch' }],
  ['origin', { origin: 'https://api.example' }],
  ['options', null],
])('the option %s is refused with a wrong value', (what, options) => {
  expect(() => httpModels(sweeper, [], options as never)).toThrow(
    expect.objectContaining({ code: 'CACHESWEEPER_BAD_OPTION', message: expect.stringContaining(what) }),
  );
});

test('fetch takes what the global one takes, of whichever class', async () => {
  const bumped: string[] = [];
  const sweeper = new CacheSweeper({ onBump: (names) => void bumped.push(...names) });
  const { fetch } = httpModels(sweeper, [], { fetch: async () => new Response() });
  const url = 'https://api.example/a';
  const ways = [
    () => fetch(url, { method: 'put' }),
    () => fetch(new URL(url), { method: 'PUT' }),
    () => fetch(new Request(url, { method: 'PUT' })),
    () => fetch(new UndiciRequest(url, { method: 'PUT' }) as unknown as Request),
    () => fetch(new Request(url), { method: 'PUT' }),
  ];
  for (const way of ways) {
    await way();
    expect(bumped.splice(0)).toHaveLength(2);
  }
  await fetch(new Request(url));
  expect(bumped).toEqual([]);
});

test('what is no sweeper is refused', () => {
  expect(() => httpModels({} as never)).toThrow(expect.objectContaining({ code: 'CACHESWEEPER_BAD_OPTION' }));
});

test('written() takes urls of HTTP, and invalidates as a write does', async () => {
  const bumped: string[] = [];
  const http = httpModels(new CacheSweeper({ onBump: (names) => void bumped.push(...names) }), [
    { match: 'https://api.example/articles/:id', model: ({ id }) => ({ type: 'Article', id }) },
  ]);
  await http.written('https://api.example/articles/7?x=1', new URL('https://api.example/tags'));
  expect(bumped.map((name) => name.replace('GET%0020https%003a//api.example:=', '')).sort()).toEqual(
    ['/', '/articles', '/articles/7/**', '/tags/**', 'Article:*', 'Article:=7'].sort(),
  );
  for (const wrong of ['/articles/7', 'ftp://api.example/', 7])
    await expect(http.written(wrong as string)).rejects.toMatchObject({ code: 'CACHESWEEPER_BAD_OPTION' });
});
