import { lazy } from 'nunjucks-cachesweeper';
import { describe, expect, test } from 'vitest';
import { kindsFor, Site, type SiteOptions, T } from '../reads/support.ts';
import { Article, Comment } from '../support/models.ts';
import { readPage } from './code-blocks.ts';

const kinds = kindsFor(import.meta.url);

/** What README.md says can still be wrong: it has each of these sentences. */
const LIMITS = {
  newRow: 'A new row in what a lazy loads, or below a model, is not seen where nothing touches the fragment',
  decorated: 'A value that the page or a function puts on a model is not compared',
  trusted: 'What a trusted function reads by itself is not seen',
  closures: 'Two processes take helpers of one name and one source for the same',
  weakMap: 'What a class keeps in a WeakMap is not compared where its instances have other data',
  hidden: 'What only code reaches below a model is not compared',
  identity: 'Whether two objects below models are one object is not compared',
  outward: 'What a function does to the outside happens on a miss and not on a hit',
  defined: 'A macro or an import that a body defines ends with the body',
};

const a = (values: object = {}) => Object.assign(new Article(1, 'A'), values);
const verified: SiteOptions = { sweeper: { verify: 1, maxDataAge: '1ms' } };

describe.each(kinds)('in %s', (kind) => {
  describe(LIMITS.newRow, () => {
    test.each([
      ['what a lazy loads', 'comments()', (rows: Comment[]) => ({ a: a(), comments: lazy(async () => rows) })],
      ['below a model', 'a.comments', (rows: Comment[]) => ({ a: a({ comments: rows }) })],
    ])('%s', async (_where, list, context) => {
      const site = new Site(T(`{% for c in ${list} %}${T('{{ c.text }}').replace(' a ', ' c ')}{% endfor %}`), kind);
      const [one, other] = [new Comment(1, 'x'), new Comment(2, 'y')];
      expect(await site.cached(context([one]))).toBe('x');
      await site.sweeper.invalidateCacheFor(other);
      expect(await site.cached(context([other]))).toBe('x');
      site.sweeper.register(Comment, { touches: () => [new Article(1)] });
      await site.sweeper.invalidateCacheFor(other);
      expect(await site.cached(context([other]))).toBe('y');
    });
  });

  test(LIMITS.identity, async () => {
    const [one, like] = [{ name: 'x' }, { name: 'x' }];
    const site = new Site(T('{{ "one" if a.author === a.editor else "two" }}'), kind);
    expect(await site.cached({ a: a({ author: one, editor: one }) })).toBe('one');
    expect(await site.cached({ a: a({ author: one, editor: like }) })).toBe('one');
    const ofPage = new Site(T('{{ "one" if a.author === editor else "two" }}'), kind);
    await ofPage.show(() => ({ a: a({ author: one }), editor: one }));
    expect(await ofPage.show(() => ({ a: a({ author: one }), editor: like }))).toEqual(['miss']);
  });

  describe(LIMITS.decorated, () => {
    const site = () => new Site(T('{{ a.score }}{{ "!" if a.isLiked }}'), kind);

    test('the first is shown', async () => {
      const shown = site();
      expect(await shown.cached({ a: a({ score: 3 }) })).toBe('3');
      expect(await shown.cached({ a: a({ score: 4 }) })).toBe('3');
    });

    test('a boolean, and whether it is there, is', async () => {
      const shown = site();
      await shown.show(() => ({ a: a({ score: 3, isLiked: false }) }));
      expect(await shown.show(() => ({ a: a({ score: 3, isLiked: true }) }))).toEqual(['miss']);
      expect(await shown.show(() => ({ a: a({ isLiked: true }) }))).toEqual(['miss']);
    });

    test('the first that a function keeps there is shown', async () => {
      let times = 0;
      const helpers: SiteOptions['helpers'] = (env) =>
        void env.addFilter('memo', (row: { memo?: string }) => {
          row.memo ??= `memo ${++times}`;
          return '';
        });
      const shown = new Site(T('{{ a | memo }}{{ a.memo }}'), kind, { helpers });
      for (let i = 0; i < 2; i++) expect(await shown.cached({ a: a({ memo: 'one' }) })).toBe('one');
      expect(await shown.cached({ a: a({ memo: 'two' }) })).toBe('one');
    });

    test('nor is a boolean, or whether it is there, on what a lazy loads', async () => {
      const shown = new Site(T('{% for c in comments() %}{{ "liked" if c.isLiked }}{% endfor %}'), kind);
      const page = (more: object) => ({
        a: a(),
        comments: lazy(async () => [Object.assign(new Comment(1, 'x'), more)]),
      });
      expect(await shown.cached(page({ isLiked: true }))).toBe('liked');
      for (const more of [{ isLiked: false }, {}]) expect(await shown.cached(page(more))).toBe('liked');
    });

    test('beside the model it is', async () => {
      const shown = new Site(T('{{ score }}'), kind);
      await shown.show(() => ({ a: a(), score: 3 }));
      expect(await shown.show(() => ({ a: a(), score: 4 }))).toEqual(['miss']);
    });
  });

  describe(LIMITS.trusted, () => {
    test.each([
      ['a global', '{{ tell() }}', false],
      ['a filter', '{{ "" | tell }}', false],
      ['a function of the page that an earlier page had', '{{ told() }}', true],
    ])('%s', async (_what, body, isOfPage) => {
      let state = 'x';
      const tell = () => state;
      const helpers: SiteOptions['helpers'] = (env) => void env.addGlobal('tell', tell).addFilter('tell', tell);
      const site = new Site(T(body), kind, { helpers });
      const context = () => ({ a: a(), ...(isOfPage ? { told: tell } : {}) });
      for (let i = 0; i < 2; i++) expect(await site.cached(context())).toBe('x');
      state = 'y';
      expect(await site.cached(context())).toBe('x');
    });

    test('what it looks at is named in vary', async () => {
      let state = 'x';
      const helpers: SiteOptions['helpers'] = (env) => void env.addGlobal('tell', () => state);
      const site = new Site(T('{{ tell() }}'), kind, { helpers, sweeper: { vary: () => [state] } });
      await site.show(() => ({ a: a() }));
      state = 'y';
      expect(await site.show(() => ({ a: a() }))).toEqual(['miss']);
    });
  });

  describe.skipIf(kind === 'memory')(LIMITS.closures, () => {
    const helpers =
      (lang: string): NonNullable<SiteOptions['helpers']> =>
      (env) =>
        void env.addFilter('t', (text: string) => `${lang}:${text}`);
    const body = T('{{ "x" | t }}');

    test('the first one’s is shown', async () => {
      const site = new Site(body, kind, { helpers: helpers('en') });
      await site.show(() => ({ a: a() }));
      const other = new Site(body, kind, { helpers: helpers('de'), shared: site });
      expect(await other.cached({ a: a() })).toBe('en:x');
    });

    test('what they print by is named in vary', async () => {
      const site = new Site(body, kind, { helpers: helpers('en'), sweeper: { vary: () => ['en'] } });
      await site.show(() => ({ a: a() }));
      const sweeper = { vary: () => ['de'] };
      await new Site(body, kind, { helpers: helpers('de'), shared: site, sweeper }).show(() => ({ a: a() }));
    });
  });

  describe(LIMITS.weakMap, () => {
    const cents = new WeakMap<object, number>();
    class Money {
      constructor(n: number, own: object) {
        cents.set(Object.assign(this, own), n);
      }
      toString() {
        return `${cents.get(this)}`;
      }
    }

    test('the first is shown', async () => {
      const site = new Site(T('{{ m }}'), kind);
      for (let i = 0; i < 2; i++) expect(await site.cached({ a: a(), m: new Money(1, { currency: 'EUR' }) })).toBe('1');
      expect(await site.cached({ a: a(), m: new Money(2, { currency: 'EUR' }) })).toBe('1');
    });

    test('without other data it is not stored', async () => {
      const site = new Site(T('{{ m }}'), kind);
      for (const n of [1, 1, 2]) expect(await site.show(() => ({ a: a(), m: new Money(n, {}) }))).toEqual(['unseen']);
    });
  });

  describe(LIMITS.hidden, () => {
    class Private {
      readonly #isMine: boolean;
      constructor(isMine: boolean) {
        this.#isMine = isMine;
      }
      get isMine() {
        return this.#isMine;
      }
    }
    class Rights {
      readonly isMine: boolean;
      constructor(isMine: boolean) {
        this.isMine = isMine;
      }
    }
    class Row {
      static rights: Rights;
      readonly own = 1;
      get isMine() {
        return Row.rights.isMine;
      }
    }
    const made: [string, (isMine: boolean) => object][] = [
      ['in a private field', (isMine) => new Private(isMine)],
      ['in a closure', (isMine) => Object.defineProperty({}, 'isMine', { get: () => isMine, enumerable: true })],
      [
        'in a static member of its class',
        (isMine) => {
          Row.rights = new Rights(isMine);
          return new Row();
        },
      ],
      ['in a proxy', (isMine) => new Proxy({}, { get: (_target, name) => name === 'isMine' && isMine })],
    ];
    const helpers: SiteOptions['helpers'] = (env) =>
      void env.addFilter('mine', ({ own }: { own: { isMine: boolean } }) => (own.isMine ? 'mine' : 'not'));

    test.each(made)('%s: the first is shown', async (_where, make) => {
      const site = new Site(T('{{ a | mine }}'), kind, { helpers });
      for (const isMine of [true, true, false]) expect(await site.cached({ a: a({ own: make(isMine) }) })).toBe('mine');
    });

    test.each(made)('%s: beside the model it is compared, or not stored', async (where, make) => {
      const site = new Site(T('{{ p | mine }}'), kind, { helpers });
      for (let i = 0; i < 2; i++) {
        const isStatic = where.includes('static');
        for (const isMine of isStatic ? [true] : [true, false])
          await site.show(() => ({ a: a(), p: { own: make(isMine) } }));
      }
    });
  });

  test(LIMITS.outward, async () => {
    let calls = 0;
    const helpers: SiteOptions['helpers'] = (env) => void env.addGlobal('count', () => void calls++);
    const site = new Site(T('{{ count() }}'), kind, { helpers });
    await site.cached({ a: a() });
    expect(site.outcomes).toEqual(['miss']);
    const before = calls;
    await site.cached({ a: a() });
    expect(site.outcomes).toEqual(['hit']);
    expect(calls).toBe(before);
  });

  test(LIMITS.defined, async () => {
    const body = T('{% macro m() %}x{% endmacro %}{% import "l.njk" as l %}{{ m() }}{{ l.n() }}');
    const site = new Site(
      {
        'page.njk': `${body}{% include "i.njk" %}`,
        'i.njk': '[{{ m }}{{ l }}]',
        'l.njk': '{% macro n() %}y{% endmacro %}',
        'used.njk': `${body}{{ m() }}`,
      },
      kind,
    );
    for (let i = 0; i < 2; i++) expect(await site.cached({ a: a() })).toBe('xy[]');
    await expect(site.cached({ a: a() }, 'used.njk')).rejects.toMatchObject({ code: 'CACHESWEEPER_BAD_TAG' });
  });
});

describe('verify finds', () => {
  let state = 'x';
  const helpers: SiteOptions['helpers'] = (env) => void env.addGlobal('tell', () => state);

  test.each<[string, string, (number: number) => object]>([
    [
      LIMITS.newRow,
      T('{% for c in a.comments %}{{ c.text }}{% endfor %}'),
      (i) => ({ a: a({ comments: [new Comment(i, `c${i}`)] }) }),
    ],
    [LIMITS.decorated, T('{{ a.score }}'), (score) => ({ a: a({ score }) })],
    [
      LIMITS.trusted,
      T('{{ tell() }}'),
      (number) => {
        state = `v${number}`;
        return { a: a() };
      },
    ],
  ])('%s', async (_limit, source, context) => {
    const site = new Site(source, 'memory', { ...verified, helpers });
    for (let number = 1; number <= 2; number++) {
      site.now += 10_000;
      await site.cached(context(number));
    }
    expect(site.errors).toMatchObject([{ code: 'CACHESWEEPER_DIFFERS' }]);
  });
});

test.each(Object.values(LIMITS))('README.md names this limit: %s', (limit) => {
  const [, section] = readPage('README.md').split('## What can still be stale, and why');
  expect(section?.split('\n## ')[0]).toContain(`- **${limit}`);
});
