import { describe, expect, test } from 'vitest';
import { kindsFor, Site, sameIn, T } from './support.ts';

const kinds = kindsFor(import.meta.url);

const A = { type: 'A', id: 1 };
const a = (more: object = {}): object => ({ cacheIdentity: A, ...more });

class Named {
  name: string;
  constructor(name: string) {
    this.name = name;
  }
  describe() {
    return this.name;
  }
}
class Tags extends Array<string> {
  label = '';
  override toString() {
    return `${this.label}:${this.length}`;
  }
}
const tags = (label: string) => Object.assign(Tags.from(['x']) as Tags, { label });
const by = {
  key: 'x',
  of(row: Record<string, unknown>) {
    return row[this.key];
  },
};

describe.each(kinds)('%s', (kind) => {
  const same = sameIn(kind);

  test('control: a boolean in a list below a model', () =>
    same(T("{% for c in a.comments %}{{ 'mine' if c.isMine }}{% endfor %}"), [
      () => ({ a: a({ comments: [{ isMine: true }] }) }),
      () => ({ a: a({ comments: [{ isMine: false }] }) }),
    ]));
  test('lists with properties', () =>
    same(T('{{ o | dump }}'), [
      () => ({ a: a(), o: { a: Object.assign([], { b: [], c: 1 }) } }),
      () => ({ a: a(), o: { a: [], b: Object.assign([], { c: 1 }) } }),
    ]));
  test('symbols as names', () => {
    const [s, t] = [Symbol('x'), Symbol('x')];
    return same(T('{{ o[s] }}'), [() => ({ a: a(), o: { [s]: 1 }, s }), () => ({ a: a(), o: { [s]: 1 }, s: t })]);
  });
  test('lastIndex', () =>
    same(T('{{ r.exec("aXa").index }}'), [
      () => ({ a: a(), r: /a/g }),
      () => ({ a: a(), r: Object.assign(/a/g, { lastIndex: 1 }) }),
    ]));
  test('lastIndex, handed', () =>
    same(
      T('{{ find(r) }}'),
      [() => ({ a: a(), r: /a/g }), () => ({ a: a(), r: Object.assign(/a/g, { lastIndex: 1 }) })],
      (env) => env.addGlobal('find', (r: RegExp) => r.lastIndex),
    ));
  test('buffers and bytes', () =>
    same(T('{{ b }}'), [
      () => ({ a: a(), b: Buffer.from('abc') }),
      () => ({ a: a(), b: new Uint8Array([97, 98, 99]) }),
    ]));
  test('a prototype’s data', async () => {
    const defaults = { title: 'A' };
    const site = new Site(T('{{ titleOf(o) }}'), kind, {
      helpers: (env) => env.addGlobal('titleOf', (o: { title: string }) => o.title),
    });
    const page = () => ({ a: a(), o: Object.create(defaults) });
    await site.show(page);
    await site.show(page);
    defaults.title = 'B';
    await site.show(page);
  });
  test('a method handed to a function', () =>
    same(
      T('{{ apply(o.describe) }}'),
      [() => ({ a: a(), o: new Named('A') }), () => ({ a: a(), o: new Named('B') })],
      (env) => env.addGlobal('apply', (f: () => string) => f()),
      3,
    ));
  test('a method handed to a filter', () =>
    same(
      T('{{ o.describe | apply }}'),
      [() => ({ a: a(), o: new Named('A') }), () => ({ a: a(), o: new Named('B') })],
      (env) => env.addFilter('apply', (f: () => string) => f()),
      3,
    ));
  test('a method in a keyword', () =>
    same(
      T('{{ apply(f=o.describe) }}'),
      [() => ({ a: a(), o: new Named('A') }), () => ({ a: a(), o: new Named('B') })],
      (env) => env.addGlobal('apply', ({ f }: { f: () => string }) => f()),
      3,
    ));
  test('a function of a plain object handed to groupby', () =>
    same(
      T('{% for k, v in rows | groupby(by.of) %}{{ k }}{% endfor %}'),
      [
        () => ({ a: a(), by: { ...by, key: 'x' }, rows: [{ x: 1, y: 2 }] }),
        () => ({ a: a(), by: { ...by, key: 'y' }, rows: [{ x: 1, y: 2 }] }),
      ],
      undefined,
      3,
    ));
  test('a list that prints itself', () =>
    same(T('{{ tags }}'), [() => ({ a: a(), tags: tags('A') }), () => ({ a: a(), tags: tags('B') })], undefined, 2));
  test('a list that prints itself, and one that does not', () =>
    same(T('{{ tags }}'), [() => ({ a: a(), tags: tags('A') }), () => ({ a: a(), tags: ['x'] })], undefined, 2));
  test('a list with a toString of its own', () => {
    const label = function (this: { label: string }) {
      return this.label;
    };
    return same(
      T('{{ tags }}'),
      [
        () => ({ a: a(), tags: Object.assign([1], { toString: label, label: 'A' }) }),
        () => ({ a: a(), tags: Object.assign([1], { toString: label, label: 'B' }) }),
      ],
      undefined,
      2,
    );
  });
  test('a proxy that prints itself', () => {
    const proxy = (lang: string) =>
      new Proxy({} as Record<string, unknown>, {
        get: (_, key) => (key === 'toString' ? () => lang : undefined),
      });
    return same(T('{{ p }}'), [() => ({ a: a(), p: proxy('de') }), () => ({ a: a(), p: proxy('en') })], undefined, 2);
  });
  test('a function that prints itself', () => {
    const f = Object.assign(() => 1, {
      label: 'A',
      toString() {
        return this.label;
      },
    });
    return (async () => {
      const site = new Site(T('{{ f }}'), kind);
      const page = (label: string) => () => {
        f.label = label;
        return { a: a(), f };
      };
      await site.show(page('A'));
      await site.show(page('A'));
      await site.show(page('A'));
      await site.show(page('B'));
    })();
  });

  class Note {
    readonly cacheIdentity: object;
    text: string;
    constructor(text: string) {
      this.cacheIdentity = { type: 'Note', id: 7 };
      this.text = text;
    }
    toString() {
      return this.text;
    }
  }
  for (const body of [
    '{{ latest() }}',
    '{{ latest().text }}',
    '{% for n in all() %}{{ n }}{% endfor %}',
    '{{ all() }}',
    '{{ all() | first }}',
    '{{ "" ~ latest() }}',
    '{% set n = latest() %}{{ n }}',
    '{{ a.latest() }}',
    '{{ a.note }}',
    '{{ a.notes }}',
    '{{ a.notes | first }}',
    '{% for n in a.notes %}{{ n }}{% endfor %}',
    '{{ a.got }}',
    '{{ o.note }}',
    '{{ o.notes }}',
    '{{ o.got }}',
    '{% for k, n in o %}{{ n }}{% endfor %}',
    '{% for n in s %}{{ n }}{% endfor %}',
    '{% for k, n in a.o %}{{ n }}{% endfor %}',
    '{% for n in a.s %}{{ n }}{% endfor %}',
  ]) {
    test(`printed: ${body}`, async () => {
      let note = new Note('old');
      const site = new Site(T(body), kind, {
        helpers: (env) => {
          env.addGlobal('latest', () => note);
          env.addGlobal('all', () => [note]);
        },
      });
      class M {
        cacheIdentity = A;
        id = 1;
        note = note;
        notes = [note];
        o = { note };
        s = new Set([note]);
        latest() {
          return this.note;
        }
        get got() {
          return this.note;
        }
      }
      class O {
        note = note;
        notes = [note];
        get got() {
          return this.note;
        }
      }
      const m = () => Object.assign(new M(), { note, notes: [note], o: { note }, s: new Set([note]) });
      const page = () => ({ a: m(), o: Object.assign(new O(), { note, notes: [note] }), s: new Set([note]) });
      await site.show(page);
      site.now += 10_000;
      await site.show(page);
      await site.show(page);
      await site.show(page);
      note = new Note('new');
      await site.sweeper.invalidateCacheFor({ type: 'Note', id: 7 });
      await site.show(page);
    });
  }

  test('an object with 40 functions is trusted soon', async () => {
    const h = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`f${i}`, () => i]));
    const site = new Site(T('{{ h.f3() }}'), kind);
    const page = () => ({ a: a(), h });
    for (let i = 0; i < 4; i++) await site.show(page);
    expect(site.outcomes).toEqual(['hit']);
  });
  test('number objects and lone halves', () =>
    same(
      T('{{ x }}{{ y }}'),
      [
        () => ({ a: a(), x: '\ud83d', y: '\ude00' }),
        () => ({ a: a(), x: '\ud83d\ude00', y: '' }),
        () => ({ a: a(), x: '"\\ud83d"', y: '' }),
        () => ({ a: a(), x: new String('"'), y: 1 }),
        () => ({ a: a(), x: '1', y: new Number(1) }),
        () => ({ a: a(), x: '1', y: true }),
      ],
      undefined,
      3,
    ));
});
