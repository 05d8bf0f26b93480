import { lazy } from 'nunjucks-cachesweeper';
import { describe, expect, test } from 'vitest';
import { Article } from '../support/models.ts';
import { F, kindsFor, Site, T, textOf } from './support.ts';

const kinds = kindsFor(import.meta.url);

class Author {
  readonly id: number;
  readonly name = 'Ann';
  constructor(id: number) {
    this.id = id;
  }
}

const context = () => ({
  a: new Article(1),
  b: new Article(2),
  lang: 'en',
  which: 'i.njk',
  ctx: { lang: 'en', csrf: 'c' },
  rows: [
    { title: 'x', author: new Author(5), tags: [{ label: 'l' }] },
    { title: 'y', author: new Author(6), tags: [] },
  ],
  page: { number: 1, title: 't' },
  labels: { en: 'English' },
  words: ['x'],
});

/** Bodies, and the paths that their keys hold. */
const reads: Record<string, readonly [string, readonly string[]]> = {
  nothing: [T('text'), []],
  'a variable': [T('{{ lang }}'), ['lang']],
  'a variable, read twice': [T('{{ lang }}{{ lang | upper }}'), ['lang']],
  'several, in the order of their names': [T('{{ page.number }}{{ lang }}'), ['lang', 'page.number']],
  'a member': [T('{{ ctx.lang }}'), ['ctx.lang']],
  'the fields of rows': [T('{% for r in rows %}{{ r.title }}{% endfor %}'), ['rows[*].title']],
  'the fields of rows of rows': [
    T('{% for r in rows %}{% for t in r.tags %}{{ t.label }}{% endfor %}{% endfor %}'),
    ['rows[*].tags[*].label'],
  ],
  'the items of a list': [T('{% for w in words %}{{ w }}{% endfor %}'), ['words[*]']],
  'what an include reads': [T('{% include "i.njk" %}'), ['page.title']],
  'what an include that is chosen at run time reads': [T('{% include which %}'), ['page.title', 'which']],
  'what a macro reads': [`{% macro m() %}{{ lang }}{% endmacro %}${T('{{ m() }}')}`, ['lang']],
  'what the template set': [`{% set x = lang %}${T('{{ x }}')}`, ['x']],
  'a loop variable': [`{% for w in words %}${T('{{ w }}')}{% endfor %}`, ['w']],
  'the place in a loop': [`{% for w in words %}${T('{{ loop.index }}')}{% endfor %}`, ['loop.index']],
  'what the body set': [T('{% set x = lang %}{{ x }}'), ['lang']],
  'the tag’s model': [T('{{ a.title }}'), []],
  'the tag’s model and a variable': [T('{{ a.title }}{{ lang }}'), ['lang']],
};

const templates = (source: string) => ({ 'page.njk': source, 'i.njk': '{{ page.title }}' });

describe.each(kinds)('the report of a fragment, in %s', (kind) => {
  test.each(Object.entries(reads))('lists the paths in its key: %s', async (_what, [source, paths]) => {
    const site = new Site(templates(source), kind);
    expect(await site.show(context)).toEqual(['miss']);
    const { reads } = site;
    expect(reads).toEqual(paths);
    expect(await site.show(context)).toEqual(['hit']);
    expect(site.reads).toEqual(paths);
    expect(site.unseen).toBe('');
  });

  test('lists what a fragment in the body reads, with the one around it', async () => {
    const site = new Site(T(`${F('b', '{{ lang }}')}{{ page.number }}`), kind);
    await site.show(context);
    const [inner, outer] = site.fragments;
    expect(inner?.reads).toEqual(['lang']);
    expect([...(outer?.reads ?? [])].sort()).toEqual(['lang', 'page.number']);
  });

  test('lists no lazy: it is not called for a key', async () => {
    const site = new Site(T('{% for w in load() %}{{ w }}{% endfor %}'), kind);
    await site.cached({ ...context(), load: lazy(() => Promise.resolve(['x'])) });
    expect(site.outcomes).toEqual(['miss']);
    expect(site.reads.join()).not.toMatch(/load/);
  });

  test.each([
    ['a function that is made for each page', '{{ t("hi") }}', () => ({ t: () => 'x' }), /\bt\b/],
    ['a member that is one', '{{ i18n.t("hi") }}', () => ({ i18n: { t: () => 'x' } }), /i18n\.t\b/],
    ['a promise', '{{ p | string }}', () => ({ p: Promise.resolve(1) }), /\bp\b/],
  ])('says what could not be seen, and what to do: %s', async (_what, body, more, name) => {
    const site = new Site(T(body), kind);
    for (let i = 0; i < 2; i++) expect(await site.show(() => ({ ...context(), ...more() }))).toEqual(['unseen']);
    expect(site.unseen).toMatch(name);
    expect(site.unseen).toMatch(/except/);
    const { tags } = site.sweeper.stats();
    expect(tags).toMatchObject([{ uncached: { unseen: 2 } }]);
  });

  test('holds no value of the page', async () => {
    const site = new Site(T('{{ ctx.lang }}{{ t("hi") }}'), kind);
    await site.show(() => ({ ...context(), ctx: { lang: 'a-secret' }, t: () => 'x' }));
    expect(textOf(site.fragments)).not.toMatch(/a-secret/);
  });

  test('says of the fragment around one that could not be seen that it contains it', async () => {
    const site = new Site(T(F('b', '{{ t("hi") }}')), kind);
    await site.show(() => ({ ...context(), t: () => 'x' }));
    expect(site.outcomes).toEqual(['unseen', 'contains uncached']);
  });
});
