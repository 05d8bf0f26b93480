import { AsyncLocalStorage } from 'node:async_hooks';
import type { IncomingMessage } from 'node:http';
import { describe, expect, test } from 'vitest';
import { outside } from './outside.ts';
import { sites } from './running.ts';
import { allFrameworks, type Call } from './sites.ts';

/** docs/views.md says what cannot be seen, and what to do: each row shows both. */
describe.each(allFrameworks)('%s: what stays unsafe', (name, start) => {
  const running = sites(start, () => ({}));
  const ofVisitor = (call: Call) => (call.raw as IncomingMessage).headers['x-who'];
  const headersOf = (request: unknown) => (request as { headers: Record<string, string> }).headers;
  const byWho = { vary: ((request: unknown) => [headersOf(request)['x-who']]) as never };
  const both = async (
    get: (path: string, headers: Record<string, string>) => Promise<{ text: string }>,
    path: string,
  ) => {
    await get(path, { 'X-Who': 'ann' });
    return (await get(path, { 'X-Who': 'ben' })).text;
  };

  test('state outside of the request, such as a global locale: one page for all, unless vary says it', async () => {
    let locale = '';
    const handler = (call: Call) => call.send(`for ${locale}`);
    const { get } = await running(
      [
        { path: '/unsafe', handler },
        { path: '/safe', handler, options: byWho },
      ],
      outside(({ headers }) => {
        locale = headers['x-who'] ?? 'nobody';
      }),
    );
    expect(await both(get, '/unsafe')).toBe('for ann');
    expect(await both(get, '/safe')).toBe('for ben');
  });

  // hapi's steps do not call each other, so that its middleware has no such thing.
  test.runIf(name !== 'hapi')(
    'an AsyncLocalStorage of others, as row-level security by connection has it',
    async () => {
      const storage = new AsyncLocalStorage<string>();
      const as = (headers: IncomingMessage['headers'], next: () => unknown) =>
        storage.run(String(headers['x-who'] ?? 'nobody'), next);
      const handler = (call: Call) => call.send(`rows of ${storage.getStore()}`);
      const { get } = await running(
        [
          { path: '/unsafe', handler },
          { path: '/safe', handler, options: byWho },
        ],
        {
          express: (app) => void app.use((req, _res, next) => as(req.headers, next)),
          fastify: (app) => {
            const hook = (request: IncomingMessage, _reply: unknown, done: () => void) =>
              void as(request.headers, done);
            app.addHook('onRequest', hook as never);
          },
          koa: (app) => void app.use((ctx, next) => as(ctx.headers, next)),
        },
      );
      expect(await both(get, '/unsafe')).toBe('rows of ann');
      expect(await both(get, '/safe')).toBe('rows of ben');
    },
  );

  test('headers that middleware took before the cache, and keeps where nobody looks', async () => {
    const taken = new WeakMap<object, Record<string, string | undefined>>();
    const rawOf = (request: unknown): object => {
      const { raw, req } = request as { raw?: { req?: object }; req?: object };
      return raw?.req ?? raw ?? req ?? (request as object);
    };
    const handler = (call: Call) => call.send(`for ${taken.get(call.raw)?.['x-who']}`);
    const { get } = await running(
      [
        { path: '/unsafe', handler },
        { path: '/safe', handler, options: byWho },
      ],
      outside(({ request, headers }) => void taken.set(rawOf(request), headers)),
    );
    expect(await both(get, '/unsafe')).toBe('for ann');
    expect(await both(get, '/safe')).toBe('for ben');
  });

  test('what acts without reading acts once for all: a counter, a rate limit, a choice at random', async () => {
    let count = 0;
    const handler = (call: Call) => call.send(`visit ${++count}`);
    const { get } = await running([
      { path: '/once', handler },
      { path: '/each', handler, options: { skip: () => true } },
    ]);
    expect([(await get('/once')).text, (await get('/once')).text]).toEqual(['visit 1', 'visit 1']);
    expect([(await get('/each')).text, (await get('/each')).text]).toEqual(['visit 2', 'visit 3']);
  });

  test('structuredClone refuses the headers; what is spread from them it takes', async () => {
    const handler = (call: Call) => {
      const { headers } = call.raw as IncomingMessage;
      call.send(`${attempt(() => structuredClone(headers))} ${attempt(() => structuredClone({ ...headers }))}`);
    };
    const { get } = await running([{ path: '/', handler }]);
    expect((await get('/')).text).toBe('DataCloneError fine');
  });

  test('a header is no such thing', async () => {
    const { get } = await running([{ path: '/', handler: (call) => call.send(`for ${ofVisitor(call)}`) }]);
    expect(await both(get, '/')).toBe('for ben');
  });
});

function attempt(run: () => unknown): string {
  try {
    run();
    return 'fine';
  } catch (error) {
    return (error as Error).name;
  }
}
