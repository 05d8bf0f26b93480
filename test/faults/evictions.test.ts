import { once } from 'node:events';
import { connect } from 'node:net';
import type { Added, Kind, StoreCall, StoreItem } from 'nunjucks-cachesweeper';
import { MemcachedStore } from 'nunjucks-cachesweeper/memcached';
import { expect, test } from 'vitest';
import { Memcached } from '../support/memcached.ts';
import { showFigures } from './figures.ts';
import { until } from './measures.ts';
import { MARGIN, Site } from './site.ts';
import { Traffic } from './traffic.ts';

const WRITES = 500_000;
const AT_ONCE = 5_000;

/** Counts the tokens that were not there. */
class CountingStore extends MemcachedStore {
  minted = 0;

  override async addMany(kind: Kind, items: readonly StoreItem[], call: StoreCall): Promise<readonly Added[]> {
    const answers = await super.addMany(kind, items, call);
    if (kind === 'token') this.minted += answers.filter((answer) => answer === 'added').length;
    return answers;
  }
}

/** Writes keys that nobody reads, of many sizes, as fast as the server takes them. */
async function flood(server: Memcached): Promise<void> {
  const socket = connect(server.port, '127.0.0.1');
  const values = Array.from({ length: 50 }, (_, i) => 'x'.repeat(10 + i * 20));
  for (let written = 0; written < WRITES; written += AT_ONCE) {
    const lines = Array.from({ length: AT_ONCE }, (_, i) => {
      const value = values[i % values.length] as string;
      return `set flood${written + i} 0 0 ${value.length} noreply\r\n${value}\r\n`;
    });
    socket.write(`${lines.join('')}version\r\n`);
    // It has taken these; pages have their turn between them.
    await once(socket, 'data');
  }
  socket.destroy();
}

test(`${WRITES} writes push everything out of 2 MB while pages are rendered and invalidated: nothing old is served`, async () => {
  const server = await Memcached.start('-m', '2');
  const stores: CountingStore[] = [];
  const site = new Site(() => (stores[stores.length] = new CountingStore(server.address)), {
    sizes: [100, 300],
    articles: 150,
    comments: 1,
  });
  const minted = () => stores.reduce((sum, store) => sum + store.minted, 0);
  await site.allPages();
  const traffic = new Traffic(site, { pagesPerSave: 20, read: 50 });
  const before = await site.measures.normalService().then(() => site.measures.hitRatio);
  const mintedBefore = minted();
  const started = performance.now();
  await flood(server);
  const took = performance.now() - started;
  await until('rows to be saved', () => traffic.acknowledged > 10);
  traffic.stopSaving();
  // Pages that nobody rendered during the flood are made once more: how soon depends on the machine.
  const back = await site.measures.normalService();
  await traffic.stop();
  // What nobody read meanwhile went first, the tokens as well.
  await site.allPages();
  const tokensLost = minted() - mintedBefore;
  const evictions = await server.stat('evictions');
  showFigures(`${evictions} evictions in ${took.toFixed()} ms`, site, { before, back, tokensLost });

  expect(site.faults).toEqual([]);
  expect(evictions).toBeGreaterThan(WRITES / 5);
  // The run was worth something: tokens were lost, while rows were saved.
  expect(tokensLost).toBeGreaterThan(50);
  expect(traffic.lost).toBe(0);
  expect(site.measures.latestPage).toBeLessThan(MARGIN);
  expect(site.reported).toEqual({});
}, 60_000);
