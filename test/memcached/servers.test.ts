import fc from 'fast-check';
import { MemcachedStore } from 'nunjucks-cachesweeper/memcached';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { runs } from '../support/long.ts';
import { Memcached } from '../support/memcached.ts';
import { Pages } from './pages.ts';
import { CALL, item, opener } from './support.ts';

const open = opener();

function process(servers: readonly Memcached[], namespace = '', rows?: Pages): Pages {
  const store = new MemcachedStore({ servers: servers.map(({ address }) => address) });
  return new Pages(store, { namespace }, rows);
}

describe('four servers, three, and four again', () => {
  let servers: Memcached[];
  beforeAll(async () => {
    servers = await Promise.all(Array.from({ length: 4 }, () => Memcached.start()));
  });

  test('with processes that disagree for a while nothing old is shown', { timeout: 600_000 }, async () => {
    let site = 0;
    let hits = 0;
    const step = fc.record({
      process: fc.nat(1),
      act: fc.oneof(
        fc.constant('render' as const),
        fc.constant('deploy' as const),
        fc.nat(7).map((edit) => ({ edit })),
      ),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 5, maxLength: 25 }),
        fc.integer({ min: 1, max: 3 }),
        async (steps, gone) => {
          const namespace = `site${site++}`;
          const lists = [servers, servers.toSpliced(gone, 1)];
          const first = process(servers, namespace);
          const processes = [
            { list: 0, pages: first },
            { list: 0, pages: process(servers, namespace, first) },
          ];
          for (const { process: which, act } of steps) {
            const at = processes[which]!;
            if (act === 'deploy') {
              // A new process, with the other list.
              at.list = 1 - at.list;
              await at.pages.close();
              at.pages = process(lists[at.list]!, namespace, first);
            } else if (act === 'render') {
              hits += await at.pages.render();
              await at.pages.site.sweeper.idle();
            } else {
              expect(await at.pages.edit(act.edit)).toBe(true);
            }
          }
          for (const { pages } of processes) {
            await pages.render();
            await pages.close();
          }
        },
      ),
      runs(25, 2_000, 60),
    );
    expect(hits).toBeGreaterThan(10);
  });

  test('a quarter of the entries have to be rendered again, the others are found', async () => {
    const four = servers.map(({ address }) => address);
    const items = Array.from({ length: 2_000 }, (_, i) => item(`moving:${i}`, 'x'));
    const keys = items.map(({ key }) => key);
    await open({ servers: four }).store.setMany('entry', items, CALL);
    const found = async (list: string[]) =>
      (await open({ servers: list }).store.getMany('entry', keys, CALL)).filter(({ state }) => state === 'found')
        .length;
    const share = (await found(four.slice(0, 3))) / items.length;
    expect(share).toBeGreaterThan(0.7);
    expect(share).toBeLessThan(0.8);
    expect(await found(four.toReversed())).toBe(items.length);
  });
});

describe('one server that is gone', () => {
  test('costs its own entries, and only as long as it is gone', async () => {
    const servers = await Promise.all(Array.from({ length: 3 }, () => Memcached.start()));
    const addresses = servers.map(({ address }) => address);
    const { store, errors } = open({ servers: addresses });
    const items = Array.from({ length: 300 }, (_, i) => item(`entry:${i}`, String(i)));
    const keys = items.map(({ key }) => key);
    expect((await store.setMany('entry', items, CALL)).every(Boolean)).toBe(true);
    await servers[1]!.kill();
    const answers = await store.getMany('entry', keys, { timeout: 1_000 });
    const unknown = answers.filter(({ state }) => state === 'unknown').length;
    expect(answers.filter(({ state }) => state === 'found').length).toBe(300 - unknown);
    expect(unknown).toBeGreaterThan(60);
    expect(unknown).toBeLessThan(140);
    expect(await store.setMany('token', [item('token', 'x')], CALL)).toEqual([true]);
    // Told once.
    await store.getMany('entry', keys, { timeout: 1_000 });
    expect(errors.map(({ message }) => message)).toEqual([
      expect.stringContaining(`Memcached ${addresses[1]} cannot be used`),
    ]);
    expect(store.stats().servers[addresses[1]!]).toMatchObject({ state: 'failed' });
    expect(store.stats().servers[addresses[1]!]?.refused).toBeGreaterThan(60);
    expect(store.stats().servers[addresses[2]!]).toMatchObject({ state: 'ready', failures: 0, refused: 0 });

    await servers[1]!.start();
    await expect
      .poll(async () => (await store.getMany('entry', keys, CALL)).some(({ state }) => state === 'unknown'), {
        timeout: 5_000,
      })
      .toBe(false);
  });

  test('and holds entries: pages are right and in time, and bumps are acknowledged', async () => {
    const servers = await Promise.all(Array.from({ length: 3 }, () => Memcached.start()));
    const pages = process(servers);
    onTestFinished(() => pages.close());
    await pages.inService();
    await servers[2]!.kill();
    await pages.render(3);
    expect(await pages.edit(2)).toBe(true);
    await pages.render(3);
    await servers[2]!.start();
    await pages.inService();
  });

  test('and holds the tokens: pages are rendered uncached, nothing old is shown, and bumps are heard to fail', async () => {
    const servers = await Promise.all(Array.from({ length: 3 }, () => Memcached.start()));
    const pages = process(servers);
    onTestFinished(() => pages.close());
    const other = process(servers, '', pages);
    onTestFinished(() => other.close());
    await pages.inService();
    await other.inService();
    await servers[0]!.kill();
    expect(await pages.edit(2)).toBe(false);
    for (const each of [pages, other]) {
      expect(await each.render(3)).toBe(0);
      expect(await each.render()).toBe(0);
      expect(new Set(each.site.outcomes)).toEqual(new Set(['unknown token']));
    }
    await servers[0]!.start();
    await pages.inService();
    await other.inService();
    await pages.site.sweeper.idle();
    expect(await other.edit(2)).toBe(true);
    await pages.render();
    await other.render();
  });
});
