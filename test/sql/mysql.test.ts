import { setTimeout as sleep } from 'node:timers/promises';
import type { Knex } from 'knex';
import { beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { connect } from '../../src/stores/sql/connection.ts';
import type { SqlConnection } from '../../src/stores/sql/dialect.ts';
import { MysqlDialect } from '../../src/stores/sql/mysql.ts';
import { checkKnex } from '../../src/stores/sql/options.ts';
import { isDeep } from '../support/long.ts';
import { CALL, item, MariaDbServer, opener, texts, using } from './support.ts';

const open = opener();

describe.runIf(isDeep)('MySQL and MariaDB', () => {
  const database = using(() => MariaDbServer.start());
  let site: Knex;
  beforeAll(() => {
    site = database().connect();
  });
  beforeEach(async () => {
    await open(site).store.setMany('token', [item('a', 'old')], CALL);
  });

  /** A connection that is given back when the test is over. */
  async function acquired(): Promise<SqlConnection> {
    const knex = checkKnex(site);
    const connection = await knex.client.acquireConnection();
    onTestFinished(async () => void (await knex.client.releaseConnection(connection)));
    return connect(knex, connection, 5_000, 'cachesweeper');
  }

  /** Connections for which a statement is carried out first. */
  function connectWith(sql: string): Knex {
    return database().connect({
      afterCreate: (connection: { query(sql: string, done: (error: unknown) => void): void }, done: Done) =>
        connection.query(sql, (error) => done(error, connection)),
    });
  }
  type Done = (error: unknown, connection: unknown) => void;

  test('the first write of a process is sent once: what another one has written since is not replaced', async () => {
    const connection = await acquired();
    const dialect = new MysqlDialect('cachesweeper');
    const other = open(database().connect()).store;
    let inserts = 0;
    const interrupted: SqlConnection = {
      async query(sql, bindings) {
        const rows = await connection.query(sql, bindings);
        if (!sql.startsWith('INSERT INTO `cachesweeper` ')) return rows;
        inserts++;
        expect(await texts(other, ['a'])).toEqual(['first']);
        expect(await other.setMany('token', [item('a', 'second')], CALL)).toEqual([true]);
        return rows;
      },
    };
    const items = [{ key: 't:a', value: Buffer.from('first'), life: 60_000 }];
    const deadline = (await dialect.read(connection, 'token', ['a'])).now + 5_000;
    const written = await dialect.write(interrupted, { items, isAdd: false, deadline, patience: 5_000 });
    expect([...(written ?? [])]).toEqual(['t:a']);
    expect(inserts).toBe(1);
    expect(await texts(other, ['a'])).toEqual(['second']);
  });

  test('a write in an epoch that ends at the same time is not acknowledged, and not sent again', async () => {
    const connection = await acquired();
    const dialect = new MysqlDialect('cachesweeper');
    let inserts = 0;
    const interrupted: SqlConnection = {
      async query(sql, bindings) {
        const rows = await connection.query(sql, bindings);
        if (!sql.startsWith('INSERT INTO `cachesweeper` ')) return rows;
        inserts++;
        // As another process begins one that has not seen the first.
        await connection.query(
          'INSERT INTO cachesweeper_epoch SELECT max(id) + 1, max(began) + 1, @@server_id FROM cachesweeper_epoch',
        );
        return rows;
      },
    };
    const items = [{ key: 't:a', value: Buffer.from('new'), life: 60_000 }];
    const deadline = (await dialect.read(connection, 'token', ['a'])).now + 5_000;
    expect(await dialect.write(interrupted, { items, isAdd: false, deadline, patience: 5_000 })).toBeUndefined();
    expect(inserts).toBe(1);
    expect(await texts(open(site).store, ['a'])).toEqual([undefined]);
  });

  test('a write that has changed nothing is not acknowledged, although its time is not over', async () => {
    const connection = await acquired();
    const dialect = new MysqlDialect('cachesweeper');
    const interrupted: SqlConnection = {
      async query(sql, bindings = []) {
        const isInsert = sql.startsWith('INSERT INTO `cachesweeper` ');
        // As if the clock were set back behind a statement that came too late: its two deadlines come last.
        return connection.query(sql, isInsert ? [...bindings.slice(0, -2), 0, 0] : bindings);
      },
    };
    const items = [{ key: 't:a', value: Buffer.from('new'), life: 60_000 }];
    const deadline = (await dialect.read(connection, 'token', ['a'])).now + 5_000;
    const written = await dialect.write(interrupted, { items, isAdd: false, deadline, patience: 5_000 });
    expect([...(written ?? [])]).toEqual([]);
    expect(await texts(open(site).store, ['a'])).toEqual(['old']);
  });

  test('a write that is given up after a second is not sent again, whatever time is left', async () => {
    const { store, errors } = open(site);
    const transaction = await database().connect().transaction();
    await transaction('cachesweeper').where({ k: 't:a' }).update({ size: 1 });
    const writing = store.setMany('token', [item('a', 'late')], CALL);
    const adding = store.addMany('token', [item('a', 'late')], CALL);
    await sleep(1_300);
    await transaction.commit();
    expect(await writing).toEqual([false]);
    expect(await adding).toEqual(['unknown']);
    expect(await texts(store, ['a'])).toEqual(['old']);
    expect(errors).toEqual([]);
  });

  test('a server that was primary before knows none of the tokens of then, although it was not started again', async () => {
    const setServer = (id: number) => site.raw('SET GLOBAL server_id = ?', [id]);
    const newProcess = () => open(database().connect()).store;
    expect(await texts(newProcess(), ['a'])).toEqual(['old']);
    // What another primary does is replicated.
    await setServer(2);
    try {
      expect(await texts(newProcess(), ['a'])).toEqual([undefined]);
      expect(await newProcess().setMany('token', [item('b', 'of the other')], CALL)).toEqual([true]);
    } finally {
      await setServer(1);
    }
    expect(await texts(newProcess(), ['a', 'b'])).toEqual([undefined, undefined]);
    expect(await newProcess().addMany('token', [item('a', 'new')], CALL)).toEqual(['added']);
    expect(await texts(newProcess(), ['a'])).toEqual(['new']);
  });

  test('keys with quotes and backslashes are as good as others, whatever quotes mean to the server', async () => {
    const { store } = open(connectWith("SET sql_mode = 'NO_BACKSLASH_ESCAPES'"));
    const keys = ["a'b", 'a\\', "'OR'1'='1"];
    expect(
      await store.setMany(
        'token',
        keys.map((key) => item(key, key)),
        CALL,
      ),
    ).toEqual([true, true, true]);
    expect(await texts(store, [...keys, "'OR'1"])).toEqual([...keys, undefined]);
  });

  test.each([
    ['autocommit', 'SET autocommit = 0'],
    ['SIMULTANEOUS_ASSIGNMENT', "SET sql_mode = 'SIMULTANEOUS_ASSIGNMENT'"],
  ])('connections that would not commit, or not assign in order, are not used: %s', async (word, sql) => {
    const { store, errors } = open(connectWith(sql));
    expect(await store.getMany('token', ['a'], CALL)).toEqual([{ state: 'unknown' }]);
    expect(await store.setMany('token', [item('a', 'lost')], CALL)).toEqual([false]);
    expect(errors.map(({ message }) => message)).toEqual([expect.stringContaining(word)]);
    expect(await texts(open(site).store, ['a'])).toEqual(['old']);
  });
});

/** A time zone, as in the variable `TZ`, whose summer ends in half an hour. Its clocks are an hour ahead until then. */
function summerEnds(): string {
  const now = new Date();
  const day = Math.floor((now.getTime() - Date.UTC(now.getUTCFullYear(), 0)) / 86_400_000);
  const minutes = now.getUTCHours() * 60 + now.getUTCMinutes() + 90;
  return `WIN0SUM,0/0,${day}/${Math.floor(minutes / 60)}:${minutes % 60}`;
}

test.runIf(isDeep)('the clock goes right in the hour that comes twice when summer ends', async () => {
  const database = await MariaDbServer.start({ zone: summerEnds() });
  try {
    const site = database.connect();
    await open(site).store.createTable();
    const [[{ ahead }]] = await site.raw('SELECT TIMESTAMPDIFF(MINUTE, UTC_TIMESTAMP(), NOW()) AS ahead');
    expect(ahead).toBe(60);
    const knex = checkKnex(site);
    const connection = await knex.client.acquireConnection();
    const { now } = await new MysqlDialect('cachesweeper').read(
      connect(knex, connection, 5_000, 'cachesweeper'),
      'token',
      ['a'],
    );
    await knex.client.releaseConnection(connection);
    expect(Math.abs(now - Date.now())).toBeLessThan(10 * 60_000);
  } finally {
    await database.stop();
  }
});

test.runIf(isDeep)(
  'a server whose clock stands still within a statement is not used: writes could come too late',
  async () => {
    const database = await MariaDbServer.start({ args: ['--sysdate-is-now'] });
    try {
      const { store, errors } = open(database.connect());
      await expect(store.createTable()).rejects.toThrow('sysdate-is-now');
      expect(await store.setMany('token', [item('a', 'lost')], CALL)).toEqual([false]);
      expect(errors.map(({ message }) => message)).toEqual([expect.stringContaining('sysdate-is-now')]);
    } finally {
      await database.stop();
    }
  },
);
