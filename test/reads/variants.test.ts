import { afterAll, afterEach, beforeAll, describe, expect, type MockInstance, test, vi } from 'vitest';
import { Article } from '../support/models.ts';
import { kindsFor, Site, T, textOf } from './support.ts';

const kinds = kindsFor(import.meta.url);

const page = (values: object) => () => ({ a: new Article(1), ...values });
const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);
const LANG = T('{{ lang }}');

describe('the memory tier', () => {
  test('keeps 8 variants of a tag and its models, the oldest goes', async () => {
    const site = new Site(LANG, 'memory');
    for (const lang of numbers(9)) expect(await site.show(page({ lang }))).toEqual(['miss']);
    for (const lang of numbers(9).slice(1)) expect(await site.show(page({ lang }))).toEqual(['hit']);
    expect(await site.show(page({ lang: 0 }))).toEqual(['miss']);
  });

  test('tells when a variant pushes out another, and what to do', async () => {
    const site = new Site(`\n${LANG}`, 'memory');
    const told = async (lang: number) => {
      expect(await site.show(page({ lang }))).toEqual(['miss']);
      return site.unseen;
    };
    for (const lang of numbers(8)) expect(await told(lang)).toBe('');
    for (const lang of [8, 0, 1])
      expect(await told(lang)).toMatch(/^page\.njk:2: memory keeps 8 variants .* `lang` as a key/);
    // What can never be served again makes room.
    await site.sweeper.invalidateCacheFor(new Article(1));
    for (const lang of numbers(8)) expect(await told(lang)).toBe('');
  });

  test('keeps 8 variants of each key', async () => {
    const site = new Site(T('{{ lang }}', 'lang'), 'memory');
    for (const round of ['miss', 'hit', 'hit'])
      for (const lang of numbers(20)) expect(await site.show(page({ lang }))).toEqual([round]);
    expect(site.unseen).toBe('');
  });

  test('keeps 8 of each model, and of each tag', async () => {
    const site = new Site(`${LANG}{% cachesweeper b 500 %}{{ lang }}{% endcachesweeper %}`, 'memory');
    for (const round of ['miss', 'hit']) {
      for (const lang of numbers(8)) {
        expect(await site.show(page({ b: new Article(2), lang }))).toEqual([round, round]);
      }
    }
  });
});

describe.each(kinds.filter((kind) => kind !== 'memory'))('variants in %s', (kind) => {
  test('are all there for another process', async () => {
    const first = new Site(LANG, kind);
    for (const lang of numbers(12)) expect(await first.show(page({ lang }))).toEqual(['miss']);
    expect(first.unseen).toBe('');
    const second = new Site(LANG, kind, { shared: first });
    for (const lang of numbers(12)) expect(await second.show(page({ lang }))).toEqual(['hit']);
    for (const lang of numbers(12)) expect(await first.show(page({ lang }))).toEqual(['hit']);
  });

  test('that read other paths are found by another process, once all paths are known', async () => {
    const source = T('{% if full %}{{ long }}{% else %}{{ short }}{% endif %}');
    const first = new Site(source, kind);
    const pages = [page({ full: true, long: 'l', short: 's' }), page({ full: false, long: 'l', short: 's' })];
    // With the memory tier the first would be found there, and not be stored again under the key for all paths.
    for (const site of [first, new Site(source, kind, { shared: first })])
      for (const each of pages) await site.show(each);
    const second = new Site(source, kind, { shared: first });
    for (const each of pages) expect(await second.show(each)).toEqual(['hit']);
    const unread = page({ full: true, long: 'l', short: 'other' });
    await second.show(unread);
    expect(await second.show(unread)).toEqual(['hit']);
  });

  test('made by two processes in turns are never wrong, and found in the end', async () => {
    const source = T('{% if full %}{{ long }}{% else %}{{ short }}{% endif %}');
    const first = new Site(source, kind);
    const second = new Site(source, kind, { shared: first });
    const context = (n: number) => page({ full: n % 2 === 0, long: `l${n % 3}`, short: `s${n % 3}` });
    for (const n of numbers(24)) await (n % 5 < 2 ? first : second).show(context(n));
    for (const n of numbers(6)) {
      for (const site of [first, second]) expect(await site.show(context(n))).toEqual(['hit']);
    }
  });

  test.each([
    ['lost', () => undefined],
    ['empty', () => new Uint8Array()],
    ['garbage', () => new TextEncoder().encode('garbage')],
    ['cut off', (value: Uint8Array) => value.slice(0, value.length / 2)],
    [
      'changed in the middle',
      (value: Uint8Array) => value.map((byte, i) => (i === value.length >> 1 ? byte ^ 1 : byte)),
    ],
    ['another one', (_value: Uint8Array, other: Uint8Array) => other],
  ])('a value that was %s costs misses and nothing else', async (_how, tamper) => {
    const first = new Site(LANG, kind, { sweeper: { secret: 'a secret of many letters' } });
    for (const lang of ['en', 'de']) await first.show(page({ lang }));
    const { store } = first;
    if (store === undefined) throw new Error('no store');
    const call = { timeout: 1_000 };
    const keys = store.keys('entry');
    // A record of the paths, and the two variants.
    expect(keys.length).toBeGreaterThan(2);
    for (const [i, key] of keys.entries()) {
      const [found, next] = await store.getMany('entry', [key, keys[(i + 1) % keys.length] as string], call);
      // One that was made under another key meanwhile.
      if (found?.state !== 'found' || next?.state !== 'found') continue;
      const value = tamper(found.value, next.value);
      if (value === undefined) store.evict('entry', (each) => each === key);
      else await store.setMany('entry', [{ key, value, ttl: 0 }], call);
      const second = new Site(LANG, kind, { shared: first, sweeper: { secret: 'a secret of many letters' } });
      for (const lang of ['en', 'de', 'fr', 'en']) await second.show(page({ lang }));
      for (const lang of ['en', 'de']) expect(await second.show(page({ lang }))).toEqual(['hit']);
    }
  });
});

describe.each(kinds)('a body that reads much, in %s', (kind) => {
  const paths = (count: number) =>
    T(
      numbers(count)
        .map((i) => `{{ v${i} }}`)
        .join(''),
    );
  const values = (count: number, last: string) =>
    page(Object.fromEntries(numbers(count).map((i) => [`v${i}`, i === count - 1 ? last : i])));

  test('is stored with 64 paths', async () => {
    const site = new Site(paths(64), kind);
    expect(await site.show(values(64, 'x'))).toEqual(['miss']);
    expect(await site.show(values(64, 'x'))).toEqual(['hit']);
    expect(await site.show(values(64, 'y'))).toEqual(['miss']);
  });

  test('is not stored with more', async () => {
    const site = new Site(paths(65), kind);
    for (const last of ['x', 'y', 'x']) expect(await site.show(values(65, last))).toEqual(['reads too much']);
  });

  test('is stored where it reads fields of many rows', async () => {
    const site = new Site(T('{% for r in rows %}{{ r.title }}{% endfor %}'), kind);
    const rows = page({ rows: numbers(200).map((i) => ({ title: `t${i}` })) });
    expect(await site.show(rows)).toEqual(['miss']);
    expect(await site.show(rows)).toEqual(['hit']);
  });
});

describe.each(kinds)('a body that never repeats, in %s', (kind) => {
  let warnings: MockInstance<typeof process.emitWarning>;
  beforeAll(() => {
    warnings = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  });
  afterEach(() => warnings.mockClear());
  afterAll(() => warnings.mockRestore());

  /** All that was said, wherever. */
  const said = (site: Site) =>
    [
      ...site.fragments.map(({ unseen, ...rest }) => `${textOf(unseen)} ${textOf(rest)}`),
      ...site.errors.map((error) => (error as Error).message),
      ...warnings.mock.calls.map(([warning]) => (typeof warning === 'string' ? warning : warning.message)),
    ].join('\n');

  test('is not stored for a minute after 20 misses with 20 values of one path', async () => {
    const site = new Site(`\n${T('{{ lang }}{{ now }}')}`, kind);
    for (const now of numbers(20)) expect(await site.show(page({ lang: 'en', now }))).toEqual(['miss']);
    expect(await site.show(page({ lang: 'en', now: 20 }))).toEqual(['changes always']);
    const told = said(site);
    expect(told).toMatch(/page\.njk:2/);
    expect(told).toMatch(/`now`/);
    expect(told).not.toMatch(/`lang`/);
    expect(told).toMatch(/except=\\?"now/);
    site.now += 50_000;
    expect(await site.show(page({ lang: 'en', now: 21 }))).toEqual(['changes always']);
    site.now += 11_000;
    expect(await site.show(page({ lang: 'en', now: 22 }))).toEqual(['miss']);
    expect(await site.show(page({ lang: 'en', now: 22 }))).toEqual(['hit']);
  });

  test('is told from one that is hit now and then', async () => {
    const site = new Site(T('{{ now }}'), kind);
    for (const now of numbers(40)) {
      expect(await site.show(page({ now }))).toEqual(['miss']);
      if (now % 10 === 9) expect(await site.show(page({ now }))).toEqual(['hit']);
    }
  });

  test('is told from one whose model is bumped each time', async () => {
    const site = new Site(T('{{ lang }}{{ a.title }}'), kind);
    for (const n of numbers(25)) {
      expect(await site.show(() => ({ a: new Article(1, `t${n}`), lang: 'en' }))).toEqual(['miss']);
      await site.sweeper.invalidateCacheFor(new Article(1));
    }
  });

  test('is told from one that shows many rows once each', async () => {
    const site = new Site(
      '{% for a in rows %}{% cachesweeper a 500 %}{{ loop.index }}{% endcachesweeper %}{% endfor %}',
      kind,
    );
    const rows = () => ({ rows: numbers(40).map((i) => new Article(i + 1)) });
    expect(new Set(await site.show(rows))).toEqual(new Set(['miss']));
    expect(new Set(await site.show(rows))).toEqual(new Set(['hit']));
  });
});
