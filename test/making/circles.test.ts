import fc from 'fast-check';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { expect, test } from 'vitest';
import { runs, sized } from '../support/long.ts';
import { pages, site, write } from './graphs.ts';

test('whatever pages have in common, in whatever order: nobody waits in a circle, and each page is what it would be alone', async () => {
  let coalesced = 0;
  await fc.assert(
    fc.asyncProperty(pages, fc.boolean(), async (all, isTwice) => {
      const templates: Record<string, string> = {};
      const names = all.map((page) => write(page, templates));
      const alone = site(templates, { wait: '0s', memory: false });
      const expected = await Promise.all(names.map((name) => alone.render(name)));
      // Who waits in a circle waits for a minute, and the test fails.
      const together = site(templates, { wait: '60s' });
      const asked = isTwice ? [...names, ...names] : names;
      const html = await Promise.all(asked.map((name) => together.render(name)));
      expect(html).toEqual(isTwice ? [...expected, ...expected] : expected);
      const { making } = together.sweeper.stats();
      expect([making.running, making.waiting]).toEqual([0, 0]);
      coalesced += making.coalesced;
      await Promise.all([alone, together].map(({ sweeper }) => sweeper.close()));
    }),
    runs(8, 10_000, 150),
  );
  expect(coalesced).toBeGreaterThan(sized(15, 10_000, 150));
}, 3_600_000);

test('nor between processes, whoever gets which lease', async () => {
  let waited = 0;
  await fc.assert(
    fc.asyncProperty(pages, async (all) => {
      const templates: Record<string, string> = {};
      const names = all.map((page) => write(page, templates));
      const alone = site(templates, { wait: '0s', memory: false });
      const expected = await Promise.all(names.map((name) => alone.render(name)));
      const store = new TestingStore();
      const slow = () => new TestingStore({ shared: store, script: () => ({ delay: Math.floor(Math.random() * 3) }) });
      const processes = [1, 2, 3].map(() => site(templates, { store: slow(), wait: '60s', timeout: '30s' }));
      // Each process begins with another page.
      const html = await Promise.all(
        processes.map(({ render }, i) =>
          Promise.all(names.map((_name, k) => render(names[(k + i) % names.length] as string))),
        ),
      );
      for (const [i, own] of html.entries()) {
        expect(own).toEqual(expected.map((_text, k) => expected[(k + i) % expected.length]));
      }
      for (const { sweeper } of processes) {
        const { running, waiting, coalesced } = sweeper.stats().making;
        expect([running, waiting]).toEqual([0, 0]);
        waited += coalesced;
      }
      await Promise.all([alone, ...processes].map(({ sweeper }) => sweeper.close()));
    }),
    runs(5, 5_000, 80),
  );
  expect(waited).toBeGreaterThan(0);
}, 3_600_000);

test('a hundred cold pages with five fragments in common and one of their own load hardly more than there are fragments', async () => {
  const templates: Record<string, string> = {};
  const shared = [0, 1, 2, 3, 4];
  for (const i of shared)
    templates[`s${i}.njk`] = `{% cachesweeper m${i} 500 %}{{ load("m${i}") }}{% endcachesweeper %}`;
  const names = Array.from({ length: 100 }, (_, i) => {
    const own = `{% cachesweeper m5 500 ${i} %}{{ load("own${i}") }}{% endcachesweeper %}`;
    // Each in another order.
    const order = [...shared].sort((a, b) => ((a * 7 + i * 3) % 11) - ((b * 7 + i * 3) % 11));
    const parts = order.map((one) => `{% include "s${one}.njk" %}`);
    parts.splice(i % 6, 0, own);
    templates[`p${i}.njk`] = parts.join('');
    return `p${i}.njk`;
  });
  const { render, loads, sweeper } = site(templates, { wait: '60s' });
  await Promise.all(names.map((name) => render(name)));
  expect(loads()).toBeLessThanOrEqual(105 * 1.1);
  await sweeper.close();
});
