import { expect, test, vi } from 'vitest';
import { isDeep } from '../support/long.ts';
import { type Mutant, type MutantName, mutants } from './mutants.ts';
import { checkEdits } from './mutants-plugin.ts';
import { scenariosOf } from './scenarios.ts';
import { search } from './search.ts';
import { type Library, World } from './world.ts';

vi.mock('node:timers/promises', async (original) => {
  const { scheduledTimers } = await import('./sleeper.ts');
  return scheduledTimers(await original());
});

const names = Object.keys(mutants) as MutantName[];
test('what the mutants take out is there', () => checkEdits('freshness'));

// They try the search, which `npm test` has no time for; CI does.
test.runIf(isDeep).each(names)(
  'the search finds out when %s',
  async (name) => {
    const library: Library = await import(/* @vite-ignore */ `mutant:freshness:${names.indexOf(name)}:src/index.ts`);
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
  1_800_000,
);
