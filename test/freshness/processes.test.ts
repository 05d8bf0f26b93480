import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { MemcachedStore } from 'nunjucks-cachesweeper/memcached';
import { describe, expect, test } from 'vitest';
import { isLong, sized } from '../support/long.ts';
import { Memcached } from '../support/memcached.ts';
import { type Report, runSite } from './site-processes.ts';

/** What happens to the Memcached while pages are rendered, again and again. */
type Trouble = (server: Memcached) => Promise<void>;

const between = (least: number, most: number) => sleep(least + Math.random() * (most - least));

const pause: Trouble = async (server) => {
  server.signal('SIGSTOP');
  // Some are longer than a page waits, some than a bump does.
  await between(50, 1_500);
  server.signal('SIGCONT');
  await between(300, 600);
};

const restart: Trouble = async (server) => {
  await server.kill();
  await between(0, 100);
  await server.start();
  await between(500, 1_000);
};

const flush: Trouble = async (server) => {
  await server.command('flush_all');
  await between(100, 400);
};

/** Little memory, and what is used often goes as soon as the rest. */
const SMALL = ['-m', '2', '-o', 'no_lru_maintainer'];

/** Values as large as tokens, so that tokens have to go. */
const flood: Trouble = async (server) => {
  const store = new MemcachedStore(server.address);
  const filler = () => ({
    key: `filler:${randomBytes(9).toString('hex')}`,
    value: randomBytes(20 + Math.floor(Math.random() * 120)),
    ttl: 0,
  });
  for (let i = 0; i < 20; i++) await store.setMany('token', Array.from({ length: 1_000 }, filler), { timeout: 1_000 });
  await store.close();
  await sleep(100);
};

/** Fewer than these, and the run has shown nothing. */
interface Least {
  readonly hitRatio: number;
  readonly lostTokens: number;
}

interface Variant {
  readonly title: string;
  readonly trouble: Trouble;
  readonly least: Least;
  readonly server?: readonly string[];
}

const everyday: readonly Variant[] = [
  { title: 'nothing happens to it', trouble: () => sleep(100), least: { hitRatio: 0.3, lostTokens: 0 } },
  { title: 'it is paused', trouble: pause, least: { hitRatio: 0.1, lostTokens: 0 } },
  { title: 'it is killed and started again', trouble: restart, least: { hitRatio: 0.1, lostTokens: 10 } },
  { title: 'it is flushed', trouble: flush, least: { hitRatio: 0.1, lostTokens: 10 } },
  { title: 'it has too little memory', trouble: flood, least: { hitRatio: 0.1, lostTokens: 3 }, server: SMALL },
];

const troubles = [pause, restart, flush, flood];
const all: Variant = {
  title: 'all of this happens to it',
  trouble: (server) => (troubles[Math.floor(Math.random() * troubles.length)] as Trouble)(server),
  least: { hitRatio: 0.1, lostTokens: 10 },
  server: SMALL,
};

describe.each(isLong ? [...everyday, all] : everyday)(
  'four processes on one Memcached, two save, $title',
  (variant) => {
    let report: Report;

    test(
      'no page shows a row older than promised',
      async () => {
        const server = await Memcached.start(...(variant.server ?? []));
        const orders = { renders: sized(200, 15_000), maxDataAge: 1_000 };
        report = await runSite(server.address, orders, () => variant.trouble(server));
        console.log(variant.title, JSON.stringify({ ...report, violations: report.violations.length }));
        expect(report.violations.slice(0, 10)).toEqual([]);
      },
      sized(120_000, 3_600_000),
    );

    test('and the run was worth something', () => {
      const { counts, counted, renders, saves } = report;
      const { hits = 0, misses = 0, uncached = 0, races = 0, lost = 0, provisional = 0 } = counted;
      expect(renders).toBeGreaterThanOrEqual(sized(800, 60_000));
      expect(saves).toBeGreaterThanOrEqual(20);
      expect(hits / (hits + misses + uncached)).toBeGreaterThan(variant.least.hitRatio);
      expect(lost).toBeGreaterThanOrEqual(variant.least.lostTokens);
      expect(races).toBeGreaterThanOrEqual(1);
      expect(provisional).toBeGreaterThanOrEqual(20);
      // Pages whose own data was older than an acknowledged bump: what they stored was late.
      expect(counts.own).toBeGreaterThanOrEqual(10);
      expect(counts.late).toBeGreaterThanOrEqual(1);
    });
  },
);
