import type { Knex } from 'knex';
import Driver from 'libsql';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import { sweepOnSave } from 'nunjucks-cachesweeper/knex';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { UNCERTAIN } from '../../../src/invalidation/uncertain-writes.ts';
import { knexOn } from '../../support/knex-sqlite.mjs';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

/** A connection that loses its answer to a statement, which the database has carried out. */
function losing(lost: RegExp) {
  const database = new Driver(':memory:');
  database.exec('CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT UNIQUE)');
  database.exec(`INSERT INTO notes (id, text) VALUES (1, 'a'), (2, 'b')`);
  const knex: Knex = knexOn(database);
  // Transactions have clients of this class, too.
  const client = Object.getPrototypeOf(knex.client);
  const query = client._query;
  client._query = async function (this: unknown, ...args: [unknown, { sql: string }]) {
    const answer = await query.apply(this, args);
    if (lost.test(args[1].sql)) throw Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
    return answer;
  };
  const bumped: (readonly string[])[] = [];
  sweepOnSave(knex, new CacheSweeper({ onBump: (names) => void bumped.push([...names]) }), {
    models: { notes: 'Note' },
  });
  return { knex, bumped };
}

test('a write whose answer is lost is invalidated at once and once more, as its type', async () => {
  const { knex, bumped } = losing(/^update/);
  await expect(knex('notes').where('id', 1).update({ text: 'new' })).rejects.toThrow('ECONNRESET');
  expect(bumped).toEqual([['Note']]);
  await vi.advanceTimersByTimeAsync(2 * UNCERTAIN);
  expect(bumped).toEqual([['Note'], ['Note']]);
  await knex.destroy();
});

test('so is a transaction whose COMMIT is not answered', async () => {
  const { knex, bumped } = losing(/^COMMIT/);
  const failed = knex.transaction((trx) => trx('notes').where('id', 1).update({ text: 'new' }));
  await expect(failed).rejects.toThrow('ECONNRESET');
  expect(bumped).toEqual([['Note:=1', 'Note:*']]);
  await vi.advanceTimersByTimeAsync(2 * UNCERTAIN);
  expect(bumped).toHaveLength(2);
  await knex.destroy();
});

test('what the database refuses invalidates nothing', async () => {
  const { knex, bumped } = losing(/^nothing/);
  await expect(knex('notes').where('id', 1).update({ text: 'b' })).rejects.toThrow('UNIQUE');
  await vi.advanceTimersByTimeAsync(2 * UNCERTAIN);
  expect(bumped).toEqual([]);
  await knex.destroy();
});

test('what Knex does not send invalidates nothing', async () => {
  const { knex, bumped } = losing(/^nothing/);
  await expect(
    knex('notes')
      .where('id', undefined as never)
      .update({ text: 'new' }),
  ).rejects.toThrow('Undefined binding');
  await vi.advanceTimersByTimeAsync(2 * UNCERTAIN);
  expect(bumped).toEqual([]);
  await knex.destroy();
});

test('in a transaction that is rolled back, a write whose answer is lost invalidates nothing', async () => {
  const { knex, bumped } = losing(/^update/);
  const failed = knex.transaction((trx) => trx('notes').where('id', 1).update({ text: 'new' }));
  await expect(failed).rejects.toThrow('ECONNRESET');
  await vi.advanceTimersByTimeAsync(2 * UNCERTAIN);
  expect(bumped).toEqual([]);
  await knex.destroy();
});
