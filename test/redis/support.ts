import type { CacheSweeperError } from 'nunjucks-cachesweeper';
import { type RedisClient, type RedisOptions, RedisStore } from 'nunjucks-cachesweeper/redis';
import type { Lookup } from 'nunjucks-cachesweeper/testing';
import { afterEach } from 'vitest';

/** Longer than anything that is waited for. */
export const CALL = { timeout: 5_000 };
/** For calls that are not answered. */
export const SHORT = { timeout: 100 };

/** Opens stores that are closed when their test is over. */
export function storeOpener() {
  const stores: RedisStore[] = [];
  afterEach(() => Promise.all(stores.splice(0).map((store) => store.close())));
  return (client: RedisClient | string, options?: RedisOptions) => {
    const store = new RedisStore(client, options);
    stores.push(store);
    const errors: CacheSweeperError[] = [];
    store.onError((error) => errors.push(error as CacheSweeperError));
    return { store, errors };
  };
}

export function item(key: string, value: string, ttl = 0) {
  return { key, value: Buffer.from(value), ttl };
}

/** The value that was found; `missing` or `unknown`. */
export function shown(lookups: readonly Lookup[]): readonly string[] {
  return lookups.map((lookup) => (lookup.state === 'found' ? `found ${Buffer.from(lookup.value)}` : lookup.state));
}
