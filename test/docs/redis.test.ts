import { readFileSync } from 'node:fs';
import { RedisStore } from 'nunjucks-cachesweeper/redis';
import { expect, test } from 'vitest';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const page = read('docs/redis.md');

test('docs/redis.md names every option of the store, and no other', () => {
  const source = read('src/stores/redis/options.ts');
  const known = [...(source.match(/const KNOWN[\s\S]*?\];/)?.[0] ?? '').matchAll(/'(\w+)'/g)].map(([, name]) => name);
  const options = page.slice(page.indexOf('## Options'), page.indexOf('## What each promise costs'));
  expect([...options.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name)).toEqual(known);
});

test('and everything that it counts', () => {
  const { tokens, ...stats } = new RedisStore('redis://127.0.0.1:1').stats();
  for (const name of [...Object.keys(stats), 'tokens', ...Object.keys(tokens)]) expect(page).toContain(`\`${name}\``);
});

test('and every command that an account needs', () => {
  const sources = ['script', 'token-scripts', 'entry-commands']
    .map((name) => read(`src/stores/redis/${name}.ts`))
    .join('');
  const sent = [...sources.matchAll(/(?:send\(.+?, |call\()'([A-Z]+)'/g)].map(([, name]) => name as string);
  const needed = page.match(/The account needs (.+?)\./)?.[1]?.match(/[A-Z]+/g) ?? [];
  expect([...new Set(sent)].sort()).toEqual([...needed].sort());
});
