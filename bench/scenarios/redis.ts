import { Redis as IoRedis } from 'ioredis';
import { type RedisClient, RedisStore } from 'nunjucks-cachesweeper/redis';
import { createClient } from 'redis';
import { BLIND, ON_REDIS, onRedis } from '../get-or-set.ts';
import { listeningStore } from '../listening-store.ts';
import { HOST } from '../memcached.ts';
import { readyPage } from '../page.ts';
import { pageAround } from '../page-around.ts';
import { RawRedis } from '../redis.ts';
import type { Made, Scenario, Told } from '../scenario.ts';
import { warmPage } from '../warm-site.ts';

const COMMON = { away: 0, server: 'redis' } as const;

async function nodeRedis(port: number): Promise<RedisClient> {
  const client = createClient({ url: `redis://${HOST}:${port}` });
  await client.connect();
  return client;
}

const ioRedis = (port: number): RedisClient => new IoRedis(port, HOST);

function warm(client: RedisClient, options: { readonly memory?: false } = {}): Promise<Made> {
  const listening = listeningStore(new RedisStore(client), { token: '{csw}t:', entry: 'csw:e:' });
  return warmPage(listening, options);
}

/** The page that prints ready strings, and as many raw multi-gets as there are lists of keys. */
async function ready(port: number, ...lists: readonly (readonly string[] | undefined)[]): Promise<Made> {
  const raw = await RawRedis.connect(port);
  const page = readyPage();
  const batches = lists.map((keys) => raw.batch(keys ?? []));
  const side = async () => {
    const bytes = page();
    for (const batch of batches) await batch();
    return bytes;
  };
  return { side };
}

/** Warm pages on Redis, on this machine, over clients that sites have; and the same page by other caches on Redis. */
export const scenarios: readonly Scenario[] = [
  ...(['redis', 'ioredis'] as const).flatMap((name): Scenario[] => {
    const client = async (port: number) => (name === 'redis' ? nodeRedis(port) : ioRedis(port));
    return [
      {
        ...COMMON,
        scenario: `Redis + memory tier, all hits, warm page, over ${name}`,
        floor: 'ready strings + one raw MGET of its 52 tokens',
        goal: 1.3,
        ours: async (port) => warm(await client(port)),
        other: (port, { tokenKeys }: Told) => ready(port, tokenKeys),
      },
      {
        ...COMMON,
        scenario: `Redis, no memory tier, all hits, warm page, over ${name}`,
        floor: 'ready strings + two raw MGETs: 52 tokens, 50 entries',
        ours: async (port) => warm(await client(port), { memory: false }),
        other: (port, { tokenKeys, entryKeys }: Told) => ready(port, tokenKeys, entryKeys),
      },
    ];
  }),
  ...ON_REDIS.map(
    (name): Scenario => ({
      ...COMMON,
      goal: 1,
      rounds: 60,
      warmUp: 1_000,
      scenario: 'Redis, all hits',
      floor: `getOrSet of ${name}`,
      ...(name.endsWith('two tiers') ? { reason: BLIND } : {}),
      ours: (port) => warm(ioRedis(port)),
      other: (port) => ({ side: pageAround(onRedis(name, port)) }),
    }),
  ),
];
