import { lazy } from 'nunjucks-cachesweeper';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { describe, expect, test } from 'vitest';
import { Article, Comment } from '../support/models.ts';
import { operationsOf, SETTLED, Site, siteWithStore } from './support.ts';

const value = <T>(what: T) => lazy(async () => what);

/** Pages in which something that is made before a lazy has its value could be stored. */
const pages: Record<string, { readonly source: string; readonly html: string }> = {
  'a lazy in the body': {
    source: '{% cachesweeper article 500 %}<{{ load() }}>{% endcachesweeper %}',
    html: '<v>',
  },
  'a set that a later fragment reads': {
    source: '{% set x = load() %}{% cachesweeper article 500 %}<{{ x }}>{% endcachesweeper %}',
    html: '<v>',
  },
  'a set made from a part of it': {
    source: '{% set x = load()[0] %}{% cachesweeper article 500 %}<{{ x }}>{% endcachesweeper %}',
    html: '<v>',
  },
  'a block set around a fragment that waits': {
    source:
      '{% set box %}{% cachesweeper comment 500 %}{{ load() }}{% endcachesweeper %}{% endset %}{% cachesweeper article 500 %}<{{ box | safe }}>{% endcachesweeper %}',
    html: '<v>',
  },
  'a block set around a fragment whose token is not known yet': {
    source:
      '{% set box %}{% cachesweeper comment 500 %}v{% endcachesweeper %}{% endset %}{% cachesweeper article 500 %}<{{ box | safe }}>{% endcachesweeper %}',
    html: '<v>',
  },
  'a condition': {
    source: '{% cachesweeper article 500 %}{% if load() == "v" %}yes{% else %}no{% endif %}{% endcachesweeper %}',
    html: 'yes',
  },
  'a condition before the fragment': {
    source:
      '{% if load() == "v" %}{% set x = 1 %}{% else %}{% set x = 2 %}{% endif %}{% cachesweeper article 500 %}{{ x }}{% endcachesweeper %}',
    html: '1',
  },
  'a loop': {
    source: '{% cachesweeper article 500 %}{% for c in load() %}{{ c }}{% else %}none{% endfor %}{% endcachesweeper %}',
    html: 'v',
  },
  'a filter': {
    source:
      '{% cachesweeper article 500 %}{{ load() | upper }}{{ load() | default("none", true) }}{{ load() | length }}{% endcachesweeper %}',
    html: 'Vv1',
  },
  'a filter of the site': {
    source: '{% cachesweeper article 500 %}{{ load() | shout }}{% endcachesweeper %}',
    html: 'v!',
  },
  'a global of the site': {
    source:
      '{% set x = describe(load()) %}{% cachesweeper article 500 %}{{ x }}{{ describe(load()) }}{% endcachesweeper %}',
    html: '"v""v"',
  },
  'a macro': {
    source:
      '{% macro m(a) %}[{{ a }}]{% endmacro %}{% set x = m(load()) %}{% cachesweeper article 500 %}{{ x }}{{ m(load()) }}{% endcachesweeper %}',
    html: '[v][v]',
  },
  'an include': {
    source: '{% cachesweeper article 500 %}{% include "part.njk" %}{% endcachesweeper %}',
    html: '(v)',
  },
  'a template chosen by it': {
    source: '{% cachesweeper article 500 %}{% include name() %}{% endcachesweeper %}',
    html: '(v)',
  },
  'a key': {
    source: '{% cachesweeper article 500 load() %}{{ load() }}{% endcachesweeper %}',
    html: 'v',
  },
  'a model': {
    source: '{% cachesweeper model() 500 %}{{ model().title }}{% endcachesweeper %}',
    html: 'A',
  },
  'a list of models': {
    source: '{% cachesweeper [article, model()] 500 %}{{ model().title }}{% endcachesweeper %}',
    html: 'A',
  },
  'a ttl': {
    source: '{% cachesweeper article number() %}x{% endcachesweeper %}',
    html: 'x',
  },
  'when=': {
    source: '{% cachesweeper article 500 when=yes() %}x{% endcachesweeper %}',
    html: 'x',
  },
  'type=': {
    source: '{% cachesweeper row() 500 type="Row" %}{{ row().text }}{% endcachesweeper %}',
    html: 'r',
  },
  depends: {
    source: '{% cachesweeper article 500 %}{% depends model() %}x{% endcachesweeper %}',
    html: 'x',
  },
  'a fragment in a fragment': {
    source:
      '{% cachesweeper article 500 %}<{% cachesweeper comment 500 %}{{ load() }}{% endcachesweeper %}>{% endcachesweeper %}',
    html: '<v>',
  },
};

function context() {
  return {
    article: new Article(1, 'T'),
    comment: new Comment(7),
    load: value('v'),
    name: value('part.njk'),
    model: value(new Article(9, 'A')),
    number: value(500),
    yes: value(true),
    row: value({ id: 3, text: 'r' }),
  };
}

function addOwn({ env }: Site): void {
  env.addGlobal('describe', (what: unknown) => JSON.stringify(what));
  env.addFilter('shout', (what: unknown) => `${what}!`);
}

describe.each([
  ['with a store', (templates: Record<string, string>) => siteWithStore(templates)],
  ['without a store', (templates: Record<string, string>) => ({ site: new Site(templates), clock: undefined })],
] as const)('nothing made from a value that is not there is stored, %s:', (_title, make) => {
  test.each(Object.entries(pages))('%s', async (_what, { source, html }) => {
    const { site, clock } = make({ 'page.njk': source, 'part.njk': '({{ load() }})' });
    addOwn(site);
    const escaped = (text: string) => text.replaceAll('&quot;', '"');
    for (let i = 0; i < 4; i++) {
      expect(escaped(await site.page(context()))).toBe(html);
      clock?.advance(SETTLED);
    }
    expect(new Set(site.outcomes)).toEqual(new Set(['hit']));
  });
});

test('what is made from a placeholder asks the store for nothing', async () => {
  const { site, store } = siteWithStore({
    'page.njk':
      '{% cachesweeper model() 500 load() %}x{% endcachesweeper %}{% cachesweeper article 500 load() %}y{% endcachesweeper %}',
  });
  await site.page(context());
  const names = new Set(store.operations.filter(({ kind }) => kind === 'token').flatMap(({ keys }) => keys));
  expect([...names].map((key) => key.replace(/^:1:/, '')).sort()).toEqual(['*', 'Article', 'Article:=1', 'Article:=9']);
});

test('a function of the site that is given a placeholder is given the value in the last pass', async () => {
  const { site } = siteWithStore({ 'page.njk': '{{ tell(load()) }}{{ tell(load().name) }}{{ tell([load()]) }}' });
  const told: unknown[] = [];
  site.env.addGlobal('tell', (what: unknown) => {
    told.push(what);
    return '';
  });
  const given = { name: 'n' };
  await site.page({ load: value(given) });
  expect(told.slice(-3)).toEqual([given, 'n', [given]]);
  expect(told).toHaveLength(6);
});

describe('a placeholder survives what functions and templates ordinarily do with a value', () => {
  test('being copied, printed, listed, compared, measured and turned into text', async () => {
    const { site } = siteWithStore({ 'page.njk': '{{ use(load()) }}' });
    let passes = 0;
    site.env.addGlobal('use', (what: { a: { b: number }[] }) => {
      passes++;
      for (const item of what as unknown as Iterable<unknown>) void item;
      const results = [
        String(what),
        `${what}`,
        JSON.stringify(what),
        JSON.stringify({ what }),
        Object.keys(what),
        { ...what },
        [...(what as unknown as Iterable<unknown>)],
        what === (what as unknown),
        typeof what,
        Number(what),
        'a' in what,
        what.a?.[0]?.b,
        Array.isArray(what),
        what instanceof Article,
        Object.entries(what),
        (what as unknown as { size: number }).size,
        Array.from(what as unknown as Iterable<unknown>),
        Object.prototype.toString.call(what),
        what == null,
        !what,
      ];
      return results.length;
    });
    expect(await site.page({ load: value([1]) })).toBe('20');
    expect(passes).toBe(2);
  });

  test('being awaited', async () => {
    const { site } = siteWithStore({ 'page.njk': '{{ start(load()) }}' });
    const awaited: Promise<unknown>[] = [];
    site.env.addGlobal('start', (what: unknown) => {
      awaited.push(Promise.resolve(what));
      return '';
    });
    await site.page({ load: value('v') });
    expect(await Promise.all(awaited)).toHaveLength(2);
  });

  test('a macro that walks up a chain', async () => {
    const { site } = siteWithStore({
      'page.njk':
        '{% macro up(n) %}{{ n.t }}{% if n.parent %}/{{ up(n.parent) }}{% endif %}{% endmacro %}{{ up(load()) }}',
    });
    expect(await site.page({ load: value({ t: 1, parent: { t: 2 } }) })).toBe('1/2');
  });

  test('a function that walks up a chain comes to its end', async () => {
    const { site } = siteWithStore({ 'page.njk': '{{ depth(load()) }}' });
    let longest = 0;
    site.env.addGlobal('depth', (node: { parent?: never } | undefined) => {
      let steps = 0;
      for (let at = node; at && steps < 100_000; at = at.parent) steps++;
      longest = Math.max(longest, steps);
      return steps;
    });
    expect(await site.page({ load: value({ parent: { parent: {} } }) })).toBe('3');
    expect(longest).toBeLessThan(100_000);
  });
});

test('a page that waits asks for the same token, entry and lazy once, in however many passes', async () => {
  const { site, store } = siteWithStore({
    'page.njk':
      '{% cachesweeper article 500 %}{{ article.title }}{% endcachesweeper %}{% set a = step(0) %}{% set b = step(a) %}{% set c = step(b) %}{{ c }}',
  });
  let runs = 0;
  const step = lazy(async (n: number) => {
    runs++;
    return n + 1;
  });
  expect(await site.page({ article: new Article(1, 'A'), step })).toBe('A3');
  expect(runs).toBe(3);
  // One pass for each step and the last, and one round trip between two of them: the record of what the tag reads is in the first.
  expect(site.report).toMatchObject({ passes: 4, roundTrips: 3 });
  expect(operationsOf(store)).toEqual([
    'getMany token 3',
    'getMany entry 1',
    'addMany token 3',
    'setMany entry 1',
    'addMany entry 1',
  ]);
});

test('bodies are rendered once, though the page is run many times', async () => {
  const { site } = siteWithStore({
    'page.njk':
      '{% for c in comments %}{% cachesweeper c 500 %}{{ ran() }}{{ c.text }}{% endcachesweeper %}{% endfor %}{% set a = step(0) %}{% set b = step(a) %}{{ step(b) }}',
  });
  let bodies = 0;
  site.env.addGlobal('ran', () => {
    bodies++;
    return '';
  });
  const comments = [1, 2, 3].map((id) => new Comment(id, 'x'));
  expect(await site.page({ comments, step: lazy(async (n: number) => n + 1) })).toBe('xxx3');
  expect(site.report.passes).toBe(4);
  expect(bodies).toBe(3);
});

test('a body that was rendered while something was pending is not what is stored', async () => {
  const store = new TestingStore();
  const site = new Site(
    { 'page.njk': '{{ load() }}{% cachesweeper article 500 %}{{ count() }}{% endcachesweeper %}' },
    { store },
  );
  let count = 0;
  site.env.addGlobal('count', () => ++count);
  const html = await site.page({ article: new Article(1), load: value('') });
  expect(await site.page({ article: new Article(1), load: value('') })).toBe(html);
});
