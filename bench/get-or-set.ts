import { KeyvMemcache } from '@keyv/memcache';
import KeyvRedis from '@keyv/redis';
import { BentoCache, bentostore } from 'bentocache';
import { memoryDriver } from 'bentocache/drivers/memory';
import { redisDriver } from 'bentocache/drivers/redis';
import { createCache } from 'cache-manager';
import { Cacheable } from 'cacheable';
import { Keyv } from 'keyv';

/** A cache as other packages have it: what a key stands for, or what is made of it now. */
export interface GetOrSet {
  getOrSet(key: string, make: () => string): Promise<string>;
  clear(): Promise<unknown>;
}

const TTL = 600_000;

export const IN_PROCESS = ['bentocache', 'cacheable', 'cache-manager'] as const;
/** Those that have a store for Memcached; bentocache has none. */
export const ON_MEMCACHED = ['cacheable, two tiers', 'cacheable, Memcached alone', 'cache-manager'] as const;

export const ON_REDIS = [
  'bentocache, two tiers',
  'bentocache, Redis alone',
  'cacheable, two tiers',
  'cacheable, Redis alone',
] as const;

/** Why two tiers may be ahead. */
export const BLIND =
  'Two tiers of other caches ask no server while an entry is in the process: what another process invalidates is shown here ' +
  'until its ttl ends. Ours reads the tokens of every page it serves: that round trip is the price of promise 1.';

/** Each as its documentation sets it up. */
export function inProcess(name: (typeof IN_PROCESS)[number]): GetOrSet {
  if (name === 'cacheable') return ofCacheable(new Cacheable());
  if (name === 'cache-manager') return ofCacheManager(createCache());
  const bento = new BentoCache({
    default: 'memory',
    stores: { memory: bentostore().useL1Layer(memoryDriver({ maxSize: '64mb' })) },
  });
  return {
    getOrSet: (key, make) => bento.getOrSet({ key, ttl: TTL, factory: make }),
    clear: () => bento.clear(),
  };
}

export function onMemcached(name: (typeof ON_MEMCACHED)[number], server: string): GetOrSet {
  const memcache = new Keyv({ store: new KeyvMemcache(server), namespace: 'other' });
  if (name === 'cache-manager') return ofCacheManager(createCache({ stores: [memcache] }));
  return ofCacheable(new Cacheable(name === 'cacheable, two tiers' ? { secondary: memcache } : { primary: memcache }));
}

export function onRedis(name: (typeof ON_REDIS)[number], port: number): GetOrSet {
  if (name.startsWith('bentocache')) {
    const redis = redisDriver({ connection: { host: '127.0.0.1', port } });
    const store = bentostore();
    const tiers = name === 'bentocache, two tiers' ? store.useL1Layer(memoryDriver({ maxSize: '64mb' })) : store;
    const bento = new BentoCache({ default: 'redis', stores: { redis: tiers.useL2Layer(redis) } });
    return {
      getOrSet: (key, make) => bento.getOrSet({ key, ttl: TTL, factory: make }),
      clear: () => bento.clear(),
    };
  }
  const redis = new Keyv({ store: new KeyvRedis(`redis://127.0.0.1:${port}`), namespace: 'other' });
  return ofCacheable(new Cacheable(name === 'cacheable, two tiers' ? { secondary: redis } : { primary: redis }));
}

function ofCacheable(cache: Cacheable): GetOrSet {
  return {
    getOrSet: async (key, make) => (await cache.getOrSet(key, async () => make(), { ttl: TTL })) ?? '',
    clear: () => cache.clear(),
  };
}

function ofCacheManager(cache: ReturnType<typeof createCache>): GetOrSet {
  return {
    getOrSet: (key, make) => cache.wrap(key, async () => make(), TTL),
    clear: () => cache.clear(),
  };
}
