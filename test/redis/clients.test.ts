import { Redis as Io5 } from 'ioredis';
import { type RedisClient, RedisStore } from 'nunjucks-cachesweeper/redis';
import { storeContract } from 'nunjucks-cachesweeper/testing';
import { createClient as create5, createClientPool as pool5 } from 'redis';
import { createClient as create4 } from 'redis-4';
import { createClient as create6, createClientPool as pool6 } from 'redis-6';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isDeep } from '../support/long.ts';
import { Redis } from '../support/redis.ts';
import { CLIENTS, CLUSTER_CLIENTS, clientOpener, type Open } from './clients.ts';
import { CALL, item, shown, storeOpener } from './support.ts';

const openClient = clientOpener();
const openStore = storeOpener();

interface Started {
  on(event: 'error', listener: () => void): unknown;
  connect(): Promise<unknown>;
}

function connecting<T extends Started & RedisClient>(client: T, end: () => unknown) {
  client.on('error', () => {});
  client.connect().catch(() => {});
  return { client, end: () => Promise.resolve(end()).catch(() => {}) };
}

/** Clients that are set up otherwise than most. */
const UNUSUAL: Readonly<Record<string, Open>> = {
  'redis 4 in legacy mode': (port) => {
    const client = create4({ url: `redis://127.0.0.1:${port}`, legacyMode: true });
    return connecting(client, () => client.disconnect());
  },
  'redis 5 with RESP 3 and a type mapping': (port) => {
    const client = create5({
      url: `redis://127.0.0.1:${port}`,
      RESP: 3,
      commandOptions: { typeMapping: { 36: String, 58: String } },
    });
    return connecting(client, () => client.destroy());
  },
  'redis 6 with RESP 2': (port) => {
    const client = create6({ url: `redis://127.0.0.1:${port}`, RESP: 2 });
    return connecting(client, () => client.destroy());
  },
  'a pool of redis 5': (port) => {
    const client = pool5({ url: `redis://127.0.0.1:${port}` });
    return connecting(client, () => client.destroy());
  },
  'a pool of redis 6': (port) => {
    const client = pool6({ url: `redis://127.0.0.1:${port}` });
    return connecting(client, () => client.destroy());
  },
  'ioredis 5 with a key prefix, that connects when asked, and numbers as text': (port) => {
    const client = new Io5(port, { keyPrefix: 'site:', lazyConnect: true, stringNumbers: true });
    return { client, end: () => client.disconnect() };
  },
  'ioredis 5 that pipelines by itself': (port) => {
    const client = new Io5(port, { enableAutoPipelining: true });
    return { client, end: () => client.disconnect() };
  },
};

let server: Redis;
beforeAll(async () => {
  server = await Redis.start();
});

test.each(Object.entries(UNUSUAL))('%s will do', async (_name, open) => {
  const client = openClient(open, server.port);
  const { store, errors } = openStore(client);
  const value = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  const items = [{ key: 'all-bytes', value, ttl: 0 }, item('t', 'one', 60)];
  for (const kind of ['token', 'entry'] as const) {
    expect(await store.setMany(kind, items, CALL)).toEqual([true, true]);
    expect(
      await store.addMany(kind, [item('t', 'two'), item(`new ${_name}`.replaceAll(' ', '-'), 'two')], CALL),
    ).toEqual(['exists', 'added']);
    const [bytes, ...others] = await store.getMany(kind, ['all-bytes', 't', 'never'], CALL);
    expect(bytes).toEqual({ state: 'found', value });
    expect(shown(others)).toEqual(['found one', 'missing']);
  }
  expect(errors).toEqual([]);
});

test.each(Object.entries<Open>(CLIENTS))(
  '%s is left as it was: open, without listeners, with its own settings',
  async (_name, open) => {
    const client = openClient(open, server.port) as RedisClient & { listenerCount(event: string): number };
    const listeners = () => ['error', 'ready', 'end', 'close', 'connect'].map((event) => client.listenerCount(event));
    const before = listeners();
    const { store } = openStore(client);
    await store.setMany('token', [item('t', 'one')], CALL);
    expect(listeners()).toEqual(before);
    await store.close();
    const { store: another } = openStore(client);
    expect(shown(await another.getMany('token', ['t'], CALL))).toEqual(['found one']);
  },
);

test('large batches are cut, so that others on the server are not kept waiting', async () => {
  const own = await Redis.start();
  const { store } = openStore(openClient(CLIENTS['redis 5'], own.port));
  const items = Array.from({ length: 2_000 }, (_, i) => item(`k${i}`, `v${i}`));
  const keys = items.map(({ key }) => key);
  for (const kind of ['token', 'entry'] as const) {
    expect((await store.setMany(kind, items, CALL)).every(Boolean)).toBe(true);
    expect(shown(await store.getMany(kind, keys, CALL))).toEqual(items.map(({ value }) => `found ${value}`));
  }
  const stats = await own.info('commandstats');
  const calls = (command: string) => Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
  // 4 that read and 4 that write, one that asks for the master, and those that the server did not know yet.
  expect(calls('evalsha') + calls('eval')).toBeGreaterThanOrEqual(9);
  // Of tokens and entries, and an idempotency key for each script that writes.
  expect(calls('set')).toBe(4_004);
});

// Every day each cluster client has its own tests, of `cluster.test.ts`.
describe.runIf(isDeep).each(Object.entries<Open>(CLUSTER_CLIENTS))(
  'RedisStore on the cluster client of %s keeps the contract',
  (_name, open) => {
    const opened: ReturnType<Open>[] = [];
    beforeAll(async () => {
      const [node] = await Redis.startCluster(3);
      opened.push(open(node!.port), open(node!.port));
    });
    afterAll(() => Promise.all(opened.map(({ end }) => end())));

    let next = 0;
    const contract = storeContract({ create: () => new RedisStore(opened[next++ % 2]!.client) });
    test.each(contract.map((one) => [one.title, one] as const))('%s', (_title, { run }) => run());
  },
);
