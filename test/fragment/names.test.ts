import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Identity } from '../../src/model/identity.ts';
import { bumpedNames, dependencyNames, EVERYTHING, ownName, typeOfName } from '../../src/model/names.ts';
import { sized } from '../support/long.ts';
import { trickyText } from './values.ts';

const identity = fc.record({
  type: fc.oneof(trickyText, fc.string({ unit: 'binary' })).filter((type) => type !== ''),
  id: fc.option(fc.oneof(trickyText, fc.string({ unit: 'binary' })), { nil: undefined }),
  tenant: fc.option(fc.oneof(trickyText, fc.string({ unit: 'binary' })), { nil: undefined }),
});

describe('names', () => {
  test('a row has three: everything, its type and its own', () => {
    expect(dependencyNames({ type: 'Comment', id: '7' })).toEqual(['*', 'Comment', 'Comment:=7']);
  });

  test('a type as a list has one more, for rows of any tenant', () => {
    expect(dependencyNames({ type: 'Comment', id: undefined })).toEqual(['*', 'Comment', 'Comment:@*', 'Comment:*']);
  });

  test('a row of a tenant has its own, and the one that it has where no tenant is known', () => {
    const row = { type: 'Comment', id: '7', tenant: 'acme' };
    expect(dependencyNames(row)).toEqual(['*', 'Comment', 'Comment:=7', 'Comment:@acme:=7']);
    const list = { type: 'Comment', id: undefined, tenant: 'acme' };
    expect(dependencyNames(list)).toEqual(['*', 'Comment', 'Comment:*', 'Comment:@acme:*']);
  });

  const isReached = (by: Identity, reader: Identity) =>
    bumpedNames(by).some((name) => dependencyNames(reader).includes(name));
  const row = (tenant?: string): Identity => ({ type: 'Comment', id: '7', tenant });
  const list = (tenant?: string): Identity => ({ type: 'Comment', id: undefined, tenant });

  test('a row of a tenant bumps itself, the lists of its tenant and what names no tenant, and no list of another', () => {
    for (const reader of [row('a'), list('a'), row(), list()]) expect(isReached(row('a'), reader)).toBe(true);
    expect(isReached(row('a'), list('b'))).toBe(false);
    expect(isReached(row('a'), { ...row('b'), id: '8' })).toBe(false);
  });

  test.each([
    ['a row', row()],
    ['a type', list()],
    ['a type of one tenant', list('a')],
  ])('%s without a tenant bumps those of all tenants', (_title, changed) => {
    for (const reader of [row('a'), list('a'), row('b'), list('b'), row(), list()]) {
      expect(isReached(changed, reader)).toBe(true);
    }
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
          const who = JSON.stringify([one.type, one.id ?? null, one.tenant ?? null]);
          const name = ownName(one);
          expect(owners.get(name) ?? who).toBe(who);
          owners.set(name, who);
          expect(name).not.toBe(EVERYTHING);
          expect(types).not.toContain(name);
          // The list of all tenants is the name of no identity, and a type is found in each of its names.
          const [type] = bumpedNames({ type: one.type, id: undefined });
          for (const other of [...dependencyNames(one), ...bumpedNames(one)].filter((each) => each !== EVERYTHING)) {
            expect(typeOfName(other)).toBe(type);
          }
          expect(name).not.toBe(`${type}:@*`);
        }
        expect(types.size).toBe(new Set(identities.map(({ type }) => type)).size);
        expect(types).not.toContain(EVERYTHING);
      }),
      { numRuns: sized(250, 1_000, 1_000) },
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
      { type: 'A', id: '1', tenant: 'b' },
      { type: 'A', id: '1', tenant: 'c' },
    ],
    [
      { type: 'A', id: '1', tenant: '' },
      { type: 'A', id: '1' },
    ],
    [
      { type: 'A', id: '2', tenant: 'b:=1' },
      { type: 'A', id: '1:=2', tenant: 'b' },
    ],
    [
      { type: 'A', id: undefined, tenant: '*' },
      { type: 'A', id: undefined, tenant: '%002a' },
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
