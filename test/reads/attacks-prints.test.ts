import { describe, expect, test } from 'vitest';
import { F, kindsFor, Site, T } from './support.ts';

const kinds = kindsFor(import.meta.url);

const a = (more: object = {}): object => ({ cacheIdentity: { type: 'A', id: 1 }, ...more });
const b = { cacheIdentity: { type: 'B', id: 1 } };

class Name {
  first = 'F';
  last = 'L';
  mid: string;
  constructor(mid: string) {
    this.mid = mid;
  }
  toString() {
    return `${this.first} ${this.mid} ${this.last}`;
  }
}

describe.each(kinds)('%s', (kind) => {
  const same = async (source: string | Record<string, string>, pages: readonly (() => object)[], warm = 1) => {
    const site = new Site(source, kind);
    for (let i = 0; i <= warm; i++) for (const page of pages) await site.show(page);
    return site;
  };
  const names = (source: string) =>
    same(source, [() => ({ a: a(), b, n: new Name('x') }), () => ({ a: a(), b, n: new Name('y') })], 3);
  const lists = (source: string | Record<string, string>) =>
    same(source, [() => ({ a: a(), b, x: ['a', 'c'] }), () => ({ a: a(), b, x: ['b', 'c'] })]);

  describe('what is printed counts as printed, although members of it are read', () => {
    test('in a fragment inside', () => names(T(`{{ n }}${F('b', '{{ n.first }}{{ n.last }}')}`)));
    test('in a fragment inside, before', () => names(T(`${F('b', '{{ n.first }}{{ n.last }}')}{{ n }}`)));
    test('in a fragment inside, of a list', () => lists(T(`{{ x }}${F('b', '{{ x.length }}{{ x[1] }}')}`)));
    test('in two fragments inside', () => lists(T(`{{ x }}${F('b', '{{ x.length }}')}${F('b', '{{ x[1] }}')}`)));
    test('in a fragment inside, in a loop', () =>
      lists(T(`{{ x }}{% for p in [x] %}${F('b', '{{ p.length }}{{ p[1] }}')}{% endfor %}`)));
    test('of a loop variable over a list that the body makes', () =>
      lists(T('{{ x }}{% for p in [x] %}{{ p.length }}{{ p[1] }}{% endfor %}')));
    test('of a loop variable that holds an object', () =>
      names(T('{{ n }}{% for m in [n] %}{{ m.first }}{{ m.last }}{% endfor %}')));
    test('of a loop variable, in the same expression', () =>
      lists(T('{% for p in [x] %}{{ x ~ p.length }}{% endfor %}')));
    test('of a loop variable over an object that the body makes', () =>
      lists(T('{{ x }}{% for k, v in {q: x} %}{{ v.length }}{{ v[1] }}{% endfor %}')));
    test('of a loop variable over lists that are taken apart', () =>
      lists(T('{{ x }}{% for p, q in [[x, 1]] %}{{ p.length }}{{ p[1] }}{% endfor %}')));
    test('of a loop variable over a variable of the body', () =>
      lists(T('{{ x }}{% set l = [x] %}{% for p in l %}{{ p.length }}{{ p[1] }}{% endfor %}')));
    test('of a loop variable in a loop', () =>
      lists(T('{{ x }}{% for p in [x] %}{% for q in [p] %}{{ q.length }}{{ q[1] }}{% endfor %}{% endfor %}')));
    test('of a loop variable around the tag', () =>
      lists(`{% for p in [x] %}${T('{{ x }}{{ p.length }}{{ p[1] }}{{ p[1] }}')}{% endfor %}`));
    test('of a loop variable over a list below a model', () => {
      const n = (mid: string) => {
        const name = new Name(mid);
        return { a: a({ names: [name] }), n: name };
      };
      return same(
        T('{% for m in a.names %}{{ n }}{{ m.first }}{{ m.last }}{% endfor %}'),
        [() => n('x'), () => n('y')],
        3,
      );
    });
    test('below a model, of an object that the page holds as well', () => {
      const n = (mid: string) => {
        const name = new Name(mid);
        return { a: a({ name }), n: name };
      };
      return same(T('{{ n }}{{ a.name.first }}{{ a.name.last }}'), [() => n('x'), () => n('y')], 3);
    });
    test('of a list below a model', () =>
      same(T('{{ a.x }}{% for p in [a.x] %}{{ p.length }}{% endfor %}'), [
        () => ({ a: a({ x: [true, 1] }) }),
        () => ({ a: a({ x: [false, 1] }) }),
      ]));
    test('of a macro’s parameter', () =>
      lists(`{% macro m(p) %}{{ p.length }}{{ p[1] }}{% endmacro %}${T('{{ x }}{{ m(x) }}')}`));
    test('of a macro’s parameter by name', () =>
      lists(T('{% macro m(p=0) %}{{ p.length }}{{ p[1] }}{% endmacro %}{{ x }}{{ m(p=x) }}')));
    test('of the parameter of a {% call %}', () =>
      lists(
        T('{% macro m() %}{{ caller(x) }}{% endmacro %}{{ x }}{% call(p) m() %}{{ p.length }}{{ p[1] }}{% endcall %}'),
      ));
    test('of a variable that takes a loop variable’s place', () =>
      lists(T('{% for p in [1] %}{% set p = x %}{{ x }}{{ p.length }}{{ p[1] }}{% endfor %}')));
    test('of what a module gives', () =>
      lists({
        'page.njk': T('{% from "m.njk" import y with context %}{{ x }}{{ y.length }}{{ y[1] }}'),
        'm.njk': '{% set y = x %}',
      }));
    test('in an include', () =>
      lists({ 'page.njk': T('{{ x }}{% include "i.njk" %}'), 'i.njk': '{{ x.length }}{{ x[1] }}' }));
    test('compared with a text', () =>
      names(T('{{ n == "F x L" }}{% for m in [n] %}{{ m.first }}{{ m.last }}{% endfor %}')));
  });

  describe('an object without a text of its own differs from one with it', () => {
    const either = (body: string, one: unknown, two: unknown) =>
      same(T(body), [() => ({ a: a(), d: { me: 1 }, o: one }), () => ({ a: a(), d: { me: 1 }, o: two })]);
    const me = { toString: () => 'me' };
    test('printed', () => either('{{ o }}', { x: 1 }, { x: 1, ...me }));
    test('printed, with a tag', () => either('{{ o }}', { x: 1 }, { x: 1, [Symbol.toStringTag]: 'X' }));
    test('counted', () => either('{{ "y" if o > 1 else "n" }}{{ o + 1 }}', {}, { valueOf: () => 5 }));
    test('compared', () => either('{{ o == "me" }}', {}, me));
    test('joined', () => either('{{ "" ~ o }}', {}, me));
    test('as a key', () => either('{{ d[o] }}', {}, me));
    test('in a list', () => either('{{ o }}', [{ x: 1 }], [{ x: 1, ...me }]));
    test('in a loop', () => either('{% for p in o %}{{ p }}{% endfor %}', [{ x: 1 }], [{ x: 1, ...me }]));
    test('inherited', () => either('{{ o }}', Object.create({ x: 1 }), Object.create({ x: 1, ...me })));
    test('of classes of one name', () => {
      const [One, Two] = [
        class Thing {},
        class Thing {
          toString() {
            return 'me';
          }
        },
      ];
      return either('{{ o }}', new One(), new Two());
    });
  });

  describe('a loop over an object', () => {
    const looped = (one: object, two: object) =>
      same(T('{% for x in o %}{{ x }}{% endfor %}'), [() => ({ a: a(), o: one }), () => ({ a: a(), o: two })]);
    const ofLength = (value: number) => Object.defineProperty({ 0: 'a', 1: 'b' }, 'length', { value });
    test('that becomes iterable', () =>
      looped(
        {},
        {
          *[Symbol.iterator]() {
            yield 1;
          },
        },
      ));
    test('whose hidden length differs', () => looped(ofLength(1), ofLength(2)));
  });

  test('what is only looked into is not compared by its text', async () => {
    const site = new Site(
      T(`{{ n.first }}{{ rows[0].title }}{{ rows[i].title }}${F('b', '{{ n.last }}{{ rows[0].title }}')}`),
      kind,
    );
    const page = (mid: string, length: number) => () => {
      const rows = [{ title: 'r' }, ...Array.from({ length }, () => ({ title: 's' }))];
      return { a: a(), b, n: new Name(mid), rows, i: 0 };
    };
    await site.show(page('x', 1));
    await site.show(page('x', 1));
    await site.show(page('y', 2));
    await site.show(page('z', 3));
    expect(site.outcomes).toEqual(['hit']);
  });
});
