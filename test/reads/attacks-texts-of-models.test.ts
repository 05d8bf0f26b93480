import { describe, test } from 'vitest';
import { kindsFor, Site, T } from './support.ts';

const kinds = kindsFor(import.meta.url);

class Author {
  readonly cacheIdentity = { type: 'Author', id: 7 };
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/** Its text is that of a model in it. */
class Byline {
  readonly author: Author;

  constructor(author: Author) {
    this.author = author;
  }

  toString(): string {
    return this.author.name;
  }
}

/** The same of an object without a class. */
const plain = (author: Author): object => ({ author, toString: Byline.prototype.toString });
/** An object with a getter of its own that reads a model. */
const got = (author: Author): object =>
  Object.defineProperty({ author }, 'byline', {
    get(this: { author: Author }) {
      return this.author.name;
    },
  });

/** Bodies, and what the page has for them beside its model `a`, which has the same. */
const cases: readonly (readonly [string, string, (author: Author) => object])[] = [
  ['an instance', '{{ .o }}', (author) => ({ o: new Byline(author) })],
  ['an object', '{{ .o }}', (author) => ({ o: plain(author) })],
  ['in a list', '{{ .list }}', (author) => ({ list: ['by', [new Byline(author)]] })],
  ['of a list that the body made', '{% set made = [.o] %}{{ made }}', (author) => ({ o: new Byline(author) })],
  ['of a dict that the body made', '{% set made = {o: .o} %}{{ made.o }}', (author) => ({ o: new Byline(author) })],
  ['in a loop', '{% for o in .list %}{{ o }}{% endfor %}', (author) => ({ list: ['by', new Byline(author)] })],
  [
    'of a row',
    '{% for row in .rows %}{{ row.o }}{% endfor %}',
    (author) => ({ rows: [{ o: 'by' }, { o: plain(author) }] }),
  ],
  ['compared', '{{ .o == "old" }}', (author) => ({ o: new Byline(author) })],
  ['joined', '{{ "by " ~ .o }}', (author) => ({ o: new Byline(author) })],
  ['as a key', '{{ labels[.o] }}', (author) => ({ o: new Byline(author) })],
];

describe.each(kinds)('a model that a text reads is met, in %s', (kind) => {
  /** Shows the page, changes the author, says so, and shows it again. */
  const heard = async (body: string, made: (author: Author) => object, of: Author = new Author('old')) => {
    const site = new Site(T(body), kind);
    const labels = { old: 'Old', new: 'New' };
    let author = of;
    const page = () => ({ a: { cacheIdentity: { type: 'A', id: 1 }, ...made(author) }, ...made(author), labels });
    for (let i = 0; i < 3; i++) await site.show(page);
    author = new Author('new');
    await site.sweeper.invalidateCacheFor(author);
    await site.show(page);
  };

  test.each(cases)('below a model, %s', (_name, body, made) =>
    heard(body.replaceAll(' .', ' a.').replaceAll('[.', '[a.'), made),
  );
  test.each(cases)('of the page, %s', (_name, body, made) => heard(body.replaceAll(/([ [])\./g, '$1'), made));

  test('of the model itself', () => heard('{{ a }}', (author) => ({ author, toString: Byline.prototype.toString })));

  test('that a getter of one of many rows reads', () =>
    heard('{% for row in a.rows %}{{ row.byline }}{% endfor %}', (author) => ({
      rows: [{ byline: 'by' }, got(author)],
    })));

  // The text of a model that a function returned is searched only where it is used.
  test.each([
    '{{ by() }}',
    '{{ site.by() }}',
    '{{ site["by"]() }}',
    '{{ (by or a)() }}',
    '{{ all()[0]() }}',
    '{{ 1 | by }}',
  ])('of a model that a function returns: %s', async (body) => {
    let author = new Author('old');
    class Post extends Byline {
      readonly cacheIdentity = { type: 'Post', id: 3 };
    }
    const by = () => new Post(author);
    const site = new Site(T(body), kind, {
      helpers: (env) =>
        env
          .addGlobal('by', by)
          .addGlobal('site', { by })
          .addGlobal('all', () => [by])
          .addFilter('by', by),
    });
    const page = () => ({ a: { cacheIdentity: { type: 'A', id: 1 } } });
    for (let i = 0; i < 3; i++) await site.show(page);
    author = new Author('new');
    await site.sweeper.invalidateCacheFor(author);
    await site.show(page);
  });
});
