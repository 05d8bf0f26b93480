import { setTimeout as sleep } from 'node:timers/promises';
import type { Knex } from 'knex';
import Driver from 'libsql';
import { SqlStore } from 'nunjucks-cachesweeper/sql';
import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { connect } from '../../src/stores/sql/connection.ts';
import { dialectOf } from '../../src/stores/sql/dialects.ts';
import { checkKnex } from '../../src/stores/sql/options.ts';
import { knexOn } from '../support/knex-sqlite.mjs';
import { isDeep, sized } from '../support/long.ts';
import { CALL, databases, item, opener, SqliteFile, texts, using } from './support.ts';

const open = opener();

describe.each(databases)('on %s', (name, start) => {
  const database = using(start);
  let site: Knex;
  let other: Knex;
  beforeAll(() => {
    site = database().connect();
    other = database().connect();
  });

  /** Holds the lock of a row, as a transaction of the site could. */
  async function locked<T>(key: string, run: () => Promise<T>): Promise<T> {
    const transaction = await other.transaction();
    try {
      await transaction('cachesweeper')
        .where({ k: `t:${key}` })
        .update({ size: 1 });
      const answer = await run();
      // A timer may fire a millisecond early.
      await sleep(10);
      return answer;
    } finally {
      await transaction.commit();
    }
  }

  test.each(['setMany', 'addMany'] as const)(
    '%s that waits for a lock for longer than its time is not acknowledged, and not carried out later',
    async (method) => {
      const { store, errors } = open(site);
      await store.setMany('token', [item('held', 'old')], CALL);
      if (method === 'addMany') await site('cachesweeper').update({ expires: 0 });
      const before = await site('cachesweeper').where({ k: 't:held' }).first('value');
      const answers = await locked('held', async () => {
        const started = performance.now();
        const answered = await store[method]('token', [item('held', 'late')], { timeout: 150 });
        return { answered, took: performance.now() - started };
      });
      expect(answers.answered).toEqual([method === 'setMany' ? false : 'unknown']);
      // A write of the same connections comes behind it.
      expect(await store.setMany('token', [item('next', 'x')], CALL)).toEqual([true]);
      expect(await site('cachesweeper').where({ k: 't:held' }).first('value')).toEqual(before);
      // The database gives up as well: no statement waits on.
      if (name !== 'MariaDB') await expect.poll(() => store.stats().busy).toBeGreaterThan(0);
      expect(errors).toEqual([]);
    },
  );

  test('a lock that is held for longer than a second is no failure of the database', async () => {
    if (!isDeep) return;
    const { store, errors } = open(site);
    await store.setMany('token', [item('held', 'old')], CALL);
    await locked('held', async () => {
      expect(await store.setMany('token', [item('held', 'late')], { timeout: 1_500 })).toEqual([false]);
      expect(await texts(store, ['held'])).toEqual(['old']);
    });
    expect(await store.setMany('token', [item('held', 'new')], CALL)).toEqual([true]);
    expect(errors).toEqual([]);
  });

  test('a statement that gets its lock after its deadline writes nothing, whether the row was there before or not', async () => {
    if (name === 'an SQLite file') return; // It never waits for a lock: it tries again, with the same deadline.
    const { store } = open(site);
    await store.setMany('token', [item('a', 'old')], CALL);
    await store.getMany('token', ['b'], CALL);
    await other('cachesweeper').where({ k: 't:b' }).delete();
    const knex = checkKnex(site);
    const dialect = dialectOf(knex.client.driverName, 'cachesweeper');
    const raw = await knex.client.acquireConnection();
    const connection = connect(knex, raw, 5_000, 'cachesweeper');
    const deadline = (await dialect.read(connection, 'token', ['a'])).now + 100;
    const row = (key: string) => ({ key: `t:${key}`, value: Buffer.from('late'), life: 10_000 });
    const transaction = await other.transaction();
    await transaction('cachesweeper').where({ k: 't:a' }).update({ size: 1 });
    const copy = "INSERT INTO cachesweeper SELECT 't:b', ";
    const columns = name === 'MariaDB' ? 'value, size, expires, epoch, nonce' : 'value, size, expires, epoch';
    await transaction.raw(`${copy} ${columns} FROM cachesweeper WHERE k = 't:a'`);
    const items = [row('a'), row('b')];
    const writing = dialect.write(connection, { items, isAdd: false, deadline, patience: 5_000 });
    await sleep(200);
    await transaction.commit();
    expect(await writing).toEqual(new Set());
    await knex.client.releaseConnection(raw);
    expect(await texts(store, ['a', 'b'])).toEqual(['old', 'old']);
  });

  test('two processes that write the same keys in opposite orders do not wait for each other', async () => {
    const [one, two] = [open(site).store, open(other).store];
    const items = Array.from({ length: 50 }, (_, i) => item(`both${i}`, 'x'));
    const rounds = sized(10, 200, 50);
    for (let round = 0; round < rounds; round++) {
      const both = [one.setMany('token', items, CALL), two.setMany('token', [...items].reverse(), CALL)];
      for (const answers of await Promise.all(both)) expect(answers).toEqual(items.map(() => true));
    }
  });

  test('what was written in another epoch is missing, and does not keep a value from being added', async () => {
    const { store } = open(site);
    await store.setMany('token', [item('a', 'old'), item('b', 'old')], CALL);
    await site('cachesweeper').update({ epoch: 1 });
    expect(await texts(store, ['a', 'b'])).toEqual([undefined, undefined]);
    expect(await store.addMany('token', [item('a', 'new')], CALL)).toEqual(['added']);
    expect(await store.setMany('token', [item('b', 'new')], CALL)).toEqual([true]);
    expect(await texts(open(other).store, ['a', 'b'])).toEqual(['new', 'new']);
  });

  test('in a transaction of the site, with all connections of its pool in use, the store answers in time, and does not join it', async () => {
    const small = database().connect({ min: 0, max: 1 });
    const { store } = open(small);
    await store.setMany('token', [item('seen', 'old')], CALL);
    const transaction = await small.transaction();
    await transaction('cachesweeper').where({ k: 't:seen' }).select();
    expect(await store.getMany('token', ['seen'], { timeout: 50 })).toEqual([{ state: 'unknown' }]);
    expect(await store.setMany('token', [item('seen', 'late')], { timeout: 50 })).toEqual([false]);
    await transaction.rollback();
    expect(await store.setMany('token', [item('next', 'x')], CALL)).toEqual([true]);
    expect(await texts(store, ['seen', 'next'])).toEqual(['old', 'x']);
  });

  test('a transaction of the site that sees an older state does not hide what other processes have written since', async () => {
    const { store } = open(site);
    await store.setMany('token', [item('seen', 'old')], CALL);
    // SQLite's pool has one connection, which the transaction has.
    const transaction = await (name === 'an SQLite file' ? other : site).transaction(undefined, {
      ...(name === 'an SQLite file' ? {} : { isolationLevel: 'repeatable read' }),
    });
    await transaction('cachesweeper').where({ k: 't:seen' }).select();
    await open(database().connect()).store.setMany('token', [item('seen', 'new')], CALL);
    expect(await texts(store, ['seen'])).toEqual(['new']);
    await transaction.rollback();
  });

  test('a connection that came back to the pool with a transaction open is not written over', async () => {
    const small = database().connect({ min: 0, max: 1 });
    const { store, errors } = open(small);
    expect(await store.setMany('token', [item('left', 'old')], CALL)).toEqual([true]);
    const { client } = checkKnex(small);
    const begin = async (sql: string) => {
      const connection = await client.acquireConnection();
      await small.raw(sql).connection(connection);
      await client.releaseConnection(connection);
    };
    await begin('BEGIN');
    expect(await store.setMany('token', [item('left', 'uncommitted')], { timeout: 200 })).toEqual([false]);
    // It waits for others in SQLite, whose transactions last for long.
    if (name !== 'an SQLite file') expect(errors[0]?.message).toContain('has a transaction open');
    if (name === 'MariaDB')
      expect(await open(small).store.getMany('token', ['left'], CALL)).toEqual([{ state: 'unknown' }]);
    await begin('ROLLBACK');
    expect(await texts(open(other).store, ['left'])).toEqual(['old']);
    await expect.poll(async () => (await store.getMany('token', ['left'], CALL))[0]?.state).toBe('found');
    await small.destroy();
  });

  test('several processes may make the table at one time', async () => {
    await site.schema.dropTableIfExists('at_once');
    const processes = Array.from({ length: 6 }, () => database().connect());
    await Promise.all(processes.map((knex) => new SqlStore(knex, { table: 'at_once' }).createTable()));
    expect(await open(site, { table: 'at_once' }).store.setMany('token', [item('a', 'x')], CALL)).toEqual([true]);
  });

  test('close() answers what waits, and leaves the connections to the site', async () => {
    const { store } = open(site);
    const writing = store.setMany('token', [item('last', 'x')], CALL);
    await store.close();
    expect([[true], [false]]).toContainEqual(await writing);
    expect(await site('cachesweeper').where({ k: 'none' }).select()).toEqual([]);
  });
});

test('SqlStore is given rows of a table that is not there: one error, and everything is unknown', async () => {
  const [, start] = databases[0] as (typeof databases)[0];
  const database = await start();
  const { store, errors } = open(database.connect());
  expect(await store.getMany('token', ['a'], CALL)).toEqual([{ state: 'unknown' }]);
  expect(await store.setMany('token', [item('a', 'x')], CALL)).toEqual([false]);
  expect(errors.map(({ code }) => code)).toEqual(['CACHESWEEPER_STORE_UNREACHABLE']);
  expect(errors[0]?.message).toContain('no such table');
  await new SqlStore(database.connect()).createTable();
  await expect.poll(async () => (await store.getMany('token', ['a'], CALL))[0]?.state).toBe('missing');
  await database.stop();
});

test("what the store writes leaves the connection's own patience with locks as it was", async () => {
  const file = new SqliteFile();
  try {
    const database = new Driver(file.filename);
    database.pragma('busy_timeout = 1234');
    const { store } = open(knexOn(database));
    await store.createTable();
    expect(await store.setMany('token', [item('a', '1')], CALL)).toEqual([true]);
    expect(database.pragma('busy_timeout')).toEqual([{ timeout: 1234 }]);
    database.close();
  } finally {
    await file.stop();
  }
});

test('where the site reads rows one by one on the connection, which then sees an old state, nothing is known', async () => {
  const file = new SqliteFile();
  /** As better-sqlite3 answers while a statement of the connection has not been read to its end. */
  let isReading = false;
  const refuse = (connection: Driver.Database, done: (error: null, connection: Driver.Database) => void) => {
    const { exec } = connection;
    connection.exec = function (this: Driver.Database, sql: string) {
      if (isReading) throw new TypeError('This database connection is busy executing a query');
      return exec.call(this, sql);
    };
    done(null, connection);
  };
  const { store } = open(file.connect({ min: 1, max: 1, afterCreate: refuse }));
  await store.createTable();
  expect(await store.setMany('token', [item('a', 'old')], CALL)).toEqual([true]);
  expect(await texts(store, ['a'])).toEqual(['old']);
  isReading = true;
  expect(await store.getMany('token', ['a'], CALL)).toEqual([{ state: 'unknown' }]);
  isReading = false;
  await expect.poll(async () => (await store.getMany('token', ['a'], CALL))[0]?.state).toBe('found');
  await file.stop();
});

test('a process that only writes learns from a write that came too late that the clock was set forward', async () => {
  const file = new SqliteFile();
  try {
    const { store } = open(file.connect());
    await store.createTable();
    const clock = vi.spyOn(Date, 'now').mockReturnValue(Date.now() - 60_000);
    onTestFinished(() => clock.mockRestore());
    expect(await store.setMany('token', [item('a', 'before')], CALL)).toEqual([false]);
    clock.mockRestore();
    expect(await store.setMany('token', [item('a', 'after')], CALL)).toEqual([true]);
  } finally {
    await file.stop();
  }
});
