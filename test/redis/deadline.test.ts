import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { Channel } from '../../src/stores/redis/channel.ts';
import type { Argument, Command } from '../../src/stores/redis/clients.ts';
import type { Connection } from '../../src/stores/redis/connection.ts';
import { TokenCommands } from '../../src/stores/redis/token-commands.ts';
import { runs } from '../support/long.ts';

const ID = 'a'.repeat(40);

/** A server whose clock is another, behind a network with a delay each way; it remembers what deadlines it was told. */
class SkewedServer implements Connection {
  readonly isCluster = false;
  readonly deadlines: number[] = [];
  skew: number;
  /** When it was first asked, by `performance.now()`. The caller's deadline is counted from before that. */
  asked: number | undefined;
  readonly #there: number;
  readonly #back: number;

  constructor(skew: number, there: number, back: number) {
    this.skew = skew;
    this.#there = there;
    this.#back = back;
  }

  isReady = () => true;
  renew = () => {};
  close = () => {};

  async send(_key: string, _command: Command, [, count, ...rest]: readonly Argument[]): Promise<unknown> {
    this.asked ??= performance.now();
    await sleep(this.#there);
    const now = Math.floor(performance.now() + this.skew);
    const [id, deadline] = rest.slice(Number(count));
    const isInTime = id === undefined || now < Number(deadline);
    if (id !== undefined) this.deadlines.push(Number(deadline) - this.skew);
    await sleep(this.#back);
    const values = id === undefined ? [null] : [1];
    return isInTime ? [Buffer.from(ID), now, values] : [Buffer.from(ID), now];
  }
}

/** Longer than a busy machine stands still. */
const TIMEOUT = 5_000;
const items = [{ key: 't', value: Buffer.from('x'), ttl: 0 }];

test("no deadline is later than the caller's, on the server's clock, nor earlier than by a round trip", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: -1e12, max: 1e12 }),
      fc.nat(4),
      fc.nat(4),
      fc.integer({ min: -1e6, max: 1e6 }),
      async (skew, there, back, step) => {
        const server = new SkewedServer(skew, there, back);
        const tokens = new TokenCommands(server, new Channel(server, () => {}), '{csw}t:', false);
        for (let i = 0; i < 2; i++) {
          const started = performance.now();
          server.asked = undefined;
          expect(await tokens.write('set', items, TIMEOUT)).toEqual(['written']);
          const asked = server.asked ?? started;
          const took = performance.now() - started;
          for (const deadline of server.deadlines.splice(0)) {
            expect(deadline).toBeLessThanOrEqual(asked + TIMEOUT + 1);
            // The first try after the clock has gone on is early by as much.
            if (i === 0) expect(deadline).toBeGreaterThan(started + TIMEOUT - took - 3);
          }
          // From here on its clock is ahead: the first try is refused, and tells.
          server.skew += Math.abs(step);
        }
      },
    ),
    runs(15, 500, 50),
  );
});

test('a write whose time is over is not sent again', async () => {
  const server = new SkewedServer(0, 60, 0);
  const tokens = new TokenCommands(server, new Channel(server, () => {}), '{csw}t:', false);
  expect(await tokens.write('set', items, 50)).toEqual([undefined]);
  await sleep(80);
  expect(server.deadlines).toEqual([]);
});

test("a server's clock that was set back counts after a second without any answer, too", async () => {
  const server = new SkewedServer(0, 0, 0);
  const tokens = new TokenCommands(server, new Channel(server, () => {}), '{csw}t:', false);
  expect(await tokens.write('set', items, TIMEOUT)).toEqual(['written']);
  server.deadlines.splice(0);
  const real = performance.now.bind(performance);
  vi.spyOn(performance, 'now').mockImplementation(() => real() + 1_000);
  server.skew -= 10_000;
  const started = performance.now();
  expect(await tokens.write('set', items, TIMEOUT)).toEqual(['written']);
  expect(server.deadlines).toHaveLength(1);
  expect(server.deadlines[0]).toBeLessThanOrEqual(started + TIMEOUT + 1);
  vi.restoreAllMocks();
});
