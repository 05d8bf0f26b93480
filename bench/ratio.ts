import type { Scenario, Side } from './scenario.ts';

export interface Ratio {
  /** Median of the paired ratios `ours / other`. */
  readonly ratio: number;
  /** Median microseconds of one run of each side; they say what this machine did, and are no claim. */
  readonly ours: number;
  readonly other: number;
}

const ROUNDS = 300;
/** Short, so that most rounds pass between two interruptions by whatever else the machine does. */
const ROUND_MILLISECONDS = 3;
/** A site renders for days: the code is measured as V8 leaves it, which takes thousands of runs. */
const WARM_UP_MILLISECONDS = 4_500;
const WARM_UP_RUNS = 8_000;

/**
 * Compares two sides run in turn, so that whatever else the machine does befalls both: each round gives one ratio, and
 * the median of the rounds is the result.
 *
 * @param port of the server, if the scenario uses one
 */
export async function compare(scenario: Scenario, port: number): Promise<Ratio> {
  const { side: ours, told = {} } = await scenario.ours(port);
  const { side: other } = await scenario.other(port, told);
  const results = [await ours(), await other()];
  if (results.every((result) => typeof result === 'number') && results[0] !== results[1]) {
    throw new Error(`${scenario.scenario}: the two sides do not render the same page`);
  }
  const { warmUp = WARM_UP_MILLISECONDS } = scenario;
  const slower = Math.max(await timed(ours, WARM_UP_RUNS, warmUp), await timed(other, WARM_UP_RUNS, warmUp));
  const runs = Math.max(1, Math.round(ROUND_MILLISECONDS / slower));
  const rounds: { readonly ours: number; readonly other: number }[] = [];
  for (let round = 0; round < (scenario.rounds ?? ROUNDS); round++) {
    // Which side comes first alternates as well.
    const isOursFirst = round % 2 === 0;
    const first = await timed(isOursFirst ? ours : other, runs);
    const second = await timed(isOursFirst ? other : ours, runs);
    rounds.push(isOursFirst ? { ours: first, other: second } : { ours: second, other: first });
  }
  return {
    ratio: median(rounds.map((round) => round.ours / round.other)),
    ours: median(rounds.map((round) => round.ours)) * 1_000,
    other: median(rounds.map((round) => round.other)) * 1_000,
  };
}

/** Milliseconds of one run, of so many, or as many as there is time for in so many milliseconds. */
async function timed(side: Side, runs: number, time = Number.POSITIVE_INFINITY): Promise<number> {
  let took = 0;
  let done = 0;
  while (done < runs && took < time) {
    const started = performance.now();
    const running = side();
    // One run after the other, as one visitor would ask; what answers at once is not waited for.
    if (running instanceof Promise) await running;
    took += performance.now() - started;
    // As a request does, the next one begins in a turn of its own. What waits for no server would else never leave the first turn.
    if (running instanceof Promise) await new Promise(setImmediate);
    done++;
  }
  return took / done;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] as number;
}
