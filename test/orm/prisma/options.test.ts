import { PrismaLibSql } from '@prisma/adapter-libsql';
import { type SaveHookOptions, sweepOnSave } from 'nunjucks-cachesweeper/prisma';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { elsewhere } from '../outside.ts';
import { OrmSite } from '../site.ts';
import { Database } from './database.ts';
import { DatabaseFile } from './database-file.ts';
import { type PrismaClient as Client, generate, type PrismaClientClass } from './generate.ts';

let database: Database | undefined;
let PrismaClient: PrismaClientClass;
const file = new DatabaseFile();

beforeAll(async () => {
  PrismaClient = await generate('sqlite');
});
afterEach(async () => {
  await database?.close();
  database = undefined;
});

/** A blog on which everything is cached. */
async function blog(hook: SaveHookOptions = {}, site = new OrmSite()): Promise<Database> {
  file.clear();
  database = await Database.open(new PrismaClient({ adapter: new PrismaLibSql({ url: file.url }) }), false, hook, site);
  await database.reset();
  await database.site.reset();
  await database.site.render(await database.load());
  return database;
}

const ran = async (db: Database) => (await db.site.render(await db.load())).ran;

describe('options of sweepOnSave for Prisma', () => {
  test('exclude: writes of that model are not heard', async () => {
    const db = await blog({ exclude: ['Comment'] });
    await db.prisma.comment.update({ where: { id: 1 }, data: { text: 'new' } });
    await db.prisma.comment.updateMany({ data: { text: 'new' } });
    await db.prisma.article.update({ where: { id: 3 }, data: { comments: { create: { text: 'new' } } } });
    expect(await ran(db)).toEqual(['article 3', 'comment 5']);
  });

  test('models.type and models.id: the identity of rows', async () => {
    const db = await blog({
      models: { Tag: { type: 'Topic', id: 'name' }, Article: { id: (row: { title: string }) => row.title } },
    });
    await db.site.sweeper.invalidateCacheFor({ type: 'Topic', id: 'quiet' });
    expect(await ran(db)).toEqual(['tag 1']);
    await db.site.sweeper.invalidateCacheFor({ type: 'Article', id: 'one' });
    expect(await ran(db)).toEqual(['article 1']);
    db.site.now += 60_000;
    await ran(db);
    await db.prisma.tag.update({ where: { id: 1 }, data: { id: 2 } });
    expect(await ran(db)).toEqual(['tag 2']);
  });

  test('models.using: only a save that changes the attribute invalidates', async () => {
    const db = await blog({ models: { Comment: { using: 'likes' } } });
    await db.prisma.comment.update({ where: { id: 1 }, data: { likes: 1 } });
    expect(await ran(db)).toEqual(['article 1', 'comment 1', 'list']);
    db.site.now += 60_000;
    await ran(db);
    await db.prisma.comment.update({ where: { id: 1 }, data: { text: 'new' } });
    expect(await ran(db)).toEqual([]);
  });

  test.each<[string, SaveHookOptions, (db: Database) => Promise<unknown>]>([
    ['delete()', {}, (db) => db.prisma.comment.delete({ where: { id: 1 } })],
    ['deleteMany()', { bulk: 'rows' }, (db) => db.prisma.comment.deleteMany({ where: { id: 1 } })],
  ])('models.using: %s is heard although the attribute stays the same', async (_title, hook, write) => {
    const db = await blog({ ...hook, models: { Comment: { using: 'likes' } } });
    await db.prisma.comment.update({ where: { id: 1 }, data: { likes: 1 } });
    db.site.now += 60_000;
    await ran(db);
    await write(db);
    expect(await ran(db)).toEqual(['article 1', 'list']);
  });

  test("bulk: 'rows' invalidates the rows that match, as they were and as they are, in transactions too", async () => {
    const db = await blog({ bulk: 'rows' });
    await db.prisma.comment.updateMany({ where: { text: 'a' }, data: { articleId: 3 } });
    expect(await ran(db)).toEqual(['article 1', 'article 3', 'comment 1', 'list']);
    db.site.now += 60_000;
    await ran(db);
    await db.prisma.$transaction((tx) => tx.comment.deleteMany({ where: { text: 'b' } }));
    expect(await ran(db)).toEqual(['article 1', 'list']);
  });

  test('strict: the promise of the write rejects when its bump fails, and the row is saved', async () => {
    const store = new TestingStore();
    const db = await blog({ strict: true }, new OrmSite({ store }));
    store.script = ({ method, kind }) =>
      method === 'setMany' && kind === 'token' ? { outcome: 'unknown' } : undefined;
    const write = (prisma: Client, id: number) => prisma.comment.update({ where: { id }, data: { text: 'saved' } });
    await expect(write(db.prisma, 1)).rejects.toMatchObject({ code: 'CACHESWEEPER_BUMP_FAILED' });
    await expect(db.prisma.$transaction((tx) => write(tx, 2))).rejects.toMatchObject({
      code: 'CACHESWEEPER_BUMP_FAILED',
    });
    expect((await db.load()).comments.map(({ text }) => text)).toEqual(['saved', 'saved', 'c']);
    store.script = () => undefined;
    await db.site.sweeper.idle();
  });

  test('without strict the write succeeds, and the failure is reported', async () => {
    const store = new TestingStore();
    const db = await blog({}, new OrmSite({ store }));
    store.script = ({ method, kind }) =>
      method === 'setMany' && kind === 'token' ? { outcome: 'unknown' } : undefined;
    await db.prisma.comment.update({ where: { id: 1 }, data: { text: 'saved' } });
    expect(db.site.errors).toMatchObject([{ code: 'CACHESWEEPER_BUMP_FAILED' }]);
    store.script = () => undefined;
    await db.site.sweeper.idle();
  });

  test.each<[string, unknown]>([
    ['no client', {}],
    ['a client without a data model', { $extends: () => 1, $transaction: () => 1 }],
  ])('refuse %s', (_title, prisma) => {
    expect(() => sweepOnSave(prisma as Client, new OrmSite().sweeper)).toThrow(
      expect.objectContaining({ code: 'CACHESWEEPER_BAD_OPTION' }),
    );
  });
});

test('a client that was extended further still tells of its transactions', async () => {
  const db = await blog();
  const further = db.prisma.$extends({ model: { $allModels: { hello: () => 'hello' } } }) as Client;
  const failing = further.$transaction(async (tx) => {
    await tx.comment.update({ where: { id: 1 }, data: { text: 'new' } });
    throw new Error('stop');
  });
  await expect(failing).rejects.toThrow('stop');
  expect(await ran(db)).toEqual([]);
  await further.$transaction((tx) => tx.comment.update({ where: { id: 1 }, data: { text: 'new' } }));
  expect(await ran(db)).toEqual(['article 1', 'comment 1', 'list']);
});

test('a list of writes that fails in the middle invalidates nothing', async () => {
  const db = await blog();
  const { prisma } = db;
  const failing = prisma.$transaction([
    prisma.comment.update({ where: { id: 1 }, data: { text: 'new' } }),
    prisma.comment.create({ data: { id: 1, text: 'taken', articleId: 1 } }),
  ]);
  await expect(failing).rejects.toThrow();
  expect(await ran(db)).toEqual([]);
});

test('another id: the row is invalidated under the old and the new one', async () => {
  const db = await blog();
  const before = await db.load();
  await db.prisma.comment.update({ where: { id: 1 }, data: { id: 9 } });
  expect((await db.site.render(before)).ran).toEqual(['article 1', 'comment 1', 'list']);
});

test('a write whose transaction cannot be told is invalidated with whichever is committed', async () => {
  const db = await blog();
  const before = await db.load();
  await db.prisma.$transaction(async (tx) => {
    await elsewhere(async () => tx.comment.update({ where: { id: 1 }, data: { text: 'new' } }));
    expect((await elsewhere(() => db.site.render(before))).ran).toEqual([]);
  });
  expect(await ran(db)).toEqual(['article 1', 'comment 1', 'list']);
});

test('a callback may return its query without awaiting it', async () => {
  const db = await blog();
  await db.prisma.$transaction((tx) => tx.comment.update({ where: { id: 1 }, data: { text: 'new' } }));
  expect(await ran(db)).toEqual(['article 1', 'comment 1', 'list']);
});

test('a transaction of its own inside another is invalidated although that one is rolled back', async () => {
  const db = await blog();
  const { prisma } = db;
  const own = () => prisma.$transaction([prisma.comment.update({ where: { id: 1 }, data: { text: 'new' } })]);
  // SQLite lets it begin when the other one has run out of time.
  const around = Reflect.apply(prisma.$transaction, prisma, [own, { timeout: 200 }]);
  await expect(around).rejects.toThrow();
  expect((await db.load()).comments[0]?.text).toBe('new');
  expect(await ran(db)).toEqual(['article 1', 'comment 1', 'list']);
});

test('strict: what a write has created along is invalidated as well when its bump has failed', async () => {
  const store = new TestingStore();
  const db = await blog({ strict: true }, new OrmSite({ store }));
  const before = await db.load();
  store.script = ({ method, kind }) => (method === 'setMany' && kind === 'token' ? { outcome: 'unknown' } : undefined);
  const data = { comments: { create: { text: 'new' } } };
  await expect(db.prisma.article.update({ where: { id: 3 }, data })).rejects.toMatchObject({
    code: 'CACHESWEEPER_BUMP_FAILED',
  });
  store.script = () => undefined;
  await db.site.sweeper.idle();
  const another = new OrmSite({ store: new TestingStore({ shared: store }) });
  expect((await another.render(before)).ran).toContain('list');
});
