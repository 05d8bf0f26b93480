import type nunjucks from 'nunjucks';
import { describe, expect, test } from 'vitest';
import { kindsFor, Site, sameIn, T } from './support.ts';

const kinds = kindsFor(import.meta.url);

const A = { type: 'A', id: 1 };
const a = (more: object = {}): object => ({ cacheIdentity: A, ...more });
class Named {
  name: string;
  label: string;
  constructor(name: string, label: string) {
    this.name = name;
    this.label = label;
  }
  toString() {
    return this.label;
  }
}
describe.each(kinds)('%s', (kind) => {
  const same = sameIn(kind);

  test('printed, and looked into as what a function gives', () => {
    let current: unknown;
    const page = (label: string) => () => {
      current = new Named('n', label);
      return { a: a(), p: current };
    };
    return same(
      T('{{ p }}{{ current().name }}'),
      [page('A'), page('B')],
      (env) => env.addGlobal('current', () => current),
      3,
    );
  });
  test('a list printed, and looked into as what a function gives', () => {
    let current: unknown;
    const page = (label: string) => () => {
      current = ['n', label];
      return { a: a(), p: current };
    };
    return same(
      T('{{ p }}{{ current()[0] }}'),
      [page('A'), page('B')],
      (env) => env.addGlobal('current', () => current),
      3,
    );
  });
  test('a sparse list with a property', () =>
    same(
      T('{{ xOf(l) }}'),
      [
        () => ({ a: a(), l: Object.assign(new Array(1), { x: 'A' }) }),
        () => ({ a: a(), l: Object.assign(new Array(1), { x: 'B' }) }),
      ],
      (env) => env.addGlobal('xOf', (l: { x: string }) => l.x),
    ));
  test('a match with a group that did not take part, handed over', () =>
    same(
      T('{{ xOf(l) }}'),
      [
        () => {
          const l: unknown[] & { x?: unknown } = [];
          l[1] = 1;
          l.x = 'A';
          return { a: a(), l };
        },
        () => {
          const l: unknown[] & { x?: unknown } = [];
          l[1] = 1;
          l.x = 'B';
          return { a: a(), l };
        },
      ],
      (env) => env.addGlobal('xOf', (l: { x: string }) => l.x),
    ));
  test('two dates, one with a property', () => {
    const f = (env: nunjucks.Environment) => env.addGlobal('xOf', (s: Iterable<{ x: unknown }>) => `${[...s][0]?.x}`);
    return same(
      T('{{ xOf(s) }}'),
      [
        () => ({ a: a(), s: new Set([Object.assign(new Date(0), { x: 1 })]) }),
        () => ({ a: a(), s: Object.assign(new Set([new Date(0)]), { x: 1 }) }),
      ],
      f,
    );
  });
  test('a function below a model', () => {
    const [f, g] = [() => 1, () => 1];
    return same(
      T('{{ "same" if a.f === f else "other" }}'),
      [() => ({ a: a({ f }), f }), () => ({ a: a({ f: g }), f })],
      undefined,
      3,
    );
  });
  test('the friends of a model, handed over, are those of the page', () => {
    const f = (env: nunjucks.Environment) =>
      env.addGlobal('knows', (a: { friends: object[] }, u: object) => a.friends.includes(u));
    return same(
      T('{{ knows(a, u) }}'),
      [
        () => {
          const u = { n: 1 };
          return { a: a({ friends: [u] }), u };
        },
        () => ({ a: a({ friends: [{ n: 1 }] }), u: { n: 1 } }),
      ],
      f,
      2,
    );
  });
  test('a model’s friend in a set, whether the user is among them', () =>
    same(
      T('{{ a.friends.has(u) }}'),
      [
        () => {
          const u = { n: 1 };
          return { a: a({ friends: new Set([u]) }), u };
        },
        () => ({ a: a({ friends: new Set([{ n: 1 }]) }), u: { n: 1 } }),
      ],
      undefined,
      2,
    ));
  test('includes below a model', () =>
    same(
      T('{{ a.friends.includes(u) }}'),
      [
        () => {
          const u = { n: 1 };
          return { a: a({ friends: [u] }), u };
        },
        () => ({ a: a({ friends: [{ n: 1 }] }), u: { n: 1 } }),
      ],
      undefined,
      2,
    ));
  test('in below a model', () =>
    same(
      T('{{ u in a.friends }}'),
      [
        () => {
          const u = { n: 1 };
          return { a: a({ friends: [u] }), u };
        },
        () => ({ a: a({ friends: [{ n: 1 }] }), u: { n: 1 } }),
      ],
      undefined,
      2,
    ));
  test('in below a model, nothing but models', () =>
    same(
      T('{{ u in a.friends }}'),
      [
        () => {
          const u = { cacheIdentity: { type: 'U', id: 1 } };
          return { a: a({ friends: [u] }), u };
        },
        () => ({
          a: a({ friends: [{ cacheIdentity: { type: 'U', id: 1 } }] }),
          u: { cacheIdentity: { type: 'U', id: 1 } },
        }),
      ],
      undefined,
      2,
    ));
  test('primitive of the page in a list below a model', () =>
    same(T('{{ u in a.friends }}'), [
      () => ({ a: a({ friends: [1] }), u: 1 }),
      () => ({ a: a({ friends: [1] }), u: 2 }),
    ]));
  test('met models below: two rows', () => {
    class U {
      cacheIdentity;
      isMe;
      constructor(id: number, isMe: boolean) {
        this.cacheIdentity = { type: 'U', id };
        this.isMe = isMe;
      }
    }
    return same(T('{{ a.x }}{{ "me" if a.author.isMe }}{{ "me" if u.isMe }}'), [
      () => {
        const u = new U(1, true);
        return { a: a({ author: u }), u };
      },
      () => ({ a: a({ author: new U(1, true) }), u: new U(1, false) }),
    ]);
  });
  test('two rows of one id, one decorated', () => {
    class U {
      cacheIdentity;
      isMe;
      constructor(id: number, isMe: boolean) {
        this.cacheIdentity = { type: 'U', id };
        this.isMe = isMe;
      }
    }
    return same(T('{% for u in us %}{{ "me" if u.isMe }},{% endfor %}'), [
      () => ({ a: a(), us: [new U(1, true), new U(1, false)] }),
      () => ({ a: a(), us: [new U(1, false), new U(1, true)] }),
      () => {
        const u = new U(1, true);
        return { a: a(), us: [u, u] };
      },
    ]);
  });
  test('booleans of rows of a list of models, sorted', () => {
    class U {
      cacheIdentity;
      isMe;
      constructor(id: number, isMe: boolean) {
        this.cacheIdentity = { type: 'U', id };
        this.isMe = isMe;
      }
    }
    return same(T('{% for u in us | sort(attribute="isMe") %}{{ "me" if u.isMe }},{% endfor %}'), [
      () => ({ a: a(), us: [new U(1, true)] }),
      () => ({ a: a(), us: [new U(1, false)] }),
    ]);
  });
  test('a list that a row below a model has, in a page object', () =>
    same(T('{% for c in o.post.comments %}{{ "mine" if c.isMine }}{% endfor %}'), [
      () => ({ a: a(), o: { post: { cacheIdentity: { type: 'P', id: 1 }, comments: [{ isMine: true }] } } }),
      () => ({ a: a(), o: { post: { cacheIdentity: { type: 'P', id: 1 }, comments: [{ isMine: false }] } } }),
    ]));
  test('a macro loops over what is below a model', () =>
    same(
      `{% macro m(cs) %}{% for c in cs %}{{ "mine" if c.isMine }}{% endfor %}{% endmacro %}${T('{{ m(a.comments) }}')}`,
      [() => ({ a: a({ comments: [{ isMine: true }] }) }), () => ({ a: a({ comments: [{ isMine: false }] }) })],
    ));
  test('reverse, slice, batch, first', async () => {
    for (const f of ['reverse', 'slice(1) | first', 'batch(1) | first', 'list']) {
      await same(T(`{% for c in a.comments | ${f} %}{{ "mine" if c.isMine }}{% endfor %}`), [
        () => ({ a: a({ comments: [{ isMine: true }] }) }),
        () => ({ a: a({ comments: [{ isMine: false }] }) }),
      ]);
    }
  });
  test('method that gives rows below a model', () =>
    same(
      T(
        '{% for c in a.comments.filter(f) %}{{ "mine" if c.isMine }}{% endfor %}{% for c in a.comments.slice(0) %}{{ "mine" if c.isMine }}{% endfor %}',
      ),
      [() => ({ a: a({ comments: [{ isMine: true }] }) }), () => ({ a: a({ comments: [{ isMine: false }] }) })],
      (env) => env.addGlobal('f', () => true),
      2,
    ));
  test('a symbol as a key, by a helper', () => {
    const s = Symbol('x');
    return same(T('{{ what(k) }}'), [() => ({ a: a(), k: s }), () => ({ a: a(), k: Symbol('x') })], (env) =>
      env.addGlobal('what', (k: symbol) => (k === s ? 'mine' : 'other')),
    );
  });
  test('nested, map entries and html', () =>
    same(T(`${T('{% for k, v in m %}{{ k }}{{ v.n }}{% endfor %}{{ h }}')}`), [
      () => ({ a: a(), m: new Map([['x', { n: 1 }]]), h: '<' }),
      () => ({ a: a(), m: new Map([['x', { n: 2 }]]), h: '<' }),
    ]));
  test('private text in a class', async () => {
    class Theme {
      dark = false;
      get color() {
        return this.dark ? '#000' : '#fff';
      }
    }
    const site = new Site(T('{{ t.color }}'), kind);
    for (let i = 0; i < 4; i++) await site.show(() => ({ a: a(), t: new Theme() }));
    expect(site.outcomes).toEqual(['hit']);
  });
});
