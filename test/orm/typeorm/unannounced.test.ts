import Driver from 'libsql';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { type SaveHookOptions, sweepOnSave } from 'nunjucks-cachesweeper/typeorm';
import type { EntityManager, UpdateEvent } from 'typeorm';
import { afterEach, describe, expect, test } from 'vitest';
import { OrmSite } from '../site.ts';
import { Database, type TypeOrm, VERSIONS } from './database.ts';

let database: Database | undefined;
afterEach(async () => {
  await database?.close();
  database = undefined;
});

describe.each(Object.entries(VERSIONS))('writes that %s announces to no subscriber', (_version, orm) => {
  const blog = (hook?: SaveHookOptions, site?: OrmSite) => open(orm, hook, site);

  test('after destroy() and initialize() writes are heard as before', async () => {
    const db = await blog();
    await db.source.destroy();
    await db.source.initialize();
    await cached(db);
    await db.source.manager.save('Comment', { id: 1, text: 'new' });
    expect(await ran(db)).toEqual(['article 1', 'comment 1', 'list']);
    db.site.now += 60_000;
    await ran(db);
    await db.transaction((manager) => manager.update('Comment', { id: 1 }, { text: 'newer' }));
    expect(await ran(db)).toEqual(all);
  });

  test('after destroy() and initialize() what is committed is invalidated although another subscriber throws', async () => {
    const db = await blog();
    await db.source.destroy();
    await db.source.initialize();
    db.source.subscribers.push(thrower);
    await cached(db);
    await expect(db.transaction((manager) => manager.save('Comment', { id: 1, text: 'new' }))).rejects.toThrow(
      'subscriber',
    );
    expect(await ran(db)).toEqual(['article 1', 'comment 1', 'list']);
  });

  test('a second call after destroy() and initialize() is an error that says that once is enough', async () => {
    const db = await blog();
    await db.source.destroy();
    await db.source.initialize();
    expect(() => sweepOnSave(db.source, db.site.sweeper)).toThrow(
      expect.objectContaining({ code: 'CACHESWEEPER_INSTALL', message: expect.stringContaining('once is enough') }),
    );
  });

  test('a subscriber that was taken off the list is put there again', async () => {
    const db = await blog();
    db.source.subscribers.length = 0;
    await db.source.manager.save('Comment', { id: 1, text: 'new' });
    expect(await ran(db)).toEqual(['article 1', 'comment 1', 'list']);
  });

  test.each<[string, (manager: EntityManager) => Promise<unknown>]>([
    ['save()', (manager) => manager.save('Comment', { id: 1, text: 'new' }, { listeners: false })],
    ['remove()', async (manager) => manager.remove('Comment', await first(manager), { listeners: false })],
    ['softRemove()', async (manager) => manager.softRemove('Comment', await first(manager), { listeners: false })],
    [
      'save() of a list',
      (manager) => manager.save('Comment', [{ id: 1, text: 'new' }], { listeners: false, chunk: 1 }),
    ],
    [
      'repository.save()',
      (manager) => manager.getRepository('Comment').save({ id: 1, text: 'new' }, { listeners: false }),
    ],
    ['save() of an instance', async (manager) => manager.save(named(await first(manager)), { listeners: false })],
    [
      'save() outside of a transaction',
      (manager) => manager.save('Comment', { id: 1, text: 'new' }, { listeners: false, transaction: false }),
    ],
    [
      'a query builder for a table by its name',
      (manager) => manager.createQueryBuilder().update('comment').set({ text: 'new' }).execute(),
    ],
    [
      'a relation of a query builder',
      (manager) => manager.createQueryBuilder().relation('Comment', 'article').of(1).set(3),
    ],
    ['clear() of a manager', (manager) => manager.clear('Comment')],
  ])('%s with listeners: false, or without any: the type', async (_name, write) => {
    const db = await blog();
    await write(db.source.manager);
    const after = await db.load();
    const { html, ran: told } = await db.site.render(after);
    expect(html).toBe(await db.site.fresh(after));
    expect(told).toEqual([
      'article 1',
      'article 2',
      'article 3',
      ...after.comments.map(({ id }) => `comment ${id}`),
      'list',
    ]);
  });

  test('a many-to-many relation that is saved with listeners: false: both types', async () => {
    const db = await blog();
    const { manager } = db.source;
    const article = await manager.findOneOrFail<{ tags: object[] }>('Article', {
      where: { id: 1 },
      relations: { tags: true },
    } as never);
    article.tags.push(await manager.findOneByOrFail('Tag', { id: 1 }));
    await manager.save('Article', article, { listeners: false });
    expect(await ran(db)).toEqual(['article 1', 'article 2', 'article 3', 'tag 1']);
  });

  test('a many-to-many relation of a query builder: both types', async () => {
    const db = await blog();
    await db.source.createQueryBuilder().relation('Article', 'tags').of(1).add(1);
    expect(await ran(db)).toEqual(['article 1', 'article 2', 'article 3', 'tag 1']);
  });

  test('rows that go with removed ones (ON DELETE CASCADE) are heard as well', async () => {
    const db = await blog();
    await db.source.createQueryBuilder().delete().from('Article').where('id = 1').callListeners(false).execute();
    expect(await ran(db)).toEqual(['article 2', 'article 3', 'comment 3', 'list']);
  });

  test('rows are changed along (ON UPDATE CASCADE) only where a column that they refer to is', async () => {
    const db = await blog();
    await db.source.manager.save('Article', { id: 2, title: 'new' });
    expect(await ran(db)).toEqual(['article 2']);
    await db.source.manager.insert('Article', { title: 'new' });
    expect((await ran(db)).filter((label) => /comment|list/.test(label))).toEqual([]);
  });

  test('what a subscriber writes during a save, unannounced, is heard beside what was saved', async () => {
    const db = await blog();
    const { source } = db;
    const sorts = {
      afterUpdate: ({ manager, databaseEntity }: UpdateEvent<{ id: number }>) =>
        databaseEntity &&
        manager.createQueryBuilder().update('Comment').set({ likes: 9 }).where('id = 3').callListeners(false).execute(),
    };
    source.subscribers.push(sorts as never);
    await source.manager.save('Comment', { id: 1, text: 'new' });
    const after = await db.load();
    expect((await db.site.render(after)).html).toBe(await db.site.fresh(after));
    expect(after.comments[2]?.likes).toBe(9);
  });

  test('a save that fails in the middle: what it had written is heard, unless it is rolled back', async () => {
    const db = await blog();
    const half = (manager: EntityManager, options = {}) =>
      manager.save(
        'Comment',
        [
          { id: 1, text: 'half' },
          { id: 2, slug: 'c' },
        ],
        options,
      );
    await expect(half(db.source.manager)).rejects.toThrow('UNIQUE');
    expect(await ran(db)).toEqual([]);
    await expect(half(db.source.manager, { transaction: false })).rejects.toThrow('UNIQUE');
    expect((await db.load()).comments[0]?.text).toBe('half');
    expect(await ran(db)).toEqual(all);
  });

  test('a save that fails in a transaction that is committed nevertheless', async () => {
    const db = await blog();
    await db.transaction(async (manager) => {
      const half = manager.save('Comment', [
        { id: 1, text: 'half' },
        { id: 2, slug: 'c' },
      ]);
      await expect(half).rejects.toThrow('UNIQUE');
      expect(await ran(db)).toEqual(all);
    });
    expect((await db.load()).comments[0]?.text).toBe('half');
    expect(await ran(db)).toEqual(all);
  });

  test('a manager that the site has made itself: its rows are known', async () => {
    const db = await blog();
    const runner = db.source.createQueryRunner();
    await db.source.createEntityManager(runner).save('Comment', { id: 1, text: 'new' });
    await runner.release();
    expect(await ran(db)).toEqual(['article 1', 'comment 1', 'list']);
  });

  test('savepoints that are committed with the whole are heard', async () => {
    const db = await blog();
    const runner = db.source.createQueryRunner();
    await runner.startTransaction();
    await runner.startTransaction();
    await runner.manager.save('Comment', { id: 1, text: 'new' });
    // As `await using` does where the site has left them open.
    Object.assign(runner, { transactionDepth: 1 });
    await runner.commitTransaction();
    await runner.release();
    expect(await ran(db)).toEqual(['article 1', 'comment 1', 'list']);
  });

  test('strict: the promise of an unannounced write rejects when its bump fails', async () => {
    const store = new TestingStore();
    const db = await blog({ strict: true }, new OrmSite({ store }));
    store.script = ({ method, kind }) =>
      method === 'setMany' && kind === 'token' ? { outcome: 'unknown' } : undefined;
    const write = db.source.manager.save('Comment', { id: 1, text: 'saved' }, { listeners: false });
    await expect(write).rejects.toMatchObject({ code: 'CACHESWEEPER_BUMP_FAILED' });
    expect((await db.load()).comments[0]?.text).toBe('saved');
    store.script = () => undefined;
    await db.site.sweeper.idle();
  });

  test('a query outside of a transaction is one bump', async () => {
    const bumps: unknown[] = [];
    const db = await blog({}, new OrmSite({ onBump: (names) => void bumps.push(names) }));
    bumps.length = 0;
    await db.source.manager.update('Comment', { id: 1 }, { text: 'new' });
    expect(bumps).toHaveLength(1);
  });

  test('rows are still told apart where listeners are called', async () => {
    const db = await blog();
    await db.source.manager.save(
      'Comment',
      [
        { id: 1, text: 'new' },
        { id: 2, text: 'new' },
      ],
      { chunk: 1 },
    );
    expect(await ran(db)).toEqual(['article 1', 'comment 1', 'comment 2', 'list']);
  });
});

const all = ['article 1', 'article 2', 'article 3', 'comment 1', 'comment 2', 'comment 3', 'list'];

const thrower = {
  afterTransactionCommit() {
    throw new Error('subscriber');
  },
};

async function open(orm: TypeOrm, hook?: SaveHookOptions, site?: OrmSite): Promise<Database> {
  database = await Database.open({ type: 'better-sqlite3', driver: Driver, database: ':memory:' }, hook, site, orm);
  await cached(database);
  return database;
}

/** Everything is cached. */
async function cached(db: Database): Promise<void> {
  await db.reset();
  await db.site.reset();
  await db.site.render(await db.load());
}

const ran = async (db: Database) => (await db.site.render(await db.load())).ran;
const first = (manager: EntityManager) => manager.findOneByOrFail<{ text: string }>('Comment', { id: 1 } as never);
const named = (row: { text: string }) => Object.assign(row, { text: 'new' });
