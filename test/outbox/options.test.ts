import makeKnex from 'knex';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Blog } from './blog.ts';

let blog: Blog;
beforeEach(() => {
  blog = new Blog();
});
afterEach(() => blog.close());

describe('the option outbox', () => {
  test.each<[unknown, RegExp]>([
    ['cachesweeper_outbox', /outbox: expected true, a Knex instance .*, got the string "cachesweeper_outbox"/],
    [{ tabel: 'outbox' }, /outbox tabel: expected one of knex, table, interval/],
    [{ knex: {} }, /outbox knex: expected a Knex instance on PostgreSQL, MySQL, MariaDB or SQLite/],
    [{ table: 'outbox; DROP TABLE users' }, /outbox table: expected letters/],
    [{ table: 7 }, /outbox table/],
    [{ interval: 1 }, /outbox interval: expected a duration/],
    [{ interval: '1ms' }, /outbox interval: expected a duration of at least 10ms/],
    // A timer of Node would fire each millisecond.
    [{ interval: '30d' }, /outbox interval: expected a duration of at least 10ms and at most 1d/],
  ])('refuses %j', (outbox, message) => {
    expect(() => new CacheSweeper({ outbox: outbox as never })).toThrow(message);
    expect(() => new CacheSweeper({ outbox: outbox as never })).toThrow(
      expect.objectContaining({ code: 'CACHESWEEPER_BAD_OPTION' }),
    );
  });

  test('refuses a Knex of a database that it cannot be in', () => {
    const oracle = { raw() {}, transaction() {}, client: { dialect: 'oracle' } };
    expect(() => new CacheSweeper({ outbox: oracle as never })).toThrow(/outbox/);
  });

  test('refuses a transaction of Knex, which ends', async () => {
    const trx = await blog.knex.transaction();
    expect(() => new CacheSweeper({ outbox: trx })).toThrow(/outbox: expected/);
    expect(() => new CacheSweeper({ outbox: { knex: trx } })).toThrow(/outbox knex: expected/);
    await trx.rollback();
  });

  test('takes a Knex instance as it is, by its types as well', () => {
    const knex = makeKnex({ client: 'pg' });
    expect(new CacheSweeper({ outbox: knex }).outbox.createTableSql).toBe(
      'CREATE TABLE IF NOT EXISTS cachesweeper_outbox (site VARCHAR(150) NOT NULL, id VARCHAR(64) NOT NULL, ' +
        'names TEXT NOT NULL, PRIMARY KEY (site, id))',
    );
    expect(new CacheSweeper({ outbox: { knex, table: 'cache.outbox' } }).outbox.createTableSql).toContain(
      'cache.outbox (',
    );
  });

  test('is needed for sweeper.outbox', () => {
    for (const sweeper of [new CacheSweeper(), new CacheSweeper({ outbox: false })]) {
      expect(() => sweeper.outbox).toThrow(/option outbox: expected true/);
    }
  });
});

test('without a database nothing is written that nobody would find, and no table is made', async () => {
  const sweeper = new CacheSweeper({ outbox: true, store: new TestingStore(), onError: () => {} });
  await expect(sweeper.outbox.createTable()).rejects.toThrow(/outbox: expected a database.*sweepOnSave\(\) before/);
  const transaction = sweeper.transaction((t) => {
    t.invalidateCacheFor({ type: 'Comment', id: 1 });
    return t.writeOutbox((sql) => expect.unreachable(sql));
  });
  await expect(transaction).rejects.toMatchObject({ code: 'CACHESWEEPER_BAD_OPTION' });
  await sweeper.close();
});

test('the table is made where it is not there, and can be made again', async () => {
  const { outbox } = blog.process({ knex: blog.knex, table: 'mine' });
  await outbox.createTable();
  await outbox.createTable();
  expect(blog.database.prepare('SELECT * FROM mine').all()).toEqual([]);
});

test('without a store nothing is written or looked for, and a transaction goes on as before', async () => {
  const sweeper = new CacheSweeper({ outbox: { knex: blog.knex, interval: '10ms' } });
  await sweeper.outbox.createTable();
  blog.sent.length = 0;
  await sweeper.transaction((t) => {
    t.invalidateCacheFor({ type: 'Comment', id: 1 });
    return t.writeOutbox((sql) => expect.unreachable(sql));
  });
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect([blog.sent, blog.rows()]).toEqual([[], []]);
  await sweeper.close();
});

test('without the option writeOutbox does nothing', async () => {
  const sweeper = new CacheSweeper({ store: new TestingStore() });
  await sweeper.transaction((t) => {
    t.invalidateCacheFor({ type: 'Comment', id: 1 });
    return t.writeOutbox((sql) => expect.unreachable(sql));
  });
  await sweeper.close();
});
