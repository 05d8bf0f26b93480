import { randomBytes } from 'node:crypto';
import { type MemcachedOptions, MemcachedStore } from 'nunjucks-cachesweeper/memcached';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Memcached } from '../support/memcached.ts';
import { ScriptedServer } from '../support/scripted-server.ts';

const CALL = { timeout: 5_000 };
const DAY = 86_400;
const stores: MemcachedStore[] = [];
const storeOf = (address: string, options: MemcachedOptions = {}) => {
  const store = new MemcachedStore({ ...options, servers: address });
  stores.push(store);
  return store;
};
const item = (key: string, value: Uint8Array, ttl = 0) => ({ key, value, ttl });

afterAll(() => Promise.all(stores.map((store) => store.close())));

describe('on a real Memcached', () => {
  let memcached: Memcached;
  let store: MemcachedStore;
  beforeAll(async () => {
    memcached = await Memcached.start();
    store = storeOf(memcached.address);
  });

  async function roundTrip(key: string, value: Uint8Array, through = store): Promise<boolean> {
    const [written] = await through.setMany('entry', [item(key, value)], CALL);
    const [answer] = await through.getMany('entry', [key], CALL);
    if (written) expect(answer?.state === 'found' && Buffer.compare(answer.value, value) === 0).toBe(true);
    else expect(answer).toEqual({ state: 'missing' });
    return written === true;
  }

  test('an entry of 1,000,000 bytes is sent; one more is not, and counted', async () => {
    expect(await roundTrip('million', randomBytes(1_000_000))).toBe(true);
    expect(store.stats().tooLarge).toBe(0);
    expect(await roundTrip('more', randomBytes(1_000_001))).toBe(false);
    expect(store.stats().tooLarge).toBe(1);
  });

  test('a larger one leaves what the server has, and the others of its batch are sent', async () => {
    await store.setMany('entry', [item('there', Buffer.from('before'))], CALL);
    const batch = [item('a', Buffer.from('a')), item('there', randomBytes(1_200_000)), item('b', Buffer.from('b'))];
    expect(await store.setMany('entry', batch, CALL)).toEqual([true, false, true]);
    const answers = await store.getMany('entry', ['a', 'there', 'b'], CALL);
    expect(answers.map((answer) => answer.state === 'found' && Buffer.from(answer.value).toString())).toEqual([
      'a',
      'before',
      'b',
    ]);
  });

  test('values of all sizes come back as they were', async () => {
    for (const size of [0, 1, 99, 16_383, 16_384, 100_000]) {
      expect(await roundTrip(`sizes:${size}`, Buffer.alloc(size, 'x'))).toBe(true);
      expect(await roundTrip(`noise:${size}`, randomBytes(size))).toBe(true);
    }
  });

  test('ttls: seconds, fractions of them, more than 30 days, none', async () => {
    const ttls = [0, 0.2, 1, 30, 30 * DAY, 30 * DAY + 1, 400 * DAY, 1e12];
    const items = ttls.map((ttl, i) => item(`ttl:${i}`, Buffer.from('x'), ttl));
    expect(await store.setMany('entry', items, CALL)).toEqual(ttls.map(() => true));
    const answers = await store.getMany(
      'entry',
      items.map(({ key }) => key),
      CALL,
    );
    expect(answers.map(({ state }) => state)).toEqual(ttls.map(() => 'found'));
  });

  test('a ttl of a second is over after two', async () => {
    await store.setMany('entry', [item('short', Buffer.from('x'), 1)], CALL);
    await expect
      .poll(async () => (await store.getMany('entry', ['short'], CALL))[0]?.state, { timeout: 10_000, interval: 100 })
      .toBe('missing');
  });

  test.each(['', ' ', 'a b', 'a\n', 'ä', '\u0000', 'x'.repeat(251)])(
    'the key %j is refused before anything is sent',
    async (key) => {
      for (const call of [
        () => store.getMany('entry', ['fine', key], CALL),
        () => store.setMany('token', [item(key, Buffer.from('x'))], CALL),
        () => store.addMany('token', [item(key, Buffer.from('x'))], CALL),
      ]) {
        await expect(call()).rejects.toMatchObject({
          code: 'CACHESWEEPER_BAD_KEY',
          message: expect.stringContaining(
            'MemcachedStore expected a key of 1 to 250 printable ASCII characters, got ',
          ),
        });
      }
      // The connection is none the worse for it.
      expect(await store.setMany('token', [item('fine', Buffer.from('x'))], CALL)).toEqual([true]);
      expect(Object.values(store.stats().servers)[0]?.failures).toBe(0);
    },
  );
});

describe('on the wire', () => {
  test('ttls are whole seconds and one more, at most 30 days; keys of tokens and entries differ and are at most 250 bytes', async () => {
    const server = await ScriptedServer.start();
    const store = storeOf(server.address);
    const ttls = [0, 1, 1.5, 2_592_000, 2_592_001, 1e12, -5];
    await store.setMany(
      'entry',
      ttls.map((ttl, i) => item(`k${i}`, Buffer.from('x'), ttl)),
      CALL,
    );
    expect(server.take(0x01).map(({ extras }) => extras.readUInt32BE(4))).toEqual([
      0, 2, 3, 2_592_000, 2_592_000, 2_592_000, 1,
    ]);
    const long = 'x'.repeat(250);
    for (const kind of ['entry', 'token'] as const) {
      await store.setMany(
        kind,
        ['k', long, `${long.slice(1)}y`].map((key) => item(key, Buffer.from('x'))),
        CALL,
      );
    }
    const keys = server.take(0x01).map(({ key }) => key);
    expect(new Set(keys).size).toBe(6);
    expect(keys.every((key) => key.length <= 250)).toBe(true);
  });

  test('a found value is a copy: a small one keeps no receive buffer, at most a piece of Node’s pool', async () => {
    const server = await ScriptedServer.start();
    const store = storeOf(server.address);
    const keys = ['a', 'b', 'c'];
    await store.setMany(
      'token',
      keys.map((key) => item(key, Buffer.from(key.repeat(10)))),
      CALL,
    );
    const answers = await store.getMany('token', keys, CALL);
    const buffers = answers.map((answer) => (answer.state === 'found' ? answer.value.buffer : undefined));
    for (const buffer of buffers) expect(buffer?.byteLength).toBeLessThanOrEqual(Buffer.poolSize);
  });
});
