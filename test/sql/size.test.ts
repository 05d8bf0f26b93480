import type { Knex } from 'knex';
import { beforeEach, describe, expect, test } from 'vitest';
import { inTurn } from '../support/long.ts';
import { CALL, databases, item, opener, using } from './support.ts';

const open = opener();

describe.each(inTurn(databases, 'sizes'))('on %s', (_name, start) => {
  const database = using(start);
  let site: Knex;
  let other: Knex;
  beforeEach(async () => {
    site ??= database().connect();
    other ??= database().connect();
    await site('cachesweeper').delete();
  });

  /** Entries of one size that expire one after the other. */
  const entries = (count: number, prefix: string, bytes = 10, ttl = 100) =>
    Array.from({ length: count }, (_, i) => item(`${prefix}${i}`, 'x'.repeat(bytes), ttl + i));

  async function kept(): Promise<readonly string[]> {
    const rows = await site('cachesweeper').whereNot({ k: 'c:claim' }).orderBy('expires').select('k');
    return rows.map(({ k }) => String(k));
  }

  test('what has expired is removed, and what was written before the database may have lost something', async () => {
    await open(site).store.setMany('entry', entries(450, 'expired'), CALL);
    await site('cachesweeper').update({ expires: 0 });
    await site('cachesweeper').where('k', 'like', 'e:expired1%').update({ expires: 4e12, epoch: 1 });
    const { store } = open(site, { maxRows: 1_000 });
    await store.setMany('entry', entries(51, 'new'), CALL);
    await expect.poll(async () => (await kept()).length, { timeout: 5_000 }).toBe(51);
    expect(store.stats().removed).toBeGreaterThanOrEqual(450);
  });

  test('above maxRows what would expire first goes, until a tenth is free; tokens stay', async () => {
    const tokens = entries(10, 'token').map((one) => ({ ...one, ttl: 0 }));
    await open(site).store.setMany('token', tokens, CALL);
    await open(site).store.setMany('entry', entries(980, 'e'), CALL);
    const { store } = open(site, { maxRows: 1_000 });
    await store.setMany('entry', entries(60, 'last', 10, 2_000), CALL);
    await expect.poll(() => store.stats().removed, { timeout: 5_000 }).toBe(151);
    // The claim is a row as well, and stays.
    const left = await kept();
    expect(left.length).toBe(899);
    expect(left.filter((key) => key.startsWith('t:'))).toHaveLength(10);
    expect(left[0]).toBe('e:e151');
  });

  test('above maxBytes as well', async () => {
    await open(site).store.setMany('entry', entries(100, 'e', 10_000), CALL);
    const { store } = open(site, { maxBytes: 1024 * 1024 });
    await store.setMany('entry', entries(50, 'last', 10_000, 1_000), CALL);
    await expect.poll(() => store.stats().removed, { timeout: 5_000 }).toBeGreaterThanOrEqual(50);
    const left = await kept();
    expect(left.length * 10_000).toBeLessThan(0.95 * 1024 * 1024);
    expect(left.length * 10_000).toBeGreaterThan(0.85 * 1024 * 1024);
    expect(left.at(-1)).toBe('e:last49');
  });

  test('of several processes one looks', async () => {
    await open(site).store.setMany('entry', entries(1_500, 'e'), CALL);
    const stores = [site, other].map((knex) => open(knex, { maxRows: 1_000 }).store);
    await Promise.all(stores.map((store, i) => store.setMany('entry', entries(60, `last${i}`), CALL)));
    const removed = () => stores.map((store) => store.stats().removed);
    await expect.poll(() => Math.max(...removed()), { timeout: 5_000 }).toBeGreaterThanOrEqual(661);
    expect(Math.min(...removed())).toBe(0);
  });

  test('values over 1,000,000 bytes are not written, and counted', async () => {
    const { store } = open(site);
    const items = [item('large', 'x'.repeat(1_000_001)), item('small', 'x')];
    expect(await store.setMany('entry', items, CALL)).toEqual([false, true]);
    expect(await store.addMany('entry', items, CALL)).toEqual(['unknown', 'exists']);
    expect(store.stats().tooLarge).toBe(2);
  });

  test('a batch that is too large for one statement is written by several', async () => {
    const { store, errors } = open(site);
    const items = [...entries(3, 'large', 900_000), ...entries(1_100, 'small')];
    expect((await store.setMany('entry', items, CALL)).filter((isSet) => !isSet)).toEqual([]);
    expect(errors).toEqual([]);
    const answers = await store.getMany(
      'entry',
      items.map(({ key }) => key),
      CALL,
    );
    const sizes = answers.map((answer) => (answer.state === 'found' ? answer.value.length : answer.state));
    expect(sizes).toEqual(items.map(({ value }) => value.length));
  });
});
