import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import type { CacheSweeper, CacheSweeperOptions } from 'nunjucks-cachesweeper';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { collectedBytes } from '../../src/views/http/collected-body.ts';
import { ask } from '../views/client.ts';
import { sites } from '../views/running.ts';
import { frameworks, type Handler, type Route } from '../views/sites.ts';
import { gate } from '../waiting/support.ts';

const sweepers: CacheSweeper[] = [];
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const sweeper of sweepers.splice(0)) {
    await vi.waitFor(() => expect(sweeper.stats().making).toMatchObject({ running: 0, waiting: 0 }), 2_000);
  }
  // Nor is anything kept of what was written to those who have left.
  await vi.waitFor(() => expect(collectedBytes()).toBe(0), 2_000);
});

describe.each(frameworks)('%s', (_name, start) => {
  const running = sites(start, () => ({ wait: '60s' }));

  /** A site whose handler waits at a gate each time it runs. Who waits in vain waits for a minute, and the test fails. */
  async function gated(
    finish: (call: Parameters<Handler>[0], run: number, sweeper: CacheSweeper) => unknown,
    options: Route['options'] = {},
    others: readonly Route[] = [],
    given: CacheSweeperOptions = {},
    gates: ReturnType<typeof gate<void>>[] = [],
  ) {
    const handler: Handler = async (call) => {
      const own = gate<void>();
      const run = gates.push(own);
      await own.promise;
      await finish(call, run, sweeper);
    };
    const { site, sweeper } = await running(
      [{ path: '/page', handler, options }, ...others],
      {},
      { maxDataAge: '1ms', ...given },
    );
    sweepers.push(sweeper);
    const visit = async () => {
      const { status, body, headers } = await ask(`${site.url}/page`, { headers: { host: 'site.test' } });
      return `${status} ${body.subarray(0, 10)} ${headers['x-cache']}`;
    };
    const until = (ran: number, waiting: number) =>
      vi.waitFor(() => expect([gates.length, sweeper.stats().making.waiting]).toEqual([ran, waiting]), 10_000);
    /** A client that writes its requests, and reads nothing. */
    const client = (...paths: string[]) => {
      const { hostname, port } = new URL(site.url);
      const socket = connect(Number(port), hostname);
      socket.pause();
      sockets.push(socket);
      socket.write(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: site.test\r\n\r\n`).join(''));
    };
    return { gates, visit, until, client, url: site.url };
  }

  test.each([
    ['a redirect', (call: Parameters<Handler>[0]) => call.redirect('/elsewhere', 302)],
    [
      'what is not found',
      (call: Parameters<Handler>[0]) => {
        call.status(404);
        call.send('no');
      },
    ],
    [
      'what shows a row that its transaction changes',
      (call: Parameters<Handler>[0], _run: number, sweeper: CacheSweeper) =>
        sweeper.transaction(async (transaction) => {
          transaction.invalidateCacheFor({ type: 'Article', id: '1' });
          await call.depend([{ type: 'Article', id: '1' }]);
          call.send('own');
        }),
    ],
  ])('%s is an answer that cannot be kept: all make theirs at once', async (_what, finish) => {
    const { gates, visit, until } = await gated(finish);
    const answers = Array.from({ length: 4 }, visit);
    await until(1, 3);
    gates[0]?.open();
    await until(4, 0);
    for (const one of gates) one.open();
    await Promise.all(answers);
  });

  test('who has left while it waited is followed by the next', async () => {
    const { gates, visit, until, url } = await gated((call, run) => {
      if (run === 1) call.status(500);
      call.send(`run ${run}`);
    });
    const first = visit();
    await until(1, 0);
    const left = request(`${url}/page`, { agent: false, headers: { host: 'site.test' } }).on('error', () => {});
    left.end();
    await until(1, 1);
    const second = visit();
    await until(1, 2);
    const isClosed = new Promise((resolve) => left.once('close', resolve));
    left.destroy();
    await isClosed;
    // The server hears of it later.
    await ask(`${url}/nowhere`);
    gates[0]?.open();
    expect(await first).toContain('500 run 1');
    // A framework may run the handler of a request whose client has left.
    const opening = setInterval(() => {
      for (const one of gates) one.open();
    }, 1);
    expect(await second).toMatch(/200 run [23] miss/);
    clearInterval(opening);
  });

  test('a client that does not read a long answer keeps nobody waiting', async () => {
    const long = 'x'.repeat(8_000_000);
    const { gates, visit, until, client } = await gated((call) => call.send(long), { maxBytes: 10_000_000 });
    client('/page');
    await until(1, 0);
    const other = visit();
    await until(1, 1);
    gates[0]?.open();
    await until(2, 0);
    gates[1]?.open();
    expect(await other).toBe('200 xxxxxxxxxx miss');
  });

  describe('in another process', () => {
    /** Two processes that count their gates together. */
    async function two(finish: Parameters<typeof gated>[0], options: Route['options'] = {}) {
      const shared = new TestingStore();
      const gates: ReturnType<typeof gate<void>>[] = [];
      const process = () => gated(finish, options, [], { store: new TestingStore({ shared }) }, gates);
      return { there: await process(), here: await process(), gates };
    }

    test('a client that does not read a long answer keeps nobody waiting either', async () => {
      const long = 'x'.repeat(8_000_000);
      const { there, here, gates } = await two((call) => call.send(long), { maxBytes: 10_000_000 });
      there.client('/page');
      await there.until(1, 0);
      const other = here.visit();
      await here.until(1, 1);
      gates[0]?.open();
      await here.until(2, 0);
      gates[1]?.open();
      expect(await other).toBe('200 xxxxxxxxxx miss');
    });

    test('nobody waits for a response that goes on after its head', async () => {
      const rest: PassThrough[] = [];
      const { there, here, gates } = await two((call) => {
        const stream = new PassThrough();
        rest.push(stream);
        stream.write('first,');
        call.stream(stream);
      });
      const streaming = there.visit();
      await there.until(1, 0);
      const other = here.visit();
      await here.until(1, 1);
      gates[0]?.open();
      await here.until(2, 0);
      gates[1]?.open();
      await vi.waitFor(() => expect(rest).toHaveLength(2), 10_000);
      for (const stream of rest) stream.end('last');
      expect(await Promise.all([streaming, other])).toEqual(['200 first,last miss', '200 first,last miss']);
    });
  });

  test('nor does a client that waits for another answer first, on the same connection', async () => {
    const slow = gate<void>();
    const { gates, visit, until, client } = await gated((call, run) => call.send(`run ${run}`), {}, [
      { path: '/slow', handler: (call) => slow.promise.then(() => call.send('slow')), options: {} },
    ]);
    client('/slow', '/page');
    await until(1, 0);
    const other = visit();
    await until(1, 1);
    gates[0]?.open();
    await until(2, 0);
    gates[1]?.open();
    expect(await other).toBe('200 run 2 miss');
    slow.open();
  });
});
