import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Entry, entryBytes } from '../../src/cache/entry.ts';
import { MemoryTier } from '../../src/cache/memory-tier.ts';
import { NOTHING_READ, type Reads } from '../../src/reads/reads.ts';

function entry(html: string, more: Partial<Entry> = {}): Entry {
  return {
    html,
    dependencies: ['*', 't', 'A', 't', 'A:=1', 't'],
    templates: [],
    reads: NOTHING_READ,
    expires: Number.POSITIVE_INFINITY,
    stale: 0,
    provisional: false,
    holes: [],
    microseconds: 1_000,
    duration: 0,
    ...more,
  };
}

const pairs = (name: string, token: string) => Array.from({ length: 1_000 }, () => [name, token]).flat();

/** What text takes in the process: V8 keeps a string in one byte a character only while all fit in Latin-1. */
function textBytes(text: string): number {
  return /^[\0-\xff]*$/.test(text) ? text.length : text.length * 2;
}

const texts = ['x', 'é', '—', '漢', '😀', `${'x'.repeat(99)}—`];

describe('the size of an entry', () => {
  test.each(texts)('is at least that of its html in memory: %s', (text) => {
    const html = text.repeat(1_000);
    expect(entryBytes('key', entry(html))).toBeGreaterThanOrEqual(textBytes(html));
  });

  test('is not much more than that', () => {
    expect(entryBytes('key', entry('x'.repeat(10_000)))).toBeLessThan(11_000);
  });

  test.each<[string, Partial<Entry>]>([
    ['the names it depends on', { dependencies: pairs('Comment:=12345', 't') }],
    ['tokens', { dependencies: pairs('A', '0mi8kq2c4Vb3xR9aLk0g') }],
    [
      'templates chosen at run time',
      { templates: Array(100).fill({ name: 'x'.repeat(50), parent: undefined, digest: 'd' }) },
    ],
  ])('counts %s', (_title, more) => {
    expect(entryBytes('key', entry('', more))).toBeGreaterThan(entryBytes('key', entry('')) + 9_000);
  });
});

describe('the memory tier', () => {
  test('gives what was put in, and nothing else', () => {
    const tier = new MemoryTier(100_000);
    const one = entry('one');
    tier.set('a', one);
    expect(tier.get('a')).toEqual([one]);
    expect(tier.get('a')[0]).toBe(one);
    expect(tier.get('b')).toEqual([]);
    tier.clear();
    expect(tier.get('a')).toEqual([]);
  });

  test.each(texts)('is bounded in bytes, whatever the text: %s', (text) => {
    const maxBytes = 200_000;
    const tier = new MemoryTier(maxBytes);
    const html = new Map<string, string>();
    for (let i = 0; i < 2_000; i++) {
      const one = entry(text.repeat(1 + (i % 50)));
      html.set(`key ${i}`, one.html);
      tier.set(`key ${i}`, one);
      expect(tier.bytes).toBeLessThanOrEqual(maxBytes);
    }
    let held = 0;
    for (const [key, one] of html) if (tier.get(key).length > 0) held += textBytes(one);
    expect(held).toBeLessThanOrEqual(maxBytes);
    // It is used, too.
    expect(tier.bytes).toBeGreaterThan(maxBytes * 0.9);
  });

  test('drops the least recently used first', () => {
    const tier = new MemoryTier(10 * entryBytes('key 0', entry('x')));
    for (let i = 0; i < 10; i++) tier.set(`key ${i}`, entry('x'));
    tier.get('key 0');
    tier.get('key 2');
    for (let i = 10; i < 13; i++) tier.set(`key ${i % 10}${i}`, entry('x'));
    const there = Array.from({ length: 10 }, (_, i) => i).filter((i) => tier.get(`key ${i}`).length > 0);
    expect(there).toContain(0);
    expect(there).toContain(2);
    expect(there).not.toContain(1);
    expect(there).not.toContain(3);
  });

  test('keeps exactly those that take at most a quarter of it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), fc.nat(30_000), (maxBytes, length) => {
        const one = entry('x'.repeat(length));
        expect(new MemoryTier(maxBytes).fits('key', one)).toBe(entryBytes('key', one) <= Math.max(1, maxBytes / 4));
      }),
    );
  });

  test('keeps variants that read something else side by side, the youngest first, and one of each', () => {
    const tier = new MemoryTier(100_000);
    const variant = (html: string, text: string) => entry(html, { reads: { ...NOTHING_READ, text } as Reads });
    tier.set('a', variant('de', 's2:de'));
    tier.set('a', variant('en', 's2:en'));
    expect(tier.get('a').map(({ html }) => html)).toEqual(['en', 'de']);
    tier.set('a', variant('neu', 's2:de'));
    expect(tier.get('a').map(({ html }) => html)).toEqual(['neu', 'en']);
    expect(tier.size).toBe(2);
    tier.delete('a', tier.get('a')[0] as Entry);
    expect(tier.get('a').map(({ html }) => html)).toEqual(['en']);
    expect(tier.bytes).toBeLessThan(2 * entryBytes('a', variant('neu', 's2:de')));
  });

  test('is empty after clear', () => {
    const tier = new MemoryTier(10_000);
    tier.set('a', entry('x'));
    tier.clear();
    expect([tier.size, tier.bytes, tier.get('a')]).toEqual([0, 0, []]);
  });
});
