import { Binary, Decimal128, Double, Long, MinKey, ObjectId, UUID } from 'bson';
import { describe, expect, test } from 'vitest';
import { Identifier } from '../../src/model/identity.ts';
import { canonicalList } from '../../src/util/canonical.ts';
import { fragment, Site } from '../sweeper/site.ts';

const hex = '65a1b2c3d4e5f60718293a4b';
const uuidHex = '0f8fad5bd9cb469fa16570867728950e';
const uuid = '0f8fad5b-d9cb-469f-a165-70867728950e';

describe('ids that are no text and no number', () => {
  test.each<[string, unknown, string]>([
    ['an ObjectId', new ObjectId(hex), hex],
    ['a UUID', new UUID(uuidHex), uuid],
    ['a UUID as a driver reads it', Binary.createFromHexString(uuidHex, 4), uuid],
    ['bytes of MongoDB', Binary.createFromHexString('00ff'), '00ff'],
    ['a Long', Long.fromString('9007199254740993'), '9007199254740993'],
    ['a Decimal128', Decimal128.fromString('7'), '7'],
    ['a Buffer', Buffer.from([0, 255]), '00ff'],
    ['bytes', new Uint8Array([0, 255]), '00ff'],
  ])(
    '%s names the record that its text names: in a row, in { type, id }, as a part of a key, and as a tenant',
    (_title, id, text) => {
      const of = (model: unknown, type?: string) => new Identifier().identity(model, type);
      expect(of({ _id: id, title: '' }, 'Article')).toEqual({ type: 'Article', id: text, tenant: undefined });
      expect(of({ type: 'Article', id })).toEqual(of({ type: 'Article', id: text }));
      expect(of({ type: 'Article', id: [id, 1] })).toEqual(of({ type: 'Article', id: [text, '1'] }));
      expect(of({ type: 'Article', id: 1, tenant: id })).toEqual(of({ type: 'Article', id: 1, tenant: text }));
      class Article {
        _id = id;
      }
      expect(of(new Article())).toEqual({ type: 'Article', id: text, tenant: undefined });
    },
  );

  test('a date is an id, alone and as a part of a key; one that is none is not', () => {
    const of = (model: unknown, type?: string) => new Identifier().identity(model, type);
    const time = '2026-01-01T00:00:00.123Z';
    expect(of({ id: new Date(time) }, 'Event')).toEqual({ type: 'Event', id: time, tenant: undefined });
    expect(of({ type: 'Event', id: new Date(time) })).toEqual(of({ type: 'Event', id: time }));
    expect(of({ type: 'Event', id: [1, new Date(time)] })).toEqual(of({ type: 'Event', id: [1, time] }));
    expect(() => of({ type: 'Event', id: new Date(Number.NaN) })).toThrow(/no usable id/);
  });

  test.each<[string, unknown]>([
    ['bytes without any', new Uint8Array()],
    ['bytes of MongoDB without any', new Binary()],
    ['a Double that is no number', new Double(Number.NaN)],
    ['a Double without end', new Double(Number.NEGATIVE_INFINITY)],
    ['a MinKey', new MinKey()],
    ['plain data that pretends to be one', { _bsontype: 'ObjectId', id: hex }],
  ])('%s is no id', (_title, id) => {
    expect(() => new Identifier().identity({ type: 'Article', id })).toThrow(/no usable id/);
  });

  test('a value of MongoDB is no model, although it has an id', () => {
    const id = new ObjectId(hex);
    expect(() => new Identifier().identity(id)).toThrow(/it is an id alone: pass the model, or \{ type, id \}/);
    const identifier = new Identifier();
    identifier.identity('ObjectId');
    expect([identifier.met(id), identifier.metAnyway(id), identifier.identityOfInstance(id)]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  test('01 is another record than 1', () => {
    const identifier = new Identifier();
    expect(identifier.identity({ type: 'A', id: '01' })).not.toEqual(identifier.identity({ type: 'A', id: 1 }));
  });

  test('a lean row is invalidated by its ObjectId, by the digits of a url, and by touches', async () => {
    const site = new Site(fragment('row 0 type="Article"', '"row"', '{{ row.title }}'));
    site.sweeper.register('Comment', {
      touches: (comment: unknown) => [{ type: 'Article', id: (comment as { articleId: unknown }).articleId }],
    });
    const load = () => ({ row: { _id: new ObjectId(hex), title: 'lean' } });
    for (const model of [
      { type: 'Article', id: new ObjectId(hex) },
      { type: 'Article', id: hex },
    ]) {
      site.settle();
      await site.render(load());
      expect((await site.render(load())).ran).toEqual([]);
      await site.sweeper.invalidateCacheFor(model);
      expect((await site.render(load())).ran).toEqual(['row']);
    }
    site.settle();
    await site.render(load());
    const comment = { _id: new ObjectId('65a1b2c3d4e5f60718293aff'), articleId: new ObjectId(hex) };
    await site.sweeper.invalidateCacheFor(comment, { type: 'Comment' });
    expect((await site.render(load())).ran).toEqual(['row']);
  });
});

/** As Day.js, Luxon and Moment have them. */
class LibraryDate {
  readonly #time: number;
  readonly #zone: string;
  constructor(time: number, zone = 'Z') {
    this.#time = time;
    this.#zone = zone;
  }
  valueOf(): number {
    return this.#time;
  }
  toString(): string {
    return `${this.#time}${this.#zone}`;
  }
}

/** As decimal.js and big.js have them. */
class Decimal {
  readonly #text: string;
  constructor(text: string) {
    this.#text = text;
  }
  valueOf(): string {
    return this.#text;
  }
  toString(): string {
    return this.#text;
  }
}

describe('keys that are instances which stand for a value', () => {
  const text = (value: unknown) => canonicalList([value], 'key');

  test.each<[string, () => unknown, string]>([
    ['a date of a library', () => new LibraryDate(5), '[new LibraryDate(5,"5Z")]'],
    ['a date that is none', () => new LibraryDate(Number.NaN), '[new LibraryDate(NaN,"NaNZ")]'],
    ['a decimal', () => new Decimal('1.10'), '[new Decimal("1.10","1.10")]'],
    ['an ObjectId', () => new ObjectId(hex), `[new ObjectId("${hex}")]`],
  ])('%s is its class, value and text', (_title, make, expected) => {
    expect(text(make())).toBe(expected);
    expect(text({ in: [make()] })).toBe(`[{"in":[${expected.slice(1, -1)}]}]`);
  });

  test('they differ where they print differently, and from what they stand for', () => {
    const named = { Set: class extends Decimal {} };
    const values = [
      new LibraryDate(5),
      new LibraryDate(5, '+01:00'),
      5,
      '5Z',
      new Decimal('5'),
      '5',
      new named.Set('a'),
      new Set(['a', 'a']),
      new ObjectId(hex),
      hex,
    ];
    expect(new Set(values.map(text)).size).toBe(values.length);
  });

  test('any other instance, and one whose value cannot be asked for, is an error as before', () => {
    class Temporal {
      valueOf(): never {
        throw new TypeError('compare it otherwise');
      }
    }
    for (const value of [new (class Cart {})(), new Temporal(), Object(Symbol('x'))]) {
      expect(() => text(value)).toThrow(expect.objectContaining({ code: 'CACHESWEEPER_BAD_KEY' }));
    }
  });

  test('they tell fragments apart', async () => {
    const site = new Site(fragment('"Page" 0 day', '"body"'));
    const ran = async (day: unknown) => (await site.render({ day })).ran;
    expect(await ran(new LibraryDate(5))).toEqual(['body']);
    expect(await ran(new LibraryDate(5))).toEqual([]);
    expect(await ran(new LibraryDate(6))).toEqual(['body']);
    expect(await ran(new ObjectId(hex))).toEqual(['body']);
    expect(await ran(new ObjectId(hex))).toEqual([]);
  });
});
