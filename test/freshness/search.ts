import { everyOrder } from './explore.ts';
import type { Scenario } from './scenario.ts';
import type { Choose } from './steps.ts';
import type { World } from './world.ts';

/** What a search found. */
export interface Found {
  /** Orders of steps that were tried. */
  readonly orders: number;
  readonly complete: boolean;
  /** The first order in which something was wrong, and what. */
  readonly violation: string | undefined;
  readonly counts: Readonly<Record<string, number>>;
}

/** Tries every order of a scenario's steps, up to the first that breaks a promise. */
export async function search(world: World, scenario: Scenario, limit?: number): Promise<Found> {
  const counts: Record<string, number> = {};
  let violation: string | undefined;
  const tried = await everyOrder(async (choose) => {
    const outcome = await world.run(scenario, choose);
    if (outcome === undefined) return true;
    for (const [what, count] of Object.entries(outcome.counts)) counts[what] = (counts[what] ?? 0) + count;
    if (outcome.violations.length > 0) violation = describeViolation(scenario, outcome.steps, outcome.violations);
    return violation === undefined;
  }, limit);
  return { ...tried, violation, counts };
}

export function describeViolation(scenario: Scenario, steps: readonly string[], violations: readonly string[]): string {
  return [JSON.stringify(scenario), ...steps, ...violations.map((violation) => `=> ${violation}`)].join('\n');
}

/** These steps in this order, then whatever waits longest. */
export function inOrder(steps: readonly string[]): Choose {
  const left = [...steps];
  return (choices) => {
    const next = left.shift();
    if (next === undefined) return choices[0];
    const choice = choices.find(({ id, way }) => next === (way === 'done' ? id : `${id} (${way})`));
    if (choice !== undefined) return choice;
    throw new Error(`there is no step "${next}" now, only ${choices.map(({ id }) => id).join(', ')}`);
  };
}
