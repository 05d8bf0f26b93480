import type { SaveHookOptions } from 'nunjucks-cachesweeper/prisma';
import { sweepOnSave } from 'nunjucks-cachesweeper/prisma';
import type { OrmWithOutbox } from '../outbox.ts';
import { OrmSite } from '../site.ts';
import type { Orm, Write } from '../suite.ts';
import type { PrismaClient } from './generate.ts';

/** A blog in Prisma. */
export class Database implements Orm<PrismaClient> {
  readonly base: PrismaClient;
  /** Made of the base before the hook was set up. */
  readonly before: PrismaClient;
  /** The same, with an extension that deletes in another way, by a client that it does not know of. */
  readonly softly: PrismaClient;
  readonly prisma: PrismaClient;
  readonly site: OrmSite;
  readonly #isPostgres: boolean;

  static async open(
    base: PrismaClient,
    isPostgres = false,
    hook: SaveHookOptions = {},
    site = new OrmSite(),
  ): Promise<Database> {
    const id = isPostgres ? 'SERIAL PRIMARY KEY' : 'INTEGER PRIMARY KEY AUTOINCREMENT';
    for (const table of ['Comment', 'Article', 'Tag']) await base.$executeRawUnsafe(`DROP TABLE IF EXISTS "${table}"`);
    await base.$executeRawUnsafe(`CREATE TABLE "Article" (id ${id}, title TEXT NOT NULL)`);
    await base.$executeRawUnsafe(
      `CREATE TABLE "Comment" (id ${id}, text TEXT NOT NULL, likes INTEGER NOT NULL DEFAULT 0, slug TEXT UNIQUE,
        "articleId" INTEGER NOT NULL REFERENCES "Article" (id) ON DELETE CASCADE)`,
    );
    await base.$executeRawUnsafe(`CREATE TABLE "Tag" (id ${id}, name TEXT NOT NULL)`);
    const before = base.$extends({ model: { $allModels: { hello: () => 'hello' } } }) as PrismaClient;
    const softly = base.$extends({
      query: {
        comment: {
          delete: ({ args }: { args: object }) => base.comment.update({ ...args, data: { text: 'deleted' } }),
        },
      },
    }) as PrismaClient;
    return new Database({ base, before, softly }, isPostgres, sweepOnSave(base, site.sweeper, hook), site);
  }

  private constructor(
    { base, before, softly }: Pick<Database, 'base' | 'before' | 'softly'>,
    isPostgres: boolean,
    prisma: PrismaClient,
    site: OrmSite,
  ) {
    this.base = base;
    this.before = before;
    this.softly = softly;
    this.prisma = prisma;
    this.site = site;
    this.#isPostgres = isPostgres;
  }

  async load(client: PrismaClient = this.prisma) {
    const order = { orderBy: { id: 'asc' } };
    return {
      articles: await client.article.findMany(order),
      comments: await client.comment.findMany(order),
      tags: await client.tag.findMany(order),
    };
  }

  async reset(): Promise<void> {
    for (const sql of [
      'DELETE FROM "Comment"',
      'DELETE FROM "Article"',
      'DELETE FROM "Tag"',
      `INSERT INTO "Article" (id, title) VALUES (1, 'one'), (2, 'two'), (3, 'three')`,
      `INSERT INTO "Comment" (id, text, slug, "articleId") VALUES (1, 'a', 'a', 1), (2, 'b', 'b', 1), (3, 'c', 'c', 2)`,
      `INSERT INTO "Tag" (id, name) VALUES (1, 'quiet')`,
    ]) {
      await this.base.$executeRawUnsafe(sql);
    }
    if (this.#isPostgres) await this.base.$queryRawUnsafe(`SELECT setval('"Comment_id_seq"', 4)`);
    else await this.base.$executeRawUnsafe(`UPDATE sqlite_sequence SET seq = 4 WHERE name = 'Comment'`);
  }

  transaction<T>(run: (tx: PrismaClient) => Promise<T>, outer: PrismaClient = this.prisma): Promise<T> {
    return outer.$transaction(run);
  }

  close(): Promise<void> {
    return this.base.$disconnect();
  }
}

export function withOutbox(database: Database): OrmWithOutbox<PrismaClient> {
  const { base, prisma } = database;
  return Object.assign(database, {
    query: (sql: string) => (/^SELECT/.test(sql) ? base.$queryRawUnsafe(sql) : base.$executeRawUnsafe(sql)),
    save: (text: string, tx = prisma) => tx.comment.update({ where: { id: 1 }, data: { text } }),
    update: (data: object) => prisma.comment.update({ where: { id: 1 }, data }),
  });
}

/** Every kind of write of docs/orm.md, as the blog in `open()` does it. */
export function writesOfPrisma(open: () => Database): Record<string, Write<PrismaClient>> {
  const one = ['article 1', 'comment 1', 'list'];
  const by =
    (run: (client: PrismaClient) => Promise<unknown>) =>
    (tx: PrismaClient = open().prisma) =>
      run(tx);
  return {
    'create()': {
      run: by((prisma) => prisma.comment.create({ data: { text: 'new', articleId: 3 } })),
      invalidates: ['article 3', 'comment 5', 'list'],
    },
    'create() with a relation that is connected by its id': {
      run: by((prisma) => prisma.comment.create({ data: { text: 'new', article: { connect: { id: 3 } } } })),
      invalidates: ['article 3', 'comment 5', 'list'],
    },
    'createManyAndReturn()': {
      run: by((prisma) => prisma.comment.createManyAndReturn({ data: [{ text: 'new', articleId: 3 }] })),
      invalidates: ['article 3', 'comment 5', 'list'],
    },
    'update()': {
      run: by((prisma) => prisma.comment.update({ where: { id: 1 }, data: { text: 'new', likes: { increment: 1 } } })),
      invalidates: one,
    },
    'updateManyAndReturn()': {
      run: by((prisma) => prisma.comment.updateManyAndReturn({ where: { id: 1 }, data: { text: 'new' } })),
      invalidates: one,
    },
    'upsert()': {
      run: by((prisma) =>
        prisma.comment.upsert({ where: { slug: 'a' }, update: { text: 'new' }, create: { text: 'new', articleId: 3 } }),
      ),
      invalidates: one,
    },
    'delete()': {
      run: by((prisma) => prisma.comment.delete({ where: { id: 1 } })),
      invalidates: ['article 1', 'list'],
    },
    'with select or omit': {
      run: by((prisma) => prisma.comment.update({ where: { id: 1 }, data: { text: 'new' }, omit: { text: true } })),
      invalidates: one,
    },
    '$transaction([…])': {
      run: () => {
        const { prisma } = open();
        return prisma.$transaction([
          prisma.comment.update({ where: { id: 1 }, data: { text: 'new' } }),
          prisma.comment.create({ data: { text: 'new', articleId: 3 } }),
        ]);
      },
      invalidates: [...one, 'article 3', 'comment 5'],
      standsAlone: true,
    },
    'update() that moves a row to another parent': {
      run: by((prisma) => prisma.comment.update({ where: { id: 1 }, data: { articleId: 3 } })),
      invalidates: ['article 1', 'article 2', 'article 3', 'comment 1', 'list'],
    },
    'update(), with a select that leaves out the id, by another key': {
      run: by((prisma) =>
        prisma.comment.update({ where: { slug: 'a' }, data: { text: 'new' }, select: { text: true } }),
      ),
    },
    'createMany()': { run: by((prisma) => prisma.comment.createMany({ data: [{ text: 'new', articleId: 3 }] })) },
    'updateMany()': {
      run: by((prisma) => prisma.comment.updateMany({ where: { articleId: 1 }, data: { articleId: 3 } })),
    },
    'deleteMany()': { run: by((prisma) => prisma.comment.deleteMany({ where: { articleId: 1 } })) },
    'relations in data, as their types': {
      run: by((prisma) =>
        prisma.article.update({
          where: { id: 3 },
          data: {
            comments: { create: [{ text: 'new' }], connectOrCreate: [{ where: { slug: 'a' }, create: { text: 'x' } }] },
          },
        }),
      ),
    },
    'rows that the onDelete or onUpdate of a relation deletes or changes, as their type': {
      run: by((prisma) => prisma.article.delete({ where: { id: 3 } })),
    },
    '$executeRaw, $queryRaw': { run: by((prisma) => prisma.$executeRawUnsafe(`UPDATE "Comment" SET text = 'new'`)) },
    'update() with the whole row, as it was read: { data: { ...row } }': {
      run: by(async (prisma) => {
        const row = await prisma.comment.findUniqueOrThrow({ where: { id: 1 } });
        await prisma.comment.update({ where: { id: 1 }, data: { ...row, text: 'new' } });
      }),
      invalidates: ['article 1', 'article 2', 'article 3', 'comment 1', 'list'],
    },
    'writes by a client that $extends makes, before sweepOnSave() or after it': {
      run: async () => {
        const { before, prisma } = open();
        await before.comment.update({ where: { id: 1 }, data: { text: 'new' } });
        const after = prisma.$extends({ model: { $allModels: { hello: () => 'hello' } } }) as PrismaClient;
        await after.comment.update({ where: { id: 3 }, data: { text: 'new' } });
      },
      invalidates: [...one, 'article 2', 'comment 3'],
      standsAlone: true,
    },
    'writes that an extension makes in the place of others': {
      run: () => open().softly.comment.delete({ where: { id: 1 } }),
      invalidates: one,
      standsAlone: true,
    },
  };
}
