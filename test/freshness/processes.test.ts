import { describe, expect, test } from 'vitest';
import { isDeep, isLong, sized } from '../support/long.ts';
import {
  everyday,
  fileKinds,
  type StoreKind,
  type StoreServer,
  serverKinds,
  storeKinds,
} from '../support/store-servers.ts';
import { type Report, runSite } from './site-processes.ts';
import { nothing, type Trouble, troublesOf, troublesOfServer } from './troubles.ts';

/**
 * Fewer than these, and the run has shown nothing. Counts: a share of hits is smaller on a slow machine, where more is saved between two
 * pages.
 */
const LEAST = { hits: 200, races: 1, provisional: 20 };

interface Variant {
  readonly title: string;
  /** Begins it, and what is then done again and again. */
  readonly begin: () => Promise<{ readonly server: StoreServer; readonly trouble: () => Promise<void> }>;
  /** Tokens that must get lost. */
  readonly lost: number;
  /** How often it is done at least. */
  readonly times: number;
}

/** Mostly one start of the processes has to do for all of it, once in turn, then at random. CI starts them for each by itself as well, on one kind of store. */
function variantsOf<Server extends StoreServer>(
  { name, start, startSmall }: StoreKind<Server>,
  troubles: readonly Trouble<Server>[],
): readonly Variant[] {
  let times = 0;
  const any = () => troubles[times++] ?? (troubles[Math.floor(Math.random() * troubles.length)] as Trouble<Server>);
  const variant = (title: string, lost: number, from = start, next = any, least = 1): Variant => ({
    title: `${name}, and it ${title}`,
    begin: async () => {
      const server = await from();
      return { server, trouble: () => next().make(server) };
    },
    lost,
    times: least,
  });
  const all = variant('has all kinds of trouble', 10, startSmall ?? start, any, troubles.length);
  const isWhole = isLong || (isDeep && name === storeKinds[0]?.name);
  if (!isWhole) return [all];
  const each = [nothing, ...troubles].map((one) => {
    const from = one.isOfSmall ? (startSmall ?? start) : start;
    return variant(one.title, one.lost, from, () => one);
  });
  return [...each, all];
}

const variants = [
  ...serverKinds.map((kind) => variantsOf(kind, troublesOfServer(kind))),
  ...fileKinds.map((kind) => variantsOf(kind, troublesOf(kind))),
];

describe.each(everyday(variants).flat())('four processes on one $title', ({ title, begin, lost, times }) => {
  let report: Report;

  test(
    'no page shows a row older than promised while two of them save',
    async () => {
      const { server, trouble } = await begin();
      const least = { ...LEAST, lost };
      const orders = { renders: sized(100, 15_000, 200), maxDataAge: 1_000 };
      report = await runSite(server, orders, trouble, least, times);
      console.log(title, JSON.stringify({ ...report, violations: report.violations.length }));
      expect(report.violations.slice(0, 10)).toEqual([]);
    },
    sized(120_000, 3_600_000),
  );

  test('and the run was worth something', () => {
    const { counts, counted, renders, saves } = report;
    expect(renders).toBeGreaterThanOrEqual(sized(400, 60_000, 800));
    expect(saves).toBeGreaterThanOrEqual(20);
    for (const [what, count] of Object.entries({ ...LEAST, lost })) {
      expect(counted[what], what).toBeGreaterThanOrEqual(count);
    }
    // Pages whose own data was older than an acknowledged bump: what they stored was late.
    expect(counts.own).toBeGreaterThanOrEqual(10);
    expect(counts.late).toBeGreaterThanOrEqual(1);
  });
});
