import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { everyday } from '../support/store-servers.ts';
import { launchBrowser, readStrip } from './browser.ts';

const script = path.resolve(import.meta.dirname, '../../build/demo/two-processes.js');

/** As `npm run demo:two -- kind` takes them. */
const KINDS = ['memcached', 'redis', 'sqlite'];

describe.each(everyday(KINDS))('two processes of the demo on one %s', (kind) => {
  let browser: Browser;
  let demo: ChildProcess;
  let here: Page;
  let there: Page;

  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(() => browser?.close());

  beforeEach(async () => {
    demo = spawn(process.execPath, [script, kind], { env: { ...process.env, PORT: '0', HOST: 'localhost' } });
    const [one, two] = (await addresses(demo)) as [string, string];
    here = await browser.newPage({ baseURL: one });
    there = await browser.newPage({ baseURL: two });
  });
  afterEach(async () => {
    const gone = once(demo, 'exit');
    demo.kill('SIGTERM');
    expect(await gone).toEqual([0, null]);
  });

  it('shows a vote given in one at once in the other, which had the page cached', async () => {
    await here.goto('/articles/3');
    await there.goto('/articles/3');
    const likes = Number(await there.locator('.comment .likes').first().textContent());
    const total = async () => {
      await there.reload();
      return (await readStrip(there)).total;
    };
    // On a busy machine the first page may have expired: what is rendered soon after a start is kept for seconds.
    await expect.poll(total, { timeout: 10_000 }).toEqual({ hit: 1, miss: 0, uncached: 0 });

    for (let votes = 1; votes <= 3; votes++) {
      await here.locator('.comment').first().getByRole('button', { name: /^Like/ }).click();
      await here.waitForURL('**/articles/3#comment-*');
      await there.reload();
      expect(await there.locator('.comment .likes').first().textContent()).toBe(String(likes + votes));
    }
  });
});

/** Where the two sites are. */
function addresses(child: ChildProcess): Promise<string[]> {
  let text = '';
  return new Promise((resolve, reject) => {
    const look = (data: Buffer) => {
      text += data;
      const found = text.match(/http:\/\/localhost:\d+/g) ?? [];
      if (found.length === 2) resolve(found);
    };
    child.stdout?.on('data', look);
    child.stderr?.on('data', look);
    child.once('exit', (code) => reject(new Error(`the demo ended with ${code}:\n${text}`)));
  });
}
