import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { CacheSweeperError } from 'nunjucks-cachesweeper';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { codeBlocks } from './code-blocks.ts';

const folder = new URL('../../build/readme/', import.meta.url);

describe("README's first example", () => {
  let app: ChildProcess;
  let address = '';

  beforeAll(async () => {
    mkdirSync(new URL('templates/', folder), { recursive: true });
    const [server] = codeBlocks('README.md', 'js');
    const [article, comment] = codeBlocks('README.md', 'njk');
    writeFileSync(new URL('templates/article.njk', folder), article ?? '');
    writeFileSync(new URL('templates/comment.njk', folder), comment ?? '');
    // The same lines, on a free port that it tells.
    const listening = 'const server = app.listen(0, () => console.log(server.address().port));';
    writeFileSync(new URL('app.mjs', folder), (server ?? '').replace('app.listen(3000);', listening));
    app = spawn(process.execPath, ['app.mjs'], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
    address = await new Promise((resolve, reject) => {
      app.once('exit', () => reject(new Error('the example ended: build the package first (npm run build)')));
      app.stdout?.once('data', (port) => resolve(`http://localhost:${String(port).trim()}`));
    });
  });

  afterAll(() => app.kill());

  test('shows a comment as it is at the first request after it was edited', async () => {
    const page = async () => (await fetch(address)).text();
    const first = await page();
    expect(first).toContain('<p>First!</p>');
    expect(await page()).toBe(first);
    await fetch(`${address}/edit`, { method: 'POST', redirect: 'manual' });
    expect(await page()).toContain('<p>Edited at ');
  });
});

test('README names every error code, and no other', () => {
  const errors = readFileSync(new URL('../../src/errors.ts', import.meta.url), 'utf8');
  const codes = new Set([...errors.matchAll(/\| '(CACHESWEEPER_\w+)'/g)].map(([, code]) => code));
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const named = new Set([...readme.matchAll(/^\| `(CACHESWEEPER_\w+)`/gm)].map(([, code]) => code));
  expect(named).toEqual(codes);
  expect(new CacheSweeperError('CACHESWEEPER_CLOSED', '').code).toBe('CACHESWEEPER_CLOSED');
});

test('README names every option, and no other', () => {
  const options = readFileSync(new URL('../../src/options.ts', import.meta.url), 'utf8');
  const known = [...(options.match(/const KNOWN[\s\S]*?\]\);/)?.[0] ?? '').matchAll(/'(\w+)',/g)].map(
    ([, name]) => name,
  );
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const section = readme.slice(readme.indexOf('## Options'), readme.indexOf('## A fragment key'));
  expect([...section.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name).sort()).toEqual([...known].sort());
});
