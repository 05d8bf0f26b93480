import { describe, expect, test } from 'vitest';
import { AsyncObjectLoader, type Templates } from '../support/loaders.ts';
import { failure, fragment, site } from './site.ts';
import { secondAndOnlyVisitor, secondVisitorSees, visitor } from './visitors.ts';

const f = fragment;
const NAME = '{{ user.name }}';
const MACRO = `{% macro hello() %}${NAME}{% endmacro %}`;

/** Private names that a body reads through something written outside it. */
const elsewhere: Record<string, Templates> = {
  'an include': { 'page.njk': f('article', '{% include "a.njk" %}'), 'a.njk': NAME },
  'an include of an include': {
    'page.njk': f('article', '{% include "a.njk" %}'),
    'a.njk': '{% include "b.njk" %}',
    'b.njk': NAME,
  },
  'an include in a condition': {
    'page.njk': f('article', '{% if yes %}{% include "a.njk" %}{% endif %}'),
    'a.njk': NAME,
  },
  'an include that may be missing': { 'page.njk': f('article', '{% include "a.njk" ignore missing %}'), 'a.njk': NAME },
  'an include that extends': {
    'page.njk': f('article', '{% include "a.njk" %}'),
    'a.njk': '{% extends "b.njk" %}',
    'b.njk': `{% block x %}${NAME}{% endblock %}`,
  },
  'includes that include each other': {
    'page.njk': f('article', '{% include "a.njk" %}'),
    'a.njk': `{% if no %}{% include "b.njk" %}{% endif %}${NAME}`,
    'b.njk': '{% include "a.njk" %}',
  },
  'an include in a loop that binds another name': {
    'page.njk': f('article', '{% for x in authors %}{% include "a.njk" %}{% endfor %}'),
    'a.njk': NAME,
  },
  'an include once bound and once not': {
    'page.njk': f('article', '{% for user in [] %}{% include "a.njk" %}{% endfor %}{% include "a.njk" %}'),
    'a.njk': NAME,
  },
  'a macro of an include, called in a loop that binds the name': {
    'page.njk': f('article', '{% for user in authors %}{% include "a.njk" %}{% endfor %}'),
    'a.njk': `${MACRO}{{ hello() }}`,
  },
  'super()': {
    'page.njk': `{% extends "base.njk" %}{% block x %}${f('article', '{{ super() }}')}{% endblock %}`,
    'base.njk': `{% block x %}${NAME}{% endblock %}`,
  },
  "super() of a grandparent's block": {
    'page.njk': `{% extends "middle.njk" %}{% block x %}${f('article', '{{ super() }}')}{% endblock %}`,
    'middle.njk': '{% extends "base.njk" %}',
    'base.njk': `{% block x %}${NAME}{% endblock %}`,
  },
  'super() of super()': {
    'page.njk': `{% extends "middle.njk" %}{% block x %}${f('article', '{{ super() }}')}{% endblock %}`,
    'middle.njk': '{% extends "base.njk" %}{% block x %}{{ super() }}{% endblock %}',
    'base.njk': `{% block x %}${NAME}{% endblock %}`,
  },
  'super() that includes': {
    'page.njk': `{% extends "base.njk" %}{% block x %}${f('article', '{{ super() }}')}{% endblock %}`,
    'base.njk': '{% block x %}{% include "a.njk" %}{% endblock %}',
    'a.njk': NAME,
  },
  'super() of a parent chosen at run time': {
    'page.njk': `{% extends layout %}{% block x %}${f('article', '{{ super() }}')}{% endblock %}`,
    'base.njk': `{% block x %}${NAME}{% endblock %}`,
  },
  'super() of a block with a block in it': {
    'page.njk': `{% extends "base.njk" %}{% block x %}${f('article', '{{ super() }}')}{% endblock %}{% block y %}${NAME}{% endblock %}`,
    'base.njk': '{% block x %}{% block y %}{% endblock %}{% endblock %}',
  },
  'a local macro': { 'page.njk': `${MACRO}${f('article', '{{ hello() }}')}` },
  'a local macro that stands behind': { 'page.njk': `{% if yes %}${MACRO}{% endif %}${f('article', '{{ hello() }}')}` },
  'a local macro that calls another': {
    'page.njk': `${MACRO}{% macro greet() %}{{ hello() }}{% endmacro %}${f('article', '{{ greet() }}')}`,
  },
  'a local macro whose default reads it': {
    'page.njk': `{% macro hello(a=user.name) %}{{ a }}{% endmacro %}${f('article', '{{ hello() }}')}`,
  },
  'a local macro called by a call block': {
    'page.njk': `{% macro hello() %}${NAME}{{ caller() }}{% endmacro %}${f('article', '{% call hello() %}!{% endcall %}')}`,
  },
  'a local macro under another name': { 'page.njk': `${MACRO}{% set show = hello %}${f('article', '{{ show() }}')}` },
  'a local macro in a dict': { 'page.njk': `${MACRO}{% set h = { show: hello } %}${f('article', '{{ h.show() }}')}` },
  'a macro passed to a macro': {
    'page.njk': `${MACRO}{% macro box(show) %}${f('article', '{{ show() }}')}{% endmacro %}{{ box(hello) }}`,
  },
  'one of two macros of the same name': {
    'page.njk': `{% if yes %}${MACRO}${f('article', '{{ hello() }}')}{% else %}{% macro hello() %}{% endmacro %}{% endif %}`,
  },
  'a macro in the body, in a loop that binds the name': {
    'page.njk': f('article', `{% for user in authors %}${MACRO}{{ hello() }}{% endfor %}`),
  },
  'a macro in the body, behind a set in a fragment in a loop': {
    'page.njk': `{% for a in authors %}${f('a', `{% set user = a %}${MACRO}{{ hello() }}`)}{% endfor %}`,
  },
  "a macro that reads the page's user where a loop's user is the model": {
    'page.njk': `${MACRO}{% for user in authors %}${f('user', '{{ hello() }}')}{% endfor %}`,
  },
  "a macro that reads the page's user where a parameter's id is a key": {
    'page.njk': `${MACRO}{% macro card(user) %}{% cachesweeper article 500 user.id %}{{ hello() }}{% endcachesweeper %}{% endmacro %}{{ card(article) }}`,
  },
  'an import with context': {
    'page.njk': `{% import "m.njk" as m with context %}${f('article', '{{ m.hello() }}')}`,
    'm.njk': MACRO,
  },
  'an import by name with context': {
    'page.njk': `{% from "m.njk" import hello as h with context %}${f('article', '{{ h() }}')}`,
    'm.njk': MACRO,
  },
  'an import with context in the body': {
    'page.njk': f('article', '{% import "m.njk" as m with context %}{{ m.hello() }}'),
    'm.njk': MACRO,
  },
  'an import with context of a template chosen at run time': {
    'page.njk': `{% import chosen as m with context %}${f('article', '{{ m.hello() }}')}`,
    'chosen.njk': MACRO,
  },
  'a macro of the template that includes this one': {
    'page.njk': `${MACRO}{% include "leaf.njk" %}`,
    'leaf.njk': f('article', '{{ hello() }}'),
  },
  'an import of the template that includes this one': {
    'page.njk': '{% import "m.njk" as m with context %}{% include "leaf.njk" %}',
    'leaf.njk': f('article', '{{ m.hello() }}'),
    'm.njk': MACRO,
  },
  'a macro of the parent template': {
    'page.njk': `{% extends "base.njk" %}{% block x %}${f('article', '{{ hello() }}')}{% endblock %}`,
    'base.njk': `${MACRO}{% block x %}{% endblock %}`,
  },
  'a template chosen at run time': { 'page.njk': f('article', '{% include chosen %}'), 'chosen.njk': NAME },
  'an include of a template chosen at run time': {
    'page.njk': f('article', '{% include chosen %}'),
    'chosen.njk': '{% include "a.njk" %}',
    'a.njk': NAME,
  },
  'a template chosen at run time by an include': {
    'page.njk': f('article', '{% include "a.njk" %}'),
    'a.njk': '{% include chosen %}',
    'chosen.njk': NAME,
  },
};

const cases = Object.entries(elsewhere);

describe('a body that reads a private name elsewhere', () => {
  test.each(cases)('shows nobody the html of another, or is refused: %s', async (_how, templates) => {
    const html = await secondVisitorSees(templates).catch((error) => {
      if (error.code !== 'CACHESWEEPER_PRIVATE_NAME') throw error;
      return 'refused';
    });
    expect(html).not.toContain('Ann');
  });

  test.each(cases)('and with private: [] each visitor sees his own: %s', async (_how, templates) => {
    const seen = await secondAndOnlyVisitor(templates, { sweeper: { private: [] } });
    expect(seen.first).toContain('Ann');
    expect(seen.second).not.toContain('Ann');
    expect(seen.second).toBe(seen.only);
  });

  test.each(cases)('is no leak with a loader that needs time: %s', async (_how, templates) => {
    for (const noCache of [false, true]) {
      const loader = new AsyncObjectLoader(templates, noCache) as never;
      const html = await secondVisitorSees('', { loader }).catch((error) => {
        if (error.code !== 'CACHESWEEPER_PRIVATE_NAME') throw error;
        return 'refused';
      });
      expect(html).not.toContain('Ann');
    }
  });
});

test('what is written in the template is refused, not silently left uncached', async () => {
  for (const how of ['an include', 'super()', 'a local macro', 'an import with context', 'an include of an include']) {
    const error = await failure(site(elsewhere[how] as Templates).render(visitor('Ann', 1)));
    expect(error).toMatchObject({ code: 'CACHESWEEPER_PRIVATE_NAME' });
  }
});

test('a template chosen at run time that reads a private name is rendered, and reported as not stored', async () => {
  const { render, outcomes } = site(elsewhere['a template chosen at run time'] as Templates);
  expect(await render(visitor('Ann', 1))).toBe('Ann');
  expect(await render(visitor('Bob', 2))).toBe('Bob');
  expect(outcomes()).toEqual(['private name']);
});

test('a template chosen at run time may read what an argument covers', async () => {
  const { render, outcomes } = site({
    'page.njk': '{% cachesweeper article 500 user.id chosen %}{% include chosen %}{% endcachesweeper %}',
    'chosen.njk': NAME,
  });
  expect(await render(visitor('Ann', 1))).toBe('Ann');
  expect(await render(visitor('Bob', 2))).toBe('Bob');
  await render(visitor('Ann', 1));
  expect(outcomes()).toEqual(['hit']);
});

test('what an import without context reads is not what the page has: it is rendered right, and stored for all', async () => {
  const { render, outcomes } = site({
    'page.njk': `{% import "m.njk" as m %}${f('article', '[{{ m.hello() }}]')}`,
    'm.njk': MACRO,
  });
  expect(await render(visitor('Ann', 1))).toBe('[]');
  expect(await render(visitor('Bob', 2))).toBe('[]');
  expect(outcomes()).toEqual(['hit']);
});

test('an import without context reads globals: a private one is a leak all the same', async () => {
  const { env, render } = site({
    'page.njk': `{% import "m.njk" as m %}${f('article', '{{ m.form() }}')}`,
    'm.njk': '{% macro form() %}{{ csrfToken() }}{% endmacro %}',
  });
  const tokens = ['token of Ann', 'token of Bob'];
  env.addGlobal('csrfToken', () => tokens.shift() ?? '');
  const html = async () => render({ article: { type: 'Article', id: 1 } }).catch((error) => error.code);
  await html();
  expect(await html()).not.toContain('Ann');
});

test.each(['render', 'renderString'] as const)('a component that uses env.%s is no way around', async (method) => {
  const { env, render } = site({ 'page.njk': f('article', '{{ hello() }}'), 'hello.njk': NAME });
  env.addGlobal('hello', function hello(this: { ctx: object }) {
    return method === 'render' ? env.render('hello.njk', this.ctx) : env.renderString(NAME, this.ctx);
  });
  await render(visitor('Ann', 1));
  expect(await render(visitor('Bob', 2))).toBe('Bob');
});
