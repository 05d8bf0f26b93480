import type { MemcachedStats } from 'nunjucks-cachesweeper/memcached';
import type { RedisStats } from 'nunjucks-cachesweeper/redis';
import { expect, test } from 'vitest';
import { isDeep, sized } from '../support/long.ts';
import { everyday, serverKinds, storeAt } from '../support/store-servers.ts';
import { showFigures } from './figures.ts';
import { type Resources, resources } from './resources.ts';
import { Site } from './site.ts';

const ROUNDS = sized(25, 600);
const WARM_UP = 20;

/** Connections that have failed, as a store counts them. */
const failures: Readonly<Record<string, (stats: object | undefined) => number>> = {
  Memcached: (stats) => Object.values((stats as MemcachedStats).servers).reduce((sum, each) => sum + each.failures, 0),
  Redis: (stats) => (stats as RedisStats).tokens.failures,
};

// Hundreds of reconnections tell something, which CI has the time for.
test.runIf(isDeep).each(everyday(serverKinds.filter(({ name }) => name in failures)))(
  `${ROUNDS} reconnections to $name under traffic leave no heap, timers, sockets or listeners behind`,
  async ({ name, start: startServer }) => {
    const server = await startServer();
    const start = await resources(server.port);
    // The memory tier is full before it is measured.
    const site = new Site(() => storeAt(server), { memory: { maxBytes: 100_000 } });
    const round = async () => {
      await site.allPages();
      await Promise.all(site.processes.map((process) => site.save(process, site.rows[0]!)));
      const pages = site.allPages();
      await server.kill();
      const saves = site.processes.map((process) => site.save(process, site.rows[1]!));
      await pages;
      // Saves wait for a server that may be restarting.
      await server.start();
      await Promise.all(saves);
      await site.idle();
      // Errors are kept by the test alone.
      for (const { errors } of site.processes) errors.length = 0;
    };
    for (let i = 0; i < WARM_UP; i++) await round();
    await site.allPages();
    const before = await resources(server.port);
    for (let i = 0; i < ROUNDS; i++) await round();
    await site.allPages();
    const after = await resources(server.port);
    const failed = site.processes.map(({ sweeper }) => failures[name]?.(sweeper.stats().store) ?? 0);
    await site.close();
    const end = await resources(server.port);
    const kilobytes = Object.entries({ start, before, after, end }).map(([name, { heap }]) => [
      `${name} KB`,
      heap / 1_024,
    ]);
    showFigures(`${ROUNDS} reconnections`, site, {
      ...Object.fromEntries(kilobytes),
      timers: [start, before, after, end].map(({ timers }) => timers).join('→'),
      sockets: [start, before, after, end].map(({ sockets }) => sockets).join('→'),
    });

    expect(site.faults).toEqual([]);
    expect(Math.min(...failed)).toBeGreaterThanOrEqual(ROUNDS);
    // A few connections are held by the last errors that were reported, and no more by later ones.
    const counts = ({ heap: _heap, timers: _timers, ...others }: Resources) => others;
    expect(counts(after)).toEqual(counts(before));
    // Commands under way may have some. Of a leak there would be one for each round.
    expect(after.timers - before.timers).toBeLessThan(ROUNDS / 2);
    expect(after).toMatchObject({ sockets: site.processes.length });
    expect(end).toMatchObject({ timers: start.timers, sockets: 0, listeners: start.listeners });
    // Noise, which more rounds do not make more; what 600 connections hold would be 13 MB.
    expect(after.heap - before.heap).toBeLessThan(1_024 * 1_024);
  },
  ROUNDS * 3_000 + 60_000,
);
