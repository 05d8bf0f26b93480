import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { RenderReport } from 'nunjucks-cachesweeper';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { Article, Comment } from '../support/models.ts';
import { fragment, Site } from './site.ts';

const page = { article: new Article(1), comment: new Comment(1), no: false };
const templates = {
  'page.njk': `\n${fragment('article 0', '"outer"', '\n{% include "leaf.njk" %}')}`,
  'leaf.njk': fragment('comment 0', '"leaf"'),
};

const lookup = { lookup: expect.any(Number), netBenefit: expect.any(Number) };

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

/** Messages of a channel while one test runs. */
function listen(name: string): unknown[] {
  const heard: unknown[] = [];
  const listener = (message: unknown) => void heard.push(message);
  subscribe(name, listener);
  cleanups.push(() => void unsubscribe(name, listener));
  return heard;
}

describe('the report of a render', () => {
  test('tells what became of each fragment, inner ones first, by template and line', async () => {
    const site = new Site(templates);
    await site.render(page);
    expect(site.reports).toEqual([
      {
        template: 'page.njk',
        passes: 1,
        roundTrips: 0,
        time: site.now,
        milliseconds: expect.any(Number),
        waited: 0,
        fragments: [
          { template: 'leaf.njk', line: 1, outcome: 'miss', cost: expect.any(Number), reads: ['ran'], ...lookup },
          { template: 'page.njk', line: 2, outcome: 'miss', cost: expect.any(Number), reads: ['ran'], ...lookup },
        ],
      },
    ]);
  });

  test('of a hit names only the outermost: what is in it was not looked at', async () => {
    const site = new Site(templates);
    await site.render(page);
    const stored = site.fragments[1]?.cost;
    await site.render(page);
    expect(site.fragments).toEqual([
      { template: 'page.njk', line: 2, outcome: 'hit', cost: stored, reads: ['ran'], ...lookup },
    ]);
  });

  test('says why a fragment was not stored', async () => {
    const site = new Site(fragment('article 0', '"outer"', fragment('comment 0 when=no', '"inner"')));
    await site.render(page);
    expect(site.fragments).toEqual([
      {
        template: 'page.njk',
        line: 1,
        outcome: 'uncached',
        reason: 'when',
        cost: expect.any(Number),
        reads: [],
        ...lookup,
      },
      {
        template: 'page.njk',
        line: 1,
        outcome: 'uncached',
        reason: 'contains uncached',
        cost: expect.any(Number),
        reads: expect.any(Array),
        ...lookup,
      },
    ]);
  });

  test('comes before the page is delivered, for each render, also without a callback', async () => {
    const site = new Site(templates);
    await site.render(page);
    site.env.render('page.njk', page);
    await site.sweeper.render(site.env, 'page.njk', page);
    site.env.renderString('plain', {});
    expect(site.reports.map(({ template }) => template)).toEqual(['page.njk', 'page.njk', 'page.njk', '(string)']);
  });

  test('does not come for a page that failed', async () => {
    const site = new Site(fragment('missing 0', '"body"'));
    await expect(site.render({})).rejects.toThrow();
    expect(site.reports).toEqual([]);
  });

  test('is published on the channel nunjucks-cachesweeper:render', async () => {
    const heard = listen('nunjucks-cachesweeper:render') as RenderReport[];
    const site = new Site(templates);
    await site.render(page);
    expect(heard).toHaveLength(1);
    expect(heard).toEqual(site.reports);
  });
});

describe('an onRender that fails', () => {
  const broken = new Error('broken');

  test('does not break the page; its error reaches onError and the channel nunjucks-cachesweeper:error', async () => {
    const heard = listen('nunjucks-cachesweeper:error');
    const errors: unknown[] = [];
    const site = new Site('x', {
      onRender: () => {
        throw broken;
      },
      onError: (error) => {
        errors.push(error);
      },
    });
    expect((await site.render()).html).toBe('x');
    expect(site.env.render('page.njk', {})).toBe('x');
    expect(errors).toEqual([broken, broken]);
    expect(heard).toEqual([broken, broken]);
  });

  test('later, as an asynchronous function does, is reported as well and ends no process', async () => {
    const errors: unknown[] = [];
    const rejected = Promise.reject(broken);
    // Nobody else may have to hear of it, or the test runner would.
    rejected.catch(() => {});
    const site = new Site('x', { onRender: () => rejected as never, onError: (error) => void errors.push(error) });
    await site.render();
    await rejected.catch(() => {});
    await Promise.resolve();
    expect(errors).toEqual([broken]);
  });

  test('becomes a process warning where there is no onError, or it throws too', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    cleanups.push(() => warn.mockRestore());
    const onRender = () => {
      throw broken;
    };
    const second = new Error('second');
    await new Site('x', { onRender }).render();
    const site = new Site('x', {
      onRender,
      onError: () => {
        throw second;
      },
    });
    expect((await site.render()).html).toBe('x');
    expect(warn.mock.calls.map(([warning]) => warning)).toEqual([broken, second]);
  });
});

describe('stats()', () => {
  test('of a new sweeper are empty', () => {
    expect(new Site('').sweeper.stats()).toEqual({
      memory: { entries: 0, bytes: 0 },
      tokens: 0,
      writesDropped: 0,
      bumped: 0,
      bumpsWaiting: 0,
      damaged: 0,
      making: { running: 0, waiting: 0, coalesced: 0 },
      store: undefined,
      renders: 0,
      tags: [],
      notWorthCaching: [],
    });
  });

  test('count renders, entries, tokens, and what became of each tag', async () => {
    const site = new Site(templates);
    for (let i = 0; i < 3; i++) await site.render(page);
    await site.sweeper.invalidateCacheFor(page.article);
    for (let i = 0; i < 2; i++) await site.render(page);
    const { memory, tokens, renders, tags } = site.sweeper.stats();
    expect({ renders, tokens }).toEqual({ renders: 5, tokens: 2 });
    // The leaf, and the outer fragment: what was invalidated is replaced.
    expect(memory).toEqual({ entries: 2, bytes: expect.any(Number) });
    expect(memory.bytes).toBeGreaterThan(0);
    const time = expect.any(Number);
    const verified = { checked: 0, differed: 0, skipped: 0 };
    const times = {
      verified,
      uncached: {},
      outageHits: 0,
      timeRendering: time,
      timeSaved: time,
      timeLooking: time,
      netBenefit: time,
    };
    expect(tags).toHaveLength(2);
    expect(tags).toContainEqual({ template: 'page.njk', line: 2, hits: 3, misses: 2, ...times });
    expect(tags).toContainEqual({ template: 'leaf.njk', line: 1, hits: 1, misses: 1, ...times });
  });

  test('count what was not cached, by reason', async () => {
    const site = new Site(fragment('article 0', '"outer"', fragment('comment 0 when=no', '"inner"')));
    for (let i = 0; i < 2; i++) await site.render(page);
    expect(site.sweeper.stats().tags).toMatchObject([
      { line: 1, hits: 0, misses: 0, uncached: { when: 2, 'contains uncached': 2 }, timeSaved: 0 },
    ]);
  });

  test('add up the time spent in bodies and the time that hits saved, most saved first', async () => {
    const site = new Site(templates);
    for (let i = 0; i < 4; i++) await site.render(page);
    const costs = site.reports.flatMap(({ fragments }) => fragments);
    const outer = costs.filter(({ template }) => template === 'page.njk');
    const [first] = site.sweeper.stats().tags;
    expect(first?.template).toBe('page.njk');
    expect(first?.timeRendering).toBe(outer[0]?.cost);
    expect(first?.timeSaved).toBeCloseTo((outer[0]?.cost ?? 0) * 3, 9);
  });

  test('are a copy: changing them changes nothing', async () => {
    const site = new Site(templates);
    await site.render(page);
    const [tag] = site.sweeper.stats().tags as unknown as { hits: number; uncached: Record<string, number> }[];
    Object.assign(tag as object, { hits: 99 });
    if (tag !== undefined) tag.uncached.when = 5;
    expect(
      site.sweeper.stats().tags.every(({ hits, uncached }) => hits === 0 && Object.keys(uncached).length === 0),
    ).toBe(true);
  });
});
