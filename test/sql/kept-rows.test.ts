import fc from 'fast-check';
import Driver from 'libsql';
import { SqlStore } from 'nunjucks-cachesweeper/sql';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { knexOn } from '../support/knex-sqlite.mjs';
import { runs } from '../support/long.ts';
import { SqliteFile } from './support.ts';

const file = new SqliteFile();
const databases = [0, 1].map(() => new Driver(file.filename));
const knexes = databases.map((database) => knexOn(database));
/** Two connections with a store each, and on the first one a second store with another table. */
const stores = [
  new SqlStore(knexes[0] as never),
  new SqlStore(knexes[1] as never),
  new SqlStore(knexes[0] as never, { table: 'other' }),
];
const looking = new Driver(file.filename);
afterAll(async () => {
  await Promise.all(knexes.map((knex) => knex.destroy()));
  looking.close();
  await file.stop();
});

const TABLES = ['cachesweeper', 'other'];
const KEYS = ['a', 'b', 'c'];
const CALL = { timeout: 1_000 };
const key = fc.constantFrom(...KEYS);
const connection = fc.constantFrom(0, 1);
const table = fc.constantFrom(...TABLES);

type Step =
  | { readonly do: 'set' | 'add'; readonly store: number; readonly key: string; readonly ttl: number }
  | { readonly do: 'read'; readonly store: number }
  | { readonly do: 'sql'; readonly on: number; readonly sql: string };

const store = fc.constantFrom(0, 1, 2);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('read' as const), store }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('set' as const, 'add' as const),
      store,
      key,
      ttl: fc.constantFrom(0, 100),
    }),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(connection, table, key, fc.nat())
      .chain(([on, name, of, value]) =>
        fc
          .constantFrom(
            `DELETE FROM ${name} WHERE k = 't:${of}'`,
            `DELETE FROM ${name}`,
            `UPDATE ${name} SET value = x'${value.toString(16).padStart(8, '0')}'`,
            `UPDATE ${name} SET expires = 0 WHERE k = 't:${of}'`,
            `UPDATE ${name} SET epoch = epoch + 1`,
            `BEGIN; DELETE FROM ${name}; ROLLBACK`,
            `BEGIN; UPDATE ${name} SET value = x'00'; COMMIT`,
            `ALTER TABLE ${name} RENAME TO gone; CREATE TABLE ${name} AS SELECT * FROM gone WHERE 0; DROP TABLE gone; CREATE UNIQUE INDEX ${name}_k ON ${name} (k)`,
            'PRAGMA wal_checkpoint(TRUNCATE)',
            'VACUUM',
          )
          .map((sql) => ({ do: 'sql' as const, on, sql })),
      ),
  },
);

let values = 0;
const value = () => Buffer.from(`value ${values++}`);

/** What a third connection, which keeps nothing, finds. */
function there(name: string): readonly (string | undefined)[] {
  const rows = looking
    .prepare(`SELECT k, value FROM ${name} WHERE expires > ? AND epoch = (SELECT max(epoch) FROM epochs)`)
    .all(Date.now()) as { k: string; value: ArrayBuffer }[];
  const found = new Map(rows.map((row) => [row.k, Buffer.from(row.value).toString()]));
  return KEYS.map((each) => found.get(`t:${each}`));
}

beforeEach(async () => {
  for (const name of [...TABLES, 'gone', 'epochs']) looking.exec(`DROP TABLE IF EXISTS ${name}`);
  for (const each of [stores[0], stores[2]]) await each?.createTable();
  await stores[0]?.setMany('token', [{ key: 'epoch', value: value(), ttl: 0 }], CALL);
  looking.exec("CREATE TABLE epochs AS SELECT epoch FROM cachesweeper WHERE k = 't:epoch'");
});

test('tokens of an SQLite file are never kept longer than they are there, whoever writes and how', {
  timeout: 300_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      for (const each of steps) {
        if (each.do === 'sql') databases[each.on]?.exec(each.sql);
        else if (each.do === 'set') {
          await stores[each.store]?.setMany('token', [{ key: each.key, value: value(), ttl: each.ttl }], CALL);
        } else if (each.do === 'add') {
          await stores[each.store]?.addMany('token', [{ key: each.key, value: value(), ttl: each.ttl }], CALL);
        } else {
          const name = TABLES[each.store === 2 ? 1 : 0] as string;
          const read = await stores[each.store]?.getMany('token', KEYS, CALL);
          const found = read?.map((lookup) =>
            lookup.state === 'found' ? Buffer.from(lookup.value).toString() : undefined,
          );
          expect(read?.every(({ state }) => state !== 'unknown')).toBe(true);
          expect(found).toEqual(there(name));
        }
      }
    }),
    runs(25, 10_000, 600),
  );
});

test('where nothing was written, tokens are read once, but for large values, which would fill the memory', async () => {
  const database = new Driver(file.filename);
  const { prepare } = database;
  let selects = 0;
  database.prepare = ((sql: string) => {
    const statement = prepare.call(database, sql);
    const { all } = statement;
    statement.all = (...bindings: unknown[]) => {
      if (sql.includes('json_each')) selects++;
      return (all as (...given: unknown[]) => unknown[]).apply(statement, bindings);
    };
    return statement;
  }) as typeof prepare;
  const knex = knexOn(database);
  const own = new SqlStore(knex as never);
  const read = async () => (await own.getMany('token', ['a'], CALL))[0]?.state;
  await stores[1]?.setMany('token', [{ key: 'a', value: value(), ttl: 0 }], CALL);
  expect([await read(), await read(), await read()]).toEqual(['found', 'found', 'found']);
  expect(selects).toBe(1);
  await stores[1]?.setMany('token', [{ key: 'b', value: value(), ttl: 0 }], CALL);
  await read();
  expect(selects).toBe(2);
  await stores[1]?.setMany('token', [{ key: 'a', value: Buffer.alloc(501), ttl: 0 }], CALL);
  expect([await read(), await read()]).toEqual(['found', 'found']);
  expect(selects).toBe(4);
  await knex.destroy();
});
