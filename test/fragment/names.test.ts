import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bumpedNames, dependencyNames, EVERYTHING, ownName } from '../../src/model/names.ts';
import { trickyText } from './values.ts';

const identity = fc.record({
  type: fc.oneof(trickyText, fc.string({ unit: 'binary' })).filter((type) => type !== ''),
  id: fc.option(fc.oneof(trickyText, fc.string({ unit: 'binary' })), { nil: undefined }),
});

describe('names', () => {
  test('a row has three: everything, its type and its own', () => {
    expect(dependencyNames({ type: 'Comment', id: '7' })).toEqual(['*', 'Comment', 'Comment:=7']);
  });

  test('a type as a list has three as well', () => {
    expect(dependencyNames({ type: 'Comment', id: undefined })).toEqual(['*', 'Comment', 'Comment:*']);
  });

  test('a row bumps its own name and the lists of its type', () => {
    expect(bumpedNames({ type: 'Comment', id: '7' })).toEqual(['Comment:=7', 'Comment:*']);
  });

  test('a type bumps all that shows any of its rows', () => {
    expect(bumpedNames({ type: 'Comment', id: undefined })).toEqual(['Comment']);
  });

  test('no two identities share an own name, and none is the name of a type or of everything', () => {
    fc.assert(
      fc.property(fc.array(identity, { minLength: 2, maxLength: 30 }), (identities) => {
        const owners = new Map<string, string>();
        const types = new Set(identities.flatMap(({ type }) => bumpedNames({ type, id: undefined })));
        for (const one of identities) {
          const who = JSON.stringify([one.type, one.id ?? null, one.id === undefined]);
          const name = ownName(one);
          expect(owners.get(name) ?? who).toBe(who);
          owners.set(name, who);
          expect(name).not.toBe(EVERYTHING);
          expect(types).not.toContain(name);
        }
        expect(types.size).toBe(new Set(identities.map(({ type }) => type)).size);
        expect(types).not.toContain(EVERYTHING);
      }),
      { numRuns: 1_000 },
    );
  });

  test.each([
    [
      { type: 'A', id: '*' },
      { type: 'A', id: undefined },
    ],
    [
      { type: 'A:=1', id: undefined },
      { type: 'A', id: '1:*' },
    ],
    [
      { type: 'A', id: 'b:=1' },
      { type: 'A:=b', id: '1' },
    ],
    [
      { type: 'A%003a', id: '1' },
      { type: 'A:', id: '1' },
    ],
    [
      { type: '*', id: undefined },
      { type: '', id: undefined },
    ],
    [
      { type: 'A ', id: '1' },
      { type: 'A', id: ' 1' },
    ],
  ])('%o and %o are different', (a, b) => {
    expect(ownName(a)).not.toBe(ownName(b));
  });

  test('more types than are remembered keep their names', () => {
    const names = (type: number) => ownName({ type: `T${type}`, id: '1' });
    const before = Array.from({ length: 2_500 }, (_, type) => names(type));
    expect(before).toEqual(before.map((_, type) => names(type)));
    expect(new Set(before).size).toBe(2_500);
  });
});
