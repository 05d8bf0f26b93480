import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test, vi } from 'vitest';
import { everyday, type StoreServer, serverKinds, storeKinds } from '../support/store-servers.ts';
import { faultsOf } from './faults.ts';

const root = new URL('../../', import.meta.url);
const run = promisify(execFile);
/** A process that is kept alive ends by this, in milliseconds; a healthy one ends long before, on any machine. */
const LIMIT = 60_000;
vi.setConfig({ testTimeout: 2 * LIMIT });

/**
 * Runs a program against the built package; resolved with what it prints when it has come to its end by itself.
 *
 * @param hear is told what it prints, as it does
 */
async function program({ url }: StoreServer, source: string, hear: (text: string) => void = () => {}): Promise<string> {
  const head = `
    import { setTimeout as sleep } from 'node:timers/promises';
    import nunjucks from 'nunjucks';
    import { CacheSweeper, storeFromEnvironment } from 'nunjucks-cachesweeper';
    const sweeper = new CacheSweeper({ store: storeFromEnvironment(), onError() {} });
    const env = sweeper.install(new nunjucks.Environment([]));
    const page = () => new Promise((resolve, reject) => env.renderString(
      '{% cachesweeper "Comment" 500 %}html{% endcachesweeper %}', {}, (error, html) => error ? reject(error) : resolve(html)));
  `;
  const running = run(process.execPath, ['--input-type=module', '-e', head + source], {
    cwd: root,
    timeout: LIMIT,
    env: { ...process.env, CACHESWEEPER_STORE: url },
  });
  running.child.stdout?.on('data', (data) => hear(String(data)));
  const { stdout } = await running;
  return stdout.trim();
}

test.each(everyday(storeKinds))('an idle $name does not keep a process alive', async (kind) => {
  const server = await kind.start();
  const source = `
    const misses = () => sweeper.stats().tags.reduce((sum, tag) => sum + tag.misses, 0);
    // Until the store is open, pages are rendered uncached.
    while (misses() < 1) await sleep(10).then(page);
    await sweeper.idle();
    await sweeper.invalidateCacheFor('Comment');
    while (misses() < 2) await sleep(10).then(page);
    console.log(sweeper.stats().bumpsWaiting);
  `;
  expect(await program(server, source)).toBe('0');
});

describe.each(everyday(serverKinds).flatMap(faultsOf))('$title', (fault) => {
  test('does not keep a process alive, whatever was asked of it', async () => {
    const server = await fault.start();
    const end = await fault.begin(server);
    const source = `
      console.log(await page());
      await sweeper.invalidateCacheFor('Comment').catch(({ code }) => console.log(code));
    `;
    expect(await program(server, source)).toBe('html\nCACHESWEEPER_BUMP_FAILED');
    await end();
  });
});

test.each(everyday(serverKinds))(
  'waiting for lost bumps to be delivered keeps the process alive: $name',
  async (kind) => {
    const server = await kind.start();
    await server.kill();
    const source = `
    await sweeper.invalidateCacheFor('Comment').catch(({ code }) => console.log(code));
    console.log(sweeper.stats().bumpsWaiting);
    await sweeper.idle();
    console.log(sweeper.stats().bumpsWaiting);
  `;
    let isDown = true;
    const ended = program(server, source, (text) => {
      if (!isDown || !/^1$/m.test(text)) return;
      isDown = false;
      // Long enough for the pauses between retries to have become long.
      setTimeout(() => void server.start(), 1_000);
    });
    expect(await ended).toBe('CACHESWEEPER_BUMP_FAILED\n1\n0');
  },
);
