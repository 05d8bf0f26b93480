import { MemcachedStore } from 'nunjucks-cachesweeper/memcached';
import { beforeAll, describe, expect, test } from 'vitest';
import { Blog } from '../frameworks/blog.ts';
import { Memcached } from '../support/memcached.ts';
import { Clock } from '../waiting/support.ts';
import { articleRoute, sites } from './running.ts';
import { frameworks } from './sites.ts';

let server: Memcached;
beforeAll(async () => {
  server = await Memcached.start();
});

describe.each(frameworks)('%s: views on a real Memcached', (name, start) => {
  const running = sites(start, () => ({ store: new MemcachedStore(server.address), namespace: name, memory: false }));

  test('cold, warm and bumped, in two processes', async () => {
    const blog = new Blog();
    const { route, ran } = articleRoute(blog);
    const clock = new Clock();
    const options = { now: clock.now, maxDataAge: '3s' };
    const here = await running([route], {}, options);
    const there = await running([route], {}, options);
    const ask = (site: typeof here) => site.get('/articles/7', { Host: 'site.example' });
    // The first answer makes its tokens: it is kept once they are older than any data.
    await ask(here);
    clock.advance(10_000);
    const cold = await ask(here);
    expect(cold).toMatchObject({ status: 200, text: expect.stringContaining('Comment 1 on 7') });
    for (const site of [here, there]) {
      expect(await ask(site)).toMatchObject({ cache: 'hit', text: cold.text, headers: { etag: cold.headers.etag } });
    }
    const comment = blog.known(7).comments[0]!;
    for (const [bumped, other] of [
      [here, there],
      [there, here],
    ] as const) {
      comment.text = `Edited ${ran.length}`;
      await bumped.sweeper.invalidateCacheFor(comment);
      for (const site of [other, bumped]) expect((await ask(site)).text).toContain(comment.text);
      clock.advance(10_000);
      await ask(other);
      expect(await ask(bumped)).toMatchObject({ cache: 'hit', text: expect.stringContaining(comment.text) });
      await bumped.sweeper.expireView('/articles/7');
      expect((await ask(other)).cache).toBe('miss');
    }
  });
});
