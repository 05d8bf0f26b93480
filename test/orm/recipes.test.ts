import { readdirSync, readFileSync } from 'node:fs';
import { drizzle } from 'drizzle-orm/sqlite-proxy';
import { Kysely, SqliteDialect } from 'kysely';
import Driver from 'libsql';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { knexOn } from '../support/knex-sqlite.mjs';
import { fragment, Site } from '../sweeper/site.ts';
import * as withDrizzle from './examples/drizzle.ts';
import * as withKysely from './examples/kysely.ts';
import * as withOutbox from './examples/outbox.ts';
import * as withSql from './examples/raw-sql.ts';

const page =
  fragment('{ type: "Article", id: 1 } 0', '"article"', '{{ articles[0].comments }}') +
  fragment('{ type: "Article", id: 2 } 0', '"other"') +
  fragment('"Comment" 0', '"list"', '{% for comment in comments %}{{ comment.text }};{% endfor %}');

let db: Driver.Database;
beforeEach(() => {
  db = new Driver(':memory:');
  db.exec(`CREATE TABLE articles (id INTEGER PRIMARY KEY, comments INTEGER NOT NULL);
    CREATE TABLE comments (id INTEGER PRIMARY KEY AUTOINCREMENT, articleId INTEGER NOT NULL, text TEXT NOT NULL UNIQUE);
    INSERT INTO articles VALUES (1, 0), (2, 0);`);
});

const rows = () => ({
  articles: db.prepare('SELECT * FROM articles ORDER BY id').all(),
  comments: db.prepare('SELECT * FROM comments ORDER BY id').all(),
});

/** Drizzle on the same, through its proxy. */
const drizzleOn = (database: Driver.Database) =>
  drizzle(async (sql, parameters, method) => {
    const statement = database.prepare(sql);
    if (method === 'run' || !statement.reader) {
      statement.run(...parameters);
      return { rows: [] };
    }
    return { rows: statement.all(...parameters).map((row) => Object.values(row as object)) };
  });

const kyselyOn = (database: Driver.Database) =>
  new Kysely<withKysely.Tables>({ dialect: new SqliteDialect({ database: database as never }) });

const add: [name: string, add: (site: Site, text: string) => Promise<void>, alsoRan?: string][] = [
  ['Raw SQL', (site, text) => withSql.addComment(db, site.sweeper, 1, text)],
  ['Kysely', (site, text) => withKysely.addComment(kyselyOn(db), site.sweeper, 1, text), 'other'],
  ['Drizzle', (site, text) => withDrizzle.addComment(drizzleOn(db), site.sweeper, 1, text)],
];

describe.each(add)('the lines of docs/orm.md for %s', (_name, addComment, ...alsoRan) => {
  test('invalidate what was committed', async () => {
    const site = new Site(page);
    await site.render(rows());
    await addComment(site, 'first');
    expect(await site.render(rows())).toEqual({ html: '1first;', ran: ['article', ...alsoRan, 'list'] });
  });

  test('invalidate nothing after a rollback', async () => {
    const site = new Site(page);
    await addComment(site, 'first');
    site.settle();
    await site.render(rows());
    await expect(addComment(site, 'first')).rejects.toThrow(/UNIQUE|Failed query/);
    expect(await site.render(rows())).toEqual({ html: '1first;', ran: [] });
  });
});

describe("Kysely's plugin", () => {
  const write = async (run: (rows: Kysely<withKysely.Tables>) => Promise<unknown>) => {
    const site = new Site(page);
    db.exec("INSERT INTO comments VALUES (7, 1, 'a'), (8, 2, 'b')");
    await site.render(rows());
    site.settle();
    await run(kyselyOn(db).withPlugin(new withKysely.SweepPlugin(site.sweeper)));
    const { html, ran } = await site.render(rows());
    expect(html).toBe((await new Site(page).render(rows())).html);
    return ran;
  };

  test('a row where the condition is its id', async () => {
    const update = (rows: Kysely<withKysely.Tables>) =>
      rows.updateTable('articles').set({ comments: 5 }).where('id', '=', 1).execute();
    expect(await write(update)).toEqual(['article']);
  });

  test('the type, and those that its rows touch, where it is another', async () => {
    const remove = (rows: Kysely<withKysely.Tables>) => rows.deleteFrom('comments').where('id', '>', 7).execute();
    expect(await write(remove)).toEqual(['article', 'other', 'list']);
  });

  test('nothing for a query that only reads', async () => {
    const read = (rows: Kysely<withKysely.Tables>) => rows.selectFrom('comments').selectAll().execute();
    expect(await write(read)).toEqual([]);
  });
});

test('the lines of docs/orm.md for an outbox invalidate what a process committed that died before its bump', async () => {
  const store = new TestingStore();
  const knex = knexOn(db);
  const outbox = { knex, interval: '10ms' };
  await new CacheSweeper({ outbox }).outbox.createTable();
  const site = new Site(page, { store, outbox });
  await site.render(rows());
  await site.sweeper.idle();
  // It commits, and reaches the store no more.
  const dying = new TestingStore({ shared: store, script: () => ({ outcome: 'unknown' }) });
  const another = new CacheSweeper({ store: dying, outbox: { knex, interval: '1h' }, onError: () => {} });
  await withOutbox.addComment(knex, another, 1, 'late');
  const left = () => db.prepare('SELECT names FROM cachesweeper_outbox').all();
  await vi.waitFor(() => expect(left()).toEqual([]), { timeout: 10_000 });
  expect((await site.render(rows())).html).toContain('late;');
  await site.sweeper.close();
  await another.close();
});

test.each(readdirSync(new URL('examples/', import.meta.url)))(
  'docs/orm.md shows the lines that the tests run: %s',
  (file) => {
    const docs = readFileSync(new URL('../../docs/orm.md', import.meta.url), 'utf8');
    const source = readFileSync(new URL(`examples/${file}`, import.meta.url), 'utf8');
    const [, indent, name, lines] = /^( *)\/\/ docs: (.*)\n([\s\S]*?)^ *\/\/ docs end$/m.exec(source)!;
    expect(docs).toContain(`### ${name}`);
    expect(docs).toContain(lines!.replaceAll(new RegExp(`^${indent}`, 'gm'), ''));
  },
);
