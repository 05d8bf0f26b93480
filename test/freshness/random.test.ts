import fc from 'fast-check';
import { CacheSweeper, lazy } from 'nunjucks-cachesweeper';
import { test, vi } from 'vitest';
import { runs, sized } from '../support/long.ts';
import type { Page } from './pages.ts';
import type { Actor, Scenario } from './scenario.ts';
import { describeViolation } from './search.ts';
import { World } from './world.ts';

vi.mock('node:timers/promises', async (original) => {
  const { scheduledTimers } = await import('./sleeper.ts');
  return scheduledTimers(await original());
});

const process = fc.constantFrom('a', 'b', 'c');
const type = fc.constantFrom('Article' as const, 'Comment' as const, 'Author' as const);
const reader: fc.Arbitrary<Actor> = fc.oneof(
  fc.record({ does: fc.constant('read' as const), in: process }),
  fc.record({ does: fc.constant('read' as const), in: process, since: fc.constant(true as const) }),
);
const save: fc.Arbitrary<Actor> = fc.record({
  does: fc.constant('save' as const),
  in: process,
  row: type,
  bump: fc.constantFrom('row' as const, 'row' as const, 'class' as const, 'all' as const, 'using' as const),
});
const loss: fc.Arbitrary<Actor> = fc.record({
  does: fc.constant('lose' as const),
  tokens: fc.constantFrom('Article' as const, 'Comment' as const, 'all' as const),
});
/** No step takes longer than a store's deadline: what it carries out later is in docs/reliability.md. */
const wait: fc.Arbitrary<Actor> = fc.constant({ does: 'wait', milliseconds: 900 });

/** No two differ by more than a second. */
const clock = fc.integer({ min: -500, max: 500 });
const clocks = fc.oneof(fc.constant({}), fc.record({ a: clock, b: clock, c: clock }));

const drawn: fc.Arbitrary<Scenario> = fc.record({
  page: fc.constantFrom<Page>('plain', 'using', 'nested', 'lazy', 'depends', 'loads two'),
  start: fc.constantFrom('cold' as const, 'warm' as const),
  memory: fc.boolean(),
  faults: fc.integer({ min: 0, max: 3 }),
  clocks,
  outage: fc.constantFrom(0, 1_000),
  actors: fc
    .tuple(
      fc.array(reader, { minLength: 2, maxLength: 4 }),
      fc.array(save, { minLength: 1, maxLength: 4 }),
      fc.array(loss, { maxLength: 2 }),
      fc.array(wait, { maxLength: 1 }),
    )
    .map((actors) => actors.flat()),
});

/** The second that is allowed for clocks is also the one for a store that is slow: clocks are right where time passes. */
const scenario = drawn.map(
  (given): Scenario => (given.actors.some(({ does }) => does === 'wait') ? { ...given, clocks: {} } : given),
);

test(
  'in random orders of more readers, saves, losses and faults no page is older than promised',
  async () => {
    const world = new World({ CacheSweeper, lazy });
    await fc.assert(
      fc.asyncProperty(scenario, fc.array(fc.nat(1_000), { maxLength: 100 }), async (given, picks) => {
        let taken = 0;
        const outcome = await world.run(given, (choices) => choices[(picks[taken++] ?? 0) % choices.length]);
        if (outcome === undefined || outcome.violations.length === 0) return;
        throw new Error(describeViolation(given, outcome.steps, outcome.violations));
      }),
      runs(40, 100_000, 500),
    );
  },
  sized(120_000, 3_600_000),
);
