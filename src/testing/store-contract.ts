import { strict as assert } from 'node:assert';
import { randomBytes } from 'node:crypto';
import type { Kind, Lookup, Store, StoreItem } from '../stores/store.ts';

/** The store to check, and what the contract must know of it. */
export interface StoreUnderTest {
  /** Returns a store. Each call returns another client of the same data. */
  create(): Store | Promise<Store>;
  /** Lets `seconds` pass for the store. Without this method {@link storeContract} leaves out the cases about expiry. */
  pass?(seconds: number): void | Promise<void>;
  /** Largest value that the store keeps, in bytes; default 1,000,000. */
  readonly largestValue?: number;
}

/** One case of the contract. Any test runner can run it: `test(title, run)`. */
export interface ContractCase {
  readonly title: string;
  run(): Promise<void>;
}

const TIMEOUT = { timeout: 5_000 };
const KINDS: readonly Kind[] = ['token', 'entry'];

/**
 * Returns the contract of {@link Store} as plain functions, which throw an AssertionError where a store breaks it.
 *
 * @example
 * for (const { title, run } of storeContract({ create: () => new MyStore() })) test(title, run);
 */
export function storeContract(tested: StoreUnderTest): readonly ContractCase[] {
  const cases: ContractCase[] = [];
  const add = (title: string, body: (store: Store, other: Store) => Promise<void>): void => {
    cases.push({
      title,
      async run() {
        const store = await tested.create();
        const other = await tested.create();
        try {
          await body(store, other);
        } finally {
          await Promise.all([store.close(), other.close()]);
        }
      },
    });
  };

  for (const kind of KINDS) {
    add(`a ${kind} that was never set is missing`, async (store) => {
      assert.deepEqual(await store.getMany(kind, [newKey()], TIMEOUT), [{ state: 'missing' }]);
    });
    add(`a ${kind} that was set is found, by another client as well`, async (store, other) => {
      const item = newItem('one');
      assert.deepEqual(await store.setMany(kind, [item], TIMEOUT), [true]);
      assertFound(await other.getMany(kind, [item.key], TIMEOUT), 'one');
    });
    add(`the last ${kind} set is the one found`, async (store, other) => {
      const item = newItem('one');
      await store.setMany(kind, [item], TIMEOUT);
      await other.setMany(kind, [{ ...item, value: bytes('two') }], TIMEOUT);
      assertFound(await store.getMany(kind, [item.key], TIMEOUT), 'two');
    });
    add(`adding a ${kind} that is there leaves it as it is`, async (store, other) => {
      const item = newItem('one');
      assert.deepEqual(await store.addMany(kind, [item], TIMEOUT), ['added']);
      assert.deepEqual(await other.addMany(kind, [{ ...item, value: bytes('two') }], TIMEOUT), ['exists']);
      assertFound(await store.getMany(kind, [item.key], TIMEOUT), 'one');
    });
    add(`of many clients adding one ${kind} exactly one is told that it was added`, async (store, other) => {
      for (let round = 0; round < 20; round++) {
        const key = newKey();
        const answers = await Promise.all(
          Array.from({ length: 8 }, (_, i) =>
            (i % 2 === 0 ? store : other).addMany(kind, [{ key, value: bytes(String(i)), ttl: 0 }], TIMEOUT),
          ),
        );
        const winners = answers.flatMap(([answer], i) => (answer === 'added' ? [i] : []));
        assert.equal(winners.length, 1, `clients told "added": ${winners.join(', ')}`);
        assertFound(await store.getMany(kind, [key], TIMEOUT), String(winners[0]));
      }
    });
    add(`a batch of ${kind}s is answered item by item, in order`, async (store) => {
      const items = Array.from({ length: 200 }, (_, i) => newItem(`value ${i}`));
      const there = items.filter((_, i) => i % 2 === 0);
      assert.deepEqual(
        await store.setMany(kind, there, TIMEOUT),
        there.map(() => true),
      );
      const answers = await store.getMany(
        kind,
        items.map(({ key }) => key),
        TIMEOUT,
      );
      items.forEach((item, i) => {
        if (i % 2 === 0) assertFound([answers[i] as Lookup], text(item.value));
        else assert.deepEqual(answers[i], { state: 'missing' });
      });
      const added = await store.addMany(kind, items, TIMEOUT);
      assert.deepEqual(
        added,
        items.map((_, i) => (i % 2 === 0 ? 'exists' : 'added')),
      );
    });
    add(`one key twice in a batch of ${kind}s is answered twice`, async (store) => {
      const item = newItem('one');
      await store.setMany(kind, [item], TIMEOUT);
      const answers = await store.getMany(kind, [item.key, item.key], TIMEOUT);
      assert.equal(answers.length, 2);
      for (const answer of answers) assertFound([answer], 'one');
    });
    add(`an empty batch of ${kind}s is an empty answer`, async (store) => {
      assert.deepEqual(await store.getMany(kind, [], TIMEOUT), []);
      assert.deepEqual(await store.setMany(kind, [], TIMEOUT), []);
      assert.deepEqual(await store.addMany(kind, [], TIMEOUT), []);
    });
    add(`keys of 1 to 250 printable characters keep ${kind}s apart`, async (store) => {
      const keys = ['!', `${`${newKey()}~`.padEnd(249, '{')}}`, newKey(), `${newKey()}:=*%"'[]<>&`];
      await store.setMany(
        kind,
        keys.map((key) => ({ key, value: bytes(key), ttl: 0 })),
        TIMEOUT,
      );
      const answers = await store.getMany(kind, keys, TIMEOUT);
      for (const [i, key] of keys.entries()) assertFound([answers[i] as Lookup], key);
    });
    add(`keys that differ in one letter's case, or in the last of 250 characters, are two ${kind}s`, async (store) => {
      const key = newKey();
      const long = key.padEnd(249, 'x');
      const keys = [`${key}a`, `${key}A`, `${long}1`, `${long}2`];
      const items = keys.map((each) => ({ key: each, value: bytes(each), ttl: 0 }));
      await store.setMany(kind, items, TIMEOUT);
      const answers = await store.getMany(kind, keys, TIMEOUT);
      for (const [i, each] of keys.entries()) assertFound([answers[i] as Lookup], each);
    });
    add(`what is changed in a ${kind} after it was set, or was got, is not stored`, async (store) => {
      const item = newItem('one');
      await store.setMany(kind, [item], TIMEOUT);
      item.value.fill(0);
      const [first] = await store.getMany(kind, [item.key], TIMEOUT);
      assertFound([first as Lookup], 'one');
      if (first?.state === 'found') first.value.fill(0);
      assertFound(await store.getMany(kind, [item.key], TIMEOUT), 'one');
    });
    add(`after close() a ${kind} is unknown, at once and without an error`, async (store) => {
      const item = newItem('one');
      await store.close();
      await store.close();
      assert.deepEqual(await store.getMany(kind, [item.key], TIMEOUT), [{ state: 'unknown' }]);
      assert.deepEqual(await store.setMany(kind, [item], TIMEOUT), [false]);
      assert.deepEqual(await store.addMany(kind, [item], TIMEOUT), ['unknown']);
    });
    if (tested.pass !== undefined) {
      const pass = tested.pass.bind(tested);
      add(`a ${kind} is there until its ttl, and missing after it`, async (store) => {
        const item = { ...newItem('one'), ttl: 10 };
        await store.setMany(kind, [item], TIMEOUT);
        await pass(8);
        assertFound(await store.getMany(kind, [item.key], TIMEOUT), 'one');
        await pass(4);
        assert.deepEqual(await store.getMany(kind, [item.key], TIMEOUT), [{ state: 'missing' }]);
        assert.deepEqual(await store.addMany(kind, [item], TIMEOUT), ['added']);
      });
      add(`a ttl of over 30 days does not make a ${kind} expire at once`, async (store) => {
        const item = { ...newItem('one'), ttl: 90 * 86_400 };
        await store.setMany(kind, [item], TIMEOUT);
        await pass(3);
        assertFound(await store.getMany(kind, [item.key], TIMEOUT), 'one');
      });
    }
  }

  add('tokens and entries of one key are two things', async (store) => {
    const item = newItem('a token');
    await store.setMany('token', [item], TIMEOUT);
    assert.deepEqual(await store.getMany('entry', [item.key], TIMEOUT), [{ state: 'missing' }]);
    await store.setMany('entry', [{ ...item, value: bytes('an entry') }], TIMEOUT);
    assertFound(await store.getMany('token', [item.key], TIMEOUT), 'a token');
  });
  add('large and empty values come back as they were', async (store) => {
    const sizes = [0, 1, 1_000, 100_000, tested.largestValue ?? 1_000_000];
    for (const size of sizes) {
      const item: StoreItem = { key: newKey(), value: randomBytes(size), ttl: 0 };
      assert.deepEqual(await store.setMany('entry', [item], TIMEOUT), [true], `${size} bytes`);
      const [answer] = await store.getMany('entry', [item.key], TIMEOUT);
      assert.ok(answer?.state === 'found' && Buffer.compare(answer.value, item.value) === 0, `${size} bytes`);
    }
  });
  add('many calls at one time are each answered with their own values', async (store, other) => {
    await Promise.all(
      Array.from({ length: 100 }, async (_, i) => {
        const client = i % 2 === 0 ? store : other;
        const items = Array.from({ length: 5 }, (__, k) => newItem(`${i} ${k}`));
        await client.setMany('entry', items, TIMEOUT);
        const answers = await client.getMany(
          'entry',
          items.map(({ key }) => key),
          TIMEOUT,
        );
        for (const k of items.keys()) assertFound([answers[k] as Lookup], `${i} ${k}`);
      }),
    );
  });
  return cases;
}

function newKey(): string {
  return `contract:${randomBytes(12).toString('hex')}`;
}

function newItem(value: string): StoreItem {
  return { key: newKey(), value: bytes(value), ttl: 0 };
}

function bytes(value: string): Uint8Array {
  return Uint8Array.from(Buffer.from(value, 'utf8'));
}

function text(value: Uint8Array): string {
  return Buffer.from(value).toString('utf8');
}

function assertFound([answer]: readonly Lookup[], expected: string): void {
  assert.equal(answer?.state, 'found');
  if (answer?.state === 'found') assert.equal(text(answer.value), expected);
}
