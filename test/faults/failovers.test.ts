import { setTimeout as sleep } from 'node:timers/promises';
import { Redis as IoRedis } from 'ioredis';
import { type RedisClient, RedisStore } from 'nunjucks-cachesweeper/redis';
import { createClient } from 'redis';
import { afterEach, expect, test } from 'vitest';
import { Front } from '../support/front.ts';
import { sized } from '../support/long.ts';
import { Redis } from '../support/redis.ts';
import { showFigures } from './figures.ts';
import { Site } from './site.ts';
import { Traffic } from './traffic.ts';

const ROUNDS = sized(2, 100, 20);

const ends: (() => unknown)[] = [];
afterEach(() => Promise.all(ends.splice(0).map((end) => end())));

/** The clients of the two processes: one that queues and rejects, and one that sends again. */
const CLIENTS: readonly ((port: number) => RedisClient)[] = [
  (port) => {
    const client = createClient({ url: `redis://127.0.0.1:${port}`, socket: { reconnectStrategy: 20 } });
    client.on('error', () => {});
    client.connect().catch(() => {});
    ends.push(() => client.destroy());
    return client;
  },
  (port) => {
    const client = new IoRedis(port, { retryStrategy: () => 20 });
    client.on('error', () => {});
    ends.push(() => client.disconnect());
    return client;
  },
];

test(
  `a replica takes over from Redis under load ${ROUNDS} times, each time without the last writes: no old row is shown`,
  async () => {
    let master = await Redis.start();
    let replica = await master.startReplica();
    const front = await Front.start(master.port);
    const site = new Site((i) => new RedisStore(CLIENTS[i]!(front.port)));
    await site.allPages();
    const traffic = new Traffic(site, { pagesPerSave: 40 });
    const back: number[] = [];
    let forgotten = 0;
    for (let round = 0; round < ROUNDS; round++) {
      await site.measures.normalService();
      await replica.cutOff();
      // These are acknowledged, and the replica never hears of them.
      for (let i = 0; i < 5; i++) {
        const row = site.rows[(round * 5 + i) % site.rows.length]!;
        if (await site.save(site.processes[i % 2]!, row)) forgotten++;
      }
      await sleep(Math.random() * 40);
      await master.kill();
      await replica.promote();
      front.leadTo(replica.port);
      back.push(await site.measures.normalService());
      await master.start();
      await master.follow(replica);
      [master, replica] = [replica, master];
    }
    traffic.stopSaving();
    await site.idle();
    await site.measures.normalService();
    await traffic.stop();
    // Every row as it is now, without a bump that was only tried.
    await site.allPages();
    back.sort((a, b) => a - b);
    const typically = back[Math.floor(back.length / 2)] as number;
    const { acknowledged, lost } = traffic;
    showFigures(`${ROUNDS} failovers`, site, {
      typically,
      slowest: back.at(-1) as number,
      forgotten,
      acknowledged,
      lost,
    });

    expect(site.faults).toEqual([]);
    expect(forgotten).toBeGreaterThan(ROUNDS);
    const { CACHESWEEPER_STORE_UNREACHABLE: _, ...others } = site.reported;
    expect(others).toEqual({});
  },
  30_000 + ROUNDS * 15_000,
);
