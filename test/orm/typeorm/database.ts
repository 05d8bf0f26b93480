import Driver from 'libsql';
import type { SaveHookOptions } from 'nunjucks-cachesweeper/typeorm';
import { sweepOnSave } from 'nunjucks-cachesweeper/typeorm';
import type { DataSource, DataSourceOptions, EntityManager, EntitySchema, Repository } from 'typeorm';
import * as typeorm from 'typeorm';
import * as typeorm03 from 'typeorm-0.3';
import type { OrmWithOutbox } from '../outbox.ts';
import { OrmSite } from '../site.ts';
import type { Orm, Write } from '../suite.ts';

/** What the tests use of TypeORM, which is the same in all its versions. */
export type TypeOrm = Pick<typeof typeorm, 'DataSource' | 'EntitySchema' | 'In'>;

export const VERSIONS: Readonly<Record<string, TypeOrm>> = {
  'TypeORM 1': typeorm,
  'TypeORM 0.3': typeorm03 as unknown as TypeOrm,
};

class Article {
  declare id: number;
  declare title: string;
  declare comments: Comment[];
  declare tags: Tag[];
}

class Comment {
  declare id: number;
  declare text: string;
  declare likes: number;
  declare slug: string | null;
  declare deletedAt: Date | null;
  declare articleId: number;
  declare article: Article;
}

/** Another class of the comments' table. */
class Reply {
  declare id: number;
  declare text: string;
  declare articleId: number;
}

class Tag {
  declare id: number;
  declare name: string;
}

const id = { type: 'integer', primary: true, generated: 'increment' } as const;

const entitiesOf = ({ EntitySchema }: TypeOrm): EntitySchema<never>[] =>
  [
    new EntitySchema<Article>({
      name: 'Article',
      target: Article,
      columns: { id, title: { type: 'text' } },
      relations: {
        comments: { type: 'one-to-many', target: 'Comment', inverseSide: 'article', cascade: true },
        tags: { type: 'many-to-many', target: 'Tag', joinTable: true },
      },
    }),
    new EntitySchema<Comment>({
      name: 'Comment',
      target: Comment,
      columns: {
        id,
        text: { type: 'text' },
        likes: { type: 'integer', default: 0 },
        slug: { type: 'text', nullable: true, unique: true },
        deletedAt: { type: Date, nullable: true, deleteDate: true },
        articleId: { type: 'integer' },
      },
      relations: {
        article: {
          type: 'many-to-one',
          target: 'Article',
          joinColumn: { name: 'articleId' },
          inverseSide: 'comments',
          onDelete: 'CASCADE',
          onUpdate: 'CASCADE',
        },
      },
    }),
    new EntitySchema<Reply>({
      name: 'Reply',
      target: Reply,
      tableName: 'comment',
      columns: { id, text: { type: 'text' }, articleId: { type: 'integer' } },
      synchronize: false,
    }),
    new EntitySchema<Tag>({ name: 'Tag', target: Tag, columns: { id, name: { type: 'text' } } }),
  ] as EntitySchema<never>[];

/** A blog in TypeORM. */
export class Database implements Orm<EntityManager> {
  readonly source: DataSource;
  readonly site: OrmSite;

  static async open(
    options: DataSourceOptions = { type: 'better-sqlite3', driver: Driver, database: ':memory:' },
    hook: SaveHookOptions = {},
    site = new OrmSite(),
    orm: TypeOrm = typeorm,
  ): Promise<Database> {
    const source = await new orm.DataSource({
      ...options,
      entities: entitiesOf(orm),
      synchronize: true,
      dropSchema: true,
    } as DataSourceOptions).initialize();
    sweepOnSave(source, site.sweeper, hook);
    return new Database(source, site);
  }

  private constructor(source: DataSource, site: OrmSite) {
    this.source = source;
    this.site = site;
  }

  async load(manager: EntityManager = this.source.manager) {
    const order = { order: { id: 'ASC' } } as never;
    return {
      articles: await manager.find(Article, order),
      comments: await manager.find(Comment, order),
      tags: await manager.find(Tag, order),
    };
  }

  async reset(): Promise<void> {
    const isPostgres = this.source.options.type === 'postgres';
    for (const sql of [
      'DELETE FROM article_tags_tag',
      'DELETE FROM comment',
      'DELETE FROM article',
      'DELETE FROM tag',
      "INSERT INTO article (id, title) VALUES (1, 'one'), (2, 'two'), (3, 'three')",
      `INSERT INTO comment (id, text, likes, slug, "articleId") VALUES (1, 'a', 0, 'a', 1), (2, 'b', 0, 'b', 1), (3, 'c', 0, 'c', 2)`,
      "INSERT INTO tag (id, name) VALUES (1, 'quiet')",
      isPostgres ? "SELECT setval('comment_id_seq', 4)" : "UPDATE sqlite_sequence SET seq = 4 WHERE name = 'comment'",
    ]) {
      await this.source.query(sql);
    }
  }

  transaction<T>(run: (manager: EntityManager) => Promise<T>, outer: EntityManager = this.source.manager): Promise<T> {
    return outer.transaction(run);
  }

  async begin() {
    const runner = this.source.createQueryRunner();
    await runner.startTransaction();
    const end = (work: () => Promise<void>) => async () => {
      await work();
      await runner.release();
    };
    return {
      tx: runner.manager,
      commit: end(() => runner.commitTransaction()),
      rollback: end(() => runner.rollbackTransaction()),
    };
  }

  close(): Promise<void> {
    return this.source.destroy();
  }
}

export function withOutbox(database: Database): OrmWithOutbox<EntityManager> {
  return Object.assign(database, {
    query: (sql: string) => database.source.query(sql),
    save: async (text: string, manager = database.source.manager) =>
      manager.save(Object.assign(await manager.findOneByOrFail(Comment, { id: 1 }), { text })),
    update: (values: object) => database.source.manager.update(Comment, { id: 1 }, values),
  });
}

/** Every kind of write of docs/orm.md, as the blog in `open()` does it. */
export function writesOfTypeorm(open: () => Database): Record<string, Write<EntityManager>> {
  const one = ['article 1', 'comment 1', 'list'];
  /** A write through the repository of the comments. */
  const comments =
    (run: (repository: Repository<Comment>, manager: EntityManager) => Promise<unknown>) =>
    (tx: EntityManager = open().source.manager) =>
      run(tx.getRepository(Comment), tx);
  const first = (repository: Repository<Comment>) => repository.findOneByOrFail({ id: 1 });
  return {
    'repository.save()': {
      run: comments(async (all) => all.save(Object.assign(await first(all), { text: 'new' }))),
      invalidates: one,
    },
    'repository.save() of a new row': {
      run: comments((all) => all.save(all.create({ text: 'new', articleId: 3 }))),
      invalidates: ['article 3', 'comment 5', 'list'],
    },
    'repository.save() of a part of a row': {
      run: comments((all) => all.save({ id: 1, text: 'new' })),
      invalidates: one,
    },
    'writes through another class of the same table, or of its inheritance': {
      run: comments((_all, manager) => manager.save(Reply, { id: 1, text: 'new' })),
      invalidates: one,
    },
    'repository.save(), moved to another parent by its id or by the object': {
      run: comments(async (all, manager) => {
        await all.save(Object.assign(await first(all), { articleId: 3 }));
        const second = await all.findOneByOrFail({ id: 2 });
        await all.save(Object.assign(second, { article: await manager.findOneByOrFail(Article, { id: 2 }) }));
      }),
      invalidates: [...one, 'article 2', 'article 3', 'comment 2'],
    },
    'cascades of save()': {
      run: comments(async (_all, manager) => {
        const article = await manager.findOneOrFail(Article, { where: { id: 2 }, relations: { comments: true } });
        (article.comments[0] as Comment).text = 'new';
        await manager.save(article);
      }),
      invalidates: ['article 2', 'comment 3', 'list'],
    },
    'repository.remove()': {
      run: comments(async (all) => all.remove(await first(all))),
      invalidates: ['article 1', 'list'],
    },
    'repository.softRemove()': {
      run: comments(async (all) => all.softRemove(await first(all))),
      invalidates: ['article 1', 'list'],
    },
    'repository.recover()': {
      run: comments(async (all, manager) => {
        await manager.query(`UPDATE comment SET "deletedAt" = '2026-01-01 00:00:00' WHERE id = 1`);
        await all.recover(await all.findOneOrFail({ where: { id: 1 }, withDeleted: true }));
      }),
      invalidates: one,
    },
    'rows of a many-to-many relation, as both types': {
      run: comments(async (_all, manager) => {
        const article = await manager.findOneOrFail(Article, { where: { id: 1 }, relations: { tags: true } });
        article.tags.push(await manager.findOneByOrFail(Tag, { id: 1 }));
        await manager.save(article);
      }),
      invalidates: ['article 1', 'article 2', 'article 3', 'tag 1'],
    },
    'rows deleted by ON DELETE CASCADE, as their type': {
      run: comments(async (_all, manager) => manager.remove(await manager.findOneByOrFail(Article, { id: 1 }))),
    },
    'rows changed by ON UPDATE CASCADE, as their type': {
      run: comments((_all, manager) => manager.update(Article, { id: 2 }, { id: 9 })),
    },
    'repository.insert()': { run: comments((all) => all.insert({ text: 'new', articleId: 3 })) },
    'repository.upsert()': {
      run: comments((all) => all.upsert({ slug: 'a', text: 'new', articleId: 3 }, ['slug'])),
    },
    'repository.update(criteria)': { run: comments((all) => all.update({ articleId: 1 }, { articleId: 3 })) },
    'repository.delete(criteria)': { run: comments((all) => all.delete({ id: typeorm.In([1, 2]) })) },
    'repository.softDelete(criteria)': { run: comments((all) => all.softDelete({ articleId: 1 })) },
    'repository.restore(criteria)': {
      run: comments(async (all, manager) => {
        await manager.query(`UPDATE comment SET "deletedAt" = '2026-01-01 00:00:00' WHERE id = 1`);
        await all.restore({ id: 1 });
      }),
    },
    'repository.increment(), repository.decrement()': {
      run: comments(async (all) => {
        await all.increment({ id: 1 }, 'likes', 3);
        await all.decrement({ id: 2 }, 'likes', 1);
      }),
    },
    'query builders: insert(), update(), delete(), softDelete(), restore()': {
      run: comments((all) => all.createQueryBuilder().update().set({ text: 'new' }).where('id = 1').execute()),
    },
    'query builders with callListeners(false)': {
      run: comments((all) => all.createQueryBuilder().update().set({ text: 'new' }).callListeners(false).execute()),
    },
    'repository.save(), remove(), softRemove(), recover() with listeners: false': {
      run: comments((all) => all.save({ id: 1, text: 'new' }, { listeners: false })),
    },
    'relations by a query builder: relation().set(), add(), remove()': {
      run: comments((all) => all.createQueryBuilder().relation(Comment, 'article').of(1).set(3)),
    },
    'a save() that fails in the middle, where that is not rolled back': {
      run: () =>
        open()
          .source.manager.save(
            Comment,
            [
              { id: 1, text: 'new' },
              { id: 2, slug: 'c' },
            ],
            { transaction: false },
          )
          .catch(() => undefined),
      standsAlone: true,
    },
    'dataSource.synchronize(true), dataSource.dropDatabase()': {
      run: () => open().source.synchronize(true),
      standsAlone: true,
    },
    'repository.clear()': { run: comments((all) => all.clear()) },
    'dataSource.query(), queryRunner.query()': {
      run: comments((_all, manager) => manager.query("UPDATE comment SET text = 'new'")),
    },
  };
}
