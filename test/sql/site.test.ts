import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { runSite } from '../freshness/site-processes.ts';
import { isDeep, sized } from '../support/long.ts';
import { PostgresServer, using } from './support.ts';

const LEAST = { hits: 200, lost: 10 };
const database = using(PostgresServer.start);

const between = (least: number, most: number) => sleep(least + Math.random() * (most - least));

test.runIf(isDeep)(
  'four processes on a PostgreSQL that is paused, and ends and starts again: no page shows a row older than promised while two of them save',
  async () => {
    const { server } = database();
    const troubles = [
      async () => {
        server.pause();
        await between(50, 1_500);
        server.resume();
      },
      async () => {
        await server.end();
        await between(0, 100);
        await server.start();
      },
    ];
    let times = 0;
    const trouble = async () => {
      await troubles[times++ % troubles.length]?.();
      await between(500, 1_000);
    };
    const url = `postgres://${server.user}@localhost/postgres?host=${server.host}`;
    const store = { url, stop: server.pause, continue: server.resume, clear: async () => {} };
    const orders = { renders: sized(100, 15_000, 200), maxDataAge: 1_000 };
    const report = await runSite(store, orders, trouble, LEAST, 2);
    console.log('PostgreSQL', JSON.stringify({ ...report, violations: report.violations.length }));
    expect(report.violations.slice(0, 10)).toEqual([]);
    for (const [what, count] of Object.entries(LEAST)) expect(report.counted[what], what).toBeGreaterThanOrEqual(count);
  },
  sized(120_000, 3_600_000),
);
