import { setTimeout as sleep } from 'node:timers/promises';
import { LOAD } from './database.ts';
import { type Fleet, PROCESSES } from './fleet.ts';
import { type Goal, ONE_LOAD, type Outcome, outcomeOf } from './outcome.ts';
import { SHORT_LIVED, SHORT_TTL } from './sites.ts';

/** What happens to a site while many miss the same; one run may show several things. */
export interface Situation {
  readonly shows: readonly { readonly name: string; readonly goal: Goal; readonly per?: string }[];
  /** Returns an outcome for each of what it shows. */
  run(fleet: Fleet): Promise<readonly Outcome[]>;
}

const ARTICLE = 1;
/** Visitors of situations in which something fails. */
const FEW = 20;
/** The time that a page may wait for the store: the option `timeout` by default. */
const STORE_TIMEOUT = 250;
/** How long a lease outlives its maker, as issue 19 wants it. */
const LEASE = 2_000;

function situation(name: string, goal: Goal, run: (fleet: Fleet) => Promise<Outcome>): Situation {
  return { shows: [{ name, goal }], run: async (fleet) => [await run(fleet)] };
}

/** Visitors at once: of a cold site, after a bump, and when the ttl has passed. */
export function crowd(visitors: number, processes: number): Situation {
  const whose = `${visitors.toLocaleString('en')} visitors at once, ${processes} process${processes === 1 ? '' : 'es'}`;
  const goal = { loads: 1, longest: ONE_LOAD };
  return {
    shows: ['cold', 'after a bump', 'at expiry by ttl'].map((when) => ({ name: `${when}, ${whose}`, goal })),
    run: async (fleet) => {
      const visit = async (article: number): Promise<Outcome> => {
        fleet.loads = 0;
        const visits = await fleet.visit(article, visitors, processes);
        return outcomeOf(fleet.loads, visits);
      };
      await fleet.open();
      const cold = await visit(ARTICLE);
      await fleet.visit(SHORT_LIVED, processes, processes);
      const expired = sleep(SHORT_TTL + 50);
      await fleet.bump(ARTICLE);
      const bumped = await visit(ARTICLE);
      await expired;
      return [cold, bumped, await visit(SHORT_LIVED)];
    },
  };
}

/** Opens a site that everybody has visited, and bumps its article. */
async function bumped(fleet: Fleet): Promise<void> {
  await fleet.open();
  await fleet.visit(ARTICLE, PROCESSES);
  await fleet.bump(ARTICLE);
  fleet.loads = 0;
}

/** Something fails, or cannot be shared, while a few visitors wait. */
export const troubles: readonly Situation[] = [
  situation(
    `the maker's process dies during its load, ${FEW} visitors of the others`,
    { loads: 2, longest: LEASE + ONE_LOAD, errors: 0 },
    async (fleet) => {
      await bumped(fleet);
      const loading = fleet.loading();
      void fleet.one({ do: 'visit', article: ARTICLE, visitors: 1 });
      await loading;
      const visits = fleet.visitOthers(ARTICLE, FEW);
      await sleep(LOAD / 4);
      await fleet.killFirst();
      const met = await visits;
      fleet.startFirst();
      return outcomeOf(fleet.loads, met);
    },
  ),
  situation(
    `the maker's load fails, ${FEW} visitors behind it`,
    { loads: 2, longest: LOAD + ONE_LOAD, errors: 1 },
    async (fleet) => {
      await bumped(fleet);
      await fleet.one({ do: 'fail' });
      const loading = fleet.loading();
      const first = fleet.one({ do: 'visit', article: ARTICLE, visitors: 1 });
      await loading;
      const others = await fleet.visit(ARTICLE, FEW);
      const { waits, errors } = await first;
      const all = { waits: [...waits, ...others.waits], errors: errors + others.errors };
      return outcomeOf(fleet.loads, all);
    },
  ),
  situation(
    `what is made is uncacheable, ${FEW} visitors after as many`,
    { longest: ONE_LOAD, errors: 0 },
    async (fleet) => {
      await fleet.open({ isUncacheable: true });
      await fleet.visit(ARTICLE, FEW);
      fleet.loads = 0;
      const visits = await fleet.visit(ARTICLE, FEW);
      return outcomeOf(fleet.loads, visits);
    },
  ),
  situation(
    `the token server stands still (SIGSTOP) after a bump, ${FEW} visitors`,
    { longest: STORE_TIMEOUT + ONE_LOAD, errors: 0 },
    async (fleet) => {
      await bumped(fleet);
      fleet.server.signal('SIGSTOP');
      const goOn = () => fleet.server.signal('SIGCONT');
      const most = setTimeout(goOn, 1_000);
      try {
        const visits = await fleet.visit(ARTICLE, FEW);
        return outcomeOf(fleet.loads, visits);
      } finally {
        clearTimeout(most);
        goOn();
      }
    },
  ),
];

const STREAM = 3_000;
const COLD = 4_500;
const BETWEEN_BUMPS = 100;

/** Visitors come all the time, to four processes, and what they read is bumped again and again. */
export const storm: Situation = {
  shows: [
    {
      name: 'bump storm: 10 bumps a second for 3 s of what 100 visitors a second read',
      goal: { loads: 1, p99: 1.5 * LOAD },
      per: 'bump',
    },
  ],
  run: async (fleet) => {
    await fleet.open();
    await fleet.visit(ARTICLE, PROCESSES);
    fleet.loads = 0;
    const visits = fleet.all({ do: 'stream', article: ARTICLE, every: 40, duration: STREAM });
    const until = performance.now() + STREAM;
    let bumps = 0;
    for (let next = performance.now(); next < until; next += BETWEEN_BUMPS) {
      await sleep(Math.max(0, next - performance.now()));
      await fleet.bump(ARTICLE);
      bumps++;
    }
    const met = await visits;
    return [outcomeOf(fleet.loads / bumps, met)];
  },
};

/** Visitors come all the time, to four processes. */
export const streams: readonly Situation[] = [
  {
    shows: [
      {
        name: `a ttl of ${SHORT_TTL} ms passes again and again for 3 s, 200 visitors a second`,
        // Who makes early begins before the ttl is over.
        goal: { loads: 1.5, p99: ONE_LOAD },
        per: 'ttl',
      },
    ],
    run: async (fleet) => {
      await fleet.open();
      await fleet.visit(SHORT_LIVED, PROCESSES);
      fleet.loads = 0;
      const met = await fleet.all({ do: 'stream', article: SHORT_LIVED, every: 20, duration: STREAM });
      return [outcomeOf((fleet.loads * SHORT_TTL) / STREAM, met)];
    },
  },
  situation(
    `cold, and the ${COLD / 1_000} s after it, 40 visitors a second`,
    { loads: 1, longest: ONE_LOAD },
    async (fleet) => {
      await fleet.open();
      const met = await fleet.all({ do: 'stream', article: ARTICLE, every: 100, duration: COLD });
      return outcomeOf(fleet.loads, met);
    },
  ),
];

/** What visitors got in some time who ask for one page after the other, while articles are bumped. */
export interface Throughput {
  readonly pages: number;
  readonly loads: number;
}

const ARTICLES = 50;
/** Articles with the usual ttl. */
const FIRST_ARTICLE = 10;

/** @param duration how long it takes, in milliseconds */
export async function throughput(fleet: Fleet, duration: number): Promise<Throughput> {
  fleet.loads = 0;
  const visits = fleet.all({ do: 'loop', first: FIRST_ARTICLE, articles: ARTICLES, visitors: 20, duration });
  const until = performance.now() + duration;
  while (performance.now() < until) {
    await fleet.bump(FIRST_ARTICLE + Math.floor(Math.random() * ARTICLES));
    await sleep(BETWEEN_BUMPS);
  }
  const { waits } = await visits;
  return { pages: waits.length, loads: fleet.loads };
}
