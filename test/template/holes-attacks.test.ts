import fc from 'fast-check';
import nunjucks from 'nunjucks';
import { describe, expect, test } from 'vitest';
import { runs, sized } from '../support/long.ts';
import { attack, F, KINDS, type Kind, U } from './holes-support.ts';
import { tidySites, wildSites } from './holes-templates.ts';
import { alone, type NodeClasses, type Parser } from './plain-holes.ts';

const MISS_THEN_HITS = ['miss', 'hit', 'hit', 'hit', 'hit', 'hit'];
const LOST = Array.from({ length: 6 }, () => 'hole lost');
/** Behind the first page: only the second visitor's hole reads the name. */
const REFUSED_TO_ONE = ['CACHESWEEPER_HOLE', 'hit', 'hit', 'CACHESWEEPER_HOLE', 'hit'];
const REFUSED = Array.from({ length: 6 }, () => 'CACHESWEEPER_HOLE');

/** Where what is tried depends on no store. */
const SOME_KINDS = { kinds: sized<readonly Kind[]>(['memory'], KINDS, KINDS) };

const TOKEN = U('{{ csrfToken }}');
/** A macro with a hole in it. */
const FORM = `{% macro form() %}<b>${TOKEN}</b>{% endmacro %}`;

/** Code of a site that uses html as it likes. */
function helpers(env: nunjucks.Environment): void {
  const safe = (html: string): unknown => env.getFilter('safe')(html);
  const counted = (html: unknown): unknown => {
    // biome-ignore lint/style/useTemplate: a template literal asks an object for its text in another way
    const text = '' + html;
    return safe(text + text.length);
  };
  env.addGlobal('counted', counted);
  env.addGlobal('countedFirst', ([html]: readonly unknown[]) => counted(html));
  env.addGlobal('countedCall', (macro: () => unknown) => counted(macro()));
  env.addGlobal('same', (html: unknown) => html);
  env.addGlobal('component', (name: string, context: object) => safe(env.render(name, context)));
  env.addFilter('counted', counted);
  const tag = {
    tags: ['counted'],
    parse(parser: Parser, nodes: NodeClasses) {
      const { value } = parser.nextToken();
      const args = parser.parseSignature(null, true);
      parser.advanceAfterBlockEnd(value);
      return new nodes.CallExtension(tag, 'run', args);
    },
    run: (_context: object, html: unknown) => counted(html),
  };
  env.addExtension('counted', tag as unknown as nunjucks.Extension);
}

describe('html of a macro with a hole', () => {
  test.each([
    ['is printed', '{{ form() }}'],
    ['is printed as safe', '{{ form() | safe }}'],
    ['is handed to a macro that prints it', '{% macro box(html) %}[{{ html }}]{% endmacro %}{{ box(form()) }}'],
    ['is handed to a function that returns it', '{{ same(form()) }}'],
    ['stands in a list', '{% for html in [form(), form()] %}{{ html }}{% endfor %}'],
  ])('is kept with the hole when it %s', async (_, body) => {
    expect(await attack(FORM + F(body), { helpers })).toEqual(MISS_THEN_HITS);
  });

  test.each([
    ['a function', '{{ counted(form()) }}'],
    ['a function in a list', '{{ countedFirst([form()]) }}'],
    ['a function that calls the macro', '{{ countedCall(form) }}'],
    ['a filter', '{{ form() | counted }}'],
    ['a tag', '{% counted form() %}'],
    ['a method of the text that it is added to', '{{ (form() ~ "").replace("-token", "!") }}'],
    ['a comparison', '{% if form() == "<b>bobby-secret-token</b>" %}Bobby{% endif %}{{ form() }}'],
  ])('is lost when %s asks for its text', async (_, body) => {
    expect(await attack(FORM + F(body), { helpers })).toEqual(LOST);
    expect(await attack(FORM + F(body), { helpers, env: { autoescape: false } })).toEqual(LOST);
  });
});

test('a body that has lost a hole does not see what it has set when it is rendered again', async () => {
  const body = `[{{ later }}]{% set later = "set" %}{% filter upper %}${TOKEN}{% endfilter %}`;
  expect(await attack(`${F(body)}{{ later }}`)).toEqual(LOST);
});

test('an error of ours in a hole keeps its code behind a function that renders a component', async () => {
  const templates = { 'p.njk': F(U('{{ component("c.njk", {}) }}')), 'c.njk': F('x') };
  expect(await attack(templates, { helpers })).toEqual(REFUSED.map(() => 'CACHESWEEPER_NO_IDENTITY'));
});

test('an error of ours in nested loops behind an include keeps its code, though Nunjucks runs on after it', async () => {
  const shown = '{% include "i.njk" %}{{ counted(own_form()) }}';
  const templates = {
    'p.njk': `{% from "m.njk" import form with context %}{% macro own_form() %}{{ form() }}{% endmacro %}{% set chance = own %}${F(
      `{% for a in names %}{% for b in names %}${shown}{{ a }}{% endfor %}{% endfor %}`,
    )}`,
    'm.njk': `{% macro form() %}${U('{{ chance }}')}{% endmacro %}`,
    'i.njk': 'x',
  };
  expect(await attack(templates, { helpers })).toEqual(REFUSED);
});

test('holes may be printed in another order than they were met', async () => {
  const templates = {
    'p.njk': F('{% include "i.njk" %}'),
    'i.njk': `{% extends "l.njk" %}{% block main %}${U('{{ own }}')}{{ super() }}{% endblock %}`,
    'l.njk': `<{% block main %}${TOKEN}{% endblock %}>${U('{{ visit }}')}`,
  };
  expect(await attack(templates)).toEqual(MISS_THEN_HITS);
  expect(
    await attack(`${FORM}${F('{% for html in [form(), "x", form()] | reverse %}{{ html }}{% endfor %}')}`),
  ).toEqual(MISS_THEN_HITS);
});

test.each(['{% ifAsync yes %}{{ own }}{% endif %}', '{% asyncEach name in names %}{{ own }}{% endeach %}'])(
  'a hole refuses what is asynchronous: %s',
  async (content) => {
    for (const page of [F(U(content)), U(content)]) {
      expect(await attack(page)).toEqual(REFUSED.map(() => 'CACHESWEEPER_ASYNC_BODY'));
    }
  },
);

test('a hole of an include says that it cannot use a macro with something asynchronous', async () => {
  const templates = {
    'p.njk': F('{% include "i.njk" %}'),
    'i.njk': `{% macro late() %}{% ifAsync yes %}x{% endif %}{% endmacro %}${U('{{ own }}')}${U('{{ late() }}')}`,
  };
  expect(await attack(templates)).toEqual(REFUSED);
});

test('a hole may read what Jinja compatibility makes up', async () => {
  const page = F(`{% for i in [1] %}${U('{{ True }}{{ names[0:1] }}{{ own }}')}{% endfor %}`);
  const uninstall = (nunjucks as unknown as { installJinjaCompat(): () => void }).installJinjaCompat();
  const uninstallAlone = (alone as unknown as { installJinjaCompat(): () => void }).installJinjaCompat();
  try {
    expect(await attack(page)).toEqual(MISS_THEN_HITS);
  } finally {
    uninstall();
    uninstallAlone();
  }
});

describe('a component that a function renders', () => {
  test.each([
    ['shows its hole', F('{{ component("c.njk", { label: article.title }) }}')],
    ['shows the hole of its fragment', F('{{ component("f.njk", { label: article.title, article: article }) }}')],
  ])('%s with its own variables, and the fragment around has lost it', async (_, page) => {
    const hole = U('<i>{{ label }}{{ user.name }}</i>');
    const outcomes = await attack({ 'p.njk': page, 'c.njk': hole, 'f.njk': F(hole) }, { helpers });
    expect(outcomes.at(-1)).toMatch(/hole lost$/);
    expect(outcomes.join()).not.toContain('CACHESWEEPER');
  });
});

describe('a hole does not see what the body binds', () => {
  test('that the body sets a variable behind it changes nothing', async () => {
    const templates = {
      'p.njk': `${F('{% include "i.njk" %}{% set chance = "T" %}')}{{ chance }}`,
      'i.njk': U('{{ chance }}'),
    };
    expect(await attack(templates)).toEqual(MISS_THEN_HITS);
  });

  test('an inner fragment may set a variable behind its hole', async () => {
    const inner = F('{% include "i.njk" %}{% set chance = "B" %}', 'other');
    const templates = { 'p.njk': `${inner}${F(`${inner}{{ chance }}`)}{{ chance }}`, 'i.njk': U('{{ chance }}') };
    expect((await attack(templates)).join()).not.toContain('CACHESWEEPER');
  });

  test.each([
    ['a loop around the tag binds the name, too', '{% for chance in [own] %}', '{% endfor %}'],
    ['nothing else binds the name', '', ''],
  ])('a loop in the body is an error in an include, where %s', async (_, before, after) => {
    const body = F('{% for chance in ["T"] %}{% include "i.njk" %}{% endfor %}');
    expect(await attack({ 'p.njk': before + body + after, 'i.njk': U('{{ chance }}') })).toEqual(REFUSED);
  });

  test('a hole in a hole reads the variables around both', async () => {
    const hole = U(
      `${U('{{ name }}{{ second }}{{ id }}{{ own }}', 'id=1')}{% for x in names %}${U('{{ x }}')}{% endfor %}`,
    );
    const loop = (body: string) => `{% for name, second in [["a", 1], ["b", 2]] %}${body}{% endfor %}`;
    expect((await attack(loop(hole))).join('')).toBe('');
    expect((await attack(loop(F(hole)))).slice(0, 2)).toEqual(['miss hit', 'hit hit']);
    expect(await attack(F(loop(hole)))).toEqual(REFUSED);
  });

  test('a variable that the body sets to nothing is an error', async () => {
    const templates = { 'p.njk': F('{% set unset = nothing %}{% include "i.njk" %}'), 'i.njk': U('{{ unset }}') };
    expect(await attack(templates)).toEqual(REFUSED);
  });

  test.each([
    [
      'a macro of the page',
      { 'p.njk': `{% macro read() %}{{ chance }}{% endmacro %}${F(`{% set chance = "T" %}${U('{{ read() }}')}`)}` },
    ],
    [
      'a macro of an include that sets it',
      {
        'p.njk': F('{% include "i.njk" %}'),
        'i.njk': `{% set chance = "T" %}{% macro read() %}{{ chance }}{% endmacro %}${U('{{ read() }}')}`,
      },
    ],
    [
      'a macro of an include, where the body sets it',
      {
        'p.njk': F('{% set chance = "T" %}{% include "i.njk" %}'),
        'i.njk': `{% macro read() %}{{ chance }}{% endmacro %}${U('{{ read() }}')}`,
      },
    ],
    [
      'a macro that an include imports with context',
      {
        'p.njk': F('{% set chance = "T" %}{% include "i.njk" %}'),
        'i.njk': `{% import "m.njk" as m with context %}${U('{{ m.read() }}')}`,
        'm.njk': '{% macro read() %}{{ chance }}{% endmacro %}',
      },
    ],
    [
      'a module that an include imports with context',
      {
        'p.njk': F('{% set chance = "T" %}{% include "i.njk" %}'),
        'i.njk': `{% from "m.njk" import copied with context %}${U('{{ copied }}')}`,
        'm.njk': '{% set copied = chance %}',
      },
    ],
    [
      'a hole in a macro of the page',
      {
        'p.njk': `{% macro read() %}${U('{{ chance }}')}{% endmacro %}${F(`{% set chance = "T" %}${U('{{ read() }}')}`)}`,
      },
    ],
    [
      'an include in a macro of the page',
      {
        'p.njk': `{% macro read() %}{% include "i.njk" %}{% endmacro %}${F(`{% set chance = "T" %}${U('{{ read() }}')}`)}`,
        'i.njk': '{{ chance }}',
      },
    ],
  ])('what %s reads in a hole is an error, also if it is the same by chance', async (_, templates) => {
    expect(await attack(templates)).toEqual(REFUSED);
  });

  test.each([
    [
      'a macro of the page reads it before',
      { 'p.njk': `{% macro read() %}{{ chance }}{% endmacro %}${F(`${U('{{ read() }}')}{% set chance = "T" %}`)}` },
    ],
    [
      'a macro without context does not see it',
      {
        'p.njk': `{% from "m.njk" import read %}${F(`{% set chance = "T" %}${U('{{ read() }}{{ own }}')}`)}`,
        'm.njk': '{% macro read() %}[{% include "i.njk" %}]{% endmacro %}',
        'i.njk': '{{ chance }}{{ visit }}',
      },
    ],
    [
      'an include and its imports read something else',
      {
        'p.njk': F('{% set chance = "T" %}{% include "i.njk" %}'),
        'i.njk': `{% import "m.njk" as m with context %}{% macro read() %}{{ visit }}{% endmacro %}${U('{{ m.read() }}{{ read() }}')}`,
        'm.njk': '{% set mine = "m" %}{% macro read() %}{{ own }}{{ mine }}{% endmacro %}',
      },
    ],
  ])('a body may set a variable where %s', async (_, templates) => {
    expect(await attack(templates)).toEqual(MISS_THEN_HITS);
  });

  test('a hole that fails because of that tells so', async () => {
    const templates = {
      'p.njk': F('{% include "i.njk" %}'),
      'i.njk': `{% set name = "m.njk" %}{% import name as m %}${U('{{ m.mark(own) }}')}`,
      'm.njk': '{% macro mark(text) %}<i>{{ text }}</i>{% endmacro %}',
    };
    expect(await attack(templates)).toEqual(REFUSED);
  });
});

test('a hole sees the variables of the module whose macro has the fragment, also in an include', async () => {
  const templates = {
    'p.njk': '{% import "m.njk" as m %}{{ m.list(article, own) }}',
    'm.njk': `{% set mine = "m" %}{% macro mark(text) %}<i>{{ text }}</i>{% endmacro %}{% macro list(article, label) %}${F(
      `${U('{{ label }}{{ mine }}{{ mark(label) }}')}{% include "i.njk" %}`,
    )}{% endmacro %}`,
    'i.njk': U('[{{ label }}{{ mine }}{{ mark(label) }}]'),
  };
  expect(await attack(templates)).toEqual(MISS_THEN_HITS);
});

test('a fragment with a hole that sees nothing of the page may be a hit in another fragment', async () => {
  const templates = {
    'p.njk': `{% import "m.njk" as m %}${F(`{% for name in names %}{% include "i.njk" %}{% endfor %}${TOKEN}`)}`,
    'i.njk': F('{{ m.mark() }}', 'other'),
    'm.njk': `{% macro mark() %}${U('[{{ own }}]')}{% endmacro %}`,
  };
  expect((await attack(templates)).slice(0, 2)).toEqual(['miss hit miss', 'hit']);
});

describe('what a hole sets', () => {
  test.each([
    [
      'in a loop',
      '{% for i in [1, 2] %}{% set a = a + "!" %}{% set b = b + "?" %}{{ a }}{{ b }}{% endfor %}{{ a }}{{ b }}',
    ],
    ['at its top', '{% set a = a + "!" %}{% set b = b + "?" %}{{ a }}{{ b }}'],
  ])('%s ends with it', async (_, content) => {
    const holes = `${U(content)}<${U('{{ a }}{{ b }}')}>`;
    for (const hole of [F('{% include "i.njk" %}'), F(holes), holes]) {
      const page = `{% set a = "a" %}{% for b in ["b"] %}${hole}{{ a }}{{ b }}{% endfor %}{{ a }}`;
      const outcomes = await attack({ 'p.njk': page, 'i.njk': holes });
      expect(outcomes.join()).not.toContain('CACHESWEEPER');
    }
  });
});

describe('what is passed to a hole', () => {
  test.each([
    ['the page', ''],
    ['a loop', '{% for chance in [own] %}'],
  ])('hides a variable of %s, also if it is undefined', async (_, before) => {
    const after = before === '' ? '' : '{% endfor %}';
    const hole = U('[{{ chance }}{{ chance | default("none") }}]{{ own }}', 'chance=article.nothing');
    expect(await attack(before + F(hole) + after)).toEqual(MISS_THEN_HITS);
  });

  test('and not from the macros that the hole calls', async () => {
    const macro = '{% macro shown() %}[{{ chance }}]{% endmacro %}';
    const hole = U('{{ shown() }}{{ chance }}', 'chance=article.nothing');
    for (const templates of [
      { 'p.njk': macro + F(hole) },
      { 'p.njk': F('{% include "i.njk" %}'), 'i.njk': macro + hole },
    ]) {
      expect(await attack(templates)).toEqual(MISS_THEN_HITS);
    }
  });
});

test.each([
  ['is kept', ''],
  ['is not kept', 'when=nothing'],
])('a fragment in a hole, which %s, reads nothing that the body binds', async (_, when) => {
  const templates = {
    'p.njk': `{% from "m.njk" import form with context %}${F('{{ form("T") }}')}`,
    'm.njk': `{% macro form(arg) %}${U('{% include "i.njk" %}')}{% endmacro %}`,
    'i.njk': F('{{ arg }}', 'other', when),
  };
  expect(await attack(templates)).toEqual(REFUSED);
});

describe('what a hole looks up through fragments and holes in it is looked up by it', () => {
  const READ = '{% macro read() %}{{ chance }}{% endmacro %}';
  const LOOP = F('{% for chance in ["T"] %}{% include "h.njk" %}{% endfor %}');
  const setting = (inner: string): string => F(`{% set chance = "T" %}${U(inner)}`);

  test.each([
    [
      'a hole of a fragment',
      { 'p.njk': LOOP, 'h.njk': U('{% include "i.njk" %}'), 'i.njk': F(U('{{ chance }}'), 'other') },
    ],
    [
      'a hole of a fragment, which is a hit',
      {
        'p.njk': `{% include "i.njk" %}${LOOP}`,
        'h.njk': U('{% include "i.njk" %}'),
        'i.njk': F(U('{{ chance }}'), 'other'),
      },
    ],
    ['a macro that a fragment calls', { 'p.njk': READ + setting(F('{{ read() }}', 'other')) }],
    [
      'a macro that a fragment calls, which is a hit',
      { 'p.njk': `${READ}${F('{{ read() }}', 'other')}${setting(F('{{ read() }}', 'other'))}` },
    ],
    ['a macro that a hole of a fragment calls', { 'p.njk': READ + setting(F(U('{{ read() }}'), 'other')) }],
    [
      'a module that is imported there',
      {
        'p.njk': F('{% set chance = "T" %}{% include "h.njk" %}'),
        'h.njk': U('{% include "i.njk" %}'),
        'i.njk': `{% from "m.njk" import read with context %}${F('{{ read() }}', 'other')}`,
        'm.njk': READ,
      },
    ],
    [
      'a fragment that is not kept, in one that would be',
      { 'p.njk': LOOP, 'h.njk': U(F(F('{{ chance }}', 'other', 'when=nothing'), 'other')) },
    ],
    ['a function that asks a fragment for all variables', { 'p.njk': setting(F('{{ all() }}', 'other')) }],
  ])('by %s', async (_, templates) => {
    const all = (env: nunjucks.Environment): void => {
      env.addGlobal('all', function (this: { ctx: Record<string, unknown> }) {
        return Object.keys(this.ctx).includes('chance') ? this.ctx.chance : '';
      });
    };
    const outcomes = await attack(templates, { ...SOME_KINDS, helpers: all });
    expect(outcomes.map((outcome) => outcome.split(' ').at(-1))).toEqual(REFUSED);
  });
});

describe('a name that the body binds is an error on a hit as well, where only this visitor reads it', () => {
  const SOME = '{% if visit == 1 %}[{{ name }}]{% else %}x{% endif %}';
  const hole = (passed = ''): string => U('{% include "i.njk" %}', passed);
  const loop = (passed = ''): string => `{% for name in names %}${hole(passed)}{% endfor %}`;

  test.each([
    ['a loop', F(loop()), 'miss'],
    ['a set', F(`{% set name = "T" %}${hole()}`), 'miss'],
    ['a macro', `{% macro m(name) %}${hole()}{% endmacro %}${F('{{ m("T") }}')}`, 'miss'],
    ['a loop around a fragment inside', F(`{% for name in names %}${F(hole(), 'other')}{% endfor %}`), 'miss hit miss'],
    ['a fragment inside', F(F(loop(), 'other')), 'miss miss'],
    ['a fragment inside, which is a hit', `{% include "l.njk" %}${F('x{% include "l.njk" %}')}`, 'miss hit miss'],
  ])('bound by %s', async (_, page, first) => {
    const outcomes = await attack({ 'p.njk': page, 'i.njk': SOME, 'l.njk': F(loop(), 'other') }, SOME_KINDS);
    expect(outcomes.map((outcome) => outcome.replace('hit hit', 'hit'))).toEqual([first, ...REFUSED_TO_ONE]);
  });

  test.each([
    ['a macro of an include', '{% include "k.njk" %}', { 'k.njk': `{% macro name() %}{% endmacro %}${hole()}` }],
    ['an import of an include', '{% include "k.njk" %}', { 'k.njk': `{% import "m.njk" as name %}${hole()}` }],
    [
      'an import of a template with a layout',
      '{% include "k.njk" %}',
      {
        'k.njk': `{% extends "b.njk" %}{% import "m.njk" as name %}{% block main %}${hole()}{% endblock %}`,
        'b.njk': '{% block main %}{% endblock %}',
      },
    ],
    [
      'a module, around its macro',
      '{{ mm.m() }}',
      { 'mm.njk': `{% set name = "T" %}{% macro m() %}${U(SOME)}{% endmacro %}` },
    ],
    [
      'a module, around its macro with an include',
      '{{ mm.m() }}',
      { 'mm.njk': `{% set name = "T" %}{% macro m() %}${hole()}{% endmacro %}` },
    ],
    [
      'a set, for a macro of the hole',
      '{% set name = "T" %}{% include "k.njk" %}',
      { 'k.njk': `{% macro read() %}${SOME}{% endmacro %}${U('{{ read() }}')}` },
    ],
    [
      'a macro of an include, and asked for as a condition',
      '{% include "k.njk" %}',
      {
        'k.njk': '{% macro name() %}{% endmacro %}{% uncached %}{% include "c.njk" %}{% enduncached %}',
        'c.njk': '{% if visit == 1 and name %}y{% else %}x{% endif %}',
      },
    ],
    [
      'a set, for a function',
      '{% set name = "T" %}{% include "k.njk" %}',
      { 'k.njk': U('{% if visit == 1 %}{{ nameOf() }}{% else %}x{% endif %}') },
    ],
  ])('bound by %s', async (_, body, more) => {
    const others = { 'i.njk': SOME, 'm.njk': '{% macro m() %}{% endmacro %}', 'mm.njk': '' };
    const templates = { ...others, 'p.njk': `{% import "mm.njk" as mm with context %}${F(body)}`, ...more };
    const nameOf = (env: nunjucks.Environment): void => {
      env.addGlobal('nameOf', function (this: { readonly ctx: { readonly name?: string } }) {
        return `[${this.ctx.name?.length ?? ''}]`;
      });
    };
    expect(await attack(templates, { ...SOME_KINDS, helpers: nameOf })).toEqual(['miss', ...REFUSED_TO_ONE]);
  });

  test.each([
    ['it is passed', loop('name=name'), SOME],
    [
      'an include imports it as another one around the hole does',
      '{% include "k.njk" %}',
      `{% import "m.njk" as name %}{% block main %}{{ name.m(own) }}{% endblock %}`,
    ],
    ['an include sets it', loop(), `{% set name = own %}${SOME}{% for name in names %}{{ name }}{% endfor %}`],
  ])('but not where %s', async (_, body, include) => {
    const templates = {
      'p.njk': F(body),
      'i.njk': include,
      'k.njk': `{% import "m.njk" as name %}${hole()}`,
      'm.njk': '{% macro m(text) %}<{{ text }}>{% endmacro %}',
    };
    expect(await attack(templates, SOME_KINDS)).toEqual(MISS_THEN_HITS);
  });
});

describe('a hole may read what is defined in it', () => {
  const K = '{% macro k(text) %}<{{ text }}{{ own }}>{% endmacro %}';
  const FROM = '{% from "m.njk" import k with context %}';

  test.each([
    ['in a macro of a template with an import', `${FROM}{% macro z() %}{{ k(1) }}{% endmacro %}{{ z() }}`],
    ['in a block of a template with an import', `{% extends "l.njk" %}${FROM}{% block main %}{{ k(1) }}{% endblock %}`],
    ['in an include behind an import', `${FROM}{% include "j.njk" %}`],
    ['in an include of a hole with an import', U(`${FROM}{% include "j.njk" %}`)],
    ['in a macro of an include behind a set', '{% set q = own %}{% include "z.njk" %}'],
    ['in a fragment', `${FROM}{% macro z() %}{{ k(1) }}{% endmacro %}${F('{{ z() }}', 'other')}`],
  ])('%s', async (_, source) => {
    const others = {
      'm.njk': K,
      'l.njk': '({% block main %}{% endblock %})',
      'j.njk': '{{ k(2) }}',
      'z.njk': '{% macro z() %}{{ q }}{% endmacro %}{{ z() }}',
    };
    const templates = { 'p.njk': F(U('{% include "i.njk" %}')), 'i.njk': source };
    expect((await attack({ ...others, ...templates }, SOME_KINDS)).join()).not.toContain('CACHESWEEPER');
  });

  test('also where the body uses an import of the same name', async () => {
    const templates = {
      'p.njk': `{% import "m.njk" as m %}${F('{% include "i.njk" %}{{ m.k(1) }}')}`,
      'i.njk': `{% import "n.njk" as m %}${U('{{ m.k(own) }}')}`,
      'm.njk': '{% macro k(text) %}<{{ text }}>{% endmacro %}',
      'n.njk': '{% macro k(text) %}[{{ text }}]{% endmacro %}',
    };
    expect(await attack(templates, SOME_KINDS)).toEqual(MISS_THEN_HITS);
  });

  test('in a block of an include, where the hole uses another import of the same name', async () => {
    const templates = {
      'p.njk': `{% import "m.njk" as m %}${F(U('{% include "i.njk" %}{{ m.k(own) }}'))}`,
      'i.njk': '{% import "n.njk" as m %}{% block main %}{{ m.k(own) }}{% endblock %}',
      'm.njk': '{% macro k(text) %}<{{ text }}>{% endmacro %}',
      'n.njk': '{% macro k(text) %}[{{ text }}]{% endmacro %}',
    };
    expect(await attack(templates, SOME_KINDS)).toEqual(MISS_THEN_HITS);
  });

  test('but not where the body binds the name, and an include in the hole reads it', async () => {
    const templates = {
      'p.njk': F('{% for k in ["T"] %}{% include "i.njk" %}{% endfor %}'),
      'i.njk': `${FROM}${U('{{ k(1) }}{% include "j.njk" %}')}`,
      'j.njk': '{{ k }}',
      'm.njk': K,
    };
    expect(await attack(templates, SOME_KINDS)).toEqual(REFUSED);
    expect(await attack({ ...templates, 'j.njk': '' }, SOME_KINDS)).toEqual(MISS_THEN_HITS);
  });

  test.each([
    ['a hole in it', U('[{{ chance }}]', 'chance=article.nothing')],
    ['a hole in it, which calls a macro', U('{{ shown() }}[{{ chance }}]', 'chance=article.nothing')],
  ])('as %s what is passed to it, also if it is undefined', async (_, hole) => {
    const macro = '{% macro shown() %}[{{ chance }}]{% endmacro %}';
    expect(await attack(macro + F(U(hole)), SOME_KINDS)).toEqual(MISS_THEN_HITS);
  });

  test.each([
    ['a macro of an include', `{% include "i.njk" %}`, '{{ shown() }}'],
    ['a macro of an include, in a fragment', `{% include "i.njk" %}`, F('{{ shown() }}{{ chance }}', 'other')],
    ['a macro that it imports', '{% from "i.njk" import shown with context %}{{ shown() }}', ''],
  ])('as %s what is passed to it, also if it is undefined', async (_, content, more) => {
    const macro = '{% macro shown() %}[{{ chance }}]{% endmacro %}';
    const templates = { 'p.njk': F(U(content, 'chance=article.nothing')), 'i.njk': macro + more };
    expect((await attack(templates, SOME_KINDS)).join()).not.toContain('CACHESWEEPER');
  });
});

test('an error of the site behind an include in loops is the one that is shown, though Nunjucks runs on after it', async () => {
  const loops = '{% for a in [1, 2] %}{% for b in [1, 2] %}{% include "i.njk" %}{{ m() }}{% endfor %}{% endfor %}';
  const templates = { 'p.njk': `{% macro m() %}{{ nothing.x() }}{% endmacro %}${F(loops)}`, 'i.njk': 'x' };
  expect(await attack(templates)).toEqual(REFUSED.map(() => 'failed'));
});

describe('random templates show each visitor what Nunjucks alone shows', () => {
  test('or an error of ours', async () => {
    const shown = fc.asyncProperty(wildSites(), async (templates) => {
      await attack(templates, { helpers, kinds: ['memory'] });
    });
    await fc.assert(shown, runs(4, 5_000, 200));
  }, 3_600_000);

  test('and no error where no hole reads what a body binds', async () => {
    const shown = fc.asyncProperty(tidySites(), async (templates) => {
      const outcomes = await attack(templates, { helpers, kinds: ['memory', 'a store'] });
      expect(outcomes.filter((outcome) => outcome === 'CACHESWEEPER_HOLE')).toEqual([]);
    });
    await fc.assert(shown, runs(2, 2_500, 100));
  }, 3_600_000);
});
