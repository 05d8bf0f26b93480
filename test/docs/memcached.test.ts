import { readFileSync } from 'node:fs';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import { MemcachedStore } from 'nunjucks-cachesweeper/memcached';
import { expect, test } from 'vitest';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const page = read('docs/memcached.md');

test('docs/memcached.md names every option of the store, and no other', () => {
  const source = read('src/stores/memcached/options.ts');
  const known = [...(source.match(/const KNOWN[\s\S]*?\];/)?.[0] ?? '').matchAll(/'(\w+)'/g)].map(([, name]) => name);
  const options = page.slice(page.indexOf('## Options'), page.indexOf('## What is where'));
  const named = [...options.matchAll(/^\| (`\w+`(?:, `\w+`)*) \|/gm)].flatMap(([, names]) =>
    [...(names ?? '').matchAll(/\w+/g)].map(([name]) => name),
  );
  expect(named).toEqual(known);
});

test('and every environment variable that it reads', () => {
  const read = new Set(
    [
      ...['options', 'address', 'remote', 'connection']
        .map(readSource)
        .join('')
        .matchAll(/\b(MEMCACHED_[A-Z]+)\b/g),
    ].map(([name]) => name),
  );
  expect(read.size).toBe(3);
  for (const name of read) expect(page).toContain(`\`${name}\``);
});

test('and everything that it counts', async () => {
  const store = new MemcachedStore('127.0.0.1:1');
  const stats = new CacheSweeper({ store }).stats().store as ReturnType<MemcachedStore['stats']>;
  const names = [...Object.keys(stats), ...Object.keys(stats.servers['127.0.0.1:1'] ?? {})];
  for (const name of names.filter((one) => one !== 'servers')) expect(page).toContain(`\`${name}\``);
});

function readSource(name: string): string {
  return read(`src/stores/memcached/${name}.ts`);
}
