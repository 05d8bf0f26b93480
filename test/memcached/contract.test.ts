import { MemcachedStore } from 'nunjucks-cachesweeper/memcached';
import { storeContract } from 'nunjucks-cachesweeper/testing';
import { beforeAll, describe, test } from 'vitest';
import { Memcached } from '../support/memcached.ts';

describe('MemcachedStore keeps the contract of stores', () => {
  let servers: string;
  beforeAll(async () => {
    const started = await Promise.all([Memcached.start(), Memcached.start(), Memcached.start()]);
    servers = started.map(({ address }) => address).join();
  });

  const contract = storeContract({ create: () => new MemcachedStore(servers) });
  test.each(contract.map((one) => [one.title, one] as const))('%s', (_title, { run }) => run());
});
