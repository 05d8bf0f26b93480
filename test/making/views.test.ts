import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { request, type ServerResponse } from 'node:http';
import type { CacheSweeper } from 'nunjucks-cachesweeper';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { inTurn } from '../support/long.ts';
import { ask } from '../views/client.ts';
import { sites } from '../views/running.ts';
import { frameworks, type Handler, type Route, startExpress } from '../views/sites.ts';
import { gate } from '../waiting/support.ts';

const kinds = {
  'without a store': () => ({}),
  'with a store': () => ({ store: new TestingStore() }),
  'with a store and no memory tier': () => ({ store: new TestingStore(), memory: false as const }),
};

const sweepers: CacheSweeper[] = [];
afterEach(() => {
  for (const sweeper of sweepers.splice(0)) {
    expect(sweeper.stats().making).toMatchObject({ running: 0, waiting: 0 });
  }
});

const runningExpress = sites(startExpress, () => ({}));

describe.each(frameworks)('%s', (name, start) => {
  describe.each(inTurn(Object.entries(kinds), name))('%s', (_kind, kind) => {
    const running = sites(start, kind);

    /** A site whose one handler waits at a gate each time it runs. */
    async function gated(
      finish: (call: Parameters<Handler>[0], run: number) => unknown,
      options: Route['options'] = {},
      own: { readonly wait?: string } = {},
    ) {
      const gates: ReturnType<typeof gate<void>>[] = [];
      const handler: Handler = async (call) => {
        const own = gate<void>();
        const run = gates.push(own);
        await own.promise;
        await finish(call, run);
      };
      const { site, sweeper } = await running([{ path: '/page', handler, options }], {}, { maxDataAge: '1ms', ...own });
      sweepers.push(sweeper);
      const visit = async (headers: Record<string, string> = {}) => {
        const { status, body, headers: sent } = await ask(`${site.url}/page`, { headers });
        return `${status} ${body} ${sent['x-cache']}`;
      };
      const visits = (count: number, headers = {}) => Array.from({ length: count }, () => visit(headers));
      const until = (ran: number, waiting: number) =>
        vi.waitFor(() => expect([gates.length, sweeper.stats().making.waiting]).toEqual([ran, waiting]), 10_000);
      /** A visitor who waits, and who then goes before there is an answer: the server knows when that resolves. */
      const leaving = async () => {
        const arrived = new Promise<ServerResponse>((resolve) => {
          const hear = (message: unknown): void => {
            unsubscribe('http.server.request.start', hear);
            resolve((message as { readonly response: ServerResponse }).response);
          };
          subscribe('http.server.request.start', hear);
        });
        const asked = request(`${site.url}/page`).on('error', () => {});
        asked.end();
        const response = await arrived;
        return async () => {
          const closed = once(response, 'close');
          asked.destroy();
          await closed;
        };
      };
      return { gates, visit, visits, until, leaving, sweeper };
    }

    test('ten requests at once run the handler once, and again once after it has expired', async () => {
      const { gates, visits, until, sweeper } = await gated((call, run) => call.send(`run ${run}`));
      for (const round of [1, 2]) {
        const answers = visits(10);
        await until(round, 9);
        gates[round - 1]?.open();
        const texts = await Promise.all(answers);
        expect(texts.filter((text) => text === `200 run ${round} miss`)).toHaveLength(1);
        expect(texts.filter((text) => text === `200 run ${round} hit`)).toHaveLength(9);
        await sweeper.idle();
        await sweeper.expireView({ path: '/page' });
      }
    });

    test('visitors whose requests differ in what the handler reads get their own, and one of each kind makes it', async () => {
      const { gates, visits, until } = await gated((call) => call.send(String(call.header('x-theme'))));
      const answers = [...visits(3, { 'x-theme': 'dark' }), ...visits(3, { 'x-theme': 'light' })];
      await until(1, 5);
      gates[0]?.open();
      await until(2, 2);
      gates[1]?.open();
      const texts = await Promise.all(answers);
      expect(texts.map((text) => text.split(' ')[1])).toEqual([...Array(3).fill('dark'), ...Array(3).fill('light')]);
      expect(gates).toHaveLength(2);
    });

    test('a handler that fails fails its own request: the next one runs it, the others go on waiting', async () => {
      const { gates, visits, until } = await gated((call, run) => {
        if (run === 1) call.status(500);
        call.send(`run ${run}`);
      });
      const answers = visits(5);
      await until(1, 4);
      gates[0]?.open();
      await until(2, 3);
      gates[1]?.open();
      const texts = (await Promise.all(answers)).map((text) => text.split(' ').slice(0, 3).join(' '));
      expect(texts.filter((text) => text === '500 run 1')).toHaveLength(1);
      expect(texts.filter((text) => text === '200 run 2')).toHaveLength(4);
    });

    test('a visitor who has gone while waiting is not who makes it for the others', async () => {
      const { gates, visits, until, leaving } = await gated(
        async (call, run) => {
          // Whoever was to answer nobody never does.
          if ((call.rawResponse as ServerResponse).destroyed) await new Promise(() => {});
          if (run === 1) call.status(500);
          call.send(`run ${run}`);
        },
        {},
        { wait: '60s' },
      );
      const failing = visits(1);
      await until(1, 0);
      const leave = await leaving();
      await until(1, 1);
      const answers = visits(2);
      await until(1, 3);
      await leave();
      gates[0]?.open();
      await failing;
      await vi.waitFor(() => {
        for (const own of gates) own.open();
        expect(gates.length).toBeGreaterThan(1);
      }, 10_000);
      const opening = setInterval(() => gates.forEach((own) => void own.open()), 5);
      for (const text of await Promise.all(answers)) expect(text).toMatch(/^200 run [234]/);
      clearInterval(opening);
    });

    test('what cannot be stored is made by all of them at once', async () => {
      const { gates, visits, until } = await gated((call, run) => {
        call.set('Set-Cookie', `run=${run}`);
        call.send(`run ${run}`);
      });
      const answers = visits(5);
      await until(1, 4);
      gates[0]?.open();
      await until(5, 0);
      for (const one of gates) one.open();
      expect(new Set(await Promise.all(answers))).toHaveLength(5);
      // Nobody waits for it the next time.
      const again = visits(3);
      await until(8, 0);
      for (const one of gates) one.open();
      await Promise.all(again);
    });
  });

  const running = sites(start, () => ({}));

  test('of two processes on one store one runs the handler', async () => {
    const store = new TestingStore();
    const own = gate<void>();
    const ran: number[] = [];
    const processes: Awaited<ReturnType<typeof running>>[] = [];
    for (const process of [1, 2]) {
      const handler: Handler = async (call) => {
        ran.push(process);
        await own.promise;
        call.send(`of ${ran[0]}`);
      };
      const options = { store: new TestingStore({ shared: store }), maxDataAge: '1ms' };
      processes.push(await running([{ path: '/page', handler }], {}, options));
    }
    const visits = processes.flatMap(({ site }) =>
      [1, 2, 3].map(async () => (await ask(`${site.url}/page`, { headers: { host: 'site.example' } })).body.toString()),
    );
    const waiting = () => processes.reduce((sum, { sweeper }) => sum + sweeper.stats().making.waiting, 0);
    await vi.waitFor(() => expect([ran.length, waiting()]).toEqual([1, 5]), 10_000);
    own.open();
    expect(new Set(await Promise.all(visits))).toEqual(new Set([`of ${ran[0]}`]));
    expect(ran).toHaveLength(1);
  });

  test('no lease is asked for what could not be kept lately', async () => {
    const store = new TestingStore();
    const handler: Handler = (call) => {
      call.set('Set-Cookie', 'a=b');
      call.send('page');
    };
    const { get } = await running([{ path: '/page', handler }], {}, { store, maxDataAge: '1ms' });
    const leases = () => store.operations.splice(0).filter(({ keys }) => keys.some((key) => key.includes(':lease:')));
    await get('/page');
    expect(leases().map(({ method }) => method)).toEqual(['addMany', 'setMany']);
    await get('/page');
    expect(leases()).toEqual([]);
  });
});

test.each(Object.entries(kinds))('nobody waits for a request of which no view can be made, %s', async (_kind, kind) => {
  const broken = (request: object) =>
    Object.defineProperty(request, 'basket', {
      enumerable: true,
      get: () => {
        throw new Error('no basket');
      },
    });
  const { get, sweeper, errors } = await runningExpress(
    [{ path: '/page', handler: (call) => call.send('page') }],
    {
      express: (app) => {
        app.use((request, _response, next) => {
          if (request.headers['x-broken'] !== undefined) broken(request);
          next();
        });
      },
    },
    { ...kind(), wait: '1h' },
  );
  sweepers.push(sweeper);
  for (const _ of [1, 2]) {
    expect(await get('/page', { 'X-Broken': 'yes' })).toMatchObject({ text: 'page', cache: 'skip (error)' });
    expect(errors.splice(0)).toMatchObject([{ message: 'no basket' }]);
  }
});
