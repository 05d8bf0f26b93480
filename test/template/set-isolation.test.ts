import { describe, expect, test } from 'vitest';
import type { Templates } from '../support/loaders.ts';
import { Article, Comment } from '../support/models.ts';
import { fragment, site } from './site.ts';

const f = fragment;
const context = () => ({
  article: new Article(1),
  comment: new Comment(7),
  comments: [1, 2].map((id) => new Comment(id, `c${id}`)),
  given: 'given',
});

/** Templates and what they show: on a miss, on a hit and with the cache off alike. */
const pages: Record<string, readonly [string | Templates, string]> = {
  'a new variable': [`${f('article', '{% set n = 1 %}{{ n }}')}[{{ n }}]`, '1[]'],
  'an outer variable': [`{% set n = 1 %}${f('article', '{% set n = 2 %}{{ n }}')}[{{ n }}]`, '2[1]'],
  'an outer variable, read before': [
    `{% set n = 1 %}${f('article', '{{ n }}{% set n = 2 %}{{ n }}')}[{{ n }}]`,
    '12[1]',
  ],
  'a variable of the page': [`${f('article', '{% set given = 2 %}{{ given }}')}[{{ given }}]`, '2[given]'],
  'an outer variable that is set again behind': [
    `{% set n = 1 %}${f('article', '{% set n = 2 %}{{ n }}')}{% set n = n + 10 %}[{{ n }}]`,
    '2[11]',
  ],
  'two variables at once': [
    `{% set a = 1 %}${f('article', '{% set a, b = 2 %}{{ a }}{{ b }}')}[{{ a }}{{ b }}]`,
    '22[1]',
  ],
  'a block set': [`{% set n %}out{% endset %}${f('article', '{% set n %}in{% endset %}{{ n }}')}[{{ n }}]`, 'in[out]'],
  'a set in a condition': [
    `{% set n = 1 %}${f('article', '{% if 1 %}{% set n = 2 %}{% endif %}{{ n }}')}[{{ n }}]`,
    '2[1]',
  ],
  'a set in a switch': [
    `{% set n = 1 %}${f('article', '{% switch 1 %}{% case 1 %}{% set n = 2 %}{% endswitch %}{{ n }}')}[{{ n }}]`,
    '2[1]',
  ],
  'a set in an inner loop': [
    `{% set n = 1 %}${f('article', '{% for c in comments %}{% set n = n + 1 %}{% endfor %}{{ n }}')}[{{ n }}]`,
    '3[1]',
  ],
  'a counter of an outer loop': [
    `{% set n = 0 %}{% for c in comments %}{% set n = n + 1 %}${f('c', '{% set n = 9 %}{{ n }}')}[{{ n }}]{% endfor %}({{ n }})`,
    '9[1]9[2](2)',
  ],
  'a loop variable': [
    `{% for c in comments %}${f('c', '{% set c = 9 %}{{ c }}')}[{{ c.text }}]{% endfor %}`,
    '9[c1]9[c2]',
  ],
  'a loop variable of two': [
    `{% for k, v in { a: 1, b: 2 } %}{% cachesweeper article 500 k %}{% set v = 9 %}{% set k = 8 %}{{ k }}{{ v }}{% endcachesweeper %}[{{ k }}{{ v }}]{% endfor %}`,
    '89[a1]89[b2]',
  ],
  'a loop variable that the inner loop uses as well': [
    `{% for c in comments %}${f('c', '{% for c in [5] %}{% set c = 6 %}{{ c }}{% endfor %}{{ c.text }}')}[{{ c.text }}]{% endfor %}`,
    '6c1[c1]6c2[c2]',
  ],
  'a set in a loop': [
    `{% for c in comments %}{% set n = loop.index %}${f('c', '{% set n = 9 %}{{ n }}')}[{{ n }}]{% endfor %}`,
    '9[1]9[2]',
  ],
  'a parameter': [`{% macro m(x) %}${f('article', '{% set x = 9 %}{{ x }}')}[{{ x }}]{% endmacro %}{{ m(1) }}`, '9[1]'],
  'a parameter with a default': [
    `{% macro m(x=1) %}${f('article', '{{ x }}{% set x = 9 %}{{ x }}')}[{{ x }}]{% endmacro %}{{ m() }}`,
    '19[1]',
  ],
  'a variable of a macro': [
    `{% macro m() %}{% set x = 1 %}${f('article', '{% set x = 9 %}{{ x }}')}[{{ x }}]{% endmacro %}{{ m() }}`,
    '9[1]',
  ],
  'a variable of a block': [
    {
      'page.njk': `{% extends "base.njk" %}{% block a %}{% set n = 1 %}${f('article', '{% set n = 2 %}{{ n }}')}[{{ n }}]{% endblock %}`,
      'base.njk': '{% block a %}{% endblock %}',
    },
    '2[1]',
  ],
  'a variable that another block reads': [
    {
      'page.njk': `{% extends "base.njk" %}{% set n = 1 %}{% block a %}${f('article', '{% set n = 2 %}{{ n }}')}{% endblock %}{% block b %}[{{ n }}]{% endblock %}`,
      'base.njk': '{% block a %}{% endblock %}{% block b %}{% endblock %}',
    },
    '2[1]',
  ],
  'a variable that an include behind reads': [
    { 'page.njk': `{% set n = 1 %}${f('article', '{% set n = 2 %}')}{% include "i.njk" %}`, 'i.njk': '[{{ n }}]' },
    '[1]',
  ],
  'a variable that a macro behind reads': [
    `{% macro m() %}[{{ n }}]{% endmacro %}{% set n = 1 %}${f('article', '{% set n = 2 %}{{ m() }}')}{{ m() }}`,
    '[2][1]',
  ],
  'a set in an include': [
    {
      'page.njk': `{% set n = 1 %}${f('article', '{% include "i.njk" %}')}[{{ n }}]`,
      'i.njk': '{% set n = 2 %}{{ n }}',
    },
    '2[1]',
  ],
  'a fragment in an include in a loop': [
    {
      'page.njk': '{% for c in comments %}{% set n = 1 %}{% include "i.njk" %}[{{ n }}]{% endfor %}',
      'i.njk': `${f('c', '{% set n = 2 %}{% set c = 3 %}{{ n }}{{ c }}')}({{ n }}{{ c.text }})`,
    },
    '23(1c1)[1]23(1c2)[1]',
  ],
  'an exported variable': [
    {
      'page.njk': '{% import "i.njk" as i with context %}{% for k, v in i %}{{ k }}={{ v }} {% endfor %}',
      'i.njk': `{% set a = 1 %}${f('article', '{% set a = 2 %}{% set b = 3 %}{% macro c() %}{% endmacro %}')}`,
    },
    'a=1 ',
  ],
  'a nested fragment': [
    `{% set n = 1 %}${f('article', `{% set n = 2 %}${f('comment', '{% set n = 3 %}{{ n }}')}({{ n }})`)}[{{ n }}]`,
    '3(2)[1]',
  ],
  'a nested fragment in a loop over the same name': [
    `{% for c in comments %}${f('c', `{% set c = comment %}${f('c', '{% set c = 3 %}{{ c }}')}({{ c.id }})`)}[{{ c.text }}]{% endfor %}`,
    '3(7)[c1]3(7)[c2]',
  ],
  'a call block around': [
    `{% macro w() %}{{ caller(1) }}{% endmacro %}{% call(x) w() %}${f('article', '{% set x = 2 %}{{ x }}')}[{{ x }}]{% endcall %}`,
    '2[1]',
  ],
  'a set in a call block inside': [
    `{% macro w() %}{{ caller() }}{% endmacro %}{% set n = 1 %}${f('article', '{% call w() %}{% set n = 2 %}{{ n }}{% endcall %}')}[{{ n }}]`,
    '2[1]',
  ],
  'a set in a block set inside': [
    `{% set n = 1 %}${f('article', '{% set x %}{% set n = 2 %}{% endset %}{{ n }}')}[{{ n }}]`,
    '2[1]',
  ],
  'a macro of the body': [
    {
      'page.njk': `${f('article', '{% macro m() %}x{% endmacro %}{{ m() }}')}{% include "i.njk" %}`,
      'i.njk': '[{{ m }}]',
    },
    'x[]',
  ],
  'a macro of the body with the name of an outer one': [
    `{% macro m() %}out{% endmacro %}${f('article', '{% macro m() %}in{% endmacro %}{{ m() }}')}[{{ m() }}]`,
    'in[out]',
  ],
  'an import of the body': [
    {
      'page.njk': `${f('article', '{% import "m.njk" as m %}{{ m.m() }}')}{% include "i.njk" %}`,
      'i.njk': '[{{ m }}]',
      'm.njk': '{% macro m() %}x{% endmacro %}',
    },
    'x[]',
  ],
  'an import of the body with the name of an outer one': [
    {
      'page.njk': `{% import "o.njk" as m %}${f('article', '{% import "m.njk" as m %}{{ m.m() }}')}[{{ m.m() }}]`,
      'm.njk': '{% macro m() %}in{% endmacro %}',
      'o.njk': '{% macro m() %}out{% endmacro %}',
    },
    'in[out]',
  ],
  'a named import of the body': [
    {
      'page.njk': `${f('article', '{% from "m.njk" import m as n %}{{ n() }}')}{% include "i.njk" %}`,
      'i.njk': '[{{ n }}]',
      'm.njk': '{% macro m() %}x{% endmacro %}',
    },
    'x[]',
  ],
  'a variable whose name is special to JavaScript': [
    `{% set frame = 1 %}{% set cb = 2 %}${f('article', '{% set frame = 3 %}{% set cb = 4 %}{% set toString = 5 %}{{ frame }}{{ cb }}{{ toString }}')}[{{ frame }}{{ cb }}]`,
    '345[12]',
  ],
  'a variable set to nothing': [`{% set n = 1 %}${f('article', '{% set n = none %}{{ n }}')}[{{ n }}]`, '[1]'],
  'a variable set to what is not there': [`{% set n = 1 %}${f('article', '{% set n = nowhere %}')}[{{ n }}]`, '[1]'],
};

const cases = Object.entries(pages).map(([name, [source, html]]) => [name, source, html] as const);

describe('what a body sets does not reach the rest of the page', () => {
  test.each(cases)('%s', async (_what, source, html) => {
    const { render, outcomes } = site(source);
    expect(await render(context())).toBe(html);
    expect(await render(context())).toBe(html);
    expect(new Set(outcomes())).toEqual(new Set(['hit']));
    expect(await site(source, { sweeper: { enabled: false } }).render(context())).toBe(html);
  });
});
