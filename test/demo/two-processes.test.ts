import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { everyday } from '../support/store-servers.ts';

const script = path.resolve(import.meta.dirname, '../../build/demo/two-processes.js');

/** As `npm run demo:two -- kind` takes them. */
const KINDS = ['memcached', 'redis', 'sqlite'];

describe.each(everyday(KINDS))('two processes of the demo on one %s', (kind) => {
  let demo: ChildProcess;
  let here: string;
  let there: string;

  beforeEach(async () => {
    demo = spawn(process.execPath, [script, kind], { env: { ...process.env, PORT: '0', HOST: 'localhost' } });
    [here, there] = (await addresses(demo)) as [string, string];
  });
  afterEach(async () => {
    const gone = once(demo, 'exit');
    demo.kill('SIGTERM');
    expect(await gone).toEqual([0, null]);
  });

  it('shows a vote given in one at once in the other, which had the page cached', async () => {
    const show = async (site: string) => {
      const html = await (await fetch(`${site}/articles/3`)).text();
      const [, comment, likes] = /id="comment-(\d+)"[\s\S]*?class="likes">(\d+)</.exec(html) ?? [];
      const [total] = /data-hit="\d+" data-miss="\d+" data-uncached="\d+"/.exec(html) ?? [];
      return { comment, likes: Number(likes), total };
    };
    const { comment, likes } = await show(here);
    await show(there);
    // On a busy machine the first page may have expired: what is rendered soon after a start is kept for seconds.
    const hit = { total: 'data-hit="1" data-miss="0" data-uncached="0"' };
    await expect.poll(() => show(there), { timeout: 10_000 }).toMatchObject(hit);

    for (let votes = 1; votes <= 3; votes++) {
      const vote = { method: 'POST', body: new URLSearchParams({ kind: 'like' }), redirect: 'manual' } as const;
      expect((await fetch(`${here}/comments/${comment}/votes`, vote)).status).toBe(303);
      expect(await show(there)).toMatchObject({ likes: likes + votes });
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
