import { describe, expect, test } from 'vitest';
import type { Templates } from '../support/loaders.ts';
import { Article } from '../support/models.ts';
import { F, kindsFor, Site, T } from './support.ts';

const kinds = kindsFor(import.meta.url);

const CARD = '{% macro card(text) %}<{{ text }}>{% endmacro %}';
const READS = '{% macro card(text) %}<{{ text }}{{ lang }}>{% endmacro %}';

/** Bodies that call macros of other templates; what is printed depends on `lang`. */
const pages: Record<string, string | Templates> = {
  'imported by name': { 'page.njk': `{% from "m.njk" import card %}${T('{{ card(lang) }}')}`, 'm.njk': CARD },
  'of an imported template': { 'page.njk': `{% import "m.njk" as m %}${T('{{ m.card(lang) }}')}`, 'm.njk': CARD },
  'imported in the body': { 'page.njk': T('{% from "m.njk" import card %}{{ card(lang) }}'), 'm.njk': CARD },
  'imported by the template that includes this one': {
    'page.njk': '{% from "m.njk" import card %}{% include "i.njk" %}',
    'i.njk': T('{{ card(lang) }}'),
    'm.njk': CARD,
  },
  'of a template that the including one imported': {
    'page.njk': '{% import "m.njk" as m %}{% include "i.njk" %}',
    'i.njk': T('{{ m.card(lang) }}'),
    'm.njk': CARD,
  },
  'of the template that includes this one': {
    'page.njk': `${CARD}{% include "i.njk" %}`,
    'i.njk': T('{{ card(lang) }}'),
  },
  'of the including template, that reads the page': {
    'page.njk': `${READS}{% include "i.njk" %}`,
    'i.njk': T('{{ card("x") }}'),
  },
  'imported by the layout': {
    'page.njk': `{% extends "base.njk" %}{% block x %}${T('{{ card(lang) }}')}{% endblock %}`,
    'base.njk': '{% from "m.njk" import card %}{% block x %}{% endblock %}',
    'm.njk': CARD,
  },
  'of an imported template that was set to another name': {
    'page.njk': `{% import "m.njk" as m %}{% set kit = { card: m.card } %}${T('{{ kit.card(lang) }}')}`,
    'm.njk': CARD,
  },
  'handed to a macro': {
    'page.njk': `{% from "m.njk" import card %}{% macro box(show, a, lang) %}${T('{{ show(lang) }}')}{% endmacro %}{{ box(card, a, lang) }}`,
    'm.njk': CARD,
  },
  'that calls another imported one': {
    'page.njk': `{% import "m.njk" as m %}${T('{{ m.card(lang) }}')}`,
    'm.njk': '{% from "n.njk" import card as inner %}{% macro card(t) %}[{{ inner(t) }}]{% endmacro %}',
    'n.njk': CARD,
  },
  'called with a body': {
    'page.njk': `{% from "m.njk" import box %}${T('{% call box() %}{{ lang }}{% endcall %}')}`,
    'm.njk': '{% macro box() %}<{{ caller() }}>{% endmacro %}',
  },
  'imported with context': {
    'page.njk': `{% import "m.njk" as m with context %}${T('{{ m.card("x") }}')}`,
    'm.njk': READS,
  },
  'imported by name with context': {
    'page.njk': `{% from "m.njk" import card with context %}${T('{{ card("x") }}')}`,
    'm.njk': READS,
  },
  'imported with context, of a template that sets': {
    'page.njk': `{% import "m.njk" as m with context %}${T('{{ m.card() }}')}`,
    'm.njk': '{% set greeting = "in " + lang %}{% macro card() %}{{ greeting }}{% endmacro %}',
  },
  'of a template that sets without context': {
    'page.njk': `{% import "m.njk" as m %}${T('{{ m.card(lang) }}')}`,
    'm.njk': '{% set greeting = "hi " %}{% macro card(t) %}{{ greeting }}{{ t }}{% endmacro %}',
  },
  'beside a variable that the template exports': {
    'page.njk': `{% import "m.njk" as m with context %}${T('{{ m.greeting }}')}`,
    'm.njk': '{% set greeting = "in " + lang %}',
  },
  'with a default that reads the page': `{% macro card(t=lang) %}{{ t }}{% endmacro %}${T('{{ card() }}')}`,
  'that reads the page’s variable of a loop’s name': `{% macro card() %}{{ lang }}{% endmacro %}{% for lang in ["x"] %}${T('{{ card() }}')}{% endfor %}`,
  'imported from a template that is chosen at run time': {
    'page.njk': `{% import which as m %}${T('{{ m.card("x") }}')}`,
    'en.njk': CARD,
    'de.njk': '{% macro card(text) %}[{{ text }}]{% endmacro %}',
  },
};

const page = (lang: string) => () => ({ a: new Article(1), lang, which: `${lang}.njk` });

describe.each(kinds)('a body that calls a macro, in %s', (kind) => {
  test.each(Object.entries(pages))('is cached, and told apart by what it reads: %s', async (_how, templates) => {
    const site = new Site(templates, kind);
    expect(await site.show(page('en'))).toEqual(['miss']);
    expect(await site.show(page('en'))).toEqual(['hit']);
    expect(await site.show(page('de'))).toEqual(['miss']);
    // A macro that reads more than the other made another record: a store finds the first when it was stored once more.
    await site.show(page('en'));
    expect(await site.show(page('en'))).toEqual(['hit']);
    expect(await site.show(page('de'))).toEqual(['hit']);
  });

  test('shows the page’s variable, where a loop variable of that name is the model', async () => {
    const site = new Site(
      `{% macro title() %}{{ a.title }}{% endmacro %}{% for a in list %}${T('{{ title() }}')}{% endfor %}`,
      kind,
    );
    const page = (title: string) => () => ({ a: { title }, list: [new Article(1), new Article(2)] });
    expect(await site.show(page('x'))).toEqual(['miss', 'miss']);
    expect(await site.show(page('y'))).toEqual(['miss', 'miss']);
    expect(await site.show(page('x'))).toEqual(['hit', 'hit']);
  });

  test('is cached where another template’s macro has a fragment in it', async () => {
    const site = new Site(
      {
        'page.njk': `{% from "m.njk" import card %}${T('{{ card(b) }}')}`,
        'm.njk': `{% macro card(b) %}${F('b', '{{ b.title }}')}{% endmacro %}`,
      },
      kind,
    );
    const context = () => ({ a: new Article(1), b: new Article(2) });
    expect(await site.show(context)).toEqual(['miss', 'miss']);
    expect(await site.show(context)).toEqual(['hit']);
  });
});

describe.each(kinds)('a macro’s file that is edited, in %s', (kind) => {
  test.each([
    ['imported', { 'page.njk': `{% from "m.njk" import card %}${T('{{ card(lang) }}')}` }],
    [
      'imported by the including template',
      { 'page.njk': '{% from "m.njk" import card %}{% include "i.njk" %}', 'i.njk': T('{{ card(lang) }}') },
    ],
    [
      'imported by a file that is imported',
      {
        'page.njk': `{% import "n.njk" as n %}${T('{{ n.show(lang) }}')}`,
        'n.njk': '{% from "m.njk" import card %}{% macro show(t) %}{{ card(t) }}{% endmacro %}',
      },
    ],
    ['chosen at run time', { 'page.njk': `{% import name as m %}${T('{{ m.card(lang) }}')}` }],
  ])('makes the body anew: %s', async (_how, templates: Templates) => {
    const all: Templates = { 'm.njk': CARD, ...templates };
    const site = new Site(all, kind, { edited: true });
    const context = () => ({ ...page('en')(), name: 'm.njk' });
    expect(await site.show(context)).toEqual(['miss']);
    expect(await site.show(context)).toEqual(['hit']);
    all['m.njk'] = '{% macro card(text) %}[{{ text }}]{% endmacro %}';
    expect(await site.show(context)).toEqual(['miss']);
    expect(await site.show(context)).toEqual(['hit']);
  });
});
