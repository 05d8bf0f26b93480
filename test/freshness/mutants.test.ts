import { expect, test, vi } from 'vitest';
import { everyOrder } from './explore.ts';
import { type MutantName, mutants } from './mutants.ts';
import { type Scenario, World, type Actor } from './world.ts';
import type { Page } from './pages.ts';

vi.mock('node:timers/promises', async () => {
  const { sleeper } = await import('./sleeper.ts');
  return { setTimeout: () => sleeper.sleep() };
});
const read = (where: string): Actor => ({ does: 'read', in: where });
const save = (where: string): Actor => ({ does: 'save', in: where, row: 'Article' });
const lose: Actor = { does: 'lose', tokens: 'Article' };
const wait: Actor = { does: 'wait', milliseconds: 2_000 };

test.each(Object.keys(mutants) as MutantName[])('%s', async (name) => {
  const library = await import(/* @vite-ignore */ `mutant:${Object.keys(mutants).indexOf(name)}`);
  const world = new World(library);
  const sets: [string, Actor[], Partial<Scenario>][] = [
    ['1', [read('a'), save('b'), lose, wait], {}],
    ['2', [read('a'), read('b'), save('a')], {}],
    ['1 reader 2 saves', [read('a'), save('b'), save('c')], {}],
    ['1 reader 2 saves', [read('a'), save('b'), save('c')], {clocks: {b: -1000, c: -1000}}],
    ['1 fault', [read('a'), save('b')], { faults: 1 }],
    ['1 fault same', [read('a'), save('a')], { faults: 1 }],
    ['1 fault wait', [read('a'), save('b'), wait], { faults: 1 }],
    ['retry', [read('a'), save('b'), save('b')], { faults: 1 }],
    ['other row', [read('a'), save('b'), { does: 'save', in: 'b', row: 'Comment'}], {}],
    ['other row', [read('a'), save('b'), { does: 'save', in: 'b', row: 'Author'}], {}],
    ['other row', [read('a'), save('b'), { does: 'save', in: 'b', row: 'Author'}], {faults: 1}],
    ['using', [read('a'), { does: 'save', in: 'b', row: 'Article', bump: 'using'}], {faults: 1}],
  ];
  const found: string[] = [];
  for (const [title, actors, more] of sets)
  for (const page of (title === 'using' ? ['using'] : ['plain', 'depends', 'nested','lazy']) as Page[]) for (const start of ['cold', 'warm'] as const) {
  const scenario: Scenario = { page, start, actors, ...more };
  let first: string | undefined; 
  const r = await everyOrder(async (choose) => {
    const outcome = await world.run(scenario, choose);
    if (outcome?.violations.length) first = outcome.violations.join(' // ');
    return first === undefined;
  }, 500);
  if (first) found.push(title + ' ' + page + ' ' + start + ' ' + r.orders + ' ' + first);
  }
  console.log(name, found.length, '\n  ' + found.slice(0, 4).join('\n  '));
  expect(found).not.toEqual([]);
}, 600_000);
