import { describe, expect, test } from 'vitest';
import type { Templates } from '../support/loaders.ts';
import { Article } from '../support/models.ts';
import { failure, fragment, site } from './site.ts';

const f = fragment;
const context = () => ({
  article: new Article(1),
  seen: [3, 1],
  bag: { items: [2] },
  map: new Map(),
  math: { add: (a: number, b: number) => a + b },
});

describe('a body that changes what is outside of it', () => {
  const methods = ['push', 'pop', 'shift', 'unshift', 'splice', 'sort', 'reverse', 'fill', 'copyWithin'];
  test.each([...methods, 'delete', 'clear'])('is refused: %s', async (method) => {
    const error = await failure(site(`\n${f('article', `{% set _ = seen.${method}(1) %}`)}`).render(context()));
    expect(error).toMatchObject({ code: 'CACHESWEEPER_UNSEEN' });
    expect(error.message).toMatch(/^\(page.njk\) \[Line 2, Column \d+\]\n {2}the body of this fragment calls seen\./);
    expect(error.message).toContain('do that outside of the fragment');
  });

  test.each<[string, string | Templates]>([
    ['in a path', f('article', '{{ bag.items.push(1) }}')],
    ['in brackets', f('article', '{{ bag["items"]["push"](1) }}')],
    ['in a computed place', f('article', '{{ bag[x].push(1) }}')],
    ['in parentheses', f('article', '{{ (bag.items).push(1) }}')],
    ['in a loop', f('article', '{% for i in [1] %}{% set _ = seen.push(i) %}{% endfor %}')],
    ['set outside', `{% set list = [] %}${f('article', '{{ list.push(1) }}')}`],
    ['a loop variable', `{% for list in [[1]] %}${f('article', '{{ list.push(1) }}')}{% endfor %}`],
    ['in a nested fragment', f('article', f('article', '{{ seen.push(1) }}'))],
    [
      'in an argument of a nested fragment',
      f('article', '{% cachesweeper article 5 seen.pop() %}{% endcachesweeper %}'),
    ],
    ['in a macro that it calls', `{% macro m() %}{{ seen.push(1) }}{% endmacro %}${f('article', '{{ m() }}')}`],
    ['in an include', { 'page.njk': f('article', '{% include "i.njk" %}'), 'i.njk': '{{ seen.push(1) }}' }],
    [
      'in super()',
      {
        'page.njk': `{% extends "b.njk" %}{% block x %}${f('article', '{{ super() }}')}{% endblock %}`,
        'b.njk': '{% block x %}{{ seen.push(1) }}{% endblock %}',
      },
    ],
  ])('is refused: %s', async (_where, templates) => {
    expect(await failure(site(templates).render(context()))).toMatchObject({ code: 'CACHESWEEPER_UNSEEN' });
  });

  test.each<[string, string | Templates, string]>([
    ['its own list', f('article', '{% set l = [] %}{% set _ = l.push(1) %}{{ l }}'), '1'],
    ['its own loop variable', f('article', '{% for l in [[2, 1]] %}{{ l.sort() }}{% endfor %}'), '1,2'],
    ['a parameter', f('article', '{% macro m(l) %}{{ l.pop() }}{% endmacro %}{{ m([1]) }}'), '1'],
    ['a copy', f('article', '{{ seen.slice().sort() }}'), '1,3'],
    ['a sorted copy', f('article', '{{ (seen | sort).reverse() }}'), '3,1'],
    ['a method of another name', f('article', '{{ seen.join("-") }}'), '3-1'],
    ['an attribute of that name', f('article', '{{ bag.add }}{{ bag.items }}'), '2'],
    [
      'a macro of that name',
      {
        'page.njk': `{% import "m.njk" as m %}${f('article', '{{ m.add(1) }}')}`,
        'm.njk': '{% macro add(x) %}{{ x }}{% endmacro %}',
      },
      '1',
    ],
    [
      'an include that sorts what the body sets',
      { 'page.njk': f('article', '{% set l = [2, 1] %}{% include "i.njk" %}'), 'i.njk': '{{ l.sort() }}' },
      '1,2',
    ],
    ['outside of the body', `{% set _ = seen.sort() %}${f('article', 'x')}{{ seen }}`, 'x1,3'],
  ])('is not one that changes %s', async (_what, templates, html) => {
    expect(await site(templates).render(context())).toBe(html);
  });

  test('is not one that calls a helper of the environment, unless that is a list or set', async () => {
    const { env, render } = site({
      'page.njk': f('article', '{{ helper.add(1, 2) }}'),
      'set.njk': f('article', '{{ known.delete(1) }}'),
    });
    env.addGlobal('helper', context().math).addGlobal('known', new Set());
    expect(await render(context())).toBe('3');
    expect(await failure(render(context(), 'set.njk'))).toMatchObject({ code: 'CACHESWEEPER_UNSEEN' });
  });
});

describe('what a body defines and the template uses behind it', () => {
  const M = '{% macro m() %}x{% endmacro %}';
  test.each<[string, string | Templates, string]>([
    ['a macro', `${f('article', M)}\n {{ m() }}`, 'm'],
    ['an import', { 'page.njk': `${f('article', '{% import "m.njk" as m %}')}\n {{ m.m() }}`, 'm.njk': M }, 'm'],
    [
      'a named import',
      { 'page.njk': `${f('article', '{% from "m.njk" import m as n %}')}\n {{ n() }}`, 'm.njk': M },
      'n',
    ],
    ['a macro, in a macro', `${f('article', M)}{% macro n() %}\n {{ m() }}{% endmacro %}`, 'm'],
    ['a macro, in a block', `${f('article', M)}{% block b %}\n {{ m() }}{% endblock %}`, 'm'],
    ['a macro, in another body', f('article', M) + f('article', '\n {{ m() }}'), 'm'],
    ['a macro of a nested body, behind that', f('article', `${f('article', M)}\n {{ m() }}`), 'm'],
    ['a macro in a condition', `${f('article', `{% if 1 %}${M}{% endif %}`)}\n {{ m() }}`, 'm'],
  ])('is refused at its place: %s', async (_what, templates, name) => {
    const error = await failure(site(templates).render(context()));
    expect(error).toMatchObject({ code: 'CACHESWEEPER_BAD_TAG' });
    expect(error.message).toMatch(/^\(page.njk\) \[Line 2, Column \d+\]/);
    expect(error.message).toContain(`${name} is used here and defined in a fragment above`);
    expect(error.message).toContain('define it before the fragment');
  });

  test.each<[string, string | Templates, string]>([
    ['used in the body only', f('article', `${M}{{ m() }}`), 'x'],
    ['used in the body, behind a condition', f('article', `{% if 1 %}${M}{% endif %}{{ m() }}`), 'x'],
    ['defined in each body', f('article', `${M}{{ m() }}`).repeat(2), 'xx'],
    ['defined before the fragment too', `${M}${f('article', `${M}{{ m() }}`)}{{ m() }}`, 'xx'],
    ['defined again behind it', `${f('article', `${M}{{ m() }}`)}${M}{{ m() }}`, 'xx'],
    ['a parameter behind it', `${f('article', M)}{% macro n(m) %}{{ m }}{% endmacro %}{{ n(1) }}`, '1'],
    [
      'imported in one body, outside and in another',
      {
        'page.njk': `{% import "m.njk" as m %}${f('article', '{% import "m.njk" as m %}{{ m.m() }}')}${f('article', '{{ m.m() }}')}`,
        'm.njk': M,
      },
      'xx',
    ],
  ])('is fine: %s', async (_what, templates, html) => {
    const { render } = site(templates);
    expect(await render(context())).toBe(html);
    expect(await render(context())).toBe(html);
  });
});
