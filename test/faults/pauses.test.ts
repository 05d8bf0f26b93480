import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { sized } from '../support/long.ts';
import { everyday, serverKinds, storeAt } from '../support/store-servers.ts';
import { showFigures } from './figures.ts';
import { until } from './measures.ts';
import { MARGIN, REPORTS, Site } from './site.ts';
import { Traffic } from './traffic.ts';

const PAUSES = sized(3, 150, 15);
/** In turn, an article's comment and itself: together they must fit into one value. */
const SIZES = [100, 900_000, 900_000, 100, 300, 2_000, 60_000, 5_000, 300_000, 400_000, 1_000, 20_000];

test.each(everyday(serverKinds))(
  `$name, paused and resumed at random ${PAUSES} times, values of 100 bytes to 900 KB: every byte is right`,
  async (kind) => {
    const server = await kind.start();
    const site = new Site(() => storeAt(server), { sizes: SIZES, articles: 6, comments: 1 });
    await site.allPages();
    const traffic = new Traffic(site, { pause: 250, pagesPerSave: 60 });
    const before = await site.measures.normalService().then(() => site.measures.hitRatio);
    for (let pause = 0; pause < PAUSES; pause++) {
      await sleep(Math.random() * 300);
      await server.stop();
      // Some are long enough for the server to be taken for gone.
      await sleep(pause % 5 === 4 ? 1_000 + Math.random() * 400 : Math.random() * 400);
      await server.continue();
    }
    await until('a bump', () => traffic.acknowledged > 0);
    traffic.stopSaving();
    const back = await site.measures.normalService();
    await site.idle();
    // And it stays so.
    const after = await site.measures.normalService().then(() => site.measures.hitRatio);
    await traffic.stop();
    await site.allPages();
    showFigures(`${PAUSES} pauses of ${kind.name}`, site, { before, after, back, lost: traffic.lost });

    expect(site.faults).toEqual([]);
    expect(site.measures.latestPage).toBeLessThan(MARGIN);
    expect(site.measures.latestBump).toBeLessThan(MARGIN);
    // Whether a pause is noticed depends on what is asked for in it; nothing else is reported.
    const { CACHESWEEPER_STORE_UNREACHABLE: noticed = 0, ...others } = site.reported;
    expect(others).toEqual({});
    expect(noticed).toBeLessThanOrEqual(REPORTS * PAUSES * site.processes.length);
  },
  PAUSES * 10_000 + 60_000,
);
