import { describe, expect, test } from 'vitest';
import { Article } from '../support/models.ts';
import { failure, fragment, site } from './site.ts';

const f = fragment;
const context = () => ({ article: new Article(1), yes: true });

describe('a {% block %} in a body', () => {
  test.each([
    ['directly', '{% block a %}x{% endblock %}'],
    ['in a condition', '{% if yes %}{% block a %}x{% endblock %}{% endif %}'],
    ['in a loop', '{% for i in [1] %}{% block a %}x{% endblock %}{% endfor %}'],
    ['in a nested fragment', f('article', '{% block a %}x{% endblock %}')],
  ])('is refused with its place: %s', async (_how, body) => {
    const error = await failure(site(`\n${f('article', body)}`).render(context()));
    expect(error).toMatchObject({ code: 'CACHESWEEPER_BLOCK_IN_BODY' });
    expect(error.message).toMatch(/^\(page.njk\) \[Line 2, Column \d+\]\n {2}a fragment cannot contain a {% block %}/);
    expect(error.message).toContain('put the fragment inside the block');
  });

  test('is no matter of the template that includes it: a template with blocks may be included', async () => {
    const { render, outcomes } = site({
      'page.njk': f('article', '{% include "a.njk" %}'),
      'a.njk': '{% block a %}x{% endblock %}',
    });
    await render(context());
    expect(await render(context())).toBe('x');
    expect(outcomes()).toEqual(['hit']);
  });

  test('replaced by two children, behind super(): neither gets the html of the other', async () => {
    const { render } = site({
      'base.njk': '{% block outer %}{% block inner %}{% endblock %}{% endblock %}',
      'middle.njk': `{% extends "base.njk" %}{% block outer %}${f('article', '{{ super() }}')}{% endblock %}`,
      'one.njk': '{% extends "middle.njk" %}{% block inner %}one{% endblock %}',
      'two.njk': '{% extends "middle.njk" %}{% block inner %}two{% endblock %}',
    });
    const refusal = (error: { code: string }) => {
      expect(error.code).toBe('CACHESWEEPER_BLOCK_IN_BODY');
      return 'refused';
    };
    await render(context(), 'one.njk').catch(refusal);
    expect(await render(context(), 'two.njk').catch(refusal)).toMatch(/two|refused/);
  });
});

describe('{% extends %} in a body', () => {
  const layout = '<main>{% block content %}{% endblock %}</main>';

  test.each([
    ['directly', '{% extends "layout.njk" %}x'],
    ['chosen at run time', '{% extends layout %}x'],
    ['in a condition', '{% if yes %}{% extends "layout.njk" %}{% endif %}x'],
    ['in a nested fragment', f('article', '{% extends "layout.njk" %}x')],
  ])('is refused with its place: %s', async (_how, body) => {
    const error = await failure(
      site({ 'page.njk': `\n${f('article', body)}`, 'layout.njk': layout }).render({
        ...context(),
        layout: 'layout.njk',
      }),
    );
    expect(error).toMatchObject({ code: 'CACHESWEEPER_BLOCK_IN_BODY' });
    expect(error.message).toMatch(/^\(page.njk\) \[Line 2, Column \d+\]\n {2}a fragment cannot contain {% extends %}/);
    expect(error.message).toContain('in front of the fragment');
  });

  test('of an included template is no matter of the template that includes it', async () => {
    const { render, outcomes } = site({
      'page.njk': f('article', '{% include "child.njk" %}'),
      'child.njk': '{% extends "layout.njk" %}{% block content %}x{% endblock %}',
      'layout.njk': layout,
    });
    for (let i = 0; i < 2; i++) expect(await render(context())).toBe('<main>x</main>');
    expect(outcomes()).toEqual(['hit']);
  });
});

describe('caller() in a body', () => {
  const call = '{% call wrap() %}1{% endcall %}{% call wrap() %}2{% endcall %}';

  test('is refused with its place', async () => {
    const error = await failure(
      site(`{% macro wrap() %}\n  ${f('article', '{{ caller() }}')}{% endmacro %}${call}`).render(context()),
    );
    expect(error).toMatchObject({ code: 'CACHESWEEPER_CALLER_IN_BODY' });
    expect(error.message).toMatch(/^\(page.njk\) \[Line 2, Column \d+\]\n {2}a fragment cannot contain caller\(\)/);
  });

  test.each([
    ['as an argument', '{{ caller() | upper }}'],
    ['in a condition', '{% if caller() %}x{% endif %}'],
    ['through set', '{% set x = caller() %}{{ x }}'],
    ['with arguments', '{{ caller(1) }}'],
    ['in a nested fragment', f('article', '{{ caller() }}')],
    ['passed on', '{% set inner = caller %}{{ inner() }}'],
  ])('is refused or shows each call its own: %s', async (_how, body) => {
    const { render } = site(`{% macro wrap() %}${f('article', body)}{% endmacro %}${call}`);
    const html = await render(context()).catch((error) => error.code);
    expect(['12', 'XX', 'CACHESWEEPER_CALLER_IN_BODY', 'xx', '[]']).toContain(html);
  });

  test.each([
    ['of a macro defined in the body', '{% macro w() %}<{{ caller() }}>{% endmacro %}{% call w() %}x{% endcall %}'],
    ['of a macro called in the body', '{% call wrap() %}x{% endcall %}'],
  ])('is fine: %s', async (_how, body) => {
    const { render, outcomes } = site(`{% macro wrap() %}<{{ caller() }}>{% endmacro %}${f('article', body)}`);
    await render(context());
    expect(await render(context())).toBe('<x>');
    expect(outcomes()).toEqual(['hit']);
  });
});
