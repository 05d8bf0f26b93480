import { Fleet } from '../load/fleet.ts';
import { medianOf, meets, middle, type Outcome, shownGoal, shownOutcome } from '../load/outcome.ts';
import { hasStale, switchedOff } from '../load/parts.ts';
import { type Kind, NAMES } from '../load/sites.ts';
import { crowd, type Situation, storm, streams, type Throughput, throughput, troubles } from '../load/situations.ts';
import type { Row } from '../row.ts';
import type { Scenario } from '../scenario.ts';

export const scenarios: readonly Scenario[] = [];

/** Every situation is run with each of these in turn, or at one time, so that whatever else the machine does befalls all. */
const OTHERS: readonly Kind[] = ['off', ...(hasStale() ? (['stale'] as const) : []), 'bentocache', 'cacheable'];

const SMALL = [crowd(20, 1), crowd(20, 4)];
const LARGE = [crowd(1_000, 1), crowd(1_000, 4)];
/** Runs of which the median counts. */
const ROUNDS = 3;
/** Milliseconds for the large crowds. On a busy machine one round takes that long; others are run if they fit in. */
const LARGE_TIME = 20_000;

/** Outcomes of one kind of site, by situation and what it shows, one for each round. */
type Outcomes = Map<Kind, Outcome[]>;

/** @param isFull whether the whole benchmark is run: then throughput takes a minute a side */
export async function rows(isFull: boolean): Promise<Row[]> {
  const fleets = await Promise.all((['ours', ...OTHERS] as const).map((kind) => Fleet.start(kind)));
  try {
    // Code runs for the first time, connections are made: not counted.
    await Promise.all(fleets.map((fleet) => crowd(100, 4).run(fleet)));
    return [
      ...(await atOneTime(SMALL, fleets, ROUNDS)),
      ...(await inTurn(LARGE, fleets, ROUNDS)),
      ...(await atOneTime(troubles, fleets, ROUNDS)),
      ...(await inTurn([storm], fleets, 1)),
      ...(await atOneTime(streams, fleets, 1)),
      ...(await throughputRows(fleets, isFull ? 60 : 10)),
    ];
  } finally {
    await Promise.all(fleets.map((fleet) => fleet.end()));
  }
}

/**
 * A thousand visitors keep the machine busy, and a p99 is soon another's fault, so one site is run after the other.
 *
 * @param most rounds, as far as there is time
 */
async function inTurn(situations: readonly Situation[], fleets: readonly Fleet[], most: number): Promise<Row[]> {
  const found = situations.map(({ shows }) => shows.map((): Outcomes => new Map()));
  const started = performance.now();
  const spent = () => performance.now() - started;
  for (let round = 0; round < most && (spent() / Math.max(1, round)) * (round + 1) <= LARGE_TIME; round++) {
    for (const [index, situation] of situations.entries()) {
      for (const fleet of fleets) note(found[index] ?? [], fleet.kind, await situation.run(fleet));
    }
  }
  return situations.flatMap((situation, index) => shown(situation, found[index] ?? []));
}

/** Few visitors mostly wait: all sites are run at one time. */
async function atOneTime(situations: readonly Situation[], fleets: readonly Fleet[], rounds: number): Promise<Row[]> {
  const all: Row[] = [];
  for (const situation of situations) {
    const found = situation.shows.map((): Outcomes => new Map());
    for (let round = 0; round < rounds; round++) {
      await Promise.all(fleets.map(async (fleet) => note(found, fleet.kind, await situation.run(fleet))));
    }
    all.push(...shown(situation, found));
  }
  return all;
}

function note(found: readonly Outcomes[], kind: Kind, outcomes: readonly Outcome[]): void {
  for (const [index, outcome] of outcomes.entries()) {
    const known = found[index]?.get(kind) ?? [];
    found[index]?.set(kind, [...known, outcome]);
  }
}

function shown({ shows }: Situation, found: readonly Outcomes[]): Row[] {
  return shows.flatMap(({ name, goal, per }, index) => {
    const of = (kind: Kind) => found[index]?.get(kind) ?? [];
    const ours = medianOf(of('ours'));
    const { length: rounds } = of('ours');
    return OTHERS.map((kind): Row => {
      const ratios = of('ours').map(({ loads }, round) => loads / Math.max(of(kind)[round]?.loads ?? 0, 1e-3));
      return {
        scenario: rounds === 1 ? name : `${name} (median of ${rounds} runs)`,
        floor: nameOf(kind),
        ratio: middle(ratios),
        wanted: { text: shownGoal(goal, per), isMet: meets(ours, goal) },
        ours: shownOutcome(ours, per),
        other: shownOutcome(medianOf(of(kind)), per),
      };
    });
  });
}

function nameOf(kind: Kind): string {
  if (kind !== 'off' || Object.keys(switchedOff()).length > 0) return NAMES[kind];
  return `${NAMES.off} (this version has none: the same)`;
}

/** With and without the part: a second of each in turn, so that whatever else the machine does befalls both. */
async function throughputRows(fleets: readonly Fleet[], seconds: number): Promise<Row[]> {
  const sides = (['ours', 'off'] as const).map((kind) => {
    return { fleet: fleets.find((fleet) => fleet.kind === kind) as Fleet, runs: [] as Throughput[] };
  });
  for (const { fleet } of sides) await fleet.open();
  for (let second = 0; second < seconds; second++) {
    const order = second % 2 === 0 ? sides : sides.toReversed();
    for (const { fleet, runs } of order) runs.push(await throughput(fleet, 1_000));
  }
  const [ours, off] = sides.map(({ runs }) => runs) as [Throughput[], Throughput[]];
  return [
    {
      scenario: `${seconds} s of 80 visitors in 4 processes, 50 articles, up to 10 bumps a second; the ratio is of times for a page`,
      floor: nameOf('off'),
      // Not the median of the seconds, which are cold, provisional and warm in turn.
      ratio: total(off).pages / total(ours).pages,
      ours: shownThroughput(ours),
      other: shownThroughput(off),
    },
  ];
}

function shownThroughput(runs: readonly Throughput[]): string {
  const { pages, loads } = total(runs);
  const hitRatio = (100 * (1 - loads / pages)).toFixed(2);
  return `${Math.round(pages / runs.length).toLocaleString('en')} pages a second, ${hitRatio} % without a load`;
}

function total(runs: readonly Throughput[]): Throughput {
  const sum = (figure: keyof Throughput) => runs.reduce((so, run) => so + run[figure], 0);
  return { pages: sum('pages'), loads: sum('loads') };
}
