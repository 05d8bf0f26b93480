import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';

test('the root entry loads its own dependencies only, whatever stores it knows', () => {
  const script = `
    const { storeFromEnvironment } = require('nunjucks-cachesweeper');
    for (const url of ['memcached://a', 'redis://a', 'sqlite:a', 'postgres://a/b']) storeFromEnvironment({ CACHESWEEPER_STORE: url });
    const packages = Object.keys(require.cache).map((path) => /node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(path)?.[1]);
    console.log([...new Set(packages)].filter(Boolean).sort().join());
  `;
  const cwd = new URL('../../', import.meta.url);
  const loaded = execFileSync(process.execPath, ['-e', script], { cwd, encoding: 'utf8' }).trim();
  expect(loaded).toBe('lru-cache,memjs,ms,path-to-regexp');
});
