import type nunjucks from 'nunjucks';
import { describe, expect, test } from 'vitest';
import { F, kindsFor, Site, T } from './support.ts';

const kinds = kindsFor(import.meta.url);

const a = (more: object = {}): object => ({ cacheIdentity: { type: 'A', id: 1 }, ...more });
const b = { cacheIdentity: { type: 'B', id: 1 } };

class Named {
  name: string;
  constructor(name: string) {
    this.name = name;
  }
  toString() {
    return this.name;
  }
}

describe.each(kinds)('what a function changes that is not handed it, with %s', (kind) => {
  /** Pages of a state before and after a change that the body makes. */
  const changing = async <S extends object>(
    body: string,
    make: (isChanged: boolean) => S,
    change: (state: S) => void,
    helpers?: (env: nunjucks.Environment) => void,
  ) => {
    let current: S;
    const site = new Site(T(body), kind, {
      helpers: (env) => {
        helpers?.(env);
        env.addGlobal('change', () => {
          change(current);
          return '';
        });
      },
    });
    const page = (isChanged: boolean) => () => {
      current = make(isChanged);
      return { a: a(), b, ...current };
    };
    for (const isChanged of [false, true, false, true]) await site.show(page(isChanged));
    return site;
  };

  test('a member', () =>
    changing(
      '{{ state.title }}{{ change() }}',
      (is) => ({ state: { title: is ? 'done' : 'raw' } }),
      ({ state }) => {
        state.title = 'done';
      },
    ));
  // With a store the page is run once more where a fragment inside is not known yet, and the function changes it then.
  if (kind === 'memory')
    test('a member that was read in a fragment inside', () =>
      changing(
        `${F('b', '{{ state.title }}')}{{ change() }}`,
        (is) => ({ state: { title: is ? 'done' : 'raw' } }),
        ({ state }) => {
          state.title = 'done';
        },
      ));
  test('a member of a row', () =>
    changing(
      '{% for row in rows %}{{ row.title }}{{ change() }}{% endfor %}',
      (is) => ({ rows: [{ title: is ? 'done' : 'raw' }] }),
      ({ rows: [row] }) => {
        if (row !== undefined) row.title = 'done';
      },
    ));
  test('a boolean below the model', () =>
    changing(
      '{% if a.isNew %}new{% endif %}{{ change() }}',
      (is) => ({ a: { cacheIdentity: { type: 'A', id: 1 }, isNew: !is } }),
      (page) => {
        page.a.isNew = false;
      },
    ));
  test('a list that was printed', () =>
    changing(
      '{{ list }}{{ change() }}',
      (is) => ({ list: is ? [1, 2] : [1] }),
      ({ list }) => {
        list[1] = 2;
      },
    ));
  test('a Map', () =>
    changing(
      '{% for k, v in map %}{{ k }}{{ v }}{% endfor %}{{ change() }}',
      (is) => ({ map: new Map(is ? [['x', 1]] : []) }),
      ({ map }) => void map.set('x', 1),
    ));
  test('a Set', () =>
    changing(
      '{% for v in set %}{{ v }}{% endfor %}{{ change() }}',
      (is) => ({ set: new Set(is ? [1] : []) }),
      ({ set }) => void set.add(1),
    ));
  test('an object that was looped over', () =>
    changing(
      '{% for k, v in o %}{{ k }}{{ v }}{% endfor %}{{ change() }}',
      (is): { o: Record<string, number> } => ({ o: is ? { x: 2 } : { x: 1 } }),
      ({ o }) => {
        o.x = 2;
      },
    ));
  test('an object that prints itself', () =>
    changing(
      '{{ n }}{{ change() }}',
      (is) => ({ n: new Named(is ? 'done' : 'raw') }),
      ({ n }) => {
        n.name = 'done';
      },
    ));
  test('a date', () =>
    changing(
      '{{ d.getTime() }}{{ change() }}',
      (is) => ({ d: new Date(is ? 2 : 1) }),
      ({ d }) => void d.setTime(2),
    ));

  test('a getter changes its object', async () => {
    class Sequence {
      n = 0;
      get next() {
        return ++this.n;
      }
    }
    const site = new Site(T('{{ s.next }}'), kind);
    const [ours, alone] = [new Sequence(), new Sequence()];
    for (let i = 0; i < 4; i++)
      expect(await site.cached({ a: a(), s: ours })).toBe(await site.alone({ a: a(), s: alone }));
  });
  test('what stays as it is, is stored', async () => {
    const site = new Site(
      T('{{ o.x }}{{ list }}{{ list[0] }}{{ d }}{% for k, v in o %}{{ k }}{% endfor %}{{ a.isNew }}{{ n.name }}'),
      kind,
    );
    const page = () => ({
      a: a({ isNew: true }),
      o: { x: 1 },
      list: [1],
      d: new Date(1),
      n: new Named('n'),
    });
    for (let i = 0; i < 2; i++) await site.show(page);
    expect(site.outcomes).toEqual(['hit']);
  });
  test('what changes beside the members that are read, does not matter', async () => {
    let read = 0;
    const site = new Site(T('{{ n.name }}{{ list[0] }}{{ change() }}'), kind, {
      helpers: (env) => env.addGlobal('change', () => ''),
    });
    const page = () => {
      const n = Object.assign(new Named('n'), { reads: read });
      const list = [1, read];
      read++;
      return { a: a(), n, list };
    };
    for (let i = 0; i < 2; i++) await site.show(page);
    expect(site.outcomes).toEqual(['hit']);
  });
});
