import { describe, expect, test } from 'vitest';
import { everyday, type RestartableServer, serverKinds, storeAt } from '../support/store-servers.ts';
import { Clock, failureOf, SETTLED, Site } from '../waiting/support.ts';

const comment = (id: number, text: string) => ({ comment: { type: 'Comment', id }, text });
const templates = { 'page.njk': '{% cachesweeper comment 0 except="text" %}{{ text }}{% endcachesweeper %}' };

/** How a server fails, and how it comes back. */
const faults = {
  'is killed and started again': {
    fail: (server: RestartableServer) => server.kill(),
    comeBack: (server: RestartableServer) => server.start(),
  },
  'stands still and goes on': {
    fail: async (server: RestartableServer) => server.stop(),
    comeBack: async (server: RestartableServer) => server.continue(),
  },
};

const cases = everyday(serverKinds).flatMap((kind) =>
  Object.entries(faults).map(([title, fault]) => ({ title: `a ${kind.name} that ${title}`, kind, ...fault })),
);

describe.each(cases)('$title, with the option outage', ({ kind, fail, comeBack }) => {
  /** A site with two comments in memory, whose tokens it read just before the Memcached failed. */
  async function failed() {
    const server = await kind.start();
    const clock = new Clock();
    const site = new Site(templates, {
      store: storeAt(server),
      now: clock.now,
      timeout: '250ms',
      outage: '30s',
    });
    const show = async (id: number, text: string) => {
      const html = await site.sweeper.render(site.env, 'page.njk', comment(id, text));
      return `${html}: ${site.outcomes}`;
    };
    // Until the store is open, nothing is known.
    await expect.poll(() => show(1, 'old'), { timeout: 10_000 }).not.toContain('unknown token');
    for (let i = 0; i < 3; i++) {
      for (const id of [1, 2]) await site.page(comment(id, 'old'));
      clock.advance(SETTLED);
    }
    for (const id of [1, 2]) expect(await show(id, 'new')).toBe('old: hit');
    await fail(server);
    return { server, clock, site, show };
  }

  test('pages show what they showed before, and never what this process has bumped meanwhile', async () => {
    const { server, clock, site, show } = await failed();
    for (const id of [1, 2]) expect(await show(id, 'new')).toBe('old: outage');
    clock.advance(29_000);
    const { code } = await failureOf(site.sweeper.invalidateCacheFor({ type: 'Comment', id: 1 }));
    expect(code).toBe('CACHESWEEPER_BUMP_FAILED');
    expect(await show(1, 'new')).toBe('new: unknown token');
    expect(await show(2, 'new')).toBe('old: outage');
    clock.advance(1_001);
    expect(await show(2, 'new')).toBe('new: unknown token');
    await comeBack(server);
    // The lost bump is delivered.
    await site.sweeper.idle();
    expect(site.sweeper.stats().bumpsWaiting).toBe(0);
    await expect.poll(() => show(1, 'newer'), { timeout: 10_000 }).not.toContain('unknown token');
    expect(await show(1, 'newest')).not.toMatch(/^(old|new):/);
    await site.sweeper.close();
  });

  test('what it bumped before is not shown either', async () => {
    const { server, site, show } = await failed();
    await comeBack(server);
    await expect.poll(() => show(1, 'x').then(() => site.outcomes), { timeout: 10_000 }).not.toEqual(['outage']);
    await site.sweeper.invalidateCacheFor({ type: 'Comment', id: 1 });
    await fail(server);
    expect(await show(1, 'new')).toBe('new: unknown token');
    await comeBack(server);
    await site.sweeper.close();
  });
});
