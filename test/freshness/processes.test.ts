import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { MemcachedStore } from 'nunjucks-cachesweeper/memcached';
import { describe, expect, test } from 'vitest';
import { isDeep, sized } from '../support/long.ts';
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

/**
 * Fewer than these, and the run has shown nothing. Counts: a share of hits is smaller on a slow machine, where more is saved between two
 * pages.
 */
const LEAST = { hits: 200, races: 1, provisional: 20 };

interface Variant {
  readonly title: string;
  readonly trouble: Trouble;
  /** Tokens that must get lost. */
  readonly lost: number;
  readonly server?: readonly string[];
}

const each: readonly Variant[] = [
  { title: 'nothing happens to it', trouble: () => sleep(100), lost: 0 },
  { title: 'it is paused', trouble: pause, lost: 0 },
  { title: 'it is killed and started again', trouble: restart, lost: 10 },
  { title: 'it is flushed', trouble: flush, lost: 10 },
  { title: 'it has too little memory', trouble: flood, lost: 3, server: SMALL },
];

const troubles = [pause, restart, flush, flood];
let times = 0;
/** Every day one start of the processes has to do for all of it, once in turn, then at random; CI starts them for each by itself as well. */
const all: Variant = {
  title: 'all of this happens to it',
  trouble: (server) =>
    (troubles[times++] ?? (troubles[Math.floor(Math.random() * troubles.length)] as Trouble))(server),
  lost: 10,
  server: SMALL,
};

describe.each(isDeep ? [...each, all] : [all])('four processes on one Memcached, two save, $title', (variant) => {
  let report: Report;

  test(
    'no page shows a row older than promised',
    async () => {
      const server = await Memcached.start(...(variant.server ?? []));
      const least = { ...LEAST, lost: variant.lost };
      const orders = { renders: sized(100, 15_000, 200), maxDataAge: 1_000 };
      report = await runSite(server.address, orders, () => variant.trouble(server), least, troubles.length);
      console.log(variant.title, JSON.stringify({ ...report, violations: report.violations.length }));
      expect(report.violations.slice(0, 10)).toEqual([]);
    },
    sized(120_000, 3_600_000),
  );

  test('and the run was worth something', () => {
    const { counts, counted, renders, saves } = report;
    expect(renders).toBeGreaterThanOrEqual(sized(400, 60_000, 800));
    expect(saves).toBeGreaterThanOrEqual(20);
    for (const [what, count] of Object.entries({ ...LEAST, lost: variant.lost })) {
      expect(counted[what], what).toBeGreaterThanOrEqual(count);
    }
    // Pages whose own data was older than an acknowledged bump: what they stored was late.
    expect(counts.own).toBeGreaterThanOrEqual(10);
    expect(counts.late).toBeGreaterThanOrEqual(1);
  });
});
