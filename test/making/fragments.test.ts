import { lazy } from 'nunjucks-cachesweeper';
import { describe, expect, test, vi } from 'vitest';
import { Article } from '../support/models.ts';
import { SETTLED } from '../waiting/support.ts';
import { finished, kinds, loadingSites, PAGE } from './loading-site.ts';

const siteOf = loadingSites();

describe.each(Object.entries(kinds))('%s', (_kind, options) => {
  test('twenty visitors who miss the same fragment at once cost one load, cold and after a bump', async () => {
    const site = siteOf(PAGE, options());
    for (let round = 1; round <= 3; round++) {
      const pages = site.visits(20);
      await site.until(round);
      await site.settled();
      expect(site.waiting).toBe(19);
      site.loads[round - 1]?.open([1, 2]);
      expect(new Set(await Promise.all(pages))).toEqual(new Set(['en12']));
      expect(site.started).toBe(round);
      await site.sweeper.idle();
      site.clock.advance(SETTLED);
      await site.sweeper.invalidateCacheFor(new Article(1));
    }
    expect(site.outcomesOfAll.filter((outcome) => outcome === 'miss')).toHaveLength(3);
    expect(site.outcomesOfAll.filter((outcome) => outcome === 'hit')).toHaveLength(57);
    expect(site.sweeper.stats().making.coalesced).toBe(57);
  });

  test('two variants cost two loads, and once it is known what they differ in nobody waits for the other', async () => {
    const site = siteOf(PAGE, options());
    const pages = [...site.visits(10, { lang: 'en' }), ...site.visits(10, { lang: 'de' })];
    await site.until(1);
    await site.settled();
    site.loads[0]?.open([1]);
    await site.until(2);
    await site.settled();
    expect(site.waiting).toBe(9);
    site.loads[1]?.open([1]);
    const html = await Promise.all(pages);
    expect(html).toEqual([...Array(10).fill('en1'), ...Array(10).fill('de1')]);
    // Whoever waited for the other variant is not counted for that.
    expect(site.sweeper.stats().making.coalesced).toBe(18);
    expect(site.started).toBe(2);

    await site.sweeper.idle();
    site.clock.advance(SETTLED);
    await site.sweeper.invalidateCacheFor(new Article(1));
    const again = [...site.visits(10, { lang: 'en' }), ...site.visits(10, { lang: 'de' })];
    // Both begin at once.
    await site.until(4);
    await site.settled();
    expect(site.waiting).toBe(18);
    for (const load of site.loads.slice(2)) load.open([2]);
    expect(await Promise.all(again)).toEqual([...Array(10).fill('en2'), ...Array(10).fill('de2')]);
    expect(site.started).toBe(4);
  });

  test('who comes after a bump does not wait for what began before it', async () => {
    const site = siteOf(PAGE, options());
    const before = site.visits(3);
    await site.until(1);
    await site.settled();
    await site.sweeper.invalidateCacheFor(new Article(1));
    const after = site.visits(3);
    await site.until(2);
    await site.settled();
    site.loads[0]?.open([1]);
    site.loads[1]?.open([2]);
    expect(await Promise.all(after)).toEqual(['en2', 'en2', 'en2']);
    for (const html of await finished(site, [2], before)) expect(['en1', 'en2']).toContain(html);
    expect(site.started).toBeLessThanOrEqual(4);
  });

  test('what was loaded before a bump is shown to nobody after it, though it is rendered then', async () => {
    const site = siteOf(PAGE, options());
    const before = site.visit();
    await site.until(1);
    await site.sweeper.invalidateCacheFor(new Article(1));
    site.loads[0]?.open([1]);
    expect(await before).toBe('en1');
    await site.sweeper.idle();
    const after = site.visit();
    await site.until(2);
    site.loads[1]?.open([2]);
    expect(await after).toBe('en2');
  });

  test('what a transaction changes while its page loads is not kept', async () => {
    const site = siteOf(PAGE, options());
    const rolledBack = site.sweeper.transaction(async (transaction) => {
      const page = site.visit();
      await site.until(1);
      transaction.invalidateCacheFor(new Article(1));
      site.loads[0]?.open([1]);
      expect(await page).toBe('en1');
      throw new Error('rolled back');
    });
    await expect(rolledBack).rejects.toThrow('rolled back');
    const after = site.visit();
    await site.until(2);
    site.loads[1]?.open([2]);
    expect(await after).toBe('en2');
  });

  test('a load that fails fails one page: the first that waits loads again, the others go on waiting', async () => {
    const site = siteOf(PAGE, options());
    const pages = site.visits(5).map((page) => page.catch((error: Error) => error.message));
    await site.until(1);
    await site.settled();
    site.loads[0]?.fail(new Error('no database'));
    await site.until(2);
    await site.settled();
    expect(site.waiting).toBe(3);
    site.loads[1]?.open([1]);
    const html = await Promise.all(pages);
    expect(html.filter((text) => text.includes('no database'))).toHaveLength(1);
    expect(html.filter((text) => text === 'en1')).toHaveLength(4);
    expect(site.started).toBe(2);
  });

  test('what cannot be kept is made by all of them at once, and for five seconds nobody waits for it', async () => {
    const site = siteOf(
      '{% cachesweeper article 500 %}{% for row in rows() %}{{ lang }}{{ row }}{% endfor %}{% endcachesweeper %}',
      options(),
    );
    const unseen = {
      lang: {
        toString: () => 'xx',
        connection: new (class {
          #secret = 1;
          get own() {
            return this.#secret;
          }
        })(),
      },
    };
    for (const [round, waiting] of [3, 0, 3].entries()) {
      const pages = site.visits(4, unseen);
      await site.until(round * 4 + 1);
      await site.settled();
      expect([round, site.waiting]).toEqual([round, waiting]);
      site.loads[round * 4]?.open([1]);
      await site.until(round * 4 + 4);
      for (const load of site.loads) load.open([1]);
      expect(new Set(await Promise.all(pages))).toEqual(new Set(['xx1']));
      if (round === 1) site.clock.advance(5_001);
    }
    expect(new Set(site.outcomesOfAll)).toEqual(new Set(['unseen']));
  });

  test('inside a transaction nobody waits: its page may hold the connection that the other needs', async () => {
    const site = siteOf(PAGE, options());
    const outside = site.visit();
    await site.until(1);
    const inside = site.sweeper.transaction(() => site.visit());
    await site.until(2);
    await site.settled();
    expect(site.waiting).toBe(0);
    site.loads[1]?.open([1]);
    await inside;
    site.loads[0]?.open([1]);
    await outside;
  });

  test('with wait: "0s" each page loads its own', async () => {
    const site = siteOf(PAGE, { ...options(), wait: '0s' });
    const pages = site.visits(4);
    await site.until(4);
    for (const load of site.loads) load.open([1]);
    expect(await Promise.all(pages)).toEqual(Array(4).fill('en1'));
  });

  test('fragments inside of one that is made are waited for as one', async () => {
    const site = siteOf(
      {
        'page.njk': '{% cachesweeper article 500 %}{% include "rows.njk" %}{{ ran() }}{% endcachesweeper %}',
        'rows.njk': '{% cachesweeper other 500 %}{{ rows() | join }}{% endcachesweeper %}',
      },
      options(),
    );
    let ran = 0;
    site.env.addGlobal('ran', () => {
      ran++;
      return '';
    });
    const pages = site.visits(10, { other: new Article(2) });
    await site.until(1);
    await site.settled();
    site.loads[0]?.open([1]);
    expect(await Promise.all(pages)).toEqual(Array(10).fill('1'));
    expect(site.started).toBe(1);
    const byAll = ran;
    site.clock.advance(SETTLED);
    await site.sweeper.invalidateAll();
    const alone = site.visit({ other: new Article(2) });
    await site.until(2);
    site.loads[1]?.open([1]);
    await alone;
    // Its maker has rendered the outer body in as many passes as a page alone needs, each other page once at most, before it was known
    // that what is inside loads.
    expect(byAll).toBeLessThanOrEqual(ran - byAll + 1 + 9);
  });
});

describe('a maker that takes longer than the option wait', () => {
  test('is followed by the first who waits; the others wait for that one, and nobody longer than that', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const site = siteOf(PAGE, { wait: '1s' });
    const slow = site.visit();
    await site.settled();
    vi.advanceTimersByTime(600);
    const first = site.visit();
    await site.settled();
    const second = site.visit();
    await site.settled();
    expect([site.started, site.waiting]).toEqual([1, 2]);
    vi.advanceTimersByTime(400);
    await site.settled();
    expect([site.started, site.waiting]).toEqual([2, 1]);
    vi.advanceTimersByTime(600);
    await site.settled();
    // Its second is over.
    expect([site.started, site.waiting]).toEqual([3, 0]);
    for (const load of site.loads) load.open([1]);
    expect(await Promise.all([slow, first, second])).toEqual(['en1', 'en1', 'en1']);
  });

  test('serves those who wait all the same when it is done before the one that follows it', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const site = siteOf(PAGE, { wait: '1s' });
    const slow = site.visit();
    await site.settled();
    vi.advanceTimersByTime(900);
    const others = site.visits(2);
    await site.settled();
    vi.advanceTimersByTime(100);
    await site.settled();
    expect([site.started, site.waiting]).toEqual([2, 1]);
    site.loads[0]?.open([1]);
    expect(await Promise.all([slow, others[1]])).toEqual(['en1', 'en1']);
    site.loads[1]?.open([1]);
    await others[0];
  });
});

test('what an earlier fragment of the page waits for does not keep another page from going on', async () => {
  const template = (names: readonly string[]) =>
    names.map((name) => `{% cachesweeper ${name} 500 %}{{ load("${name}") }}{% endcachesweeper %}`).join('');
  const site = siteOf({ 'ab.njk': template(['a', 'b']), 'ba.njk': template(['b', 'a']) }, { wait: '60s' });
  const load = lazy(async (name: string) => {
    await new Promise((resolve) => setTimeout(resolve, 1));
    return name;
  });
  const context = { a: new Article(1), b: new Article(2), load };
  const pages = Array.from({ length: 10 }, (_, i) =>
    site.sweeper.render(site.env, i % 2 === 0 ? 'ab.njk' : 'ba.njk', context),
  );
  expect(await Promise.all(pages)).toEqual(Array.from({ length: 10 }, (_, i) => (i % 2 === 0 ? 'ab' : 'ba')));
});

test('a lazy outside of fragments is called by each page', async () => {
  const site = siteOf('{{ rows() | join }}');
  const pages = site.visits(3);
  await site.until(3);
  for (const load of site.loads) load.open([1]);
  expect(await Promise.all(pages)).toEqual(['1', '1', '1']);
});
