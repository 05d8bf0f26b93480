import { setTimeout as sleep } from 'node:timers/promises';
import { MemcachedStore } from 'nunjucks-cachesweeper/memcached';
import { afterEach, expect, test } from 'vitest';
import { Memcached } from '../support/memcached.ts';

const stores: MemcachedStore[] = [];
afterEach(() => {
  for (const store of stores.splice(0)) store.close();
});

function open(server: Memcached): MemcachedStore {
  const store = new MemcachedStore({ servers: server.address, compressFrom: false });
  stores.push(store);
  return store;
}

const CALL = { timeout: 900 };
const token = (key: string, value: string) => ({ key, value: Buffer.from(value), ttl: 0 });

/** What the server holds when everything that was sent to it is done. */
async function found(server: Memcached, key: string): Promise<string | undefined> {
  const store = open(server);
  // An answer takes its turn with other connections.
  for (let i = 0; i < 10; i++) {
    await store.getMany('token', [key], CALL);
    await sleep(20);
  }
  const [answer] = await store.getMany('token', [key], CALL);
  if (answer?.state === 'unknown') throw new Error('the server does not answer');
  return answer?.state === 'found' ? Buffer.from(answer.value).toString() : undefined;
}

test.each(['set', 'add'] as const)(
  'the %s of a token that was not acknowledged in time does not stand later',
  async (how) => {
    const server = await Memcached.start();
    const store = open(server);
    await store.getMany('token', ['first'], CALL);
    server.stop();
    const items = [token('k1', 'late'), token('k2', 'late')];
    const answers =
      how === 'set' ? await store.setMany('token', items, CALL) : await store.addMany('token', items, CALL);
    expect(answers).toEqual(how === 'set' ? [false, false] : ['unknown', 'unknown']);
    server.continue();
    expect(await found(server, 'k1')).toBeUndefined();
    expect(await found(server, 'k2')).toBeUndefined();
  },
);

test('nor when the connection was full of entries, and was given up', async () => {
  const server = await Memcached.start();
  const store = open(server);
  await store.getMany('token', ['first'], CALL);
  server.stop();
  const late = store.setMany('token', [token('k', 'late')], CALL);
  await sleep(5);
  // More than the system keeps for the server: what is sent later waits in this process.
  const entries = Array.from({ length: 15 }, (_, i) => ({ key: `e${i}`, value: Buffer.alloc(900_000), ttl: 0 }));
  const full = store.setMany('entry', entries, CALL);
  expect(await late).toEqual([false]);
  await full;
  await sleep(150);
  // The connection has owed an answer for more than a second: this ends it.
  await store.getMany('token', ['k'], CALL);
  expect(store.stats().servers[server.address]).toMatchObject({ state: 'failed', failures: 1 });
  server.continue();
  expect(await found(server, 'k')).toBeUndefined();
});

test('a token write that was taken back can be written again at once, on the same connection', async () => {
  const server = await Memcached.start();
  const store = open(server);
  await store.getMany('token', ['first'], CALL);
  server.stop();
  expect(await store.setMany('token', [token('k', 'first')], { timeout: 50 })).toEqual([false]);
  const second = store.setMany('token', [token('k', 'second')], CALL);
  server.continue();
  expect(await second).toEqual([true]);
  expect(await found(server, 'k')).toBe('second');
});

test('closing the store answers all that is under way at once, and takes back token writes', async () => {
  const server = await Memcached.start();
  const store = open(server);
  await store.getMany('token', ['first'], CALL);
  server.stop();
  const late = store.setMany('token', [token('k', 'late')], CALL);
  await sleep(5);
  const read = store.getMany('token', ['first'], CALL);
  await store.close();
  // Long before their deadline.
  const patience = sleep(300, 'pending');
  expect(await Promise.race([late, patience])).toEqual([false]);
  expect(await Promise.race([read, patience])).toEqual([{ state: 'unknown' }]);
  server.continue();
  expect(await found(server, 'k')).toBeUndefined();
});
