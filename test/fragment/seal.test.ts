import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Sealer } from '../../src/cache/seal.ts';

const kind = fc.constantFrom('token' as const, 'entry' as const);
const key = fc.stringMatching(/^[\x21-\x7e]{1,40}$/);
const payload = fc.string({ unit: 'grapheme', maxLength: 100 });
const secrets = fc.array(fc.string({ minLength: 16, maxLength: 20 }), { maxLength: 3 });

test('what was sealed is unsealed with any of its secrets, and only as the kind and key it was sealed for', () => {
  fc.assert(
    fc.property(kind, key, payload, secrets, kind, key, (sealedKind, sealedKey, text, list, otherKind, otherKey) => {
      const value = new Sealer(list).seal(sealedKind, sealedKey, text);
      expect(new Sealer(list.toReversed()).unseal(sealedKind, sealedKey, value)).toBe(text);
      if (otherKind !== sealedKind) expect(new Sealer(list).unseal(otherKind, sealedKey, value)).toBeUndefined();
      if (otherKey !== sealedKey) expect(new Sealer(list).unseal(sealedKind, otherKey, value)).toBeUndefined();
    }),
  );
});

test('a character may not move from the key to the payload', () => {
  const sealer = new Sealer();
  expect(sealer.unseal('entry', 'ke', sealer.seal('entry', 'key', 'payload'))).toBeUndefined();
  const value = Buffer.from(sealer.seal('entry', 'key', 'payload')).toString();
  expect(sealer.unseal('entry', 'ke', Buffer.from(value.replace('entry:3:key:', 'entry:2:ke:y')))).toBeUndefined();
});

test('neither a digest nor another secret is good for one who has a secret, nor the other way round', () => {
  const [none, one, other] = [[], ['a secret of 16 ch'], ['another of 16 chr']].map((list) => new Sealer(list));
  for (const sealer of [none!, one!, other!]) {
    for (const reader of [none!, one!, other!]) {
      const read = reader.unseal('token', 'key', sealer.seal('token', 'key', 'payload'));
      expect(read).toBe(reader === sealer ? 'payload' : undefined);
    }
  }
});

test('any bytes but those that were sealed are no value', () => {
  const sealer = new Sealer(['a secret of 16 ch']);
  const value = sealer.seal('entry', 'key', 'payload');
  fc.assert(
    fc.property(fc.nat(value.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
      const changed = Uint8Array.from(value);
      changed[at] = (changed[at] as number) ^ mask;
      expect(sealer.unseal('entry', 'key', changed)).toBeUndefined();
      expect(sealer.unseal('entry', 'key', value.subarray(0, at))).toBeUndefined();
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(sealer.unseal('entry', 'key', bytes)).toBeUndefined();
    }),
  );
});

test('another format is another value', () => {
  const sealer = new Sealer();
  const value = Buffer.from(sealer.seal('entry', 'key', 'payload')).toString();
  expect(value.startsWith('csw5d.')).toBe(true);
  expect(sealer.unseal('entry', 'key', Buffer.from(value.replace('csw5d.', 'csw2d.')))).toBeUndefined();
});
