import { lazy } from 'nunjucks-cachesweeper';
import { describe, expect, test } from 'vitest';
import { Article, Comment } from '../support/models.ts';
import { gate, SETTLED, Site, siteWithStore } from './support.ts';

/** A lazy that counts its runs, and answers later. */
function counted<A extends unknown[], R>(load: (...args: A) => R) {
  const runs: A[] = [];
  const value = lazy(async (...args: A) => {
    runs.push(args);
    await new Promise((resolve) => setImmediate(resolve));
    return load(...args);
  });
  return { runs, value };
}

describe.each([
  ['with a store', (templates: Record<string, string>) => siteWithStore(templates).site],
  ['without a store', (templates: Record<string, string>) => new Site(templates)],
] as const)('%s a lazy', (_title, makeSite) => {
  test('runs once per render for the same arguments', async () => {
    const site = makeSite({ 'page.njk': '{{ load(1) }}{{ load(1) }}{{ load(2) }}{{ load() }}{{ load("1") }}' });
    const { runs, value } = counted((...args: unknown[]) => `<${JSON.stringify(args)}>`);
    await site.page({ load: value });
    expect(runs).toEqual([[1], [2], [], ['1']]);
    await site.page({ load: value });
    expect(runs).toHaveLength(8);
  });

  test('compares plain data by value, and by the order of its properties, which a loop shows', async () => {
    const site = makeSite({ 'page.njk': '{% for a in list %}{{ load(a) }}{% endfor %}' });
    const { runs, value } = counted(() => 'x');
    const list = [
      { a: 1, b: { c: [1, 2] } },
      { b: { c: [1, 2] }, a: 1 },
      Object.assign(Object.create(null), { a: 1, b: { c: [1, 2] } }),
      new Date(5),
      new Date(5),
      [1, [2]],
      [1, [2]],
    ];
    list.push({ a: 1, b: { c: [1, 2] } });
    expect(await site.page({ load: value, list })).toBe('xxxxxxxx');
    expect(runs).toHaveLength(5);
  });

  test('tells apart what is not the same', async () => {
    const site = makeSite({ 'page.njk': '{% for a in list %}{{ load(a) }}{% endfor %}' });
    const { runs, value } = counted(() => 'x');
    const list = [
      1,
      '1',
      1n,
      true,
      'true',
      null,
      'null',
      undefined,
      'undefined',
      [],
      {},
      '',
      [1, 2],
      [[1], 2],
      ['1,2'],
      { a: 1 },
      { a: '1' },
      { a: undefined },
      new Date(1),
      new Date(Number.NaN),
      0,
      -0,
      Number.NaN,
      'Date(1)',
      '#0',
      [undefined],
      [null],
    ];
    await site.page({ load: value, list });
    expect(runs).toHaveLength(list.length);
  });

  test('compares instances by what they are', async () => {
    const site = makeSite({ 'page.njk': '{% for a in list %}{{ load(a).text }}{% endfor %}' });
    const { runs, value } = counted((comment: Comment) => comment);
    const one = new Comment(1, 'a');
    const list = [one, new Comment(1, 'b'), one, new Map(), new Map()];
    expect(await site.page({ load: value, list })).toBe('aba');
    expect(runs).toHaveLength(4);
  });

  test('takes html that a filter or macro made for the text it is', async () => {
    const site = makeSite({
      'page.njk': '{% macro name() %}a{% endmacro %}{{ load("a" | safe) }}{{ load(name()) }}{{ load("a" | escape) }}',
    });
    const { runs, value } = counted((text: string) => `[${text}]`);
    expect(await site.page({ load: value })).toBe('[a][a][a]');
    expect(runs).toHaveLength(1);
  });

  test('takes keyword arguments', async () => {
    const site = makeSite({ 'page.njk': '{{ load(1, limit=5) }}{{ load(1, limit=5) }}{{ load(1, limit=6) }}' });
    const { runs, value } = counted((id: number, { limit }: { limit: number }) => `${id}/${limit} `);
    expect(await site.page({ load: value })).toBe('1/5 1/5 1/6 ');
    expect(runs).toHaveLength(2);
  });

  test('can be given data that contains itself', async () => {
    const site = makeSite({ 'page.njk': '{{ load(circle) }}' });
    const circle: Record<string, unknown> = { a: 1 };
    circle.self = circle;
    expect(await site.page({ circle, load: counted(() => 'x').value })).toBe('x');
  });

  test('can be used in every place of a template', async () => {
    const site = makeSite({
      'page.njk': `{% import "macros.njk" as m %}{% from "macros.njk" import card %}{% set first = list() | first -%}
{% for c in list() %}{{ c.text }}{% else %}never{% endfor %}|{{ list() | length }}|{{ list()[1].text }}|{{ first.text }}|
{%- if yes() %}yes{% else %}no{% endif %}|{% if no() %}yes{% else %}no{% endif %}|{{ "a" if no() else "b" }}|
{%- include "part.njk" %}|{{ m.card(list()) }}|{{ card(list()) }}|{{ page.comments() | join(",", "text") }}|
{%- set box %}{{ list() | length }}{% endset %}{{ box }}|{% for k, v in record() %}{{ k }}={{ v }};{% endfor %}|
{%- for a, b in pairs() %}{{ a }}{{ b }}{% endfor %}|{{ list() | sort(true, false, "text") | join("", "text") }}|
{%- switch kind() %}{% case "x" %}X{% default %}other{% endswitch %}|{{ name() | upper }}|{{ number() + 1 }}|{{ list() | groupby("text") | dump }}|
{%- for row in list() | batch(2) %}({{ row | length }}){% endfor %}|{% call wrap() %}{{ name() }}{% endcall %}|{{ fn()() }}`.replace(
        '{% import',
        '{% macro wrap() %}<{{ caller() }}>{% endmacro %}{% import',
      ),
      'macros.njk': '{% macro card(list) %}{% for c in list %}<{{ c.text }}>{% endfor %}{% endmacro %}',
      'part.njk': '{% for c in list() %}{{ loop.index }}{% endfor %}',
    });
    const of = <T>(value: T) => counted(() => value).value;
    const list = of([new Comment(1, 'b'), new Comment(2, 'a')]);
    const html = await site.page({
      list,
      page: { comments: list },
      yes: of(true),
      no: of(false),
      record: of({ k: 'v' }),
      pairs: of([[1, 2]]),
      kind: of('x'),
      name: of('n'),
      number: of(41),
      fn: of(() => 'called'),
    });
    expect(html).toBe(
      'ba|2|a|b|yes|no|b|12|&lt;b&gt;&lt;a&gt;|&lt;b&gt;&lt;a&gt;|b,a|2|k=v;|12|ba|X|N|42|{&quot;b&quot;:[{&quot;id&quot;:1,&quot;text&quot;:&quot;b&quot;}],&quot;a&quot;:[{&quot;id&quot;:2,&quot;text&quot;:&quot;a&quot;}]}|(2)|<n>|called'.replaceAll(
        '&lt;b&gt;&lt;a&gt;',
        '<b><a>',
      ),
    );
  });

  test('works in a macro that was imported without context, and in one called by another', async () => {
    const site = makeSite({
      'page.njk': '{% import "m.njk" as m %}{{ m.outer(load) }}',
      'm.njk':
        '{% macro inner(f) %}[{{ f(1) }}]{% endmacro %}{% macro outer(f) %}{{ inner(f) }}{{ globally(2) }}{% endmacro %}',
    });
    const { value } = counted((id: number) => `n${id}`);
    site.env.addGlobal('globally', value);
    expect(await site.page({ load: value })).toBe('[n1]n2');
  });

  test('may wait for what another one gives: chains of 20', async () => {
    const source = Array.from({ length: 20 }, (_, i) => `{% set v${i + 1} = load(v${i}) %}`).join('');
    const site = makeSite({ 'page.njk': `{% set v0 = 0 %}${source}{{ v20 }}` });
    const { runs, value } = counted((n: number) => n + 1);
    expect(await site.page({ load: value })).toBe('20');
    // It never starts with a value that is not there.
    expect(runs.map(([n]) => n)).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect(site.report).toMatchObject({ passes: 21, roundTrips: 20 });
  });

  test('does not start with arguments that hold a value that is not there', async () => {
    const site = makeSite({
      'page.njk':
        '{{ b(a()) }}{{ b([1, a()]) }}{{ b({ x: { y: a() } }) }}{{ b(a().deep.inside) }}{{ b(1, k=a()) }}{{ b([[a()]]) }}',
    });
    const a = counted(() => ({ deep: { inside: 7 } }));
    const b = counted(() => 'b');
    expect(await site.page({ a: a.value, b: b.value })).toBe('bbbbbb');
    const given = { deep: { inside: 7 } };
    expect(b.runs).toEqual([
      [given],
      [[1, given]],
      [{ x: { y: given } }],
      [7],
      [1, { k: given, __keywords: true }],
      [[[given]]],
    ]);
  });

  test('all calls of one pass run together: 50 comments, each loading its author', async () => {
    const site = makeSite({
      'page.njk':
        '{% for c in comments() %}{% cachesweeper c 500 %}{{ author(c.id).name }} {% endcachesweeper %}{% endfor %}',
    });
    const all = gate();
    let running = 0;
    let most = 0;
    const comments = lazy(async () => Array.from({ length: 50 }, (_, id) => new Comment(id)));
    const author = lazy(async (id: number) => {
      running++;
      most = Math.max(most, running);
      // Nobody gets an answer before all have asked.
      if (running === 50) all.open();
      await all.promise;
      return { name: `n${id}` };
    });
    const html = await site.page({ comments, author });
    expect(html).toBe(Array.from({ length: 50 }, (_, id) => `n${id} `).join(''));
    expect(most).toBe(50);
  });

  test('does not run on a hit', async () => {
    const { site, clock } = siteWithStore({
      'page.njk': '{% cachesweeper article 500 %}{% for c in list() %}{{ c.text }}{% endfor %}{% endcachesweeper %}',
    });
    const { runs, value } = counted(() => [new Comment(1, 'x')]);
    const context = { article: new Article(1), list: value };
    for (let i = 0; i < 2; i++) {
      await site.page(context);
      clock.advance(SETTLED);
    }
    const before = runs.length;
    expect(await site.page(context)).toBe('x');
    expect(runs).toHaveLength(before);
    expect(site.outcomes).toEqual(['hit']);
  });

  test('that is synchronous needs no second pass', async () => {
    const site = makeSite({ 'page.njk': '{{ load(1) }}{{ load(1) }}{{ load(2) }}' });
    let runs = 0;
    expect(await site.page({ load: lazy((n: number) => `${n}.${++runs} `) })).toBe('1.1 1.1 2.2 ');
    expect(site.report).toMatchObject({ passes: 1, roundTrips: 0 });
  });

  test('may give anything: nothing, false, 0, a function, something thenable', async () => {
    const site = makeSite({ 'page.njk': '{{ u() }}|{{ n() }}|{{ f() }}|{{ z() }}|{{ fn()() }}|{{ t() }}' });
    const of = <T>(value: T) => counted(() => value).value;
    // biome-ignore lint/suspicious/noThenProperty: query builders are like this
    const thenable = lazy(() => ({ then: (done: (value: string) => void) => void setTimeout(() => done('t'), 1) }));
    const context = { u: of(undefined), n: of(null), f: of(false), z: of(0), fn: of(() => 'c'), t: thenable };
    expect(await site.page(context)).toBe('||false|0|c|t');
  });

  test('is loaded again by the next page, and by another at the same time', async () => {
    const site = makeSite({ 'page.njk': '{{ load() }}' });
    let n = 0;
    const load = lazy(async () => ++n);
    const pages = await Promise.all([site.page({ load }), site.page({ load }), site.page({ load })]);
    expect(pages.sort()).toEqual(['1', '2', '3']);
  });
});
