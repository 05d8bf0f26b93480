import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { entryPoints } from './packed.ts';

const cwd = new URL('../../', import.meta.url);

function loadedBy(script: string): string {
  const packages = `
    const packages = Object.keys(require.cache).map((path) => /node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(path)?.[1]);
    console.log([...new Set(packages)].filter(Boolean).sort().join());
  `;
  return execFileSync(process.execPath, ['-e', script + packages], { cwd, encoding: 'utf8' }).trim();
}

test('the root entry loads its own dependencies only, whatever stores it knows', () => {
  const script = `
    const { storeFromEnvironment } = require('nunjucks-cachesweeper');
    for (const url of ['memcached://a', 'redis://a', 'sqlite:a', 'postgres://a/b']) storeFromEnvironment({ CACHESWEEPER_STORE: url });
  `;
  expect(loadedBy(script)).toBe('lru-cache,memjs,ms,path-to-regexp');
});

test('no entry point loads what only the command needs', () => {
  const requires = entryPoints.map((name) => `try { require('${name}'); } catch {}`).join('\n');
  const loaded = loadedBy(requires).split(',');
  expect(loaded).toContain('memjs');
  expect(loaded).not.toContain('commander');
});
