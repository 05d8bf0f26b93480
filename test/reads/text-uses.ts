import type { Templates } from '../support/loaders.ts';
import { F, T } from './support.ts';

/** A row whose text depends on a boolean and on whether an attribute was loaded. */
export class Row {
  readonly cacheIdentity: { readonly type: string; readonly id: number };
  declare on?: boolean;
  declare note?: string;
  constructor(more: object, id = 1) {
    this.cacheIdentity = { type: 'Row', id };
    Object.assign(this, more);
  }
  toString(): string {
    return `row ${this.cacheIdentity.id}${this.on ? ' on' : ''}${this.note === undefined ? '' : ' noted'}`;
  }
}

/** An instance that is no model. */
export class Flag {
  on: boolean;
  title = 't';
  constructor(on: boolean) {
    this.on = on;
  }
  toString(): string {
    return this.on ? 'on' : 'off';
  }
}

const a = (more: object = {}): object => ({ cacheIdentity: { type: 'A', id: 1 }, ...more });
const b = { cacheIdentity: { type: 'B', id: 1 } };

/** The page with one `x`, and with another whose text differs. */
export const pairs: Readonly<Record<string, readonly [one: () => object, two: () => object]>> = {
  'a model whose text depends on a boolean': [() => new Row({ on: true }), () => new Row({ on: false })],
  'a model whose text depends on an absent attribute': [() => new Row({ note: 'n' }), () => new Row({})],
  'an instance': [() => new Flag(true), () => new Flag(false)],
};

/** Uses of the text of `x`: as templates, or as the body of `page.njk`. */
export const uses: Readonly<Record<string, string | Templates>> = {
  'a variable': T('{{ x }}'),
  'a variable, looked into as well': T('{{ x.title }}{{ x }}{{ x.title }}'),
  'a variable that is set': T('{% set y = x %}{{ y }}'),
  'a variable that is set outside': `{% set y = x %}${T('{{ y }}')}`,
  'a variable that is set from another': T('{% set y = x %}{% set z = y %}{{ z }}'),
  'two variables that are set': T('{% set y, z = x %}{{ z }}'),
  'a variable that an inner fragment sets': T(`${F('b', '{% set y = x %}')}{{ y }}`),
  or: T('{{ x or "none" }}'),
  'or, behind what is absent': T('{{ absent or x }}'),
  and: T('{{ 1 and x }}'),
  'inline if': T('{{ x if 1 else "none" }}'),
  'inline else': T('{{ "none" if absent else x }}'),
  parentheses: T('{{ ((x)) }}'),
  'a comparison': T('{{ x == "on" }}{{ x == "row 1 on" }}{{ x == "row 1" }}'),
  'a comparison in a condition': T('{% if x == "on" or x == "row 1 on" or x == "row 1" %}y{% endif %}'),
  'a comparison under not': T('{{ "y" if not (x == "on" or x == "row 1 on" or x == "row 1") }}'),
  in: T('{{ "y" if "n" in (x ~ "") }}'),
  joined: T('{{ x ~ "" }}'),
  added: T('{{ "" + x }}'),
  'a computed name': T('{{ { on: 1, off: 2, "row 1": 3 }[x] }}'),
  'a list': T('{{ [x] }}'),
  'a list in a list': T('{{ [1, [x]] }}'),
  'a list in a variable': T('{% set l = [x, x] %}{{ l }}'),
  'a list in a dict': T('{% set d = { l: [x] } %}{{ d.l }}'),
  'a dict': T('{% set d = { m: x } %}{{ d.m }}{{ d["m"] }}'),
  'a dict, by a computed name': T('{% set d = { m: x } %}{{ d["" ~ "m"] }}'),
  'a list, by a computed name': T('{% set i = 0 %}{{ [x][i] }}'),
  for: T('{% for y in [x] %}{{ y }}{% endfor %}'),
  'for, in a list that is set': T('{% set l = [x] %}{% for y in l %}{{ y }}{% endfor %}'),
  'for, in an object': T('{% for k, y in { m: x } %}{{ y }}{% endfor %}'),
  'for a, b in pairs': T('{% for k, y in [["k", x]] %}{{ y }}{% endfor %}'),
  'for a, b in pairs of the page': T('{% for k, y in p.pairs %}{{ y }}{% endfor %}'),
  'for a, b in the entries of a map': T('{% for k, y in p.map %}{{ y }}{% endfor %}'),
  'for, in a map': T('{% for y in p.map %}{{ y }}{% endfor %}'),
  'for, in a set': T('{% for y in p.set %}{{ y }}{% endfor %}'),
  'for, in a list of the page': T('{% for y in p.list %}{{ y }}{% endfor %}'),
  'for, around the tag': `{% for y in p.list %}${T('{{ y }}')}{% endfor %}`,
  'a list of the page': T('{{ p.list }}'),
  'an element of it': T('{{ p.list[0] }}'),
  'an element by a computed name': T('{% set i = 0 %}{{ p.list[i] }}'),
  'a member': T('{{ p.m }}'),
  'a member below a model': T('{{ a.m }}'),
  'a member below a model, looked into as well': T(
    '{{ a.m.title }}{{ a.m }}{% for y in [a.m] %}{{ y.title }}{% endfor %}',
  ),
  'a list below a model': T('{{ a.list }}'),
  'for, in a list below a model': T('{% for y in a.list %}{{ y }}{% endfor %}'),
  'a method of a list that the body makes': T('{{ [x].slice(0) }}'),
  'a method that joins': T('{{ [x].join(" ") }}'),
  'a method that joins what is below a model': T('{{ [a.m, a.m].join(" ") }}'),
  'a method that joins a list of the page': T('{{ [p.list].join(" ") }}'),
  'a method that takes it out': T('{% set l = [x] %}{{ l.pop() }}'),
  'a method that is called again, of a list that has got more': T(
    '{% set l = [1] %}{{ l.join(" ") }}{% set i = l.push(x) %}{{ l.join(" ") }}',
  ),
  'a method of a list in a dict': T('{% set d = { l: [x] } %}{{ d.l.concat([]) }}'),
  'a switch': T('{% switch x ~ "" %}{% case "on" %}1{% case "row 1" %}2{% default %}3{% endswitch %}'),
  'a filter': T('{{ x | string }}'),
  'a filter that picks': T('{{ p.list | first }}{{ [x] | last }}'),
  'a filter that picks, joined': T('{{ (p.list | first) ~ "" }}'),
  'a filter that picks, set': T('{% set y = p.list | last %}{{ y }}'),
  'a filter that moves': T('{% for y in p.list | reverse %}{{ y }}{% endfor %}'),
  'a filter that makes lists': T('{% for y in p.list | batch(2) %}{{ y }}{% endfor %}'),
  'a filter that makes lists, printed': T('{{ p.list | batch(2) }}'),
  'a default': T('{{ p.list | default("none") }}'),
  'a macro’s parameter': T('{% macro m(y) %}{{ y }}{% endmacro %}{{ m(x) }}'),
  'a macro’s parameter by name': T('{% macro m(y=0) %}{{ y }}{% endmacro %}{{ m(y=x) }}'),
  'a macro’s parameter by default': `{% macro m(z, y=z) %}${T('{{ y }}')}{% endmacro %}{{ m(x) }}`,
  'a list for a macro': T('{% macro m(y) %}{{ y }}{% endmacro %}{{ m([x]) }}'),
  'a macro that hands it on': T(
    '{% macro n(z) %}{{ z }}{% endmacro %}{% macro m(y) %}{{ n(y) }}{% endmacro %}{{ m(x) }}',
  ),
  'a macro around the tag': `{% macro m(y) %}${T('{{ y }}')}{% endmacro %}{{ m(x) }}`,
  'a {% call %}': T('{% macro m() %}{{ caller(x) }}{% endmacro %}{% call(y) m() %}{{ y }}{% endcall %}'),
  'a captured block': T('{% set h %}{{ x }}{% endset %}{{ h }}'),
  'an inner fragment': T(F('b', '{{ x }}')),
  'a macro of a module': { 'page.njk': `{% import "m.njk" as m %}${T('{{ m.show(x) }}')}`, 'm.njk': M() },
  'a macro of a module, imported in the body': {
    'page.njk': T('{% from "m.njk" import show as s %}{{ s(x) }}'),
    'm.njk': M(),
  },
  'a macro of a module that another template imports': {
    'page.njk': '{% import "m.njk" as m %}{% include "i.njk" %}',
    'i.njk': T('{{ m.show(x) }}'),
    'm.njk': M(),
  },
  'a macro of a block': {
    'page.njk':
      '{% extends "l.njk" %}{% block c %}{% macro show(y) %}{{ y }}{% endmacro %}{% include "i.njk" %}{% endblock %}',
    'l.njk': '{% block c %}{% endblock %}',
    'i.njk': T('{{ show(x) }}'),
  },
  'a macro of a module of a module': {
    'page.njk': `{% import "n.njk" as n %}${T('{{ n.all(x) }}')}`,
    'n.njk': '{% import "m.njk" as m %}{% macro all(z) %}{% import "m.njk" as m %}{{ m.show(z) }}{% endmacro %}',
    'm.njk': M(),
  },
  'what a module exports': {
    'page.njk': T('{% from "m.njk" import y with context %}{{ y }}'),
    'm.njk': '{% set y = x %}',
  },
  'what a module exports, by another name': {
    'page.njk': T('{% from "m.njk" import y as z with context %}{{ z }}'),
    'm.njk': '{% set y = x %}',
  },
  'what a module exports, by another name, in an include': {
    'page.njk': T('{% include "i.njk" %}'),
    'i.njk': '{% from "m.njk" import y as z with context %}{{ z }}',
    'm.njk': '{% set y = x %}',
  },
  'a member of a module': {
    'page.njk': T('{% import "m.njk" as m with context %}{{ m.y }}'),
    'm.njk': '{% set y = x %}',
  },
  'an include': { 'page.njk': T('{% include "i.njk" %}'), 'i.njk': '{{ x }}' },
  'a dynamic include': { 'page.njk': T('{% include p.name %}'), 'i.njk': '{{ x }}' },
  'a dynamic include of a variable that is set': {
    'page.njk': T('{% set y = x %}{% include p.name %}'),
    'i.njk': '{{ y }}',
  },
  'a dynamic include in a loop': {
    'page.njk': T('{% for y in p.list %}{% include p.name %}{% endfor %}'),
    'i.njk': '{{ y }}',
  },
  'a dynamic include that extends': {
    'page.njk': T('{% include p.name %}'),
    'i.njk': '{% extends "l.njk" %}{% block c %}{{ x.title }}{{ super() }}{% endblock %}',
    'l.njk': '{% block c %}{{ x }}{% endblock %}',
  },
  'super()': {
    'page.njk': `{% extends "l.njk" %}{% block c %}${T('{{ super() }}')}{% endblock %}`,
    'l.njk': '{% block c %}{{ x }}{% endblock %}',
  },
  'a block of a grandparent': {
    'page.njk': `{% extends "k.njk" %}{% block c %}${T('{{ super() }}')}{% endblock %}`,
    'k.njk': '{% extends "l.njk" %}',
    'l.njk': '{% block c %}{{ x ~ "" }}{% endblock %}',
  },
};

/** A module's macro. */
function M(): string {
  return '{% macro show(y) %}{{ y }}{% endmacro %}';
}

export const page = (x: object) => ({
  a: a({ m: x, list: [x] }),
  b,
  x,
  p: { m: x, list: [x], pairs: [['k', x]], map: new Map([['k', x]]), set: new Set([x]), name: 'i.njk' },
});
