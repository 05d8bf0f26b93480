import fc from 'fast-check';
import { expect, test } from 'vitest';
import { stringList } from '../../src/http-api/string-list.ts';
import { runs } from '../support/long.ts';

test.each([
  ['"scripts"', ['scripts']],
  ['"a", "b"', ['a', 'b']],
  ['"a","b"\t,\t"c"', ['a', 'b', 'c']],
  ['"a", "a"', ['a']],
  ['""', ['']],
  ['"a\\"b\\\\c"', ['a"b\\c']],
  ['"a, b"', ['a, b']],
  ['"a";q=1;r="x, y";s, "b";t=?0', ['a', 'b']],
  ['', []],
])('%s is a list', (header, expected) => {
  expect(stringList(header)).toEqual(expected);
});

test.each(['a', '"a', '"a" "b"', '"a",', ',"a"', '"a\\b"', '"a", b', '("a" "b")', '"é"', '"a";'])(
  '%s is malformed, and none of it counts',
  (header) => {
    expect(stringList(header)).toEqual([]);
  },
);

test('an absent header is an empty list', () => {
  expect(stringList(undefined)).toEqual([]);
});

test('what is written is read back, up to 100 members, however long', () => {
  const printable = fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)) });
  fc.assert(
    fc.property(fc.uniqueArray(printable, { maxLength: 120 }), (members) => {
      const header = members.map((member) => `"${member.replace(/["\\]/g, '\\$&')}"`).join(', ');
      expect(stringList(header)).toEqual(members.slice(0, 100));
    }),
    runs(200, 10_000, 2_000),
  );
});

test('a header that is made to take long does not', () => {
  expect(stringList(`"${'a'.repeat(100_000)}`)).toEqual([]);
  expect(stringList(`"a"${';a'.repeat(50_000)};`)).toEqual([]);
  expect(stringList('"a",'.repeat(50_000))).toEqual([]);
});
