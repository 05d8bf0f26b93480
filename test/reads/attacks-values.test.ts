import { describe, expect, test, vi } from 'vitest';
import { Article } from '../support/models.ts';
import { type Kind, kindsFor, Site, type SiteOptions, T } from './support.ts';

const kinds = kindsFor(import.meta.url);

const a = () => new Article(1);
const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

/** Another process on the store of a site: all that the package keeps in its modules is there anew. */
async function another(first: Site, kind: Kind, options: SiteOptions = {}): Promise<Site> {
  vi.resetModules();
  const support: typeof import('./support.ts') = await import('./support.ts');
  if (first.store === undefined) throw new Error('no store');
  // The store is one of this process; it is used as it is.
  return new support.Site(first.templates, kind, { ...options, sweeper: { ...options.sweeper, store: first.store } });
}

describe.each(kinds.filter((kind) => kind !== 'memory'))('two functions of one source, in %s', (kind) => {
  const made = (lang: string) => () => lang;
  const bound = (lang: string) =>
    function (this: { lang: string }) {
      return this.lang;
    }.bind({ lang });

  test.each([
    ['a variable', '{{ say() }}', (say: unknown) => ({ say })],
    ['a member', '{{ h.say() }}', (say: unknown) => ({ h: { say } })],
    ['handed to a filter', '{{ say | called }}', (say: unknown) => ({ say })],
  ])('of two processes are never taken for each other: %s', async (_what, body, having) => {
    const helpers: SiteOptions['helpers'] = (env) => env.addFilter('called', (say: () => string) => say());
    for (const make of [made, bound]) {
      const [en, de] = [having(make('en')), having(make('de'))];
      const first = new Site(T(body), kind, { helpers });
      const second = await another(first, kind, { helpers });
      for (let i = 0; i < 4; i++) {
        await first.show(() => ({ a: a(), ...en }));
        await second.show(() => ({ a: a(), ...de }));
      }
    }
  });

  test('of two processes, where each process trusts its own before it meets the other’s entries', async () => {
    const first = new Site(T('{{ say() }}'), kind);
    const second = await another(first, kind);
    const [en, de] = [made('en'), made('de')];
    for (let i = 0; i < 3; i++) await first.show(() => ({ a: a(), say: en }));
    for (let i = 0; i < 3; i++) await second.show(() => ({ a: a(), say: de }));
    for (let i = 0; i < 3; i++) await first.show(() => ({ a: a(), say: en }));
  });
});

/** Classes of one name and one source that give different things. */
const moneyOf = (label: string) =>
  class Money {
    readonly amount = 1;
    get label(): string {
      return label;
    }
    text(): string {
      return label;
    }
    toString(): string {
      return label;
    }
    toJSON(): string {
      return label;
    }
  };

const uses: Record<string, string> = {
  'a getter': '{{ p.label }}',
  'a method': '{{ p.text() }}',
  'its text': '{{ p }}',
  'its text, put together': '{{ "x" + p }}',
  'its JSON': '{{ p | dump }}',
  'a filter that reads the getter': '{{ p | labelOf }}',
  'a list that is joined': '{{ [p] | join }}',
  'a list of the page': '{{ l | join(",", "label") }}',
  'the rows of a list': '{% for r in l %}{{ r.label }}{{ r }}{% endfor %}',
};
const labelled: SiteOptions['helpers'] = (env) => env.addFilter('labelOf', (p: { label: string }) => p.label);
const paying = (p: object) => ({ a: a(), p, l: [p] });

describe.each(kinds)('objects whose classes look the same, in %s', (kind) => {
  test.each(Object.entries(uses))('two classes of one name: %s', async (_what, body) => {
    const [One, Other] = [moneyOf('one'), moneyOf('other')];
    const site = new Site(T(body), kind, { helpers: labelled });
    for (const Class of [One, One, One, Other, Other, One, Other]) await site.show(() => paying(new Class()));
  });

  test.each(Object.entries(uses))('a class made for each page: %s', async (_what, body) => {
    const site = new Site(T(body), kind, { helpers: labelled });
    for (const label of ['x', 'y', 'x', 'x', 'z']) await site.show(() => paying(new (moneyOf(label))()));
  });

  test.each(Object.entries(uses))('a prototype made for each page: %s', async (_what, body) => {
    const site = new Site(T(body), kind, { helpers: labelled });
    for (const label of ['x', 'y', 'x', 'x', 'z']) {
      await site.show(() =>
        paying(
          Object.create({
            get label() {
              return label;
            },
            text: () => label,
            toString: () => label,
          }),
        ),
      );
    }
  });

  test.skipIf(kind === 'memory').each(Object.entries(uses))('two processes: %s', async (_what, body) => {
    const [One, Other] = [moneyOf('one'), moneyOf('other')];
    const first = new Site(T(body), kind, { helpers: labelled });
    const second = await another(first, kind, { helpers: labelled });
    for (let i = 0; i < 3; i++) {
      await first.show(() => paying(new One()));
      await second.show(() => paying(new Other()));
    }
  });

  test('a getter that gives another object', async () => {
    class View {
      readonly #cfg: object;
      constructor(lang: string) {
        this.#cfg = { lang };
      }
      get cfg(): object {
        return this.#cfg;
      }
    }
    const site = new Site(T('{{ v.cfg.lang }}'), kind);
    for (const lang of ['en', 'de', 'en', 'en', 'de']) await site.show(() => ({ a: a(), v: new View(lang) }));
  });
});

type Totalled = { total: number };
const totals: SiteOptions['helpers'] = (env) => {
  env.addFilter('totalOf', (value: Totalled) => value.total);
  env.addFilter('totalIn', (value: { v: Totalled }) => value.v.total);
  env.addGlobal('totalOf', (value: Totalled) => value.total);
};

describe.each(kinds)('own properties of what is handed over whole, in %s', (kind) => {
  test.each<[string, () => object]>([
    ['a list', () => [1, 2]],
    ['a Map', () => new Map([['x', 1]])],
    ['a Set', () => new Set([1])],
    ['a Date', () => new Date(0)],
    ['a regular expression', () => /x/],
    ['an error', () => new Error('x')],
  ])('%s', async (_what, make) => {
    for (const body of ['{{ v | totalOf }}', '{{ totalOf(v) }}', '{{ { v: v } | totalIn }}', '{{ v.total }}']) {
      const site = new Site(T(body), kind, { helpers: totals });
      const page = (total: number) => () => ({ a: a(), v: Object.assign(make(), { total }) });
      for (const total of [1, 2, 1, 2]) await site.show(page(total));
    }
  });
});

describe.each(kinds)('functions and globals, in %s', (kind) => {
  test('a page function that is named like a type', async () => {
    const site = new Site('{% cachesweeper "menu" 500 %}{{ menu() }}{% endcachesweeper %}', kind);
    for (const lang of ['en', 'de', 'en', 'en', 'de']) await site.show(() => ({ menu: () => lang }));
  });

  test.each<[string, string, (lang: string) => unknown]>([
    ['a text', '{{ g }}', (lang) => lang],
    ['an object', '{{ g.lang }}', (lang) => ({ lang })],
    ['a function of the same source', '{{ g() }}', (lang) => () => lang],
    ['an object with a function', '{{ g.say() }}', (lang) => ({ say: () => lang })],
  ])('a global that is replaced between pages: %s', async (_what, body, make) => {
    const site = new Site(`{% macro m() %}${body}{% endmacro %}${T(`${body}{{ m() }}`)}`, kind);
    for (const lang of ['en', 'de', 'en', 'fr']) {
      const value = make(lang);
      // Nunjucks takes whatever is given, its types do not.
      for (const env of [site.env, site.plain]) env.addGlobal('g', value as () => string);
      for (let i = 0; i < 3; i++) await site.show(() => ({ a: a() }));
    }
  });

  test.each<[string, (this: { ctx: object }) => boolean]>([
    [
      'in',
      function () {
        return 'q' in this.ctx;
      },
    ],
    [
      'Object.hasOwn',
      function () {
        return Object.hasOwn(this.ctx, 'q');
      },
    ],
    [
      'hasOwnProperty',
      function () {
        // biome-ignore lint/suspicious/noPrototypeBuiltins: what a helper may do
        return this.ctx.hasOwnProperty('q');
      },
    ],
  ])('a variable that is missing, and one that is undefined: asked by %s', async (_how, has) => {
    const site = new Site(T('{{ has() }}'), kind, { helpers: (env) => env.addGlobal('has', has as () => boolean) });
    const missing = () => ({ a: a() });
    const nothing = () => ({ a: a(), q: undefined });
    const there = () => ({ a: a(), q: 1 });
    for (const page of [missing, nothing, there, nothing, missing, missing, there, there, nothing])
      await site.show(page);
  });
});

/** Objects that must not be looked into. */
const fail = () => {
  throw new Error('do not touch');
};
const touchy = () => new Proxy({}, { get: fail, has: fail, ownKeys: fail, getPrototypeOf: fail });
const untouchable = () =>
  new Proxy({}, { get: fail, has: fail, ownKeys: fail, getPrototypeOf: fail, getOwnPropertyDescriptor: fail });

describe.each(kinds)('an object that throws when it is looked at, in %s', (kind) => {
  const helpers: SiteOptions['helpers'] = (env) => {
    env.addGlobal('isThere', function (this: { ctx: { p: unknown } }) {
      return this.ctx.p !== undefined;
    });
    env.addGlobal('ignoring', () => 'ok');
    env.addFilter('ignoring', () => 'ok');
  };
  test.each([
    ['set to another name', T('{% set x = p %}ok')],
    ['set before the tag', `{% set x = p %}${T('{{ "y" if x else "n" }}')}`],
    ['set for what is behind', `${T('{% set x = p %}')}{{ "y" if x else "n" }}`],
    ['read of this.ctx', T('{{ isThere() }}')],
    ['an argument of a macro', `{% macro m(p, q) %}ok{{ "y" if p else "n" }}{% endmacro %}${T('{{ m(p, 1) }}')}`],
    [
      'an argument of a macro around the tag',
      `{% macro m(a, p, q) %}${T('{{ "y" if p else "n" }}')}{% endmacro %}{{ m(a, p, 1) }}`,
    ],
    ['an item of a list', T('{% for x in [p] %}{{ "y" if x else "n" }}{% endfor %}')],
    ['handed to a global', T('{{ ignoring(p, 1) }}')],
    ['handed to a filter', T('{{ p | ignoring }}')],
  ])('%s', async (_where, source) => {
    for (const make of [touchy, untouchable]) {
      const site = new Site(source, kind, { helpers });
      for (let i = 0; i < 3; i++) await site.show(() => ({ a: a(), p: make() }));
    }
  });
});

interface Link {
  readonly t: string;
  readonly me: Link;
  other: Link;
}
const linked = (t: string): Link => {
  const one = { t } as { t: string; me: Link; other: Link };
  const two = { t: `${t}2` } as { t: string; me: Link; other: Link };
  Object.assign(one, { me: one, other: two });
  Object.assign(two, { me: two, other: one });
  return one;
};

interface Titled {
  readonly title: string;
  readonly views: number;
}

describe.each(kinds)('one object on several paths, in %s', (kind) => {
  test('two objects that point at each other, followed 40 times, end at once', { timeout: 10_000 }, async () => {
    const body = '{% set x = p %}{% for i in range(40) %}{{ x.t }}{{ x.me.t }}{% set x = x.other %}{% endfor %}';
    const site = new Site(T(body), kind);
    for (const t of ['x', 'x', 'y', 'x']) await site.show(() => ({ a: a(), p: linked(t) }));
  });

  test('two objects that point at each other, handed over whole', { timeout: 10_000 }, async () => {
    const helpers: SiteOptions['helpers'] = (env) => env.addFilter('far', (p: Link) => p.other.other.me.other.t);
    const site = new Site(T('{{ p.t }}{{ p | far }}{{ [p, p.other] | first | far }}'), kind, { helpers });
    for (const t of ['x', 'x', 'y', 'x']) await site.show(() => ({ a: a(), p: linked(t) }));
  });

  class Holder {
    readonly #o: Titled;
    constructor(o: Titled) {
      this.#o = o;
    }
    get o(): Titled {
      return this.#o;
    }
  }
  const helpers: SiteOptions['helpers'] = (env) => {
    env.addGlobal('total', (box: { items: readonly Titled[] }) => box.items.reduce((sum, { views }) => sum + views, 0));
    env.addFilter('viewsOf', (holder: Holder) => holder.o.views);
    env.addFilter('viewsIn', (list: readonly Titled[]) => list.map(({ views }) => views).join());
  };
  const page = (title: string, views: number) => () => {
    const rows = [
      { title, views },
      { title: 'last', views: 1 },
    ];
    const [current] = rows as [Titled, Titled];
    return {
      a: a(),
      rows,
      current,
      o: current,
      v: new Holder(current),
      box: { items: rows },
      twice: { x: current, y: current },
    };
  };
  test.each([
    ['an item of a list', '{{ current.title }} {{ rows | dump }}'],
    ['an item of a list, the other way round', '{{ rows | dump }} {{ current.title }}'],
    ['an item of a list, by a filter of one’s own', '{{ current.title }} {{ rows | viewsIn }}'],
    ['a list of an object', '{% for r in rows %}{{ r.title }}{% endfor %} {{ total(box) }}'],
    ['a list of an object, of which only the number is read', '{{ rows.length }} {{ total(box) }}'],
    [
      'rows in groups',
      '{{ current.title }}{% for k, g in rows | groupby("title") %}{{ k }}{{ g | viewsIn }}{% endfor %}',
    ],
    [
      'rows in groups, read one by one',
      '{{ current.title }}{% for k, g in rows | groupby("title") %}{{ k }}{% for r in g %}{{ r.views }}{% endfor %}{% endfor %}',
    ],
    ['what a getter gives', '{{ o.title }}{{ v | viewsOf }}'],
    ['what a getter gives, read', '{{ o.title }}{{ v.o.views }}'],
    ['two members', '{{ twice.x.title }}{{ twice.y | dump }}'],
    ['two members and their object', '{{ twice.x.title }}{{ twice | dump }}'],
    ['a list that the template makes', '{{ current.title }}{{ [rows[0]] | viewsIn }}'],
    ['rows in a loop and one of them whole', '{% for r in rows %}{{ r.title }}{% endfor %}{{ current | dump }}'],
  ])('%s', async (_what, body) => {
    const site = new Site(T(body), kind, { helpers });
    for (const [title, views] of [
      ['x', 1],
      ['x', 2],
      ['x', 1],
      ['y', 2],
      ['x', 2],
    ] as const) {
      await site.show(page(title, views));
    }
    await site.show(page('x', 2));
    expect(site.outcomes).toEqual([/{{ v\b/.test(body) ? 'unseen' : 'hit']);
    expect(site.errors).toEqual([]);
  });
});

/** Filters that move elements, and read nothing of them. */
const moving: Record<string, readonly [body: string, isTitleRead: boolean]> = {
  length: ['{{ rows | length }}', false],
  first: ['{{ (rows | first).title }}', true],
  last: ['{{ (rows | last).title }}', true],
  reverse: ['{% for r in rows | reverse %}{{ r.title }},{% endfor %}', true],
  slice: ['{% for c in rows | slice(3) %}{% for r in c %}{{ r.title }},{% endfor %};{% endfor %}', true],
  batch: ['{% for c in rows | batch(7) %}{% for r in c %}{{ r.title }},{% endfor %};{% endfor %}', true],
  'batch with a filling': [
    '{% for c in rows | batch(7, "-") %}{% for r in c %}{{ r.title or r }},{% endfor %};{% endfor %}',
    true,
  ],
  default: ['{% for r in rows | default([]) %}{{ r.title }},{% endfor %}', true],
  'two of them': ['{{ (rows | reverse | first).title }}', true],
};

describe.each(kinds)('a filter that only moves elements of 100 rows of 1 KB, in %s', (kind) => {
  const page =
    (title: string, filling: string, count = 100) =>
    () => ({
      a: a(),
      rows: numbers(count).map((i) => ({ title: `${title}${i}`, body: filling.repeat(1_024) })),
    });

  test.each(Object.entries(moving))(
    '%s is keyed by what is read of the elements',
    async (_name, [body, isTitleRead]) => {
      const site = new Site(T(body), kind);
      expect(await site.show(page('t', 'x'))).toEqual(['miss']);
      expect(await site.show(page('t', 'x'))).toEqual(['hit']);
      expect(await site.show(page('t', 'y'))).toEqual(['hit']);
      expect(await site.show(page('u', 'y'))).toEqual([isTitleRead ? 'miss' : 'hit']);
      await site.show(page('t', 'x', 99));
      expect(await site.show(page('t', 'x'))).toEqual(['hit']);
    },
  );
});
