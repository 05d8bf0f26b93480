import { expect, test, vi } from 'vitest';
import { isDeep } from '../support/long.ts';
import { type Mutant, type MutantName, mutants } from './mutants.ts';
import { checkEdits } from './mutants-plugin.ts';
import { type FamilyName, scenariosOf } from './scenarios.ts';
import { search } from './search.ts';
import { type Library, World } from './world.ts';

vi.mock('node:timers/promises', async (original) => {
  const { scheduledTimers } = await import('./sleeper.ts');
  return scheduledTimers(await original());
});

const all = Object.keys(mutants) as MutantName[];
/** Every day a sample of those that are found soon: what is tried is the search. CI tries all. */
const SOON: readonly FamilyName[] = [
  'one reader, a save, the token is lost',
  'one reader, saves of a row and of one it depends on',
  'one reader that knows since when, a save by a clock that is a second late, 2 s pass',
  'in an outage: one reader, a save in its process, a call fails',
];
const names = all.filter((name) => isDeep || SOON.includes(mutants[name].foundBy));

test('what the mutants take out is there', () => checkEdits('freshness'));

test.each(names)(
  'the search finds out when %s',
  async (name) => {
    const library: Library = await import(/* @vite-ignore */ `mutant:freshness:${all.indexOf(name)}:src/index.ts`);
    const world = new World(library);
    const { protection, foundBy }: Mutant = mutants[name];
    for (const scenario of scenariosOf(foundBy)) {
      const { violation, orders } = await search(world, scenario);
      if (violation === undefined) continue;
      const [, ...steps] = violation.split('\n');
      console.log(`${protection}: found in order ${orders} of "${foundBy}"\n  ${steps.join('\n  ')}`);
      return;
    }
    expect.fail(`no order of "${foundBy}" shows that ${protection}`);
  },
  600_000,
);
