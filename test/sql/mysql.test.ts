import type { Knex } from 'knex';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { connect } from '../../src/stores/sql/connection.ts';
import type { SqlConnection } from '../../src/stores/sql/dialect.ts';
import { MysqlDialect } from '../../src/stores/sql/mysql.ts';
import { checkKnex } from '../../src/stores/sql/options.ts';
import { isDeep } from '../support/long.ts';
import { CALL, item, MariaDbServer, opener, texts, using } from './support.ts';

const open = opener();

describe.runIf(isDeep)('MySQL and MariaDB', () => {
  const database = isDeep ? using(() => MariaDbServer.start()) : undefined;
  let site: Knex;
  beforeAll(() => {
    site = database?.().connect() as Knex;
  });
  beforeEach(async () => {
    await open(site).store.setMany('token', [item('a', 'old')], CALL);
  });

  /** Connections for which a statement is carried out first. */
  function connectWith(sql: string): Knex {
    return database?.().connect({
      afterCreate: (connection: { query(sql: string, done: (error: unknown) => void): void }, done: Done) =>
        connection.query(sql, (error) => done(error, connection)),
    }) as Knex;
  }
  type Done = (error: unknown, connection: unknown) => void;

  test('the first write of a process is sent once: what another one has written since is not replaced', async () => {
    const knex = checkKnex(site);
    const raw = await knex.client.acquireConnection();
    const connection = connect(knex, raw, 5_000);
    const dialect = new MysqlDialect('cachesweeper');
    const other = open(database?.().connect() as Knex).store;
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
    const deadline = (await dialect.now(connection)) + 5_000;
    const written = await dialect.write(interrupted, { items, isAdd: false, deadline, patience: 5_000 });
    await knex.client.releaseConnection(raw);
    expect([...written]).toEqual(['t:a']);
    expect(inserts).toBe(1);
    expect(await texts(other, ['a'])).toEqual(['second']);
  });

  test('a server that was primary before knows none of the tokens of then, although it was not started again', async () => {
    const setServer = (id: number) => site.raw('SET GLOBAL server_id = ?', [id]);
    const newProcess = () => open(database?.().connect() as Knex).store;
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
