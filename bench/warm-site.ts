import { CacheSweeper, type CacheSweeperOptions, type Store } from 'nunjucks-cachesweeper';
import { MemcachedStore } from 'nunjucks-cachesweeper/memcached';
import { HOST } from './memcached.ts';
import { comments, contextOf, environment, sent } from './page.ts';
import type { Made } from './scenario.ts';

/**
 * A page on Memcached, rendered so often and so long ago that everything is cached for good. The floor is told what one
 * warm page asks the server for.
 */
export async function warmSite(port: number, options: CacheSweeperOptions = {}): Promise<Made> {
  const asked = { token: [] as string[], entry: [] as string[] };
  let isRecording = false;
  const client = new MemcachedStore(`${HOST}:${port}`);
  const store: Store = {
    getMany: (kind, keys, call) => {
      if (isRecording) asked[kind].push(...keys.map((key) => `${kind[0]}:${key}`));
      return client.getMany(kind, keys, call);
    },
    setMany: (kind, items, call) => client.setMany(kind, items, call),
    addMany: (kind, items, call) => client.addMany(kind, items, call),
    close: () => client.close(),
  };
  let passed = 0;
  const sweeper = new CacheSweeper({
    store,
    namespace: `site${process.pid}`,
    now: () => Date.now() + passed,
    timeout: '5s',
    ...options,
  });
  const env = sweeper.install(environment('cached'));
  const context = contextOf(comments);
  const page = async () => sent(await sweeper.render(env, 'page.njk', context));
  for (let i = 0; i < 4; i++) {
    await page();
    await sweeper.idle();
    // Longer than maxDataAge: what is rendered from now on is stored for good.
    passed += 10_000;
  }
  isRecording = true;
  await page();
  isRecording = false;
  return { side: page, told: { tokenKeys: asked.token, entryKeys: asked.entry } };
}
