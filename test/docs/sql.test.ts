import { readFileSync } from 'node:fs';
import knex from 'knex';
import { SqlStore } from 'nunjucks-cachesweeper/sql';
import { expect, test } from 'vitest';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const page = read('docs/sql.md');
const options = page.slice(page.indexOf('## Options'), page.indexOf('## The table'));

test('docs/sql.md names every option of the store, and no other, with its default', () => {
  const source = read('src/stores/sql/options.ts');
  const known = [...(source.match(/const KNOWN[\s\S]*?\];/)?.[0] ?? '').matchAll(/'(\w+)'/g)].map(([, name]) => name);
  const rows = [...options.matchAll(/^\| `(\w+)` \| `(.+?)` \|/gm)];
  expect(rows.map(([, name]) => name)).toEqual(known);
  expect(source).toContain("options.table ?? 'cachesweeper'");
  expect(source).toContain('options.maxBytes ?? 256 * 1024 * 1024');
  expect(rows.map(([, , value]) => value)).toEqual(['"cachesweeper"', '2', '100000', `${256 * 1024 * 1024}`, '16384']);
});

test('and everything that it counts', () => {
  const store = new SqlStore(knex({ client: 'pg' }));
  for (const name of Object.keys(store.stats())) expect(page).toContain(`\`${name}\``);
});
