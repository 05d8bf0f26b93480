import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalKey, type KeyModel, type KeyParts, safeKey } from '../../src/cache/key.ts';
import { ownName } from '../../src/model/names.ts';
import { canonicalList } from '../../src/util/canonical.ts';
import { sized } from '../support/long.ts';
import { plainValue, trickyText } from './values.ts';

const parts: KeyParts = {
  namespace: 'blog',
  version: 1,
  template: 'comment.njk',
  digest: 'Xu8bJr4HcN2s9QaP',
  ordinal: 0,
  models: [{ type: 'Comment', id: '7', name: 'Comment:=7', token: '0mi8kq2c4Vb3xR9aLk0g' }],
  keys: '["comment.njk"]',
  using: '[]',
  vary: '[]',
  reads: '',
};

const keyModel = (type: string, id: string, token: string): KeyModel => ({
  type,
  id,
  name: ownName({ type, id }),
  token,
});

const word = fc.string({ unit: fc.constantFrom('a', 'b', '1', '-', '_', '.'), maxLength: 2 });
const token = fc.string({ unit: fc.constantFrom('a', '1', '-', '_', '.'), minLength: 1, maxLength: 2 });
const model = fc
  .record({ type: trickyText.filter((type) => type !== ''), id: fc.option(trickyText, { nil: undefined }), token })
  .map((one) => ({ ...one, name: ownName(one) }));
const values = fc.array(plainValue, { maxLength: 2 }).map((list) => canonicalList(list, 'key'));
const keyParts: fc.Arbitrary<KeyParts> = fc.record(
  {
    namespace: word,
    version: fc.nat(12),
    template: trickyText,
    digest: word,
    reads: word,
    ordinal: fc.nat(12),
    models: fc.array(model, { minLength: 1, maxLength: 2 }),
    keys: values,
    using: values,
    vary: values,
  },
  { noNullPrototype: true },
);

/** One model whose id looks like that of another with a second model behind it. */
function posing(a: KeyModel, b: KeyModel): KeyModel {
  const one = { type: a.type, id: `${a.id ?? ''}@${a.token}+${b.name}`, token: b.token };
  return { ...one, name: ownName(one) };
}

describe('the canonical text of key parts', () => {
  test('is different when any part is, whatever separators are in them', () => {
    // Neighbours of one list of parts, with a part of another in the place of its own or moved into the next.
    const neighbours = fc
      .tuple(keyParts, keyParts, trickyText)
      .map(([a, b, text]): KeyParts[] => [
        a,
        b,
        ...Object.keys(a).map((name) => ({ ...a, [name]: b[name as keyof KeyParts] })),
        { ...a, template: a.template + text },
        { ...a, template: `${a.template}#${a.ordinal}@${a.digest}` },
        { ...a, models: [...a.models, ...b.models] },
        { ...a, models: [posing(a.models[0] as KeyModel, b.models[0] as KeyModel)] },
        { ...a, models: [a.models[0] as KeyModel, b.models[0] as KeyModel] },
        { ...a, keys: a.using, using: a.keys },
        { ...a, using: a.vary, vary: a.using },
        { ...a, keys: a.vary, vary: a.keys },
      ]);
    fc.assert(
      fc.property(neighbours, (all) => {
        const seen = new Map<string, KeyParts>();
        for (const one of all) {
          const text = canonicalKey(one);
          const before = seen.get(text);
          if (before !== undefined && !isDeepStrictEqual(before, one)) throw new Error(`${text} is the text of two`);
          seen.set(text, one);
        }
      }),
      { numRuns: sized(300, 1_000, 1_000) },
    );
  });

  test.each<[string, Partial<KeyParts>, Partial<KeyParts>]>([
    ['a template with a place in its name', { template: 'a#1@x', ordinal: 2 }, { template: 'a', ordinal: 1 }],
    ['a template with a colon', { namespace: 'a', template: 'b:1:c' }, { namespace: 'a', template: 'b' }],
    ['ordinals 1 and 11', { ordinal: 1 }, { ordinal: 11 }],
    ['a key and a using attribute', { keys: '["a"]', using: '[]' }, { keys: '[]', using: '["a"]' }],
    ['a using attribute and a vary value', { using: '["a"]' }, { vary: '["a"]' }],
    ['what was read and what was not', { reads: 'Zq3hXw0aT5kLr2Vb' }, {}],
    ['what was read and a vary value', { reads: '["a"]' }, { vary: '["a"]' }],
    ['a template that looks escaped', { template: 'a%0023' }, { template: 'a#' }],
    [
      'two models and one whose id looks like them',
      { models: [keyModel('A', '1', 't'), keyModel('B', '2', 'u')] },
      { models: [keyModel('A', '1@t+B:=2', 'u')] },
    ],
    ['lone surrogates', { template: '\ud800' }, { template: '\ud801' }],
  ])('tells apart: %s', (_title, a, b) => {
    expect(canonicalKey({ ...parts, ...a })).not.toBe(canonicalKey({ ...parts, ...b }));
  });

  test('is short and can be read', () => {
    expect(canonicalKey(parts)).toBe(
      'blog:1:comment.njk#0@Xu8bJr4HcN2s9QaP:Comment:=7@0mi8kq2c4Vb3xR9aLk0g:["comment.njk"]',
    );
    expect(canonicalKey({ ...parts, reads: 'Zq3hXw0aT5kLr2Vb' })).toBe(
      'blog:1:comment.njk#0@Xu8bJr4HcN2s9QaP:Comment:=7@0mi8kq2c4Vb3xR9aLk0g:["comment.njk"]:Zq3hXw0aT5kLr2Vb',
    );
  });
});

/** Every store takes these: Memcached's limit is 250 bytes. */
const SAFE = /^[\x21-\x7e]{1,250}$/;

describe('the key a store is given', () => {
  test('is the text itself while that is short printable ASCII', () => {
    const text = canonicalKey(parts);
    expect(safeKey(text, parts)).toBe(text);
    expect(safeKey('x'.repeat(200), parts)).toBe('x'.repeat(200));
  });

  test.each(['', ' ', 'a b', 'a\nb', 'é', '\0', '\x7f', 'x'.repeat(201), '😀', '\ud800'])(
    'is a hash behind namespace and version for %o',
    (text) => {
      expect(safeKey(text, parts)).toMatch(/^blog:1:sha256:[A-Za-z0-9_-]{43}$/);
    },
  );

  test('is safe and different for different texts', () => {
    const text = fc.oneof(fc.string({ unit: 'binary' }), trickyText, fc.string({ minLength: 190, maxLength: 260 }));
    fc.assert(
      fc.property(fc.uniqueArray(text, { maxLength: 20 }), word, (texts, namespace) => {
        const wellFormed = [...new Set(texts.map((one) => Buffer.from(one).toString()))];
        const keys = wellFormed.map((one) => safeKey(one, { namespace, version: 2 ** 53 - 1 }));
        for (const key of keys) expect(key).toMatch(SAFE);
        expect(new Set(keys).size).toBe(keys.length);
      }),
    );
  });

  test('is safe with the longest namespace', () => {
    const longest = { namespace: 'n'.repeat(64), version: Number.MAX_SAFE_INTEGER };
    expect(safeKey('é', longest)).toMatch(SAFE);
  });
});
