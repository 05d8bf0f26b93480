import fc from 'fast-check';
import { cases } from './cases.ts';
import { Door } from './door.ts';
import type { Case, Framework } from './program.ts';
import { type Doors, Mismatch, openDoors, runCase, Tally } from './run-case.ts';

/** How many programs are tried between two looks at the count. */
const PORTION = 5;

export interface FuzzOptions {
  /** Ends early, in milliseconds, where time is short. */
  readonly longest?: number | undefined;
  /** False for the same site twice. */
  readonly isCached?: boolean;
  /** Told of each portion. */
  readonly report?: ((tally: Tally, nextSeed: number) => void) | undefined;
}

/**
 * Sends so many random requests to random handlers of one framework, with the cache and without.
 *
 * @throws Error with the least program and the fewest requests that show a difference
 */
export async function fuzz(
  framework: Framework,
  seed: number,
  requests: number,
  { longest, report, isCached = true }: FuzzOptions = {},
): Promise<Tally> {
  const tally = new Tally();
  const end = longest === undefined ? Number.POSITIVE_INFINITY : performance.now() + longest;
  await withDoors(async (doors) => {
    for (let next = seed; tally.requests < requests && performance.now() < end; next++) {
      const property = fc.asyncProperty(cases, (one) => runCase(framework, one, doors, tally, isCached));
      await fc.assert(property, { numRuns: PORTION, seed: next });
      report?.(tally, next + 1);
    }
  });
  return tally;
}

/** Looks for differences until there are so many, and returns each as small as it gets. */
export async function survey(framework: Framework, seed: number, size: number, runs: number): Promise<string[]> {
  const found: string[] = [];
  await withDoors(async (doors) => {
    for (let next = seed; found.length < size && next < seed + runs; next++) {
      const property = fc.asyncProperty(cases, (one) => runCase(framework, one, doors, new Tally()));
      const checked = await fc.check<[Case]>(property, { numRuns: PORTION, seed: next });
      if (!checked.failed) continue;
      const { errorInstance: error } = checked;
      const text = `seed ${next}: ${error instanceof Mismatch ? error.message : String((error as Error)?.stack)}`;
      console.log(text);
      found.push(text);
    }
  });
  return found;
}

export async function withDoors(run: (doors: Doors) => Promise<void>): Promise<void> {
  const doors = await openDoors(() => Door.open());
  try {
    await run(doors);
  } finally {
    await doors.close();
  }
}
