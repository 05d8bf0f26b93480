import { readdirSync, readFileSync } from 'node:fs';
import { drizzle } from 'drizzle-orm/sqlite-proxy';
import Driver from 'libsql';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { knexOn } from '../support/knex-sqlite.mjs';
import { fragment, Site } from '../sweeper/site.ts';
import * as withDrizzle from './examples/drizzle.ts';
import * as withKnex from './examples/knex.ts';
import { drain, remember } from './examples/outbox.ts';
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
    CREATE TABLE outbox (type TEXT NOT NULL, id TEXT NOT NULL);
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

test('an outbox invalidates what a process committed that died before its bump', async () => {
  const store = new TestingStore();
  const site = new Site(page, { store });
  await site.render(rows());
  await site.sweeper.idle();
  // It commits, and dies.
  db.exec('BEGIN');
  const { lastInsertRowid } = db.prepare("INSERT INTO comments (articleId, text) VALUES (1, 'late')").run();
  remember(db, 'Comment', lastInsertRowid);
  remember(db, 'Article', 1);
  db.exec('COMMIT');
  // The next one to look cannot reach the store at first.
  const client = new TestingStore({ shared: store });
  const another = new Site(page, { store: client });
  client.script = ({ kind, method }) => (kind === 'token' && method === 'setMany' ? { outcome: 'unknown' } : undefined);
  await expect(drain(db, another.sweeper)).rejects.toMatchObject({ code: 'CACHESWEEPER_BUMP_FAILED' });
  client.script = () => undefined;
  await drain(db, another.sweeper);
  expect(db.prepare('SELECT * FROM outbox').all()).toEqual([]);
  expect((await site.render(rows())).html).toContain('late;');
  await another.sweeper.idle();
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
