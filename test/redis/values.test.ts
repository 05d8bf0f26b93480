import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, test } from 'vitest';
import { seconds } from '../../src/stores/redis/batches.ts';
import { Redis } from '../support/redis.ts';
import { CLIENTS, clientOpener } from './clients.ts';
import { CALL, item, shown, storeOpener } from './support.ts';

const openClient = clientOpener();
const openStore = storeOpener();

let server: Redis;
beforeAll(async () => {
  server = await Redis.start();
});
const opened = () => openStore(openClient(CLIENTS['ioredis 5'], server.port));

test('an entry over 16 MiB is not sent, and counted; the others of its batch are', async () => {
  const { store } = opened();
  const large = { key: 'large', value: Buffer.alloc(16 * 1024 * 1024 + 1), ttl: 0 };
  expect(await store.setMany('entry', [item('a', 'x'), large, item('b', 'y')], CALL)).toEqual([true, false, true]);
  expect(await store.addMany('entry', [large, item('c', 'z')], CALL)).toEqual(['unknown', 'added']);
  expect(shown(await store.getMany('entry', ['a', 'large', 'b', 'c'], CALL))).toEqual([
    'found x',
    'missing',
    'found y',
    'found z',
  ]);
  expect(store.stats().tooLarge).toBe(2);
});

test.each([
  ['', 'an empty string'],
  ['a b', 'the string "a b"'],
  ['x'.repeat(251), 'a string'],
])('the key %j is refused', async (key) => {
  const { store } = opened();
  for (const call of [
    store.getMany('token', [key], CALL),
    store.setMany('entry', [item(key, 'x')], CALL),
    store.addMany('token', [item(key, 'x')], CALL),
  ]) {
    await expect(call).rejects.toMatchObject({ code: 'CACHESWEEPER_BAD_KEY' });
  }
});

test('a ttl is whole seconds, a fraction is rounded up, and more than Redis can count is no error', async () => {
  expect([2, 1.2, 0, -1, 1e15].map(seconds)).toEqual(['2', '2', '0', '0', '1000000000']);
  const { store } = opened();
  for (const [kind, prefix] of [
    ['token', '{csw}t:'],
    ['entry', 'csw:e:'],
  ] as const) {
    await store.setMany(kind, [item('x', '', 600), item('y', ''), item('z', '', 1e15), item('short', '', 1)], CALL);
    const [x, y, z] = await Promise.all(['x', 'y', 'z'].map((key) => server.command('TTL', prefix + key)));
    expect(Number(x)).toBeGreaterThan(500);
    expect(Number(x)).toBeLessThanOrEqual(600);
    expect(y).toBe(-1);
    expect(Number(z)).toBeGreaterThan(900_000_000);
  }
  await sleep(1_010);
  expect(shown(await store.getMany('entry', ['short'], CALL))).toEqual(['missing']);
  expect(shown(await store.getMany('token', ['short'], CALL))).toEqual(['missing']);
});

test('a key that another program has put to another use is unknown, and told once', async () => {
  const { store, errors } = opened();
  await server.command('RPUSH', '{csw}t:list', 'x');
  await server.command('RPUSH', 'csw:e:list', 'x');
  expect(await store.addMany('token', [item('list', 'x')], CALL)).toEqual(['unknown']);
  expect(await store.addMany('entry', [item('list', 'x')], CALL)).toEqual(['exists']);
  // Whoever sets it overwrites it, as SET does.
  expect(await store.setMany('token', [item('list', 'x')], CALL)).toEqual([true]);
  expect(errors.map(({ code }) => code)).toEqual(['CACHESWEEPER_STORE_UNREACHABLE']);
  expect(errors[0]?.message).toContain('WRONGTYPE');
});

test('a token without a replication id in front of it, as another program may write it, is missing', async () => {
  const { store } = opened();
  for (const value of ['', 'short', 'x'.repeat(39), 'x'.repeat(40), 'x'.repeat(100)]) {
    await server.command('SET', '{csw}t:odd', value);
    expect(shown(await store.getMany('token', ['odd'], CALL))).toEqual(['missing']);
    expect(await store.addMany('token', [item('odd', 'x')], CALL)).toEqual(['added']);
  }
});

test('stores with two prefixes do not see each other', async () => {
  const client = openClient(CLIENTS['redis 5'], server.port);
  const [one, two] = [openStore(client, { prefix: 'one' }), openStore(client, { prefix: 'two' })];
  for (const kind of ['token', 'entry'] as const) {
    await one.store.setMany(kind, [item('k', 'of one')], CALL);
    expect(shown(await two.store.getMany(kind, ['k'], CALL))).toEqual(['missing']);
  }
  expect(await server.command('EXISTS', '{one}t:k', 'one:e:k')).toBe(2);
});

test('a full Redis that evicts nothing refuses writes: they are told as failed', async () => {
  const full = await Redis.start('--maxmemory', '100kb', '--maxmemory-policy', 'noeviction');
  const { store, errors } = openStore(openClient(CLIENTS['redis 5'], full.port));
  expect(await store.setMany('entry', [item('e', 'x')], CALL)).toEqual([false]);
  expect(await store.setMany('token', [item('t', 'x')], CALL)).toEqual([false]);
  expect(errors.map(({ message }) => message).join()).toContain('OOM');
  expect(shown(await store.getMany('token', ['t'], CALL))).toEqual(['missing']);
});
