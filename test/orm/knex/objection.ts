import type { Knex } from 'knex';
import { type KnexHookOptions, sweepOnSave } from 'nunjucks-cachesweeper/knex';
import { Model } from 'objection';
import { OrmSite, type Page } from '../site.ts';
import type { Orm, Write } from '../suite.ts';
import { createTables, fillTables } from './database.ts';

/** A blog in Objection. Classes are bound to one database, so each blog has its own. */
export class ObjectionBlog implements Orm<Knex.Transaction> {
  readonly knex: Knex;
  readonly site: OrmSite;
  readonly models: ReturnType<typeof modelsOn>;

  static async open(
    knex: Knex,
    hook: Omit<KnexHookOptions, 'models'> = {},
    site = new OrmSite(),
  ): Promise<ObjectionBlog> {
    await createTables(knex);
    const blog = new ObjectionBlog(knex, site);
    const { Article, Comment, Tag } = blog.models;
    const models = { articles: { model: Article, cascades: ['comments'] }, comments: Comment, tags: Tag };
    sweepOnSave(knex, site.sweeper, { ...hook, models });
    return blog;
  }

  private constructor(knex: Knex, site: OrmSite) {
    this.knex = knex;
    this.site = site;
    this.models = modelsOn(knex);
  }

  async load(trx?: Knex.Transaction): Promise<Page> {
    const { Article, Comment, Tag } = this.models;
    return {
      articles: await Article.query(trx).orderBy('id'),
      comments: await Comment.query(trx).orderBy('id'),
      tags: await Tag.query(trx).orderBy('id'),
    } as never;
  }

  reset(): Promise<void> {
    return fillTables(this.knex);
  }

  transaction<T>(run: (trx: Knex.Transaction) => Promise<T>, outer?: Knex.Transaction): Promise<T> {
    return outer === undefined ? this.models.Comment.transaction(run) : outer.transaction(run);
  }

  async begin() {
    const tx = await this.models.Comment.startTransaction();
    return { tx, commit: () => tx.commit(), rollback: () => tx.rollback() };
  }

  close(): Promise<void> {
    return this.knex.destroy();
  }
}

function modelsOn(knex: Knex) {
  class Tag extends Model {
    static override tableName = 'tags';
    declare id: number;
    declare name: string;
  }
  class Comment extends Model {
    static override tableName = 'comments';
    declare id: number;
    declare articleId: number | null;
    declare text: string;
    declare likes: number;
    declare slug: string;
  }
  class Article extends Model {
    static override tableName = 'articles';
    declare id: number;
    declare title: string;
    declare comments: Comment[];
    static override relationMappings = () => ({
      comments: {
        relation: Model.HasManyRelation,
        modelClass: Comment,
        join: { from: 'articles.id', to: 'comments.articleId' },
      },
    });
  }
  for (const model of [Tag, Comment, Article]) model.knex(knex);
  return { Article, Comment, Tag };
}

/** Every kind of write of docs/orm.md, as the blog in `open()` does it. */
export function writesOfObjection(open: () => ObjectionBlog): Record<string, Write<Knex.Transaction>> {
  const comment = () => open().models.Comment;
  const article = () => open().models.Article;
  const one = ['article 1', 'comment 1', 'list'];
  const created = ['article 3', 'comment 5', 'list'];
  const first = async (trx: Knex.Transaction | undefined) => comment().query(trx).findById(1).throwIfNotFound();
  return {
    'query().insert(), insertAndFetch(), insertGraph()': {
      run: async (trx) => comment().query(trx).insert({ text: 'new', articleId: 3 }),
      invalidates: created,
    },
    'instance.$query().patch(), update(), increment(), patchAndFetch()': {
      run: async (trx) => {
        await (await first(trx)).$query(trx).patch({ text: 'new' });
        await (await first(trx)).$query(trx).increment('likes', 2);
        await (await first(trx)).$query(trx).patchAndFetch({ likes: 1 });
      },
      invalidates: one,
    },
    'query().findById().patch(), patchAndFetchById(), updateAndFetchById()': {
      run: async (trx) => {
        await comment().query(trx).findById(1).patch({ articleId: 3 });
        await comment().query(trx).patchAndFetchById(1, { text: 'new' });
      },
      invalidates: [...one, 'article 3'],
    },
    'instance.$query().delete(), query().deleteById()': {
      run: async (trx) => {
        await (await first(trx)).$query(trx).delete();
        await comment().query(trx).deleteById(2);
      },
      invalidates: ['article 1', 'list'],
    },
    'upsertGraph()': {
      run: async (trx) =>
        article()
          .query(trx)
          .upsertGraph({ id: 3, comments: [{ text: 'new' }] }),
      invalidates: created,
    },
    'a class that is bound to a transaction': {
      run: async (trx) => {
        const bound = trx === undefined ? comment() : comment().bindTransaction(trx);
        await bound.query().findById(1).patch({ text: 'new' });
      },
      invalidates: one,
    },
    '$relatedQuery().insert(), patch() of one row': {
      run: async (trx) => {
        const row = await article().query(trx).findById(1).throwIfNotFound();
        await row.$relatedQuery('comments', trx).findById(1).patch({ text: 'new' });
      },
      invalidates: one,
    },
    '$relatedQuery().patch(), delete(), relate(), unrelate()': {
      run: async (trx) => {
        const row = await article().query(trx).findById(1).throwIfNotFound();
        await row.$relatedQuery('comments', trx).unrelate().where('text', 'a');
      },
    },
    'query().patch(), update(), delete() with where()': {
      run: async (trx) => comment().query(trx).patch({ articleId: 3 }).where('articleId', 1),
    },
    'query().truncate()': {
      run: async (trx) => comment().query(trx).truncate(),
    },
    'rows that the database deletes or changes with others, as their type': {
      run: async (trx) => article().query(trx).deleteById(2),
    },
    'Model.knex().raw()': {
      run: async (trx) => (trx ?? comment().knex()).raw(`UPDATE comments SET text = 'new'`),
    },
  };
}
