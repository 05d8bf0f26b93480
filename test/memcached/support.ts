import type { CacheSweeperError } from 'nunjucks-cachesweeper';
import { type MemcachedOptions, MemcachedStore } from 'nunjucks-cachesweeper/memcached';
import { afterEach } from 'vitest';

/** Longer than anything that is waited for. */
export const CALL = { timeout: 5_000 };

/** Opens stores that are closed when their test is over. */
export function opener() {
  const stores: MemcachedStore[] = [];
  afterEach(() => Promise.all(stores.splice(0).map((store) => store.close())));
  return (options: string | MemcachedOptions) => {
    const store = new MemcachedStore(options);
    stores.push(store);
    const errors: CacheSweeperError[] = [];
    store.onError((error) => errors.push(error as CacheSweeperError));
    return { store, errors };
  };
}

export function item(key: string, value: string) {
  return { key, value: Buffer.from(value), ttl: 0 };
}

export function keys(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `key${i}`);
}

/** Resolved when a call has reached the server, and been answered. */
export async function roundTrip(store: MemcachedStore): Promise<string | undefined> {
  return (await store.getMany('token', ['roundtrip'], CALL))[0]?.state;
}
