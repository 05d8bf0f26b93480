import type { Lookup, Store, StoreItem } from 'nunjucks-cachesweeper/testing';
import { describe, expect, test } from 'vitest';
import { SafeStore } from '../../src/cache/shared/safe-store.ts';
import { Stopwatch } from '../support/stopwatch.ts';

const TIMEOUT = 30;
const KEYS = ['a', 'b'];
const ITEMS: readonly StoreItem[] = KEYS.map((key) => ({ key, value: Buffer.from(key), ttl: 0 }));
const UNKNOWN: readonly Lookup[] = KEYS.map(() => ({ state: 'unknown' }));

/** A store all of whose calls do one thing. */
function storeThat(does: () => unknown): Store {
  const call = does as () => Promise<never>;
  return { getMany: call, setMany: call, addMany: call, close: call };
}

function safe(does: () => unknown) {
  const errors: unknown[] = [];
  return { store: new SafeStore(storeThat(does), (error) => void errors.push(error)), errors };
}

/** What each method answers when the store is of no use. */
const methods: Record<string, [(store: SafeStore) => Promise<unknown>, unknown]> = {
  getMany: [(store) => store.getMany('token', KEYS, TIMEOUT), UNKNOWN],
  setMany: [(store) => store.setMany('token', ITEMS, TIMEOUT), [false, false]],
  addMany: [(store) => store.addMany('token', ITEMS, TIMEOUT), ['unknown', 'unknown']],
};

const boom = () => new Error('boom');
const faults: Record<string, { readonly does: () => unknown; readonly hears: RegExp | undefined }> = {
  'never answers': { does: () => new Promise(() => {}), hears: undefined },
  rejects: { does: () => Promise.reject(boom()), hears: /boom/ },
  'rejects with nothing': { does: () => Promise.reject(undefined), hears: /undefined/ },
  'throws at once': {
    does: () => {
      throw boom();
    },
    hears: /boom/,
  },
  'gives no promise': { does: () => undefined, hears: /then/ },
  'answers for too few keys': { does: async () => [{ state: 'missing' }], hears: /1 values for 2 keys/ },
  'answers for too many keys': { does: async () => [1, 2, 3], hears: /3 values for 2 keys/ },
  'answers with no list': { does: async () => ({ length: 2 }), hears: /no list for 2 keys/ },
  'answers with nothing': { does: async () => undefined, hears: /no list for 2 keys/ },
};

describe.each(Object.entries(methods))('%s of a store that', (_method, [call, nothing]) => {
  test.each(Object.entries(faults))('%s is answered in time, and heard of', async (_what, { does, hears }) => {
    const { store, errors } = safe(does);
    const watch = new Stopwatch();
    expect(await call(store)).toEqual(nothing);
    expect(watch.stop()).toBeLessThan(2_000);
    expect(errors).toHaveLength(hears === undefined ? 0 : 1);
    if (hears !== undefined) expect(String(errors[0])).toMatch(hears);
  });

  test('answers late is not waited for, and its late answer or failure changes nothing', async () => {
    let fail = (_error: Error): void => {};
    const { store, errors } = safe(
      () =>
        new Promise((_resolve, reject) => {
          fail = reject;
        }),
    );
    expect(await call(store)).toEqual(nothing);
    fail(boom());
    await new Promise((resolve) => setImmediate(resolve));
    expect(errors.map(String)).toEqual(['Error: boom']);
  });

  test('is closed is not asked', async () => {
    let asked = 0;
    const { store } = safe(async () => void asked++);
    await store.close();
    asked = 0;
    expect(await call(store)).toEqual(nothing);
    expect(asked).toBe(0);
  });
});

test('without time left the store is not asked', async () => {
  let asked = 0;
  const { store } = safe(async () => void asked++);
  expect(await store.getMany('token', KEYS, 0)).toEqual(UNKNOWN);
  expect(await store.getMany('token', KEYS, -5)).toEqual(UNKNOWN);
  expect(asked).toBe(0);
});

test('an empty batch is not sent', async () => {
  let asked = 0;
  const { store } = safe(async () => void asked++);
  expect(await store.getMany('token', [], TIMEOUT)).toEqual([]);
  expect(await store.setMany('token', [], TIMEOUT)).toEqual([]);
  expect(await store.addMany('token', [], TIMEOUT)).toEqual([]);
  expect(asked).toBe(0);
});

test('a good answer comes through as it is', async () => {
  const answer = [{ state: 'missing' }, { state: 'found', value: Buffer.from('x') }];
  const { store, errors } = safe(async () => answer);
  expect(await store.getMany('entry', KEYS, TIMEOUT)).toEqual(answer);
  expect(errors).toEqual([]);
});

test('the store is told to answer a little sooner, so that what it knows by then is not lost', async () => {
  const told: unknown[] = [];
  const store = new SafeStore(
    {
      ...storeThat(async () => []),
      getMany: async (_kind, keys, call) => {
        told.push(call);
        return keys.map(() => ({ state: 'missing' }));
      },
    },
    () => {},
  );
  await store.getMany('token', KEYS, 123);
  expect(told).toEqual([{ timeout: 110 }]);
});

test('closing twice closes once, and a failure to close is heard', async () => {
  let closed = 0;
  const { store, errors } = safe(() => {
    closed++;
    throw boom();
  });
  await store.close();
  await store.close();
  expect(closed).toBe(1);
  expect(errors.map(String)).toEqual(['Error: boom']);
});

describe('an answer of the right length that is no answer', () => {
  const useless: Record<string, unknown> = {
    'found without a value': { state: 'found' },
    'found with text': { state: 'found', value: 'text' },
  };
  test.each(Object.entries(useless))('%s is unknown', async (_what, answer) => {
    const { store } = safe(async () => KEYS.map(() => answer));
    expect(await store.getMany('token', KEYS, TIMEOUT)).toEqual(UNKNOWN);
  });
});
