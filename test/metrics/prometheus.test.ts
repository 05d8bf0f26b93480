import fc from 'fast-check';
import { prometheus } from 'nunjucks-cachesweeper/metrics';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { Registry } from 'prom-client';
import { beforeEach, describe, expect, test } from 'vitest';
import { runs } from '../support/long.ts';
import { Article } from '../support/models.ts';
import { fragment, Site } from '../sweeper/site.ts';
import { sites } from '../views/running.ts';
import { startExpress } from '../views/sites.ts';
import { type Samples, samplesOf } from './samples.ts';

const running = sites(startExpress, () => ({}));
let register: Registry;
beforeEach(() => {
  register = new Registry();
});

const scrape = async (): Promise<Samples> => samplesOf(await register.metrics());
const article = new Article(1);
/** A page with as many tags as `count`, each in a line of its own. */
const tags = (count: number): string =>
  Array.from({ length: count }, (_, n) => fragment('article 0', `"${n}"`)).join('\n');

describe('what prom-client shows of a sweeper', () => {
  test('counts fragments by tag, outcome and reason', async () => {
    const site = new Site(`${fragment('article 0', '"a"')}\n${fragment('article 0 when=no', '"b"')}`);
    prometheus(site.sweeper, { register });
    for (let n = 0; n < 3; n++) await site.render({ article, no: false });
    const { values } = await scrape();
    const count = (labels: string) => values.get(`cachesweeper_fragments_total{${labels}}`);
    expect(count('tag="page.njk:1",outcome="hit"')).toBe(2);
    expect(count('tag="page.njk:1",outcome="miss"')).toBe(1);
    expect(count('tag="page.njk:2",outcome="uncached",reason="when"')).toBe(3);
    expect(values.get('cachesweeper_renders_total')).toBe(3);
  });

  test('has the units that Prometheus has: seconds and bytes', async () => {
    const site = new Site(tags(1));
    prometheus(site.sweeper, { register });
    await site.render({ article });
    await site.render({ article });
    const { values } = await scrape();
    const [tag] = site.sweeper.stats().tags;
    const seconds = (name: string) => values.get(`cachesweeper_fragment_${name}_time_seconds_total{tag="page.njk:1"}`);
    expect(seconds('saved')).toBeCloseTo(tag!.timeSaved / 1_000, 9);
    expect(seconds('render')).toBeCloseTo(tag!.timeRendering / 1_000, 9);
    expect(seconds('lookup')).toBeCloseTo(tag!.timeLooking / 1_000, 9);
    expect(values.get('cachesweeper_memory_usage_bytes')).toBe(site.sweeper.stats().memory.bytes);
  });

  test('has a histogram of renders, whose classes add up', async () => {
    const site = new Site(tags(1));
    prometheus(site.sweeper, { register });
    for (let n = 0; n < 5; n++) await site.render({ article });
    const { values, buckets } = await scrape();
    expect(values.get('cachesweeper_render_duration_seconds_count')).toBe(5);
    const sum = site.reports.reduce((all, { milliseconds }) => all + milliseconds / 1_000, 0);
    expect(values.get('cachesweeper_render_duration_seconds_sum')).toBeCloseTo(sum, 9);
    const counts = buckets('cachesweeper_render_duration_seconds');
    expect(counts.at(-1)).toEqual(['+Inf', 5]);
    for (const [le, count] of counts) {
      const within = site.reports.filter(
        ({ milliseconds }) => milliseconds / 1_000 <= Number(le.replace('+Inf', 'Infinity')),
      );
      expect(count).toBe(within.length);
    }
    expect(values.get('cachesweeper_render_round_trips_bucket{le="0"}')).toBe(5);
  });

  test('counts what was invalidated, and says what waits for the store', async () => {
    const store = new TestingStore();
    const site = new Site(tags(1), { store, timeout: '20ms', onError: () => {} });
    prometheus(site.sweeper, { register });
    await site.sweeper.invalidateCacheFor({ type: 'Article', id: 1 });
    const { bumped } = site.sweeper.stats();
    expect(bumped).toBeGreaterThan(0);
    expect((await scrape()).values.get('cachesweeper_names_bumped_total')).toBe(bumped);
    store.script = ({ kind }) => (kind === 'token' ? { outcome: 'unknown' } : undefined);
    await expect(site.sweeper.invalidateCacheFor({ type: 'Article', id: 2 })).rejects.toMatchObject({
      code: 'CACHESWEEPER_BUMP_FAILED',
    });
    const { values } = await scrape();
    expect(values.get('cachesweeper_names_waiting')).toBe(site.sweeper.stats().bumpsWaiting);
    expect(values.get('cachesweeper_names_waiting')).toBeGreaterThan(0);
    store.script = undefined;
    await site.sweeper.close();
  });

  test('is read through a registry for OpenMetrics, through JSON and in another turn, with the same values', async () => {
    const site = new Site(tags(1));
    prometheus(site.sweeper, { register });
    await site.render({ article });
    const json = (await register.getMetricsAsJSON()).find(({ name }) => name === 'cachesweeper_renders_total');
    expect(json).toMatchObject({ type: 'counter', aggregator: 'sum', values: [{ value: 1, labels: {} }] });
    await site.render({ article });
    register.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never);
    const text = await register.metrics();
    expect(text).toMatch(/^# TYPE cachesweeper_renders counter\ncachesweeper_renders_total 2$/m);
    expect(text).toMatch(/^cachesweeper_render_duration_seconds_bucket\{le="\+Inf"\} 2$/m);
    expect(text.endsWith('# EOF\n')).toBe(true);
  });

  test('stands beside the option onRender, and after stop() neither hears nor shows anything', async () => {
    const site = new Site(tags(1));
    const stop = prometheus(site.sweeper, { register });
    await site.render({ article });
    expect(site.reports).toHaveLength(1);
    stop();
    expect(register.getMetricsAsArray()).toEqual([]);
    const again = prometheus(site.sweeper, { register });
    await site.render({ article });
    expect((await scrape()).values.get('cachesweeper_render_duration_seconds_count')).toBe(1);
    again();
  });

  test('begins its histograms anew when the registry is reset; what stats() counts goes on', async () => {
    const site = new Site(tags(1));
    prometheus(site.sweeper, { register });
    await site.render({ article });
    register.resetMetrics();
    const { values } = await scrape();
    expect(values.get('cachesweeper_render_duration_seconds_count')).toBe(0);
    expect(values.get('cachesweeper_renders_total')).toBe(1);
  });
});

describe('labels', () => {
  test('are of so many tags as maxTags says; others are counted together', async () => {
    const site = new Site(tags(5));
    prometheus(site.sweeper, { register, maxTags: 2 });
    await site.render({ article });
    const { labels, values } = await scrape();
    expect(labels('cachesweeper_fragments_total', 'tag').size).toBe(3);
    expect(values.get('cachesweeper_fragments_total{tag="other",outcome="miss"}')).toBe(3);
  });

  test('of counters never become less, whichever tags are used in whichever order', async () => {
    const uses = fc.array(fc.array(fc.nat({ max: 5 }), { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(uses, fc.nat({ max: 4 }), async (pages, maxTags) => {
        const own = new Registry();
        const names = Object.fromEntries(
          Array.from({ length: 6 }, (_, n) => [`${n}.njk`, fragment('article 0', `"${n}"`)]),
        );
        const site = new Site(names);
        prometheus(site.sweeper, { register: own, maxTags });
        let before: Samples | undefined;
        for (const page of pages) {
          for (const name of page) await site.render({ article }, `${name}.njk`);
          const now = samplesOf(await own.metrics());
          for (const [name, value] of before?.values ?? []) {
            if (/_total|_count|_bucket|_sum/.test(name))
              expect(now.values.get(name), name).toBeGreaterThanOrEqual(value);
          }
          const all = [...now.values].filter(([name]) => name.startsWith('cachesweeper_fragments_total'));
          expect(all.reduce((sum, [, value]) => sum + value, 0)).toBe(site.reports.length);
          expect(now.labels('cachesweeper_fragments_total', 'tag').size).toBeLessThanOrEqual(maxTags + 1);
          before = now;
        }
      }),
      runs(10, 500, 100),
    );
  });

  test('of views are their routes', async () => {
    const site = await running([{ path: '/', handler: ({ send }) => send('front'), options: { name: 'front' } }]);
    prometheus(site.sweeper, { register });
    await site.get('/');
    await site.get('/');
    const { values, labels } = await scrape();
    expect(values.get('cachesweeper_views_total{route="front",outcome="hit"}')).toBe(1);
    expect(values.get('cachesweeper_views_total{route="front",outcome="miss"}')).toBe(1);
    expect(labels('cachesweeper_fragments_total', 'tag').size).toBe(0);
  });
});

describe('a wrong call', () => {
  const { sweeper } = new Site('');
  const refused = { code: 'CACHESWEEPER_BAD_OPTION' };
  test.each([
    ['no registry', { register: undefined }, 'prometheus() register: expected a registry of prom-client'],
    ['something else than a registry', { register: {} }, 'got an empty object'],
    ['a prefix that is no name', { prefix: '1 ' }, 'prometheus() prefix: expected letters'],
    ['a limit that is no number', { maxTags: -1 }, 'prometheus() maxTags: expected a whole number'],
    ['an option that is not there', { labels: {} }, 'prometheus() labels: expected one of register, prefix, maxTags'],
  ])('with %s says what was expected', (_, options, message) => {
    expect(() => prometheus(sweeper, { register, ...options } as never)).toThrow(expect.objectContaining(refused));
    expect(() => prometheus(sweeper, { register, ...options } as never)).toThrow(message);
    expect(register.getMetricsAsArray()).toEqual([]);
  });

  test('with something else than a sweeper says so', () => {
    expect(() => prometheus({} as never, { register })).toThrow(
      'prometheus() sweeper: expected a CacheSweeper, got an empty',
    );
    expect(() => prometheus(sweeper, undefined as never)).toThrow('prometheus(): expected an object of options');
  });

  test('to stop() twice leaves what was added since', async () => {
    const stop = prometheus(sweeper, { register });
    stop();
    prometheus(sweeper, { register });
    stop();
    expect((await scrape()).values.get('cachesweeper_renders_total')).toBe(0);
  });

  test('for a second sweeper asks for a prefix, and changes nothing; with one it is told apart', async () => {
    const other = new Site(tags(1));
    prometheus(sweeper, { register });
    expect(() => prometheus(other.sweeper, { register })).toThrow('give each sweeper a prefix');
    prometheus(other.sweeper, { register, prefix: 'other_' });
    await other.render({ article });
    const { values } = await scrape();
    expect([values.get('cachesweeper_renders_total'), values.get('other_cachesweeper_renders_total')]).toEqual([0, 1]);
  });
});
