import { createHook } from 'node:async_hooks';
import { randomBytes } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { MemcachedStore } from 'nunjucks-cachesweeper/memcached';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Entry } from '../../src/cache/entry.ts';
import { Sealer } from '../../src/cache/seal.ts';
import { Packing } from '../../src/cache/shared/packing.ts';
import { SafeStore } from '../../src/cache/shared/safe-store.ts';
import { SharedEntries } from '../../src/cache/shared/shared-entries.ts';
import { NOTHING_READ } from '../../src/reads/reads.ts';
import { Intruder } from '../support/intruder.ts';
import { Memcached } from '../support/memcached.ts';

const TIMEOUT = 5_000;
const SECRET = 'the secret of the site';
const MIB = 1024 * 1024;

const entryOf = (html: string): Entry => ({
  html,
  dependencies: [],
  templates: [],
  reads: NOTHING_READ,
  expires: Number.POSITIVE_INFINITY,
  stale: 0,
  provisional: false,
  holes: [],
  microseconds: 0,
  duration: 0,
});

/** Counts what zlib is asked to do. */
let zlibs = 0;
const hook = createHook({
  init(_id, type) {
    if (type === 'ZLIB') zlibs++;
  },
});
afterEach(() => void hook.disable());

let memcached: Memcached;
let intruder: Intruder;
beforeAll(async () => {
  memcached = await Memcached.start();
  intruder = new Intruder(memcached.port);
});
afterAll(() => intruder.close());

const stores: MemcachedStore[] = [];
afterEach(() => Promise.all(stores.splice(0).map((store) => store.close())));

function open({ secrets = [SECRET], compressFrom }: { secrets?: string[]; compressFrom?: number | false } = {}) {
  const store = new MemcachedStore({
    servers: memcached.address,
    ...(compressFrom === undefined ? {} : { compressFrom }),
  });
  stores.push(store);
  const sealer = new Sealer(secrets);
  const damaged: string[] = [];
  const entries = new SharedEntries(
    new SafeStore(store, (error) => {
      throw error;
    }),
    new Packing(sealer, store.compressFrom),
    (_kind, names) => damaged.push(...names),
  );
  const write = (key: string, html: string) =>
    entries.write([{ key, canonical: key, entry: entryOf(html), ttl: 0, isReplacing: true }], TIMEOUT);
  const read = async (...keys: string[]) => {
    const found = await entries.read(keys, TIMEOUT);
    return keys.map((key) => {
      const entry = found.get(key);
      return typeof entry === 'object' ? entry.entry.html : entry;
    });
  };
  return { store, sealer, entries, damaged, write, read };
}

test.each([0, 1, 100, 16_384, false] as const)(
  'compressFrom %j: html of all sizes comes back',
  async (compressFrom) => {
    const { write, read } = open({ compressFrom });
    for (const size of [0, 1, 99, 100, 101, 16_383, 16_384, 100_000]) {
      for (const html of ['x'.repeat(size), 'ä\u0000😀'.repeat(size / 3), randomBytes(size).toString('base64')]) {
        await write(`size:${size}`, html);
        expect((await read(`size:${size}`))[0] === html).toBe(true);
      }
    }
  },
);

test('html that shrinks below 1,000,000 bytes is stored; what is larger than 16 MiB is not compressed', async () => {
  const { store, write, read } = open();
  const large = 'html '.repeat(MIB);
  await write('large', large);
  expect((await read('large'))[0] === large).toBe(true);
  expect((await intruder.get('e:large'))?.value.length).toBeLessThan(MIB / 10);
  expect(store.stats().tooLarge).toBe(0);
  await write('too-large', 'x'.repeat(16 * MIB));
  expect(store.stats().tooLarge).toBe(1);
});

describe('what someone else put into the store', () => {
  const bomb = deflateRawSync(Buffer.alloc(16 * MIB), { level: 9 });
  const claiming = (size: number) => Buffer.concat([Buffer.from(String(size).padStart(8, '0')), bomb]);

  test('is not inflated unless it was sealed with the secret', async () => {
    const { read, damaged } = open();
    const forged = [
      new Sealer().seal('packed', 'bomb', claiming(16 * MIB)),
      new Sealer(['the secret of another']).seal('packed', 'bomb', claiming(16 * MIB)),
      // Sealed for another key, as another kind, and not sealed at all.
      new Sealer([SECRET]).seal('packed', 'other', claiming(16 * MIB)),
      new Sealer([SECRET]).seal('entry', 'bomb', claiming(16 * MIB)),
      bomb,
    ];
    hook.enable();
    zlibs = 0;
    for (const value of forged) {
      for (const flags of [0, 16 * MIB]) {
        await intruder.set('e:bomb', { flags, value: Buffer.from(value) });
        expect(await read('bomb')).toEqual(['damaged']);
      }
    }
    expect(zlibs).toBe(0);
    expect(damaged).toHaveLength(2 * forged.length);
  });

  test('a token is not inflated, whatever it says', async () => {
    const { store } = open();
    const value = Buffer.from(new Sealer([SECRET]).seal('packed', 'bomb', claiming(16 * MIB)));
    await intruder.set('t:bomb', { flags: 16 * MIB, value });
    hook.enable();
    zlibs = 0;
    expect(await store.getMany('token', ['bomb'], { timeout: TIMEOUT })).toEqual([{ state: 'found', value }]);
    expect(zlibs).toBe(0);
  });

  test('without a secret is inflated to the size that it claims at most, to 16 MiB, and to 64 MiB in one read', async () => {
    const { sealer, read } = open({ secrets: [] });
    const put = (key: string, size: number | string) =>
      intruder.set(`e:${key}`, {
        flags: 0,
        value: Buffer.from(
          sealer.seal('packed', key, Buffer.concat([Buffer.from(String(size).padStart(8, '0')), bomb])),
        ),
      });
    hook.enable();
    zlibs = 0;
    for (const size of [16 * MIB + 1, 99_999_999, 'eight ch', '-0000001', '1e999999', 'Infinity']) {
      await put('bomb', size);
      expect(await read('bomb')).toEqual(['damaged']);
    }
    expect(zlibs).toBe(0);
    for (const size of [0, 1, 1_000, 16 * MIB - 1]) {
      await put('bomb', size);
      expect(await read('bomb')).toEqual(['damaged']);
    }
    const keys = Array.from({ length: 12 }, (_, i) => `bomb${i}`);
    for (const key of keys) await put(key, 16 * MIB);
    zlibs = 0;
    // The others were not looked at, and count as not there.
    expect(await read(...keys)).toEqual(keys.map((_, i) => (i < 4 ? 'damaged' : undefined)));
    expect(zlibs).toBe(4);
  });
});
