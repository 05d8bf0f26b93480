import { Redis as Io5, Cluster as IoCluster5 } from 'ioredis';
import { Redis as Io6, Cluster as IoCluster6 } from 'ioredis-6';
import type { RedisClient } from 'nunjucks-cachesweeper/redis';
import { createClient as create5, createCluster as createCluster5 } from 'redis';
import { createClient as create4, createCluster as createCluster4 } from 'redis-4';
import { createClient as create6, createCluster as createCluster6 } from 'redis-6';
import { afterEach } from 'vitest';
import { isDeep } from '../support/long.ts';

interface Opened {
  readonly client: RedisClient;
  end(): unknown;
}

/** A kind of client, and how a site opens one; it need not be connected yet. */
export type Open = (port: number) => Opened;

interface NodeRedis {
  on(event: 'error', listener: () => void): unknown;
  connect(): Promise<unknown>;
  disconnect(): unknown;
}

/** Connects as a site does, whose clients go on trying. */
function opened(client: NodeRedis & RedisClient): Opened {
  client.on('error', () => {});
  client.connect().catch(() => {});
  return { client, end: () => Promise.resolve(client.disconnect()).catch(() => {}) };
}

function quiet<T extends { on(event: 'error', listener: () => void): unknown; disconnect(): void } & RedisClient>(
  client: T,
): Opened {
  client.on('error', () => {});
  return { client, end: () => client.disconnect() };
}

const socket = { reconnectStrategy: 20 };
const url = (port: number) => `redis://127.0.0.1:${port}`;

export const CLIENTS = {
  'redis 4': (port) => opened(create4({ url: url(port), socket })),
  'redis 5': (port) => opened(create5({ url: url(port), socket })),
  'redis 6': (port) => opened(create6({ url: url(port), socket })),
  'ioredis 5': (port) => quiet(new Io5(port, { retryStrategy: () => 20 })),
  'ioredis 6': (port) => quiet(new Io6(port, { retryStrategy: () => 20 })),
} as const satisfies Readonly<Record<string, Open>>;

export const CLUSTER_CLIENTS = {
  'redis 4': (port) => opened(createCluster4({ rootNodes: [{ url: url(port) }], defaults: { socket } })),
  'redis 5': (port) => opened(createCluster5({ rootNodes: [{ url: url(port) }], defaults: { socket } })),
  'redis 6': (port) => opened(createCluster6({ rootNodes: [{ url: url(port) }], defaults: { socket } })),
  'ioredis 5': (port) => quiet(new IoCluster5([{ host: '127.0.0.1', port }])),
  'ioredis 6': (port) => quiet(new IoCluster6([{ host: '127.0.0.1', port }])),
} as const satisfies Readonly<Record<string, Open>>;

/**
 * The kinds that a test is run on: every day one of each package, in CI all. What differs between clients is in the contract, which is
 * run on all of them every day.
 */
export function kindsOf<T>(kinds: Readonly<Record<string, T>>): readonly [string, T][] {
  return Object.entries(kinds).filter(([name]) => isDeep || name.endsWith(' 5'));
}

/** Opens clients that are ended when their test is over. */
export function clientOpener(): (open: Open, port: number) => RedisClient {
  const ends: (() => unknown)[] = [];
  afterEach(() => Promise.all(ends.splice(0).map((end) => end())));
  return (open, port) => {
    const { client, end } = open(port);
    ends.push(end);
    return client;
  };
}
