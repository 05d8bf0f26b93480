export type { ChannelStats } from './channel.ts';
export type {
  IoRedisClient,
  NodeRedisClient,
  NodeRedisCluster,
  NodeRedisPool,
  NodeRedisSentinel,
  RedisClient,
} from './clients.ts';
export type { RedisOptions } from './options.ts';
export { type RedisStats, RedisStore } from './redis-store.ts';
