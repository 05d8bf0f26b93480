import { CacheSweeper } from 'nunjucks-cachesweeper';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { expect, test } from 'vitest';
import { Comment } from '../support/models.ts';

test.each([1, 1_500])(
  'onBump hears of what was acknowledged, not of %i changes that a transaction collects while it is delivered',
  async (count) => {
    const store = new TestingStore();
    store.script = ({ kind, method }) => (kind === 'token' && method === 'setMany' ? { delay: 5 } : undefined);
    const told: string[][] = [];
    const sweeper = new CacheSweeper({ store, onBump: (names) => void told.push([...names]) });
    const transaction = sweeper.beginTransaction();
    await transaction.run(async () => {
      await transaction.invalidateCacheFor(new Comment(1));
      const commit = transaction.commit();
      const later = sweeper.invalidateCacheFor(Array.from({ length: count }, (_, i) => new Comment(100 + i)));
      await Promise.all([commit, later]);
    });
    await sweeper.close();
    expect(told[0]).toEqual(['Comment:=1', 'Comment:*']);
    expect(told.length).toBeGreaterThan(1);
  },
);
