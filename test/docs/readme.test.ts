import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { codeBlocks, readPage } from './code-blocks.ts';

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
    // The name that the README gives it: `npm init` makes a package of CommonJS.
    const [, name] = /## First example\n\n`(.+?)`/.exec(readPage('README.md'))!;
    expect(name).toMatch(/\.mjs$/);
    writeFileSync(new URL(name as string, folder), (server ?? '').replace('app.listen(3000);', listening));
    app = spawn(process.execPath, [name as string], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
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
