import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test, vi } from 'vitest';
import { Memcached } from '../support/memcached.ts';
import { FAULTS, serverFor } from './faults.ts';

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
async function program(address: string, source: string, hear: (text: string) => void = () => {}): Promise<string> {
  const head = `
    import nunjucks from 'nunjucks';
    import { CacheSweeper } from 'nunjucks-cachesweeper';
    import { MemcachedStore } from 'nunjucks-cachesweeper/memcached';
    const sweeper = new CacheSweeper({ store: new MemcachedStore('${address}'), onError() {} });
    const env = sweeper.install(new nunjucks.Environment([]));
    const page = () => new Promise((resolve, reject) => env.renderString(
      '{% cachesweeper "Comment" 500 %}html{% endcachesweeper %}', {}, (error, html) => error ? reject(error) : resolve(html)));
  `;
  const running = run(process.execPath, ['--input-type=module', '-e', head + source], { cwd: root, timeout: LIMIT });
  running.child.stdout?.on('data', (data) => hear(String(data)));
  const { stdout } = await running;
  return stdout.trim();
}

test('an idle store does not keep a process alive', async () => {
  const server = await Memcached.start();
  const source = `
    await page();
    await sweeper.idle();
    await sweeper.invalidateCacheFor('Comment');
    await page();
    const connected = Object.values(sweeper.stats().store.servers)[0].state;
    console.log(connected, sweeper.stats().tags.map(({ misses }) => misses).join());
  `;
  expect(await program(server.address, source)).toBe('ready 2');
});

describe.each(FAULTS)('a server that $title', (fault) => {
  test('does not keep a process alive, whatever was asked of it', async () => {
    const server = await serverFor(fault);
    const end = await fault.begin(server);
    const source = `
      console.log(await page());
      await sweeper.invalidateCacheFor('Comment').catch(({ code }) => console.log(code));
    `;
    expect(await program(server.address, source)).toBe('html\nCACHESWEEPER_BUMP_FAILED');
    await end();
  });
});

test('whoever waits for lost bumps to be delivered keeps the process alive', async () => {
  const server = await Memcached.start();
  await server.kill();
  const source = `
    await sweeper.invalidateCacheFor('Comment').catch(({ code }) => console.log(code));
    console.log(sweeper.stats().bumpsWaiting);
    await sweeper.idle();
    console.log(sweeper.stats().bumpsWaiting);
  `;
  let isDown = true;
  const ended = program(server.address, source, (text) => {
    if (!isDown || !/^1$/m.test(text)) return;
    isDown = false;
    // Long enough for the pauses between retries to have become long.
    setTimeout(() => void server.start(), 1_000);
  });
  expect(await ended).toBe('CACHESWEEPER_BUMP_FAILED\n1\n0');
});
