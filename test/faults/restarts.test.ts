import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { sized } from '../support/long.ts';
import { everyday, serverKinds, storeAt } from '../support/store-servers.ts';
import { showFigures } from './figures.ts';
import { MARGIN, REPORTS, Site } from './site.ts';
import { Traffic } from './traffic.ts';

const ROUNDS = sized(3, 300, 30);
/** Ending in good order takes Memcached half a second. */
const signals = ['SIGKILL', 'SIGKILL', 'SIGTERM'] as const;

test.each(everyday(serverKinds))(
  `$name, killed, ended and restarted under load ${ROUNDS} times: no page notices, hits are back at once`,
  async (kind) => {
    const server = await kind.start();
    const site = new Site(() => storeAt(server));
    await site.allPages();
    const traffic = new Traffic(site);
    const before = await site.measures.normalService().then(() => site.measures.hitRatio);
    const back: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      await server.kill(signals[round % signals.length]);
      await sleep(Math.random() * 40);
      await server.start();
      back.push(await site.measures.normalService());
      expect(await site.save(site.processes[round % 2]!, site.rows[round % site.rows.length]!)).toBe(true);
    }
    traffic.stopSaving();
    await site.idle();
    await site.measures.normalService();
    const after = site.measures.hitRatio;
    await traffic.stop();
    // Every row as it is now, without a bump that was only tried.
    await site.allPages();
    back.sort((a, b) => a - b);
    const typically = back[Math.floor(back.length / 2)] as number;
    showFigures(`${ROUNDS} restarts of ${kind.name}`, site, {
      before,
      after,
      typically,
      slowest: back.at(-1) as number,
      lost: traffic.lost,
    });

    expect(site.faults).toEqual([]);
    expect(site.measures.latestPage).toBeLessThan(MARGIN);
    expect(site.measures.latestBump).toBeLessThan(MARGIN);
    const { CACHESWEEPER_STORE_UNREACHABLE: outages = 0, ...others } = site.reported;
    expect(others).toEqual({});
    expect(outages).toBeGreaterThan(0);
    expect(outages).toBeLessThanOrEqual(REPORTS * ROUNDS * site.processes.length);
  },
  ROUNDS * 6_000,
);
