import { describe, expect, test } from 'vitest';
import { Article, Comment } from '../support/models.ts';
import { fragment, Site } from './site.ts';

const show = (args: string) => fragment(args, '"body"', '{{ model.text }}');

/** Renders one tag with each model in turn, twice: a fragment of another model would show in the html. */
async function expectApart(args: string, models: readonly { readonly text: string }[]): Promise<void> {
  const site = new Site(show(args));
  for (const ran of [['body'], []]) {
    for (const model of models) {
      expect(await site.render({ model })).toEqual({ html: model.text, ran });
    }
  }
}

describe('models that are easily confused have fragments of their own', () => {
  const mongooseModel = (modelName: string) => {
    class model {
      static readonly modelName = modelName;
      readonly _id = 1;
      readonly text = modelName;
    }
    return new model();
  };

  test('Mongoose-like classes that are all called "model"', () =>
    expectApart('model 0', [mongooseModel('Post'), mongooseModel('User')]));

  test('rows with a type column, by type=', () => {
    const rows = [
      { id: 1, type: 'question', text: 'a' },
      { id: 2, type: 'question', text: 'b' },
      { id: 3, type: 'answer', text: 'c' },
    ];
    return expectApart('model 0 type="Post"', rows);
  });

  test('rows of two types with one id', async () => {
    const site = new Site(
      '{% for t in ["Post", "User"] %}{% cachesweeper row 0 type=t %}{{ t }}{% endcachesweeper %}{% endfor %}',
    );
    for (let i = 0; i < 2; i++) expect((await site.render({ row: { id: 1 } })).html).toBe('PostUser');
    expect(site.outcomes).toEqual(['hit', 'hit']);
  });

  const said = (type: string, id: string, text: string) => ({ cacheIdentity: { type, id }, text });

  test('ids and types with the characters of names in them', () =>
    expectApart('model 0', [
      said('Comment', '*', '1'),
      said('Comment', '=7', '2'),
      said('Comment', '7', '3'),
      said('Comment:', '7', '4'),
      said('Comment:=', '7', '5'),
      said('Comment:=7', '7', '6'),
      said('Comment', ':=7', '7'),
      said('Comment', '%3a', '8'),
      said('Comment%3a', '7', '9'),
      said('Comment%003a', '7', '10'),
      said('*', '7', '11'),
      said('Comment', '7 ', '12'),
      said('Comment', '7@x', '13'),
      said('Comment', '7+Comment:=8', '14'),
    ]));

  test('two different classes under one name are an error, not one fragment', async () => {
    const make = (text: string) => {
      class Note {
        readonly id = 1;
        readonly text = text;
      }
      return new Note();
    };
    const site = new Site(show('model 0'));
    await site.render({ model: make('a') });
    await expect(site.render({ model: make('b') })).rejects.toMatchObject({
      code: 'CACHESWEEPER_TYPE_CONFLICT',
      message: expect.stringContaining('two different classes are called Note'),
    });
  });

  test('rows that say their type and have lost their id are an error, not one fragment', async () => {
    const site = new Site(show('{ type: "Comment", id: model.id } 0'));
    await expect(site.render({ model: { text: 'a' } })).rejects.toMatchObject({ code: 'CACHESWEEPER_NO_IDENTITY' });
  });

  test('ids 7, "7" and 7n are one record and one fragment', async () => {
    const site = new Site(fragment('{ type: "Comment", id: id } 0', '"body"'));
    await site.render({ id: 7 });
    for (const id of [7, '7', 7n]) expect((await site.render({ id })).ran).toEqual([]);
  });
});

describe('a model in a tag', () => {
  test('may be a class or a string: the list of that type', async () => {
    const site = new Site(fragment('list 0', '"body"'));
    await site.render({ list: Comment });
    expect((await site.render({ list: 'Comment' })).ran).toEqual([]);
  });

  test('that Nunjucks wrapped is an error that says what to write', async () => {
    const site = new Site(fragment('models.Comment 500', '"body"'));
    await expect(site.render({ models: { Comment } })).rejects.toMatchObject({
      code: 'CACHESWEEPER_NO_IDENTITY',
      message:
        '(page.njk) [Line 1, Column 4]\n  expected a model with an identity, got a function without a name; Nunjucks wraps a ' +
        'class that is looked up in an object: name the type, "Comment", or pass the class as a variable of its own',
    });
  });

  test('may stand in an object that Nunjucks looks up', async () => {
    const site = new Site(fragment('models.comment 500', '"body"'));
    expect((await site.render({ models: { comment: new Comment(1) } })).ran).toEqual(['body']);
  });

  test.each<[string, unknown, string]>([
    ['null', null, 'expected a model with an identity, got null'],
    ['missing', undefined, 'expected a model with an identity, got undefined'],
    ['an empty object', {}, 'for a plain row say its type: type="Comment"; or pass { type, id }'],
    [
      'of id NaN',
      new Comment(Number.NaN),
      'an instance of Comment has no usable id: expected a string, number or bigint, got the number NaN',
    ],
    ['a promise', Promise.resolve(new Comment(1)), 'got a promise (await it first)'],
    ['undefined in a list', [new Comment(1), undefined], 'expected a model with an identity, got undefined'],
  ])('that is %s is an error with its place, and the body does not run', async (_title, model, message) => {
    const site = new Site(`\n ${show('model 500')}`);
    await expect(site.render({ model })).rejects.toMatchObject({
      code: 'CACHESWEEPER_NO_IDENTITY',
      message: expect.stringMatching(/^\(page\.njk\) \[Line 2, Column 5\]\n {2}/),
    });
    await expect(site.render({ model })).rejects.toThrow(message);
    expect(site.sweeper.stats().memory.entries).toBe(0);
  });

  test.each<[unknown, string]>([
    [5, 'type= expected the name of a type, got the number 5'],
    ['', 'type= expected the name of a type, got an empty string'],
    [Comment, 'type= expected the name of a type, got the function Comment'],
  ])('with type=%o is an error', async (type, message) => {
    const site = new Site(fragment('row 500 type=type', '"body"'));
    await expect(site.render({ row: { id: 1 }, type })).rejects.toThrow(message);
  });

  test('is asked for its identity before its class is: identify', async () => {
    const site = new Site(fragment('row 0', '"body"'), {
      identify: (model) =>
        typeof model === 'object' && model !== null && 'slug' in model
          ? { type: 'Page', id: String(model.slug) }
          : undefined,
    });
    await site.render({ row: { slug: 'a' } });
    expect((await site.render({ row: { slug: 'b' } })).ran).toEqual(['body']);
    await site.sweeper.invalidateCacheFor({ type: 'Page', id: 'a' });
    expect((await site.render({ row: { slug: 'b' } })).ran).toEqual([]);
    expect((await site.render({ row: { slug: 'a' } })).ran).toEqual(['body']);
  });

  test('has the identity in the tag that it has in invalidateCacheFor: a class that extends a registered one', async () => {
    class Draft extends Article {}
    const site = new Site(fragment('Draft 0', '"list"'));
    site.sweeper.register(Article, { type: 'A' });
    await site.render({ Draft });
    await site.sweeper.invalidateCacheFor(new Draft(1));
    expect((await site.render({ Draft })).ran).toEqual(['list']);
  });
});
