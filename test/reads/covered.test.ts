import { describe, expect, test } from 'vitest';
import type { Templates } from '../support/loaders.ts';
import { Article } from '../support/models.ts';
import { F, kindsFor, Site, T } from './support.ts';

const kinds = kindsFor(import.meta.url);

type Row = { id: number; title: string; [more: string]: unknown };
const row = (id: number, title: string): Row => ({ id, title, meta: { tags: [`${title} tag`] } });
const article = (title: string, more: object = {}) => Object.assign(new Article(1, title), more);

/** Bodies that read what lies below a model of their tag: its token stands for it, however it is reached. */
const covered: Record<string, readonly [string | Templates, (title: string) => object]> = {
  'by the tag’s own name': [T('{{ a.title }}'), (title) => ({ a: article(title) })],
  'by another name that the page gives it': [
    T('{{ b.title }}'),
    (title) => {
      const a = article(title);
      return { a, b: a };
    },
  ],
  'by another name that the template gives it': [
    `{% set b = a %}${T('{{ b.title }}')}`,
    (title) => ({ a: article(title) }),
  ],
  'as the member of an object': [
    T('{{ page.main.title }}'),
    (title) => {
      const a = article(title);
      return { a, page: { main: a } };
    },
  ],
  'as an item of a list': [F('rows[0]', '{{ rows[0].title }}'), (title) => ({ rows: [article(title)] })],
  'in a loop over a list that holds it': [
    F('rows[0]', '{% for r in rows %}{{ r.title }}{% endfor %}'),
    (title) => ({ rows: [article(title)] }),
  ],
  'as the value of an expression': [F('(none or a)', '{{ a.title }}'), (title) => ({ a: article(title) })],
  'as one of a list of models': [
    F('[a, b]', '{{ a.title }}, {{ b.title }}'),
    (title) => ({ a: article(title), b: new Article(2, `second ${title}`) }),
  ],
  'as a row of a type': [
    '{% cachesweeper r 500 type="Row" %}{{ r.title }}{% endcachesweeper %}',
    (title) => ({ r: row(1, title) }),
  ],
  'as one of several rows of a type': [
    '{% cachesweeper rows 500 type="Row" %}{% for r in rows %}{{ r.title }}{% endfor %}{% endcachesweeper %}',
    (title) => ({ rows: [row(1, title), row(2, `second ${title}`)] }),
  ],
  'as the variable of a loop': [
    `{% for r in rows %}${F('r', '{{ r.title }}')}{% endfor %}`,
    (title) => ({ rows: [article(title)] }),
  ],
  'as the parameter of a macro': [
    `{% macro card(m) %}${F('m', '{{ m.title }}')}{% endmacro %}{{ card(a) }}`,
    (title) => ({ a: article(title) }),
  ],
  'by an included template': [
    { 'page.njk': T('{% include "i.njk" %}'), 'i.njk': '{{ a.title }}' },
    (title) => ({ a: article(title) }),
  ],
  'by a macro that it is handed to': [
    `{% macro show(m) %}{{ m.title }}{% endmacro %}${T('{{ show(a) }}')}`,
    (title) => ({ a: article(title) }),
  ],
  'deeper down': [
    F('[a]', '{{ a.meta.tags[0] }}'),
    (title) => ({ a: article(title, { meta: { tags: [`${title} tag`] } }) }),
  ],
  'in a loop over a list of its own': [
    T('{% for t in a.tags %}{{ t }}{% endfor %}'),
    (title) => ({ a: article(title, { tags: [title] }) }),
  ],
};

describe.each(kinds)('a tag’s model stands for what is below it, in %s', (kind) => {
  test.each(Object.entries(covered))('when it is read %s', async (_how, [templates, context]) => {
    const site = new Site(templates, kind);
    expect(await site.show(() => context('old'))).toEqual(['miss']);
    expect(site.reads.join()).not.toMatch(/title|tags/);
    const html = await site.alone(context('old'));
    expect(html).toContain('old');
    // The contract of the tag: what changes is bumped, and it is not compared.
    expect(await site.cached(context('new'))).toBe(html);
    expect(site.outcomes).toEqual(['hit']);
    await site.sweeper.invalidateAll();
    expect(await site.show(() => context('new'))).toEqual(['miss']);
  });
});

/** Bodies that read something else by what could be taken for the tag's model. */
const notCovered: Record<string, readonly [string | Templates, (title: string) => object]> = {
  'a loop variable of the tag’s name': [
    T('{% for a in plain %}{{ a.title }}{% endfor %}'),
    (title) => ({ a: new Article(1), plain: [{ title }] }),
  ],
  'a name that was set to something else': [
    `{% set b = a %}{% set a = plain %}${F('b', '{{ a.title }}')}`,
    (title) => ({ a: new Article(1), plain: { title } }),
  ],
  'the page’s variable of the tag’s name, read by a macro': [
    `{% macro show() %}{{ a.title }}{% endmacro %}{% for a in list %}${T('{{ show() }}')}{% endfor %}`,
    (title) => ({ a: { title }, list: [new Article(1)] }),
  ],
  'a copy of the model': [T('{{ copy.title }}'), (title) => ({ a: new Article(1), copy: { id: 1, title } })],
  'the object that the model is a member of': [
    F('page.main', '{{ page.title }}'),
    (title) => ({ page: { title, main: new Article(1) } }),
  ],
  'another item of the list': [F('rows[0]', '{{ rows[1].title }}'), (title) => ({ rows: [new Article(1), { title }] })],
  'the name of someone whose id is a key': [
    T('{{ person.name }}', 'person.id'),
    (name) => ({ a: new Article(1), person: { id: 5, name } }),
  ],
  'a list whose first item is a key': [
    T('{{ words[1] }}', 'words[0]'),
    (word) => ({ a: new Article(1), words: ['same', word] }),
  ],
};

describe.each(kinds)('what is not below the tag’s model is compared, in %s', (kind) => {
  test.each(Object.entries(notCovered))('%s', async (_what, [templates, context]) => {
    const site = new Site(templates, kind);
    expect(await site.show(() => context('old'))).toEqual(['miss']);
    expect(await site.show(() => context('new'))).toEqual(['miss']);
    expect(await site.show(() => context('old'))).toEqual(['hit']);
  });
});

/** A model as two pages have it: loaded in part, or with something of the visitor's. */
const presence: Record<string, readonly [string, object, object]> = {
  'a column that was not loaded': ['{{ a.body or "…" }}', {}, { body: 'text' }],
  'a column that was not loaded, behind a member': [
    '{{ a.author.bio or "…" }}',
    { author: {} },
    { author: { bio: 'b' } },
  ],
  'a relation that was not loaded': ['{{ a.author.name or "…" }}', {}, { author: { name: 'Ann' } }],
  'a list that was not loaded': ['{% for t in a.tags %}{{ t }}{% else %}…{% endfor %}', {}, { tags: ['x'] }],
  'a boolean of the visitor’s': ['{{ "♥" if a.likedByMe else "♡" }}', { likedByMe: false }, { likedByMe: true }],
  'a printed boolean': ['{{ a.likedByMe }}', { likedByMe: false }, { likedByMe: true }],
  'a boolean deeper down': ['{{ a.viewer.canEdit }}', { viewer: { canEdit: false } }, { viewer: { canEdit: true } }],
};

describe.each(kinds)('below a tag’s model presence and booleans are compared, in %s', (kind) => {
  test.each(Object.entries(presence))('%s', async (_what, [body, without, with_]) => {
    const site = new Site(T(body), kind);
    const [one, other] = [() => ({ a: article('t', without) }), () => ({ a: article('t', with_) })];
    expect(await site.show(one)).toEqual(['miss']);
    expect(await site.show(other)).toEqual(['miss']);
    // The first may have read less than the second: a store finds it again when it was stored once more.
    await site.show(one);
    await site.show(other);
    expect(await site.show(one)).toEqual(['hit']);
    expect(await site.show(other)).toEqual(['hit']);
  });

  test.each([
    ['text', 'old', 'new'],
    ['a number', 1, 2],
    ['a date', new Date(1), new Date(2)],
    ['a list', ['x'], ['y']],
  ])('and %s is not', async (_what, before, after) => {
    const site = new Site(T('{{ a.value }}'), kind);
    const html = await site.cached({ a: article('t', { value: before }) });
    expect(await site.cached({ a: article('t', { value: after }) })).toBe(html);
    expect(site.outcomes).toEqual(['hit']);
  });
});
