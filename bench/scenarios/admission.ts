import { LRUCache } from 'lru-cache';
import nunjucks from 'nunjucks';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import { asking, hitRatio, ROOM } from '../crawl.ts';
import type { Row } from '../row.ts';
import type { Scenario } from '../scenario.ts';

export const scenarios: readonly Scenario[] = [];

const PAGE = '{% cachesweeper "Page" 300 address %}{{ address }}{% endcachesweeper %}';

/** Who keeps what in memory: misses of popular pages while a crawler passes, as a ratio. Below 1: ours has fewer. */
export const rows = (): readonly Row[] => {
  // All addresses have about one length, so that room for so many bytes is room for so many pages.
  const one = site();
  one.ask('/crawled/50000');
  const ours = hitRatio(site(ROOM * one.sweeper.stats().memory.bytes).ask);
  const plain = hitRatio(asking(new LRUCache<string, object>({ max: ROOM })));
  return [
    {
      scenario: 'a crawler asks for 100,000 addresses: misses of popular pages, room for 1.2 × these',
      floor: 'plain lru',
      goal: 1,
      ratio: (1 - ours) / (1 - plain),
      ours: `${(100 * ours).toFixed(1)} % hits`,
      other: `${(100 * plain).toFixed(1)} % hits`,
    },
  ];
};

function site(maxBytes?: number) {
  let isHit = false;
  const sweeper = new CacheSweeper({
    ...(maxBytes === undefined ? {} : { memory: { maxBytes } }),
    onRender: ({ fragments }) => {
      isHit = fragments[0]?.outcome === 'hit';
    },
  });
  const env = sweeper.install(new nunjucks.Environment([], { autoescape: true }));
  const template = new nunjucks.Template(PAGE, env, 'page.njk', true);
  const ask = (address: string): boolean => {
    template.render({ address });
    return isHit;
  };
  return { sweeper, ask };
}
