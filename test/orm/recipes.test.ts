import { readdirSync, readFileSync } from 'node:fs';
import { drizzle } from 'drizzle-orm/sqlite-proxy';
import Driver from 'libsql';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { knexOn } from '../support/knex-sqlite.mjs';
import { fragment, Site } from '../sweeper/site.ts';
import * as withDrizzle from './examples/drizzle.ts';
import * as withKnex from './examples/knex.ts';
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

const add: [string, (site: Site, text: string) => Promise<void>][] = [
  ['Raw SQL', (site, text) => withSql.addComment(db, site.sweeper, 1, text)],
  ['Knex', (site, text) => withKnex.addComment(knexOn(db), site.sweeper, 1, text)],
  ['Drizzle', (site, text) => withDrizzle.addComment(drizzleOn(db), site.sweeper, 1, text)],
];

describe.each(add)('the lines of docs/orm.md for %s', (_name, addComment) => {
  test('invalidate what was committed', async () => {
    const site = new Site(page);
    await site.render(rows());
    await addComment(site, 'first');
    expect(await site.render(rows())).toEqual({ html: '1first;', ran: ['article', 'list'] });
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
