import { describe, expect, test } from 'vitest';
import type { Templates } from '../support/loaders.ts';
import { Article } from '../support/models.ts';
import { F, kindsFor, Site, T } from './support.ts';

const kinds = kindsFor(import.meta.url);

/** The inner body sets a name that it has read: the outer fragment must be compared by what the name was before. */
const cases: Record<string, string | Templates> = {
  'a variable that is set': T(F('b', '{{ x }}{% set x = "z" %}')),
  'and that the page reads behind': `${T(`${F('b', '{{ x }}{% set x = "z" %}')}{{ x }}`)}{{ x }}`,
  'an object is followed': `${T(F('b', '{% set item = item.next %}'))}{{ item.title }}`,
  'a loop': T(`{% for y in ["p", "q"] %}${F('b', '{{ x }}{% set x = y %}')}{% endfor %}`),
  'super()': {
    'page.njk': `{% extends "base.njk" %}{% block c %}${T('{{ super() }}')}{% endblock %}`,
    'base.njk': `{% block c %}${F('b', '{{ x }}{% set x = 7 %}')}{{ x }}{% endblock %}{{ x }}`,
  },
};
const page =
  (x: number, lang = 'en') =>
  () => ({ a: new Article(1), b: new Article(2), lang, x, item: { next: { title: x } } });

describe.each(kinds)('nested, in %s', (kind) => {
  test.each(Object.entries(cases))('%s', async (_what, source) => {
    const site = new Site(source, kind);
    for (const x of [1, 2, 1, 2]) await site.show(page(x));
  });
  test('inner hit, outer miss (holds)', async () => {
    const site = new Site(T(`{{ lang }}${F('b', '{{ x }}{% set x = "z" %}')}`), kind);
    await site.show(page(1, 'en'));
    await site.show(page(1, 'de'));
    await site.show(page(2, 'de'));
  });
});

describe.each(kinds)('a fragment in an include calls a macro that the include imports with context, in %s', (kind) => {
  test('the fragment around the include is compared by what the macro reads', async () => {
    const site = new Site(
      {
        'page.njk': T('{% include "leaf.njk" %}'),
        'leaf.njk': `{% import "lib.njk" as lib with context %}${T('{{ lib.show(a) }}')}`,
        'lib.njk': `{% macro show(x) %}${F('x', '{{ lang }}{{ words }}')}{% endmacro %}`,
      },
      kind,
    );
    for (const words of [['p'], ['p'], ['q'], ['p']]) {
      for (const lang of ['en', 'de']) await site.show(() => ({ a: new Article(1), lang, words }));
    }
    expect(site.outcomes).toEqual(['hit']);
  });
});
