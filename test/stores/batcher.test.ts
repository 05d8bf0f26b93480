import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Batcher } from '../../src/cache/shared/batcher.ts';
import { sized } from '../support/long.ts';

const TIMEOUT = 100;

/** A batcher, what it has sent, and what answers that. The answer to a key is how many batches were sent before, and its own. */
function open() {
  const sent: { readonly keys: readonly string[]; readonly timeout: number; answer(): void }[] = [];
  const batcher = new Batcher<ReadonlyMap<string, number>>((keys, timeout) => {
    const number = sent.length;
    return new Promise((resolve) => {
      sent.push({ keys, timeout, answer: () => resolve(new Map(keys.map((key) => [key, number]))) });
    });
  });
  return { batcher, sent };
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

describe('what is asked for in one turn', () => {
  test('is sent at its end, as one batch in which each key is once', async () => {
    const { batcher, sent } = open();
    const first = batcher.ask(['a', 'b'], TIMEOUT);
    const second = Promise.resolve().then(() => batcher.ask(['b', 'c'], TIMEOUT));
    expect(sent).toEqual([]);
    await nextTurn();
    expect(sent.map(({ keys }) => keys)).toEqual([['a', 'b', 'c']]);
    sent[0]?.answer();
    expect([...(await first).keys()]).toEqual(['a', 'b', 'c']);
    expect(await second).toBe(await first);
  });

  test('with another timeout is another batch', async () => {
    const { batcher, sent } = open();
    void batcher.ask(['a'], TIMEOUT);
    void batcher.ask(['a'], TIMEOUT - 1);
    await nextTurn();
    expect(sent.map(({ timeout }) => timeout)).toEqual([TIMEOUT, TIMEOUT - 1]);
  });

  test('is one batch if all ask for the same, however many they are', async () => {
    const { batcher, sent } = open();
    const keys = Array.from({ length: 100 }, (_, i) => `${i}`);
    for (let i = 0; i < 30; i++) void batcher.ask([...keys], TIMEOUT);
    await nextTurn();
    expect(sent.map((batch) => batch.keys)).toEqual([keys]);
  });

  test('is cut into batches of about a thousand keys, each of which has all that its callers have asked for', async () => {
    const { batcher, sent } = open();
    const asked = Array.from({ length: 30 }, (_, i) => Array.from({ length: 100 }, (_, j) => `${i} ${j}`));
    const answers = asked.map((keys) => batcher.ask(keys, TIMEOUT));
    await nextTurn();
    expect(sent.map(({ keys }) => keys.length)).toEqual([1_000, 1_000, 1_000]);
    for (const { answer } of sent) answer();
    for (const [i, keys] of asked.entries()) {
      const got = await answers[i];
      expect(keys.filter((key) => !got?.has(key))).toEqual([]);
    }
  });
});

test('a batch that was sent is not joined, answered or not', async () => {
  const { batcher, sent } = open();
  const before = batcher.ask(['a'], TIMEOUT);
  await nextTurn();
  const after = batcher.ask(['a'], TIMEOUT);
  await nextTurn();
  expect(sent).toHaveLength(2);
  for (const { answer } of sent) answer();
  expect([(await before).get('a'), (await after).get('a')]).toEqual([0, 1]);
});

test('whatever is asked when: each caller gets all of its keys, from a batch that was sent after it asked', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({
          keys: fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1 }),
          timeout: fc.constantFrom(1, 2),
          /** What happens before. */
          first: fc.constantFrom('nothing', 'microtask', 'turn', 'answer'),
        }),
        { maxLength: 12 },
      ),
      async (steps) => {
        const { batcher, sent } = open();
        const asked: { keys: readonly string[]; before: number; answer: Promise<ReadonlyMap<string, number>> }[] = [];
        for (const { keys, timeout, first } of steps) {
          if (first === 'microtask') await undefined;
          else if (first === 'turn') await nextTurn();
          else if (first === 'answer') for (const { answer } of sent) answer();
          asked.push({ keys, before: sent.length, answer: batcher.ask(keys, timeout) });
        }
        await nextTurn();
        for (const { answer } of sent) answer();
        for (const { keys, before, answer } of asked) {
          const got = await answer;
          for (const key of keys) expect(got.get(key)).toBeGreaterThanOrEqual(before);
        }
      },
    ),
    { numRuns: sized(50, 5_000, 1_000) },
  ));
