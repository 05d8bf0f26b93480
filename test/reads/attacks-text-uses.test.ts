import { describe, expect, test } from 'vitest';
import type { Templates } from '../support/loaders.ts';
import { kindsFor, Site, T } from './support.ts';
import { Flag, page, pairs, Row, uses } from './text-uses.ts';

const kinds = kindsFor(import.meta.url);

describe.each(kinds)('%s: the text of what is used bare counts', (kind) => {
  describe.each(Object.entries(pairs))('%s', (_what, [one, two]) => {
    test.each(Object.entries(uses))('%s', async (_use, source) => {
      const site = new Site(source, kind);
      for (let i = 0; i < 3; i++) for (const x of [one, two]) await site.show(() => page(x()));
    });
  });
});

describe.each(kinds)('%s: the text of what is not used bare does not count', (kind) => {
  const others: Readonly<Record<string, string | Templates>> = {
    'looked into': T('{{ x.title }}{{ x["title"] }}'),
    'a loop variable, looked into': T('{% for y in p.list %}{{ y.title }}{% endfor %}'),
    'a loop variable around the tag': `{% for y in p.list %}${T('{{ y.title }}')}{% endfor %}`,
    'taken apart': T('{% for k, y in p.pairs %}{{ k }}{{ y.title }}{% endfor %}'),
    'a condition': T('{% if x and not absent or x %}{{ "y" if x else "n" }}{% endif %}'),
    'a variable that is set': T('{% set y = x %}{{ y.title }}'),
    'a macro’s parameter': T('{% macro m(y) %}{{ y.title }}{% endmacro %}{{ m(x) }}{{ m(y=p.m) }}'),
    'a dict': T('{% set d = { m: x } %}{{ d.m.title }}'),
    'a filter that picks': T('{{ (p.list | first).title }}{{ p.list | length }}'),
    'a filter that moves': T('{% for y in p.list | reverse %}{{ y.title }}{% endfor %}'),
    'a test': T('{{ "y" if x is defined }}'),
    'a member with another member’s name, without text': T('{{ p.name }}{{ p.m.title }}{{ p.list[0].title }}'),
    'a macro of a module': {
      'page.njk': `{% import "m.njk" as m %}${T('{{ m.show(x) }}')}`,
      'm.njk': '{% macro show(y) %}{{ y.title }}{% endmacro %}',
    },
    'a dynamic include': { 'page.njk': T('{% include p.name %}'), 'i.njk': '{{ x.title }}' },
    'a template that prints it elsewhere': {
      'page.njk': `{% include "e.njk" %}${T('{{ x.title }}')}`,
      'e.njk': '{{ x }}',
    },
  };
  test.each(Object.entries(others))('%s', async (_use, source) => {
    const site = new Site(source, kind);
    for (const on of [true, false, true]) await site.show(() => page(new Flag(on)));
    expect(site.outcomes).toEqual(['hit']);
    await site.show(() => page(new Flag(false)));
    expect(site.outcomes).toEqual(['hit']);
  });
});

describe.each(kinds)('%s: what a test of Nunjucks computes with counts', (kind) => {
  class Price {
    readonly cents: number;
    constructor(cents: number) {
      this.cents = cents;
    }
    valueOf(): number {
      return this.cents;
    }
    toLowerCase(): unknown {
      return this.cents > 5 ? this : undefined;
    }
    toUpperCase(): unknown {
      return this.toLowerCase();
    }
  }
  const tests = ['gt(5)', 'ge(5)', 'lt(5)', 'le(5)', 'odd', 'even', 'divisibleby(2)', 'lower', 'upper'];
  test.each([...tests.map((name) => `x is ${name}`), '5 is gt(x)', 'p.m is odd', 'a.m is odd'])('%s', async (asked) => {
    const site = new Site(T(`{{ "y" if ${asked} else "n" }}`), kind);
    for (let i = 0; i < 2; i++) {
      for (const cents of [1, 8]) {
        const x = Object.assign(new Price(cents), { isOdd: cents === 1 });
        await site.show(() => page(x));
      }
    }
    expect(site.outcomes).toEqual(['hit']);
  });
});

describe.each(kinds)('%s: a list of models that a tag in the body receives counts', (kind) => {
  test.each([
    ['depends', T('{% depends list %}same')],
    ['a fragment’s models', T('{% cachesweeper list 500 %}same{% endcachesweeper %}')],
    ['a fragment’s key', T('{% cachesweeper b 500 list %}same{% endcachesweeper %}')],
  ])('%s', async (_what, source) => {
    const site = new Site(source, kind);
    const rows = (...ids: readonly number[]) => {
      const list = ids.map((id) => new Row({}, id));
      return () => ({ ...page(new Flag(true)), list });
    };
    for (let i = 0; i < 2; i++) await site.show(rows(1, 2));
    expect(site.outcomes).toEqual(['hit']);
    await site.show(rows(1, 3));
    expect(site.outcomes.at(-1)).toBe('miss');
  });
});
