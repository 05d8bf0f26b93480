import { CacheSweeper } from 'nunjucks-cachesweeper';
import { httpModels } from 'nunjucks-cachesweeper/http';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { UNCERTAIN } from '../../src/invalidation/uncertain-writes.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

test('a write without a certain answer is invalidated at once and once more, unless the sweeper is closed by then', async () => {
  const bumped: string[] = [];
  const errors: unknown[] = [];
  const sweeper = new CacheSweeper({
    onBump: (names) => void bumped.push(...names),
    onError: (error) => errors.push(error),
  });
  const answers = [
    ...[503, 408, 202].map((status) => async () => new Response(null, { status })),
    async () => Promise.reject(new TypeError('lost')),
  ];
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
