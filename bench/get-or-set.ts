import { KeyvMemcache } from '@keyv/memcache';
import { BentoCache, bentostore } from 'bentocache';
import { memoryDriver } from 'bentocache/drivers/memory';
import { createCache } from 'cache-manager';
import { Cacheable } from 'cacheable';
import { Keyv } from 'keyv';

/** A cache as other packages have it: what a key stands for, or what is made of it now. */
export interface GetOrSet {
  readonly name: string;
  getOrSet(key: string, make: () => string): Promise<string>;
  clear(): Promise<unknown>;
}

const TTL = 600_000;

/** Each as its documentation sets it up. */
export function inProcess(): GetOrSet[] {
  const bento = new BentoCache({
    default: 'memory',
    stores: { memory: bentostore().useL1Layer(memoryDriver({ maxSize: '64mb' })) },
  });
  return [
    {
      name: 'bentocache',
      getOrSet: (key, make) => bento.getOrSet({ key, ttl: TTL, factory: make }),
      clear: () => bento.clear(),
    },
    ofCacheable('cacheable', new Cacheable()),
    ofCacheManager(createCache()),
  ];
}

/** Those that have a store for Memcached; bentocache has none. */
export function onMemcached(server: string): GetOrSet[] {
  const memcache = () => new Keyv({ store: new KeyvMemcache(server), namespace: 'other' });
  return [
    ofCacheable('cacheable, two tiers', new Cacheable({ secondary: memcache() })),
    ofCacheable('cacheable, Memcached alone', new Cacheable({ primary: memcache() })),
    ofCacheManager(createCache({ stores: [memcache()] })),
  ];
}

function ofCacheable(name: string, cache: Cacheable): GetOrSet {
  return {
    name,
    getOrSet: async (key, make) => (await cache.getOrSet(key, async () => make(), { ttl: TTL })) ?? '',
    clear: () => cache.clear(),
  };
}

function ofCacheManager(cache: ReturnType<typeof createCache>): GetOrSet {
  return {
    name: 'cache-manager',
    getOrSet: (key, make) => cache.wrap(key, async () => make(), TTL),
    clear: () => cache.clear(),
  };
}
