import type nunjucks from 'nunjucks';
import { describe, expect, test } from 'vitest';
import { attack, F, U } from './holes-support.ts';
import type { NodeClasses, Parser } from './plain-holes.ts';

const MISS_THEN_HITS = ['miss', 'hit', 'hit', 'hit', 'hit', 'hit'];
const LOST = Array.from({ length: 6 }, () => 'hole lost');
const REFUSED = Array.from({ length: 6 }, () => 'CACHESWEEPER_HOLE');

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
    ['a method of the text that it is added to', '{{ (form() ~ "").replace("-token", "!") | safe }}'],
    ['a comparison', '{% if form() == "<b>bobby-secret-token</b>" %}Bobby{% endif %}{{ form() }}'],
  ])('is lost when %s asks for its text', async (_, body) => {
    expect(await attack(FORM + F(body), { helpers })).toEqual(LOST);
    expect(await attack(FORM + F(body), { helpers, env: { autoescape: false } })).toEqual(LOST);
  });
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

  test('a variable that the body sets to nothing is an error', async () => {
    const templates = { 'p.njk': F('{% set unset = nothing %}{% include "i.njk" %}'), 'i.njk': U('{{ unset }}') };
    expect(await attack(templates)).toEqual(REFUSED);
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
});
