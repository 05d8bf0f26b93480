import { expect, test } from 'vitest';
import { checkEdits } from '../freshness/mutants-plugin.ts';
import { isDeep } from '../support/long.ts';
import { httpMutants } from './mutants.ts';

const names = Object.keys(httpMutants);

const protections = (mutant: number | 'none'): Promise<typeof import('./protections.ts')> =>
  import(/* @vite-ignore */ `mutant:http:${mutant}:test/http/protections.ts`);

test('what the mutants take out is there', () => checkEdits('http'));

// They try the tests, which `npm test` has no time for; CI does.
test.runIf(isDeep).each(names)('it is found out when %s', async (name) => {
  const { protection } = httpMutants[name]!;
  await (await protections('none')).run(protection);
  const { run } = await protections(names.indexOf(name));
  await expect(run(protection)).rejects.toThrow(expect.objectContaining({ name: 'AssertionError' }));
});
