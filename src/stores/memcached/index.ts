export { type MemcachedStats, MemcachedStore } from './memcached-store.ts';
export type { MemcachedOptions } from './options.ts';
export type { RemoteStats } from './remote.ts';
