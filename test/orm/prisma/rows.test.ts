import { types } from 'node:util';
import { PrismaLibSql } from '@prisma/adapter-libsql';
import nunjucks from 'nunjucks';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import { type SaveHookOptions, sweepOnSave } from 'nunjucks-cachesweeper/prisma';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ObjectLoader } from '../../support/loaders.ts';
import { OrmSite } from '../site.ts';
import { Database } from './database.ts';
import { DatabaseFile } from './database-file.ts';
import { type PrismaClient as Client, generate, type PrismaClientClass } from './generate.ts';

let database: Database | undefined;
let PrismaClient: PrismaClientClass;
const file = new DatabaseFile();
const adapter = new PrismaLibSql({ url: file.url });
const construct = () => new PrismaClient({ adapter });

beforeAll(async () => {
  PrismaClient = await generate('sqlite');
});
afterEach(async () => {
  await database?.close();
  database = undefined;
});

/** A blog on which everything is cached. */
async function blog(hook: SaveHookOptions = {}, base = construct()): Promise<Database> {
  file.clear();
  database = await Database.open(base, false, hook);
  await cached(database);
  return database;
}

async function cached(db: Database): Promise<void> {
  await db.reset();
  await db.site.reset();
  await db.site.render(await db.load());
}

const ran = async (db: Database) => (await db.site.render(await db.load())).ran;
const all = ['article 1', 'article 2', 'article 3', 'comment 1', 'comment 2', 'comment 3', 'list'];

/** A page of one fragment, with its sweeper, and how often its body ran. */
function pageOf(source: string, sweeper: CacheSweeper) {
  let runs = 0;
  const env = new nunjucks.Environment(new ObjectLoader({ page: source }) as nunjucks.ILoader);
  env.addFilter('ran', (text: string) => {
    runs++;
    return text;
  });
  sweeper.install(env);
  return async (variables: object) => {
    runs = 0;
    const html = await sweeper.render(env, 'page', variables);
    return { html: html.trim(), runs };
  };
}

const ofRow = '{% cachesweeper row 500 "one" %}{{ row.text | ran }}{% endcachesweeper %}';
const ofComments =
  '{% cachesweeper row 500 "all", type="Article" %}{{ "" | ran }}{% for each in row.comments %}{{ each.text }}{% endfor %}{% endcachesweeper %}';

/** Whether a row is known as the comment 1: a bump of that one makes its fragment anew. */
async function isComment1(db: Database, row: unknown): Promise<boolean> {
  let now = Date.UTC(2026, 10, 1);
  const sweeper = new CacheSweeper({ now: () => now });
  const page = pageOf(ofRow, sweeper);
  await page({ row });
  now += 60_000;
  await page({ row });
  const before = await page({ row });
  await sweeper.invalidateCacheFor({ type: 'Comment', id: 1 });
  const after = await page({ row });
  expect(db.site.errors).toEqual([]);
  return before.runs === 0 && after.runs === 1;
}

describe('rows stay plain data', () => {
  test('they are what the client gives without a hook', async () => {
    const db = await blog();
    const unhooked = construct();
    const query = { include: { article: true }, orderBy: { id: 'asc' } };
    const rows = await db.prisma.comment.findMany(query);
    expect(rows).toStrictEqual(await unhooked.comment.findMany(query));
    for (const row of rows) {
      expect(Reflect.ownKeys(row)).toEqual(['id', 'text', 'likes', 'slug', 'articleId', 'article']);
      expect(Object.getPrototypeOf(row)).toBe(Object.prototype);
      expect(types.isProxy(row)).toBe(false);
      expect(structuredClone(row)).toStrictEqual(row);
    }
    await unhooked.$disconnect();
  });

  test('they can be written back, by each kind of write', async () => {
    const db = await blog();
    const { comment } = db.prisma;
    const [first, second, third] = (await db.load()).comments as unknown as [Row, Row, Row];
    await comment.update({ where: { id: 1 }, data: { ...first, text: 'updated' } });
    await comment.upsert({ where: { id: 2 }, update: second, create: second });
    await comment.updateMany({ where: { id: 3 }, data: third });
    await comment.deleteMany();
    await comment.create({ data: first });
    await comment.createMany({ data: [second, third] });
    await comment.deleteMany({ where: { id: 3 } });
    await comment.createManyAndReturn({ data: [third] });
    expect((await db.load()).comments).toStrictEqual([first, second, third]);
  });

  test('what is written back invalidates the row, and nothing that only its key would', async () => {
    const db = await blog();
    const [, article] = (await db.load()).articles as unknown as [Row, Row];
    await db.prisma.article.update({ where: { id: 2 }, data: { ...article, title: 'new' } });
    expect(await ran(db)).toEqual(['article 2']);
  });
});

describe('the sweeper knows the rows that a client has given', () => {
  test.each<[string, (prisma: Client) => Promise<unknown>]>([
    ['findMany()', async ({ comment }) => (await comment.findMany({ orderBy: { id: 'asc' } }))[0]],
    ['findUniqueOrThrow()', ({ comment }) => comment.findUniqueOrThrow({ where: { id: 1 } })],
    ['update()', ({ comment }) => comment.update({ where: { id: 1 }, data: { text: 'new' } })],
    [
      'upsert()',
      ({ comment }) =>
        comment.upsert({ where: { id: 1 }, update: { text: 'new' }, create: { text: '', articleId: 1 } }),
    ],
    [
      'updateManyAndReturn()',
      async ({ comment }) => (await comment.updateManyAndReturn({ where: { id: 1 }, data: { text: 'new' } }))[0],
    ],
    ['delete()', ({ comment }) => comment.delete({ where: { id: 1 } })],
    [
      'a relation that is included',
      async ({ article }) =>
        ((await article.findMany({ include: { comments: { orderBy: { id: 'asc' } } } })) as unknown as Including[])[0]
          ?.comments[0],
    ],
    [
      'a relation of a relation',
      async ({ comment }) =>
        (
          (await comment.findUniqueOrThrow({
            where: { id: 1 },
            select: { article: { select: { comments: { orderBy: { id: 'asc' } } } } },
          })) as unknown as { article: Including }
        ).article.comments[0],
    ],
    [
      'a relation that is asked of a row',
      async ({ article }) =>
        (
          await (article.findUniqueOrThrow({ where: { id: 1 } }) as unknown as Fluent).comments({
            orderBy: { id: 'asc' },
          })
        )[0],
    ],
    [
      'select with the id',
      ({ comment }) => comment.findUniqueOrThrow({ where: { id: 1 }, select: { id: true, text: true } }),
    ],
    ['a transaction', (prisma) => prisma.$transaction((tx) => tx.comment.findUniqueOrThrow({ where: { id: 1 } }))],
    [
      'a list of queries',
      async (prisma) => (await prisma.$transaction([prisma.comment.findUniqueOrThrow({ where: { id: 1 } })]))[0],
    ],
    [
      'an extension that makes other objects of the rows',
      (prisma) => (prisma.$extends(cloning) as Client).comment.findUniqueOrThrow({ where: { id: 1 } }),
    ],
    [
      'an extension that reads elsewhere, such as a replica',
      async (prisma) => {
        const replica = construct();
        const row = await (prisma.$extends(reading(replica)) as Client).comment.findUniqueOrThrow({ where: { id: 1 } });
        await replica.$disconnect();
        return row;
      },
    ],
    [
      'a client with computed values',
      (prisma) => (prisma.$extends(computing) as Client).comment.findUniqueOrThrow({ where: { id: 1 } }),
    ],
    [
      'a relation of a client with computed values',
      async (prisma) =>
        (
          (await (prisma.$extends(computing) as Client).article.findUniqueOrThrow({
            where: { id: 1 },
            include: { comments: { orderBy: { id: 'asc' } } },
          })) as unknown as Including
        ).comments[0],
    ],
  ])('by %s', async (_name, read) => {
    const db = await blog();
    expect(await isComment1(db, await read(db.prisma))).toBe(true);
  });

  test('each sweeper by the name that its own hook was told', async () => {
    const db = await blog();
    let now = 0;
    const sweeper = new CacheSweeper({ now: () => now });
    sweepOnSave(db.base, sweeper, { models: { Comment: { type: 'Remark' } } });
    const row = await db.prisma.comment.findUniqueOrThrow({ where: { id: 1 } });
    const page = pageOf(ofRow, sweeper);
    await page({ row });
    now += 60_000;
    await page({ row });
    await sweeper.invalidateCacheFor({ type: 'Comment', id: 1 });
    expect(await page({ row })).toMatchObject({ runs: 0 });
    await db.prisma.comment.update({ where: { id: 1 }, data: { text: 'new' } });
    expect(await page({ row })).toMatchObject({ runs: 1 });
    expect(await ran(db)).toEqual(['article 1', 'comment 1', 'list']);
  });
});

describe('what is no row is not taken for one', () => {
  test.each<[string, (prisma: Client) => Promise<unknown>, string]>([
    [
      'a clone',
      async (prisma) => ({ ...(await prisma.comment.findUniqueOrThrow({ where: { id: 1 } })) }),
      'type="Comment"',
    ],
    [
      'a deep clone',
      async (prisma) => structuredClone(await prisma.comment.findUniqueOrThrow({ where: { id: 1 } })),
      'type="Comment"',
    ],
    [
      'a result of groupBy()',
      async ({ comment }) => (await (comment as unknown as Groups).groupBy({ by: ['id'] }))[0],
      'type="Comment"',
    ],
    [
      'a row without its id',
      ({ comment }) => comment.findUniqueOrThrow({ where: { id: 1 }, select: { text: true } }),
      'a row of type Comment has no usable id',
    ],
  ])('%s: the tag says what to do', async (_name, read, message) => {
    const db = await blog();
    const row = await read(db.prisma);
    await expect(pageOf(ofRow, db.site.sweeper)({ row })).rejects.toThrow(message);
  });

  test('a clone with type= is the row, and the rows in it are known', async () => {
    const db = await blog();
    const article = async () => ({
      ...(await db.prisma.article.findUniqueOrThrow({ where: { id: 1 }, include: { comments: true } })),
    });
    const sweeper = new CacheSweeper();
    sweepOnSave(db.base, sweeper); // nothing is registered there: no touches
    const page = pageOf(ofComments, sweeper);
    expect(await page({ row: await article() })).toEqual({ html: 'ab', runs: 1 });
    expect(await page({ row: await article() })).toEqual({ html: 'ab', runs: 0 });
    await db.prisma.comment.update({ where: { id: 1 }, data: { text: 'new' } });
    expect(await page({ row: await article() })).toEqual({ html: 'newb', runs: 1 });
  });

  test.each([
    ['depends', '{% depends each, type="Comment" %}'],
    ['nothing else: it stays as it was, the limit that the docs name', ''],
    ['a fragment of its own', '{% cachesweeper each 500 "each", type="Comment" %}{% endcachesweeper %}'],
  ])('a clone below another model is named by %s', async (_name, tag) => {
    const db = await blog();
    const sweeper = new CacheSweeper();
    sweepOnSave(db.base, sweeper);
    const article = async () => {
      const row = (await db.prisma.article.findUniqueOrThrow({
        where: { id: 1 },
        include: { comments: true },
      })) as unknown as Including;
      return { ...row, comments: row.comments.map((comment) => ({ ...comment })) };
    };
    const page = pageOf(ofComments.replace('{{ each.text }}', `{{ each.text }}${tag}`), sweeper);
    await page({ row: await article() });
    expect(await page({ row: await article() })).toEqual({ html: 'ab', runs: 0 });
    await db.prisma.comment.update({ where: { id: 1 }, data: { text: 'new' } });
    expect(await page({ row: await article() })).toEqual(
      tag === '' ? { html: 'ab', runs: 0 } : { html: 'newb', runs: 1 },
    );
  });

  test('a result that an extension ties to itself, or that cannot be looked at, is given as it is', async () => {
    const db = await blog();
    const circular = { id: 1, article: { id: 1, comments: [] as unknown[] } };
    circular.article.comments.push(circular);
    const closed = new Proxy(
      {},
      {
        getOwnPropertyDescriptor() {
          throw new Error('closed');
        },
      },
    );
    for (const odd of [circular, closed]) {
      const client = db.prisma.$extends({ query: { comment: { findMany: async () => [odd] } } }) as Client;
      expect((await client.comment.findMany())[0] === odd).toBe(true);
    }
  });

  test('rows with computed values below another one are known, too', async () => {
    const db = await blog();
    const sweeper = new CacheSweeper();
    sweepOnSave(db.base, sweeper);
    const client = db.prisma.$extends(computing) as Client;
    const article = () => client.article.findUniqueOrThrow({ where: { id: 1 }, include: { comments: true } });
    const page = pageOf(ofComments, sweeper);
    await page({ row: await article() });
    expect(await page({ row: await article() })).toEqual({ html: 'ab', runs: 0 });
    await db.prisma.comment.update({ where: { id: 1 }, data: { text: 'new' } });
    expect(await page({ row: await article() })).toEqual({ html: 'newb', runs: 1 });
  });
});

describe('extensions and other clients', () => {
  test('what an extension adds to a write counts', async () => {
    const db = await blog();
    const moving = db.prisma.$extends({
      query: {
        comment: {
          update: ({ args, query }: { args: { data: object }; query: (args: object) => unknown }) =>
            query({ ...args, data: { ...args.data, articleId: 3 } }),
        },
      },
    }) as Client;
    await moving.comment.update({ where: { id: 1 }, data: { text: 'new' } });
    expect(await ran(db)).toEqual(['article 1', 'article 2', 'article 3', 'comment 1', 'list']);
  });

  test('a transaction of the client that was given, and of one that was extended before', async () => {
    const db = await blog();
    for (const client of [db.base, db.before]) {
      const failing = client.$transaction(async (tx) => {
        await tx.comment.update({ where: { id: 1 }, data: { text: 'no' } });
        throw new Error('stop');
      });
      await expect(failing).rejects.toThrow('stop');
      expect(await ran(db)).toEqual([]);
      await client.$transaction((tx) => tx.comment.update({ where: { id: 1 }, data: { text: 'new' } }));
      expect(await ran(db)).toEqual(['article 1', 'comment 1', 'list']);
      await cached(db);
    }
  });

  test("bulk: 'rows' where an extension hides rows from reading: the type", async () => {
    const hiding = construct().$extends({
      query: {
        comment: {
          findMany: ({ args, query }: { args: { where?: object }; query: (args: object) => unknown }) =>
            query({ ...args, where: { AND: [args.where ?? {}, { text: { not: 'a' } }] } }),
        },
      },
    }) as Client;
    const db = await blog({ bulk: 'rows' }, hiding);
    await db.prisma.comment.updateMany({ where: { articleId: 1 }, data: { likes: 7 } });
    expect((await db.site.render(await db.load())).ran).toEqual(all.filter((label) => label !== 'comment 1'));
    await cached(db);
    await db.prisma.comment.updateMany({ where: { text: 'c' }, data: { text: 'a', articleId: 3 } });
    expect((await db.site.render(await db.load())).ran).toContain('article 2');
  });

  test('a second call for the same client is an error, also by one that was made from it', async () => {
    const db = await blog();
    for (const client of [db.prisma, db.before]) {
      expect(() => sweepOnSave(client, db.site.sweeper)).toThrow(
        expect.objectContaining({ code: 'CACHESWEEPER_INSTALL' }),
      );
    }
  });

  test('another client that is constructed needs a call of its own', async () => {
    const db = await blog();
    const another = construct();
    await another.comment.update({ where: { id: 1 }, data: { text: 'new' } });
    expect(await ran(db)).toEqual([]);
    sweepOnSave(another, db.site.sweeper);
    await another.comment.update({ where: { id: 1 }, data: { text: 'newer' } });
    expect(await ran(db)).toEqual(['article 1', 'comment 1', 'list']);
    await another.$disconnect();
  });

  test('another client whose adapter does not tell its database is refused: it may be another one', async () => {
    const db = await blog();
    const another = new PrismaClient({ adapter: new PrismaLibSql({ url: file.url }) });
    expect(() => sweepOnSave(another, db.site.sweeper)).toThrow(
      expect.objectContaining({
        code: 'CACHESWEEPER_TYPE_CONFLICT',
        message: expect.stringContaining('clients of one database can share one adapter'),
      }),
    );
    await another.$disconnect();
  });

  test('a client whose requests cannot be heard is refused', async () => {
    const client = construct();
    const other = Object.create(client, { _originalClient: { value: {} } }) as Client;
    expect(() => sweepOnSave(other, new OrmSite().sweeper)).toThrow(
      expect.objectContaining({ code: 'CACHESWEEPER_BAD_OPTION', message: expect.stringContaining('sends requests') }),
    );
    await client.$disconnect();
  });
});

test('a relation that was not loaded is unknown to touches, not absent', async () => {
  const db = await blog();
  db.site.sweeper.register('Comment', {
    touches: ({ article }: { article?: { id: number } }) => (article ? { type: 'Article', id: article.id } : []),
  });
  await db.prisma.comment.update({ where: { id: 1 }, data: { text: 'new' } });
  expect(await ran(db)).toEqual(['article 1', 'article 2', 'article 3', 'comment 1', 'list']);
});

describe('rows that follow others', () => {
  test('another key of an article: its comments have another articleId', async () => {
    const db = await blog();
    await db.prisma.article.update({ where: { id: 3 }, data: { id: 9 } });
    const after = await db.load();
    expect((await db.site.render(after)).ran).toEqual(
      [...all.filter((label) => label !== 'article 3'), 'article 9'].sort(),
    );
  });

  test('deleteMany(), and a row that is deleted through a relation', async () => {
    const db = await blog();
    await db.prisma.article.deleteMany({ where: { id: 2 } });
    expect(await ran(db)).toEqual(['article 1', 'article 3', 'comment 1', 'comment 2', 'list']);
    await cached(db);
    await db.prisma.article.update({ where: { id: 1 }, data: { comments: { delete: { id: 1 } } } });
    expect(await ran(db)).toEqual(all.filter((label) => label !== 'comment 1'));
  });
});

type Row = Record<string, unknown>;
interface Including {
  readonly comments: readonly Row[];
}
interface Fluent {
  comments(args: object): Promise<Row[]>;
}
interface Groups {
  groupBy(args: object): Promise<Row[]>;
}
const computing = {
  result: { comment: { shout: { needs: { text: true }, compute: ({ text }: { text: string }) => `${text}!` } } },
};
const cloning = {
  query: {
    $allModels: {
      $allOperations: async ({ args, query }: { args: object; query: (args: object) => Promise<object> }) => ({
        ...(await query(args)),
      }),
    },
  },
};
const reading = (replica: Client) => ({
  query: { comment: { findUniqueOrThrow: ({ args }: { args: object }) => replica.comment.findUniqueOrThrow(args) } },
});
