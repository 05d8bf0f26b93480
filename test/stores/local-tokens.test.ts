import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LocalTokens } from '../../src/cache/local-tokens.ts';
import { mintToken, type Token, tokenTime } from '../../src/cache/token.ts';

const LIMIT = 10;
const NAMES = 30;

/** Bumps of some of thirty names, each some time after the one before. */
const bumps = fc.array(fc.record({ names: fc.uniqueArray(fc.nat(NAMES - 1), { maxLength: 14 }), wait: fc.nat(5) }), {
  maxLength: 60,
});

describe('the tokens of one process', () => {
  test('a name that was never bumped has the floor, which is as old as time', () => {
    const tokens = new LocalTokens(LIMIT);
    expect(tokens.get('a')).toBe(tokens.get('b'));
    expect(tokenTime(tokens.get('a'))).toBe(0);
    expect(tokens.size).toBe(0);
  });

  test('a name that was bumped has the token it was given', () => {
    const tokens = new LocalTokens(LIMIT);
    const floor = tokens.get('b');
    tokens.set('a', 'token');
    expect(tokens.get('a')).toBe('token');
    expect(tokens.get('b')).toBe(floor);
  });

  test('never more than the limit are kept', () => {
    const tokens = new LocalTokens(LIMIT);
    for (let i = 0; i < 1_000; i++) {
      tokens.set(`name ${i}`, mintToken(i));
      expect(tokens.size).toBeLessThanOrEqual(LIMIT);
    }
    expect(tokens.size).toBeGreaterThan(1);
  });

  test('to bump one name again and again drops no other', () => {
    const tokens = new LocalTokens(LIMIT);
    for (let i = 0; i < LIMIT; i++) tokens.set(`name ${i}`, mintToken(i));
    const first = tokens.get('name 0');
    for (let i = 0; i < 100; i++) tokens.set('name 9', mintToken(i));
    expect(tokens.get('name 0')).toBe(first);
  });

  test('the names bumped last stay when the map is full', () => {
    const tokens = new LocalTokens(LIMIT);
    for (let i = 0; i < LIMIT; i++) tokens.set(`name ${i}`, mintToken(i));
    tokens.set('name 0', 'again');
    tokens.set('one more', 'new');
    expect(tokens.get('name 0')).toBe('again');
    expect(tokens.get('one more')).toBe('new');
    expect(tokens.get('name 1')).toBe(tokens.get('never bumped'));
  });

  test('when the map evicts, the floor is a new token, for names never bumped as well', () => {
    const tokens = new LocalTokens(LIMIT);
    const floors = new Set<Token>();
    let evictions = 0;
    for (let i = 0; i < 200; i++) {
      const before = tokens.size;
      const floor = tokens.get('never bumped');
      floors.add(floor);
      tokens.set(`name ${i}`, mintToken(i));
      const evicted = tokens.size <= before;
      if (evicted) evictions++;
      expect(tokens.get('never bumped') === floor).toBe(!evicted);
    }
    expect(evictions).toBeGreaterThan(20);
    expect(floors.size).toBe(evictions + 1);
  });
});

describe('promise 3: no token comes back, with a map of ten under random bumps', () => {
  const name = (index: number) => `name ${index}`;
  const everyName = Array.from({ length: NAMES }, (_, index) => name(index));

  test('after a bump a name never again has a token it had before', () => {
    fc.assert(
      fc.property(bumps, (rounds) => {
        const tokens = new LocalTokens(LIMIT);
        const seen = new Map(everyName.map((one) => [one, new Set<Token>()]));
        const forbidden = new Map(everyName.map((one) => [one, new Set<Token>()]));
        const look = () => {
          for (const one of everyName) {
            const token = tokens.get(one);
            expect(forbidden.get(one)).not.toContain(token);
            seen.get(one)?.add(token);
          }
        };
        let now = Date.UTC(2026, 10, 1);
        look();
        for (const { names, wait } of rounds) {
          now += wait;
          for (const index of names) {
            forbidden.set(name(index), new Set(seen.get(name(index))));
            tokens.set(name(index), mintToken(now));
          }
          look();
        }
      }),
    );
  });

  test('an entry made before a bump of anything it depends on is never valid again', () => {
    const entry = fc.uniqueArray(fc.nat(NAMES - 1), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(bumps, fc.array(entry, { minLength: 5, maxLength: 5 }), (rounds, shapes) => {
        const tokens = new LocalTokens(LIMIT);
        const entries: { names: string[]; tokens: Token[]; isBumped: boolean }[] = [];
        for (const { names } of rounds) {
          for (const shape of shapes) {
            const made = shape.map(name);
            entries.push({ names: made, tokens: made.map((one) => tokens.get(one)), isBumped: false });
          }
          for (const bumped of names.map(name)) {
            tokens.set(bumped, mintToken(1));
            for (const one of entries) if (one.names.includes(bumped)) one.isBumped = true;
          }
          for (const one of entries) {
            const valid = one.names.every((dependency, i) => tokens.get(dependency) === one.tokens[i]);
            if (one.isBumped) expect(valid).toBe(false);
          }
        }
      }),
    );
  });

  test('a token is never older than the last bump of its name: data read before it is known to be late', () => {
    fc.assert(
      fc.property(bumps, (rounds) => {
        const tokens = new LocalTokens(LIMIT);
        const bumped = new Map<string, number>();
        let now = Date.UTC(2026, 10, 1);
        for (const { names, wait } of rounds) {
          now += wait;
          for (const index of names) {
            tokens.set(name(index), mintToken(now));
            bumped.set(name(index), now);
          }
          for (const [one, at] of bumped) expect(tokenTime(tokens.get(one))).toBeGreaterThanOrEqual(at);
        }
      }),
    );
  });
});
