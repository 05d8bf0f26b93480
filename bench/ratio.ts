/** One side of a comparison: renders the page once. */
export type Side = () => unknown;

export interface Ratio {
  /** Median of the paired ratios `ours / floor`. */
  readonly ratio: number;
  /** Median microseconds of one run of each side; they say what this machine did, and are no claim. */
  readonly ours: number;
  readonly floor: number;
}

const ROUNDS = 60;
const ROUND_MILLISECONDS = 15;
const WARM_UP_MILLISECONDS = 400;

/**
 * Compares two sides run in turn, so that whatever else the machine does befalls both: each round gives one ratio, and
 * the median of the rounds is the result.
 */
export function compare(ours: Side, floor: Side): Ratio {
  const batch = Math.max(1, Math.round(ROUND_MILLISECONDS / Math.max(warmUp(ours), warmUp(floor))));
  const rounds = Array.from({ length: ROUNDS }, (_, round) => {
    // Which side comes first alternates as well.
    const first = round % 2 === 0;
    const a = time(first ? ours : floor, batch);
    const b = time(first ? floor : ours, batch);
    return first ? { ours: a, floor: b } : { ours: b, floor: a };
  });
  return {
    ratio: median(rounds.map((round) => round.ours / round.floor)),
    ours: median(rounds.map((round) => round.ours)) * 1_000,
    floor: median(rounds.map((round) => round.floor)) * 1_000,
  };
}

/** Milliseconds of one run, once the code is compiled. */
function warmUp(side: Side): number {
  const until = performance.now() + WARM_UP_MILLISECONDS;
  let runs = 0;
  while (performance.now() < until) {
    side();
    runs++;
  }
  return WARM_UP_MILLISECONDS / runs;
}

function time(side: Side, runs: number): number {
  const started = performance.now();
  for (let i = 0; i < runs; i++) side();
  return (performance.now() - started) / runs;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] as number;
}
