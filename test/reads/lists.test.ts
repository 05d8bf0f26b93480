import { describe, expect, test } from 'vitest';
import { Article } from '../support/models.ts';
import { kindsFor, Site, T } from './support.ts';

const kinds = kindsFor(import.meta.url);

/** A body, and what two pages are given for it. */
type Case = readonly [string, () => object, () => object];

const LOOP = T('{% for r in rows %}{{ r.title }},{% endfor %}');
const rows = (...titles: string[]) =>
  titles.map((title, i) => ({ id: i, title, views: 1, tags: [{ label: title, color: 'red' }] }));
const viewed = (...titles: string[]) => rows(...titles).map((row) => ({ ...row, views: 2, more: { seen: true } }));

/** Pages that differ only in what the body does not read. */
const unread: Record<string, Case> = {
  'a field of the rows': [LOOP, () => ({ rows: rows('x', 'y') }), () => ({ rows: viewed('x', 'y') })],
  'a field of the rows, long': [
    LOOP,
    () => ({ rows: rows('x').map((row) => ({ ...row, body: 'b'.repeat(3_000) })) }),
    () => ({ rows: rows('x').map((row) => ({ ...row, body: 'c'.repeat(3_000) })) }),
  ],
  'a field of the rows’ rows': [
    T('{% for r in rows %}{% for t in r.tags %}{{ t.label }}{% endfor %}{% endfor %}'),
    () => ({ rows: rows('x', 'y') }),
    () => ({ rows: rows('x', 'y').map((row) => ({ ...row, tags: [{ label: row.title, color: 'blue' }] })) }),
  ],
  'all fields, where only their number counts': [
    T('{% for r in rows %}*{% endfor %}'),
    () => ({ rows: rows('x', 'y') }),
    () => ({ rows: rows('v', 'w') }),
  ],
  'the fields of the values of a Map': [
    T('{% for k, r in rows %}{{ k }}{{ r.title }}{% endfor %}'),
    () => ({ rows: new Map(rows('x').map((row) => ['k', row])) }),
    () => ({ rows: new Map(viewed('x').map((row) => ['k', row])) }),
  ],
  'the fields of the values of an object': [
    T('{% for k, r in rows %}{{ k }}{{ r.title }}{% endfor %}'),
    () => ({ rows: { k: rows('x')[0] } }),
    () => ({ rows: { k: viewed('x')[0] } }),
  ],
  'the fields of the items of a Set': [
    T('{% for r in rows %}{{ r.title }}{% endfor %}'),
    () => ({ rows: new Set(rows('x')) }),
    () => ({ rows: new Set(viewed('x')) }),
  ],
  'the other rows': [T('{{ rows[0].title }}'), () => ({ rows: rows('x', 'y') }), () => ({ rows: rows('x', 'z', 'w') })],
  'the other members of an object': [
    T('{{ page.title }}'),
    () => ({ page: { title: 'x', views: 1 } }),
    () => ({ page: { title: 'x', views: 2 } }),
  ],
};

/** Pages that differ in what the body reads. */
const read: Record<string, Case> = {
  'a field of a row': [LOOP, () => ({ rows: rows('x', 'y') }), () => ({ rows: rows('x', 'z') })],
  'a field that one row does not have': [
    LOOP,
    () => ({ rows: [{ title: 'x' }, {}] }),
    () => ({ rows: [{ title: 'x' }, { title: 'y' }] }),
  ],
  'the order of the rows': [LOOP, () => ({ rows: rows('x', 'y') }), () => ({ rows: rows('y', 'x') })],
  'a row that was added': [LOOP, () => ({ rows: rows('x') }), () => ({ rows: rows('x', 'y') })],
  'a row that was added, of which nothing is read': [
    T('{% for r in rows %}*{% endfor %}'),
    () => ({ rows: rows('x') }),
    () => ({ rows: rows('x', 'y') }),
  ],
  'the only row, which went': [
    T('{% for r in rows %}{{ r.title }}{% else %}none{% endfor %}'),
    () => ({ rows: rows('x') }),
    () => ({ rows: [] }),
  ],
  'a list that is not there': [
    T('{% for r in rows %}{{ r.title }}{% else %}none{% endfor %}'),
    () => ({ rows: rows('x') }),
    () => ({}),
  ],
  'a row that is nothing': [LOOP, () => ({ rows: rows('x', 'y') }), () => ({ rows: [...rows('x'), null] })],
  'the length': [T('{{ rows.length }}'), () => ({ rows: rows('x') }), () => ({ rows: rows('x', 'y') })],
  'the length, by a filter': [T('{{ rows | length }}'), () => ({ rows: rows('x') }), () => ({ rows: rows('x', 'y') })],
  'the last, by a filter': [T('{{ (rows | last).title }}'), () => ({ rows: rows('x') }), () => ({ rows: rows('y') })],
  'the fields, sorted by a filter': [
    T('{% for r in rows | sort(attribute="title") %}{{ r.title }}{% endfor %}'),
    () => ({ rows: rows('x', 'y') }),
    () => ({ rows: rows('x', 'w') }),
  ],
  'the place in the loop': [
    T('{% for r in rows %}{{ r.title }}{{ "," if not loop.last }}{% endfor %}'),
    () => ({ rows: rows('x', 'y') }),
    () => ({ rows: rows('x', 'y', 'z') }),
  ],
  'the rows of a row': [
    T('{% for r in rows %}{% for t in r.tags %}{{ t.label }}{% endfor %};{% endfor %}'),
    () => ({ rows: [{ tags: [{ label: 'x' }, { label: 'y' }] }, { tags: [] }] }),
    () => ({ rows: [{ tags: [{ label: 'x' }] }, { tags: [{ label: 'y' }] }] }),
  ],
  'lists of lists': [
    T('{% for r in rows %}{% for c in r %}{{ c }}{% endfor %};{% endfor %}'),
    () => ({ rows: [['x', 'y'], ['z']] }),
    () => ({ rows: [['x'], ['y', 'z']] }),
  ],
  pairs: [
    T('{% for k, v in rows %}{{ k }}={{ v }};{% endfor %}'),
    () => ({
      rows: [
        ['x', 1],
        ['y', 2],
      ],
    }),
    () => ({
      rows: [
        ['x', 1],
        ['y', 3],
      ],
    }),
  ],
  triples: [
    T('{% for k, v, w in rows %}{{ k }}={{ v }}{{ w }};{% endfor %}'),
    () => ({ rows: [['x', 1, 'a']] }),
    () => ({ rows: [['x', 1, 'b']] }),
  ],
  'the order of an object’s keys': [
    T('{% for k, v in o %}{{ k }}={{ v }};{% endfor %}'),
    () => ({ o: { x: 1, y: 2 } }),
    () => ({ o: { y: 2, x: 1 } }),
  ],
  'a key of an object': [
    T('{% for k, v in o %}{{ k }};{% endfor %}'),
    () => ({ o: { x: 1 } }),
    () => ({ o: { y: 1 } }),
  ],
  'the values of a Map': [
    T('{% for k, v in m %}{{ k }}={{ v }};{% endfor %}'),
    () => ({ m: new Map([['x', 1]]) }),
    () => ({ m: new Map([['x', 2]]) }),
  ],
  'the order of a Map': [
    T('{% for k, v in m %}{{ k }}={{ v }};{% endfor %}'),
    () => ({
      m: new Map([
        ['x', 1],
        ['y', 2],
      ]),
    }),
    () => ({
      m: new Map([
        ['y', 2],
        ['x', 1],
      ]),
    }),
  ],
  'the items of a Set': [
    T('{% for v in s %}{{ v }};{% endfor %}'),
    () => ({ s: new Set(['x', 'y']) }),
    () => ({ s: new Set(['y', 'x']) }),
  ],
  'the size of a Map': [T('{{ m.size }}'), () => ({ m: new Map([['x', 1]]) }), () => ({ m: new Map() })],
  'text that is looped over': [
    T('{% for c in word %}{{ c }}.{% endfor %}'),
    () => ({ word: 'xy' }),
    () => ({ word: 'xz' }),
  ],
  'a number of times': [T('{% for i in range(n) %}{{ i }}{% endfor %}'), () => ({ n: 2 }), () => ({ n: 3 })],
  'a list or an object': [T('{% for k in o %}{{ k }};{% endfor %}'), () => ({ o: ['x'] }), () => ({ o: { x: 1 } })],
};

const withModel = (values: () => object) => () => ({ a: new Article(1), ...values() });

describe.each(kinds)('a list that a body reads, in %s', (kind) => {
  test.each(Object.entries(unread))('is not compared in what is not read: %s', async (_what, [source, one, other]) => {
    const site = new Site(source, kind);
    expect(await site.show(withModel(one))).toEqual(['miss']);
    expect(await site.show(withModel(other))).toEqual(['hit']);
  });

  test.each(Object.entries(read))('is compared in what is read: %s', async (_what, [source, one, other]) => {
    const site = new Site(source, kind);
    expect(await site.show(withModel(one))).toEqual(['miss']);
    expect(await site.show(withModel(one))).toEqual(['hit']);
    expect(await site.show(withModel(other))).toEqual(['miss']);
    // Either may have read more than the other: a store finds it again when it was stored once more.
    await site.show(withModel(one));
    await site.show(withModel(other));
    expect(await site.show(withModel(one))).toEqual(['hit']);
    expect(await site.show(withModel(other))).toEqual(['hit']);
  });

  test('that the template changes before the tag is compared as it is then', async () => {
    const site = new Site(
      `{% set l = [] %}{% set _ = l.push(lang) %}${T('{{ l | join }}')}{% set _ = l.push("x") %}${T('{{ l | join }}')}`,
      kind,
    );
    const page = (lang: string) => withModel(() => ({ lang }));
    expect(await site.show(page('en'))).toEqual(['miss', 'miss']);
    expect(await site.show(page('de'))).toEqual(['miss', 'miss']);
    expect(await site.show(page('en'))).toEqual(['hit', 'hit']);
  });
});
