import { describe, expect, test } from 'vitest';
import { Identifier } from '../../src/model/identity.ts';
import { Comment } from '../support/models.ts';

class Vote {
  cacheIdentity: unknown;
  id: unknown;
  constructor(id: unknown, cacheIdentity?: unknown) {
    this.id = id;
    if (cacheIdentity === undefined) delete this.cacheIdentity;
    else this.cacheIdentity = cacheIdentity;
  }
}

class Tag {
  cacheIdentity(): object {
    return { type: 'Tag', id: this.slug };
  }
  readonly slug = 'a-b';
}

const identify = () => ({ type: 'Told', id: 1 });

describe('which model a value is', () => {
  test('a class instance with an id is its class and that id', () => {
    expect(new Identifier().identity(new Comment(7))).toEqual({ type: 'Comment', id: '7' });
  });

  test.each([
    ['id before _id and pk', { id: 1, _id: 2, pk: 3 }, '1'],
    ['_id before pk', { _id: 2, pk: 3 }, '2'],
    ['pk', { pk: 3 }, '3'],
    ['_id where id is undefined', { id: undefined, _id: 2 }, '2'],
  ])('a class instance has its id in %s', (_title, attributes, id) => {
    class Row {}
    expect(new Identifier().identity(Object.assign(new Row(), attributes))).toEqual({ type: 'Row', id });
  });

  test('a getter of the class is an id as well', () => {
    class Page {
      get id() {
        return 'home';
      }
    }
    expect(new Identifier().identity(new Page())).toEqual({ type: 'Page', id: 'home' });
  });

  test.each([7, '7', 7n])('the id %o is the text 7: numbers, text and bigints name one record', (id) => {
    expect(new Identifier().identity(new Vote(id))).toEqual({ type: 'Vote', id: '7' });
  });

  test('the id 0 is an id', () => {
    expect(new Identifier().identity(new Comment(0))).toEqual({ type: 'Comment', id: '0' });
  });

  test('an object of exactly type and id is what it says', () => {
    expect(new Identifier().identity({ type: 'Comment', id: 7 })).toEqual({ type: 'Comment', id: '7' });
  });

  test('such an object without a prototype is one too', () => {
    const model = Object.assign(Object.create(null), { type: 'Comment', id: 7 });
    expect(new Identifier().identity(model)).toEqual({ type: 'Comment', id: '7' });
  });

  test('a class is its type without an id', () => {
    expect(new Identifier().identity(Comment)).toEqual({ type: 'Comment', id: undefined });
  });

  test('a string is a type without an id', () => {
    expect(new Identifier().identity('Comment')).toEqual({ type: 'Comment', id: undefined });
  });

  test('cacheIdentity may be a property', () => {
    const vote = new Vote(1, { type: 'V', id: 2 });
    expect(new Identifier().identity(vote)).toEqual({ type: 'V', id: '2' });
  });

  test('cacheIdentity may be a method, called on the model', () => {
    expect(new Identifier().identity(new Tag())).toEqual({ type: 'Tag', id: 'a-b' });
  });

  test('cacheIdentity without an id is the type as a whole', () => {
    expect(new Identifier().identity(new Vote(1, { type: 'V' }))).toEqual({ type: 'V', id: undefined });
  });

  test('cacheIdentity counts on a plain object as well', () => {
    const model = { cacheIdentity: { type: 'V', id: 2 }, id: 9 };
    expect(new Identifier().identity(model)).toEqual({ type: 'V', id: '2' });
  });

  test('an instance with a property of its own called constructor is of its class', () => {
    // A table of racing results has such a column.
    class Result {
      readonly id = 3;
    }
    const result = Object.assign(new Result(), { constructor: 'Ferrari' });
    expect(new Identifier().identity(result)).toEqual({ type: 'Result', id: '3' });
  });
});

describe('which rule comes first', () => {
  test('type= makes the model a row of that type, whatever else it is', () => {
    const identifier = new Identifier(identify);
    identifier.register(Vote, { type: 'Registered', id: () => 5 });
    expect(identifier.identity(new Vote(1, { type: 'V', id: 2 }), 'Row')).toEqual({ type: 'Row', id: '1' });
  });

  test('type= takes the id of a row with a type column', () => {
    expect(new Identifier().identity({ id: 7, type: 'question', text: '' }, 'Post')).toEqual({ type: 'Post', id: '7' });
  });

  test('type= takes the id where it was registered for that type', () => {
    const identifier = new Identifier();
    identifier.register('Post', { id: 'uuid' });
    expect(identifier.identity({ id: 7, uuid: 'x' }, 'Post')).toEqual({ type: 'Post', id: 'x' });
  });

  test('identify comes before a registered class and all that the model says', () => {
    const identifier = new Identifier(identify);
    identifier.register(Vote, { type: 'Registered' });
    for (const model of [new Vote(1, { type: 'V', id: 2 }), { type: 'A', id: 1 }, Comment, 'Comment']) {
      expect(identifier.identity(model)).toEqual({ type: 'Told', id: '1' });
    }
  });

  test('identify is asked with the model, and undefined leaves it to the other rules', () => {
    const asked: unknown[] = [];
    const identifier = new Identifier((model) => {
      asked.push(model);
      return undefined;
    });
    const comment = new Comment(7);
    expect(identifier.identity(comment)).toEqual({ type: 'Comment', id: '7' });
    expect(asked).toEqual([comment]);
  });

  test('a registered class comes before cacheIdentity', () => {
    const identifier = new Identifier();
    identifier.register(Vote, { type: 'Registered' });
    expect(identifier.identity(new Vote(1, { type: 'V', id: 2 }))).toEqual({ type: 'Registered', id: '1' });
  });

  test('cacheIdentity comes before the id of an instance', () => {
    expect(new Identifier().identity(new Vote(1, { type: 'V', id: 2 }))).toEqual({ type: 'V', id: '2' });
  });

  test('a class instance with type and id is of its class: only plain objects say their type', () => {
    class Post {
      readonly type = 'question';
      readonly id = 7;
    }
    expect(new Identifier().identity(new Post())).toEqual({ type: 'Post', id: '7' });
  });
});

describe('a registered class', () => {
  test.each([
    ['an attribute', 'uuid'],
    ['a function', (vote: { uuid: string }) => vote.uuid],
  ])('has its id in %s', (_title, id) => {
    const identifier = new Identifier();
    identifier.register(Vote, { id });
    const vote = Object.assign(new Vote(1), { uuid: 'u-1' });
    expect(identifier.identity(vote)).toEqual({ type: 'Vote', id: 'u-1' });
  });

  test('has its id in id, _id or pk where nothing else was said', () => {
    const identifier = new Identifier();
    identifier.register(Vote, { type: 'V' });
    expect(identifier.identity(new Vote(4))).toEqual({ type: 'V', id: '4' });
  });

  test('gives its type to the class itself', () => {
    const identifier = new Identifier();
    identifier.register(Vote, { type: 'V' });
    expect(identifier.identity(Vote)).toEqual({ type: 'V', id: undefined });
  });

  test('gives its type to instances of classes that extend it', () => {
    class Like extends Vote {}
    const identifier = new Identifier();
    identifier.register(Vote, { type: 'V' });
    expect(identifier.identity(new Like(4))).toEqual({ type: 'V', id: '4' });
  });

  test('gives its type to classes that extend it: their lists are invalidated by their rows', () => {
    class Like extends Vote {}
    const identifier = new Identifier();
    identifier.register(Vote, { type: 'V' });
    expect(identifier.identity(Like)).toEqual({ type: 'V', id: undefined });
  });

  test('gives way to a registered class that extends it', () => {
    class Like extends Vote {}
    const identifier = new Identifier();
    identifier.register(Vote, { type: 'V' });
    identifier.register(Like, { type: 'L' });
    expect(identifier.identity(new Like(4))).toEqual({ type: 'L', id: '4' });
    expect(identifier.identity(Like)).toEqual({ type: 'L', id: undefined });
  });

  test('may be without a name when its type is given', () => {
    const identifier = new Identifier();
    const Nameless = (() => class {})();
    identifier.register(Nameless, { type: 'N' });
    expect(identifier.identity(Object.assign(new Nameless(), { id: 1 }))).toEqual({ type: 'N', id: '1' });
  });

  test('shares its id attribute with rows of its type and with instances, also when registered by name', () => {
    const identifier = new Identifier();
    identifier.register('Vote', { id: 'uuid' });
    const vote = Object.assign(new Vote(1), { uuid: 'u-1' });
    expect(identifier.identity({ ...vote }, 'Vote')).toEqual({ type: 'Vote', id: 'u-1' });
    expect(identifier.identity(vote)).toEqual({ type: 'Vote', id: 'u-1' });
  });
});

describe('types that look alike', () => {
  /** As Mongoose compiles them: the class of every model is called `model`. */
  function mongooseModel(modelName: string) {
    const made = class model {
      readonly id: number;
      static readonly modelName = modelName;
      constructor(id: number) {
        this.id = id;
      }
    };
    return made;
  }

  test('classes that are all called "model" are told apart by their modelName', () => {
    const identifier = new Identifier();
    const Post = mongooseModel('Post');
    const User = mongooseModel('User');
    expect(identifier.identity(new Post(1))).toEqual({ type: 'Post', id: '1' });
    expect(identifier.identity(new User(1))).toEqual({ type: 'User', id: '1' });
    expect(identifier.identity(User)).toEqual({ type: 'User', id: undefined });
  });

  test('two different classes of one name are an error that says how to tell them apart', () => {
    const identifier = new Identifier();
    const One = (() => class Comment {})();
    const Two = (() => class Comment {})();
    expect(identifier.identity(Object.assign(new One(), { id: 1 }))).toEqual({ type: 'Comment', id: '1' });
    for (const model of [Two, Object.assign(new Two(), { id: 2 })]) {
      expect(() => identifier.identity(model)).toThrow(
        expect.objectContaining({
          code: 'CACHESWEEPER_TYPE_CONFLICT',
          message:
            'two different classes are called Comment: their fragments would be mixed up; ' +
            'register(theClass, { type: "Another name" }) tells one from the other',
        }),
      );
    }
  });

  test('the remedy helps: a registered type tells two classes of one name apart', () => {
    const identifier = new Identifier();
    const One = (() => class Comment {})();
    const Two = (() => class Comment {})();
    identifier.register(Two, { type: 'Note' });
    expect(identifier.identity(One)).toEqual({ type: 'Comment', id: undefined });
    expect(identifier.identity(Two)).toEqual({ type: 'Note', id: undefined });
  });

  test('a registered type that another class already has by its name is an error', () => {
    const identifier = new Identifier();
    identifier.identity(new Comment(1));
    expect(() => identifier.register(Vote, { type: 'Comment' })).toThrow(
      expect.objectContaining({ code: 'CACHESWEEPER_TYPE_CONFLICT' }),
    );
  });

  test('a class derived under the same name, as for a Sequelize scope, is the class it extends', () => {
    const identifier = new Identifier();
    const Scoped = Object.defineProperty(class extends Comment {}, 'name', { value: 'Comment' });
    const Twice = Object.defineProperty(class extends Scoped {}, 'name', { value: 'Comment' });
    for (const model of [new Scoped(7), new Comment(7), new Twice(7)]) {
      expect(identifier.identity(model)).toEqual({ type: 'Comment', id: '7' });
    }
    expect(identifier.identity(Scoped)).toEqual({ type: 'Comment', id: undefined });
  });

  test('one sweeper does not know the classes of another', () => {
    const One = (() => class Comment {})();
    expect(new Identifier().identity(One)).toEqual(new Identifier().identity(Comment));
  });
});
