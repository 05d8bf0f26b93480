import { once } from 'node:events';
import { connect } from 'node:net';
import type { Added, Kind, Lookup, Store, StoreCall, StoreItem } from 'nunjucks-cachesweeper';
import { expect, test } from 'vitest';
import { isDeep } from '../support/long.ts';
import { Memcached } from '../support/memcached.ts';
import { Redis } from '../support/redis.ts';
import { type RestartableServer, storeAt } from '../support/store-servers.ts';
import { showFigures } from './figures.ts';
import { until } from './measures.ts';
import { MARGIN, Site } from './site.ts';
import { Traffic } from './traffic.ts';

const WRITES = 500_000;
const AT_ONCE = 5_000;

/** Counts the tokens that were not there. */
class CountingStore implements Store {
  minted = 0;
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  getMany(kind: Kind, keys: readonly string[], call: StoreCall): Promise<readonly Lookup[]> {
    return this.#store.getMany(kind, keys, call);
  }

  setMany(kind: Kind, items: readonly StoreItem[], call: StoreCall): Promise<readonly boolean[]> {
    return this.#store.setMany(kind, items, call);
  }

  async addMany(kind: Kind, items: readonly StoreItem[], call: StoreCall): Promise<readonly Added[]> {
    const answers = await this.#store.addMany(kind, items, call);
    if (kind === 'token') this.minted += answers.filter((answer) => answer === 'added').length;
    return answers;
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}

/** A server with so little memory that it has to evict. */
interface SmallServer {
  readonly name: string;
  start(): Promise<RestartableServer>;
  /** What is sent before writes so that they are not answered, a write, and what is answered behind them. */
  readonly begin: string;
  write(key: string, value: string): string;
  readonly ask: string;
  evictions(server: RestartableServer): Promise<number>;
}

const memcached: SmallServer = {
  name: 'Memcached',
  start: () => Memcached.start('-m', '2'),
  begin: '',
  write: (key, value) => `set ${key} 0 0 ${value.length} noreply\r\n${value}\r\n`,
  ask: 'version\r\n',
  evictions: (server) => (server as Memcached).stat('evictions'),
};

const redis: SmallServer = {
  name: 'Redis',
  start: () => Redis.start('--maxmemory', '3mb', '--maxmemory-policy', 'allkeys-lru'),
  begin: 'CLIENT REPLY OFF\r\n',
  write: (key, value) => `SET ${key} ${value}\r\n`,
  ask: 'CLIENT REPLY ON\r\n',
  evictions: async (server) => Number(/evicted_keys:(\d+)/.exec(await (server as Redis).info('stats'))?.[1]),
};

/** Writes keys that nobody reads, of many sizes, as fast as the server takes them. */
async function flood({ begin, write, ask }: SmallServer, server: RestartableServer): Promise<void> {
  const socket = connect(server.port, '127.0.0.1');
  const values = Array.from({ length: 50 }, (_, i) => 'x'.repeat(10 + i * 20));
  for (let written = 0; written < WRITES; written += AT_ONCE) {
    const lines = Array.from({ length: AT_ONCE }, (_, i) => {
      const value = values[i % values.length] as string;
      return write(`flood${written + i}`, value);
    });
    socket.write(begin + lines.join('') + ask);
    // It has taken these; pages have their turn between them.
    await once(socket, 'data');
  }
  socket.destroy();
}

// Hundreds of thousands of writes take seconds, which CI has; processes.test.ts evicts every day, in small servers.
test.runIf(isDeep).each([memcached, redis])(
  `${WRITES} writes push everything out of $name while pages are rendered and invalidated: nothing old is served`,
  async (small) => {
    const server = await small.start();
    const stores: CountingStore[] = [];
    const site = new Site(() => (stores[stores.length] = new CountingStore(storeAt(server))), {
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
    await flood(small, server);
    const took = performance.now() - started;
    await until('rows to be saved', () => traffic.acknowledged > 10);
    traffic.stopSaving();
    // Pages that nobody rendered during the flood are made once more: how soon depends on the machine.
    const back = await site.measures.normalService();
    await traffic.stop();
    // What nobody read meanwhile went first, the tokens as well.
    await site.allPages();
    const tokensLost = minted() - mintedBefore;
    const evictions = await small.evictions(server);
    showFigures(`${evictions} evictions in ${took.toFixed()} ms`, site, { before, back, tokensLost });

    expect(site.faults).toEqual([]);
    expect(evictions).toBeGreaterThan(WRITES / 5);
    // The run was worth something: tokens were lost, while rows were saved.
    expect(tokensLost).toBeGreaterThan(50);
    expect(traffic.lost).toBe(0);
    expect(site.measures.latestPage).toBeLessThan(MARGIN);
    expect(site.reported).toEqual({});
  },
  60_000,
);
