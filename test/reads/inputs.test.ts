import { describe, expect, test } from 'vitest';
import type { Templates } from '../support/loaders.ts';
import { Article, Comment } from '../support/models.ts';
import { F, type Kind, kindsFor, Site, T } from './support.ts';

const kinds = kindsFor(import.meta.url);

interface Input {
  readonly templates: string | Templates;
  /** What two pages are rendered with, besides the model `a`. */
  readonly first: () => object;
  readonly second: () => object;
  /** The second page reads variables that the first did not: a store finds the first's entry only when it was stored again. */
  readonly grows?: true;
}

const page = (templates: string | Templates, first: () => object, second: () => object): Input => ({
  templates,
  first,
  second,
});
const growing = (...args: Parameters<typeof page>): Input => ({ ...page(...args), grows: true });
const langs = [() => ({ lang: 'en' }), () => ({ lang: 'de' })] as const;
const TITLE = '{% macro title() %}{{ a.title }}{% endmacro %}';

/** Pages that an author wrote without naming what the body reads. */
const inputs: Record<string, Input> = {
  'a variable of the page': page(T('{{ lang }}'), ...langs),
  'a variable that is not there on the first page': page(
    T('[{{ lang }}]'),
    () => ({}),
    () => ({ lang: 'de' }),
  ),
  'a member of the page’s ctx': page(
    T('{{ ctx.csrf }}'),
    () => ({ ctx: { csrf: 't1' } }),
    () => ({ ctx: { csrf: 't2' } }),
  ),
  'a member of a member of res.locals': page(
    T('{{ res.locals.user.name }}'),
    () => ({ res: { locals: { user: { name: 'Ann' } } } }),
    () => ({ res: { locals: { user: { name: 'Bob' } } } }),
  ),
  'an included template whose name is a variable': page(
    { 'page.njk': T('{% include which %}'), 'a.njk': 'A', 'b.njk': 'B' },
    () => ({ which: 'a.njk' }),
    () => ({ which: 'b.njk' }),
  ),
  'variables of included templates whose name is a variable': growing(
    { 'page.njk': T('{% include which %}'), 'a.njk': 'A{{ x }}', 'b.njk': 'B{{ y }}' },
    () => ({ which: 'a.njk', x: 1, y: 1 }),
    () => ({ which: 'b.njk', x: 2, y: 2 }),
  ),
  'a variable of an included template': page(
    { 'page.njk': T('{% include "i.njk" %}'), 'i.njk': '{{ lang }}' },
    ...langs,
  ),
  'a member whose name is a variable': growing(
    T('{{ labels[lang] }}'),
    () => ({ lang: 'en', labels: { en: 'Hi', de: 'Hallo' } }),
    () => ({ lang: 'de', labels: { en: 'Hi', de: 'Hallo' } }),
  ),
  'a member whose name is a variable, changed': page(
    T('{{ labels[lang] }}'),
    () => ({ lang: 'en', labels: { en: 'Hi' } }),
    () => ({ lang: 'en', labels: { en: 'Hello' } }),
  ),
  'the name of someone without an id, whose id is the key (OpenID)': page(
    T('{{ user.name }}', 'user.id'),
    () => ({ user: { sub: 's1', name: 'Ann' } }),
    () => ({ user: { sub: 's2', name: 'Bob' } }),
  ),
  'the name of someone with an _id, whose id is the key': page(
    T('{{ user.name }}', 'user.id'),
    () => ({ user: { _id: 'm1', name: 'Ann' } }),
    () => ({ user: { _id: 'm2', name: 'Bob' } }),
  ),
  'the name of someone whose id is the key, and stays': page(
    T('{{ user.name }}', 'user.id'),
    () => ({ user: { id: 1, name: 'Ann' } }),
    () => ({ user: { id: 1, name: 'Anna' } }),
  ),
  'a session without an id, whose id is the key (cookie-session)': page(
    T('{{ session.name }}', 'session.id'),
    () => ({ session: { name: 'Ann' } }),
    () => ({ session: { name: 'Bob' } }),
  ),
  'a loop variable that is not the model': page(
    `{% for word in words %}${T('{{ word }}')}{% endfor %}`,
    () => ({ words: ['x', 'y'] }),
    () => ({ words: ['y', 'z'] }),
  ),
  'what loop knows': page(
    `{% for word in words %}${T('{{ loop.index }}/{{ loop.length }}{{ loop.first }}{{ loop.last }}{{ loop.revindex }}')}{% endfor %}`,
    () => ({ words: ['x', 'y'] }),
    () => ({ words: ['x', 'y', 'z'] }),
  ),
  'both variables of a loop over an object': page(
    `{% for k, v in o %}${T('{{ k }}={{ v }} ')}{% endfor %}`,
    () => ({ o: { x: 1, y: 2 } }),
    () => ({ o: { x: 2, z: 2 } }),
  ),
  'a variable that the template set': page(`{% set x = "in " + lang %}${T('{{ x }}')}`, ...langs),
  'a variable that the template set in a condition': page(
    `{% set x = "?" %}{% if lang == "de" %}{% set x = "deutsch" %}{% endif %}${T('{{ x }}')}`,
    ...langs,
  ),
  'a variable that the parent template set': page(
    {
      'page.njk': `{% extends "base.njk" %}{% block x %}${T('{{ theme }}')}{% endblock %}`,
      'base.njk': '{% set theme = lang %}{% block x %}{% endblock %}',
    },
    ...langs,
  ),
  'captured html': page(`{% set box %}<b>{{ lang }}</b>{% endset %}${T('{{ box }}')}`, ...langs),
  'the parameter of a macro': page(
    `{% macro card(a, label, size="s") %}${T('{{ label }}{{ size }}')}{% endmacro %}{{ card(a, lang) }}{{ card(a, lang, size=lang) }}`,
    ...langs,
  ),
  'what a macro reads of the page': page(`{% macro label() %}{{ lang }}{% endmacro %}${T('{{ label() }}')}`, ...langs),
  'the model’s name in a macro, where it is the page’s': page(
    `${TITLE}{% for a in list %}${T('{{ title() }}')}{% endfor %}`,
    () => ({ a: new Article(8, 'eight'), list: [new Article(1)] }),
    () => ({ a: new Article(9, 'nine'), list: [new Article(1)] }),
  ),
  'a condition': page(
    T('{% if isOpen %}open{% else %}closed{% endif %}'),
    () => ({ isOpen: true }),
    () => ({ isOpen: false }),
  ),
  'an inline condition': page(
    T('{{ "open" if isOpen else "closed" }}'),
    () => ({ isOpen: true }),
    () => ({ isOpen: false }),
  ),
  'a switch': page(T('{% switch lang %}{% case "en" %}English{% default %}other{% endswitch %}'), ...langs),
  'what is read only in one branch': growing(
    T('{% if full %}{{ long }}{% else %}{{ short }}{% endif %}'),
    () => ({ full: true, long: 'l1', short: 's1' }),
    () => ({ full: false, long: 'l2', short: 's2' }),
  ),
  'the argument of a filter': page(T('{{ "" | default(lang, true) }}'), ...langs),
  'the list of an in': page(
    T('{{ "yes" if "x" in tags else "no" }}'),
    () => ({ tags: ['x'] }),
    () => ({ tags: ['y'] }),
  ),
  'a keyword argument': page(`{% macro m(label="") %}{{ label }}{% endmacro %}${T('{{ m(label=lang) }}')}`, ...langs),
  'super()': page(
    {
      'page.njk': `{% extends "base.njk" %}{% block x %}${T('{{ super() }}')}{% endblock %}`,
      'base.njk': '{% block x %}{{ lang }}{% endblock %}',
    },
    ...langs,
  ),
  'a fragment in the body': page(T(`<${F('b', '{{ lang }}')}>`), ...langs),
  'a model that is another one on the second page': page(
    T('{{ b.title }}'),
    () => ({ b: new Article(5) }),
    () => ({ b: new Article(6) }),
  ),
};

const withModel = (values: () => object) => () => ({ a: new Article(1), b: new Article(2), ...values() });
const open = { sweeper: { private: [] } };
const all = (outcomes: readonly string[], outcome: string) => outcomes.every((each) => each === outcome);

describe.each(kinds)('what a body reads tells pages apart, in %s', (kind) => {
  test.each(Object.entries(inputs))('%s', async (_what, { templates, first, second, grows }) => {
    const site = new Site(templates, kind, open);
    const [one, other] = [withModel(first), withModel(second)];
    // The oracle knows how both pages look, and they are not the same.
    expect(await site.alone(one())).not.toBe(await site.alone(other()));
    expect(all(await site.show(one), 'hit')).toBe(false);
    expect(all(await site.show(other), 'hit')).toBe(false);
    const third = await site.show(one);
    if (kind === 'memory' || !grows) expect(all(third, 'hit'), `${third}`).toBe(true);
    await site.show(other);
    for (const again of [one, other]) expect(all(await site.show(again), 'hit')).toBe(true);
  });
});

describe.each(kinds)('one row twice on a page, in %s', (kind) => {
  test.each([
    ['by its place in the loop', '{% for c in [c, c] %}', '{{ loop.index }}', '12'],
    ['by the first and the last', '{% for c in [c, c] %}', '{{ "f" if loop.first }}{{ "l" if loop.last }}', 'fl'],
    ['by a variable counted in the loop', '{% set n = 0 %}{% for c in [c, c] %}{% set n = n + 1 %}', '{{ n }}', '12'],
    ['by the outer loop', '{% for x in ["a", "b"] %}{% for c in [c] %}', '{{ x }}', 'ab', '{% endfor %}'],
  ])('is told apart %s', async (_how, start, body, html, end = '') => {
    const site = new Site(`${start}${F('c', body)}{% endfor %}${end}`, kind);
    const context = () => ({ c: new Comment(7) });
    expect(await site.cached(context())).toBe(html);
    expect(site.outcomes).toEqual(['miss', 'miss']);
    expect(await site.show(context)).toEqual(['hit', 'hit']);
    expect(await site.cached(context())).toBe(html);
  });
});

/** Pages on which something was made of a fragment's html before another fragment reads it. */
const captured: Record<string, string> = {
  'a variable set where it holds a word': '{% if "spam" in box %}{% set flag = "yes" %}{% endif %}',
  'a variable set by a switch': '{% switch box | string %}{% case "spam" %}{% set flag = "yes" %}{% endswitch %}',
  'a variable counted in a loop':
    '{% set flag = 0 %}{% for letter in box | string | list %}{% if letter == "s" %}{% set flag = flag + 1 %}{% endif %}{% endfor %}',
  'a variable chosen by it': '{% set flag = "yes" if box == "spam" else "no" %}',
  'its length': '{% set flag = box | length %}',
  'it itself': '{% set flag = box %}',
};

describe.each(kinds)('what was made of another fragment’s html, in %s', (kind: Kind) => {
  test.each(Object.entries(captured))('%s', async (_how, made) => {
    const site = new Site(`{% set box %}${F('c', '{{ c.text }}')}{% endset %}${made}${T('[{{ flag }}]')}`, kind);
    const context = (text: string) => () => ({ a: new Article(1), c: new Comment(7, text) });
    expect(await site.show(context('spam'))).toEqual(['miss', 'miss']);
    expect(await site.show(context('spam'))).toEqual(['hit', 'hit']);
    await site.sweeper.invalidateCacheFor(new Comment(7));
    expect(await site.show(context('nice!'))).toEqual(['miss', 'miss']);
    await site.sweeper.invalidateCacheFor(new Comment(7));
    // The other fragment is found by what it reads, whatever became of the first.
    expect(await site.show(context('spam'))).toEqual(['miss', 'hit']);
  });
});
