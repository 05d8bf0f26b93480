import nunjucks from 'nunjucks';
import { lazy } from 'nunjucks-cachesweeper';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Article } from '../support/models.ts';
import { F, kindsFor, Site, T } from './support.ts';

const kinds = kindsFor(import.meta.url);

const installJinjaCompat = (): (() => void) =>
  (nunjucks as unknown as { installJinjaCompat(): () => void }).installJinjaCompat();

class Flag {
  readonly isOn: boolean;
  constructor(isOn: boolean) {
    this.isOn = isOn;
  }
  toString(): string {
    return `${this.isOn}`;
  }
}
const [on, off] = [new Flag(true), new Flag(false)];

const a = (more: object = {}) => Object.assign(new Article(1), more);
const pages = (...contexts: readonly object[]) => contexts.map((context) => () => ({ a: a(), ...context }));

/** Shows pages twice, and returns what became of the fragments of the second time. */
async function shown(site: Site, contexts: readonly (() => object)[]): Promise<readonly (readonly string[])[]> {
  for (const context of contexts) await site.show(context);
  const outcomes: (readonly string[])[] = [];
  for (const context of contexts) outcomes.push(await site.show(context));
  return outcomes;
}

/** Also takes it back when a test fails, as a mutant's does: other files run in the same process. */
async function withJinja(run: () => Promise<unknown>): Promise<void> {
  const uninstall = installJinjaCompat();
  try {
    await run();
  } finally {
    uninstall();
  }
}

describe.each(kinds)('with Jinja compatibility, in %s', (kind) => {
  let uninstall: () => void;
  beforeAll(() => {
    uninstall = installJinjaCompat();
  });
  afterAll(() => uninstall());

  describe('outside of bodies, all is as Nunjucks alone has it', () => {
    test.each(['{{ rows[1:3] }}', '{{ rows[::-1] }}', '{{ "y" if True else "n" }}{{ None }}', '{{ o.items() }}'])(
      '%s',
      async (source) => {
        await shown(new Site(`${source}${T('x')}`, kind), pages({ rows: [1, 2, 3, 4], o: { x: 1 } }));
      },
    );
    test('a list is changed, and shown in a body', async () => {
      const site = new Site(`{% set rows = [1] %}{% set _ = rows.append(x) %}${T('{{ rows }}')}`, kind);
      expect(await shown(site, pages({ x: 2 }, { x: 3 }))).toEqual([['hit'], ['hit']]);
    });
  });

  describe('a body that is cached, and shows what its page has', () => {
    const cases: readonly (readonly [source: string, one: object, other: object])[] = [
      ['{{ rows[1:3] }}', { rows: [1, 2, 3, 4] }, { rows: [1, 2, 5, 4] }],
      ['{{ rows[::2] }}{{ rows[-1:] }}{{ rows[::-1] }}', { rows: [1, 2, 3] }, { rows: [1, 2, 4] }],
      ['{{ rows[x:] }}', { rows: [1, 2, 3], x: 1 }, { rows: [1, 2, 3], x: 2 }],
      ['{{ text[1:] }}', { text: 'abc' }, { text: 'abd' }],
      ['{{ none[1:] }}|', {}, { none: 'abc' }],
      ['{% for r in rows[0:1] %}{{ r.x }}{% endfor %}', { rows: [{ x: 1 }] }, { rows: [{ x: 2 }] }],
      ['{{ like[0:1] }}', { like: { 0: 'a', length: 1 } }, { like: { 0: 'b', length: 1 } }],
      ['{{ "y" if True else "n" }}{{ None }}{{ False }}', {}, { True: 0 }],
      ['{{ "y" if not False }}', { False: 1 }, { False: undefined }],
      ['{{ True is defined }}', { True: 1 }, { True: null }],
      ['{% for k, v in o.items() %}{{ k }}{{ v }}{% endfor %}', { o: { x: 1 } }, { o: { x: 2 } }],
      ['{% for k, v in o.items() %}{{ k }}{{ v.n }}{% endfor %}', { o: { x: { n: 1 } } }, { o: { x: { n: 2 } } }],
      ['{{ o.get("x") }}{{ o.keys() }}{{ o.values() }}', { o: { x: 1 } }, { o: { x: 2 } }],
      ['{{ o.get("x", "none") }}', { o: {} }, { o: { x: 2 } }],
      ['{{ o.has_key("x") }}', { o: { x: 1 } }, { o: {} }],
      ['{{ "y" if o.items else "n" }}', { o: { x: 1 } }, { o: 'text' }],
      ['{{ rows.count(1) }}{{ rows.index(1) }}', { rows: [1] }, { rows: [2, 1] }],
      ['{{ rows.find(1) }}', { rows: [1] }, { rows: [2, 1] }],
      ['{% set l = [] %}{% set _ = l.append(x) %}{% set _ = l.append(2) %}{{ l }}', { x: 1 }, { x: 2 }],
      [
        '{% set l = [] %}{% for r in rows %}{% set _ = l.append(r.x) %}{% endfor %}{{ l }}',
        { rows: [{ x: 1 }] },
        { rows: [{ x: 2 }] },
      ],
      ['{% set l = [] %}{% set _ = l.append(r) %}{{ l[0].x }}', { r: { x: 1 } }, { r: { x: 2 } }],
      [
        '{% set l = [1, x] %}{% set _ = l.insert(0, 5) %}{% set _ = l.remove(1) %}{{ l }}{{ l.pop() }}',
        { x: 2 },
        { x: 3 },
      ],
      [
        '{% set d = {} %}{% set _ = d.update({ "x": x }) %}{{ d.items() }}{{ d.setdefault("y", x) }}{{ d.pop("y") }}',
        { x: 2 },
        { x: 3 },
      ],
      ['{{ m.get("x") }}', { m: new Map([['x', 1]]) }, { m: new Map([['x', 2]]) }],
      ['{{ text.replace("a", "b") }}', { text: 'aa' }, { text: 'ab' }],
      ['{% set d = { k: flag } %}{{ d.items() }}{{ d.get("k") }}{{ d.pop("k") }}', { flag: on }, { flag: off }],
      ['{% set l = [] %}{% set _ = l.append(flag) %}{{ l }}{{ l.pop() }}', { flag: on }, { flag: off }],
    ]; // prettier-ignore
    test.each(cases)('%s', async (source, one, other) => {
      const site = new Site(T(source), kind);
      await shown(site, pages(one, other));
      expect(await shown(site, pages(one, other))).toEqual([['hit'], ['hit']]);
    });
  });

  describe('what lies below a model', () => {
    test('a slice, a get: its token stands for them', async () => {
      const site = new Site(
        F('a', '{{ a.tags[1:] }}{{ a.get("title") }}{% for k, v in a.o.items() %}{{ v }}{% endfor %}'),
        kind,
      );
      const page = () => ({ a: a({ title: 't', tags: [1, 2], o: { x: 1 } }) });
      expect(await shown(site, [page])).toEqual([['hit']]);
    });
    test('a get of what is not there yet', async () => {
      const site = new Site(F('a', '{{ a.get("teaser") }}'), kind);
      await shown(site, [() => ({ a: a() }), () => ({ a: a({ teaser: 'there' }) })]);
    });
  });

  describe('a body that changes what is outside of it is not stored', () => {
    class Setting {
      #x = 1;
      get x() {
        return this.#x;
      }
      set x(x: number) {
        this.#x = x;
      }
    }
    const changes: readonly (readonly [source: string, context: () => object])[] = [
      ['{% set _ = rows.append(1) %}', () => ({ rows: [1] })],
      ['{% set _ = rows.insert(0, 1) %}', () => ({ rows: [1] })],
      ['{% set _ = rows.remove(1) %}', () => ({ rows: [1] })],
      ['{% set _ = rows[p](0) %}', () => ({ rows: [1] })],
      ['{% set _ = rows[p]() %}', () => ({ rows: [1] })],
      ['{% set _ = o.update({ "x": 2 }) %}', () => ({ o: { x: 1 } })],
      ['{% set _ = o.setdefault("y", 2) %}', () => ({ o: { x: 1 } })],
      ['{% set _ = o[p]("x") %}', () => ({ o: { x: 1 } })],
      ['{% set _ = o.popitem() %}', () => ({ o: { x: 1 } })],
      ['{% set _ = deep.rows.append(1) %}', () => ({ deep: { rows: [] } })],
      ['{% for l in lists %}{% set _ = l.append(1) %}{% endfor %}', () => ({ lists: [[]] })],
      ['{% set d = { "l": rows } %}{% set _ = d.l.append(1) %}', () => ({ rows: [1] })],
      ['{% set d = { "l": rows } %}{% set _ = d.get("l").append(1) %}', () => ({ rows: [1] })],
      ['{% set _ = a.tags.append(1) %}', () => ({ a: a({ tags: [1] }) })],
      ['{% set _ = a.update({ "title": "x" }) %}', () => ({ a: a() })],
      ['{% set _ = a.setting.update({ "x": 2 }) %}', () => ({ a: a({ setting: new Setting() }) })],
      ['{% set _ = give().append(1) %}', () => ({ rows: [1] })],
    ];
    test.each(changes)('%s', async (source, context) => {
      const show = '{{ rows }}{{ o | dump }}{{ deep.rows }}{{ lists }}{{ a.tags }}{{ a.title }}{{ a.setting.x }}';
      const kept: unknown[] = [];
      const site = new Site(`${T(`x{% set p = "pop" %}${source}`)}${show}`, kind, {
        helpers: (env) => void env.addGlobal('give', () => kept),
      });
      const page = () => ({ a: a(), ...context() });
      for (let i = 0; i < 3; i++) {
        kept.length = 0;
        const html = await site.cached(page());
        kept.length = 0;
        expect(html).toBe(await site.alone(page()));
        expect(site.outcomes).toEqual(['unseen']);
      }
      expect(site.unseen).toMatch(/changes/);
    });
  });

  test('slices of what a lazy loads', async () => {
    const site = new Site(T('{{ rows()[:2] }}{{ rows()[1:] }}{{ o().get("x") }}{{ o().items() }}'), kind);
    const page = () => ({ a: a(), rows: lazy(async () => [1, 2, 3]), o: lazy(async () => ({ x: 1 })) });
    const plain = () => ({ a: a(), rows: () => [1, 2, 3], o: () => ({ x: 1 }) });
    for (let i = 0; i < 3; i++) await site.show(page, plain);
    expect(site.outcomes).toEqual(['hit']);
  });

  test('fragments in bodies, macros and includes', async () => {
    const site = new Site(
      {
        'page.njk': `{% macro m(l) %}{{ l[1:] }}{{ True }}{% endmacro %}${T(`${F('a', '{{ rows[1:] }}{{ True }}{{ o.get("x") }}')}{{ m(rows) }}{% include "i.njk" %}`)}`,
        'i.njk': '{{ rows[:1] }}{{ o.items() }}{{ None }}',
      },
      kind,
    );
    const contexts = pages({ rows: [1, 2], o: { x: 1 } }, { rows: [1, 3], o: { x: 1 } }, { rows: [1, 3], o: { x: 2 } });
    await shown(site, contexts);
    expect((await shown(site, contexts)).flat()).not.toContain('unseen');
  });

  test('slices in the arguments of a tag', async () => {
    const site = new Site(`{% cachesweeper a 500 text[1:3] rows[:1] %}{{ x }}{% endcachesweeper %}`, kind);
    const contexts = pages({ text: 'abcd', rows: [1, 2], x: 1 }, { text: 'abxd', rows: [1], x: 2 });
    expect(await shown(site, contexts)).toEqual([['hit'], ['hit']]);
  });
});

describe.each(kinds)('Jinja compatibility that comes or goes while the site runs, in %s', (kind) => {
  const source = `${T('{{ "y" if True else "n" }}{{ o.get("x") if o.get }}')}{{ "y" if True else "n" }}`;
  const page = () => ({ a: a(), o: { x: 1 } });

  test('after install, and after the first pages', async () => {
    const site = new Site(source, kind);
    for (let i = 0; i < 2; i++) await site.show(page);
    await withJinja(async () => {
      for (let i = 0; i < 2; i++) await site.show(page);
      expect(site.outcomes).toEqual(['hit']);
    });
    for (let i = 0; i < 2; i++) await site.show(page);
  });

  test('a slice after install', async () => {
    const site = new Site(T('{{ rows[1:] }}'), kind);
    await withJinja(() => shown(site, pages({ rows: [1, 2] }, { rows: [1, 3] })));
  });

  test('another process without it', async () => {
    const first = new Site(source, kind);
    await first.show(page);
    await withJinja(() => new Site(source, kind, { shared: first }).show(page));
  });
});
