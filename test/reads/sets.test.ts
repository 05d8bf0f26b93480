import { describe, expect, test } from 'vitest';
import type { Templates } from '../support/loaders.ts';
import { isDeep } from '../support/long.ts';
import { Article, Comment } from '../support/models.ts';
import { F, failure, kindsFor, Site, T } from './support.ts';

const kinds = kindsFor(import.meta.url);

/** Pages that read behind a tag what its body set. */
const pages: Record<string, string | Templates> = {
  'a new variable': `${T('{% set n = 1 %}{{ n }}')}[{{ n }}]`,
  'a variable that was set before': `{% set n = 1 %}${T('{% set n = 2 %}{{ n }}')}[{{ n }}]`,
  'a variable of the page': `${T('{% set lang = "x" %}{{ lang }}')}[{{ lang }}]`,
  'what was read before it was set': `{% set n = lang %}${T('{{ n }}{% set n = n + "!" %}')}[{{ n }}]`,
  'what depends on the page': `${T('{% set n = "in " + lang %}')}[{{ n }}]`,
  'two variables at once': `${T('{% set n, m = lang %}')}[{{ n }}{{ m }}]`,
  'captured html': `${T('{% set box %}<b>{{ lang }}</b>{% endset %}')}[{{ box }}][{{ box | safe }}]`,
  'safe text': `${T('{% set n = "<b>" | safe %}')}[{{ n }}]`,
  'a list and an object': `${T('{% set l = [1, { x: [lang] }] %}{% set o = { y: 1, x: none } %}')}[{{ l | dump }}{{ o | dump }}]`,
  nothing: `{% set n = 1 %}${T('{% set n = none %}')}[{{ n is null }}{{ n }}]`,
  undefined: `{% set n = 1 %}${T('{% set n = nowhere %}')}[{{ n is undefined }}{{ n }}]`,
  'a condition in the body': `${T('{% if lang == "en" %}{% set n = 1 %}{% else %}{% set m = 1 %}{% endif %}')}[{{ n }},{{ m }}]`,
  'a condition around the tag': `{% if lang %}${T('{% set n = lang %}')}{% endif %}[{{ n }}]`,
  'a switch in the body': `${T('{% switch lang %}{% case "en" %}{% set n = 1 %}{% endswitch %}')}[{{ n }}]`,
  'a counter of a loop': `{% set n = 0 %}{% for c in comments %}${F('c', '{% set n = n + 1 %}{{ n }}')}[{{ n }}]{% endfor %}({{ n }})`,
  'a counter in a loop of the body': `{% set n = 0 %}${T('{% for c in comments %}{% set n = n + 1 %}{% endfor %}')}[{{ n }}]`,
  'a new variable in a loop of the body': `${T('{% for c in comments %}{% set n = 1 %}{% endfor %}')}[{{ n }}]`,
  'a new variable in a loop around the tag': `{% for c in comments %}${F('c', '{% set n = c.text %}')}[{{ n }}]{% endfor %}({{ n }})`,
  'a loop variable': `{% for c in comments %}${F('c', '{% set c = lang %}{{ c }}')}[{{ c }}]{% endfor %}({{ c }})`,
  'both loop variables': `{% for k, v in { x: 1, y: 2 } %}${T('{% set v = k %}{% set k = 8 %}{{ k }}{{ v }}')}[{{ k }}{{ v }}]{% endfor %}`,
  'the model’s name': `${T('{{ a.title }}{% set a = { title: lang } %}{{ a.title }}')}[{{ a.title }}]`,
  'read by an include behind': { 'page.njk': `${T('{% set n = lang %}')}{% include "i.njk" %}`, 'i.njk': '[{{ n }}]' },
  'read by a macro behind': `{% macro m() %}[{{ n }}]{% endmacro %}${T('{% set n = lang %}')}{{ m() }}`,
  'read by an import with context behind': {
    'page.njk': `${T('{% set n = lang %}')}{% import "m.njk" as m with context %}{{ m.m() }}`,
    'm.njk': '{% macro m() %}[{{ n }}]{% endmacro %}',
  },
  'read by a block of the parent': {
    'page.njk': `{% extends "base.njk" %}${T('{% set n = lang %}')}`,
    'base.njk': '[{{ n }}]{% block x %}{{ n }}{% endblock %}',
  },
  'exported by a template': {
    'page.njk': '{% import "m.njk" as m with context %}[{{ m.n }}]',
    'm.njk': T('{% set n = lang %}'),
  },
  'in a block': {
    'page.njk': `{% extends "base.njk" %}{% block x %}${T('{% set n = lang %}')}[{{ n }}]{% endblock %}`,
    'base.njk': '{% block x %}{% endblock %}({{ n }})',
  },
  'in a macro': `{% macro m(a, lang) %}${T('{% set n = lang %}')}[{{ n }}]{% endmacro %}{{ m(a, lang) }}({{ n }})`,
  'the parameter of a macro': `{% macro m(a, t) %}${T('{% set t = t + "!" %}')}[{{ t }}]{% endmacro %}{{ m(a, lang) }}`,
  'in an include of the body': { 'page.njk': `${T('{% include "i.njk" %}')}[{{ n }}]`, 'i.njk': '{% set n = lang %}' },
  'in an included template with the tag': {
    'page.njk': '{% include "i.njk" %}[{{ n }}]',
    'i.njk': `${T('{% set n = lang %}')}({{ n }})`,
  },
  'in a macro that the body calls': `{% macro m() %}{% set n = lang %}{% endmacro %}${T('{{ m() }}')}[{{ n }}]`,
  'in a fragment of the body': `${T(`${F('b', '{% set n = lang %}')}{{ n }}`)}[{{ n }}]`,
  'read by another fragment': `${T('{% set n = lang %}')}${F('b', '[{{ n }}]')}`,
  'set again behind': `${T('{% set n = lang %}')}{% set n = n + "!" %}[{{ n }}]`,
  'a list that grows behind': `${T('{% set l = [lang] %}')}{% set _ = l.push("x") %}[{{ l | join }}]`,
  'an object of the page': `${T('{% set o = page %}')}[{{ o.title }}{{ o === page }}]`,
  'a model': `${T('{% set x = b %}')}[{{ x.title }}]`,
  'a date': `${T('{% set d = day %}')}[{{ d.getTime() }}]`,
  'a function': `${T('{% set f = shout %}')}[{{ f("x") }}]`,
  'an outer variable, read before': `{% set n = 1 %}${T('{{ n }}{% set n = 2 %}{{ n }}')}[{{ n }}]`,
  'two variables at once, one of them set before': `{% set n = 1 %}${T('{% set n, m = 2 %}{{ n }}{{ m }}')}[{{ n }}{{ m }}]`,
  'a block set': `{% set n %}out{% endset %}${T('{% set n %}in{% endset %}{{ n }}')}[{{ n }}]`,
  'a set in a condition': `{% set n = 1 %}${T('{% if 1 %}{% set n = 2 %}{% endif %}{{ n }}')}[{{ n }}]`,
  'a set in a switch': `{% set n = 1 %}${T('{% switch 1 %}{% case 1 %}{% set n = 2 %}{% endswitch %}{{ n }}')}[{{ n }}]`,
  'a counter of an outer loop, set anew': `{% set n = 0 %}{% for c in comments %}{% set n = n + 1 %}${F('c', '{% set n = 9 %}{{ n }}')}[{{ n }}]{% endfor %}({{ n }})`,
  'a loop variable, and what was below it': `{% for c in comments %}${F('c', '{% set c = 9 %}{{ c }}')}[{{ c.text }}]{% endfor %}`,
  'a loop variable of two, with a key': `{% for k, v in { a: 1, b: 2 } %}{% cachesweeper a 500 k %}{% set v = 9 %}{% set k = 8 %}{{ k }}{{ v }}{% endcachesweeper %}[{{ k }}{{ v }}]{% endfor %}`,
  'a loop variable that the inner loop uses as well': `{% for c in comments %}${F('c', '{% for c in [5] %}{% set c = 6 %}{{ c }}{% endfor %}{{ c.text }}')}[{{ c.text }}]{% endfor %}`,
  'a set in a loop': `{% for c in comments %}{% set n = loop.index %}${F('c', '{% set n = 9 %}{{ n }}')}[{{ n }}]{% endfor %}`,
  'a parameter with a default': `{% macro m(x=1) %}${T('{{ x }}{% set x = 9 %}{{ x }}')}[{{ x }}]{% endmacro %}{{ m() }}`,
  'a variable of a macro': `{% macro m() %}{% set x = 1 %}${T('{% set x = 9 %}{{ x }}')}[{{ x }}]{% endmacro %}{{ m() }}`,
  'a variable of a block': {
    'page.njk': `{% extends "base.njk" %}{% block a %}{% set n = 1 %}${T('{% set n = 2 %}{{ n }}')}[{{ n }}]{% endblock %}`,
    'base.njk': '{% block a %}{% endblock %}',
  },
  'a variable that another block reads': {
    'page.njk': `{% extends "base.njk" %}{% set n = 1 %}{% block a %}${T('{% set n = 2 %}{{ n }}')}{% endblock %}{% block b %}[{{ n }}]{% endblock %}`,
    'base.njk': '{% block a %}{% endblock %}{% block b %}{% endblock %}',
  },
  'a set in an include': {
    'page.njk': `{% set n = 1 %}${T('{% include "i.njk" %}')}[{{ n }}]`,
    'i.njk': '{% set n = 2 %}{{ n }}',
  },
  'a fragment in an include in a loop': {
    'page.njk': '{% for c in comments %}{% set n = 1 %}{% include "i.njk" %}[{{ n }}]{% endfor %}',
    'i.njk': `${F('c', '{% set n = 2 %}{% set c = 3 %}{{ n }}{{ c }}')}({{ n }}{{ c.text }})`,
  },
  'a nested fragment': `{% set n = 1 %}${T(`{% set n = 2 %}${F('b', '{% set n = 3 %}{{ n }}')}({{ n }})`)}[{{ n }}]`,
  'a nested fragment in a loop over the same name': `{% for c in comments %}${F('c', `{% set c = { id: b.id } %}${F('b', '{% set c = 3 %}{{ c }}')}({{ c.id }})`)}[{{ c.text }}]{% endfor %}`,
  'a call block around': `{% macro w() %}{{ caller(1) }}{% endmacro %}{% call(x) w() %}${T('{% set x = 2 %}{{ x }}')}[{{ x }}]{% endcall %}`,
  'a set in a call block inside': `{% macro w() %}{{ caller() }}{% endmacro %}{% set n = 1 %}${T('{% call w() %}{% set n = 2 %}{{ n }}{% endcall %}')}[{{ n }}]`,
  'a set in a block set inside': `{% set n = 1 %}${T('{% set x %}{% set n = 2 %}{% endset %}{{ n }}')}[{{ n }}]`,
  'a variable whose name is special to JavaScript': `{% set frame = 1 %}{% set cb = 2 %}${T('{% set frame = 3 %}{% set cb = 4 %}{% set toString = 5 %}{{ frame }}{{ cb }}{{ toString }}')}[{{ frame }}{{ cb }}]`,
};

const shout = (text: string) => text.toUpperCase();
const page = (lang: string) => () => ({
  a: new Article(1),
  b: new Article(2),
  comments: [1, 2].map((id) => new Comment(id, `c${id}`)),
  page: { title: `t ${lang}` },
  day: new Date(lang === 'en' ? 1 : 2),
  shout,
  lang,
});

/** What a body may set that is not data: such a fragment need not be stored. */
const notData = new Set(['an object of the page', 'a model', 'a date', 'a function']);

const MACRO = '{% macro m(t) %}<{{ t }}>{% endmacro %}';

/** What a body defines and the template uses behind it: on a hit it would not be there. */
const definitions: Record<string, string | Templates> = {
  'a macro': `${T(`${MACRO}{{ m(1) }}`)}[{{ m(2) }}]`,
  'an import': { 'page.njk': `${T('{% import "m.njk" as m %}{{ m.m(1) }}')}[{{ m.m(2) }}]`, 'm.njk': MACRO },
  'a named import': { 'page.njk': `${T('{% from "m.njk" import m %}{{ m(1) }}')}[{{ m(2) }}]`, 'm.njk': MACRO },
};

/** The same, with nothing of it used behind, and what it shows. */
const ended: Record<string, readonly [string | Templates, string]> = {
  'a macro': [
    { 'page.njk': `${T('{% macro m() %}x{% endmacro %}{{ m() }}')}{% include "i.njk" %}`, 'i.njk': '[{{ m }}]' },
    'x[]',
  ],
  'a macro with the name of an outer one': [
    `{% macro m() %}out{% endmacro %}${T('{% macro m() %}in{% endmacro %}{{ m() }}')}[{{ m() }}]`,
    'in[out]',
  ],
  'an import': [
    {
      'page.njk': `${T('{% import "m.njk" as m %}{{ m.m(1) }}')}{% include "i.njk" %}`,
      'i.njk': '[{{ m }}]',
      'm.njk': MACRO,
    },
    '<1>[]',
  ],
  'an import with the name of an outer one': [
    {
      'page.njk': `{% import "o.njk" as m %}${T('{% import "m.njk" as m %}{{ m.m(1) }}')}[{{ m.m() }}]`,
      'm.njk': MACRO,
      'o.njk': '{% macro m() %}out{% endmacro %}',
    },
    '<1>[out]',
  ],
  'a named import': [
    {
      'page.njk': `${T('{% from "m.njk" import m as n %}{{ n(1) }}')}{% include "i.njk" %}`,
      'i.njk': '[{{ n }}]',
      'm.njk': MACRO,
    },
    '<1>[]',
  ],
};

describe.each(kinds)('what a body sets is there behind the tag, as without the tag, in %s', (kind) => {
  test.each(Object.entries(pages))('%s', async (what, templates) => {
    const site = new Site(templates, kind);
    for (const lang of ['en', 'en', 'de', 'de', 'en', 'de', 'en']) await site.show(page(lang));
    if (!notData.has(what)) expect(new Set(site.outcomes)).toEqual(new Set(['hit']));
  });

  test.each(Object.entries(definitions))('%s that is used behind it is refused', async (_what, templates) => {
    const site = new Site(templates, kind);
    for (let i = 0; i < 2; i++) {
      expect(await failure(site.cached(page('en')()))).toMatchObject({ code: 'CACHESWEEPER_BAD_TAG' });
    }
  });

  test.each(Object.entries(ended))('%s of the body ends with it', async (_what, [templates, html]) => {
    const site = new Site(templates, kind);
    for (let i = 0; i < 3; i++) expect(await site.cached(page('en')())).toBe(html);
    expect(site.outcomes).toEqual(['hit']);
  });

  // Without the cache no store is asked: every day one kind is enough.
  if (isDeep || kind === 'memory') {
    test('and is the same with the cache off', async () => {
      for (const templates of Object.values(pages)) {
        await new Site(templates, kind, { sweeper: { enabled: false } }).show(page('en'));
      }
      for (const [templates, html] of Object.values(ended)) {
        const site = new Site(templates, kind, { sweeper: { enabled: false } });
        expect(await site.cached(page('en')())).toBe(html);
      }
    });
  }

  test('and what the page changes in it does not come back', async () => {
    const site = new Site(`${T('{% set o = { l: [] } %}')}{% set _ = o.l.push("x") %}[{{ o.l | join }}]`, kind);
    for (let i = 0; i < 4; i++) expect(await site.cached(page('en')())).toBe('[x]');
    expect(site.outcomes).toEqual(['hit']);
  });

  test('and is as fresh as the body', async () => {
    const site = new Site(`${T('{% set n = a.title %}')}[{{ n }}]`, kind);
    const titled = (title: string) => () => ({ a: new Article(1, title) });
    await site.show(titled('old'));
    expect(await site.show(titled('old'))).toEqual(['hit']);
    await site.sweeper.invalidateCacheFor(new Article(1));
    expect(await site.show(titled('new'))).toEqual(['miss']);
  });
});
