import type { Store } from 'nunjucks-cachesweeper';
import { storeContract, TestingStore } from 'nunjucks-cachesweeper/testing';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { DeferredStore, type Opened } from '../../src/stores/deferred-store.ts';

const CALL = { timeout: 100 };
const ITEM = { key: 'a', value: Buffer.from('x'), ttl: 0 };

describe('a store that is opened at its first use keeps the contract', () => {
  const shared = new TestingStore();
  const create = () =>
    new DeferredStore('a store', 1_000, async () => ({ store: new TestingStore({ shared }), end: async () => {} }));
  test.each(storeContract({ create }).map((one) => [one.title, one] as const))('%s', (_title, { run }) => run());
});

describe('a store that is opened at its first use', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
  afterEach(() => void vi.useRealTimers());

  /** Opens when the test says so. */
  function deferred() {
    const inner = new TestingStore();
    const ended = vi.fn(async () => {});
    const openings: { readonly succeed: () => void; readonly fail: (message: string) => void }[] = [];
    const open = () =>
      new Promise<Opened>((resolve, reject) => {
        openings.push({
          succeed: () => resolve({ store: inner, end: ended }),
          fail: (message) => reject(new Error(message)),
        });
      });
    const store: Store = new DeferredStore('The store', 1_000, open);
    const errors: unknown[] = [];
    store.onError?.((error) => errors.push(error));
    return { store, inner, ended, openings, errors };
  }

  test('is opened once, and by no one before it is used', async () => {
    const { store, openings, inner } = deferred();
    expect(openings).toHaveLength(0);
    const calls = [store.setMany('token', [ITEM], CALL), store.getMany('token', ['b'], CALL)];
    expect(openings).toHaveLength(1);
    openings[0]?.succeed();
    expect(await Promise.all(calls)).toEqual([[true], [{ state: 'missing' }]]);
    await store.getMany('token', ['a'], CALL);
    expect(openings).toHaveLength(1);
    expect(inner.operations).toHaveLength(3);
  });

  test('answers in time that nothing is known, and carries nothing out later', async () => {
    const { store, openings, inner, errors } = deferred();
    const calls = [
      store.getMany('token', ['a'], CALL),
      store.setMany('token', [ITEM], CALL),
      store.addMany('token', [ITEM], CALL),
    ];
    await vi.advanceTimersByTimeAsync(100);
    expect(await Promise.all(calls)).toEqual([[{ state: 'unknown' }], [false], ['unknown']]);
    openings[0]?.succeed();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(inner.operations).toEqual([]);
    expect(errors).toEqual([]);
    expect(await store.getMany('token', ['a'], CALL)).toEqual([{ state: 'missing' }]);
  });

  test('is not asked when it opens as the time is over, because the process was blocked', async () => {
    const { store, openings, inner } = deferred();
    const call = store.setMany('token', [ITEM], CALL);
    const late = vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 200);
    openings[0]?.succeed();
    expect(await call).toEqual([false]);
    expect(inner.operations).toEqual([]);
    late.mockRestore();
  });

  test('that cannot be opened says so once, and is tried again at most once a second', async () => {
    const { store, openings, errors } = deferred();
    const call = async () => store.getMany('token', ['a'], CALL);
    for (let round = 0; round < 3; round++) {
      const first = call();
      openings[round]?.fail('no such package');
      expect(await first).toEqual([{ state: 'unknown' }]);
      expect(await call()).toEqual([{ state: 'unknown' }]);
      expect(openings).toHaveLength(round + 1);
      await vi.advanceTimersByTimeAsync(1_000);
    }
    expect(errors).toMatchObject([
      { code: 'CACHESWEEPER_STORE_UNREACHABLE', message: expect.stringMatching(/^The store .*no such package/) },
    ]);
    const last = call();
    openings[3]?.succeed();
    expect(await last).toEqual([{ state: 'missing' }]);
  });

  test('and closed before: nothing is opened, all is unknown; while it is being opened: it is ended when it is there', async () => {
    const unused = deferred();
    await unused.store.close();
    expect(await unused.store.getMany('token', ['a'], CALL)).toEqual([{ state: 'unknown' }]);
    expect(unused.openings).toHaveLength(0);

    const { store, openings, ended } = deferred();
    const call = store.getMany('token', ['a'], CALL);
    const closed = store.close();
    openings[0]?.succeed();
    await closed;
    expect(ended).toHaveBeenCalledOnce();
    expect(await call).toEqual([{ state: 'unknown' }]);
  });

  test('is waited for no longer than a second in all, by calls and by close(), and is ended when it is there at last', async () => {
    const { store, openings, ended } = deferred();
    const waits: number[] = [];
    for (let i = 0; i < 14; i++) {
      const started = performance.now();
      const call = store.getMany('token', ['a'], CALL);
      await vi.advanceTimersByTimeAsync(1);
      await vi.advanceTimersByTimeAsync(i < 10 ? 100 : 0);
      expect(await call).toEqual([{ state: 'unknown' }]);
      waits.push(performance.now() - started);
    }
    expect(Math.max(...waits.slice(10))).toBeLessThan(100);
    expect(openings).toHaveLength(1);
    const closed = store.close();
    await vi.advanceTimersByTimeAsync(1_000);
    await closed;
    expect(ended).not.toHaveBeenCalled();
    openings[0]?.succeed();
    await vi.advanceTimersByTimeAsync(0);
    expect(ended).toHaveBeenCalledOnce();
  });

  test('shows the statistics and reports the errors of the store', async () => {
    const { store, openings, inner, errors } = deferred();
    expect(store.stats?.()).toEqual({});
    const report = vi.fn();
    Object.assign(inner, { stats: () => ({ failures: 7 }), onError: report });
    const call = store.getMany('token', ['a'], CALL);
    openings[0]?.succeed();
    await call;
    expect(store.stats?.()).toEqual({ failures: 7 });
    report.mock.calls[0]?.[0](new Error('one'));
    expect(errors).toMatchObject([{ message: 'one' }]);
  });
});
