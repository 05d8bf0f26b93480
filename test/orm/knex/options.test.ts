import { once } from 'node:events';
import type { Knex } from 'knex';
import { type KnexHookOptions, sweepOnSave } from 'nunjucks-cachesweeper/knex';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { fragment, Site } from '../../sweeper/site.ts';
import { OrmSite } from '../site.ts';
import { Database, knexOnSqlite, MODELS } from './database.ts';

const opened: Knex[] = [];
afterEach(async () => {
  for (const knex of opened.splice(0)) await knex.destroy();
});

function sqlite(): Knex {
  const knex = knexOnSqlite();
  opened.push(knex);
  return knex;
}

/** A blog on which everything is cached. */
async function blog(hook: KnexHookOptions = { models: MODELS }, site = new OrmSite()): Promise<Database> {
  const database = await Database.open(sqlite(), hook, site);
  await database.reset();
  await site.reset();
  await site.render(await database.load());
  return database;
}

const ran = async (db: Database) => (await db.site.render(await db.load())).ran;
const update = (db: Database) => db.knex('comments').where('id', 1).update({ text: 'new' });
const one = ['article 1', 'comment 1', 'list'];

describe('options of sweepOnSave for Knex', () => {
  test('exclude: writes of that table are not heard', async () => {
    const db = await blog({ models: MODELS, exclude: ['comments'] });
    await update(db);
    expect(await ran(db)).toEqual([]);
  });

  test('models.model: the class of rows that are no Objection models', async () => {
    class Comment {
      readonly articleId: number | undefined;
      get isOfOne(): boolean {
        return this.articleId === 1;
      }
    }
    const site = new Site(fragment('row 0', '"row"') + fragment('"a" 0', '"a"'));
    const knex = sqlite();
    await knex.schema.createTable('comments', (table) => {
      table.increments('id');
      table.integer('articleId');
    });
    await knex('comments').insert({ articleId: 1 });
    sweepOnSave(knex, site.sweeper, { models: { comments: Comment } });
    site.sweeper.register(Comment, { touches: (row) => ((row as Comment).isOfOne ? 'a' : []) });
    const row = Object.assign(new Comment(), { id: 1 });
    site.settle();
    await site.render({ row });
    await knex('comments').where('id', 1).update({ articleId: 2 });
    expect((await site.render({ row })).ran).toEqual(['row', 'a']);
    await knex('comments').where('id', 1).update({ articleId: 3 });
    expect((await site.render({ row })).ran).toEqual(['row']);
  });

  test('what is registered under the name of a class stays', async () => {
    class Comment {}
    const db = await blog({ models: { ...MODELS, comments: Comment } });
    await update(db);
    expect(await ran(db)).toEqual(one);
  });

  test('tenant: rows of two databases with the same tables', async () => {
    const tenants = ['a', 'b'];
    const tag = (tenant: string) => fragment(`{ type: "Tag", id: "${tenant}", tenant: "${tenant}" } 0`, `"${tenant}"`);
    const site = new Site(tenants.map(tag).join(''));
    for (const tenant of tenants) {
      const knex = sqlite();
      await knex.schema.createTable('tags', (table) => table.text('id').primary());
      await knex('tags').insert({ id: tenant });
      sweepOnSave(knex, site.sweeper, { models: { tags: 'Tag' }, tenant });
    }
    const [, b] = opened;
    site.settle();
    await site.render();
    await b?.('tags').where('id', 'b').delete();
    expect((await site.render()).ran).toEqual(['b']);
    await b?.('tags').delete();
    expect((await site.render()).ran).toEqual(['a', 'b']);
  });

  test('two databases of one sweeper are refused without a tenant', async () => {
    const { sweeper } = new OrmSite();
    sweepOnSave(sqlite(), sweeper, { models: MODELS });
    expect(() => sweepOnSave(sqlite(), sweeper, { models: MODELS })).toThrow(
      expect.objectContaining({ code: 'CACHESWEEPER_TYPE_CONFLICT' }),
    );
  });

  test('strict: the promise of a write, or of its commit, rejects where the bump is not acknowledged', async () => {
    const store = new TestingStore();
    const db = await blog({ models: MODELS, strict: true }, new OrmSite({ store }));
    store.script = ({ method, kind }) =>
      method === 'setMany' && kind === 'token' ? { outcome: 'unknown' } : undefined;
    const failed = expect.objectContaining({ code: 'CACHESWEEPER_BUMP_FAILED' });
    await expect(update(db)).rejects.toEqual(failed);
    await expect(db.knex.transaction((trx) => trx('comments').where('id', 2).del())).rejects.toEqual(failed);
    const trx = await db.knex.transaction();
    await trx('comments').where('id', 3).del();
    await expect(trx.commit()).rejects.toEqual(failed);
    expect(await db.knex('comments').select('id', 'text')).toEqual([{ id: 1, text: 'new' }]);
    store.script = undefined;
    await db.site.sweeper.idle();
  });

  test.each<[string, (knex: Knex) => Promise<unknown>]>([
    ['a write', async (knex) => knex('comments').where('id', 1).update({ text: 'new' })],
    ['a transaction', (knex) => knex.transaction((trx) => trx('comments').delete())],
    [
      'its commit',
      async (knex) => {
        const trx = await knex.transaction();
        await trx('comments').delete();
        await trx.commit();
      },
    ],
    [
      'the promise of its end',
      async (knex) => {
        const trx = await knex.transaction();
        await trx('comments').delete();
        void trx.commit();
        await trx.executionPromise;
      },
    ],
  ])('%s resolves when the store has acknowledged the bump, and not before', async (_title, write) => {
    const store = new TestingStore();
    let isBumped = false;
    const onBump = () => {
      isBumped = true;
    };
    const db = await blog({ models: MODELS }, new OrmSite({ store, onBump }));
    await db.site.sweeper.idle();
    isBumped = false;
    store.script = ({ method, kind }) => (method === 'setMany' && kind === 'token' ? { delay: 20 } : undefined);
    await write(db.knex);
    expect(isBumped).toBe(true);
  });

  test('a commit whose outbox cannot be written is rolled back, with or without a callback', async () => {
    const db = await blog({ models: MODELS }, new OrmSite({ store: new TestingStore(), outbox: { interval: '1h' } }));
    const trx = await db.knex.transaction();
    await trx('comments').delete();
    await expect(trx.commit()).rejects.toThrow(/cachesweeper_outbox/);
    await expect(trx.executionPromise).rejects.toThrow(/cachesweeper_outbox/);
    await expect(db.knex.transaction((inside) => inside('comments').delete())).rejects.toThrow(/cachesweeper_outbox/);
    expect(await db.knex('comments')).toHaveLength(3);
    await db.site.sweeper.close();
  });

  test('a stream that a transaction does not wait for', async () => {
    const db = await blog();
    const trx = await db.knex.transaction();
    const stream = trx('comments').where('id', 1).update({ text: 'new' }).returning('id').stream();
    await once(stream, 'readable');
    await trx.commit();
    expect(await ran(db)).toEqual(expect.arrayContaining(one));
    stream.destroy();
  });

  test('touches that throws: the write succeeds, and everything is invalidated', async () => {
    const db = await blog();
    db.site.sweeper.register('Comment', {
      touches: () => {
        throw new Error('touches');
      },
    });
    await update(db);
    expect(await ran(db)).toHaveLength(8);
    expect(db.site.errors).toMatchObject([{ message: expect.stringContaining('touches') }]);
  });

  test('a write in a transaction that is told of it after its commit', async () => {
    const db = await blog();
    const trx = await db.knex.transaction();
    let committing: Promise<unknown> | undefined;
    db.knex.on('query', ({ sql }: { sql: string }) => {
      if (/^update/.test(sql)) committing ??= Promise.resolve(trx.commit());
    });
    await trx('comments').where('articleId', 1).update({ text: 'new' });
    await committing;
    expect(await ran(db)).toEqual(expect.arrayContaining(one));
    expect(await db.knex('comments').where('text', 'new')).toHaveLength(2);
  });

  test.each<[string, unknown, string]>([
    [
      'an unknown option',
      { model: {} },
      ' model: expected one of models, exclude, strict, bulk, tenant, got an unknown name',
    ],
    [
      'models that are no object',
      { models: 'Comment' },
      ' models: expected an object of types, classes or options by table, got the string "Comment"',
    ],
    [
      'what is no model',
      { models: { comments: 1 } },
      ' models.comments: expected the name of a type, a class, or { type, model, id, tenant, using, cascades }, got the number 1',
    ],
    [
      'a function that is no class',
      { models: { comments: () => 'Comment' } },
      ' models.comments: expected a class, got the function comments',
    ],
    [
      'a type that is no name',
      { models: { comments: '' } },
      ' models.comments.type: expected a name, got the string ""',
    ],
    [
      'cascades that are no list',
      { models: { comments: { cascades: 'tags' } } },
      ' models.comments.cascades: expected a list of names of tables, got the string "tags"',
    ],
    ['a table that is no name', { exclude: [1] }, ' exclude: expected a list of names of tables, got the number 1'],
    ['strict that is no boolean', { strict: 1 }, ' strict: expected true or false, got the number 1'],
    ['options that are none', 'comments', ': expected an object of options, got the string "comments"'],
  ])('refuse %s', async (_title, options, message) => {
    await expect(blog(options as never)).rejects.toMatchObject({
      code: 'CACHESWEEPER_BAD_OPTION',
      message: `sweepOnSave()${message}`,
    });
  });

  test('a second call for the same sweeper is an error; another sweeper hears as well', async () => {
    const db = await blog();
    expect(() => sweepOnSave(db.knex, db.site.sweeper)).toThrow(
      expect.objectContaining({ code: 'CACHESWEEPER_INSTALL' }),
    );
    const other = new OrmSite();
    await other.reset();
    sweepOnSave(db.knex, other.sweeper, { models: MODELS });
    await other.render(await db.load());
    await db.knex.transaction((trx) => trx('comments').where('id', 1).update({ text: 'new' }));
    expect((await other.render(await db.load())).ran).toEqual(one);
    expect(await ran(db)).toEqual(one);
  });

  test.each([undefined, {}, 'knex', { client: {}, raw() {}, transaction() {} }])(
    'refuse %s in place of Knex',
    (knex) => {
      expect(() => sweepOnSave(knex as never, new OrmSite().sweeper)).toThrow(
        expect.objectContaining({ code: 'CACHESWEEPER_BAD_OPTION' }),
      );
    },
  );

  test('a transaction is refused, because it ends', async () => {
    const trx = await sqlite().transaction();
    expect(() => sweepOnSave(trx, new OrmSite().sweeper)).toThrow(/got a transaction/);
    await trx.rollback();
  });
});
