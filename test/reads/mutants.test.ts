import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkEdits } from '../freshness/mutants-plugin.ts';
import { isDeep, isLong } from '../support/long.ts';
import type { collected } from './collected.ts';
import { type ReadMutant, type ReadMutantName, readMutants } from './mutants.ts';

const names = Object.keys(readMutants) as ReadMutantName[];
const of = (name: ReadMutantName): ReadMutant => readMutants[name];
const byMaster = names.filter((name) => {
  const { isBlind, seed, foundBy } = of(name);
  return isBlind !== true && (seed !== undefined || (isLong && foundBy === undefined));
});
const byTest = names.filter((name) => of(name).foundBy !== undefined);

test('what the mutants take out is there', () => checkEdits('reads'));

// They try the tests, which `npm test` has no time for; CI does.
const inCi = test.runIf(isDeep);

/** Sites made from one seed, ten pages each. */
const SITES = 15;
const PAGES = 3_000;

/** The master property with a mutant of the library. */
const master = (name: ReadMutantName): Promise<typeof import('./master/run.ts')> =>
  import(/* @vite-ignore */ `mutant:reads:${names.indexOf(name)}:test/reads/master/run.ts`);

inCi.each(byMaster)(
  'the master property fails when %s',
  async (name) => {
    const { cases, runCase, Tally, Mismatch } = await master(name);
    const { rule, seed: first = 1 } = of(name);
    const tally = new Tally();
    for (let seed = first; tally.pages < PAGES; seed++) {
      const property = fc.asyncProperty(cases, (one) => runCase(one, {}, tally));
      const { failed, errorInstance } = await fc.check(property, { numRuns: SITES, seed, endOnFailure: true });
      if (!failed) continue;
      if (!(errorInstance instanceof Mismatch)) throw errorInstance;
      console.log(`${rule}: "${name}" found on page ${tally.pages} from seed ${first}, with seed ${seed}`);
      return;
    }
    expect.fail(`${tally.pages} pages do not show that ${rule}: ${tally}`);
  },
  600_000,
);

/** Which of the tests with a text in their name fail. */
async function failing(folder: string, file: string, text: string): Promise<readonly string[]> {
  const tests: typeof collected = (await import(/* @vite-ignore */ `${folder}/collected.ts`)).collected;
  await import(/* @vite-ignore */ `${folder}/${file}.test.ts`);
  const chosen = tests.filter(({ name }) => name.includes(text));
  if (chosen.length === 0) expect.fail(`no test of ${file}.test.ts is called "${text}"`);
  const failed: string[] = [];
  for (const { name, run } of chosen) {
    try {
      await run();
    } catch {
      failed.push(name);
    }
  }
  return failed;
}

inCi.each(byTest)(
  'a test fails when %s',
  async (name) => {
    const { rule, foundBy: [file, wanted] = ['', ''] } = of(name);
    // They hold without the mutant, and one of them fails with it.
    expect(await failing(`mutant:reads:none:test/reads`, file, wanted)).toEqual([]);
    const failed = await failing(`mutant:reads:${names.indexOf(name)}:test/reads`, file, wanted);
    if (failed.length === 0) expect.fail(`no test "${wanted}" shows that ${rule}`);
    console.log(`${rule}: ${failed.length} tests fail, the first is "${failed[0]}"`);
  },
  300_000,
);
