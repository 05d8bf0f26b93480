import { describe, expect, test } from 'vitest';
import { outside } from './outside.ts';
import { sites } from './running.ts';
import { allFrameworks, type Call, type Handler } from './sites.ts';

type Values = Record<string, unknown>;
const values = (call: Call) => call.request as Values;
/** `res.locals`, `reply.locals` or `ctx.state`. */
const localsOf = (call: Call): Values => call.locals as Values;

describe.each(allFrameworks.filter(([name]) => name !== 'hapi'))(
  '%s: what middleware left in unusual ways',
  (name, start) => {
    const running = sites(start, () => ({}));

    /** A page of one visitor, then the page of another: the second is what that visitor would get without a cache. */
    async function expectOwnPages(handler: Handler, leave: Parameters<typeof outside>[0]): Promise<void> {
      const { get } = await running([{ path: '/', handler }], outside(leave));
      for (const who of ['Ann', 'Ben']) expect((await get('/', { 'X-Who': who })).text).toBe(`for ${who}`);
      expect((await get('/')).text).toBe('for nobody');
      expect((await get('/', { 'X-Who': 'Ann' })).text).toBe('for Ann');
    }

    test('a getter among the variables for templates counts by what it returns, in a copy of all of them too', async () => {
      await expectOwnPages(
        (call) => call.send(`for ${{ ...localsOf(call) }.who ?? 'nobody'}`),
        ({ locals, headers }) =>
          void Object.defineProperty(locals, 'who', {
            configurable: true,
            enumerable: true,
            get: () => headers['x-who'],
          }),
      );
    });

    test('a variable that is not enumerable', async () => {
      await expectOwnPages(
        (call) => call.send(`for ${localsOf(call).who ?? 'nobody'}`),
        ({ locals, headers }) => {
          if (headers['x-who'] !== undefined) Object.defineProperty(locals, 'who', { value: headers['x-who'] });
        },
      );
    });

    test('a variable that the others inherit', async () => {
      await expectOwnPages(
        (call) => call.send(`for ${localsOf(call).who ?? 'nobody'}`),
        ({ locals, headers }) => {
          if (headers['x-who'] !== undefined) Object.setPrototypeOf(locals, { who: headers['x-who'] });
        },
      );
    });

    test('a property of the request that is not enumerable', async () => {
      await expectOwnPages(
        (call) => call.send(`for ${values(call).who ?? 'nobody'}`),
        ({ request, headers }) => {
          if (headers['x-who'] !== undefined) Object.defineProperty(request, 'who', { value: headers['x-who'] });
        },
      );
    });

    test('a property of the request that cannot be changed', async () => {
      await expectOwnPages(
        (call) => call.send(`for ${values(call).who ?? 'nobody'}`),
        ({ request, headers }) =>
          void Object.defineProperty(request, 'who', { enumerable: true, value: headers['x-who'] }),
      );
    });

    test('a property of the response', async () => {
      await expectOwnPages(
        (call) => call.send(`for ${(call.response as Values).who ?? 'nobody'}`),
        ({ response, headers }) => {
          if (headers['x-who'] !== undefined) response.who = headers['x-who'];
        },
      );
    });

    test('a property of Node’s response', async () => {
      await expectOwnPages(
        (call) => call.send(`for ${(call.rawResponse as Values).who ?? 'nobody'}`),
        ({ rawResponse, headers }) => {
          if (headers['x-who'] !== undefined) rawResponse.who = headers['x-who'];
        },
      );
    });

    test.each(['app', 'next', 'route', 'res', 'log'])('plain data in the variable %s', async (key) => {
      await expectOwnPages(
        (call) => call.send(`for ${localsOf(call)[key] ?? 'nobody'}`),
        ({ locals, headers }) => {
          locals[key] = headers['x-who'];
        },
      );
    });

    test('a property whose getter fails', async () => {
      const handler: Handler = (call) => {
        try {
          call.send(`for ${values(call).who}`);
        } catch {
          call.send('for nobody');
        }
      };
      await expectOwnPages(
        handler,
        ({ request, headers }) =>
          void Object.defineProperty(request, 'who', {
            configurable: true,
            enumerable: true,
            get() {
              if (headers['x-who'] === undefined) throw new Error('nobody');
              return headers['x-who'];
            },
          }),
      );
    });

    test.each(name.startsWith('Express') ? ['query', 'body'] : ['query', 'params', 'body'])(
      'what middleware added to %s',
      async (part) => {
        const handler: Handler = (call) =>
          call.send(`for ${(values(call)[part] as Values | undefined)?.who ?? 'nobody'}`);
        await expectOwnPages(handler, ({ request, headers }) => {
          if (headers['x-who'] !== undefined) {
            const before = part === 'params' ? {} : (request[part] as object | undefined);
            Object.defineProperty(request, part, {
              configurable: true,
              enumerable: true,
              writable: true,
              value: { ...before, who: headers['x-who'] },
            });
          }
        });
      },
    );

    test('a session beside the framework’s own', async () => {
      const at = (request: Values) => (request.raw ?? (name === 'Koa' ? request.request : request)) as Values;
      await expectOwnPages(
        (call) => call.send(`for ${(at(values(call)).session as Values | undefined)?.nick ?? 'nobody'}`),
        ({ request, headers }) => {
          if (headers['x-who'] !== undefined) at(request).session = { nick: headers['x-who'] };
        },
      );
    });

    test('a cookie that middleware added to those of the visitor', async () => {
      await expectOwnPages(
        (call) => call.send(`for ${(values(call).signedCookies as Values)?.who ?? 'nobody'}`),
        ({ request, headers }) => {
          request.signedCookies = headers['x-who'] === undefined ? {} : { who: headers['x-who'] };
        },
      );
    });

    test('a cookie with the name of a method', async () => {
      await expectOwnPages(
        (call) => call.send(`for ${(values(call).signedCookies as Values)?.constructor ?? 'nobody'}`),
        ({ request, headers }) => {
          request.signedCookies = Object.create(null);
          if (headers['x-who'] !== undefined)
            Object.assign(request.signedCookies as Values, { constructor: headers['x-who'] });
        },
      );
    });

    test('a header with the name of a method', async () => {
      const { get } = await running([{ path: '/', handler: (call) => call.send(`for ${call.header('constructor')}`) }]);
      const nobody = (await get('/')).text;
      expect(nobody).not.toBe('for Ann');
      expect((await get('/', { constructor: 'Ann' })).text).toBe('for Ann');
    });

    const instances: [string, (who: string | undefined) => unknown][] = [
      [
        'a date that knows its zone',
        (who) =>
          new (class Zoned extends Date {
            #who = who;
            override toString() {
              return this.#who ?? 'nobody';
            }
          })(0),
      ],
      ['a map with an owner', (who) => Object.assign(new Map(), { toString: () => who ?? 'nobody', who })],
      [
        'a kind of map',
        (who) =>
          new (class Owned extends Map {
            #who = who;
            override toString() {
              return this.#who ?? 'nobody';
            }
          })(),
      ],
      ['a list with an owner', (who) => Object.defineProperty([], 'toString', { value: () => who ?? 'nobody' })],
      [
        'an object with a hidden owner',
        (who) => Object.defineProperty({}, 'toString', { value: () => who ?? 'nobody' }),
      ],
      ['an object with a symbol', (who) => ({ [Symbol.toPrimitive]: () => who ?? 'nobody' })],
      [
        'an object that answers for any name',
        (who) => new Proxy({}, { get: (_, key) => (key === 'toString' ? () => who ?? 'nobody' : undefined) }),
      ],
      [
        'an object with such an object in it',
        (who) => [new Proxy({}, { get: (_, key) => (key === 'toString' ? () => who ?? 'nobody' : undefined) })],
      ],
      [
        'a date of a library, with a language',
        (who) => {
          class Day {
            readonly lang = who;
            valueOf() {
              return 0;
            }
            toString() {
              return 'day';
            }
            [Symbol.toPrimitive]() {
              return this.lang ?? 'nobody';
            }
          }
          return new Day();
        },
      ],
      ['text with an owner', (who) => Object.assign(new String('x'), { toString: () => who ?? 'nobody' })],
    ];
    test.each(instances)('%s', async (_what, make) => {
      await expectOwnPages(
        (call) => call.send(`for ${values(call).what}`),
        ({ request, headers }) => {
          request.what = make(headers['x-who']);
        },
      );
    });
  },
);
