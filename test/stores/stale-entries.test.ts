import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { Entries } from '../../src/cache/entries.ts';
import { type Entry, readEntry, writeEntry } from '../../src/cache/entry.ts';
import { LocalTokens } from '../../src/cache/local-tokens.ts';
import { MemoryTier } from '../../src/cache/memory-tier.ts';
import { mintToken } from '../../src/cache/token.ts';
import { LocalTokenReader, PENDING, type TokenReader, UNKNOWN } from '../../src/cache/token-reader.ts';
import { NOTHING_READ, type Reads } from '../../src/reads/reads.ts';
import { Background } from '../../src/util/background.ts';

const NOW = 1_800_000_000_000;
let now = NOW;
let tokens: LocalTokens;
let reader: TokenReader;
let entries: Entries;

beforeEach(() => {
  now = NOW;
  tokens = new LocalTokens();
  reader = new LocalTokenReader(tokens);
  entries = new Entries(new MemoryTier(1_000_000), undefined, new Background(10), () => now);
});

/** An entry of one name that expires in 10 s, and may be served stale for 5 s then. */
function entry(more: Partial<Entry> = {}): Entry {
  return {
    html: 'x',
    dependencies: ['Article:=1', tokens.get('Article:=1')],
    templates: [],
    reads: NOTHING_READ,
    expires: NOW + 10_000,
    stale: 5_000,
    provisional: false,
    holes: [],
    microseconds: 0,
    ...more,
  };
}

/** Both verdicts, as the time goes by. */
const verdicts = (one: Entry, times: readonly number[]) =>
  times.map((time) => {
    now = NOW + time;
    return [entries.judge(one, reader), entries.judgeStale(one, reader)];
  });

describe('an entry', () => {
  test('is valid until its ttl is over, and may be served stale from then on until its stale time is over', () => {
    expect(verdicts(entry(), [0, 9_999, 10_000, 14_999, 15_000])).toEqual([
      ['valid', 'invalid'],
      ['valid', 'invalid'],
      ['invalid', 'valid'],
      ['invalid', 'valid'],
      ['invalid', 'invalid'],
    ]);
  });

  test('that has no stale time, or never expires, is never served stale', () => {
    expect(verdicts(entry({ stale: 0 }), [9_999, 10_000])).toEqual([
      ['valid', 'invalid'],
      ['invalid', 'invalid'],
    ]);
    expect(verdicts(entry({ expires: Number.POSITIVE_INFINITY }), [1e12])).toEqual([['valid', 'invalid']]);
  });

  test('is never served stale after a bump', () => {
    const one = entry();
    now = NOW + 12_000;
    expect(entries.judgeStale(one, reader)).toBe('valid');
    tokens.set('Article:=1', mintToken(now));
    expect(entries.judgeStale(one, reader)).toBe('invalid');
  });

  test('whose tokens are not known is not served stale: they are asked for, or it is not', () => {
    const one = entry();
    now = NOW + 12_000;
    const reads = (token: ReturnType<TokenReader['token']>) =>
      ({ token: () => token, lastRead: () => undefined }) as unknown as TokenReader;
    expect(entries.judgeStale(one, reads(PENDING))).toBe('pending');
    expect(entries.judgeStale(one, reads(UNKNOWN))).toBe('invalid');
  });
});

test('the memory tier keeps a variant for as long as it may be served stale', () => {
  const variant = (text: string) => entry({ html: text, reads: { ...NOTHING_READ, text } as Reads });
  const keep = (one: Entry) => {
    const kept = new Map([['key', [{ entry: one, stored: undefined }]]]);
    entries.keep({ kept, found: new Map(), records: new Map(), reader, held: new Set() });
    return entries.inMemory('key').map(({ html }) => html);
  };
  keep(variant('s1:a'));
  now = NOW + 14_999;
  const later = { expires: NOW + 100_000 };
  expect(keep({ ...variant('s1:b'), ...later })).toEqual(['s1:b', 's1:a']);
  now = NOW + 15_000;
  expect(keep({ ...variant('s1:c'), ...later })).toEqual(['s1:c', 's1:b']);
});

describe('an entry in a store', () => {
  test('comes back as it was', () => {
    const times = fc.record({
      expires: fc.oneof(
        fc.nat(2 ** 45),
        fc.constant(Number.POSITIVE_INFINITY),
        fc.double({ min: 0, max: 2e12, noNaN: true }),
      ),
      stale: fc.maxSafeNat(),
      provisional: fc.boolean(),
      html: fc.string({ unit: 'binary' }),
    });
    fc.assert(
      fc.property(times, fc.constantFrom('key', 'another'), (more, canonical) => {
        const one = entry(more);
        expect(readEntry(writeEntry({ canonical, entry: one }, 'key'), 'key')).toEqual({ canonical, entry: one });
      }),
    );
  });

  test.each([[-1], [0.5], [null], ['1'], [true], [1e300]])('with the stale time %j is none', (stale) => {
    const text = writeEntry({ canonical: 'key', entry: entry({ stale: stale as number }) }, 'key');
    expect(readEntry(text, 'key')).toBeUndefined();
  });

  test('as earlier versions of the package wrote it is none', () => {
    const [head, ...others] = writeEntry({ canonical: 'key', entry: entry() }, 'key').split('\n');
    const earlier = (JSON.parse(head as string) as unknown[]).toSpliced(4, 1);
    expect(readEntry([JSON.stringify(earlier), ...others].join('\n'), 'key')).toBeUndefined();
  });
});
