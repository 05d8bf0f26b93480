import { describe, expect, test } from 'vitest';
import { Identifier } from '../../src/model/identity.ts';
import { fragment, Site } from './site.ts';

/** As Sequelize derives a class for another schema: the same name, and the schema as a static property. */
class Note {
  static _schema: unknown = null;
  static getTableName(): string {
    return 'notes';
  }
  static schema(schema: string): typeof Note {
    const derived = class extends Note {};
    Object.defineProperty(derived, 'name', { value: 'Note' });
    derived._schema = schema;
    return derived;
  }
  readonly id: number;
  readonly text: string;
  readonly orgId: unknown;
  constructor(id: number, text = '', orgId?: unknown) {
    this.id = id;
    this.text = text;
    this.orgId = orgId;
  }
}

const A = Note.schema('a');
const B = Note.schema('b');
const page = fragment('note 0', '"note"', '{{ note.text }}');

describe('rows of two tenants with one id', () => {
  test('by classes derived for two schemas are two rows: neither is shown for the other', async () => {
    const site = new Site(page);
    expect((await site.render({ note: new A(1, 'of a') })).html).toBe('of a');
    expect((await site.render({ note: new B(1, 'of b') })).html).toBe('of b');
    expect((await site.render({ note: new Note(1, 'of none') })).html).toBe('of none');
    for (const made of [A, B, Note]) expect((await site.render({ note: new made(1, 'other') })).ran).toEqual([]);
  });

  test('below a model, in a key, in a list and met by a body they are two rows as well', async () => {
    for (const source of [
      fragment('"Site" 0 note', '"b"', '{{ note.text }}'),
      fragment('[note] 0', '"b"', '{{ note.text }}'),
      fragment('"Site" 0', '"b"', '{% depends note %}{{ note.id }}'),
      fragment('note 0 type="Note"', '"b"', '{{ note.text }}'),
      fragment('note 0 type="Memo"', '"b"', '{{ note.text }}'),
      fragment('"Site" 0', '"b"', '{{ note.text }}'),
    ]) {
      const site = new Site(source);
      site.sweeper.register(Note);
      const { html } = await site.render({ note: new A(1, 'of a') });
      expect((await site.render({ note: new B(1, html === '1' ? '' : 'of b') })).html).toBe(html.replace('a', 'b'));
    }
  });

  test('a class derived for another schema has the tenant of that schema, as a list too', () => {
    const identifier = new Identifier();
    expect(identifier.identity(new Note(1))).toEqual({ type: 'Note', id: '1' });
    expect(identifier.identity(new A(1))).toEqual({ type: 'Note', id: '1', tenant: 'a' });
    expect(identifier.identity(new (Note.schema('a'))(1))).toEqual({ type: 'Note', id: '1', tenant: 'a' });
    expect(identifier.identity(B)).toEqual({ type: 'Note', id: undefined, tenant: 'b' });
    // A scope of it is derived once more, with the same schema.
    const Scoped = Object.defineProperty(class extends B {}, 'name', { value: 'Note' });
    expect(identifier.identity(new Scoped(1))).toEqual({ type: 'Note', id: '1', tenant: 'b' });
  });

  test('and so it is under a registered name', () => {
    const identifier = new Identifier();
    identifier.register(Note, { type: 'Memo' });
    expect(identifier.identity(new A(1))).toEqual({ type: 'Memo', id: '1', tenant: 'a' });
    expect(identifier.identity(new Note(1))).toEqual({ type: 'Memo', id: '1' });
  });

  test.each<[string, (site: Site) => unknown, object]>([
    ['register() with an attribute', ({ sweeper }) => sweeper.register(Note, { tenant: 'orgId' }), {}],
    ['register() with a function', ({ sweeper }) => sweeper.register(Note, { tenant: ({ orgId }) => orgId }), {}],
    ['identify', () => undefined, { identify: ({ id, orgId }: Note) => ({ type: 'Note', id, tenant: orgId }) }],
  ])('by %s', async (_title, prepare, options) => {
    const site = new Site(page, options);
    prepare(site);
    const notes = [new Note(1, 'of 7', 7), new Note(1, 'of 8', 8)] as const;
    for (const note of notes) expect((await site.render({ note })).html).toBe(note.text);
    site.settle();
    for (const note of notes) await site.render({ note });
    for (const note of notes) expect((await site.render({ note })).ran).toEqual([]);
  });

  test('a plain row has the tenant that is registered for its type', () => {
    const identifier = new Identifier();
    identifier.register('Note', { tenant: 'orgId' });
    expect(identifier.identity({ id: 1, orgId: 7n }, 'Note')).toEqual({ type: 'Note', id: '1', tenant: '7' });
  });

  test('cacheIdentity and an object of type, id and tenant give one', () => {
    const identifier = new Identifier();
    const identity = { type: 'Note', id: 1, tenant: 'a' };
    for (const model of [identity, { cacheIdentity: identity, id: 5 }]) {
      expect(identifier.identity(model)).toEqual({ type: 'Note', id: '1', tenant: 'a' });
    }
  });

  test('null is a row of no tenant; one that is not loaded is an error, because it could be any', () => {
    const identifier = new Identifier();
    identifier.register(Note, { tenant: 'orgId' });
    expect(identifier.identity(new Note(1, '', null))).toEqual({ type: 'Note', id: '1' });
    for (const orgId of [undefined, '', Number.NaN, {}]) {
      expect(() => identifier.identity(new Note(1, '', orgId))).toThrow(
        expect.objectContaining({ code: 'CACHESWEEPER_NO_IDENTITY', message: expect.stringContaining('orgId') }),
      );
    }
  });

  test('two classes under one registered type are the same only if an ORM does not know that their tables differ', () => {
    const identifier = new Identifier();
    class Content {
      readonly id = 1;
    }
    class Post extends Content {}
    class Question extends Content {}
    class Draft extends Post {}
    identifier.register(Content, { touches: () => [] });
    expect(identifier.identity(new Question())).toEqual({ type: 'Content', id: '1' });
    const tables = new Map<unknown, string>([
      [Post, 'posts'],
      [Draft, 'posts'],
      [Question, 'questions'],
    ]);
    identifier.learn((of) =>
      tables.has(of) ? { id: 'id', table: tables.get(of) as string, isHeard: true } : undefined,
    );
    for (const row of [new Post(), new Draft()]) expect(identifier.identity(row)).toEqual({ type: 'Content', id: '1' });
    expect(() => identifier.identity(new Question())).toThrow(
      expect.objectContaining({ code: 'CACHESWEEPER_TYPE_CONFLICT', message: expect.stringContaining('tables') }),
    );
    identifier.register(Question, { type: 'Question' });
    expect(identifier.identity(new Question())).toEqual({ type: 'Question', id: '1' });
  });

  test('two classes of one name that have a tenant registered are told apart by it', () => {
    const identifier = new Identifier();
    const One = (() => class Memo {})();
    const Two = (() => class Memo {})();
    identifier.register(One, { tenant: () => 'one' });
    identifier.register(Two, { tenant: () => 'two' });
    const identities = [One, Two].map((made) => identifier.identity(Object.assign(new made(), { id: 1 })));
    expect(identities.map(({ tenant }) => tenant)).toEqual(['one', 'two']);
  });
});

describe('a change', () => {
  /** Which of the rows 1 of a, b and none, and which of their lists, were made anew. */
  const ranAfter = async (change: (site: Site) => Promise<void>) => {
    const each = (name: string) => fragment(`${name} 0`, `"${name}"`);
    const site = new Site(['a', 'b', 'bare', 'listA', 'listB', 'all'].map(each).join(''));
    const context = { a: new A(1), b: new B(1), bare: new Note(1), listA: A, listB: B, all: 'Note' };
    await site.render(context);
    expect((await site.render(context)).ran).toEqual([]);
    await change(site);
    return (await site.render(context)).ran;
  };

  test("of a tenant's row: not the lists of another tenant", async () => {
    const ran = await ranAfter(({ sweeper }) => sweeper.invalidateCacheFor(new A(2)));
    expect(ran).toEqual(['listA', 'all']);
  });

  test("of a tenant's row reaches what names the row without a tenant", async () => {
    const ran = await ranAfter(({ sweeper }) => sweeper.invalidateCacheFor(new A(1)));
    expect(ran).toEqual(expect.arrayContaining(['a', 'bare', 'listA', 'all']));
    expect(ran).not.toContain('listB');
  });

  test('of a row of which no tenant is known reaches it in every tenant', async () => {
    const ran = await ranAfter(({ sweeper }) => sweeper.invalidateCacheFor({ type: 'Note', id: 1 }));
    expect(ran).toEqual(['a', 'b', 'bare', 'listA', 'listB', 'all']);
  });

  test.each([
    ['its name', 'Note'],
    ['a class of one tenant', A],
  ])('of a type by %s: all of it', async (_title, model) => {
    const ran = await ranAfter(({ sweeper }) => sweeper.invalidateCacheFor(model));
    expect(ran).toEqual(['a', 'b', 'bare', 'listA', 'listB', 'all']);
  });

  test('of what a row touches without naming a tenant reaches all tenants', async () => {
    const ran = await ranAfter(({ sweeper }) => {
      sweeper.register('Reply', { touches: () => ({ type: 'Note', id: 1 }) });
      return sweeper.invalidateCacheFor({ type: 'Reply', id: 9 });
    });
    expect(ran).toEqual(['a', 'b', 'bare', 'listA', 'listB', 'all']);
  });
});

describe('a key of several attributes', () => {
  test('is a list, told apart from every other list', () => {
    const identifier = new Identifier();
    const ids = [[1, 2], ['1', 2n], ['1,2'], ['1', '2', ''], [12], [2, 1]].map((id) => {
      try {
        return identifier.identity({ type: 'Line', id }).id;
      } catch {
        return 'refused';
      }
    });
    expect(ids).toEqual(['["1","2"]', '["1","2"]', '["1,2"]', 'refused', '["12"]', '["2","1"]']);
  });

  test('may be registered as a function', () => {
    const identifier = new Identifier();
    identifier.register('Line', { id: ({ order, at }: { order: number; at: Date }) => [order, at] });
    const row = { order: 3, at: new Date(0) };
    expect(identifier.identity(row, 'Line')).toEqual({ type: 'Line', id: '["3","1970-01-01T00:00:00.000Z"]' });
  });
});
