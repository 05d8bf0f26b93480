import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { identityOf, modelArgument } from '../../src/cli/store/model-argument.ts';
import { ownName } from '../../src/model/names.ts';
import { runs } from '../support/long.ts';

const text = fc.string({ minLength: 1, unit: 'grapheme' });

describe('a model of the command line', () => {
  test('is the row that has the type, the id and the tenant, whatever characters they have', () => {
    fc.assert(
      fc.property(text, text, fc.option(text, { nil: undefined }), (type, id, tenant) => {
        expect(identityOf(modelArgument(type, id, tenant))).toEqual({ type, id, tenant });
      }),
      runs(100, 20_000, 2_000),
    );
  });

  test('is the row whose name it is, as reports show it', () => {
    fc.assert(
      fc.property(text, text, fc.option(text, { nil: undefined }), (type, id, tenant) => {
        const name = ownName({ type, id, tenant });
        expect(identityOf(modelArgument(name, undefined, undefined))).toEqual({ type, id, tenant });
      }),
      runs(100, 20_000, 2_000),
    );
  });

  test.each([
    ['Comment', undefined, { type: 'Comment' }],
    ['Comment:7', undefined, { type: 'Comment', id: '7' }],
    ['Comment:a:b', undefined, { type: 'Comment', id: 'a:b' }],
    ['Comment', '@bob', { type: 'Comment', id: '@bob' }],
    ['Comment', '*', { type: 'Comment', id: '*' }],
    ['Comment:7', 'acme', { type: 'Comment:7', id: 'acme' }],
  ])('%s %s', (type, id, identity) => {
    expect(identityOf(modelArgument(type, id, undefined))).toMatchObject(identity);
  });

  test('has one tenant', () => {
    expect(modelArgument('Comment:@acme:=7', undefined, 'acme')).toEqual({ type: 'Comment', id: '7', tenant: 'acme' });
    expect(() => modelArgument('Comment:@acme:=7', undefined, 'other')).toThrow(
      '--tenant: expected the tenant of Comment:@acme:=7, or none, got other',
    );
  });
});
