import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { MemcachedStore } from 'nunjucks-cachesweeper/memcached';
import { expect, test } from 'vitest';
import { Memcached } from '../support/memcached.ts';
import { sized } from '../support/long.ts';
import { runSite } from './site-processes.ts';

/** What goes wrong with the Memcached while pages are rendered, again and again. */
const troubles: Record<string, { options?: string[]; losesTokens: boolean; make: (server: Memcached) => Promise<void> }> = {
  'nothing goes wrong': { losesTokens: false, make: () => sleep(100) },
  'it is paused': {
    losesTokens: false,
    make: async (server) => {
      server.signal('SIGSTOP');
      await sleep(50 + Math.random() * 400);
      server.signal('SIGCONT');
      await sleep(300 + Math.random() * 300);
    },
  },
  'it is killed and started again': {
    losesTokens: true,
    make: async (server) => {
      await server.kill();
      await sleep(Math.random() * 100);
      await server.start();
      await sleep(500 + Math.random() * 500);
    },
  },
  'it has too little memory': {
    options: ['-m', '2', '-I', '64k'],
    losesTokens: true,
    make: async (server) => {
      const store = new MemcachedStore(server.address);
      // As large as tokens, so that tokens have to go.
      const item = () => ({ key: `filler:${randomBytes(9).toString('hex')}`, value: randomBytes(70), ttl: 0 });
      for (let i = 0; i < 20; i++) await store.setMany('token', Array.from({ length: 1_000 }, item), { timeout: 1_000 });
      await store.close();
      await sleep(100);
    },
  },
  'it is flushed': {
    losesTokens: true,
    make: async (server) => {
      await server.command('flush_all');
      await sleep(100 + Math.random() * 300);
    },
  },
};

test.each(Object.entries(troubles))(
  'four processes render while two save, and %s: no page is older than promised',
  async (what, { options = [], losesTokens, make }) => {
    const server = await Memcached.start(...options);
    const started = performance.now();
    const { violations, counts, counted, renders, saves } = await runSite(
      server.address,
      { renders: sized(500, 20_000), maxDataAge: 1_000 },
      () => make(server),
    );
    console.log(what, Math.round(performance.now() - started), JSON.stringify({ renders, saves, counts, counted }));
    expect(violations.slice(0, 10)).toEqual([]);
    void losesTokens;
  },
  sized(60_000, 1_800_000),
);
