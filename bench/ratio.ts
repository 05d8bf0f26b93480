/** One side of a comparison: does its work once. */
export type Side = () => unknown;
export type AsyncSide = () => Promise<unknown>;

export interface Ratio {
  /** Median of the paired ratios `ours / floor`. */
  readonly ratio: number;
  /** Median microseconds of one run of each side; they say what this machine did, and are no claim. */
  readonly ours: number;
  readonly floor: number;
}

const ROUNDS = 300;
/** Short, so that most rounds pass between two interruptions by whatever else the machine does. */
const ROUND_MILLISECONDS = 3;
/** A site renders for days: the code is measured as V8 leaves it, which takes thousands of runs. */
const WARM_UP_MILLISECONDS = 1_500;
const WARM_UP_RUNS = 8_000;

/**
 * Compares two sides run in turn, so that whatever else the machine does befalls both: each round gives one ratio, and
 * the median of the rounds is the result.
 */
export function compare(ours: Side, floor: Side, rounds: number = ROUNDS): Ratio {
  const batch = batchOf(Math.max(warmUp(ours), warmUp(floor)));
  return ratioOf(
    Array.from({ length: rounds }, (_, round) => {
      // Which side comes first alternates as well.
      const first = round % 2 === 0;
      const a = time(first ? ours : floor, batch);
      const b = time(first ? floor : ours, batch);
      return first ? { ours: a, floor: b } : { ours: b, floor: a };
    }),
  );
}

/** The same for sides that wait: one run after the other, as one visitor would ask. */
export async function compareAsync(ours: AsyncSide, floor: AsyncSide, rounds: number = ROUNDS): Promise<Ratio> {
  const batch = batchOf(Math.max(await warmUpAsync(ours), await warmUpAsync(floor)));
  const pairs: { ours: number; floor: number }[] = [];
  for (let round = 0; round < rounds; round++) {
    const first = round % 2 === 0;
    const a = await timeAsync(first ? ours : floor, batch);
    const b = await timeAsync(first ? floor : ours, batch);
    pairs.push(first ? { ours: a, floor: b } : { ours: b, floor: a });
  }
  return ratioOf(pairs);
}

function batchOf(milliseconds: number): number {
  return Math.max(1, Math.round(ROUND_MILLISECONDS / milliseconds));
}

function ratioOf(rounds: readonly { readonly ours: number; readonly floor: number }[]): Ratio {
  return {
    ratio: median(rounds.map((round) => round.ours / round.floor)),
    ours: median(rounds.map((round) => round.ours)) * 1_000,
    floor: median(rounds.map((round) => round.floor)) * 1_000,
  };
}

/** Milliseconds of one run, once the code is compiled. */
function warmUp(side: Side): number {
  const started = performance.now();
  let runs = 0;
  while (runs < WARM_UP_RUNS && performance.now() < started + WARM_UP_MILLISECONDS) {
    side();
    runs++;
  }
  return (performance.now() - started) / runs;
}

async function warmUpAsync(side: AsyncSide): Promise<number> {
  const started = performance.now();
  let runs = 0;
  while (runs < WARM_UP_RUNS && performance.now() < started + WARM_UP_MILLISECONDS) {
    await side();
    runs++;
  }
  return (performance.now() - started) / runs;
}

function time(side: Side, runs: number): number {
  const started = performance.now();
  for (let i = 0; i < runs; i++) side();
  return (performance.now() - started) / runs;
}

async function timeAsync(side: AsyncSide, runs: number): Promise<number> {
  const started = performance.now();
  for (let i = 0; i < runs; i++) await side();
  return (performance.now() - started) / runs;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] as number;
}
