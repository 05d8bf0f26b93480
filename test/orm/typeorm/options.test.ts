import Driver from 'libsql';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { type SaveHookOptions, sweepOnSave } from 'nunjucks-cachesweeper/typeorm';
import { DataSource } from 'typeorm';
import { afterEach, describe, expect, test } from 'vitest';
import { elsewhere } from '../outside.ts';
import { OrmSite } from '../site.ts';
import { Database } from './database.ts';

let database: Database | undefined;
afterEach(async () => {
  await database?.close();
  database = undefined;
});

/** A blog on which everything is cached. */
async function blog(hook: SaveHookOptions = {}, site = new OrmSite()): Promise<Database> {
  database = await Database.open(undefined, hook, site);
  await database.reset();
  await database.site.reset();
  await database.site.render(await database.load());
  return database;
}

const ran = async (db: Database) => (await db.site.render(await db.load())).ran;
const save = (db: Database, row: object) => db.source.manager.save('Comment', row);

const first = (db: Database): Promise<object> => db.source.manager.findOneByOrFail('Comment', { id: 1 });

/** The first comment, deleted but in its table. */
async function deleted(db: Database): Promise<object> {
  const comment = await first(db);
  await db.source.manager.softRemove(comment);
  await ran(db);
  db.site.now += 60_000;
  await ran(db);
  return comment;
}

describe('options of sweepOnSave for TypeORM', () => {
  test('exclude: writes of that model are not heard', async () => {
    const db = await blog({ exclude: ['Comment'] });
    await save(db, { id: 1, text: 'new' });
    expect(await ran(db)).toEqual([]);
  });

  test('models may be named by their tables, which a minifier leaves alone', async () => {
    const db = await blog({ models: { comment: { type: 'Remark' } } });
    await save(db, { id: 1, text: 'new' });
    // Templates know the rows by that name as well; the list is one of "Comment".
    expect(await ran(db)).toEqual(['comment 1']);
    await db.site.sweeper.invalidateCacheFor({ type: 'Remark', id: 2 });
    expect(await ran(db)).toEqual(['comment 2']);
  });

  test('models.using: only a save that changes the attribute invalidates', async () => {
    const db = await blog({ models: { Comment: { using: 'likes' } } });
    await save(db, { id: 1, likes: 1 });
    expect(await ran(db)).toEqual(['article 1', 'comment 1', 'list']);
    db.site.now += 60_000;
    await ran(db);
    await save(db, { id: 1, text: 'new' });
    expect(await ran(db)).toEqual([]);
  });

  test.each<[string, (db: Database) => Promise<unknown>]>([
    ['remove()', async (db) => db.source.manager.remove(await first(db))],
    ['softRemove()', async (db) => db.source.manager.softRemove(await first(db))],
    ['save() of a deletion date', (db) => save(db, { id: 1, deletedAt: new Date() })],
    ['recover()', async (db) => db.source.manager.recover(await deleted(db))],
  ])('models.using: %s is heard although the attribute stays the same', async (_title, write) => {
    const db = await blog({ models: { Comment: { using: 'likes' } } });
    await save(db, { id: 1, likes: 1 });
    db.site.now += 60_000;
    await ran(db);
    await write(db);
    expect(await ran(db)).toEqual(expect.arrayContaining(['article 1', 'list']));
  });

  test('strict: the promise of a save rejects when its bump fails, and the row is saved', async () => {
    const store = new TestingStore();
    const db = await blog({ strict: true }, new OrmSite({ store }));
    store.script = ({ method, kind }) =>
      method === 'setMany' && kind === 'token' ? { outcome: 'unknown' } : undefined;
    await expect(save(db, { id: 1, text: 'saved' })).rejects.toMatchObject({ code: 'CACHESWEEPER_BUMP_FAILED' });
    await expect(db.transaction((manager) => manager.save('Comment', { id: 2, text: 'saved' }))).rejects.toMatchObject({
      code: 'CACHESWEEPER_BUMP_FAILED',
    });
    expect((await db.load()).comments.map(({ text }) => text)).toEqual(['saved', 'saved', 'c']);
    store.script = () => undefined;
    await db.site.sweeper.idle();
  });

  test('without strict the save succeeds, and the failure is reported', async () => {
    const store = new TestingStore();
    const db = await blog({}, new OrmSite({ store }));
    store.script = ({ method, kind }) =>
      method === 'setMany' && kind === 'token' ? { outcome: 'unknown' } : undefined;
    await save(db, { id: 1, text: 'saved' });
    expect(db.site.errors).toMatchObject([{ code: 'CACHESWEEPER_BUMP_FAILED' }]);
    expect(await ran(db)).toEqual(['article 1', 'comment 1', 'list']);
    store.script = () => undefined;
    await db.site.sweeper.idle();
  });

  test("refuse bulk: 'rows': TypeORM does not tell which rows", async () => {
    await expect(blog({ bulk: 'rows' })).rejects.toMatchObject({
      code: 'CACHESWEEPER_BAD_OPTION',
      message: expect.stringContaining('bulk: expected "type"'),
    });
  });

  test('refuse a data source that is not initialized: it has no models yet', () => {
    const source = new DataSource({ type: 'better-sqlite3', driver: Driver, database: ':memory:', entities: [] });
    expect(() => sweepOnSave(source, new OrmSite().sweeper)).toThrow(
      expect.objectContaining({
        code: 'CACHESWEEPER_BAD_OPTION',
        message: expect.stringContaining('initialize() first'),
      }),
    );
  });

  test('a second call for the same sweeper is an error', async () => {
    const db = await blog();
    expect(() => sweepOnSave(db.source, db.site.sweeper)).toThrow(
      expect.objectContaining({ code: 'CACHESWEEPER_INSTALL' }),
    );
  });
});

test('save() outside of a transaction of its own is invalidated at once', async () => {
  const db = await blog();
  await db.source.manager.save('Comment', { id: 1, text: 'new' }, { transaction: false });
  expect(await ran(db)).toEqual(['article 1', 'comment 1', 'list']);
});

test('nothing is invalidated when nothing has changed', async () => {
  const db = await blog();
  await db.source.manager.save((await db.load()).comments);
  expect(await ran(db)).toEqual([]);
});

test('what an outer transaction has saved is invalidated although an inner one was rolled back', async () => {
  const db = await blog();
  await db.transaction(async (outer) => {
    await outer.save('Comment', { id: 1, text: 'new' });
    const failing = db.transaction(async (inner) => {
      await inner.save('Comment', { id: 3, text: 'new' });
      throw new Error('inner');
    }, outer);
    await expect(failing).rejects.toThrow('inner');
  });
  expect(await ran(db)).toEqual(['article 1', 'comment 1', 'list']);
});

test('callbacks of a query runner show uncommitted rows, uncached', async () => {
  const db = await blog();
  const runner = db.source.createQueryRunner();
  const failing = runner.manager.transaction(async (manager) => {
    await manager.save('Comment', { id: 1, text: 'uncommitted' });
    const inside = await db.load(manager);
    expect(await db.site.render(inside)).toMatchObject({ html: await db.site.fresh(inside) });
    throw new Error('stop');
  });
  await expect(failing).rejects.toThrow('stop');
  await runner.release();
  expect(await elsewhere(() => ran(db))).toEqual([]);
});

test('what is committed is invalidated although another subscriber throws', async () => {
  const db = await blog();
  db.source.subscribers.push({
    afterTransactionCommit() {
      throw new Error('subscriber');
    },
  });
  const other = new OrmSite();
  sweepOnSave(db.source, other.sweeper);
  await other.reset();
  await other.render(await db.load());
  await expect(db.transaction((manager) => manager.save('Comment', { id: 1, text: 'new' }))).rejects.toThrow();
  expect((await other.render(await db.load())).ran).toEqual(['article 1', 'comment 1', 'list']);
  expect(await ran(db)).toEqual(['article 1', 'comment 1', 'list']);
});
