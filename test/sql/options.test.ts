import type { Knex } from 'knex';
import { CacheSweeperError } from 'nunjucks-cachesweeper';
import { type SqlOptions, SqlStore } from 'nunjucks-cachesweeper/sql';
import { afterAll, expect, test } from 'vitest';
import { CALL, item, opener, SqliteFile } from './support.ts';

const open = opener();
const file = new SqliteFile();
const site = file.connect();
afterAll(() => file.stop());

function errorOf(run: () => unknown): CacheSweeperError {
  try {
    run();
  } catch (error) {
    if (error instanceof CacheSweeperError) return error;
    throw error;
  }
  throw new Error('no error');
}

test.each([
  ['nothing', undefined, 'got undefined'],
  ['an object', { client: 'pg' }, 'got a plain object with client'],
  ['a function', () => {}, 'got a function'],
])('Knex is asked for where %s is given', (_name, given, got) => {
  const error = errorOf(() => new SqlStore(given as never));
  expect(error.code).toBe('CACHESWEEPER_BAD_OPTION');
  expect(error.message).toContain('SqlStore knex: expected what knex({ client, connection }) returns');
  expect(error.message).toContain(got);
});

test('a transaction is refused: its rows are not seen by other processes', async () => {
  await site.transaction(async (transaction) => {
    expect(errorOf(() => new SqlStore(transaction)).message).toBe(
      'SqlStore knex: expected the Knex instance itself, got a transaction; in a migration, export const config = { transaction: false }',
    );
  });
});

test('createTable() works in a migration of Knex that is not run in a transaction', async () => {
  const up = (knex: Knex) => new SqlStore(knex, { table: 'migrated' }).createTable();
  const migration = { config: { transaction: false }, up, down: async () => {} };
  const migrationSource = {
    getMigrations: async () => ['one'],
    getMigrationName: () => 'one',
    getMigration: async () => migration,
  };
  await site.migrate.latest({ migrationSource });
  expect(await open(site, { table: 'migrated' }).store.setMany('token', [item('a', 'x')], CALL)).toEqual([true]);
});

test('a database that the store does not know is refused, with the list of those that it knows', () => {
  const other = Object.assign(() => {}, { raw: () => {}, client: { ...clientOf(site), driverName: 'cockroachdb' } });
  expect(errorOf(() => new SqlStore(other as unknown as Knex)).message).toBe(
    'SqlStore knex: expected a client of better-sqlite3, sqlite3, pg, mysql2, mysql, got the string "cockroachdb"',
  );
});

function clientOf(knex: Knex): object {
  return { acquireConnection: knex.client.acquireConnection, releaseConnection: knex.client.releaseConnection };
}

test.each<[unknown, string]>([
  [{ tabel: 'x' }, 'SqlStore tabel: expected one of table, connections, maxRows, maxBytes, compressFrom, got'],
  [null, 'SqlStore: expected an object of options, got null'],
  ['x', 'SqlStore: expected an object of options, got the string "x"'],
  [{ table: 'a"; DROP TABLE b; --' }, 'SqlStore table: expected a name of up to 50 letters, digits and underscores'],
  [{ table: '' }, 'SqlStore table'],
  [{ table: 'a.b.c' }, 'SqlStore table'],
  [{ table: 'x'.repeat(51) }, 'SqlStore table'],
  [{ connections: 0 }, 'SqlStore connections: expected a whole number, 1 or more, got the number 0'],
  [{ connections: 1.5 }, 'SqlStore connections'],
  [{ maxRows: 999 }, 'SqlStore maxRows: expected a whole number, 1000 or more, got the number 999'],
  [{ maxBytes: 1_000 }, 'SqlStore maxBytes: expected a whole number, 1048576 or more, got the number 1000'],
  [{ maxBytes: '1mb' }, 'SqlStore maxBytes'],
  [{ compressFrom: -1 }, 'SqlStore compressFrom: expected a whole number of bytes, or false, got the number -1'],
])('%o is refused', (options, message) => {
  const error = errorOf(() => new SqlStore(site, options as SqlOptions));
  expect(error.code).toBe('CACHESWEEPER_BAD_OPTION');
  expect(error.message).toContain(message);
});

test('a key that the contract does not allow is refused', async () => {
  const { store } = open(site);
  for (const key of ['', 'ä', 'a b\n', 'x'.repeat(251)]) {
    await expect(store.getMany('token', [key], CALL)).rejects.toMatchObject({ code: 'CACHESWEEPER_BAD_KEY' });
    await expect(store.setMany('token', [item(key, 'x')], CALL)).rejects.toThrow('SqlStore expected a key');
  }
});

test('compressFrom is 16,384 unless it is given', () => {
  expect(open(site).store.compressFrom).toBe(16_384);
  expect(open(site, { compressFrom: false }).store.compressFrom).toBe(Number.POSITIVE_INFINITY);
});

test('tables of other names are kept apart, and createTableSql() is what createTable() does', async () => {
  const one = open(site, { table: 'one' }).store;
  const two = open(site, { table: 'main.Two' }).store;
  for (const sql of one.createTableSql().split(';\n').filter(Boolean)) await site.raw(sql);
  await two.createTable();
  await two.createTable();
  await one.setMany('token', [item('a', 'x')], CALL);
  expect((await one.getMany('token', ['a'], CALL))[0]?.state).toBe('found');
  expect((await two.getMany('token', ['a'], CALL))[0]?.state).toBe('missing');
});

test('createTable() makes readers and a writer of a file not wait for each other', async () => {
  await open(site).store.createTable();
  expect(await site.raw('PRAGMA journal_mode')).toEqual([{ journal_mode: 'wal' }]);
});
