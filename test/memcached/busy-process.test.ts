import { CacheSweeper } from 'nunjucks-cachesweeper';
import { MemcachedStore } from 'nunjucks-cachesweeper/memcached';
import { expect, test } from 'vitest';
import { Memcached } from '../support/memcached.ts';

/** Nothing else runs meanwhile. */
function beBusy(milliseconds: number): void {
  for (const end = performance.now() + milliseconds; performance.now() < end; );
}

test('an answer that came while the process was busy counts, even if its deadline has passed', async () => {
  const server = await Memcached.start();
  const store = new MemcachedStore(server.address);
  const call = { timeout: 50 };
  await store.setMany('token', [{ key: 'k', value: Buffer.from('value'), ttl: 0 }], { timeout: 1_000 });
  const read = store.getMany('token', ['k'], call);
  const written = store.setMany('token', [{ key: 'l', value: Buffer.from('value'), ttl: 0 }], call);
  // Sent first.
  await new Promise((resolve) => setImmediate(resolve));
  beBusy(200);
  expect(await read).toMatchObject([{ state: 'found' }]);
  expect(await written).toEqual([true]);
  await store.close();
});

test('a process that was busy for seconds does not take a healthy server for gone, nor a bump for lost', async () => {
  const server = await Memcached.start();
  const errors: unknown[] = [];
  const sweeper = new CacheSweeper({
    store: new MemcachedStore(server.address),
    onError: (error) => void errors.push(error),
  });
  await sweeper.invalidateCacheFor('Comment');
  const bump = sweeper.invalidateCacheFor('Comment');
  await new Promise((resolve) => setImmediate(resolve));
  beBusy(1_300);
  const another = sweeper.invalidateCacheFor('Article');
  await Promise.all([bump, another]);
  expect(errors).toEqual([]);
  expect(sweeper.stats().store).toMatchObject({ servers: { [server.address]: { state: 'ready', failures: 0 } } });
  await sweeper.close();
});
