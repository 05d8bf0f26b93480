import { CacheSweeper, lazy } from 'nunjucks-cachesweeper';
import { expect, test, vi } from 'vitest';
import { everyOrder } from './explore.ts';
import { type Scenario, World } from './world.ts';

vi.mock('node:timers/promises', async () => {
  const { sleeper } = await import('./sleeper.ts');
  return { setTimeout: () => sleeper.sleep() };
});

test('x', async () => {
  const world = new World({ CacheSweeper, lazy });
  for (const page of ['plain', 'using', 'nested', 'lazy', 'depends'] as const) for (const start of ['cold', 'warm'] as const) {
  const scenario: Scenario = { page, start, actors: [{ does: 'read', in: 'a' }, { does: 'save', in: 'b', row: 'Article' }, { does: 'lose', tokens: 'Article' }, { does: 'wait', milliseconds: 2_000 }] };
  const t = performance.now();
  const totals: Record<string, number> = {};
  const found: string[] = []; let n = 0;
  const r = await everyOrder(async (choose) => {
    if (++n % 200 === 0) console.log(n, Math.round(performance.now() - t));
    const outcome = await world.run(scenario, choose);
    for (const [k, v] of Object.entries(outcome?.counts ?? {})) totals[k] = (totals[k] ?? 0) + v;
    if (outcome?.violations.length) found.push(outcome.steps.join('\n') + '\n' + outcome.violations.join('\n'));
    return found.length === 0;
  }, 2000);
  console.log(page, start, r, Math.round(performance.now() - t), JSON.stringify(totals), found[0] ?? '');
  }
  expect(1).toBe(1);
}, 600_000);
