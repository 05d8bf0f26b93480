import { CacheSweeper } from 'nunjucks-cachesweeper';
import { MemcachedStore } from 'nunjucks-cachesweeper/memcached';
import { HOST, RawClient } from '../memcached.ts';
import { commentsOf } from '../page.ts';
import type { Made, Scenario } from '../scenario.ts';

/** What a token takes in the store: its seal and itself. */
const VALUE = Buffer.alloc(80, 'x');
const many = commentsOf(1_000);
// Their own names, and that of their lists.
const keys = [...many.map(({ id }) => `t::1:Comment:=${id}`), 't::1:Comment:*'];

function invalidation(port: number, models: object): Made {
  const sweeper = new CacheSweeper({ store: new MemcachedStore(`${HOST}:${port}`) });
  return { side: () => sweeper.invalidateCacheFor(models) };
}

async function sets(port: number, names: readonly string[]): Promise<Made> {
  const raw = await RawClient.connect(port);
  const items = names.map((key) => [key, VALUE] as const);
  return { side: () => raw.setMany(items) };
}

/** Invalidating: as many sets as there are names, in one write. */
export const scenarios: readonly Scenario[] = [
  {
    scenario: 'invalidateCacheFor one model (two names)',
    floor: 'one raw set',
    goal: 2,
    away: 0,
    ours: (port) => invalidation(port, many[0] as object),
    other: (port) => sets(port, keys.slice(0, 1)),
  },
  {
    scenario: 'invalidateCacheFor 1,000 models in one call',
    floor: 'one pipelined batch of 1,001 sets',
    goal: 2,
    away: 0,
    ours: (port) => invalidation(port, many),
    other: (port) => sets(port, keys),
  },
];
