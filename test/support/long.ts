const { LONG, LONG_SECONDS, SEED, SEED_PATH } = process.env;

/** Whether this is `npm run test:long`: the same tests, for as long as it takes to be sure. */
export const isLong: boolean = LONG === '1';
/** Whether this is that, or `npm run test:ci`: with what `npm test` has no time for. */
export const isDeep: boolean = isLong || LONG === 'ci';

/**
 * What properties draw from: the same in each run of `npm test` and of CI, so that only a change makes one fail. `npm run test:long` draws
 * anew, and `SEED=…` repeats what a failure has printed.
 */
export const seed: number | undefined = SEED !== undefined ? Number(SEED) : isLong ? undefined : 1;

/** Milliseconds after which a property ends without having failed, where time is short: as in CI, which tells `LONG_SECONDS`. */
export const longest: number | undefined = LONG_SECONDS === undefined ? undefined : Number(LONG_SECONDS) * 1_000;

/** A size for everyday, one for `npm run test:long`, and one for CI, which has minutes. */
export function sized<T>(everyday: T, long: T, ci: T = everyday): T {
  if (isLong) return long;
  return isDeep ? ci : everyday;
}

/**
 * Parameters of a property whose runs take long. A failure prints its seed and path: `SEED=… SEED_PATH=…` in the environment
 * runs that one again. `seeded.ts` gives every property its seed.
 */
export function runs(
  everyday: number,
  long: number,
  ci: number = everyday,
): { numRuns: number; path?: string; interruptAfterTimeLimit?: number } {
  return {
    numRuns: sized(everyday, long, ci),
    ...(longest === undefined ? {} : { interruptAfterTimeLimit: longest }),
    ...(SEED_PATH === undefined ? {} : { path: SEED_PATH }),
  };
}

/**
 * Returns those of some backends on which `npm test` runs a suite: one of them, in turn, so that each is used by some suites. CI runs every
 * suite on all.
 *
 * @param suite its name, which decides
 */
export function inTurn<T>(backends: readonly T[], suite: string): readonly T[] {
  const turn = [...suite].reduce((sum, letter) => sum + letter.charCodeAt(0), 0);
  return isDeep ? backends : [backends[turn % backends.length] as T];
}
