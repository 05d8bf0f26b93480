import { setTimeout as sleep } from 'node:timers/promises';
import { MemcachedStore } from 'nunjucks-cachesweeper/memcached';
import { expect, test } from 'vitest';
import { Memcached } from '../support/memcached.ts';

test('what lives for a second is there for a second, whenever the second of the server ends', async () => {
  const server = await Memcached.start();
  const store = new MemcachedStore(server.address);
  const call = { timeout: 2_000 };
  const answers: string[] = [];
  const look = async (key: string): Promise<void> => {
    const started = performance.now();
    await store.setMany('entry', [{ key, value: Buffer.from('value'), ttl: 1 }], call);
    await sleep(200);
    const [answer] = await store.getMany('entry', [key], call);
    // Where the machine is slow, its time may be over.
    if (performance.now() - started < 900) answers.push(answer?.state ?? 'none');
  };
  // Some of these begin just before the server's clock ticks.
  const looks: Promise<void>[] = [];
  for (let i = 0; i < 30; i++) {
    looks.push(look(`key${i}`));
    await sleep(50);
  }
  await Promise.all(looks);
  expect(answers.filter((state) => state !== 'found')).toEqual([]);
  await store.close();
});
