/** `npm run test:long`: everything that is drawn at random is drawn more often. */
export const isLong = process.env.LONG === '1';

/**
 * Parameters of a property whose runs take long. A failure prints its seed and path: `SEED=… SEED_PATH=…` in the environment
 * runs that one again.
 */
export function runs(short: number, long: number): { numRuns: number; seed?: number; path?: string } {
  const { SEED, SEED_PATH } = process.env;
  return {
    numRuns: isLong ? long : short,
    ...(SEED === undefined ? {} : { seed: Number(SEED) }),
    ...(SEED_PATH === undefined ? {} : { path: SEED_PATH }),
  };
}
