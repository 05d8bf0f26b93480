import type { Added, Kind, Lookup, Store, StoreItem } from 'nunjucks-cachesweeper';
import { expect, test } from 'vitest';
import { Sealer } from '../../src/cache/seal.ts';
import { SafeStore } from '../../src/cache/shared/safe-store.ts';
import { SharedTokens } from '../../src/cache/shared/shared-tokens.ts';
import { guardOf } from '../../src/model/sparse-names.ts';

const NAME = '@view:=path:/';
const GUARD = guardOf(NAME);
const TIMEOUT = 100_000;

/** A store that carries out each item of each batch when the search says so, in any order: no rule says otherwise. */
class ItemStore implements Store {
  readonly values = new Map<string, Uint8Array>();
  readonly waiting: (() => void)[] = [];

  getMany(_kind: Kind, keys: readonly string[]): Promise<readonly Lookup[]> {
    return this.#each(keys, (key): Lookup => {
      const value = this.values.get(key);
      return value === undefined ? { state: 'missing' } : { state: 'found', value };
    });
  }

  setMany(_kind: Kind, items: readonly StoreItem[]): Promise<readonly boolean[]> {
    return this.#each(items, ({ key, value }) => this.values.set(key, value) === this.values);
  }

  addMany(_kind: Kind, items: readonly StoreItem[]): Promise<readonly Added[]> {
    return this.#each(items, ({ key, value }) => {
      if (this.values.has(key)) return 'exists';
      this.values.set(key, value);
      return 'added';
    });
  }

  async close(): Promise<void> {}

  #each<I, A>(items: readonly I[], carryOut: (item: I) => A): Promise<readonly A[]> {
    const one = (item: I) => new Promise<A>((resolve) => this.waiting.push(() => resolve(carryOut(item))));
    return Promise.all(items.map(one));
  }
}

/** Follows one order of steps; steps beyond the given choices are the first that waits. */
class Order {
  readonly taken: { readonly choice: number; readonly of: number }[] = [];
  readonly #choices: readonly number[];

  constructor(choices: readonly number[]) {
    this.#choices = choices;
  }

  next(of: number): number {
    const choice = this.#choices[this.taken.length] ?? 0;
    this.taken.push({ choice, of });
    return choice;
  }

  /** The choices of the order after this one; undefined for the last. */
  get after(): readonly number[] | undefined {
    const last = this.taken.findLastIndex(({ choice, of }) => choice + 1 < of);
    if (last === -1) return undefined;
    return [...this.taken.slice(0, last), this.taken[last]!].map(({ choice }, i) => (i === last ? choice + 1 : choice));
  }
}

/** Follows an order that was drawn at random: shares of the steps that wait. */
class RandomOrder {
  readonly #shares: readonly number[];
  #taken = 0;

  constructor(shares: readonly number[]) {
    this.#shares = shares;
  }

  next(of: number): number {
    return Math.floor((this.#shares[this.#taken++] ?? 0) * of);
  }
}

/** Runs the actors in one order, and returns whether what was stored from old data could be served after the bump. */
async function isStale(
  order: Pick<Order, 'next'>,
  how: { readonly viewers: number; readonly evicted: readonly string[] },
) {
  const store = new ItemStore();
  const tokens = () =>
    new SharedTokens(
      new SafeStore(store, (error) => expect.unreachable(String(error))),
      new Sealer(),
      { namespace: '', version: 1 },
      Date.now,
      () => {},
    );
  let saved = 0;
  let open = how.viewers + 1;
  const stored: { readonly saved: number; readonly tokens: ReadonlyMap<string, string> }[] = [];

  const view = async () => {
    const own = tokens();
    const { tokens: known, missing } = await own.read([NAME], TIMEOUT);
    if (missing.size === 0) {
      stored.push({ saved, tokens: known });
      return;
    }
    const guard = (await own.read([GUARD], TIMEOUT)).tokens.get(GUARD)!;
    const made = saved;
    const claimed = await own.claim(new Map([[NAME, guard]]), 60, TIMEOUT);
    if (claimed !== undefined) stored.push({ saved: made, tokens: claimed });
  };
  const bump = async () => {
    await new Promise<void>((resolve) => store.waiting.push(resolve));
    saved = 1;
    expect(await tokens().bump([NAME], new Map(), TIMEOUT)).toEqual([]);
  };
  for (const name of how.evicted) store.waiting.push(() => void store.values.delete(`:1:${name}`));
  for (const actor of [...Array.from({ length: how.viewers }, () => view), bump]) void actor().then(() => open--);
  while (open > 0) {
    // All that follows from a step has happened when the next one is chosen.
    await new Promise((resolve) => setImmediate(resolve));
    if (store.waiting.length > 0) store.waiting.splice(order.next(store.waiting.length), 1)[0]!();
  }
  const sealer = new Sealer();
  const now = store.values.get(`:1:${NAME}`);
  const token = now && sealer.unseal('token', `:1:${NAME}`, now);
  return stored.some((entry) => entry.saved === 0 && token !== undefined && entry.tokens.get(NAME) === token);
}

async function search(how: Parameters<typeof isStale>[1], most: number) {
  let choices: readonly number[] | undefined = [];
  let orders = 0;
  for (; choices !== undefined && orders < most; orders++) {
    const order: Order = new Order(choices);
    if (await isStale(order, how)) return { orders, stale: order.taken.map(({ choice }) => choice) };
    choices = order.after;
  }
  return { orders, stale: undefined };
}

test.each([
  ['one view', { viewers: 1, evicted: [] }, 50],
  ['one view, whose name is evicted', { viewers: 1, evicted: [NAME] }, 500],
  ['one view, whose guard is evicted', { viewers: 1, evicted: [GUARD] }, 200],
])(
  'a bump beside %s: in no order of their steps is what was made before served after it',
  async (_what, how, least) => {
    const { orders, stale } = await search(how, 20_000);
    expect(stale).toBeUndefined();
    expect(orders).toBeGreaterThan(least);
  },
);

test('a bump beside three views, whose name and guard are evicted: nor in 500 orders at random', async () => {
  for (let i = 0; i < 500; i++) {
    const choices = Array.from({ length: 100 }, () => Math.random());
    const order = new RandomOrder(choices);
    expect(await isStale(order, { viewers: 3, evicted: [NAME, GUARD] }), String(choices)).toBe(false);
  }
});
