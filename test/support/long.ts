/** Whether this is `npm run test:long`: the same tests, for as long as it takes to be sure. */
export const isLong: boolean = process.env.LONG === '1';

/** A size for everyday, and one for `npm run test:long`. */
export function sized(everyday: number, long: number): number {
  return isLong ? long : everyday;
}

/**
 * Parameters of a property whose runs take long. A failure prints its seed and path: `SEED=… SEED_PATH=…` in the environment
 * runs that one again.
 */
export function runs(everyday: number, long: number): { numRuns: number; seed?: number; path?: string } {
  const { SEED, SEED_PATH } = process.env;
  return {
    numRuns: sized(everyday, long),
    ...(SEED === undefined ? {} : { seed: Number(SEED) }),
    ...(SEED_PATH === undefined ? {} : { path: SEED_PATH }),
  };
}
