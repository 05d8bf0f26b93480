import fc from 'fast-check';
import { LRUCache } from 'lru-cache';
import { expect, test } from 'vitest';
import { asking, hitRatio, ROOM } from '../../bench/crawl.ts';
import { SegmentedLru } from '../../src/util/segmented-lru.ts';

test('a crawler that asks for 100,000 addresses leaves popular pages where they are', async () => {
  const segmented = new SegmentedLru(ROOM);
  const ask = asking({ get: (key) => segmented.protect(key), set: (key, value) => segmented.set(key, value, 1) });
  expect(await hitRatio(ask)).toBeGreaterThan(0.95);
  expect(await hitRatio(asking(new LRUCache<string, object>({ max: ROOM })))).toBeLessThan(0.6);
});

test('as long as nothing is asked for twice, all of the room is used, and the oldest goes first', () => {
  const cache = new SegmentedLru(10);
  for (let i = 0; i < 12; i++) cache.set(String(i), { i }, 1);
  expect([...Array(12).keys()].filter((i) => cache.peek(String(i)))).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
});

test('what was used again stays, until others were and it was not', () => {
  const cache = new SegmentedLru(10);
  cache.set('first', {}, 1);
  cache.protect('first');
  for (let i = 0; i < 100; i++) cache.set(`once ${i}`, {}, 1);
  expect(cache.peek('first')).toBeDefined();
  for (let i = 0; i < 10; i++) {
    cache.set(`twice ${i}`, {}, 1);
    cache.protect(`twice ${i}`);
  }
  for (let i = 0; i < 10; i++) cache.set(`once ${i}`, {}, 1);
  expect(cache.peek('first')).toBeUndefined();
  expect(cache.peek('twice 9')).toBeDefined();
});

const KEYS = [...Array(7).keys()].map(String);
const countOf = ({ size }: { size: number }): number => size % 3;
const step = fc.record({
  do: fc.constantFrom('get' as const, 'protect' as const, 'set' as const, 'peek' as const, 'delete' as const),
  key: fc.constantFrom(...KEYS),
  size: fc.integer({ min: 1, max: 12 }),
});

test('it never takes more than its room, gives back what was set last, and keeps the newest', () => {
  fc.assert(
    // By itself, fast-check makes lists of about ten.
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
      const cache = new SegmentedLru(10, countOf);
      const last = new Map<string, object>();
      // One assertion for each step would take most of the time.
      const wrong: string[] = [];
      const check = (isRight: boolean, what: string): unknown => isRight || wrong.push(what);
      for (const { do: what, key, size } of steps) {
        if (what === 'set') {
          const value = { size };
          const others = cache.calculatedSize - ((cache.peek(key) as { size: number } | undefined)?.size ?? 0);
          cache.set(key, value, size);
          last.set(key, value);
          check(cache.peek(key) === (size <= 10 ? value : undefined), 'the newest is not there');
          check(size <= 10 || cache.calculatedSize === others, 'a value that is too large changes others');
        } else if (what === 'delete') {
          cache.delete(key);
          last.delete(key);
        } else {
          const found = cache[what](key);
          check(found === undefined || found === last.get(key), 'gives back something else');
          check(cache.peek(key) === found, 'asking changes what is there');
        }
        const values = KEYS.map((each) => cache.peek(each) as { size: number } | undefined).filter(
          (value) => value !== undefined,
        );
        const sum = values.reduce((all, one) => all + one.size, 0);
        check(cache.calculatedSize === sum, 'counts another size');
        check(cache.count === values.reduce((all, one) => all + countOf(one), 0), 'counts another number');
        check(sum <= 10, 'takes more than its room');
      }
      expect(wrong).toEqual([]);
    }),
  );
});
