/** What arrives, and what serves it. */
export interface Queue {
  /** Arrivals a second. */
  readonly rate: number;
  /** Microseconds that each takes. */
  readonly service: number;
}

const ARRIVALS = 200_000;
/** 2^32. */
const RANGE = 4_294_967_296;

/**
 * Simulates a queue in front of one server, at which batches of tokens arrive at random, and returns the time from arrival to answer, in
 * microseconds, that 99 of 100 batches stay below. (Lindley's recursion; the numbers are the same in each run.)
 */
export function slowest({ rate, service }: Queue): number {
  const random = randomNumbers();
  const between = 1_000_000 / rate;
  const times = new Float64Array(ARRIVALS);
  let waiting = 0;
  for (let i = 0; i < ARRIVALS; i++) {
    times[i] = waiting + service;
    waiting = Math.max(0, waiting + service + between * Math.log(1 - random()));
  }
  return times.sort()[Math.floor(ARRIVALS * 0.99)] as number;
}

/** Numbers from 0 to 1, the same in each run: a linear congruential generator (Numerical Recipes). */
function randomNumbers(): () => number {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / RANGE;
  };
}
