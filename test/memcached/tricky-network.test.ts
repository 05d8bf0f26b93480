import fc from 'fast-check';
import { MemcachedStore } from 'nunjucks-cachesweeper/memcached';
import type { Kind } from 'nunjucks-cachesweeper/testing';
import { beforeAll, describe, expect, test } from 'vitest';
import { runs } from '../support/long.ts';
import { Memcached } from '../support/memcached.ts';
import { IdleWatch } from '../support/stopwatch.ts';
import { type Trick, TrickyProxy, trick } from '../support/tricky-proxy.ts';
import { Pages } from './pages.ts';

const TIMEOUT = 60;
/** What a busy machine may add to a deadline, in milliseconds. */
const SLACK = 1_000;
const KEYS = 4;

let memcached: Memcached;
let run = 0;
beforeAll(async () => {
  memcached = await Memcached.start();
});

async function throughProxy<T>(
  tricks: readonly Trick[],
  use: (address: string, proxy: TrickyProxy) => Promise<T>,
): Promise<T> {
  const proxy = await TrickyProxy.start(memcached.port);
  proxy.tricks = [...tricks];
  try {
    return await use(proxy.address, proxy);
  } finally {
    proxy.close();
  }
}

/** A value that shows whose it is, wherever it is looked at. */
function value(kind: Kind, key: string, serial: number, size: number): Buffer {
  const head = `${kind} ${key} ${serial} ${size}\n`;
  return Buffer.concat([Buffer.from(head), Buffer.alloc(size, head)]);
}

/** Whose value this is; undefined when not every byte of it is as it was written. */
function read(bytes: Uint8Array): { kind: string; key: string; serial: number } | undefined {
  const text = Buffer.from(bytes);
  const [kind = '', key = '', serial, size] = text.subarray(0, text.indexOf('\n')).toString().split(' ');
  const whole = value(kind as Kind, key, Number(serial), Number(size));
  return whole.equals(text) ? { kind, key, serial: Number(serial) } : undefined;
}

const kind = fc.constantFrom<Kind>('token', 'entry');
const places = fc.uniqueArray(fc.nat(KEYS - 1), { minLength: 1, maxLength: KEYS });
const size = fc.oneof(fc.nat(200), fc.integer({ min: 10_000, max: 300_000 }));
const step = fc.oneof(
  fc.record({ method: fc.constant('getMany' as const), kind, places }),
  fc.record({ method: fc.constantFrom('setMany' as const, 'addMany' as const), kind, places, size }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** One client, and what it may see. */
class Client {
  readonly #store: MemcachedStore;
  readonly #prefix: string;
  /** The serial number of the last acknowledged value of each key, and all that ever were. */
  readonly #last = new Map<string, number>();
  readonly #acknowledged = new Set<number>();
  /** How often which answer was given. */
  readonly #seen: Record<string, number>;
  #serial = 0;

  constructor(store: MemcachedStore, prefix: string, seen: Record<string, number>) {
    this.#store = store;
    this.#prefix = prefix;
    this.#seen = seen;
  }

  async take(step: Step): Promise<void> {
    const keys = step.places.map((place) => `${this.#prefix}${place}`);
    const watch = new IdleWatch();
    if (step.method === 'getMany') await this.#get(step.kind, keys);
    else await this.#write(step, keys);
    expect(watch.stop()).toBeLessThan(TIMEOUT + SLACK);
  }

  async #get(kind: Kind, keys: readonly string[]): Promise<void> {
    const answers = await this.#store.getMany(kind, keys, { timeout: TIMEOUT });
    keys.forEach((key, i) => {
      const answer = answers[i];
      if (answer !== undefined) this.#count(answer.state);
      const last = this.#last.get(`${kind} ${key}`);
      // An entry that was acknowledged stays; a token may have been taken back with one that was not.
      if (answer?.state === 'missing' && kind === 'entry') expect(last).toBeUndefined();
      if (answer?.state !== 'found') return;
      const found = read(answer.value);
      expect(found).toMatchObject({ kind, key });
      // What came after the last acknowledged value may be there; what came before it and was acknowledged must not.
      const isOld = this.#acknowledged.has(found?.serial ?? -1) && found?.serial !== last;
      expect(isOld, `found ${found?.serial}, acknowledged ${last}`).toBe(false);
    });
  }

  async #write({ method, kind, size }: Extract<Step, { size: number }>, keys: readonly string[]): Promise<void> {
    const first = this.#serial + 1;
    this.#serial += keys.length;
    const items = keys.map((key, i) => ({
      key,
      value: value(kind, key, first + i, kind === 'token' ? 0 : size),
      ttl: 0,
    }));
    const answers = await this.#store[method](kind, items, { timeout: TIMEOUT });
    keys.forEach((key, i) => {
      this.#count(String(answers[i]));
      if (answers[i] !== true && answers[i] !== 'added') return;
      this.#acknowledged.add(first + i);
      this.#last.set(`${kind} ${key}`, first + i);
    });
  }

  #count(answer: string): void {
    this.#seen[answer] = (this.#seen[answer] ?? 0) + 1;
  }

  /** Everything is known again. */
  async isBack(): Promise<void> {
    await expect
      .poll(
        async () => {
          const keys = Array.from({ length: KEYS }, (_, place) => `${this.#prefix}${place}`);
          await this.#get('token', keys);
          await this.#get('entry', keys);
          const answers = await this.#store.getMany('token', keys, { timeout: TIMEOUT });
          return answers.some(({ state }) => state === 'unknown');
        },
        { timeout: 4_000, interval: 20 },
      )
      .toBe(false);
  }
}

describe('a network that delays, splits, merges and drops', () => {
  test('never makes a call return what was not the last value of its key', { timeout: 600_000 }, async () => {
    const seen: Record<string, number> = {};
    await fc.assert(
      fc.asyncProperty(
        fc.array(trick, { maxLength: 60 }),
        fc.array(fc.array(step, { minLength: 1, maxLength: 2 }), { minLength: 1, maxLength: 15 }),
        (tricks, steps) =>
          throughProxy(tricks, async (address, proxy) => {
            const store = new MemcachedStore(address);
            try {
              const client = new Client(store, `${run++}:`, seen);
              for (const [one, other] of steps) {
                // Reading and writing one thing at one time has no right order.
                const together = other?.method === 'getMany' && one?.method === 'getMany';
                if (together) await Promise.all([client.take(one), client.take(other)]);
                else for (const each of [one, other]) if (each !== undefined) await client.take(each);
              }
              proxy.tricks = [];
              await client.isBack();
            } finally {
              await store.close();
            }
          }),
      ),
      runs(40, 1_000),
    );
    // It was worth something: every answer was given.
    for (const answer of ['found', 'missing', 'unknown', 'true', 'false', 'added', 'exists']) {
      expect(seen[answer], answer).toBeGreaterThan(3);
    }
  });

  test('never makes a page wrong, old or late', { timeout: 600_000 }, async () => {
    const act = fc.oneof(
      { weight: 3, arbitrary: fc.record({ pages: fc.integer({ min: 1, max: 3 }) }) },
      { weight: 1, arbitrary: fc.record({ edit: fc.nat(7) }) },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(trick, { maxLength: 60 }),
        fc.array(act, { minLength: 1, maxLength: 10 }),
        (tricks, acts) =>
          throughProxy(tricks, async (address, proxy) => {
            const pages = new Pages(new MemcachedStore(address), { namespace: `run${run++}` });
            try {
              for (const one of acts) {
                if ('edit' in one) await pages.edit(one.edit);
                else await pages.render(one.pages);
              }
              proxy.tricks = [];
              await pages.inService();
              expect(await pages.edit(1)).toBe(true);
              await pages.render();
            } finally {
              await pages.close();
            }
          }),
      ),
      runs(15, 500),
    );
  });
});
