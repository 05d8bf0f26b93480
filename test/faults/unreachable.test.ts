import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { isDeep, sized } from '../support/long.ts';
import { Stopwatch } from '../support/stopwatch.ts';
import { everyday, serverKinds, storeAt } from '../support/store-servers.ts';
import { faultsOf } from './faults.ts';
import { showFigures } from './figures.ts';
import { until } from './measures.ts';
import { AT_ONCE, MARGIN, REPORTS, Site } from './site.ts';
import { Traffic } from './traffic.ts';

/** How long the server is away, in milliseconds, before it is waited for that this has been found out. */
const AWAY = sized(0, 6_000, 1_500);

const all = ['from the start', 'when all is cached'];
/** Every day one moment for each fault, in turn. */
const cases = everyday(serverKinds)
  .flatMap(faultsOf)
  .map((fault, i) => ({ title: fault.title, fault, moments: isDeep ? all : [all[i % all.length] as string] }));

describe.each(cases)('$title', ({ fault, moments: chosen }) => {
  test.each(chosen)('%s costs hits, and nothing else', { timeout: 60_000 }, async (when) => {
    const server = await fault.start();
    const early = when === 'from the start' ? await fault.begin(server) : undefined;
    const site = new Site(() => storeAt(server));
    if (early === undefined) await site.allPages();
    const traffic = new Traffic(site);
    const before = early === undefined ? await site.measures.normalService().then(() => site.measures.hitRatio) : 0;

    const end = early ?? (await fault.begin(server));
    await sleep(AWAY);
    await until('a lost bump', () => traffic.lost > 0);
    await until('all processes to have found out', () => site.processes.every(({ errors }) => errors.length > 0));
    const during = await site.measures.ratioSoon(AT_ONCE);
    expect(site.bumpsWaiting).toBeGreaterThan(0);

    await end();
    traffic.stopSaving();
    const back = await site.measures.normalService();
    await site.idle();
    expect(site.bumpsWaiting).toBe(0);
    const after = await site.measures.ratioSoon(AT_ONCE);
    // It stays so: on a busy machine one window of pages may fall below, because the store is waited for in vain.
    await site.measures.normalService();
    await traffic.stop();
    expect(await site.save(site.processes[0]!, site.rows[0]!)).toBe(true);
    await site.allPages();
    showFigures(`${fault.title} ${when}`, site, { before, during, after, back, lost: traffic.lost });

    expect(site.faults).toEqual([]);
    expect(during).toBeLessThan(0.1);
    expect(site.measures.latestPage).toBeLessThan(MARGIN);
    expect(site.measures.latestBump).toBeLessThan(MARGIN);
    // Some times in each process, not for every page.
    const { CACHESWEEPER_STORE_UNREACHABLE: told = 0, ...others } = site.reported;
    expect(others).toEqual({});
    expect(told).toBeGreaterThanOrEqual(site.processes.length);
    expect(told).toBeLessThanOrEqual(REPORTS * site.processes.length);
  });

  test('and a bump that first looks at what was recorded: it fails in its second all the same', async () => {
    const server = await fault.start();
    const site = new Site(() => storeAt(server));
    await site.allPages();
    const end = await fault.begin(server);
    const [process] = site.processes;
    const done = site.measures.startBump();
    const bump = process!.sweeper.invalidateCacheFor(site.rows[0], { using: 'version' });
    await expect(bump).rejects.toMatchObject({
      code: 'CACHESWEEPER_BUMP_FAILED',
      names: expect.arrayContaining(['Article:=0', 'Article:*']),
    });
    done();
    expect(site.measures.latestBump).toBeLessThan(MARGIN);
    await end();
    await site.idle();
    expect(site.bumpsWaiting).toBe(0);
  });

  test('and a sweeper that is closed meanwhile: pages and bumps under way end in time', async () => {
    const server = await fault.start();
    const site = new Site(() => storeAt(server));
    await site.allPages();
    const end = await fault.begin(server);
    const row = site.rows[0]!;
    const underWay = Promise.all([site.allPages(), site.save(site.processes[0]!, row)]);
    await sleep(20);
    const watch = new Stopwatch();
    await Promise.all([site.close(), underWay]);
    const took = watch.stop();
    await end();
    expect(site.faults).toEqual([]);
    // The deadlines of what is under way, of a retry, and of one last try of what was lost.
    expect(took).toBeLessThan(3 * 1_000 + MARGIN);
    // What was not delivered is heard.
    expect(site.reported).toMatchObject({ CACHESWEEPER_BUMP_FAILED: 1 });
  });
});
