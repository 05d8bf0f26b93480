import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { UNCERTAIN, UncertainWrites } from '../../src/invalidation/uncertain-writes.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

test('what may still be carried out is bumped once more, between 10 and 20 s later', () => {
  const bumped: (readonly string[])[] = [];
  const writes = new UncertainWrites(async (names) => void bumped.push([...names]));
  writes.again(new Set(['Article:=7']));
  vi.advanceTimersByTime(UNCERTAIN - 1);
  writes.again(new Set(['Article:=8']));
  vi.advanceTimersByTime(2);
  writes.again(new Set(['Article:=9']));
  expect(bumped).toEqual([]);
  vi.advanceTimersByTime(UNCERTAIN);
  expect(bumped).toEqual([['Article:=7', 'Article:=8']]);
  vi.advanceTimersByTime(UNCERTAIN);
  expect(bumped).toEqual([['Article:=7', 'Article:=8'], ['Article:=9']]);
  expect(vi.getTimerCount()).toBe(0);
});

test('of very many, the type is bumped', () => {
  const bumped: (readonly string[])[] = [];
  const writes = new UncertainWrites(async (names) => void bumped.push([...names]));
  writes.again(new Set(Array.from({ length: 5_000 }, (_, i) => `Article:=${i}`)));
  vi.advanceTimersByTime(2 * UNCERTAIN);
  expect(bumped).toEqual([['Article']]);
});

test('what nothing else bumps is bumped at once as well', async () => {
  const bumped: (readonly string[])[] = [];
  const writes = new UncertainWrites(async (names) => void bumped.push([...names]));
  await writes.add(new Set(['Article:=7']));
  expect(bumped).toEqual([['Article:=7']]);
  vi.advanceTimersByTime(2 * UNCERTAIN);
  expect(bumped).toEqual([['Article:=7'], ['Article:=7']]);
});
