import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { expect, test } from 'vitest';
import { outboxSuite } from '../outbox.ts';
import { OrmSite } from '../site.ts';
import { Database, withOutbox } from './database.ts';

outboxSuite('Sequelize on SQLite', async (site) => withOutbox(await Database.open({}, {}, site)), {
  dialect: 'sqlite3',
  begins: true,
});

/** A site whose database answers a statement as if its connection were lost, and carries it out nevertheless. */
async function losing(statement: RegExp) {
  const site = new OrmSite({ store: new TestingStore(), timeout: '10s', outbox: { interval: '1h' } });
  const database = withOutbox(await Database.open({}, {}, site));
  await site.sweeper.outbox.createTable();
  await database.reset();
  const { sequelize } = database;
  const query = sequelize.query.bind(sequelize) as (...args: unknown[]) => Promise<unknown>;
  sequelize.query = (async (sql: unknown, ...args: unknown[]) => {
    const result = await query(sql, ...args);
    if (statement.test(String((sql as { query?: unknown }).query ?? sql))) {
      throw Object.assign(new Error('Connection terminated unexpectedly'), { code: 'ECONNRESET' });
    }
    return result;
  }) as never;
  const kinds = async () => {
    await site.sweeper.idle();
    const rows = (await database.query('SELECT id FROM cachesweeper_outbox')) as { id: string }[];
    return rows.map(({ id }) => id.split('-')[0]);
  };
  return { database, kinds, close: () => Promise.all([site.sweeper.close(), database.close()]) };
}

test('a COMMIT without an answer leaves its row to the polls, for the database may carry it out after the bump', async () => {
  const { database, kinds, close } = await losing(/^COMMIT/);
  await expect(database.transaction((tx) => database.save('new', tx))).rejects.toThrow(/terminated/);
  expect(await kinds()).toEqual(['saved']);
  await close();
});

test('a save without an answer stays one that is under way, for the database may carry it out later', async () => {
  const { database, kinds, close } = await losing(/^UPDATE/);
  await expect(database.update({ text: 'new' })).rejects.toThrow(/terminated/);
  expect(await kinds()).toEqual(['saving']);
  await close();
});
