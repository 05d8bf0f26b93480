import { expect, test } from 'vitest';
import { isDeep } from '../../support/long.ts';
import { frameworks } from './cases.ts';
import { withDoors } from './fuzz.ts';
import { runCase, Tally } from './run-case.ts';
import { everyWay } from './ways.ts';

/** Every day two whose requests have least in common. The others have tests of their own, and random handlers beside this. */
const chosen = isDeep ? frameworks : frameworks.filter((name) => name === 'express5' || name === 'fastify');

test.each(chosen)(
  '%s: whatever way a handler reads, nobody gets another’s page',
  { timeout: 120_000 },
  async (framework) => {
    const tally = new Tally();
    const wrong: string[] = [];
    await withDoors(async (doors) => {
      for (const { name, cases } of everyWay()) {
        for (const one of cases) {
          const failed = await runCase(framework, one, doors, tally).then(
            () => undefined,
            (error: Error) => `${name}: ${error.message}`,
          );
          if (failed === undefined) continue;
          wrong.push(failed);
          break;
        }
      }
    });
    console.log(`${framework}: ${tally}`);
    expect(wrong).toEqual([]);
    expect(tally.hits / tally.requests).toBeGreaterThan(0.02);
  },
);
