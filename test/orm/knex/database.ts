import knexFor, { type Knex } from 'knex';
import Driver from 'libsql';
import { type KnexHookOptions, sweepOnSave } from 'nunjucks-cachesweeper/knex';
import { knexOn } from '../../support/knex-sqlite.mjs';
import type { OrmWithOutbox } from '../outbox.ts';
import { OrmSite, type Page } from '../site.ts';
import type { Orm, Write } from '../suite.ts';

export const MODELS = { articles: 'Article', comments: { type: 'Comment' }, tags: 'Tag' } as const;

export function knexOnSqlite(): Knex {
  const database = new Driver(':memory:');
  database.exec('PRAGMA foreign_keys = ON');
  return knexOn(database);
}

export function knexOnPostgres({ host, user, database }: { host: string; user: string; database: string }): Knex {
  return knexFor({ client: 'pg', connection: { host, user, database }, pool: { min: 0, max: 4 } });
}

/** A blog in Knex. */
export class Database implements Orm<Knex.Transaction> {
  readonly knex: Knex;
  readonly site: OrmSite;

  static async open(
    knex: Knex,
    hook: KnexHookOptions = { models: { ...MODELS, articles: { type: 'Article', cascades: ['comments'] } } },
    site = new OrmSite(),
  ): Promise<Database> {
    await createTables(knex);
    sweepOnSave(knex, site.sweeper, hook);
    return new Database(knex, site);
  }

  private constructor(knex: Knex, site: OrmSite) {
    this.knex = knex;
    this.site = site;
  }

  async load(trx?: Knex.Transaction): Promise<Page> {
    const all = async (table: string, type: string) => {
      const rows: { id: number }[] = await (trx ?? this.knex)(table).orderBy('id');
      return rows.map((row) => ({ ...row, cacheIdentity: { type, id: row.id } }));
    };
    return {
      articles: await all('articles', 'Article'),
      comments: await all('comments', 'Comment'),
      tags: await all('tags', 'Tag'),
    } as never;
  }

  reset(): Promise<void> {
    return fillTables(this.knex);
  }

  transaction<T>(run: (trx: Knex.Transaction) => Promise<T>, outer?: Knex.Transaction): Promise<T> {
    return (outer ?? this.knex).transaction(run);
  }

  async begin() {
    const tx = await this.knex.transaction();
    return { tx, commit: () => tx.commit(), rollback: () => tx.rollback() };
  }

  close(): Promise<void> {
    return this.knex.destroy();
  }
}

export async function createTables(knex: Knex): Promise<void> {
  await knex.schema.createTable('articles', (table) => {
    table.increments('id');
    table.text('title');
  });
  await knex.schema.createTable('comments', (table) => {
    table.increments('id');
    table.text('text');
    table.integer('likes').defaultTo(0);
    table.text('slug').unique();
    table.integer('articleId').references('id').inTable('articles').onDelete('CASCADE').onUpdate('CASCADE');
  });
  await knex.schema.createTable('tags', (table) => {
    table.increments('id');
    table.text('name');
  });
}

/** Makes the first rows again, unheard. */
export async function fillTables(knex: Knex): Promise<void> {
  for (const table of ['comments', 'articles', 'tags']) await knex.raw(`DELETE FROM ${table}`);
  await knex.raw(`INSERT INTO articles (id, title) VALUES (1, 'one'), (2, 'two'), (3, 'three')`);
  await knex.raw(
    `INSERT INTO comments (id, text, likes, slug, "articleId") VALUES (1, 'a', 0, 'a', 1), (2, 'b', 0, 'b', 1), (3, 'c', 0, 'c', 2)`,
  );
  await knex.raw(`INSERT INTO tags (id, name) VALUES (1, 'quiet')`);
  const isPostgres = knex.client.dialect === 'postgresql';
  if (isPostgres) await knex.raw(`SELECT setval('comments_id_seq', 4)`);
  else await knex.raw(`UPDATE sqlite_sequence SET seq = 4 WHERE name = 'comments'`);
}

export function withOutbox(database: Database): OrmWithOutbox<Knex.Transaction> {
  const { knex } = database;
  return Object.assign(database, {
    query: async (sql: string) => {
      const result = await knex.raw(sql);
      return result.rows ?? result;
    },
    save: async (text: string, trx?: Knex.Transaction) => (trx ?? knex)('comments').where({ id: 1 }).update({ text }),
    update: async (values: object) => knex('comments').where({ id: 1 }).update(values),
  });
}

/** Every kind of write of docs/orm.md, as the blog in `open()` does it. */
export function writesOfKnex(open: () => Database): Record<string, Write<Knex.Transaction>> {
  const comments = (trx: Knex.Transaction | undefined) => (trx ?? open().knex)('comments');
  const one = ['article 1', 'comment 1', 'list'];
  const created = ['article 3', 'comment 5', 'list'];
  return {
    'update(), increment(), decrement() where the id is named': {
      run: async (trx) => {
        await comments(trx).where({ id: 1, text: 'a' }).update({ text: 'new' });
        await comments(trx).where('id', 1).increment('likes', 3);
        await comments(trx).whereIn('comments.id', [1]).decrement({ likes: 1 });
      },
      invalidates: one,
    },
    'update() that moves a row to another parent': {
      run: (trx) => comments(trx).where('id', '=', 1).update('articleId', 3),
      invalidates: [...one, 'article 3'],
    },
    'delete() where the id is named': {
      run: (trx) => comments(trx).whereIn('id', [1]).delete(),
      invalidates: ['article 1', 'list'],
    },
    'insert() of rows with their ids': {
      run: (trx) => comments(trx).insert([{ id: 5, text: 'new', articleId: 3 }]),
      invalidates: created,
    },
    "insert() with returning('*')": {
      run: (trx) => comments(trx).insert({ text: 'new', articleId: 3 }).returning('*'),
      invalidates: created,
    },
    'insert() with onConflict().ignore(), of rows with their ids': {
      run: (trx) => comments(trx).insert({ id: 1, text: 'new', articleId: 3 }).onConflict('id').ignore(),
      invalidates: [...one.filter((label) => label !== 'article 1'), 'article 3'],
    },
    'batchInsert() of rows with their ids': {
      run: (trx) =>
        (trx ?? open().knex).batchInsert('comments', [
          { id: 5, text: 'new', articleId: 3 },
          { id: 6, text: 'newer', articleId: 3 },
        ]),
      invalidates: [...created, 'comment 6'],
    },
    'writes with withSchema(), an alias or knex.ref()': {
      run: async (trx) => {
        const schema = open().knex.client.dialect === 'postgresql' ? 'public' : 'main';
        await comments(trx).withSchema(schema).where('id', 1).update({ text: 'new' });
        await (trx ?? open().knex)(open().knex.ref('comments')).where('id', 1).update({ text: 'newer' });
      },
      invalidates: one,
    },
    'an instance of withUserParams()': {
      run: (trx) => {
        const params = trx ?? open().knex.withUserParams({ user: 1 });
        return params('comments').where('id', 1).update({ text: 'new' });
      },
      invalidates: one,
    },
    'insert() of rows whose ids nobody tells': {
      run: (trx) => comments(trx).insert([{ text: 'new', articleId: 3 }, { text: 'newer' }]),
    },
    'insert() of what a query selects': {
      run: (trx) => {
        const { knex } = open();
        const found = knex('articles').select('title', 'id').where('id', 3);
        return (trx ?? knex)(knex.raw('comments (text, ??)', ['articleId'])).insert(found);
      },
    },
    'an upsert: onConflict().merge()': {
      run: (trx) => comments(trx).insert({ slug: 'a', text: 'new', articleId: 3 }).onConflict('slug').merge(),
    },
    'update(), increment(), decrement() with another condition': {
      run: (trx) => comments(trx).where({ articleId: 1 }).update({ articleId: 3 }),
    },
    'update() that changes the key': {
      run: (trx) => comments(trx).where('id', 1).update({ id: 4 }),
    },
    'delete() with another condition': {
      run: (trx) => comments(trx).where({ id: 1 }).orWhere({ text: 'c' }).delete(),
    },
    'truncate()': {
      run: (trx) => comments(trx).truncate(),
    },
    'with a common table expression': {
      run: (trx) => {
        const { knex } = open();
        const loud = knex('comments').select('id').where('articleId', 1);
        return (trx ?? knex)
          .with('loud', loud)
          .from('comments')
          .whereIn('id', knex('loud').select('id'))
          .update({ text: 'new' });
      },
    },
    'updateFrom(), using(), joins: all tables that are named': {
      run: (trx) => {
        const rows = comments(trx).where('comments.articleId', 1);
        if (open().knex.client.dialect !== 'postgresql') return rows.update({ text: 'new' });
        return rows.updateFrom('articles').whereRaw('articles.id = comments."articleId"').update({ text: 'new' });
      },
    },
    'rows that the database deletes or changes with others, as their type': {
      run: (trx) => (trx ?? open().knex)('articles').where('id', 2).delete(),
    },
    'stream() of a write': {
      run: (trx) =>
        open().knex.client.dialect === 'postgresql'
          ? comments(trx).update({ text: 'new' })
          : comments(trx)
              .update({ text: 'new' })
              .returning('id')
              .stream((stream) => stream.resume()),
    },
    'knex.raw()': {
      run: (trx) => (trx ?? open().knex).raw(`UPDATE comments SET text = 'new'`),
    },
  };
}
