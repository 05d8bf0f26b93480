import knex from 'knex';
import type { Store } from 'nunjucks-cachesweeper';
import { MemcachedStore } from 'nunjucks-cachesweeper/memcached';
import { prometheus } from 'nunjucks-cachesweeper/metrics';
import { RedisStore } from 'nunjucks-cachesweeper/redis';
import { SqlStore } from 'nunjucks-cachesweeper/sql';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { Site } from '../sweeper/site.ts';
import { samplesOf } from './samples.ts';

/** What a scrape shows of a site with a store. */
async function shown(store: Store) {
  const { sweeper } = new Site('', { store, onError: () => {} });
  const register = new Registry();
  prometheus(sweeper, { register });
  try {
    return samplesOf(await register.metrics());
  } finally {
    await sweeper.close();
  }
}

test.each([
  ['Memcached', () => new MemcachedStore('127.0.0.1:1,127.0.0.1:2'), ['127.0.0.1:1', '127.0.0.1:2']],
  ['Redis', () => new RedisStore('redis://127.0.0.1:1'), ['tokens', 'entries']],
  ['SQL', () => new SqlStore(knex({ client: 'pg' })), ['database']],
])('the connections of %s can be told apart', async (_, make, names) => {
  const { labels, values } = await shown(make());
  for (const metric of ['usable', 'failures_total', 'refused_total', 'dropped_total']) {
    expect([...labels(`cachesweeper_store_${metric}`, 'connection')]).toEqual(names);
  }
  expect(values.get('cachesweeper_values_too_large_total')).toBe(0);
});

test('a server that cannot be reached is not usable', async () => {
  const store = new MemcachedStore('127.0.0.1:1');
  const site = new Site('', { store, onError: () => {} });
  const register = new Registry();
  prometheus(site.sweeper, { register });
  await expect(site.sweeper.invalidateAll()).rejects.toThrow();
  const { values } = samplesOf(await register.metrics());
  expect(values.get('cachesweeper_store_usable{connection="127.0.0.1:1"}')).toBe(0);
  expect(values.get('cachesweeper_store_failures_total{connection="127.0.0.1:1"}')).toBeGreaterThan(0);
  await site.sweeper.close();
});

test('a store that tells nothing, or something else, has no series of its own', async () => {
  expect([...(await shown(new TestingStore())).values.keys()].filter((name) => name.includes('store_usable'))).toEqual(
    [],
  );
  const store = Object.assign(new TestingStore(), { stats: () => ({ state: 'odd', servers: null, hits: 7, a: null }) });
  expect([...(await shown(store)).values.keys()].filter((name) => name.includes('connection='))).toEqual([]);
});
