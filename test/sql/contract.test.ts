import type { Knex } from 'knex';
import { SqlStore } from 'nunjucks-cachesweeper/sql';
import { storeContract } from 'nunjucks-cachesweeper/testing';
import { beforeAll, describe, test } from 'vitest';
import { postgres, sqliteFile } from './support.ts';

describe.each([
  ['an SQLite file', async () => sqliteFile()],
  ['PostgreSQL', () => postgres()],
])('on %s, the store keeps the contract', (_name, open) => {
  let one: Knex;
  let two: Knex;
  beforeAll(async () => {
    const database = await open();
    one = database.connect();
    two = database.connect();
    await new SqlStore(one).createTable();
  });
  let made = 0;
  const contract = storeContract({
    create: () => new SqlStore(made++ % 2 === 0 ? one : two),
    pass: async (seconds) => {
      await one.raw('UPDATE cachesweeper SET expires = expires - ?', [seconds * 1_000]);
    },
  });
  test.each(contract.map((each) => [each.title, each] as const))('%s', (_title, { run }) => run());
});
