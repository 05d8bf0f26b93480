import { createRequire } from 'node:module';
import knex from 'knex';
import { SqlStore } from 'nunjucks-cachesweeper/sql';
import { storeContract } from 'nunjucks-cachesweeper/testing';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { libsqlAsSqlite3 } from '../orm/sequelize/libsql-as-sqlite3.ts';
import { isDeep } from '../support/long.ts';
import { SqliteFile } from './support.ts';

// Knex has no types for its dialects.
const Dialect = createRequire(import.meta.url)('knex/lib/dialects/sqlite3/index.js') as new () => object;

class Sqlite3 extends Dialect {
  _driver() {
    return libsqlAsSqlite3;
  }
}

describe.runIf(isDeep)(
  'through the dialect sqlite3, which sends statements to other threads, the store keeps the contract',
  () => {
    const file = new SqliteFile();
    const connection = { filename: file.filename };
    const [one, two] = [0, 1].map(() => knex({ client: Sqlite3 as never, connection, useNullAsDefault: true }));
    beforeAll(() => new SqlStore(one as never).createTable());
    afterAll(async () => {
      await Promise.all([one?.destroy(), two?.destroy()]);
      await file.stop();
    });
    let made = 0;
    const contract = storeContract({ create: () => new SqlStore((made++ % 2 === 0 ? one : two) as never) });
    test.each(contract.map((each) => [each.title, each] as const))('%s', (_title, { run }) => run());
  },
);
