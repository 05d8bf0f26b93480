import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MemcachedStore } from 'nunjucks-cachesweeper/memcached';
import { afterAll, describe, expect, test } from 'vitest';
import { Memcached } from '../support/memcached.ts';

const call = { timeout: 2_000 };
const bytes = (length: number) => Buffer.alloc(length, 'x');
const item = (key: string, length: number) => ({ key, value: bytes(length), ttl: 60 });

describe('a Memcached that is started otherwise', () => {
  test('in text only (-B ascii) is told by its first answer, not by its silence', async () => {
    const server = await Memcached.start('-B', 'ascii');
    const store = new MemcachedStore(server.address);
    const errors: Error[] = [];
    store.onError((error) => errors.push(error as Error));
    expect(await store.getMany('entry', ['a'], call)).toEqual([{ state: 'unknown' }]);
    expect(errors.map(({ message }) => message)).toEqual([
      expect.stringContaining('does not speak the binary protocol: start Memcached without -B ascii'),
    ]);
    await store.close();
  });

  test('with a smaller limit for a value (-I) refuses entries, which are counted as too large', async () => {
    const server = await Memcached.start('-I', '64k', '-o', 'slab_chunk_max=32768');
    const store = new MemcachedStore({ servers: server.address, compressFrom: false });
    expect(await store.setMany('entry', [item('large', 100_000), item('small', 50)], call)).toEqual([false, true]);
    expect(await store.addMany('entry', [item('larger', 110_000), item('small', 50)], call)).toEqual([
      'unknown',
      'exists',
    ]);
    expect(store.stats().tooLarge).toBe(2);
    expect(Object.values(store.stats().servers).map(({ failures }) => failures)).toEqual([0]);
    await store.close();
  });
});

describe('a Memcached on a Unix socket', () => {
  const folder = mkdtempSync(join(tmpdir(), 'cachesweeper-socket-'));
  const path = join(folder, 'memcached.sock');
  const user = process.getuid?.() === 0 ? ['-u', 'root'] : [];
  const server = spawn('memcached', ['-s', path, ...user], { stdio: 'ignore' });
  afterAll(() => {
    server.kill();
    rmSync(folder, { recursive: true });
  });

  test.each([[path], [`unix:${path}`]])('keeps what it is given: %s', async (address) => {
    for (let i = 0; i < 200 && !existsSync(path); i++) await sleep(25);
    const store = new MemcachedStore(address);
    expect(await store.setMany('entry', [item('a', 3)], call)).toEqual([true]);
    expect(await store.getMany('entry', ['a'], call)).toEqual([{ state: 'found', value: bytes(3) }]);
    expect(Object.keys(store.stats().servers)).toEqual([`unix:${path}`]);
    await store.close();
  });

  test('that is not there cannot be used, and the error names it', async () => {
    const store = new MemcachedStore('/nowhere/memcached.sock');
    const errors: Error[] = [];
    store.onError((error) => errors.push(error as Error));
    expect(await store.getMany('entry', ['a'], call)).toEqual([{ state: 'unknown' }]);
    expect(errors[0]?.message).toContain('Memcached unix:/nowhere/memcached.sock cannot be used');
    await store.close();
  });

  test('may stand among others', () => {
    const store = new MemcachedStore({ servers: ['127.0.0.1', path] });
    expect(Object.keys(store.stats().servers)).toEqual(['127.0.0.1:11211', `unix:${path}`]);
  });
});
