import { RedisStore } from 'nunjucks-cachesweeper/redis';
import { storeContract } from 'nunjucks-cachesweeper/testing';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { Redis } from '../support/redis.ts';
import { CLIENTS, type Open } from './clients.ts';

describe.each(Object.entries<Open>(CLIENTS))('RedisStore on %s keeps the contract of stores', (_name, open) => {
  let server: Redis;
  const opened: ReturnType<Open>[] = [];
  beforeAll(async () => {
    server = await Redis.start('--enable-debug-command', 'yes');
    // Each store of a case has a client of its own; all cases share them.
    opened.push(open(server.port), open(server.port));
  });
  afterAll(() => Promise.all(opened.map(({ end }) => end())));

  let next = 0;
  const contract = storeContract({ create: () => new RedisStore(opened[next++ % 2]!.client), largestValue: 2_000_000 });
  test.each(contract.map((one) => [one.title, one] as const))('%s', (_title, { run }) => run());
});
