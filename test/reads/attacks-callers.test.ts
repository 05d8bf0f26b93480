import { describe, expect, test } from 'vitest';
import type { Templates } from '../support/loaders.ts';
import { Article } from '../support/models.ts';
import { F, failure, kindsFor, Site, T } from './support.ts';

const kinds = kindsFor(import.meta.url);

const calls = (macro: string) =>
  `${macro}{% for x in xs %}{% call card(a) %}{{ x }}{% endcall %}{% endfor %}{% call card(a) %}{{ lang }}{% endcall %}`;

const SHOW = '{% macro show(c) %}<{{ c() }}>{% endmacro %}';

/** Macros that call their caller by another name, with a tag somewhere on the way. */
const callers: Record<string, string | Templates> = {
  'set to another name': calls(`{% macro card(a) %}{% set c = caller %}${T('{{ c() }}')}{% endmacro %}`),
  'set twice': calls(`{% macro card(a) %}{% set c = caller %}{% set d = c %}${T('{{ d() }}')}{% endmacro %}`),
  'an argument of a macro with the tag': calls(
    `{% macro show(a, c) %}${T('{{ c() }}')}{% endmacro %}{% macro card(a) %}{{ show(a, caller) }}{% endmacro %}`,
  ),
  'a keyword argument of a macro with the tag': calls(
    `{% macro show(a, c=none) %}${T('{{ c() }}')}{% endmacro %}{% macro card(a) %}{{ show(a, c=caller) }}{% endmacro %}`,
  ),
  'in an object': calls(`{% macro card(a) %}{% set o = { c: caller } %}${T('{{ o.c() }}')}{% endmacro %}`),
  'in a list': calls(`{% macro card(a) %}{% set l = [caller] %}${T('{{ l[0]() }}')}{% endmacro %}`),
  'in a loop': calls(`{% macro card(a) %}{% for c in [caller] %}${T('{{ c() }}')}{% endfor %}{% endmacro %}`),
  'by a choice': calls(`{% macro card(a) %}{% set c = caller if caller else none %}${T('{{ c() }}')}{% endmacro %}`),
  'called before the tag': calls(`{% macro card(a) %}{% set c = caller() %}${T('{{ c }}')}{% endmacro %}`),
  'of a module': {
    'page.njk': `{% import "m.njk" as m %}{% for x in xs %}{% call m.card(a) %}{{ x }}{% endcall %}{% endfor %}`,
    'm.njk': `{% macro card(a) %}{% set c = caller %}${T('{{ c() }}')}{% endmacro %}`,
  },
};

/** Bodies that name the caller themselves. */
const refused: Record<string, string> = {
  'set to another name in the body': calls(`{% macro card(a) %}${T('{% set c = caller %}{{ c() }}')}{% endmacro %}`),
  'an argument of a macro that the body calls': calls(
    `${SHOW}{% macro card(a) %}${T('{{ show(caller) }}')}{% endmacro %}`,
  ),
  'a keyword argument of a macro that the body calls': calls(
    `{% macro show(c=none) %}<{{ c() }}>{% endmacro %}{% macro card(a) %}${T('{{ show(c=caller) }}')}{% endmacro %}`,
  ),
  'by its own name': calls(`{% macro card(a) %}${T('{{ caller() }}')}{% endmacro %}`),
};

const MODULE = '{% import "m.njk" as m with context %}';
const IN = '{% macro x() %}{% include "i.njk" %}{% endmacro %}';

/** Macros of modules that read the page by what they include and import. */
const modules: Record<string, Templates> = {
  'an include': { 'page.njk': `${MODULE}${T('{{ m.x() }}')}`, 'm.njk': IN, 'i.njk': '{{ lang }}' },
  'an include that reads what the module sets': {
    'page.njk': `${MODULE}${T('{{ m.x() }}')}`,
    'm.njk': `{% set pre = lang %}${IN}`,
    'i.njk': '{{ pre }}',
  },
  'an include, of a macro imported by name': {
    'page.njk': `{% from "m.njk" import x with context %}${T('{{ x() }}')}`,
    'm.njk': `{% set pre = lang %}${IN}`,
    'i.njk': '{{ pre }}{{ lang }}',
  },
  'an include of an include': {
    'page.njk': `${MODULE}${T('{{ m.x() }}')}`,
    'm.njk': IN,
    'i.njk': '{% include "j.njk" %}',
    'j.njk': '{{ lang }}{{ page.title }}',
  },
  'an import with context': {
    'page.njk': `${MODULE}${T('{{ m.x() }}')}`,
    'm.njk': '{% macro x() %}{% import "i.njk" as i with context %}{{ i.y() }}{% endmacro %}',
    'i.njk': '{% macro y() %}{{ lang }}{% endmacro %}',
  },
  'an import with context of a variable': {
    'page.njk': `${MODULE}${T('{{ m.x() }}')}`,
    'm.njk': '{% macro x() %}{% import "i.njk" as i with context %}{{ i.v }}{% endmacro %}',
    'i.njk': '{% set v = lang %}',
  },
  'a module imported in the body': {
    'page.njk': T(`${MODULE}{{ m.x() }}`),
    'm.njk': `{% set pre = lang %}${IN}`,
    'i.njk': '{{ pre }}{{ lang }}',
  },
  'a module without context': {
    'page.njk': `{% import "m.njk" as m %}${T('{{ m.x() }}{{ lang }}')}`,
    'm.njk': IN,
    'i.njk': '[{{ lang }}]',
  },
  'a macro of the page': { 'page.njk': `${IN}${T('{{ x() }}')}`, 'i.njk': '{{ lang }}{{ page.title }}' },
  'the tag in the macro': {
    'page.njk': `${MODULE}{{ m.x(a) }}`,
    'm.njk': `{% set pre = lang %}{% macro x(a) %}${T('{% include "i.njk" %}')}{% endmacro %}`,
    'i.njk': '{{ pre }}{{ lang }}',
  },
  'the module handed on': {
    'page.njk': `${MODULE}{% macro w(m) %}{{ m.x() }}{% endmacro %}${T('{{ w(m) }}')}`,
    'm.njk': `{% set pre = lang %}${IN}`,
    'i.njk': '{{ pre }}{{ lang }}',
  },
};

/** What bodies set that is no plain data, read behind the tag. */
const sets: Record<string, string | Templates> = {
  'an item in a layout, read by a child’s block': {
    'page.njk': '{% extends "base.njk" %}{% block b %}[{{ current.title }}]{% endblock %}',
    'base.njk': `${T('{% set current = item %}{{ current.title }}')}{% block b %}{% endblock %}`,
  },
  'an item, compared with that of the page': `${T('{% set current = item %}')}[{{ current === item }}{{ current.title }}]`,
  'a joiner': `${T('{% set comma = joiner() %}{{ comma() }}')}[{{ comma() }}x{{ comma() }}y]`,
  'a joiner in a layout': {
    'page.njk':
      '{% extends "base.njk" %}{% block b %}{% for r in rows %}{{ comma() }}{{ r.title }}{% endfor %}{% endblock %}',
    'base.njk': `${T('{% set comma = joiner() %}')}{% block b %}{% endblock %}`,
  },
  'a cycler': `${T('{% set c = cycler("x", "y") %}{{ c.next() }}')}[{{ c.next() }}{{ c.current }}]`,
  'the first of some rows, with an include': {
    'page.njk': `${T('{% set first = rows[0] %}')}{% include "i.njk" %}[{{ first === rows[0] }}]`,
    'i.njk': '{{ first.title }}{{ first.views }}',
  },
  'the first of some rows, by a filter': `${T('{% set f = rows | first %}')}[{{ f.title }}{{ f === rows[0] }}]`,
  'a list of rows': `${T('{% set l = [rows[0], rows[1]] %}')}[{{ l[0].title }}{{ l[0] === rows[0] }}]`,
  'one list under two names': `${T('{% set x = [1] %}{% set y = x %}')}[{{ x == y }}]`,
  'one object under two names': `${T('{% set x = { n: lang } %}{% set y = { x: x } %}')}[{{ x == y.x }}{{ y.x.n }}]`,
  'one list under two names that grows': `${T('{% set x = [1] %}{% set y = x %}')}{% set _ = x.push(2) %}[{{ y | join }}]`,
  'a row for another fragment': `${T('{% set first = rows[0] %}')}${F('b', '{{ first.title }}{{ first.views }}')}`,
  'the last row of a loop': `${T('{% set f = none %}{% for r in rows %}{% if loop.last %}{% set f = r %}{% endif %}{% endfor %}')}[{{ f.title }}]`,
  'a macro': `{% macro m() %}{{ lang }}{% endmacro %}${T('{% set w = m %}')}[{{ w() }}]`,
  'a Map': `${T('{% set m2 = map %}')}[{{ m2.get("x") }}{{ m2 === map }}]`,
};

/** Those that set an object of the page, which is found where it is on the next page. */
const found = new Set([
  'an item in a layout, read by a child’s block',
  'an item, compared with that of the page',
  'the first of some rows, with an include',
  'a list of rows',
  'a row for another fragment',
  'a Map',
]);

const page =
  (lang: string, views = 1) =>
  () => {
    const rows = [
      { title: `r ${lang}`, views },
      { title: 'last', views: 1 },
    ];
    return {
      a: new Article(1),
      b: new Article(2),
      xs: [`${lang}1`, `${lang}2`],
      page: { title: `t ${lang}` },
      item: { title: `i ${lang}`, views },
      map: new Map([['x', lang]]),
      rows,
      lang,
    };
  };
const pages = [page('en'), page('de'), page('en'), page('en', 2), page('de'), page('en'), page('fr'), page('en', 2)];

describe.each(kinds)('a caller that goes by another name is what it is called for, in %s', (kind) => {
  test.each(Object.entries(callers))('%s', async (_how, source) => {
    const site = new Site(source, kind);
    for (const each of pages) await site.show(each);
  });
});

test.each(Object.entries(refused))(
  'a body that names the caller is refused when the template compiles: %s',
  async (_how, source) => {
    const site = new Site(source, 'memory');
    expect((await failure(site.cached(page('en')()))).code).toBe('CACHESWEEPER_CALLER_IN_BODY');
  },
);

describe.each(kinds)('what a macro of a module includes and imports is read of the page, in %s', (kind) => {
  test.each(Object.entries(modules))('%s', async (_how, templates) => {
    const site = new Site(templates, kind);
    for (const each of pages) await site.show(each);
    expect(await site.show(page('en'))).toEqual(['hit']);
  });
});

describe.each(kinds)('what a body sets is behind it what it was, in %s', (kind) => {
  test.each(Object.entries(sets))('%s', async (what, source) => {
    const site = new Site(source, kind);
    for (const each of pages) await site.show(each);
    if (found.has(what)) expect(new Set(await site.show(page('en')))).toEqual(new Set(['hit']));
  });
});
