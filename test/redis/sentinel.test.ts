import { Redis as Io5 } from 'ioredis';
import { Redis as Io6 } from 'ioredis-6';
import type { RedisClient } from 'nunjucks-cachesweeper/redis';
import { createSentinel as sentinel5 } from 'redis';
import { createSentinel as sentinel6 } from 'redis-6';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isDeep } from '../support/long.ts';
import { Redis, until } from '../support/redis.ts';
import { CALL, item, SHORT, shown, storeOpener } from './support.ts';

const openStore = storeOpener();

/** Clients that ask a sentinel for the master. */
const CLIENTS: Readonly<Record<string, (port: number) => RedisClient & { end(): unknown }>> = {
  'redis 5': (port) => {
    const client = sentinel5(nodeOptions(port)).on('error', () => {});
    client.connect().catch(() => {});
    return Object.assign(client, { end: () => client.destroy() });
  },
  'redis 6': (port) => {
    const client = sentinel6(nodeOptions(port)).on('error', () => {});
    client.connect().catch(() => {});
    return Object.assign(client, { end: () => client.destroy() });
  },
  'ioredis 5': (port) => {
    const client = new Io5({ sentinels: [{ host: '127.0.0.1', port }], name: 'main', retryStrategy: () => 20 });
    return Object.assign(
      client.on('error', () => {}),
      { end: () => client.disconnect() },
    );
  },
  'ioredis 6': (port) => {
    const client = new Io6({ sentinels: [{ host: '127.0.0.1', port }], name: 'main', retryStrategy: () => 20 });
    return Object.assign(
      client.on('error', () => {}),
      { end: () => client.disconnect() },
    );
  },
};

const nodeOptions = (port: number) => ({
  name: 'main',
  sentinelRootNodes: [{ host: '127.0.0.1', port }],
  scanInterval: 100,
});

// A promotion takes seconds, so that one client has it every day.
const everyday = Object.entries(CLIENTS).filter(([name]) => isDeep || name === 'ioredis 5');

describe.each(everyday)('over %s', (_name, open) => {
  let master: Redis;
  let replica: Redis;
  let client: ReturnType<typeof open>;
  beforeAll(async () => {
    master = await Redis.start();
    replica = await master.startReplica('--replica-priority', '1');
    const sentinel = await Redis.startSentinel(master);
    client = open(sentinel.port);
  });
  afterAll(() => client.end());

  test('a replica that a sentinel promotes takes writes, and brings no old token back', async () => {
    const { store } = openStore(client);
    expect(await store.setMany('token', [item('t', 'old'), item('u', 'old')], CALL)).toEqual([true, true]);
    await until(async () => (await replica.command('EXISTS', '{csw}t:t', '{csw}t:u')) === 2);
    await master.kill();
    await until(async () => (await replica.info('replication')).includes('role:master'));
    expect(String(await replica.command('GET', '{csw}t:t'))).toContain('old');
    await until(async () => (await store.getMany('token', ['t'], SHORT))[0]?.state !== 'unknown');
    expect(shown(await store.getMany('token', ['t', 'u'], CALL))).toEqual(['missing', 'missing']);
    expect(await store.setMany('token', [item('t', 'new')], CALL)).toEqual([true]);
    expect(await store.addMany('token', [item('u', 'new')], CALL)).toEqual(['added']);
    expect(shown(await store.getMany('token', ['t', 'u'], CALL))).toEqual(['found new', 'found new']);
  });
});
