import type { IncomingMessage, ServerResponse } from 'node:http';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { outside } from './outside.ts';
import { sites } from './running.ts';
import { allFrameworks, type Call, type Handler } from './sites.ts';

type Values = Record<string, unknown>;
const values = (call: Call) => call.request as Values;
const localsOf = (call: Call) => {
  const holder = values(call) as { res?: { locals?: Values }; state?: Values; app?: Values; setUrl?: unknown };
  if (holder.setUrl !== undefined) return holder.app ?? {};
  return holder.state ?? holder.res?.locals ?? {};
};

describe.each(allFrameworks)('%s: what a handler reads is in the key', (name, start) => {
  const running = sites(start, () => ({}));
  const holder = name === 'Koa' ? 'ctx' : name === 'Fastify' || name === 'hapi' ? 'request' : 'req';
  /** Whether the handler itself, or the site, copies all variables for a template. */
  const copies = name === 'Koa' || name === 'hapi';

  describe('headers', () => {
    // What public research has poisoned caches with, and what handlers have chosen pages by.
    test.each([
      'X-Forwarded-Host',
      'X-Forwarded-Proto',
      'X-Forwarded-Prefix',
      'X-Original-URL',
      'X-Rewrite-URL',
      'HX-Request',
      'Turbo-Frame',
      'X-Requested-With',
      'Accept',
      'Accept-Language',
      'User-Agent',
      'Referer',
      'X-User',
      'X-Method-Override',
      'Save-Data',
      'Sec-CH-UA-Mobile',
      'constructor',
    ])('a page that says what %s was is only for those who send the same', async (header) => {
      const { get } = await running([{ path: '/', handler: (call) => call.send(`got ${call.header(header)}`) }]);
      const evil = await get('/', { [header]: 'evil' });
      expect(evil).toMatchObject({ text: 'got evil', cache: 'miss' });
      expect(await get('/', { [header]: 'good' })).toMatchObject({ text: 'got good', cache: 'miss' });
      expect(await get('/', { [header]: 'evil' })).toMatchObject({ text: 'got evil', cache: 'hit' });
      expect(await get('/', { [header]: 'good' })).toMatchObject({ text: 'got good', cache: 'hit' });
      expect((await get('/')).text).not.toMatch(/evil|good/);
    });

    const ways: [string, (headers: Values) => unknown][] = [
      ['in', (headers) => 'x-flag' in headers],
      ['hasOwn', (headers) => Object.hasOwn(headers, 'x-flag')],
      ['a descriptor', (headers) => Object.getOwnPropertyDescriptor(headers, 'x-flag')?.value],
    ];
    test.each(ways)('a page that asks for one with %s', async (_way, read) => {
      const handler: Handler = (call) => call.send(`${read((call.raw as { headers: Values }).headers)}`);
      const { get } = await running([{ path: '/', handler }]);
      const without = await get('/');
      const flagged = await get('/', { 'X-Flag': 'a' });
      expect(flagged.text).not.toBe(without.text);
      expect(await get('/', { 'X-Flag': 'a' })).toMatchObject({ text: flagged.text, cache: 'hit' });
      expect(await get('/', { 'X-Other': 'a' })).toMatchObject({ text: without.text, cache: 'hit' });
    });

    const alls: [string, (raw: { headers: Values; rawHeaders: string[]; headersDistinct: Values }) => unknown][] = [
      ['spreads them', (raw) => ({ ...raw.headers })],
      ['writes them down', (raw) => JSON.stringify(raw.headers)],
      ['takes their names', (raw) => Object.keys(raw.headers)],
      ['takes the raw ones', (raw) => raw.rawHeaders],
      ['takes the distinct ones', (raw) => raw.headersDistinct['x-a']],
      ['prints them', (raw) => inspect(raw.headers)],
      ['prints the request', (raw) => inspect(raw)],
    ];
    test.each(alls)('a page whose handler %s is not stored', async (_way, read) => {
      const handler: Handler = (call) => {
        read(call.raw as never);
        call.send('x');
      };
      const { get } = await running([{ path: '/', handler }]);
      await get('/');
      expect((await get('/')).cache).toMatch(/^miss \(unseen: .*headers/);
    });

    test('conditions are hidden: whoever comes back with an old page fills the cache', async () => {
      let ran = 0;
      const handler: Handler = (call) => {
        ran++;
        const hidden = ['if-none-match', 'if-modified-since', 'range', 'cache-control', 'pragma'];
        call.send(hidden.map((header) => call.header(header) ?? '-').join(''));
      };
      const { get } = await running([{ path: '/', handler }]);
      const first = await get('/', { 'If-None-Match': '"old"', Range: 'bytes=0-1', 'Cache-Control': 'max-age=0' });
      expect(first).toMatchObject({ status: 200, text: '-----', cache: 'miss' });
      expect(await get('/')).toMatchObject({ text: '-----', cache: 'hit' });
      expect(ran).toBe(1);
    });

    test('conditions are hidden among all headers as well, and are there again for code outside', async () => {
      const after: unknown[] = [];
      const all = (raw: IncomingMessage) => JSON.stringify([raw.headers, raw.rawHeaders, raw.headersDistinct]);
      const { get } = await running([
        {
          path: '/',
          handler: (call) => {
            const raw = call.raw as IncomingMessage;
            (call.rawResponse as ServerResponse).once('close', () => after.push(all(raw)));
            call.send(all(raw));
          },
        },
      ]);
      const { text } = await get('/', { 'If-None-Match': '"condition"', 'X-Other': 'shown' });
      expect(text).not.toContain('condition');
      expect(text.match(/shown/g)).toHaveLength(3);
      expect(String(after[0]).match(/condition/g)).toHaveLength(3);
    });

    test('a header that the handler has set is its own', async () => {
      const handler: Handler = (call) => {
        const { headers } = call.raw as IncomingMessage;
        headers['x-made'] = 'inside';
        call.send(`${headers['x-made']}`);
      };
      const { get } = await running([{ path: '/', handler }]);
      await get('/', { 'X-Made': 'a' });
      expect(await get('/', { 'X-Made': 'b' })).toMatchObject({ text: 'inside', cache: 'hit' });
    });

    test.each(['freeze', 'seal', 'preventExtensions'] as const)(
      'headers on which middleware calls Object.%s are hidden as well, and nobody prints them unnoticed',
      async (fix) => {
        const handler: Handler = (call) => {
          const { headers } = call.raw as { headers: Values };
          call.send(`${headers.range ?? '-'}${'if-none-match' in headers}${inspect(headers).includes('zebra')}`);
        };
        const middleware = outside(({ headers }) => void (Object[fix] as (object: object) => unknown)(headers));
        const { get } = await running([{ path: '/', handler }], middleware);
        const asked = () => get('/', { 'If-None-Match': '"old"', Range: 'bytes=0-1', 'X-Animal': 'zebra' });
        for (const _ of [1, 2]) {
          expect(await asked()).toMatchObject({ text: '-falsetrue', cache: 'miss (unseen: all headers)' });
        }
      },
    );

    test('whoever has the page gets 304, on a miss too', async () => {
      const { get, sweeper } = await running([{ path: '/', handler: (call) => call.send('same') }]);
      const { etag } = (await get('/')).headers as { etag: string };
      await sweeper.expireView('/');
      expect(await get('/', { 'If-None-Match': etag })).toMatchObject({ status: 304, text: '', cache: 'miss' });
      expect(await get('/')).toMatchObject({ text: 'same', cache: 'hit' });
    });
  });

  describe('what belongs to a visitor', () => {
    const cookies = (call: Call): string => {
      const own = (call.request as { cookies?: { get?(name: string): string } & Values }).cookies;
      if (own?.get !== undefined) return String(own.get('basket') ?? 'empty');
      return String(own?.basket ?? /basket=(\w+)/.exec(call.header('cookie') ?? '')?.[1] ?? 'empty');
    };

    test('a cookie that the page shows is for its visitor alone, without any list of names', async () => {
      const { get } = await running([
        { path: '/', handler: (call) => call.send(cookies(call)), options: { cookies: [] } },
      ]);
      const mine = { Cookie: 'basket=apples' };
      const first = await get('/', mine);
      expect(first).toMatchObject({ text: 'apples', headers: { 'cache-control': 'private, no-cache' } });
      expect(first.cache).toMatch(/^miss \(personal: (cookies\.basket|headers\.cookie)\)$/);
      expect((await get('/')).text).toBe('empty');
      expect(await get('/')).toMatchObject({ text: 'empty', cache: 'hit' });
      const passed = await get('/', mine);
      expect(passed).toMatchObject({ text: 'apples', cache: 'skip (personal)' });
      expect(passed.headers['cache-control']).toBe('private, no-cache');
    });

    test('a cookie that no handler reads keeps nobody from the cache', async () => {
      const { get } = await running([{ path: '/', handler: (call) => call.send('x'), options: { cookies: [] } }]);
      await get('/', { Cookie: 'mysession=s%3Aabcdefghijklmnopqrstuvwxyz.sig; basket=a' });
      expect(await get('/', { Cookie: '_ga=1' })).toMatchObject({ cache: 'hit' });
    });

    test.each(['user', 'session'])('%s that middleware left', async (what) => {
      const handler: Handler = (call) => {
        const found = values(call)[what] as { name?: string } | undefined;
        call.send(`for ${found?.name}`);
      };
      const { get } = await running(
        [{ path: '/', handler, options: { cookies: [] } }],
        outside(({ request, headers }) => {
          if (headers['x-who'] !== undefined) request[what] = { name: headers['x-who'] };
        }),
      );
      expect(await get('/')).toMatchObject({ text: 'for undefined', cache: 'miss' });
      expect((await get('/', { 'X-Who': 'Ann' })).text).toBe('for Ann');
      expect((await get('/', { 'X-Who': 'Ben' })).text).toBe('for Ben');
      expect(await get('/')).toMatchObject({ text: 'for undefined', cache: 'hit' });
    });

    test('the address of the client', async () => {
      const { get } = await running([
        {
          path: '/',
          handler: (call) =>
            call.send(`${name === 'hapi' ? (values(call).info as Values).remoteAddress : values(call).ip}`),
        },
      ]);
      await get('/');
      expect((await get('/')).cache).toBe('miss (personal: ip)');
    });

    test('the address of the client, taken from the connection', async () => {
      const handler: Handler = (call) =>
        call.send(`${(call.raw as { socket: { remoteAddress: string } }).socket.remoteAddress}`);
      const { get } = await running([{ path: '/', handler }]);
      await get('/');
      expect((await get('/')).cache).toBe('miss (personal: ip)');
    });
  });

  describe('what middleware left', () => {
    const bySetting = outside(({ request, locals: at, headers }) => {
      if (headers['x-lang'] !== undefined) request.lang = at.lang = headers['x-lang'];
      at.theme = 'dark';
    });

    test('plain data that the handler reads is compared', async () => {
      const { get } = await running(
        [{ path: '/', handler: (call) => call.send(`in ${values(call).lang}`) }],
        bySetting,
      );
      for (const lang of ['en', 'de']) {
        expect(await get('/', { 'X-Lang': lang })).toMatchObject({ text: `in ${lang}`, cache: 'miss' });
      }
      for (const lang of ['en', 'de']) {
        expect(await get('/', { 'X-Lang': lang })).toMatchObject({ text: `in ${lang}`, cache: 'hit' });
      }
      expect(await get('/')).toMatchObject({ text: 'in undefined', cache: 'miss' });
    });

    test('what it does not read is not', async () => {
      const { get } = await running([{ path: '/', handler: (call) => call.send('x') }], bySetting);
      await get('/', { 'X-Lang': 'en' });
      expect(await get('/', { 'X-Lang': 'de' })).toMatchObject({ cache: 'hit' });
    });

    test.each([
      ['a function', () => 'translated'],
      ['an instance of an unknown class', new (class Database {})()],
    ])('%s is not stored, and named', async (_what, value) => {
      const handler: Handler = (call) => {
        void values(call).tool;
        call.send('x');
      };
      const set = outside(({ request }) => {
        request.tool = value;
      });
      const { get } = await running(
        [
          { path: '/', handler },
          { path: '/left-out', handler, options: { except: ['tool'] } },
        ],
        set,
      );
      await get('/');
      expect((await get('/')).cache).toBe(`miss (unseen: ${holder}.tool)`);
      await get('/left-out');
      expect((await get('/left-out')).cache).toBe('hit');
    });

    test('a template’s variables are compared as far as it looks them up', async () => {
      const handler: Handler = (call) => call.render('locals.njk', { text: 'Good day' });
      const set = outside(({ locals: at, headers }) => {
        at.lang = headers['x-lang'];
        at.isOffice = false;
        at.theme = headers['x-theme'];
        if (!copies) at.t = () => 'a function that no page uses';
      });
      const { get } = await running([{ path: '/', handler }], set);
      expect(await get('/', { 'X-Lang': 'en' })).toMatchObject({ text: '<p>Good day en</p>\n', cache: 'miss' });
      expect(await get('/', { 'X-Lang': 'de' })).toMatchObject({ text: '<p>Good day de</p>\n', cache: 'miss' });
      expect(await get('/', { 'X-Lang': 'en' })).toMatchObject({ text: '<p>Good day en</p>\n', cache: 'hit' });
      // Koa has no renderer of its own, so that the handler itself copies all variables; under hapi, the site does.
      const themed = await get('/', { 'X-Lang': 'en', 'X-Theme': 'dark' });
      expect(themed.cache).toBe(copies ? 'miss' : 'hit');
    });

    test('a fragment that hits hides nothing of what its body read', async () => {
      const handler: Handler = (call) => call.render('locals-in-fragment.njk');
      const set = outside(({ locals: at, headers }) => {
        at.lang = headers['x-lang'];
      });
      const { get } = await running(
        [
          { path: '/a', handler },
          { path: '/b', handler },
        ],
        set,
      );
      await get('/a', { 'X-Lang': 'en' });
      await get('/b', { 'X-Lang': 'en' });
      expect(await get('/b', { 'X-Lang': 'de' })).toMatchObject({ text: '<p>de</p>\n', cache: 'miss' });
    });

    test('a model is compared by what it is, and its change makes the page fresh', async () => {
      class Shop {
        readonly id: number;
        title = 'Old';
        constructor(id: number) {
          this.id = id;
        }
      }
      const shops = [new Shop(0), new Shop(1)];
      const handler: Handler = (call) => call.send((values(call).shop as Shop).title);
      const { get, sweeper } = await running(
        [{ path: '/', handler }],
        outside(({ request, headers }) => {
          request.shop = shops[Number(headers['x-shop'])];
        }),
      );
      sweeper.register(Shop);
      await get('/', { 'X-Shop': '1' });
      expect(await get('/', { 'X-Shop': '1' })).toMatchObject({ text: 'Old', cache: 'hit' });
      shops[0]!.title = 'Other';
      expect(await get('/', { 'X-Shop': '0' })).toMatchObject({ text: 'Other', cache: 'miss' });
      shops[1]!.title = 'New';
      await sweeper.invalidateCacheFor(shops[1]!);
      expect(await get('/', { 'X-Shop': '1' })).toMatchObject({ text: 'New', cache: 'miss' });
    });

    test('an address with too many forms is not stored any more, and says so', async () => {
      const { get } = await running([{ path: '/', handler: (call) => call.send(`${call.header('x-a')}`) }]);
      for (let i = 0; i < 64; i++) await get('/', { 'X-A': `${i}` });
      expect((await get('/', { 'X-A': '63' })).cache).toBe('hit');
      await get('/', { 'X-A': '64' });
      expect((await get('/', { 'X-A': '64' })).cache).toBe('miss');
    });

    test('the handler’s own variables are its own', async () => {
      const handler: Handler = (call) => {
        values(call).made = 'inside';
        localsOf(call).made = 'inside';
        call.send(`${values(call).made} ${localsOf(call).made}`);
      };
      const { get } = await running(
        [{ path: '/', handler }],
        outside(({ locals: at }) => {
          at.made = () => '';
        }),
      );
      await get('/');
      expect(await get('/')).toMatchObject({ cache: 'hit' });
    });
  });

  describe('the address', () => {
    const show: Handler = (call) => {
      const { url, originalUrl } = values(call) as { url: string; originalUrl: string };
      const raw = call.raw as { url: string };
      call.send(JSON.stringify([url, originalUrl, raw.url, call.query]));
    };

    test('a handler is given the address that is in the key, so that nothing left out can be printed', async () => {
      const { get } = await running([{ path: '/', handler: show }]);
      const first = await get('/?utm_source="><script>&a=1&fbclid=2');
      expect(first.text).not.toMatch(/utm_|script|fbclid/);
      expect(await get('/?a=1')).toMatchObject({ text: first.text, cache: 'hit' });
    });

    test('a request that goes past the cache sees its own', async () => {
      const { get } = await running([{ path: '/', handler: show, options: { skip: () => true } }]);
      expect((await get('/?utm_source=x&a=1')).text).toContain('utm_source=x');
    });

    test('code outside sees the request as it came, when it has been answered', async () => {
      const seen: unknown[] = [];
      const finished = outside(({ request }) => {
        const { req, res } = (name === 'hapi' ? request.raw : request) as Values;
        const raw = (req ?? request.raw ?? request) as { url: string; headers: Values; res?: never };
        const response = (res ?? (request as { server?: unknown }).server) as
          | { once?(event: string, done: () => void): void }
          | undefined;
        response?.once?.('finish', () => seen.push([request.originalUrl ?? raw.url, raw.headers['if-none-match']]));
      });
      const { get } = await running([{ path: '/', handler: (call) => call.send('x') }], finished);
      await get('/?utm_a=1', { 'If-None-Match': '"x"' });
      if (name !== 'Fastify') expect(seen).toEqual([['/?utm_a=1', '"x"']]);
    });

    test('two urls that middleware made of one are two pages', async () => {
      const handler: Handler = (call) =>
        call.send(`for ${name === 'hapi' ? call.path : (call.raw as { url: string }).url}`);
      const { get } = await running(
        [
          { path: '/a', handler },
          { path: '/b', handler },
        ],
        name === 'Fastify'
          ? {}
          : outside(({ request, headers }) => {
              const to = headers['x-to'];
              if (to === undefined) return;
              if (name === 'hapi') (request.setUrl as (to: string) => void)(to);
              else request.url = to;
            }),
      );
      if (name === 'Fastify') return;
      expect((await get('/a', { 'X-To': '/b' })).text).toBe('for /b');
      expect((await get('/a')).text).toBe('for /a');
    });
  });
});
