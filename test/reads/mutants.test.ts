import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isLong } from '../support/long.ts';
import type { collected } from './collected.ts';
import { type ReadMutant, type ReadMutantName, readMutants } from './mutants.ts';

const names = Object.keys(readMutants) as ReadMutantName[];
const isFoundByTest = (name: ReadMutantName) => (readMutants[name] as ReadMutant).foundBy !== undefined;
const everyDay = (name: ReadMutantName) => isLong || (readMutants[name] as ReadMutant).isLong !== true;

/** Sites made from one seed, ten pages each. */
const SITES = 15;
const PAGES = 3_000;

const imported = (name: ReadMutantName, path: string) =>
  import(/* @vite-ignore */ `mutant:reads:${names.indexOf(name)}:test/reads/${path}.ts`);

test.each(names.filter((name) => everyDay(name) && !isFoundByTest(name)))(
  'the master property fails when %s',
  async (name) => {
    const { cases, runCase, Tally, Mismatch }: typeof import('./master/run.ts') = await imported(name, 'master/run');
    const { rule, seed: first = 1 }: ReadMutant = readMutants[name];
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
  120_000,
);

test.each(names.filter((name) => everyDay(name) && isFoundByTest(name)))(
  'a test fails when %s',
  async (name) => {
    const { rule, foundBy: [file, wanted] = ['', ''] }: ReadMutant = readMutants[name];
    const { collected: tests }: { collected: typeof collected } = await imported(name, 'collected');
    await imported(name, `${file}.test`);
    const chosen = tests.filter((one) => one.name.includes(wanted));
    if (chosen.length === 0) expect.fail(`no test of ${file}.test.ts is called "${wanted}"`);
    const failed = [];
    for (const one of chosen) {
      try {
        await one.run();
      } catch {
        failed.push(one.name);
      }
    }
    if (failed.length === 0) expect.fail(`no test "${wanted}" shows that ${rule}`);
    console.log(`${rule}: ${failed.length} of ${chosen.length} tests fail, the first is "${failed[0]}"`);
  },
  60_000,
);
