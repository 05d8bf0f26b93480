import { describe, expect, test } from 'vitest';
import { Article } from '../support/models.ts';
import { F, kindsFor, Site, type SiteOptions, T } from './support.ts';

const kinds = kindsFor(import.meta.url);

class Au {
  readonly id: number;
  name: string;
  constructor(id: number, name: string) {
    this.id = id;
    this.name = name;
  }
}

/** An author of whom nobody says that it is a model before a tag names it. */
class Penman extends Au {}

interface Named {
  readonly name: string;
}
interface Post {
  readonly list: readonly Named[];
  readonly meta: { readonly author: Named };
}

const namesOf = (people: Iterable<Named>) => Array.from(people, ({ name }) => name).join();
const helpers: SiteOptions['helpers'] = (env) => {
  env.addFilter('namesOf', namesOf);
  env.addFilter('valuesOf', (people: ReadonlyMap<string, Named>) => namesOf(people.values()));
  env.addFilter('inLists', (lists: readonly (readonly Named[])[]) => lists.map(namesOf).join());
  env.addFilter('authorOf', (post: Post) => post.meta.author.name);
  env.addFilter('listOf', (post: Post) => namesOf(post.list));
  env.addFilter('authorIn', (meta: Post['meta']) => meta.author.name);
  env.addGlobal('namesOf', namesOf);
  env.addGlobal('authorOf', (post: Post) => post.meta.author.name);
  env.addGlobal('desk', { namesOf, authorOf: (post: Post) => post.meta.author.name });
};

/** The tag's own model, with authors below it in all that can hold them. */
class Full extends Article {
  readonly list: readonly Au[];
  readonly people: ReadonlyMap<string, Au>;
  readonly team: ReadonlySet<Au>;
  readonly meta: { readonly author: Au };
  constructor(author: Au) {
    super(1, 'full');
    this.list = [author];
    this.people = new Map([['x', author]]);
    this.team = new Set([author]);
    this.meta = { author };
  }
  names(): string {
    return namesOf(this.list);
  }
  with(people: readonly Named[]): string {
    return namesOf(people);
  }
}

const below: Record<string, string> = {
  'a list and join': '{{ a.list | join(",", "name") }}',
  'a list and a filter': '{{ a.list | namesOf }}',
  'a list and a global': '{{ namesOf(a.list) }}',
  'a list and a member of a global': '{{ desk.namesOf(a.list) }}',
  'a list and groupby': '{% for name, rows in a.list | groupby("name") %}{{ name }}{% endfor %}',
  'a list and sort': '{% for p in a.list | sort(attribute="name") %}{{ p.name }}{% endfor %}',
  'a list and dump': '{{ a.list | dump }}',
  'a list in a list that the template makes': '{{ [a.list] | inLists }}',
  'a list handed to a method of the model': '{{ a.with(a.list) }}',
  'a list that a method of the model reads': '{{ a.names() }}',
  'a Map and a filter': '{{ a.people | valuesOf }}',
  'a Set and a filter': '{{ a.team | namesOf }}',
  'a plain object and a filter': '{{ a.meta | authorIn }}',
  'the model itself and a filter': '{{ a | authorOf }}',
  'the model itself and a filter that reads a list': '{{ a | listOf }}',
  'the model itself and a global': '{{ authorOf(a) }}',
  'the model itself and a member of a global': '{{ desk.authorOf(a) }}',
};

describe.each(kinds)('an author below a model that is handed to a function counts when it is saved, in %s', (kind) => {
  const page = (name: string) => () => ({ a: new Full(new Au(7, name)) });

  test.each(Object.entries(below))('%s', async (_where, body) => {
    const site = new Site(T(body), kind, { helpers });
    site.sweeper.register(Au, {});
    expect(await site.show(page('old'))).toEqual(['miss']);
    expect(await site.show(page('old'))).toEqual(['hit']);
    await site.sweeper.invalidateCacheFor(new Au(7, ''));
    expect(await site.show(page('new'))).toEqual(['miss']);
    expect(await site.show(page('new'))).toEqual(['hit']);
  });
});

describe.each(kinds)('a type that becomes known only after an entry was made, in %s', (kind) => {
  const author = (name: string) => new Penman(7, name);
  const page = (name: string) => () => ({
    a: Object.assign(new Article(1), { author: author(name) }),
    au: author(name),
  });
  const source = `${T('{{ a.author.name }}')}${F('au', 'x')}`;

  test('is invalidated by what is saved of it', async () => {
    const site = new Site(source, kind);
    for (let i = 0; i < 2; i++) {
      await site.show(page('old'));
      await site.show(page('old'));
      await site.sweeper.invalidateCacheFor(author(''));
      await site.show(page('new'));
      await site.sweeper.invalidateCacheFor(author(''));
    }
  });

  test('is invalidated when the tag that names it stands on another page', async () => {
    const site = new Site({ 'page.njk': T('{{ a.author.name }}'), 'other.njk': F('au', 'x') }, kind);
    await site.show(page('old'));
    await site.cached(page('old')(), 'other.njk');
    await site.sweeper.invalidateCacheFor(author(''));
    await site.show(page('new'));
  });

  test.skipIf(kind === 'memory')('is invalidated by either of two processes', async () => {
    const first = new Site(source, kind);
    const second = new Site(source, kind, { shared: first });
    await first.show(page('old'));
    await second.show(page('old'));
    await second.sweeper.invalidateCacheFor(author(''));
    await first.show(page('new'));
    await second.show(page('new'));
    await first.sweeper.invalidateCacheFor(author(''));
    await second.show(page('newer'));
    await first.show(page('newer'));
  });

  test.skipIf(kind === 'memory')('is invalidated by a process that never rendered anything', async () => {
    const first = new Site(source, kind);
    const second = new Site(source, kind, { shared: first });
    await first.show(page('old'));
    await second.sweeper.invalidateCacheFor(author(''));
    await first.show(page('new'));
  });
});

interface Row {
  readonly id?: number;
  readonly title: string;
  readonly kind?: string;
}

/** Rows that a tag calls models stand beside rows that are none. */
const mixed: Record<string, string> = {
  'depends on those with an id': T(
    '{% for r in rows %}{% if r.id %}{% depends r type="Row" %}{% endif %}{{ r.title }},{% endfor %}',
  ),
  'depends on those of a kind': T(
    '{% for r in rows %}{% if r.kind == "row" %}{% depends r type="Row" %}{% endif %}{{ r.title }},{% endfor %}',
  ),
  'depends on the first': T('{% depends rows[0] type="Row" %}{% for r in rows %}{{ r.title }},{% endfor %}'),
  'a tag for those with an id': T(
    '{% for r in rows %}{% if r.id %}{% cachesweeper r 500 type="Row" %}{{ r.title }}{% endcachesweeper %}{% endif %}{{ r.title }},{% endfor %}',
  ),
  'a tag on the first': T(
    '{% cachesweeper rows[0] 500 type="Row" %}{{ rows[0].title }}{% endcachesweeper %}{% for r in rows %}{{ r.title }},{% endfor %}',
  ),
};

describe.each(kinds)('type= in a list where other rows are plain and change, in %s', (kind) => {
  test.each(Object.entries(mixed))('%s', async (_how, source) => {
    const site = new Site(source, kind);
    const page =
      (...others: Row[]) =>
      () => ({ a: new Article(1), rows: [{ id: 1, title: 'x', kind: 'row' }, ...others] });
    for (let i = 0; i < 2; i++) {
      for (const title of ['y', 'z']) {
        await site.show(page({ title }));
        await site.show(page({ title }));
        await site.show(page({ title, kind: 'none' }));
      }
    }
  });

  test('plain rows that have an id as well', async () => {
    const site = new Site(mixed['depends on those of a kind'] as string, kind);
    const page = (title: string) => () => ({
      a: new Article(1),
      rows: [
        { id: 1, title: 'x', kind: 'row' },
        { id: 2, title, kind: 'plain' },
      ],
    });
    for (const title of ['y', 'z', 'y', 'z']) await site.show(page(title));
    expect(site.errors).toEqual([]);
  });
});
