import { runInNewContext } from 'node:vm';
import nunjucks from 'nunjucks';
import { describe, expect, test } from 'vitest';
import { Identifier } from '../../src/model/identity.ts';
import { Comment } from '../support/models.ts';

class Draft {
  id: unknown;
  constructor(id?: unknown) {
    this.id = id;
  }
}
class Plain {}
const Nameless = (() => class {})();
const row = 'for a plain row say its type: type="Comment"; or pass { type, id }';
const instance = 'give it an id, a cacheIdentity, or register(theClass, { id })';
const nothing = 'pass a model, a class or the name of a type';
const none = `${nothing}; where there may be none, write when=comment: {% cachesweeper comment 500 when=comment %}`;
const wrapped =
  'Nunjucks wraps a class that is looked up in an object: name the type, "Comment", or pass the class as a variable of its own';
const id = 'save it first, or say where its id is with register(theClass, { id: "uuid" })';

describe('a value that is no model is an error that says what was got and what would do', () => {
  test.each<[string, unknown, string]>([
    ['null', null, `expected a model with an identity, got null; ${none}`],
    ['undefined', undefined, `expected a model with an identity, got undefined; ${none}`],
    ['a number', 7, `expected a model with an identity, got the number 7; ${nothing}`],
    ['NaN', Number.NaN, `expected a model with an identity, got the number NaN; ${nothing}`],
    ['true', true, `expected a model with an identity, got the boolean true; ${nothing}`],
    ['an empty string', '', `expected a model with an identity, got the string ""; ${nothing}`],
    ['a symbol', Symbol('x'), `expected a model with an identity, got a symbol; ${nothing}`],
    ['{}', {}, `expected a model with an identity, got an empty object; ${row}`],
    ['a plain row', { id: 7, text: '' }, `expected a model with an identity, got a plain object with id, text; ${row}`],
    [
      'a row with a type column',
      { id: 7, type: 'question', text: '' },
      `expected a model with an identity, got a plain object with id, type, text; ${row}`,
    ],
    [
      'an object of type alone',
      { type: 'A' },
      `expected a model with an identity, got a plain object with type; ${row}`,
    ],
    ['a list in a list', [new Comment(1)], `expected a model with an identity, got a list of 1; ${row}`],
    [
      'a promise',
      Promise.resolve(new Comment(1)),
      `expected a model with an identity, got a promise (await it first); ${instance}`,
    ],
    [
      'an instance without an id',
      new Plain(),
      `expected a model with an identity, got an instance of Plain; ${instance}`,
    ],
    ['a Map', new Map(), `expected a model with an identity, got an instance of Map; ${instance}`],
    [
      'a class that Nunjucks wrapped',
      (nunjucks.runtime as unknown as { memberLookup(from: object, name: string): unknown }).memberLookup(
        { Comment },
        'Comment',
      ),
      `expected a model with an identity, got a function without a name; ${wrapped}`,
    ],
    [
      'an instance not saved yet',
      new Draft(),
      `an instance of Draft has no usable id: expected a string, number or bigint, got undefined; ${id}`,
    ],
    [
      'an id null',
      new Draft(null),
      `an instance of Draft has no usable id: expected a string, number or bigint, got null; ${id}`,
    ],
    [
      'an id NaN',
      new Draft(Number.NaN),
      `an instance of Draft has no usable id: expected a string, number or bigint, got the number NaN; ${id}`,
    ],
    [
      'an id Infinity',
      new Draft(Infinity),
      `an instance of Draft has no usable id: expected a string, number or bigint, got the number Infinity; ${id}`,
    ],
    [
      "an id ''",
      new Draft(''),
      `an instance of Draft has no usable id: expected a string, number or bigint, got the string ""; ${id}`,
    ],
    [
      'an id that is an object',
      new Draft({ a: 1 }),
      `an instance of Draft has no usable id: expected a string, number or bigint, got a plain object with a; ${id}`,
    ],
    [
      'an id that is a promise',
      new Draft(Promise.resolve(1)),
      `an instance of Draft has no usable id: expected a string, number or bigint, got a promise (await it first); ${id}`,
    ],
    [
      'an id that is true',
      new Draft(true),
      `an instance of Draft has no usable id: expected a string, number or bigint, got the boolean true; ${id}`,
    ],
    [
      '{ type, id: null }',
      { type: 'A', id: null },
      `an object of exactly type and id has an identity that has no usable id: expected a string, number or bigint, got null; ${id}`,
    ],
    [
      '{ type: 5, id }',
      { type: 5, id: 1 },
      'an object of exactly type and id has a plain object with type, id: expected { type, id } with a type that is a string',
    ],
    [
      'cacheIdentity null',
      { cacheIdentity: null },
      'cacheIdentity of a plain object with cacheIdentity gave null: expected { type, id } with a type that is a string',
    ],
    [
      'a class without a name',
      Nameless,
      'expected a class with a name, got one without; register(theClass, { type: "Comment" }) names it',
    ],
    [
      'an instance of one',
      Object.assign(new Nameless(), { id: 1 }),
      'expected a class with a name, got one without; register(theClass, { type: "Comment" }) names it',
    ],
  ])('%s', (_title, model, message) => {
    expect(() => new Identifier().identity(model)).toThrow(
      expect.objectContaining({ name: 'CacheSweeperError', code: 'CACHESWEEPER_NO_IDENTITY', message }),
    );
  });

  test.each<[string, unknown, string, string]>([
    ['a string', 'Comment', 'Post', 'type="Post" expected a row with an id, got the string "Comment"'],
    ['null', null, 'Post', 'type="Post" expected a row with an id, got null'],
    ['a class', Comment, 'Post', 'type="Post" expected a row with an id, got the function Comment'],
    [
      'a row without an id',
      {},
      'Post',
      `a row of type Post has no usable id: expected a string, number or bigint, got undefined; ${id}`,
    ],
    [
      'a row with an id NaN',
      { id: Number.NaN },
      'Post',
      `a row of type Post has no usable id: expected a string, number or bigint, got the number NaN; ${id}`,
    ],
    ['a row, and an empty type', { id: 1 }, '', 'type= expected the name of a type, got an empty string'],
  ])('type= with %s', (_title, model, type, message) => {
    expect(() => new Identifier().identity(model, type)).toThrow(
      expect.objectContaining({ code: 'CACHESWEEPER_NO_IDENTITY', message }),
    );
  });

  test('the name of the attribute that was registered is in the message', () => {
    const identifier = new Identifier();
    identifier.register(Draft, { id: 'uuid' });
    expect(() => identifier.identity(new Draft(1))).toThrow(
      /an instance of Draft has no usable uuid: .* got undefined/,
    );
  });

  test.each([null, { id: 1 }, { type: '' }, { type: 'A', id: {} }, Promise.resolve(), 'Comment'])(
    'what identify() gave is checked: %o',
    (told) => {
      const identifier = new Identifier((() => told) as never);
      expect(() => identifier.identity(new Comment(1))).toThrow(
        expect.objectContaining({
          code: 'CACHESWEEPER_NO_IDENTITY',
          message: expect.stringMatching(
            /^identify\(\) gave .*(expected \{ type, id \}|expected a string, number or bigint)/,
          ),
        }),
      );
    },
  );

  test.each<[string, object]>([
    ['an object of exactly type and id', { type: 'Comment', id: undefined }],
    ['cacheIdentity', { cacheIdentity: { type: 'Comment', id: undefined } }],
  ])('an id that is there and undefined is missing, not the type as a whole: %s', (_title, model) => {
    expect(() => new Identifier().identity(model)).toThrow(
      expect.objectContaining({ code: 'CACHESWEEPER_NO_IDENTITY', message: expect.stringContaining('got undefined') }),
    );
  });

  test('a plain row from another realm (vm, Jest) is a plain row', () => {
    const model: unknown = runInNewContext('({ id: 7, text: "" })');
    expect(() => new Identifier().identity(model)).toThrow(
      expect.objectContaining({ code: 'CACHESWEEPER_NO_IDENTITY', message: expect.stringContaining('type="Comment"') }),
    );
  });

  test('an instance whose prototype has no constructor is an error with a code', () => {
    const model = Object.assign(Object.create(Object.create(null)), { id: 7 });
    expect(() => new Identifier().identity(model)).toThrow(
      expect.objectContaining({ code: 'CACHESWEEPER_NO_IDENTITY' }),
    );
  });

  test('a class whose static name is no text is an error with a code', () => {
    class Odd {
      static name = 5 as never;
      readonly id = 1;
    }
    for (const model of [Odd, new Odd()]) {
      expect(() => new Identifier().identity(model)).toThrow(
        expect.objectContaining({ code: 'CACHESWEEPER_NO_IDENTITY' }),
      );
    }
  });
});

describe('register() refuses', () => {
  test.each<[string, unknown, string]>([
    ['nothing', undefined, 'undefined'],
    ['an empty name', '', 'the string ""'],
    ['a number', 5, 'the number 5'],
    ['an instance', new Comment(1), 'an instance of Comment'],
    ['a function that is no class', () => 1, 'a function without a name'],
  ])('%s', (_title, given, got) => {
    expect(() => new Identifier().register(given as never, {})).toThrow(
      expect.objectContaining({
        code: 'CACHESWEEPER_BAD_OPTION',
        message: `register(): expected a class or the name of a type, got ${got}`,
      }),
    );
  });

  test('a class without a name and without a type', () => {
    expect(() => new Identifier().register(Nameless, {})).toThrow(
      /register\(theClass, \{ type: "Comment" \}\) names it/,
    );
  });
});
