import { deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { MemcachedStore } from 'nunjucks-cachesweeper/memcached';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Sealer } from '../../src/cache/seal.ts';
import { Intruder, type Stored } from '../support/intruder.ts';
import { runs, sized } from '../support/long.ts';
import { Memcached } from '../support/memcached.ts';
import { Pages } from './pages.ts';

const SECRET = 'the secret of the site';
const OTHER = 'the secret of another site';

type Forge = (stored: Stored, key: string) => Stored;

/** Behind format, mark, kind and key. */
const payloadOf = ({ value }: Stored, key: string) =>
  value.toString().slice(29 + `${key.startsWith('t:') ? 'token' : 'entry'}:${key.length - 2}:${key.slice(2)}:`.length);
const forged = (stored: Stored, key: string) => payloadOf(stored, key).replaceAll('as written', 'FORGED');
const sealedBy =
  (...secrets: string[]): Forge =>
  (stored, key) => ({
    flags: 0,
    value: Buffer.from(
      new Sealer(secrets).seal(key.startsWith('t:') ? 'token' : 'entry', key.slice(2), forged(stored, key)),
    ),
  });

/** Damage, by someone who does not even know how values are sealed. */
const damage: fc.Arbitrary<Forge> = fc.oneof(
  fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })).map(
    ([at, mask]): Forge =>
      ({ flags, value }) => {
        const copy = Buffer.from(value);
        copy[at % copy.length] = (copy[at % copy.length] as number) ^ mask;
        return { flags, value: copy };
      },
  ),
  fc.nat().map(
    (at): Forge =>
      ({ flags, value }) => ({ flags, value: value.subarray(0, at % value.length) }),
  ),
  fc.nat().map(
    (at): Forge =>
      ({ flags, value }) => ({ flags, value: value.subarray(1 + (at % value.length)) }),
  ),
  fc.uint8Array({ minLength: 1, maxLength: 50 }).map(
    (more): Forge =>
      ({ flags, value }) => ({
        flags,
        value: Buffer.concat([value, more]),
      }),
  ),
  fc.uint8Array({ maxLength: 200 }).map(
    (bytes): Forge =>
      () => ({ flags: 0, value: Buffer.from(bytes) }),
  ),
  fc.nat(0xffffffff).map(
    (flags): Forge =>
      ({ value }) => ({ flags: flags || 1, value }),
  ),
  fc.constantFrom(1_000, 16 * 1024 * 1024, 0xffffffff).map(
    (flags): Forge =>
      () => ({
        flags,
        value: deflateRawSync(Buffer.alloc(16 * 1024 * 1024, 'as written ')),
      }),
  ),
);

/** Forgery, by someone who has read the source. */
const forgery: fc.Arbitrary<Forge> = fc.constantFrom<Forge>(
  (stored) => ({ flags: 0, value: Buffer.from(stored.value.toString().replaceAll('as written', 'FORGED')) }),
  (stored, key) => ({ flags: 0, value: Buffer.from(forged(stored, key)) }),
  (stored, key) => sealedBy()(stored, key),
  sealedBy(OTHER),
  sealedBy(''.padEnd(16)),
  (stored, key) => {
    const { value } = sealedBy(OTHER)(stored, key);
    return { flags: value.length, value: deflateRawSync(value) };
  },
);

describe.each([
  ['with a secret', SECRET, fc.oneof(damage, forgery)],
  ['without one', undefined, damage],
] as const)('someone who can write to the Memcached, %s', (_title, secret, forge) => {
  let memcached: Memcached;
  let intruder: Intruder;
  let pages: Pages;
  let other: Pages;
  let honest: Map<string, Stored>;
  const options = secret === undefined ? {} : { secret };

  beforeAll(async () => {
    memcached = await Memcached.start();
    pages = new Pages(new MemcachedStore(memcached.address), options);
    other = new Pages(new MemcachedStore(memcached.address), { ...options, namespace: 'other' }, 'of another site');
    await pages.inService();
    await other.inService();
    intruder = new Intruder(memcached.port);
    honest = await intruder.all();
    expect([...honest.keys()].filter((key) => key.startsWith('t:')).length).toBeGreaterThan(20);
    expect([...honest.keys()].filter((key) => key.startsWith('e:')).length).toBeGreaterThan(30);
  });
  afterAll(async () => {
    intruder.close();
    await Promise.all([pages.close(), other.close()]);
  });

  /** Pages are checked for what they show; then everything is as it was. */
  async function rendersRight(): Promise<void> {
    await pages.render();
    await pages.render();
    await pages.site.sweeper.idle();
    for (const [key, stored] of honest) await intruder.set(key, stored);
  }

  test('changes no page by changing values', { timeout: 900_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat(), forge), { minLength: 1, maxLength: 30 }), async (changes) => {
        const keys = [...honest.keys()];
        for (const [place, change] of changes) {
          const key = keys[place % keys.length] as string;
          await intruder.set(key, change(honest.get(key) as Stored, key));
        }
        await rendersRight();
      }),
      runs(25, 2_000, 60),
    );
    expect(pages.site.sweeper.stats().damaged).toBeGreaterThan(sized(10, 50, 50));
    expect(pages.site.errors.every((error) => (error as { code: string }).code === 'CACHESWEEPER_STORE_DAMAGED')).toBe(
      true,
    );
  });

  test('changes no page by putting values where others were, of other fragments, kinds and sites', {
    timeout: 900_000,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat(), fc.nat()), { minLength: 1, maxLength: 60 }), async (swaps) => {
        const keys = [...honest.keys()];
        for (const [to, from] of swaps) {
          await intruder.set(
            keys[to % keys.length] as string,
            honest.get(keys[from % keys.length] as string) as Stored,
          );
        }
        await rendersRight();
      }),
      runs(15, 2_000, 40),
    );
  });

  test('costs hits, which come back', async () => {
    for (const [key, { flags, value }] of honest) await intruder.set(key, { flags, value: value.subarray(1) });
    expect(await pages.render()).toBe(0);
    await pages.inService();
    for (const [key, stored] of honest) await intruder.set(key, stored);
  });
});

describe('the limits of sealing', () => {
  test('without a secret a forged entry with a right digest is served: that is what secrets are for', async () => {
    const memcached = await Memcached.start();
    const intruder = new Intruder(memcached.port);
    const pages = new Pages(new MemcachedStore(memcached.address));
    await pages.inService();
    for (const [key, stored] of await intruder.all()) {
      if (key.startsWith('e:')) await intruder.set(key, sealedBy()(stored, key));
    }
    expect(await pages.site.page(pages)).toContain('FORGED');
    intruder.close();
    await pages.close();
  });

  test('whoever can write to the Memcached can put an old token back, and what was stored under it', async () => {
    const memcached = await Memcached.start();
    const intruder = new Intruder(memcached.port);
    const pages = new Pages(new MemcachedStore(memcached.address), { secret: SECRET });
    await pages.inService();
    const before = await intruder.all();
    const old = pages.expected;
    expect(await pages.edit(3)).toBe(true);
    expect(await pages.site.page(pages)).toBe(pages.expected);
    for (const [key, stored] of before) if (key.startsWith('t:')) await intruder.set(key, stored);
    expect(await pages.site.page(pages)).toBe(old);
    intruder.close();
    await pages.close();
  });
});

describe('a new secret', () => {
  let memcached: Memcached;
  beforeAll(async () => {
    memcached = await Memcached.start();
  });

  async function render(secret: string | readonly string[], namespace: string) {
    const pages = new Pages(new MemcachedStore(memcached.address), { secret, namespace });
    const first = await pages.render();
    await pages.site.sweeper.idle();
    const hits = await pages.render();
    await pages.close();
    return { first, hits, damaged: pages.site.sweeper.stats().damaged };
  }

  const everything = { first: 1, hits: 1, damaged: 0 };

  test('comes first in the list when all processes know it: nothing is lost on the way', async () => {
    expect(await render(SECRET, 'rotate')).toMatchObject({ hits: 1 });
    for (const secret of [
      [SECRET, OTHER],
      [OTHER, SECRET],
      [SECRET, OTHER],
    ]) {
      expect(await render(secret, 'rotate')).toEqual(everything);
    }
  });

  test('signs, and the old one still verifies', async () => {
    await render([OTHER, SECRET], 'signs');
    expect(await render(OTHER, 'signs')).toEqual(everything);
    expect(await render([SECRET, OTHER], 'signs')).toEqual(everything);
    const missed = await render(SECRET, 'signs');
    expect(missed.first).toBe(0);
    expect(missed.damaged).toBeGreaterThan(0);
  });

  test.each([
    ['another secret', OTHER],
    ['several other ones', [OTHER, 'and one more secret']],
  ])('that the others do not have (%s) sees misses, and nothing of theirs', async (title, secret) => {
    const namespace = title.replaceAll(' ', '-');
    await render(SECRET, namespace);
    const missed = await render(secret, namespace);
    expect(missed.first).toBe(0);
    expect(missed.damaged).toBeGreaterThan(0);
    expect(missed.hits).toBe(1);
  });
});
