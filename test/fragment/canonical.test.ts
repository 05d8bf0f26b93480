import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import nunjucks from 'nunjucks';
import { describe, expect, test } from 'vitest';
import { canonicalList } from '../../src/util/canonical.ts';
import { sized } from '../support/long.ts';
import { Comment } from '../support/models.ts';
import { anyValue, plainValue } from './values.ts';

const canonical = (...values: unknown[]) => canonicalList(values, 'key');

/** Some lists at once: every two of them are compared. */
const lists = (value: fc.Arbitrary<unknown>) =>
  fc.array(fc.array(value, { maxLength: 3 }), { minLength: 2, maxLength: 40 });

/** Another value that prints the same. */
function lookAlike(value: unknown): unknown {
  if (Array.isArray(value)) return new Set(value);
  if (typeof value === 'bigint') return Number(value);
  if (Number.isInteger(value)) return Object.is(value, 0) ? -0 : BigInt(value as number);
  return typeof value === 'object' ? value : String(value);
}

describe('no two different lists of values have the same text', () => {
  test('any values', () => {
    fc.assert(
      fc.property(lists(anyValue), (all) => {
        const seen = new Map<string, unknown[]>();
        for (const list of all) {
          const text = canonical(...list);
          const before = seen.get(text);
          if (before !== undefined && !isDeepStrictEqual(before, list)) {
            throw new Error(`${text} is the text of two lists`);
          }
          seen.set(text, list);
        }
      }),
      { numRuns: sized(200, 500, 500) },
    );
  });

  test('and equal ones do: any values whose order shows', () => {
    fc.assert(
      fc.property(lists(plainValue), (all) => {
        for (const a of all) {
          for (const b of all) expect(canonical(...a) === canonical(...b)).toBe(isDeepStrictEqual(a, b));
        }
      }),
      { numRuns: 60 },
    );
  });

  test('a list and what could be confused with it', () => {
    fc.assert(
      fc.property(fc.array(plainValue, { minLength: 1, maxLength: 3 }), (list) => {
        const text = canonical(...list);
        const others: unknown[][] = [
          [list],
          [...list, undefined],
          [...list, null],
          [...list, ''],
          [null, ...list],
          [text],
          [text.slice(1, -1)],
          text.slice(1, -1).split(','),
          list.map(lookAlike),
          [list.map(String).join(',')],
          [list.map(String).join('","')],
          [new Set(list)],
          [Object.fromEntries(list.entries())],
        ];
        for (const other of others) {
          if (!isDeepStrictEqual(other, list)) expect(canonical(...other)).not.toBe(text);
        }
      }),
    );
  });

  test('values that look alike', () => {
    const alike: unknown[][] = [
      [],
      [[]],
      [''],
      ['a:b'],
      ['a', 'b'],
      ['a,b'],
      ['a","b'],
      [['a', 'b']],
      ['["a","b"]'],
      [0],
      [-0],
      ['0'],
      [7],
      ['7'],
      [7n],
      ['7n'],
      [Number.NaN],
      ['NaN'],
      [Number.POSITIVE_INFINITY],
      [null],
      [undefined],
      ['null'],
      ['undefined'],
      [true],
      ['true'],
      [{}],
      [{ a: 1 }],
      [{ a: undefined }],
      [{ a: null }],
      ['{"a":1}'],
      [{ '"a":1,"b"': 2 }],
      [{ a: 1, b: 2 }],
      [{ a: { b: 2 } }],
      [new Date(7)],
      [new Date(Number.NaN)],
      [new Date(7).toISOString()],
      [new Map()],
      [new Map([['a', 1]])],
      [new Map([['b', 1]])],
      [new Map([['a', 1]].map(([a, b]) => [b, a] as const))],
      [new Map([[{ a: 1 }, 2]])],
      [new Map([['[object Object]', 2]])],
      [new Map([[1, 2]])],
      [new Map([['1', 2]])],
      [new Map([['1:2,3', 4]])],
      [new Set()],
      [new Set(['a'])],
      [new Set(['a', 'b'])],
      [new Set(['b', 'a'])],
      [new Set(['a', ['b']])],
      [new URL('https://a.example/')],
      ['https://a.example/'],
      [new URL('https://a.example/b')],
      [/a/],
      [/a/g],
      ['/a/'],
      [Buffer.from('a')],
      [Buffer.from('b')],
      [Buffer.alloc(0)],
      ['é'],
      ['e\u0301'],
      ['\ud800'],
      ['\udfff'],
      ['\ufffd'],
      ['\\ud800'],
      ['\0'],
      ['\x1f'],
      ['\x7f'],
      ['\u2028'],
      ['\n'],
      ['\\n'],
      ['x'.repeat(10_240)],
      [`${'x'.repeat(10_239)}y`],
      ['x'.repeat(10_241)],
    ];
    expect(new Set(alike.map((list) => canonical(...list))).size).toBe(alike.length);
  });

  test('text that is safe for html and text that is not print differently, so they are different', () => {
    const safe = new nunjucks.runtime.SafeString('<b>');
    expect(String(safe)).toBe('<b>');
    expect(canonical(safe)).not.toBe(canonical('<b>'));
    expect(canonical(safe)).toBe(canonical(new nunjucks.runtime.SafeString('<b>')));
  });
});

describe('equal values have the same text', () => {
  test('objects whose properties were written in another order, at any depth', () => {
    const reordered = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(reordered);
      if (Object.prototype.toString.call(value) !== '[object Object]') return value;
      return Object.fromEntries(
        Object.entries(value as object)
          .reverse()
          .map(([key, item]) => [key, reordered(item)]),
      );
    };
    fc.assert(
      fc.property(plainValue, (value) => {
        expect(canonical(reordered(value))).toBe(canonical(value));
      }),
    );
    expect(canonical({ b: [{ d: 1, c: 2 }], a: 3 })).toBe('[{"a":3,"b":[{"c":2,"d":1}]}]');
  });

  test('one object in two places is no circle', () => {
    const shared = { a: 1 };
    expect(canonical(shared, [shared, shared])).toBe('[{"a":1},[{"a":1},{"a":1}]]');
  });

  test('an object without a prototype is plain', () => {
    expect(canonical(Object.assign(Object.create(null), { a: 1 }))).toBe('[{"a":1}]');
  });

  test('the text is one a person can read', () => {
    expect(canonical('comment.njk', 5, true, ['a', { page: 2 }], new Date(0))).toBe(
      '["comment.njk",5,true,["a",{"page":2}],Date(0)]',
    );
  });
});

describe('what has no text is an error with the place of the argument', () => {
  class Money {
    readonly cents = 5;
  }
  const circular: unknown[] = [1];
  circular.push({ again: circular });
  let deep: unknown = 'x';
  for (let i = 0; i < 101; i++) deep = [deep];
  const plain = 'expected a string, number, boolean, date, list, plain object or a model with an identity';

  test.each<[string, unknown, string]>([
    [
      'a function',
      Math.max,
      `key 2 cannot be part of a key: ${plain}, got the function max; pass the attribute you mean`,
    ],
    [
      'a class',
      Comment,
      `key 2 cannot be part of a key: ${plain}, got the function Comment; pass the attribute you mean`,
    ],
    ['a symbol', Symbol('a'), `key 2 cannot be part of a key: ${plain}, got a symbol; pass the attribute you mean`],
    [
      'an instance of an unknown class',
      new Money(),
      `key 2 cannot be part of a key: ${plain}, got an instance of Money; pass the attribute you mean`,
    ],
    [
      'a promise',
      Promise.resolve(1),
      `key 2 cannot be part of a key: ${plain}, got a promise (await it first); pass the attribute you mean`,
    ],
    [
      'a WeakMap',
      new WeakMap(),
      `key 2 cannot be part of a key: ${plain}, got an instance of WeakMap; pass the attribute you mean`,
    ],
    [
      'a function in an object in a list',
      [{ a: () => 1 }],
      `key 2 cannot be part of a key: ${plain}, got the function a; pass the attribute you mean`,
    ],
    [
      'a symbol in a Map',
      new Map([['a', Symbol('a')]]),
      `key 2 cannot be part of a key: ${plain}, got a symbol; pass the attribute you mean`,
    ],
    [
      'a circular value',
      circular,
      'key 2 cannot be part of a key: expected plain data, got a circular value; pass the attribute you mean',
    ],
    [
      'data without end',
      deep,
      'key 2 cannot be part of a key: expected plain data, got data nested deeper than 100 levels; pass the attribute you mean',
    ],
  ])('%s', (_title, value, message) => {
    expect(() => canonical('first', value)).toThrow(expect.objectContaining({ code: 'CACHESWEEPER_BAD_KEY', message }));
  });

  test('a class instance that is a model has the text of its identity, wherever it stands', () => {
    const nameOf = (instance: object) => (instance instanceof Comment ? `Model("${instance.id}")` : undefined);
    expect(canonicalList([new Comment(7), { a: [new Comment(8)] }], 'key', nameOf)).toBe(
      '[Model("7"),{"a":[Model("8")]}]',
    );
  });
});
