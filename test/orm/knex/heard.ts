import type { Knex } from 'knex';
import { type KnexHookOptions, sweepOnSave } from 'nunjucks-cachesweeper/knex';
import { Model, snakeCaseMappers } from 'objection';
import { afterEach, describe, expect, test } from 'vitest';
import { fragment, Site } from '../../sweeper/site.ts';
import { metTests } from '../met.ts';

/** Saves that need other tables than the blog's: keys, names and statements of other kinds. */
export function heardSuite(title: string, open: () => Promise<Knex>): void {
  describe(`${title}, other tables`, () => suite(open));
}

function suite(open: () => Promise<Knex>): void {
  let knex: Knex;
  let site: Site;
  const errors: unknown[] = [];
  afterEach(async () => {
    await knex.destroy();
    expect(errors.splice(0)).toEqual([]);
  });

  const isPostgres = () => knex.client.dialect === 'postgresql';

  /** A site whose tags are these expressions, which are their labels. */
  const start = async (tags: readonly string[], tables: (schema: Knex.SchemaBuilder) => Knex.SchemaBuilder) => {
    site = new Site(tags.map((tag) => fragment(`${tag} 0`, `'${tag}'`)).join(''), {
      onError: (error) => errors.push(error),
    });
    knex = await open();
    await tables(knex.schema);
  };
  const listen = (hook: KnexHookOptions = {}) => sweepOnSave(knex, site.sweeper, hook);

  /** Which tags are made anew by a write. */
  const ranAfter = async (write: () => PromiseLike<unknown>, context: object = {}) => {
    site.settle();
    await site.render(context);
    expect((await site.render(context)).ran).toEqual([]);
    await write();
    return (await site.render(context)).ran;
  };

  const note = (id: number | string, type = 'notes') => `{ type: "${type}", id: ${JSON.stringify(id)} }`;
  const notes = (schema: Knex.SchemaBuilder) =>
    schema.createTable('notes', (table) => {
      table.increments('id');
      table.text('text');
      table.integer('version').defaultTo(0);
    });

  describe('which rows', () => {
    test('an id that is not written as the row has it is the row that it met', async () => {
      await start([note(1), note(2)], notes);
      await knex('notes').insert([{ text: 'a' }, { text: 'b' }]);
      listen();
      expect(await ranAfter(() => knex('notes').where('id', '01').update({ text: 'new' }))).toEqual([note(1)]);
      expect(await knex('notes').where('id', 1)).toMatchObject([{ text: 'new' }]);
    });

    test('a row that another connection inserts between the reading and the write', async () => {
      await start([note(7), note(2)], notes);
      listen();
      let reads = 0;
      let inserted: Promise<unknown> | undefined;
      // Knex asks its pool for a connection before the statement is sent.
      knex.on('query-response', (_rows: unknown, { sql }: { sql: string }) => {
        if (/^select/.test(sql) && ++reads === 1)
          inserted = Promise.resolve(knex.raw('INSERT INTO notes (id) VALUES (7)'));
      });
      expect(await ranAfter(() => knex('notes').where('id', 7).update({ text: 'new' }))).toEqual([note(7)]);
      await inserted;
      expect(reads).toBe(2);
    });

    test('the type where the key is set, in whatever case SQLite takes its name', async () => {
      await start([note(1), note(9)], notes);
      await knex('notes').insert({ text: 'a' });
      listen();
      if (isPostgres()) return;
      expect(await ranAfter(() => knex('notes').where('id', 1).update({ ID: 9 }))).toEqual([note(1), note(9)]);
    });

    test('none where nothing has the id, but whoever shows that it is missing', async () => {
      await start([note(1), note(9), '"notes"'], notes);
      listen();
      expect(await ranAfter(() => knex('notes').where('id', 9).delete())).toEqual([note(9), '"notes"']);
    });

    test.each<[string, (rows: Knex.QueryBuilder) => PromiseLike<unknown>, boolean]>([
      ['another id', (rows) => rows.where('id', 1).orWhere('id', 2).delete(), true],
      ['raw SQL, whose OR reaches further', (rows) => rows.where('id', 1).whereRaw('id = 0 or id = 2').delete(), true],
      ['a raw value', (rows) => rows.where({ id: 1 }).where('version', '=', knex.raw('0 or 1 = 1')).delete(), true],
      ['the opposite', (rows) => rows.whereNot('id', 1).delete(), true],
      ['another column', (rows) => rows.where('id', knex.ref('version')).delete(), true],
      ['what a query finds', (rows) => rows.whereIn('id', knex('notes').select('id')).delete(), true],
      [
        'more conditions',
        (rows) =>
          rows
            .where({ id: 1 })
            .where((and) => and.where('id', 1).orWhere('id', 2))
            .delete(),
        false,
      ],
      ['an order and a limit of ids', (rows) => rows.whereIn('id', [1]).whereNull('text').delete(), false],
    ])('conditions with %s', async (_title, write, isType) => {
      await start([note(1), note(2), note(3)], notes);
      await knex('notes').insert([{ version: 1 }, { version: 0 }, { version: 0 }]);
      listen();
      expect(await ranAfter(() => write(knex('notes')))).toEqual(isType ? [note(1), note(2), note(3)] : [note(1)]);
    });

    test('a key of several columns, which the function of its id names', async () => {
      const line = (order: number, position: number) => `{ type: "Line", id: [${order}, ${position}] }`;
      await start([line(1, 1), line(1, 2), line(2, 1)], (schema) =>
        schema.createTable('lines', (table) => {
          table.integer('order');
          table.integer('position');
          table.text('text');
          table.primary(['order', 'position']);
        }),
      );
      await knex('lines').insert([1, 2].flatMap((order) => [1, 2].map((position) => ({ order, position }))));
      const id = (row: { order: number; position: number }) => [row.order, row.position];
      listen({ models: { lines: { type: 'Line', id } } });
      const at = knex('lines').where({ order: 1, position: 2 });
      expect(await ranAfter(() => at.clone().update({ text: 'new' }))).toEqual([line(1, 2)]);
      expect(await ranAfter(() => at.clone().delete())).toEqual([line(1, 2)]);
      expect(await ranAfter(() => knex('lines').where({ order: 1 }).update({ text: 'new' }))).toHaveLength(3);
      expect(await ranAfter(() => knex('lines').insert({ order: 1, position: 2 }))).toEqual([line(1, 2)]);
    });

    test("with bulk: 'rows' those that match a condition, up to 1,000", async () => {
      await start([note(1), note(2), note(3)], notes);
      await knex('notes').insert([{ text: 'a' }, { text: 'a' }, { text: 'b' }]);
      listen({ bulk: 'rows' });
      const all = knex('notes').where('text', 'a');
      expect(await ranAfter(() => all.clone().increment('version'))).toEqual([note(1), note(2)]);
      expect(await ranAfter(() => all.clone().update({ text: 'b' }).returning('id'))).toEqual([note(1), note(2)]);
      expect(await ranAfter(() => knex('notes').whereRaw('id > 2').delete())).toEqual([note(3)]);
      await knex.batchInsert(
        'notes',
        Array.from({ length: 1_001 }, () => ({ text: 'many' })),
        100,
      );
      expect(await ranAfter(() => knex('notes').where('text', 'many').update({ text: 'more' }))).toHaveLength(3);
    });

    test('one row that is inserted without its id', async () => {
      await start([note(1), note(2)], notes);
      listen();
      const ran = await ranAfter(() => knex('notes').insert({ text: 'a' }));
      expect(ran).toEqual(isPostgres() ? [note(1), note(2)] : [note(1)]);
    });

    test('the number of a row is not taken for its id', async () => {
      await start([note('a'), note(1)], (schema) => schema.createTable('notes', (table) => table.text('id').primary()));
      await knex.raw("INSERT INTO notes (id) VALUES ('a')");
      listen();
      expect(await ranAfter(() => knex('notes').insert({ id: 'b' }))).toEqual([]);
      expect(await ranAfter(() => knex('notes').insert({ id: knex.raw("'c'") }))).toEqual([note('a'), note(1)]);
    });

    test('with using, only a save that changes the column', async () => {
      await start([note(1)], notes);
      await knex('notes').insert({ text: 'a' });
      listen({ models: { notes: { using: 'version' } } });
      const row = knex('notes').where('id', 1);
      expect(await ranAfter(() => row.clone().update({ version: 1 }))).toEqual([note(1)]);
      expect(await ranAfter(() => row.clone().update({ text: 'b' }))).toEqual([]);
      expect(await ranAfter(() => row.clone().increment('version'))).toEqual([note(1)]);
      expect(await ranAfter(() => row.clone().delete())).toEqual([note(1)]);
    });
  });

  describe('which tables', () => {
    const two = (schema: Knex.SchemaBuilder) =>
      notes(schema).createTable('old', (table) => {
        table.increments('id');
        table.text('text');
      });

    test('of rows whose types nobody has named: the name of the table', async () => {
      await start([note(1), '"notes"', '"old"'], two);
      await knex('notes').insert({ text: 'a' });
      listen();
      expect(await ranAfter(() => knex('notes').where('id', 1).update({ text: 'b' }))).toEqual([note(1), '"notes"']);
    });

    test('a table with its schema, in the options or in the statement', async () => {
      await start([note(1, 'Note'), '"old"'], two);
      await knex('notes').insert({ text: 'a' });
      const schema = isPostgres() ? 'public' : 'main';
      listen({ models: { [`${schema}.notes`]: 'Note' }, exclude: [`${schema}.old`] });
      for (const table of [`${schema}.notes`, 'notes']) {
        expect(await ranAfter(() => knex(table).where('id', 1).update({ text: 'b' }))).toEqual([note(1, 'Note')]);
      }
      const rows = knex.withSchema(schema);
      expect(await ranAfter(() => rows.from('notes').where('id', 1).update({ text: 'b' }))).toEqual([note(1, 'Note')]);
      expect(await ranAfter(() => knex('old').insert({ text: 'b' }))).toEqual([]);
    });

    test('a change of the schema may be any; making a table is none', async () => {
      await start([note(1), '"other"'], notes);
      await knex('notes').insert({ text: 'a' });
      listen();
      const add = (table: Knex.AlterTableBuilder) => table.text('more').defaultTo('new');
      expect(await ranAfter(() => knex.schema.alterTable('notes', add))).toEqual([note(1), '"other"']);
      const made = knex.schema.createTable('more', (table) => table.increments('id'));
      expect(await ranAfter(() => made)).toEqual([]);
      expect(await ranAfter(() => knex.schema.hasTable('more'))).toEqual([]);
      expect(await ranAfter(() => knex.schema.renameTable('notes', 'others'))).toEqual([note(1), '"other"']);
    });

    test('a common table expression that only reads writes nothing', async () => {
      await start([note(1), '"old"'], two);
      listen();
      const found = knex.with('n', knex('notes').where('text', 'update notes')).select('*').from('n');
      expect(await ranAfter(() => found)).toEqual([]);
    });

    test('a common table expression that writes: its table, and that of the statement', async () => {
      await start(['"notes"', '"old"', '"other"'], two);
      await knex('old').insert([{ text: 'a' }]);
      listen();
      if (!isPostgres()) return;
      const moved = knex('old').delete().returning('text');
      const all = ['"notes"', '"old"'];
      const into = knex.with('moved', moved).into(knex.raw('?? (??)', ['notes', 'text']));
      expect(await ranAfter(() => into.insert(knex('moved').select('text')))).toEqual(all);
      expect(await knex('notes').pluck('text')).toEqual(['a']);
      await knex('old').insert([{ text: 'b' }]);
      expect(await ranAfter(() => knex.with('moved', moved).select('*').from('moved'))).toEqual(['"old"']);
    });

    test('all that are joined to the table of a statement', async () => {
      await start(['"notes"', '"old"', '"other"'], two);
      listen();
      if (!isPostgres()) return;
      const all = ['"notes"', '"old"'];
      const rows = knex('notes').whereRaw('notes.id = old.id');
      expect(await ranAfter(() => rows.clone().updateFrom('old').update({ text: 'new' }))).toEqual(all);
      expect(await ranAfter(() => rows.clone().using(['old']).delete())).toEqual(all);
      expect(await ranAfter(() => knex('notes').join('old', 'old.id', 'notes.id').delete())).toEqual(all);
    });

    test('everything, where it has no name', async () => {
      await start(['"notes"', '"other"'], two);
      listen();
      const update = () => knex(knex.raw('notes')).update({ text: 'new' });
      expect(await ranAfter(update)).toEqual(['"notes"', '"other"']);
    });

    test('rows that go with rows of a table, and those that go with these; rows that only change do not', async () => {
      await start(['"notes"', '"old"', '"more"'], two);
      await knex('notes').insert({ text: 'a' });
      listen({ models: { notes: { cascades: ['old'] }, old: { cascades: ['more', 'notes'] } } });
      expect(await ranAfter(() => knex('notes').where('id', 1).update({ text: 'b' }))).toEqual(['"notes"']);
      const all = ['"notes"', '"old"', '"more"'];
      expect(await ranAfter(() => knex('notes').where('id', 1).update({ id: 5 }))).toEqual(all);
      expect(await ranAfter(() => knex('notes').where('id', 5).delete())).toEqual(all);
    });
  });

  describe('transactions', () => {
    const one = async () => {
      await start([note(1)], notes);
      await knex('notes').insert({ text: 'a' });
      listen();
    };
    const change = (trx: Knex) => trx('notes').where('id', 1).increment('version');

    test('of a provider', async () => {
      await one();
      const provider = knex.transactionProvider();
      expect(await ranAfter(async () => change(await provider()))).toEqual([]);
      expect(await ranAfter(async () => (await provider()).commit())).toEqual([note(1)]);
    });

    test('what awaits the end of one sees the bump', async () => {
      await one();
      const ended = async () => {
        const trx = await knex.transaction();
        await change(trx);
        void trx.commit();
        await trx.executionPromise;
      };
      expect(await ranAfter(ended)).toEqual([note(1)]);
    });

    test('one that is rolled back in its callback resolves, and nothing is invalidated', async () => {
      await one();
      const rolledBack = () =>
        knex.transaction(async (trx) => {
          await change(trx);
          await trx.rollback();
        });
      expect(await ranAfter(rolledBack)).toEqual([]);
      expect(await knex('notes').pluck('version')).toEqual([0]);
    });

    test('a savepoint that was neither released nor rolled back is committed with the transaction around it', async () => {
      await one();
      const committed = async () => {
        const trx = await knex.transaction();
        const inner = await trx.transaction();
        await change(await inner.transaction());
        await trx.commit();
      };
      expect(await ranAfter(committed)).toEqual([note(1)]);
    });

    test('a savepoint that is rolled back alone takes back its own writes only', async () => {
      await start([note(1), note(2)], notes);
      await knex('notes').insert([{ text: 'a' }, { text: 'b' }]);
      listen();
      const committed = () =>
        knex.transaction(async (trx) => {
          await change(trx);
          const inner = await trx.transaction();
          await inner('notes').where('id', 2).increment('version');
          await inner.rollback();
        });
      expect(await ranAfter(committed)).toEqual([note(1)]);
    });

    test('a write that fails changes nothing', async () => {
      await one();
      const failing = async () => {
        await expect(knex('notes').insert({ id: 1 })).rejects.toThrow();
        await expect(knex('nowhere').where('id', 1).update({ id: 1 })).rejects.toThrow(/nowhere/);
      };
      expect(await ranAfter(failing)).toEqual([]);
    });

    test('a transaction that cannot begin rejects as without the hook', async () => {
      await one();
      const { client } = knex;
      const acquire = client.acquireConnection;
      client.acquireConnection = () => Promise.reject(new Error('no connection'));
      await expect(knex.transaction(async (trx) => change(trx))).rejects.toThrow('no connection');
      await expect(knex.transaction()).rejects.toThrow('no connection');
      client.acquireConnection = acquire;
    });
  });

  describe("Objection's models", () => {
    const people = (schema: Knex.SchemaBuilder) =>
      schema.createTable('people', (table) => {
        table.increments('person_id');
        table.text('full_name');
      });
    const person = () => {
      class Person extends Model {
        static override tableName = 'people';
        static override idColumn = 'person_id';
        static override columnNameMappers = snakeCaseMappers();
        declare personId: number;
        declare fullName: string;
        get initial(): string {
          return this.fullName.slice(0, 1);
        }
      }
      Person.knex(knex);
      return Person;
    };

    test('have their keys and the names of their attributes, in touches, too', async () => {
      await start(['first', 'second', '"a"', '"b"'], people);
      const Person = person();
      const first = await Person.query().insert({ fullName: 'a' });
      const context = { first, second: await Person.query().insert({ fullName: 'c' }) };
      listen({ models: { people: Person } });
      site.sweeper.register(Person, { touches: (row) => (row as { initial: string }).initial });
      const rename = () => Person.query().findById(1).patch({ fullName: 'b' });
      expect(await ranAfter(rename, context)).toEqual(['first', '"a"', '"b"']);
      expect(await ranAfter(() => Person.query().insert({ fullName: 'a' }), context)).toEqual(['"a"']);
    });

    test('one that was not named is refused, because its saves are heard under another type', async () => {
      await start(['row'], people);
      const Person = person();
      await Person.query().insert({ fullName: 'a' });
      listen();
      const row = await Person.query().findById(1);
      await expect(site.render({ row })).rejects.toThrow(/models: \{ "people": Person \}/);
      const excluded = new Site(fragment('row 0', '"row"'));
      sweepOnSave(knex, excluded.sweeper, { exclude: ['people'] });
      expect((await excluded.render({ row })).ran).toEqual(['row']);
      const named = new Site(fragment('row 0', '"row"'));
      sweepOnSave(knex, named.sweeper, { models: { people: 'Person' } });
      await named.render({ row });
      await Person.query().findById(1).patch({ fullName: 'b' });
      expect((await named.render({ row })).ran).toEqual(['row']);
    });

    test('a class that extends one is of its type', async () => {
      await start(['row', '"Person"'], people);
      const Person = person();
      class Author extends Person {}
      await Person.query().insert({ fullName: 'a' });
      listen({ models: { people: Person } });
      const row = await Author.query().findById(1);
      expect(await ranAfter(() => Author.query().findById(1).patch({ fullName: 'b' }), { row })).toEqual([
        'row',
        '"Person"',
      ]);
    });

    metTests(async (of, hook) => {
      await knex?.destroy();
      knex = await open();
      await notes(knex.schema);
      class Remark extends Model {
        static override tableName = 'notes';
        declare text: string;
      }
      Remark.knex(knex);
      await Remark.query().insert({ text: 'a' });
      await Remark.query().insert({ text: 'b' });
      const excluded = hook.exclude?.map(() => 'notes') ?? [];
      sweepOnSave(knex, of.sweeper, { models: { notes: Remark }, exclude: excluded });
      return {
        name: 'notes',
        load: async () => Remark.query().orderBy('id'),
        save: async (index, text) =>
          Remark.query()
            .findById(index + 1)
            .patch({ text }),
      };
    });
  });
}
