import { fastify } from 'fastify';
import { LRUCache } from 'lru-cache';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import { cacheView } from 'nunjucks-cachesweeper/fastify';
import { asking, hitRatio, ROOM } from '../crawl.ts';
import type { Row } from '../row.ts';
import type { Scenario } from '../scenario.ts';

export const scenarios: readonly Scenario[] = [];

/** A fifth of what the test of the map asks for: each takes a request here. */
const ADDRESSES = 20_000;

/** Misses of popular pages while a crawler passes, as a ratio. Below 1: ours has fewer. */
export const rows = async (): Promise<readonly Row[]> => {
  // All addresses have about one length, so room for so many bytes is room for so many pages.
  const one = await site();
  await one.ask('/crawled/50000');
  const ours = await hitRatio((await site(ROOM * one.sweeper.stats().memory.bytes)).ask, ADDRESSES);
  const plain = await hitRatio(asking(new LRUCache<string, object>({ max: ROOM })), ADDRESSES);
  return [
    {
      scenario: 'a crawler asks for 20,000 addresses: misses of popular pages, room for 1.2 × these',
      floor: 'plain lru',
      goal: 1,
      ratio: (1 - ours) / (1 - plain),
      ours: `${(100 * ours).toFixed(1)} % hits`,
      other: `${(100 * plain).toFixed(1)} % hits`,
    },
  ];
};

async function site(maxBytes?: number) {
  const sweeper = new CacheSweeper(maxBytes === undefined ? {} : { memory: { maxBytes } });
  const app = fastify();
  await app.register(cacheView({ sweeper, ttl: 0 }));
  app.get('/*', { config: { cacheView: true } }, (_request, reply) => reply.type('text/html').send('page'));
  const ask = async (url: string): Promise<boolean> => (await app.inject({ url })).headers['x-cache'] === 'hit';
  return { sweeper, ask };
}
