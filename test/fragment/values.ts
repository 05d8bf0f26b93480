import fc from 'fast-check';

/** Short texts of the characters that have a meaning in some key, so that what collides collides often. */
export const trickyText = fc.string({
  unit: fc.constantFrom(
    'a',
    'b',
    '1',
    '7',
    ':',
    '=',
    '*',
    '%',
    '"',
    '\\',
    ',',
    '[',
    ']',
    '{',
    '}',
    '(',
    ')',
    '#',
    '@',
    '+',
    '.',
    '-',
    'n',
    ' ',
    '\n',
    '\0',
    'é',
    '😀',
    '\ud83d',
    '\ude00',
  ),
  maxLength: 4,
});

const text = fc.oneof(
  { weight: 4, arbitrary: trickyText },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 5 }) },
  fc.constantFrom('', 'null', 'undefined', 'NaN', '1', '1n', '-0', '[]', '{}', 'true', 'Date(1)', 'a:b', 'a","b'),
);

const primitive = fc.oneof(
  { weight: 3, arbitrary: text },
  fc.constantFrom(
    null,
    undefined,
    true,
    false,
    0,
    -0,
    1,
    11,
    -1,
    1.5,
    Number.NaN,
    Infinity,
    -Infinity,
    0n,
    1n,
    11n,
    -1n,
  ),
  fc.double(),
  fc.bigInt(),
);

// Invalid dates are not equal to each other for Node 20's isDeepStrictEqual, so tests name them one by one.
const dates = fc.constantFrom(0, 1, 11).map((time) => new Date(time));
const bytes = fc.uint8Array({ maxLength: 3 });
const patterns = fc.constantFrom(/a/, /a/g, /"a"/).map((pattern) => new RegExp(pattern));

/** Values without an order that equality does not see: equal ones must look the same, different ones different. */
export const plainValue: fc.Arbitrary<unknown> = fc.letrec((value) => ({
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    { weight: 5, arbitrary: primitive },
    { weight: 1, arbitrary: fc.oneof(dates, bytes, patterns) },
    { weight: 2, arbitrary: fc.array(value('value'), { maxLength: 3 }) },
    { weight: 2, arbitrary: fc.dictionary(text, value('value'), { maxKeys: 3, noNullPrototype: true }) },
  ),
})).value;

/** The same with maps and sets. */
export const anyValue: fc.Arbitrary<unknown> = fc.letrec((value) => ({
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    { weight: 5, arbitrary: plainValue },
    { weight: 1, arbitrary: fc.array(value('value'), { maxLength: 3 }) },
    { weight: 1, arbitrary: fc.array(value('value'), { maxLength: 3 }).map((items) => new Set(items)) },
    {
      weight: 1,
      arbitrary: fc.array(fc.tuple(value('value'), value('value')), { maxLength: 3 }).map((pairs) => new Map(pairs)),
    },
  ),
})).value;
