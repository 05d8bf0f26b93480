import { CacheSweeper } from 'nunjucks-cachesweeper';
import { httpModels } from 'nunjucks-cachesweeper/http';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { UNCERTAIN, UncertainWrites } from '../../src/http-api/uncertain-writes.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

test('what may still be carried out is bumped once more, between 10 and 20 s later', () => {
  const bumped: (readonly string[])[] = [];
  const writes = new UncertainWrites((names) => bumped.push([...names]));
  writes.add(['Article:=7']);
  vi.advanceTimersByTime(UNCERTAIN - 1);
  writes.add(['Article:=8']);
  vi.advanceTimersByTime(2);
  writes.add(['Article:=9']);
  expect(bumped).toEqual([]);
  vi.advanceTimersByTime(UNCERTAIN);
  expect(bumped).toEqual([['Article:=7', 'Article:=8']]);
  vi.advanceTimersByTime(UNCERTAIN);
  expect(bumped).toEqual([['Article:=7', 'Article:=8'], ['Article:=9']]);
  expect(vi.getTimerCount()).toBe(0);
});

test('of very many, the type is bumped', () => {
  const bumped: (readonly string[])[] = [];
  const writes = new UncertainWrites((names) => bumped.push([...names]));
  writes.add(Array.from({ length: 5_000 }, (_, i) => `Article:=${i}`));
  vi.advanceTimersByTime(2 * UNCERTAIN);
  expect(bumped).toEqual([['Article']]);
});

test('a write without a certain answer is invalidated at once and once more, unless the sweeper is closed by then', async () => {
  const bumped: string[] = [];
  const errors: unknown[] = [];
  const sweeper = new CacheSweeper({
    onBump: (names) => void bumped.push(...names),
    onError: (error) => errors.push(error),
  });
  const answers = [async () => new Response(null, { status: 503 }), async () => Promise.reject(new TypeError('lost'))];
  for (const answer of answers) {
    const http = httpModels(sweeper, [], { fetch: answer });
    await http.fetch('https://api.example/', { method: 'PUT' }).catch(() => {});
    expect(bumped).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(2 * UNCERTAIN);
    expect(bumped).toHaveLength(2);
    bumped.length = 0;
  }
  const http = httpModels(sweeper, [], { fetch: answers[0] as typeof fetch });
  await http.fetch('https://api.example/', { method: 'PUT' });
  await sweeper.close();
  await vi.advanceTimersByTimeAsync(2 * UNCERTAIN);
  expect(bumped).toHaveLength(1);
  expect(errors).toEqual([]);
});
