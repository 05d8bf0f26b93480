import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { promisify } from 'node:util';
import { Redis as IoRedis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Redis, until } from '../support/redis.ts';
import { freePort } from '../support/server-process.ts';
import { kindsOf } from './clients.ts';
import { CALL, item, SHORT, shown, storeOpener } from './support.ts';

const openStore = storeOpener();

/** What loading a package gives that is not installed. */
function missing(): never {
  throw new Error('Cannot find package');
}

/** Which packages a site has. */
const INSTALLED: Readonly<Record<string, () => void>> = {
  'redis 5': () => {},
  'redis 4': () => vi.doMock('redis', () => import('redis-4')),
  'redis 6': () => vi.doMock('redis', () => import('redis-6')),
  'ioredis 5': () => vi.doMock('redis', missing),
  'ioredis 6': () => {
    vi.doMock('redis', missing);
    vi.doMock('ioredis', () => import('ioredis-6'));
  },
};

afterEach(() => {
  vi.doUnmock('redis');
  vi.doUnmock('ioredis');
});

describe.each(kindsOf(INSTALLED))('with %s installed a connection of its own', (_name, install) => {
  beforeEach(install);

  test('is opened at first use, and ended by close()', async () => {
    const server = await Redis.start();
    const { store } = openStore(server.url);
    const clients = async () => Number(/connected_clients:(\d+)/.exec(await server.info('clients'))?.[1]) - 1;
    await until(async () => (await clients()) === 0);
    expect(await store.setMany('token', [item('t', 'one')], CALL)).toEqual([true]);
    expect(shown(await store.getMany('token', ['t'], CALL))).toEqual(['found one']);
    await until(async () => (await clients()) === 1);
    await store.close();
    await until(async () => (await clients()) === 0);
    expect(shown(await store.getMany('token', ['t'], CALL))).toEqual(['unknown']);
  });

  test('is made anew when the server was away', async () => {
    const server = await Redis.start();
    const { store, errors } = openStore(server.url);
    await store.setMany('entry', [item('e', 'html')], CALL);
    await server.kill();
    expect(await store.setMany('entry', [item('e', 'late')], SHORT)).toEqual([false]);
    await server.start();
    await until(async () => (await store.getMany('entry', ['e'], CALL))[0]?.state === 'missing');
    expect(errors.every(({ code }) => code === 'CACHESWEEPER_STORE_UNREACHABLE')).toBe(true);
  });

  test('says why it cannot be made, and is made when that is mended', async () => {
    const server = await Redis.start('--requirepass', 'right');
    const { store, errors } = openStore(`redis://:wrong@127.0.0.1:${server.port}`);
    expect(shown(await store.getMany('token', ['t'], CALL))).toEqual(['unknown']);
    expect(errors[0]?.message).toContain('the client is not connected: WRONGPASS');
    const admin = new IoRedis(server.port, { password: 'right' });
    await admin.config('SET', 'requirepass', 'wrong');
    admin.disconnect();
    await until(async () => (await store.getMany('token', ['t'], CALL))[0]?.state === 'missing');
    await store.close();
    const { store: nowhere, errors: refused } = openStore(`redis://127.0.0.1:${await freePort()}`);
    expect(shown(await nowhere.getMany('token', ['t'], CALL))).toEqual(['unknown']);
    expect(refused[0]?.message).toContain('ECONNREFUSED');
  });

  test('is given up when the server owes an answer for a second', async () => {
    const server = await Redis.start();
    const { store } = openStore(server.url);
    await store.setMany('entry', [item('e', 'html')], CALL);
    server.stop();
    // The system goes on taking connections for it.
    await until(async () => {
      await store.getMany('entry', ['e'], SHORT);
      return store.stats().entries.refused > 0;
    });
    server.continue();
    await until(async () => (await store.getMany('entry', ['e'], CALL))[0]?.state === 'found');
  });
});

test('where neither package is installed the error says what to install', async () => {
  vi.doMock('redis', missing);
  vi.doMock('ioredis', missing);
  const { store, errors } = openStore(`redis://127.0.0.1:${await freePort()}`);
  expect(shown(await store.getMany('token', ['t'], CALL))).toEqual(['unknown']);
  expect(errors[0]?.message).toContain('neither redis nor ioredis can be loaded; npm install redis');
});

test('of a server that takes connections and says nothing, the error says so', async () => {
  const silent = createServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { store, errors } = openStore(`redis://127.0.0.1:${(silent.address() as AddressInfo).port}`);
  await until(async () => {
    await store.getMany('token', ['t'], CALL);
    return errors.length > 0;
  });
  expect(errors[0]?.message).toContain('the client is not connected: no answer for 1000 ms while connecting');
  silent.close();
});

test('an idle store lets the process end', async () => {
  const server = await Redis.start();
  const program = `
    const { RedisStore } = require('nunjucks-cachesweeper/redis');
    const store = new RedisStore(process.argv[1]);
    store.setMany('token', [{ key: 't', value: Buffer.from('x'), ttl: 0 }], { timeout: 5000 }).then((set) => console.log(set));
  `;
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', program, server.url], { timeout: 10_000 });
  expect(stdout.trim()).toBe('[ true ]');
});
