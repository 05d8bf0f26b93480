import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Dependencies } from '../../src/cache/dependencies.ts';
import { mintToken, tokenRecord, tokenTime } from '../../src/cache/token.ts';

const time = fc.nat(Date.UTC(2500, 0, 1));

describe('a token', () => {
  test('is never made twice, not even at one moment', () => {
    const tokens = Array.from({ length: 10_000 }, () => mintToken(5));
    expect(new Set(tokens).size).toBe(tokens.length);
  });

  test('has 64 random bits behind its time', () => {
    expect(mintToken(Date.UTC(2026, 10, 1))).toMatch(/^0[0-9a-z]{8}[A-Za-z0-9_-]{11}$/);
  });

  test('tells its time and what was recorded', () => {
    fc.assert(
      fc.property(time, fc.option(fc.base64String({ minLength: 4 }), { nil: undefined }), (at, recorded) => {
        const token = mintToken(at, recorded);
        expect(tokenTime(token)).toBe(at);
        expect(tokenRecord(token)).toBe(recorded);
      }),
    );
  });

  test('of a fraction or of before 1970 has a whole time that is not negative', () => {
    expect(tokenTime(mintToken(5.9))).toBe(5);
    expect(tokenTime(mintToken(-5))).toBe(0);
  });

  test('of a later time is the younger one among dependencies', () => {
    fc.assert(
      fc.property(fc.uniqueArray(time, { minLength: 1, maxLength: 10 }), (times) => {
        const dependencies = new Dependencies();
        for (const at of times) dependencies.add(`A:=${at}`, mintToken(at));
        expect(tokenTime(dependencies.youngest())).toBe(Math.max(...times));
      }),
    );
  });
});

describe('the token of a dependency', () => {
  test('is the one that was read first: a bump in between makes the entry invalid', () => {
    const outer = new Dependencies();
    const inner = new Dependencies();
    outer.add('A:=1', 'first');
    inner.add('A:=1', 'second');
    outer.addAll(inner);
    expect(outer.tokens.get('A:=1')).toBe('first');
  });
});
