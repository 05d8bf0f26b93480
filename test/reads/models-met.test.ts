import { lazy } from 'nunjucks-cachesweeper';
import { describe, expect, test } from 'vitest';
import type { Templates } from '../support/loaders.ts';
import { Article } from '../support/models.ts';
import { addTest, F, kindsFor, Site, type SiteOptions, T } from './support.ts';

const kinds = kindsFor(import.meta.url);

class Author {
  readonly id: number;
  name: string;
  constructor(id: number, name: string) {
    this.id = id;
    this.name = name;
  }
}

/** Nobody registers it, no tag names it. */
class Money {
  readonly id = 1;
  amount: number;
  constructor(amount: number) {
    this.amount = amount;
  }
}

type Value = { name: string };
const helpers: SiteOptions['helpers'] = (env) => {
  env.addFilter('nameOf', (author: Value) => author.name);
  env.addFilter('namesOf', (authors: Value[]) => authors.map(({ name }) => name).join());
  env.addGlobal('nameOf', (author: Value) => author.name);
  addTest(env, 'called', (author: Value, name: string) => author.name === name);
};

/** Bodies that meet an author on their way, and what the page is given; nobody says `depends`. */
const met: Record<string, readonly [string | Templates, (author: Author) => object]> = {
  'a variable of the page': [T('{{ author.name }}'), (author) => ({ author })],
  'a member of a plain object': [T('{{ article.author.name }}'), (author) => ({ article: { author } })],
  'a member of the tag’s own model': [
    T('{{ a.author.name }}'),
    (author) => ({ a: Object.assign(new Article(1), { author }) }),
  ],
  'an item of a list': [T('{{ people[0].name }}'), (author) => ({ people: [author] })],
  'an item of a list that is looped over': [
    T('{% for p in people %}{{ p.name }},{% endfor %}'),
    (author) => ({ people: [author, new Author(9, 'Zoe')] }),
  ],
  'a member of the rows of a list': [
    T('{% for r in rows %}{{ r.author.name }},{% endfor %}'),
    (author) => ({ rows: [{ author }, { author: new Author(9, 'Zoe') }] }),
  ],
  'a value of a Map that is looped over': [
    T('{% for key, p in people %}{{ key }}={{ p.name }}{% endfor %}'),
    (author) => ({ people: new Map([['x', author]]) }),
  ],
  'an item of a Set that is looped over': [
    T('{% for p in people %}{{ p.name }}{% endfor %}'),
    (author) => ({ people: new Set([author]) }),
  ],
  'a value of an object that is looped over': [
    T('{% for key, p in people %}{{ key }}={{ p.name }}{% endfor %}'),
    (author) => ({ people: { x: author } }),
  ],
  'handed to a filter': [T('{{ author | nameOf }}'), (author) => ({ author })],
  'in a list handed to a filter': [T('{{ people | namesOf }}'), (author) => ({ people: [author] })],
  'in a list handed to a filter of Nunjucks': [
    T('{{ people | join(",", "name") }}'),
    (author) => ({ people: [author] }),
  ],
  'handed to a global': [T('{{ nameOf(author) }}'), (author) => ({ author })],
  'handed to a test': [T('{{ "Ann" if author is called("Ann") else "other" }}'), (author) => ({ author })],
  'handed to a macro': [
    `{% macro show(p) %}{{ p.name }}{% endmacro %}${T('{{ show(author) }}')}`,
    (author) => ({ author }),
  ],
  'read by an included template': [
    { 'page.njk': T('{% include "i.njk" %}'), 'i.njk': '{{ author.name }}' },
    (author) => ({ author }),
  ],
  'set to another name by the template': [`{% set p = author %}${T('{{ p.name }}')}`, (author) => ({ author })],
  'in what the body sets': [T('{% set p = article.author %}{{ p.name }}'), (author) => ({ article: { author } })],
};

const page = (context: (author: Author) => object, id: number, name: string) => () => ({
  a: new Article(1),
  ...context(new Author(id, name)),
});

describe.each(kinds)('a registered model that a body meets is a dependency, in %s', (kind) => {
  test.each(Object.entries(met))('%s', async (_where, [templates, context]) => {
    const site = new Site(templates, kind, { helpers });
    site.sweeper.register(Author, {});
    expect(await site.show(page(context, 5, 'Ann'))).toEqual(['miss']);
    // Its token stands for what is in it.
    const html = await site.cached(page(context, 5, 'unsaid')());
    expect(html).not.toContain('unsaid');
    expect(site.outcomes).toEqual(['hit']);
    await site.sweeper.invalidateCacheFor(new Author(5, ''));
    expect(await site.show(page(context, 5, 'Bob'))).toEqual(['miss']);
    expect(await site.show(page(context, 5, 'Bob'))).toEqual(['hit']);
    await site.sweeper.invalidateCacheFor(new Author(6, ''));
    expect(await site.show(page(context, 5, 'Bob'))).toEqual(['hit']);
  });

  const ownModel = 'a member of the tag’s own model';
  test.each(Object.entries(met).filter(([where]) => where !== ownModel))(
    'and is compared by its identity: %s',
    async (_where, [templates, context]) => {
      const site = new Site(templates, kind, { helpers });
      site.sweeper.register(Author, {});
      expect(await site.show(page(context, 5, 'Ann'))).toEqual(['miss']);
      expect(await site.show(page(context, 6, 'Bob'))).toEqual(['miss']);
      expect(await site.show(page(context, 5, 'Ann'))).toEqual(['hit']);
    },
  );

  test('and so are the rows that a lazy loads, which a hit does not call', async () => {
    const site = new Site(T('{% for p in people() %}{{ p.name }}{% endfor %}'), kind);
    site.sweeper.register(Author, {});
    let loads = 0;
    const rows = (name: string) => [new Author(5, name)];
    const load = (name: string) => () => ({
      a: new Article(1),
      people: lazy(() => {
        loads++;
        return Promise.resolve(rows(name));
      }),
    });
    const plain = (name: string) => () => ({ a: new Article(1), people: () => rows(name) });
    expect(await site.show(load('Ann'), plain('Ann'))).toEqual(['miss']);
    expect(await site.show(load('Ann'), plain('Ann'))).toEqual(['hit']);
    expect(loads).toBe(1);
    await site.sweeper.invalidateCacheFor(new Author(5, ''));
    expect(await site.show(load('Bob'), plain('Bob'))).toEqual(['miss']);
    expect(loads).toBe(2);
  });
});

/** What makes a model of an object that the sweeper was not told of by `register`. */
const known: Record<string, readonly [string, (name: string) => object, object]> = {
  'has cacheIdentity': [
    T('{{ article.author.name }}'),
    (name) => ({ article: { author: { name, cacheIdentity: { type: 'Writer', id: 5 } } } }),
    { type: 'Writer', id: 5 },
  ],
  'has a cacheIdentity that is a method of its class': [
    T('{{ article.author.name }}'),
    (name) => ({ article: { author: new Writer(name) } }),
    { type: 'Writer', id: 5 },
  ],
  'is of a type that another tag names': [
    `${F('author', '-')}${T('{{ article.author.name }}')}`,
    (name) => {
      const author = new Author(5, name);
      return { author, article: { author } };
    },
    { type: 'Author', id: 5 },
  ],
};

class Writer {
  name: string;
  constructor(name: string) {
    this.name = name;
  }
  cacheIdentity() {
    return { type: 'Writer', id: 5 };
  }
}

describe.each(kinds)('a model is a dependency, in %s', (kind) => {
  test.each(Object.entries(known))('when it %s', async (_what, [templates, context, identity]) => {
    const site = new Site(templates, kind);
    const page = (name: string) => () => ({ a: new Article(1), ...context(name) });
    const last = () => site.outcomes.at(-1);
    await site.show(page('Ann'));
    expect(last()).toBe('miss');
    await site.cached(page('unsaid')());
    expect(last()).toBe('hit');
    await site.sweeper.invalidateCacheFor(identity);
    await site.show(page('Bob'));
    expect(last()).toBe('miss');
  });
});

describe.each(kinds)('an instance of a class that nobody named, in %s', (kind) => {
  const price = (amount: number) => () => ({ a: new Article(1), price: new Money(amount) });

  test.each([
    ['a member', '{{ price.amount }}'],
    ['whole, by a filter', '{{ price | dump }}'],
  ])('is compared by its data, %s', async (_how, body) => {
    const site = new Site(T(body), kind);
    // What an instance can do is code: where it may be run, the class is trusted from the second render on.
    expect(['miss', 'unseen']).toContain((await site.show(price(1)))[0]);
    await site.show(price(1));
    expect(await site.show(price(1))).toEqual(['hit']);
    expect(await site.show(price(2))).toEqual(['miss']);
    expect(await site.show(price(1))).toEqual(['hit']);
  });

  test('is told from a plain object of the same data by its class', async () => {
    const helpers: SiteOptions['helpers'] = (env) =>
      env.addFilter('kind', (value: object) => (value instanceof Money ? 'money' : 'plain'));
    const site = new Site(T('{{ price | kind }}'), kind, { helpers });
    const plain = () => ({ a: new Article(1), price: { id: 1, amount: 1 } });
    expect(await site.show(price(1))).toEqual(['unseen']);
    expect(await site.show(price(1))).toEqual(['miss']);
    expect(await site.show(plain)).toEqual(['miss']);
    expect(await site.show(price(1))).toEqual(['hit']);
  });
});
