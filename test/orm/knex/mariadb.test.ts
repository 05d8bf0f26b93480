import makeKnex, { type Knex } from 'knex';
import { sweepOnSave } from 'nunjucks-cachesweeper/knex';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MariaDb } from '../../sql/mariadb.ts';
import { isDeep } from '../../support/long.ts';
import { fragment, Site } from '../../sweeper/site.ts';

/** What MySQL does in another way than the databases on which the table of docs/orm.md is tried. */
describe.runIf(isDeep)('Knex on MariaDB', () => {
  const server = new MariaDb();
  let knex: Knex;
  let site: Site;
  const tags = ['1', 'a'].map((id) => `{ type: "Note", id: "${id}" }`);
  const [one, a] = tags as [string, string];
  const all = [...tags, '"old"'];

  beforeAll(async () => {
    await server.start();
    const first = makeKnex({ client: 'mysql2', connection: { socketPath: server.socketPath } });
    await first.raw('CREATE DATABASE blog');
    await first.destroy();
  });
  afterAll(async () => {
    await knex?.destroy();
    await server.stop();
  });

  /** @param idOf makes the column of the ids */
  const start = async (idOf: (table: Knex.CreateTableBuilder) => unknown) => {
    await knex?.destroy();
    knex = makeKnex({ client: 'mysql2', connection: { socketPath: server.socketPath, database: 'blog' } });
    await knex.schema.dropTableIfExists('notes').dropTableIfExists('old').dropTableIfExists('made');
    await knex.schema.createTable('notes', (table) => {
      idOf(table);
      table.text('text');
    });
    await knex.schema.createTable('old', (table) => {
      table.increments('id');
      table.text('text');
    });
    site = new Site(all.map((tag) => fragment(`${tag} 0`, `'${tag}'`)).join(''));
    sweepOnSave(knex, site.sweeper, { models: { notes: 'Note' } });
  };
  const ranAfter = async (write: () => PromiseLike<unknown>) => {
    site.settle();
    await site.render();
    expect((await site.render()).ran).toEqual([]);
    await write();
    return (await site.render()).ran;
  };

  test('the id of one row that is inserted, by its number', async () => {
    await start((table) => table.increments('id'));
    expect(await ranAfter(() => knex('notes').insert({ text: 'a' }))).toEqual([one]);
    expect(await ranAfter(() => knex('notes').insert({ id: 1, text: 'b' }).onConflict('id').merge())).toEqual(tags);
  });

  test('an id in other letters than those of the row that it meets', async () => {
    await start((table) => table.string('id').primary());
    await knex('notes').insert({ id: 'a', text: 'a' });
    expect(await ranAfter(() => knex('notes').where('id', 'A').update({ text: 'b' }))).toEqual([a]);
    expect(await ranAfter(() => knex('notes').where('id', 'A').delete())).toEqual([a]);
  });

  test('both tables of an update that joins them', async () => {
    await start((table) => table.increments('id'));
    const joined = () =>
      knex('notes').join('old', 'old.id', 'notes.id').where('notes.id', 1).update({ 'old.text': 'b' });
    expect(await ranAfter(joined)).toEqual(all);
  });

  test.each<[string, (trx: Knex.Transaction) => PromiseLike<unknown>]>([
    ['an emptied table', (trx) => trx('old').truncate()],
    ['a new table', (trx) => trx.schema.createTable('made', (table) => table.increments('id'))],
  ])('a transaction that the database commits at %s, although it is rolled back', async (_title, define) => {
    await start((table) => table.increments('id'));
    const rolledBack = async () => {
      const trx = await knex.transaction();
      await trx('notes').insert({ id: 1, text: 'a' });
      await define(trx);
      await trx.rollback();
    };
    expect(await ranAfter(rolledBack)).toContain(one);
    expect(await knex('notes')).toHaveLength(1);
    const failing = () =>
      knex.transaction(async (trx) => {
        await trx('notes').where('id', 1).update({ text: 'b' });
        await define(trx);
        throw new Error('stop');
      });
    await knex.schema.dropTableIfExists('made');
    expect(await ranAfter(() => failing().catch(() => undefined))).toContain(one);
  });

  test('a transaction, and a savepoint that is rolled back', async () => {
    await start((table) => table.increments('id'));
    await knex('notes').insert([{ text: 'a' }]);
    const change = (trx: Knex) => trx('notes').where('id', 1).update({ text: 'b' });
    expect(await ranAfter(() => knex.transaction(change))).toEqual([one]);
    const inner = () =>
      knex.transaction((trx) =>
        trx.transaction(async (save) => {
          await change(save);
          await save.rollback();
        }),
      );
    expect(await ranAfter(inner)).toEqual([]);
  });
});
