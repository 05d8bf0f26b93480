import { type SaveHookOptions, sweepOnSave } from 'nunjucks-cachesweeper/sequelize';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { Sequelize as Base, type Transaction } from 'sequelize';
import { afterEach, describe, expect, test } from 'vitest';
import { elsewhere } from '../outside.ts';
import { OrmSite } from '../site.ts';
import { Database, Namespace } from './database.ts';

let database: Database;
afterEach(() => database?.close());

/** A blog on which everything is cached. */
async function blog(hook: SaveHookOptions = {}, site = new OrmSite()): Promise<Database> {
  database = await Database.open({}, hook, site);
  await database.reset();
  await database.site.reset();
  await database.site.render(await database.load());
  return database;
}

const ran = async (db: Database) => (await db.site.render(await db.load())).ran;

/** The first comment, deleted but in its table. */
async function deleted(db: Database) {
  const [comment] = await db.comments(1);
  await comment?.destroy();
  await ran(db);
  db.site.now += 60_000;
  await ran(db);
  return comment;
}

describe('options of sweepOnSave for Sequelize', () => {
  test('exclude: writes of that model are not heard', async () => {
    const db = await blog({ exclude: ['Comment'] });
    await db.comment.update({ text: 'new' }, { where: {} });
    await (await db.comments(1))[0]?.update({ text: 'newer' });
    expect(await ran(db)).toEqual([]);
  });

  test('models.type: the name by which templates know the class', async () => {
    const db = await blog({ models: { Comment: { type: 'Remark' } } });
    const [comment] = await db.comments(1);
    await comment?.update({ text: 'new' });
    // The list names "Comment", the rows are known as Remark; what was registered for Comment was for another type.
    expect(await ran(db)).toEqual(['comment 1']);
    await db.sweeper.invalidateCacheFor({ type: 'Remark', id: 2 });
    expect(await ran(db)).toEqual(['comment 2']);
  });

  test('models.using: only a save that changes the attribute invalidates', async () => {
    const db = await blog({ models: { Comment: { using: 'version' } } });
    const [comment] = await db.comments(1);
    await comment?.update({ version: 1 });
    expect(await ran(db)).toEqual(['article 1', 'comment 1', 'list']);
    db.site.now += 60_000;
    await ran(db);
    await comment?.update({ likes: 7 });
    expect(await ran(db)).toEqual([]);
    await comment?.update({ version: 2 });
    expect(await ran(db)).toEqual(['article 1', 'comment 1', 'list']);
  });

  test.each<[string, (db: Database) => Promise<unknown>]>([
    ['instance.destroy()', async (db) => (await db.comments(1))[0]?.destroy({ force: true })],
    ['instance.destroy(), paranoid', async (db) => (await db.comments(1))[0]?.destroy()],
    ['instance.restore()', async (db) => (await deleted(db))?.restore()],
    ['Model.destroy() of one row', (db) => db.comment.destroy({ where: { id: 1 }, force: true })],
    ['Model.destroy() of one row, paranoid', (db) => db.comment.destroy({ where: { id: 1 } })],
  ])('models.using: %s is heard although the attribute stays the same', async (_title, write) => {
    const db = await blog({ models: { Comment: { using: 'version' } } });
    await (await db.comments(1))[0]?.update({ version: 1 });
    db.site.now += 60_000;
    await ran(db);
    await write(db);
    expect(await ran(db)).toEqual(expect.arrayContaining(['article 1', 'list']));
  });

  test("bulk: 'rows' invalidates the rows that match, as they were and as they are", async () => {
    const db = await blog({ bulk: 'rows' });
    await db.comment.update({ articleId: 3 }, { where: { text: 'a' } });
    expect(await ran(db)).toEqual(['article 1', 'article 3', 'comment 1', 'list']);
    db.site.now += 60_000;
    await ran(db);
    await db.comment.destroy({ where: { text: 'b' }, force: true });
    expect(await ran(db)).toEqual(['article 1', 'list']);
    db.site.now += 60_000;
    await ran(db);
    await db.comment.increment('likes', { where: { text: 'c' } });
    expect(await ran(db)).toEqual(['article 2', 'comment 3', 'list']);
  });

  test("bulk: 'rows' invalidates the type when more than 1,000 rows match", async () => {
    const db = await blog({ bulk: 'rows' });
    const many = Array.from({ length: 1_000 }, (_, i) => ({ id: 100 + i, text: 'many', articleId: 2 }));
    await db.comment.bulkCreate(many);
    db.site.now += 60_000;
    await ran(db);
    await db.comment.update({ likes: 1 }, { where: { text: ['many', 'a'] } });
    expect(await ran(db)).toContain('comment 2');
  });

  test('strict: false reports a bump that failed and lets the save succeed; true rejects, and the row is saved', async () => {
    const store = new TestingStore();
    for (const strict of [false, true]) {
      const db = await blog({ strict }, new OrmSite({ store }));
      store.script = ({ method, kind }) =>
        method === 'setMany' && kind === 'token' ? { outcome: 'unknown' } : undefined;
      const saving = db.comments(1).then(([comment]) => comment?.update({ text: 'saved' }));
      if (strict) await expect(saving).rejects.toMatchObject({ code: 'CACHESWEEPER_BUMP_FAILED' });
      else await saving;
      expect(db.site.errors).toMatchObject(strict ? [] : [{ code: 'CACHESWEEPER_BUMP_FAILED' }]);
      const committing = db.transaction(async (transaction) =>
        (await db.comments(2))[0]?.update({ text: 'saved' }, { transaction }),
      );
      if (strict) await expect(committing).rejects.toMatchObject({ code: 'CACHESWEEPER_BUMP_FAILED' });
      else await committing;
      expect((await db.comments(1, 2)).map(({ text }) => text)).toEqual(['saved', 'saved']);
      // This process knows what the store does not.
      expect(await ran(db)).toEqual(expect.arrayContaining(['comment 1', 'comment 2', 'article 1', 'list']));
      store.script = () => undefined;
      await db.site.sweeper.idle();
      if (!strict) await db.close();
    }
  });

  test('touches that throw do not fail the save: everything is invalidated, and the error is reported', async () => {
    const db = await blog();
    db.site.sweeper.register('Comment', {
      touches: () => {
        throw new Error('no idea');
      },
    });
    await (await db.comments(1))[0]?.update({ text: 'new' });
    expect(db.site.errors).toMatchObject([{ message: 'no idea' }]);
    expect(await ran(db)).toHaveLength(8);
  });

  test('touches that cannot cope with a row of unknown values: everything is invalidated after a bulk write', async () => {
    const db = await blog();
    db.site.sweeper.register('Comment', {
      touches: (row) => (row as { list: { id: number }[] }).list.map(({ id }) => ({ type: 'Article', id: id + 1 })),
    });
    await db.comment.update({ text: 'new' }, { where: { text: 'a' } });
    expect(await ran(db)).toHaveLength(8);
    expect(db.site.errors).toEqual([]);
  });

  test.each<[string, unknown, string]>([
    [
      'an unknown option',
      { model: {} },
      ' model: expected one of models, exclude, strict, bulk, tenant, got an unknown name',
    ],
    [
      'a model that is not there',
      { exclude: ['Coment'] },
      ' exclude: expected the name of a model (Article, Comment, Tag, Reply), got the string "Coment"',
    ],
    [
      'a model option that is not there',
      { models: { Comment: { touches: 1 } } },
      ' models.Comment touches: expected one of type, id, tenant, using, got an unknown name',
    ],
    [
      'a type that is no name',
      { models: { Comment: { type: '' } } },
      ' models.Comment.type: expected a name, got the string ""',
    ],
    ['strict that is no boolean', { strict: 1 }, ' strict: expected true or false, got the number 1'],
    ['an unknown bulk', { bulk: 'ids' }, ' bulk: expected "type" or "rows", got the string "ids"'],
  ])('refuse %s', async (_title, options, message) => {
    await expect(blog(options as never)).rejects.toMatchObject({
      code: 'CACHESWEEPER_BAD_OPTION',
      message: `sweepOnSave()${message}`,
    });
  });

  test('a second call for the same sweeper is an error; another sweeper hears as well', async () => {
    const db = await blog();
    expect(() => sweepOnSave(db.sequelize, db.site.sweeper)).toThrow(
      expect.objectContaining({ code: 'CACHESWEEPER_INSTALL' }),
    );
    const other = new OrmSite();
    await other.reset();
    sweepOnSave(db.sequelize, other.sweeper);
    await other.render(await db.load());
    await (await db.comments(1))[0]?.update({ text: 'new' });
    expect((await other.render(await db.load())).ran).toEqual(['article 1', 'comment 1', 'list']);
    expect(await ran(db)).toEqual(['article 1', 'comment 1', 'list']);
  });

  test.each([undefined, {}, 'sequelize'])('refuse %s in place of a Sequelize instance', (sequelize) => {
    expect(() => sweepOnSave(sequelize as never, new OrmSite().sweeper)).toThrow(
      expect.objectContaining({ code: 'CACHESWEEPER_BAD_OPTION' }),
    );
  });
});

test('transactions that Sequelize finds by continuation-local storage are known too', async () => {
  const namespaced = Base as unknown as { _cls: unknown };
  Base.useCLS(new Namespace() as never);
  try {
    const db = await blog();
    const before = await db.load();
    await db.sequelize.transaction(async () => {
      await db.comment.increment('likes', { where: { id: 1 } });
      const comment = await db.comment.findByPk(2);
      await comment?.update({ text: 'new' });
      expect((await elsewhere(() => db.site.render(before))).ran).toEqual([]);
    });
    expect(await ran(db)).toEqual(['article 1', 'comment 1', 'comment 2', 'list']);
  } finally {
    namespaced._cls = undefined;
  }
});

test('a transaction without a callback inside sweeper.transaction: pages there show it, and store nothing of it', async () => {
  const db = await blog();
  await db.site.sweeper.transaction(async () => {
    const tx = await db.sequelize.transaction();
    await (await db.comments(1))[0]?.update({ text: 'uncommitted' }, { transaction: tx });
    const inside = await db.load(tx);
    expect(await db.site.render(inside)).toMatchObject({ html: await db.site.fresh(inside) });
    await tx.rollback();
  });
  expect(await ran(db)).toEqual([]);
});

test('a row is invalidated under its ORM class when the class was registered by hand', async () => {
  const db = await blog();
  db.site.sweeper.register(db.comment, { type: 'Remark', touches: () => ({ type: 'Article', id: 2 }) });
  await db.site.reset();
  await ran(db);
  await (await db.comments(1))[0]?.update({ text: 'new' });
  expect(await ran(db)).toEqual(['article 2', 'comment 1']);
});

describe('what is committed is bumped', () => {
  const one = ['article 1', 'comment 1', 'list'];
  const change = async (db: Database, transaction: Transaction) =>
    (await db.comments(1))[0]?.update({ text: 'new' }, { transaction });

  test('although an afterCommit hook of the site throws', async () => {
    const db = await blog();
    const tx = await db.sequelize.transaction();
    tx.afterCommit(() => {
      throw new Error('hook');
    });
    await change(db, tx);
    await expect(tx.commit()).rejects.toThrow('hook');
    expect(await ran(db)).toEqual(one);
  });

  test('of a savepoint that nobody committed, with the transaction around it', async () => {
    const db = await blog();
    const tx = await db.sequelize.transaction();
    const inner = await db.sequelize.transaction({ transaction: tx });
    await change(db, await db.sequelize.transaction({ transaction: inner }));
    expect(await ran(db)).toEqual([]);
    await tx.commit();
    expect(await ran(db)).toEqual(one);
  });

  test('and nothing of a savepoint that was rolled back', async () => {
    const db = await blog();
    const tx = await db.sequelize.transaction();
    const inner = await db.sequelize.transaction({ transaction: tx });
    await change(db, inner);
    await inner.rollback();
    await tx.commit();
    expect(await ran(db)).toEqual([]);
  });

  test("although with bulk: 'rows' the rows could not be read again", async () => {
    const db = await blog({ bulk: 'rows' });
    const { unscoped } = db.comment;
    let reads = 0;
    Object.assign(db.comment, {
      unscoped: () => {
        if (++reads === 2) throw new Error('no connection is free');
        return unscoped.call(db.comment);
      },
    });
    await db.comment.update({ text: 'new' }, { where: { text: 'a' } });
    expect(reads).toBe(2);
    expect(await ran(db)).toEqual(expect.arrayContaining(one));
  });

  test('although its transaction was committed while it was under way', async () => {
    const db = await blog();
    const tx = await db.sequelize.transaction();
    let committing: Promise<void> | undefined;
    const logging = (sql: string) => {
      if (/UPDATE/.test(sql)) committing = tx.commit();
    };
    await db.comment.update({ text: 'new' }, { where: { id: 1 }, transaction: tx, logging });
    await committing;
    expect((await db.comments(1))[0]?.text).toBe('new');
    expect(await ran(db)).toEqual(expect.arrayContaining(one));
  });

  test('with strict, the rows that were deleted along as well when the bump has failed', async () => {
    const store = new TestingStore();
    const db = await blog({ strict: true }, new OrmSite({ store }));
    const before = await db.load();
    store.script = ({ method, kind }) =>
      method === 'setMany' && kind === 'token' ? { outcome: 'unknown' } : undefined;
    const deleting = db.article.findByPk(1).then((article) => article?.destroy());
    await expect(deleting).rejects.toMatchObject({ code: 'CACHESWEEPER_BUMP_FAILED' });
    store.script = () => undefined;
    await db.site.sweeper.idle();
    const another = new OrmSite({ store: new TestingStore({ shared: store }) });
    expect((await another.render(before)).ran).toEqual(expect.arrayContaining(['article 1', 'comment 1', 'list']));
  });
});
