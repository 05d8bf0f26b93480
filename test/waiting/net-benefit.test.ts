import { describe, expect, test } from 'vitest';
import { Article } from '../support/models.ts';
import { Site, siteWithStore } from './support.ts';

const article = new Article(1, 'A');

/** Busy for so many milliseconds, as an expensive body is. */
function busy(milliseconds: number): string {
  const until = performance.now() + milliseconds;
  while (performance.now() < until);
  return '';
}

const templates = {
  'page.njk': '{% include "cheap.njk" %}\n{% cachesweeper article 0 "dear" %}{{ busy(50) }}{% endcachesweeper %}',
  'cheap.njk': '\n{% cachesweeper article 0 "cheap" %}x{% endcachesweeper %}',
};
const at = (template: string, line: number) => expect.objectContaining({ template, line });

describe('the net benefit of a fragment', () => {
  test('is what its hits saved less what looking for it took, in stats() and in each report', async () => {
    const site = new Site(templates);
    for (let i = 0; i < 3; i++) await site.page({ article, busy });
    const { tags } = site.sweeper.stats();
    for (const tag of tags) {
      expect(tag.timeLooking).toBeGreaterThan(0);
      expect(tag.netBenefit).toBe(tag.timeSaved - tag.timeLooking);
    }
    const dear = tags.find(({ template }) => template === 'page.njk');
    expect(dear?.timeSaved).toBeGreaterThanOrEqual(50);
    for (const { cost, lookup, netBenefit } of site.report.fragments) expect(netBenefit).toBe(cost - lookup);
    // On a miss nothing was saved.
    for (const { lookup, netBenefit } of site.reports[0]?.fragments ?? []) expect(netBenefit).toBe(-lookup);
  });

  test('in renders that are not timed a lookup takes what its tag took on average', async () => {
    const site = new Site(templates);
    for (let i = 0; i < 20; i++) await site.page({ article, busy });
    const lookups = site.reports.map(({ fragments }) => fragments[0]?.lookup);
    expect(lookups.every((lookup) => lookup !== undefined && lookup > 0)).toBe(true);
    // One of 16 is timed: the others repeat the average.
    expect(new Set(lookups.slice(0, 16)).size).toBe(1);
    expect(new Set(lookups).size).toBeGreaterThan(1);
  });

  test('waiting for the store is shared out by what bodies cost: a cheap one is not blamed for what others are worth', async () => {
    const { site, store } = siteWithStore(templates);
    store.script = ({ method }) => (method === 'getMany' ? { delay: 5 } : undefined);
    for (let i = 0; i < 3; i++) await site.page({ article, busy });
    // Less than the delay: the page is run while it waits.
    const { waited, fragments } = site.report;
    expect(waited).toBeGreaterThan(0);
    const costs = fragments.reduce((sum, { cost }) => sum + cost, 0);
    for (const { cost, lookup, netBenefit } of fragments) {
      expect(lookup).toBeGreaterThanOrEqual((waited * cost) / costs);
      expect(netBenefit).toBe(cost - lookup);
    }
    expect(fragments.find(({ template }) => template === 'cheap.njk')?.lookup).toBeLessThan(waited / 2);
  });

  test('where all bodies of a page together are cheaper than waiting for the store, each is not worth caching, and is named', async () => {
    // A machine that stands still while it renders a cheap body makes that dear. It does not do so each time.
    let { site, store } = siteWithStore(templates);
    for (let tries = 0; tries < 5; tries++) {
      await site.page({ article, busy: () => '' });
      if (site.report.fragments.every(({ cost }) => cost < 1)) break;
      ({ site, store } = siteWithStore(templates));
    }
    store.script = ({ method }) => (method === 'getMany' ? { delay: 20 } : undefined);
    for (let i = 1; i < 100; i++) await site.page({ article, busy: () => '' });
    const named = site.sweeper.stats().notWorthCaching;
    expect(named).toHaveLength(2);
    expect(named).toEqual(expect.arrayContaining([at('cheap.njk', 2), at('page.njk', 2)]));
  });

  test('what is not cached looks for nothing, and is not waited for', async () => {
    const { site, store } = siteWithStore({
      'page.njk':
        '{% cachesweeper article 0 "on" %}{{ busy(2) }}{% endcachesweeper %}\n{% cachesweeper article 0 "off" when=false %}{{ busy(2) }}{% endcachesweeper %}',
    });
    store.script = ({ method }) => (method === 'getMany' ? { delay: 5 } : undefined);
    for (let i = 0; i < 3; i++) await site.page({ article, busy });
    const [on, off] = site.report.fragments;
    expect(site.report.waited).toBeGreaterThan(0);
    expect(on?.lookup).toBeGreaterThanOrEqual(site.report.waited);
    expect(off).toMatchObject({ outcome: 'uncached', reason: 'when', lookup: 0 });
  });

  test('a tag used a few times only is not judged', async () => {
    const { site, store } = siteWithStore(templates);
    store.script = ({ method }) => (method === 'getMany' ? { delay: 5 } : undefined);
    for (let i = 0; i < 3; i++) await site.page({ article, busy: () => '' });
    expect(site.sweeper.stats().notWorthCaching).toEqual([]);
  });
});
