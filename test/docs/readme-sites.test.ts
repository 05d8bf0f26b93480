import { mkdirSync, writeFileSync } from 'node:fs';
import express from 'express';
import nunjucks from 'nunjucks';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import { DataTypes, Sequelize } from 'sequelize';
import { expect, onTestFinished, test } from 'vitest';
import { serve } from '../frameworks/framework-suite.ts';
import { HttpApi } from '../http/api.ts';
import { libsqlAsSqlite3 } from '../orm/sequelize/libsql-as-sqlite3.ts';
import { ObjectLoader } from '../support/loaders.ts';
import { blocksOf } from './code-blocks.ts';

/**
 * Runs the lines of one of README's sites around their parts: all but the last one, which writes.
 *
 * @returns the page, and the write
 */
async function siteOf(section: string, parts: object, template: string) {
  const block =
    blocksOf('README.md')
      .find((each) => each.section === section)
      ?.code.trim() ?? '';
  const lines = block.split('\n').filter((line) => line !== '');
  const [imported, write] = [lines.shift(), lines.pop()];
  expect(lines.length).toBeLessThanOrEqual(5);
  const app = express();
  const env = new nunjucks.Environment(new ObjectLoader({ 'index.njk': template }), { autoescape: true });
  env.express(app);
  Object.assign(globalThis, { readmeParts: { app, env, CacheSweeper, ...parts } });
  const names = Object.keys({ app, env, CacheSweeper, ...parts }).join(', ');
  const folder = new URL('../../build/docs/', import.meta.url);
  mkdirSync(folder, { recursive: true });
  const file = new URL(`readme-${section.toLowerCase().replace(/\W+/g, '-')}.ts`, folder);
  writeFileSync(
    file,
    [
      `import { lazy } from 'nunjucks-cachesweeper';`,
      imported,
      `const { ${names} } = (globalThis as any).readmeParts;`,
      ...lines,
      `export const write = async () => { ${write}\n};`,
    ].join('\n'),
  );
  const { write: run }: { write: () => Promise<void> } = await import(file.pathname);
  const site = await serve(app);
  onTestFinished(async () => void (await site.close()));
  return { page: async () => (await fetch(site.url)).text(), write: run };
}

test('README’s site with an ORM shows what was saved on the next page', async () => {
  const sequelize = new Sequelize({
    dialect: 'sqlite',
    dialectModule: libsqlAsSqlite3,
    storage: ':memory:',
    logging: false,
  });
  const Comment = sequelize.define('Comment', { text: DataTypes.TEXT }, { timestamps: false });
  await sequelize.sync({ force: true });
  const comment = await Comment.create({ text: 'First!' });
  const template =
    '{% cachesweeper "Comment" "1h" %}{% for c in comments() %}<p>{{ c.text }}</p>{% endfor %}{% endcachesweeper %}';
  const { page, write } = await siteOf('With an ORM', { sequelize, Comment, comment }, template);
  expect([await page(), await page()]).toEqual(['<p>First!</p>', '<p>First!</p>']);
  await write();
  expect(await page()).toBe('<p>Edited</p>');
});

test('README’s site with an HTTP API shows what was written on the next page, and loads nothing meanwhile', async () => {
  const server = await new HttpApi().start();
  onTestFinished(() => server.stop());
  const template = '{% cachesweeper "Comments" "1h" %}version {{ comments().version }}{% endcachesweeper %}';
  const { page, write } = await siteOf('With an HTTP API', { api: `${server.origin}/comments` }, template);
  expect([await page(), await page()]).toEqual(['version 0', 'version 0']);
  expect(server.take()).toEqual(['GET /comments']);
  await write();
  expect(await page()).toBe('version 1');
});
