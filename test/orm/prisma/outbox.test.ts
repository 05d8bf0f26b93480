import { PrismaLibSql } from '@prisma/adapter-libsql';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { outboxSuite } from '../outbox.ts';
import { OrmSite } from '../site.ts';
import { Database, withOutbox } from './database.ts';
import { DatabaseFile } from './database-file.ts';
import { generate, type PrismaClientClass } from './generate.ts';

let PrismaClient: PrismaClientClass;
const file = new DatabaseFile();

beforeAll(async () => {
  PrismaClient = await generate('sqlite');
});

const client = () => {
  file.clear();
  return new PrismaClient({ adapter: new PrismaLibSql({ url: file.url }) });
};

outboxSuite('Prisma on SQLite', async (site) => withOutbox(await Database.open(client(), false, {}, site)), {
  dialect: 'sqlite3',
  begins: false,
});

describe('the list form of $transaction', () => {
  let database: Database;
  const store = new TestingStore();
  beforeAll(async () => {
    database = await Database.open(client(), false, {}, new OrmSite({ store, outbox: { interval: '1h' } }));
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    store.script = undefined;
    await database.site.sweeper.idle();
    await database.base.$executeRawUnsafe('DROP TABLE IF EXISTS cachesweeper_outbox');
    await database.site.sweeper.outbox.createTable();
    await database.reset();
  });

  const save = (slug: string) =>
    database.prisma.$transaction([
      database.prisma.comment.update({ where: { id: 1 }, data: { text: 'new' } }),
      database.prisma.comment.create({ data: { text: 'newer', slug, articleId: 3 } }),
    ]);
  const names = async () => {
    const rows = await database.base.$queryRawUnsafe('SELECT id, names FROM cachesweeper_outbox ORDER BY id');
    return (rows as { id: string; names: string }[]).map((row) => `${row.id.split('-')[0]} ${row.names}`);
  };

  test('has nothing left in the outbox when the store has acknowledged its bump', async () => {
    await save('d');
    await database.site.sweeper.idle();
    expect(await names()).toEqual([]);
  });

  test('leaves all that it changed, if the store does not', async () => {
    store.script = () => ({ outcome: 'unknown' });
    await save('d');
    await vi.waitFor(async () => expect((await names()).every((row) => row.startsWith('saved '))).toBe(true));
    const left = await names();
    expect(left.join(' ')).toMatch(/Comment:=1 /);
    expect(left.join(' ')).toMatch(/Comment:=5 /);
    expect(left.join(' ')).toMatch(/Article:=3 /);
  });

  test('leaves the types that it would have changed, if it fails', async () => {
    await expect(save('b')).rejects.toThrow();
    await vi.waitFor(async () => expect((await names()).every((row) => row.startsWith('saved '))).toBe(true));
    expect(await names()).toContain('saved Comment Article');
  });
});
