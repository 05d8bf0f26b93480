import type { Knex } from 'knex';
import { SqlStore } from 'nunjucks-cachesweeper/sql';
import { storeContract } from 'nunjucks-cachesweeper/testing';
import { beforeAll, describe, expect, test } from 'vitest';
import { CALL, databases, using } from './support.ts';

describe.each(databases)('on %s, the store keeps the contract', (_name, open) => {
  const database = using(open);
  let processes: Knex[];
  beforeAll(() => {
    processes = [database().connect(), database().connect()];
  });
  let made = 0;
  const contract = storeContract({
    create: () => new SqlStore(processes[made++ % 2] as Knex),
    pass: async (seconds) => {
      await processes[0]?.raw('UPDATE cachesweeper SET expires = expires - ?', [seconds * 1_000]);
    },
  });
  test.each(contract.map((each) => [each.title, each] as const))('%s', (_title, { run }) => run());

  test('a call without keys sends no statement', async () => {
    const store = new SqlStore(processes[0] as Knex);
    expect(await store.getMany('token', [], CALL)).toEqual([]);
    expect(await store.setMany('token', [], CALL)).toEqual([]);
    expect(await store.addMany('entry', [], CALL)).toEqual([]);
    expect(store.stats()).toMatchObject({ state: 'unused', failures: 0 });
    await store.close();
  });
});
