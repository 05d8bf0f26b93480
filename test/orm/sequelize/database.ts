import { AsyncLocalStorage } from 'node:async_hooks';
import type { SaveHookOptions } from 'nunjucks-cachesweeper/sequelize';
import { sweepOnSave } from 'nunjucks-cachesweeper/sequelize';
import { DataTypes, type Model, type ModelStatic, Op, type Options, Sequelize, type Transaction } from 'sequelize';
import type { OrmWithOutbox } from '../outbox.ts';
import { OrmSite } from '../site.ts';
import type { Orm, Write } from '../suite.ts';
import { libsqlAsSqlite3 } from './libsql-as-sqlite3.ts';

// biome-ignore lint/suspicious/noExplicitAny: attributes are of no matter here
type Row = Model<any, any> & { id: number; articleId: number; text: string; likes: number };

/** A blog in Sequelize. */
export class Database implements Orm<Transaction> {
  readonly sequelize: Sequelize;
  get sweeper() {
    return this.site.sweeper;
  }
  readonly site: OrmSite;
  readonly article: ModelStatic<Row>;
  readonly comment: ModelStatic<Row>;
  readonly tag: ModelStatic<Row>;

  static async open(options: Options = {}, hook: SaveHookOptions = {}, site = new OrmSite()): Promise<Database> {
    const database = new Database(
      new Sequelize({
        dialect: 'sqlite',
        dialectModule: libsqlAsSqlite3,
        storage: ':memory:',
        ...options,
        logging: false,
      }),
      site,
    );
    await database.sequelize.sync({ force: true });
    // Another model of the comments' table.
    database.sequelize.define(
      'Reply',
      { text: DataTypes.TEXT, articleId: DataTypes.INTEGER },
      { tableName: 'Comments', timestamps: false },
    );
    sweepOnSave(database.sequelize, site.sweeper, hook);
    return database;
  }

  private constructor(sequelize: Sequelize, site: OrmSite) {
    this.sequelize = sequelize;
    this.site = site;
    const row = { timestamps: false };
    this.article = sequelize.define('Article', { title: DataTypes.TEXT }, row) as never;
    this.comment = sequelize.define(
      'Comment',
      {
        text: DataTypes.TEXT,
        likes: { type: DataTypes.INTEGER, defaultValue: 0 },
        version: { type: DataTypes.INTEGER, defaultValue: 0 },
        slug: { type: DataTypes.STRING, unique: true },
        deletedAt: DataTypes.DATE,
      },
      { ...row, timestamps: true, createdAt: false, updatedAt: false, paranoid: true },
    ) as never;
    this.tag = sequelize.define('Tag', { name: DataTypes.TEXT }, row) as never;
    this.article.hasMany(this.comment, { foreignKey: 'articleId', onDelete: 'CASCADE' });
    this.comment.belongsTo(this.article, { foreignKey: 'articleId' });
  }

  async load(transaction?: Transaction) {
    const options = { order: ['id'] as never, transaction: transaction ?? null };
    return {
      articles: await this.article.findAll(options),
      comments: await this.comment.findAll(options),
      tags: await this.tag.findAll(options),
    } as never;
  }

  async reset(): Promise<void> {
    const { queryGenerator } = this.sequelize.getQueryInterface() as unknown as {
      queryGenerator: { quoteTable(name: string): string };
    };
    const run = (sql: string) =>
      this.sequelize.query(sql.replace(/\{(\w+)\}/g, (_all, name) => queryGenerator.quoteTable(name)));
    await run('DELETE FROM {Comments}');
    await run('DELETE FROM {Articles}');
    await run('DELETE FROM {Tags}');
    await run("INSERT INTO {Articles} (id, title) VALUES (1, 'one'), (2, 'two'), (3, 'three')");
    await run(
      "INSERT INTO {Comments} (id, text, likes, version, slug, {articleId}) VALUES (1, 'a', 0, 0, 'a', 1), (2, 'b', 0, 0, 'b', 1), (3, 'c', 0, 0, 'c', 2)",
    );
    await run("INSERT INTO {Tags} (id, name) VALUES (1, 'quiet')");
    if (this.sequelize.getDialect() === 'postgres') await run(`SELECT setval('"Comments_id_seq"', 4)`);
    else await run("UPDATE sqlite_sequence SET seq = 4 WHERE name = 'Comments'");
  }

  transaction<T>(run: (transaction: Transaction) => Promise<T>, outer?: Transaction): Promise<T> {
    return this.sequelize.transaction({ transaction: outer ?? null } as never, run);
  }

  async begin() {
    const tx = await this.sequelize.transaction();
    return { tx, commit: () => tx.commit(), rollback: () => tx.rollback() };
  }

  close(): Promise<void> {
    return this.sequelize.close();
  }

  comments(...ids: number[]): Promise<Row[]> {
    return this.comment.findAll({ where: { id: ids }, paranoid: false, transaction: null });
  }
}

export function withOutbox(database: Database): Database & OrmWithOutbox<Transaction> {
  return Object.assign(database, {
    query: async (sql: string) => (await database.sequelize.query(sql, { transaction: null }))[0],
    save: (text: string, transaction?: Transaction) =>
      database.comment
        .findByPk(1, { transaction: transaction ?? null })
        .then((row) => row?.update({ text }, { transaction: transaction ?? null })),
    update: async (values: object) => (await database.comment.findByPk(1, { transaction: null }))?.update(values),
  });
}

/** Every kind of write of docs/orm.md, as the blog in `open()` does it. */
export function writesOfSequelize(open: () => Database): Record<string, Write<Transaction>> {
  const first = async () => (await open().comments(1))[0] as Row;
  const one = ['article 1', 'comment 1', 'list'];
  return {
    'instance.save()': {
      run: async (transaction) => (await first()).set('text', 'new').save({ transaction: transaction ?? null }),
      invalidates: one,
    },
    'instance.save(), moved to another parent': {
      run: async (transaction) => (await first()).set('articleId', 3).save({ transaction: transaction ?? null }),
      invalidates: [...one, 'article 3'],
    },
    'instance.update()': {
      run: async (transaction) => (await first()).update({ text: 'new' }, { transaction: transaction ?? null }),
      invalidates: one,
    },
    'instance.update(), instance.destroy() of a row that was loaded in part': {
      run: async (transaction) => {
        const attributes = ['id', 'text'];
        const part = await open().comment.findOne({ where: { id: 1 }, attributes, transaction: transaction ?? null });
        await part?.update({ text: 'new' }, { transaction: transaction ?? null });
      },
      invalidates: [...one, 'article 2', 'article 3'],
    },
    'writes through another model of the same table': {
      run: async (transaction) => {
        const reply = await open().sequelize.models.Reply?.findByPk(1, { transaction: transaction ?? null });
        await reply?.update({ text: 'new' }, { transaction: transaction ?? null });
      },
      invalidates: one,
    },
    'Model.create()': {
      run: (transaction) => open().comment.create({ text: 'new', articleId: 3 }, { transaction: transaction ?? null }),
      invalidates: ['article 3', 'comment 5', 'list'],
    },
    'Model.findOrCreate()': {
      run: (transaction) =>
        open().comment.findOrCreate({
          where: { text: 'new' },
          defaults: { articleId: 3 },
          transaction: transaction ?? null,
        } as never),
      invalidates: ['article 3', 'comment 5', 'list'],
      standsAlone: true,
    },
    'instance.destroy()': {
      run: async (transaction) => (await first()).destroy({ force: true, transaction: transaction ?? null }),
      invalidates: ['article 1', 'list'],
    },
    'instance.destroy(), paranoid': {
      run: async (transaction) => (await first()).destroy({ transaction: transaction ?? null }),
      invalidates: ['article 1', 'list'],
    },
    'instance.restore()': {
      run: async (transaction) => {
        await open().sequelize.query(
          `UPDATE ${q(open(), 'Comments')} SET ${q(open(), 'deletedAt')} = '2026-01-01 00:00:00' WHERE id = 1`,
          { transaction: transaction ?? null },
        );
        await (
          await open().comment.findOne({ where: { id: 1 }, paranoid: false, transaction: transaction ?? null })
        )?.restore({ transaction: transaction ?? null });
      },
      invalidates: one,
    },
    'instance.increment(), instance.decrement()': {
      run: async (transaction) => {
        await (await first()).increment('likes', { by: 3, transaction: transaction ?? null });
        await (await first()).decrement('likes', { transaction: transaction ?? null });
      },
      invalidates: one,
    },
    'Model.update(), Model.destroy(), Model.increment() where the primary key is one value': {
      run: async (transaction) => {
        await open().comment.update({ articleId: 3 }, { where: { id: 1 }, transaction: transaction ?? null });
        await open().comment.increment('likes', { where: { id: 1 }, transaction: transaction ?? null });
      },
      invalidates: [...one, 'article 3'],
    },
    'Model.update() that changes the primary key': {
      run: (transaction) => open().comment.update({ id: 4 }, { where: { id: 1 }, transaction: transaction ?? null }),
    },
    'Model.upsert()': {
      run: (transaction) =>
        open().comment.upsert({ slug: 'a', text: 'new', articleId: 3 }, {
          conflictFields: ['slug'],
          transaction: transaction ?? null,
        } as never),
    },
    'Model.bulkCreate()': {
      run: (transaction) =>
        open().comment.bulkCreate(
          [
            { text: 'x', articleId: 3 },
            { text: 'y', articleId: 3 },
          ],
          { transaction: transaction ?? null },
        ),
    },
    'Model.update({ where })': {
      run: (transaction) =>
        open().comment.update({ articleId: 3 }, { where: { articleId: 1 }, transaction: transaction ?? null }),
    },
    'Model.destroy({ where }), paranoid or not': {
      run: async (transaction) => {
        await open().comment.destroy({ where: { text: 'a' }, transaction: transaction ?? null });
        await open().comment.destroy({ where: { text: 'b' }, force: true, transaction: transaction ?? null });
      },
    },
    'Model.restore({ where })': {
      run: async (transaction) => {
        await open().sequelize.query(
          `UPDATE ${q(open(), 'Comments')} SET ${q(open(), 'deletedAt')} = '2026-01-01 00:00:00' WHERE id = 1`,
          { transaction: transaction ?? null },
        );
        await open().comment.restore({ where: { text: 'a' }, transaction: transaction ?? null });
      },
    },
    'Model.increment(), Model.decrement() with where': {
      run: async (transaction) => {
        await open().comment.increment({ likes: 2 }, { where: { articleId: 1 }, transaction: transaction ?? null });
        await open().comment.decrement('likes', { where: { articleId: 2 }, transaction: transaction ?? null });
      },
    },
    'article.addComment(), article.setComments() of a one-to-many association': {
      run: async (transaction) => {
        const article = (await open().article.findByPk(3, { transaction: null })) as unknown as {
          addComment(comment: Row, options: object): Promise<void>;
        };
        await article.addComment(await first(), { transaction: transaction ?? null });
      },
    },
    'Model.truncate()': {
      run: (transaction) => open().comment.truncate({ transaction: transaction ?? null }),
    },
    'rows changed by ON UPDATE CASCADE, as their type': {
      run: (transaction) =>
        open().article.update({ id: 9 }, { where: { id: 2 }, transaction: transaction ?? null } as never),
    },
    'rows deleted by ON DELETE CASCADE, as their type': {
      run: async (transaction) =>
        (await open().article.findByPk(1, { transaction: null }))?.destroy({ transaction: transaction ?? null }),
    },
    'with hooks: false': {
      run: async (transaction) =>
        (await first()).set('text', 'new').save({ hooks: false, transaction: transaction ?? null }),
      invalidates: one,
    },
    "queryInterface.bulkInsert(), bulkUpdate(), bulkDelete() of a model's table": {
      run: (transaction) =>
        open()
          .sequelize.getQueryInterface()
          .bulkUpdate('Comments', { text: 'new' }, { id: { [Op.gt]: 0 } }, {
            transaction: transaction ?? null,
          } as never),
    },
    'sequelize.query()': {
      run: (transaction) =>
        open().sequelize.query(`UPDATE ${q(open(), 'Comments')} SET text = 'new'`, {
          transaction: transaction ?? null,
        }),
    },
  };
}

const q = ({ sequelize }: Database, name: string): string =>
  (
    sequelize.getQueryInterface() as unknown as { queryGenerator: { quoteTable(name: string): string } }
  ).queryGenerator.quoteTable(name);

/** What Sequelize wants of a namespace of continuation-local storage. */
export class Namespace {
  readonly #storage = new AsyncLocalStorage<Map<string, unknown>>();
  bind<T>(run: T): T {
    return run;
  }
  run(work: (context: unknown) => void): void {
    this.#storage.run(new Map(this.#storage.getStore()), () => work(undefined));
  }
  get(name: string): unknown {
    return this.#storage.getStore()?.get(name);
  }
  set(name: string, value: unknown): void {
    this.#storage.getStore()?.set(name, value);
  }
}
