import { describe, expect, test } from 'vitest';
import type { Templates } from '../support/loaders.ts';
import { Article, Comment } from '../support/models.ts';
import { ways } from './precompiled.ts';
import { fragment, site } from './site.ts';

const f = fragment;
const BOX = `{% set box %}${f('comment', '{{ comment.text }}')}{% endset %}`;
const BOLD = `{% set box %}${f('comment', '<b>{{ comment.text }}</b>')}{% endset %}`;
const CARD = `{% macro card(comment) %}${f('comment', '{{ comment.text }}')}{% endmacro %}`;
const SHOW = `{% macro show(text) %}${f('article', '{{ text }}')}{% endmacro %}`;

const context = () => ({
  article: new Article(1),
  comment: new Comment(7, 'old'),
  items: [],
  bag: new Map(),
  i: 'i.njk',
});

/** Pages that print a fragment's html, or what was made of it, inside another fragment. */
const captured: Record<string, string | Templates> = {
  'block set': BOX + f('article', '{{ box }}'),
  'block set, safe': BOLD + f('article', '{{ box | safe }}'),
  'block set, trimmed before': `${BOX}{% set t = box | trim %}${f('article', '{{ t }}')}`,
  'block set, upper inside': BOX + f('article', '{{ box | upper | lower }}'),
  'block set, striptags': `${BOLD}{% set t = box | striptags %}${f('article', '{{ t }}')}`,
  'block set, its first letter': `${BOX}{% set t = box | first %}${f('article', '{{ "old" if t == "o" else "new" }}')}`,
  'block set, compared': `${BOX}{% set t = box == "old" %}${f('article', '{{ "old" if t else "new" }}')}`,
  'block set in a condition': BOX + f('article', '{% if box == "old" %}old{% else %}new{% endif %}'),
  'block set that a macro reads': `${BOX}{% macro m() %}{{ box }}{% endmacro %}${f('article', '{{ m() }}')}`,
  'block set that an include reads': { 'page.njk': BOX + f('article', '{% include "i.njk" %}'), 'i.njk': '{{ box }}' },
  'block set that an include of an include reads': {
    'page.njk': BOX + f('article', '{% include "h.njk" %}'),
    'h.njk': '{% include "i.njk" %}',
    'i.njk': '{{ box }}',
  },
  'block set that a template chosen at run time reads': {
    'page.njk': BOX + f('article', '{% include i %}'),
    'i.njk': '{{ box }}',
  },
  'block set of an included template': {
    'page.njk': '{% include "i.njk" %}',
    'i.njk': BOX + f('article', '{{ box }}'),
  },
  'block set in front of an include with the fragment': {
    'page.njk': `${BOX}{% include "i.njk" %}`,
    'i.njk': f('article', '{{ box }}'),
  },
  'in a list': `${BOX}{% set l = [box] %}${f('article', '{{ l[0] }}')}`,
  'in a list that grows': `{% set l = [] %}${BOX}{% set _ = l.push(box) %}${f('article', '{{ l | join }}')}`,
  'in a dict': `${BOX}{% set d = { a: { b: box } } %}${f('article', '{{ d.a.b }}')}`,
  "in a list of the page's": `${BOX}{% set _ = items.push(box) %}${f('article', '{{ items | last }}')}`,
  "in a Map of the page's": `${BOX}{% set _ = bag.set("a", box) %}${f('article', '{{ bag.get("a") }}')}`,
  'in a loop over a list of it': `${BOX}{% for t in [box] %}${f('article', '{{ t }}')}{% endfor %}`,
  'in a loop over a dict of it': `${BOX}{% for k, t in { a: box } %}${f('article', '{{ t }}')}{% endfor %}`,
  'the result of a macro': `${CARD}{% set t = card(comment) %}${f('article', '{{ t }}')}`,
  'the result of a macro, upper': `${CARD}{% set t = card(comment) | upper | lower %}${f('article', '{{ t }}')}`,
  'the result of a macro, joined': `${CARD}{% set t = "" + card(comment) %}${f('article', '{{ t }}')}`,
  'the result of a macro in a loop': `${CARD}{% for t in [card(comment)] %}${f('article', '{{ t }}')}{% endfor %}`,
  'super()': {
    'page.njk': `{% extends "b.njk" %}{% block x %}{% set t = super() %}${f('article', '{{ t }}')}{% endblock %}`,
    'b.njk': `{% block x %}${f('comment', '{{ comment.text }}')}{% endblock %}`,
  },
  'a parameter, SafeString': `${CARD}${SHOW}{{ show(card(comment)) }}`,
  'a parameter, plain with tags': `${BOLD}${SHOW}{{ show(box) | striptags }}`,
  'a parameter, plain without tags': `${BOX}${SHOW}{{ show(box) }}`,
  'a parameter, striptags': `${BOLD}${SHOW}{{ show(box | striptags) }}`,
  'a parameter, upper': `${BOX}${SHOW}{{ show(box | upper) }}`,
  'a parameter by keyword': `${BOX}${SHOW}{{ show(text=box) }}`,
  'a parameter that is a list': `${BOX}{% macro show(l) %}${f('article', '{{ l | join }}')}{% endmacro %}{{ show([box]) }}`,
  'a parameter of a call block': `{% macro w(t) %}{{ caller(t) }}{% endmacro %}${BOX}{% call(t) w(box) %}${f('article', '{{ t }}')}{% endcall %}`,
  'an exported variable with tags': {
    'page.njk': `{% import "i.njk" as i with context %}${f('article', '{{ i.box | safe }}')}`,
    'i.njk': BOLD,
  },
  'an exported variable without tags': {
    'page.njk': `{% import "i.njk" as i with context %}${f('article', '{{ i.box }}')}`,
    'i.njk': BOX,
  },
  'an exported variable under another name': {
    'page.njk': `{% from "i.njk" import box as t with context %}${f('article', '{{ t }}')}`,
    'i.njk': BOX,
  },
  'a filter block around, set': `{% set t %}{% filter upper %}${f('comment', '{{ comment.text }}')}{% endfilter %}{% endset %}${f('article', '{{ t | lower }}')}`,
  'a variable that is the same text as one of the page': `{% set same %}${f('comment', '{{ comment.text }}')}{% endset %}${f('article', '{{ same }}')}`,
  'in a list under another name': `${BOX}{% set l = items %}{% set _ = l.push(box) %}${f('article', '{{ items | last }}')}`,
  'in a list inside an object': `${BOX}{% set o = { l: items } %}{% set _ = o.l.push(box) %}${f('article', '{{ items | last }}')}`,
  'in a list that a loop is at': `${BOX}{% for l in [items] %}{% set _ = l.push(box) %}{% endfor %}${f('article', '{{ items | last }}')}`,
  'in a list that a condition chose': `${BOX}{% set _ = (nothing or items).push(box) %}${f('article', '{{ items | last }}')}`,
  'in a list that a macro adds to': `${BOX}{% macro add(l, t) %}{% set _ = l.push(t) %}{% endmacro %}{{ add(items, box) }}${f('article', '{{ items | last }}')}`,
  'in a list of a list that grows in a loop': `${BOX}{% set cells = [{ l: [] }] %}{% for cell in cells %}{% set _ = cell.l.push(box) %}{% endfor %}{% for cell in cells %}${f('article', '{{ cell.l[0] }}')}{% endfor %}`,
  'in a loop over pairs': `${BOX}{% for k, t in [["a", box]] %}${f('article', '{{ t }}')}{% endfor %}`,
  'in a loop over triples': `${BOX}{% for a, b, t in [["a", "b", box]] %}${f('article', '{{ t }}')}{% endfor %}`,
  'in a loop over groups': `${BOX}{% for k, l in [{ k: 1, t: box }] | groupby("k") %}${f('article', '{{ l[0].t }}')}{% endfor %}`,
  'one of two names set together': `${CARD}{% set a, b = card(comment) %}${f('article', '{{ b }}')}`,
  'a parameter that is set': `${BOX}{% macro show(t) %}{% set u = t %}${f('article', '{{ u }}')}{% endmacro %}{{ show(box) }}`,
  'a parameter that is looped over': `${BOX}{% macro show(l) %}{% for t in l %}${f('article', '{{ t }}')}{% endfor %}{% endmacro %}{{ show([box]) }}`,
  'a parameter that an include reads': {
    'page.njk': `${BOX}{% macro show(t, article) %}{% include "i.njk" %}{% endmacro %}{{ show(box, article) }}`,
    'i.njk': f('article', '{{ t }}'),
  },
  'a parameter that is not passed': `${CARD}{% macro show(a, c, t=card(c)) %}${f('a', '{{ t }}')}{% endmacro %}{{ show(article, comment) }}`,
  'the second parameter that is not passed': `${CARD}{% macro show(a, c, s="", t=card(c)) %}${f('a', '{{ t }}')}{% endmacro %}{{ show(article, comment) }}`,
  'the result of a macro that returns its parameter': `${BOX}{% macro id(t) %}{{ t }}{% endmacro %}{% set u = id(box) %}${f('article', '{{ u }}')}`,
  'the result of a macro under another name': `${CARD}{% set m = card %}{% set t = m(comment) %}${f('article', '{{ t }}')}`,
  'the result of a macro in an object': `${CARD}{% set m = { n: card } %}{% set t = m.n(comment) %}${f('article', '{{ t }}')}`,
  'the result of a macro that is a parameter': `${CARD}{% macro show(m, c, a) %}{% set t = m(c) %}${f('a', '{{ t }}')}{% endmacro %}{{ show(card, comment, article) }}`,
  'the result of an imported macro': {
    'page.njk': `{% from "i.njk" import card %}{% set t = card(comment) %}${f('article', '{{ t }}')}`,
    'i.njk': CARD,
  },
  "the result of a module's macro": {
    'page.njk': `{% import "i.njk" as m %}{% set t = "so: " ~ m.card(comment) %}${f('article', '{{ t }}')}`,
    'i.njk': CARD,
  },
  'the result of a macro that the including template imported': {
    'page.njk': `{% from "i.njk" import card %}{% include "j.njk" %}`,
    'i.njk': CARD,
    'j.njk': `{% set t = card(comment) %}${f('article', '{{ t }}')}`,
  },
  'the result of a module that the including template imported': {
    'page.njk': `{% import "i.njk" as m %}{% include "j.njk" %}`,
    'i.njk': CARD,
    'j.njk': `{% set t = m.card(comment) %}${f('article', '{{ t }}')}`,
  },
  'the result of an imported macro, kept by a method': {
    'page.njk': `{% from "i.njk" import card %}{% set _ = bag.set("a", card(comment)) %}${f('article', '{{ bag.get("a") }}')}`,
    'i.njk': CARD,
  },
  'the result of an imported macro, passed to another': {
    'page.njk': `{% from "i.njk" import card, show %}${f('article', '')}{{ show("so: " ~ card(comment), article) }}`,
    'i.njk': `${CARD}{% macro show(t, article) %}${f('article', '{{ t }}')}{% endmacro %}`,
  },
  'in an asynchronous loop': `${BOX}{% asyncEach t in [box] %}${f('article', '{{ t }}')}{% endeach %}`,
  'in an asynchronous loop over pairs': `${BOX}{% asyncAll k, t in [["a", box]] %}${f('article', '{{ t }}')}{% endall %}`,
  'in an asynchronous loop, set': `${BOX}{% asyncEach t in [box] %}{% set u = t %}${f('article', '{{ u }}')}{% endeach %}`,
  'in a list that an asynchronous loop is at': `${BOX}{% asyncEach l in [items] %}{% set _ = l.push(box) %}{% endeach %}${f('article', '{{ items | last }}')}`,
  'a parameter with letters of other languages': `${BOX}{% macro show(größe) %}{% set u = größe %}${f('article', '{{ u }}')}{% endmacro %}{{ show(box) }}`,
  'a parameter with a dollar sign': `${BOX}{% macro show($t) %}{% for u in [$t] %}${f('article', '{{ u }}')}{% endfor %}{% endmacro %}{{ show(box) }}`,
  'a macro that an include knows under another name': {
    'page.njk': `${CARD}{% include "j.njk" %}`,
    'j.njk': `{% set k = card %}{% set t = "so: " ~ k(comment) %}${f('article', '{{ t }}')}`,
  },
  'a macro that an include loops over': {
    'page.njk': `${CARD}{% include "j.njk" %}`,
    'j.njk': `{% for k in [card] %}{% set t = "so: " ~ k(comment) %}${f('article', '{{ t }}')}{% endfor %}`,
  },
  'a macro that an include hands to a method': {
    'page.njk': `${CARD}{% include "j.njk" %}`,
    'j.njk': `{% set t = [comment].map(card) | join %}${f('article', '{{ t }}')}`,
  },
  'a macro that the page knows under another name, called by an include': {
    'page.njk': `${CARD}{% set k = card %}{% include "j.njk" %}`,
    'j.njk': `{% set t = "so: " ~ k(comment) %}${f('article', '{{ t }}')}`,
  },
  'a macro in an object of the page, called by an include': {
    'page.njk': `${CARD}{% set o = { k: card } %}{% include "j.njk" %}`,
    'j.njk': `{% set t = "so: " ~ o.k(comment) %}${f('article', '{{ t }}')}`,
  },
  'a macro in a list of the page, called by an include': {
    'page.njk': `${CARD}{% set _ = items.push(card) %}{% include "j.njk" %}`,
    'j.njk': `{% set t = "so: " ~ items[0](comment) %}${f('article', '{{ t }}')}`,
  },
  'a macro of the child, in its parent': {
    'page.njk': `{% extends "b.njk" %}${CARD}`,
    'b.njk': `{% set k = card %}{% set t = "so: " ~ k(comment) %}${f('article', '{{ t }}')}`,
  },
  'texts with quotes, and a regular expression with one': `${BOX}{% set t = box.replace(r/"/g, '"') ~ '"' %}${f('article', '{{ t }}')}`,
  'behind a regular expression with a quote': `${BOX}{% set t = "x" | replace(r/"/, "y") ~ box %}${f('article', '{{ t }}')}`,
  'between regular expressions with quotes': `${BOX}{% set t = r/"/.test("x") ~ box ~ r/ "/.test("x") %}${f('article', '{{ t }}')}`,
  'between divisions': `${BOX}{% set t = (i.length / 2) / i.length / 3 ~ box ~ (4 // 2) %}${f('article', '{{ t }}')}`,
  'a captured fragment that was a hit': `${f('comment', '{{ comment.text }}')}${BOX}${f('article', '{{ box }}')}`,
};

describe.each(Object.entries(ways))('html captured from one fragment and printed in another, %s', (_kind, siteOf) => {
  test.each(Object.entries(captured))('is fresh after the first was bumped: %s', async (_how, source) => {
    const { render, sweeper } = siteOf(typeof source === 'string' ? { 'page.njk': source } : source);
    const page = { ...context(), same: 'old' };
    const before = await render(page);
    expect(before.toLowerCase()).toContain('old');
    page.items.length = 0;
    expect(await render(page)).toBe(before);
    page.comment.text = 'new';
    page.items.length = 0;
    await sweeper.invalidateCacheFor(page.comment);
    const after = await render(page);
    expect(after.toLowerCase()).toContain('new');
    expect(after.toLowerCase()).not.toContain('old');
  });
});

describe('html captured from one fragment and printed in another', () => {
  test('is not stored when the first was not', async () => {
    const box =
      '{% set box %}{% cachesweeper comment 500 when=false %}{{ comment.text }}{% endcachesweeper %}{% endset %}';
    const { render } = site(box + f('article', '{{ box }}'));
    const page = context();
    expect(await render(page)).toBe('old');
    page.comment.text = 'new';
    expect(await render(page)).toBe('new');
  });

  test('lives no longer than the first', async () => {
    let now = 1_000_000_000_000;
    const box = '{% set box %}{% cachesweeper comment 10 %}{{ comment.text }}{% endcachesweeper %}{% endset %}';
    const { render } = site(box + f('article', '{{ box }}'), { sweeper: { now: () => now } });
    const page = context();
    expect(await render(page)).toBe('old');
    page.comment.text = 'new';
    now += 11_000;
    expect(await render(page)).toBe('new');
  });
});

describe.each(Object.entries(ways))(
  'a fragment that prints nothing captured is left alone when its sibling is bumped, %s',
  (_kind, siteOf) => {
    const rows = () => [1, 2, 3].map((id) => new Comment(id, `text <b>${id}</b>`));

    test.each([
      ['rows of a loop', `{% for c in comments %}${f('c', '{{ c.text }}')}{% endfor %}`],
      ['rows with html in an attribute', `{% for c in comments %}${f('c', '{{ c.text | safe }}')}{% endfor %}`],
      ['rows with a counter', `{% for c in comments %}${f('c', '{{ loop.index }} {{ c.text }}')}{% endfor %}`],
      ['rows that read the page', `{% for c in comments %}${f('c', '{{ title }} {{ c.text }}')}{% endfor %}`],
      [
        'rows of a macro',
        `{% macro row(c) %}${f('c', '{{ c.text }}')}{% endmacro %}{% for c in comments %}{{ row(c) }}{% endfor %}`,
      ],
      [
        'rows of a macro with a text',
        `{% macro row(c, word) %}{% cachesweeper c 500 word %}{{ word }}{{ c.text }}{% endcachesweeper %}{% endmacro %}{% for c in comments %}{{ row(c, "hello") }}{% endfor %}`,
      ],
      ['rows of an imported macro', '{% from "row.njk" import row %}{% for c in comments %}{{ row(c) }}{% endfor %}'],
      ['rows of an include', '{% for c in comments %}{% include "c.njk" %}{% endfor %}'],
      ['rows of a row with html', `{% for c in comments %}{% set r = c %}${f('r', '{{ r.text }}')}{% endfor %}`],
      ['rows with their own set', `{% for c in comments %}${f('c', '{% set t = c.text %}{{ t }}')}{% endfor %}`],
      [
        'rows with a literal from outside',
        `{% set word = "hello" %}{% for c in comments %}${f('c', '<i class="{{ word }}">{{ c.text }}</i>')}{% endfor %}`,
      ],
      ['rows with a filter', `{% for c in comments %}${f('c', '{{ c.text | striptags | upper }}')}{% endfor %}`],
      ['rows with a number', `{% set n = 5 %}{% for c in comments %}${f('c', '{{ n }}{{ c.text }}')}{% endfor %}`],
      [
        'rows that call a local macro',
        `{% macro b(t) %}<b>{{ t }}</b>{% endmacro %}{% for c in comments %}${f('c', '{{ b(c.text) }}')}{% endfor %}`,
      ],
    ])('%s', async (_how, source) => {
      const { render, sweeper, outcomes } = siteOf({
        'page.njk': source,
        'c.njk': f('c', '{{ c.text }}'),
        'row.njk': `{% macro row(c) %}${f('c', '{{ c.text }}')}{% endmacro %}`,
      });
      const comments = rows();
      await render({ comments, title: 'a <title>' });
      await sweeper.invalidateCacheFor(comments[0]);
      await render({ comments, title: 'a <title>' });
      expect(outcomes()).toEqual(['miss', 'hit', 'hit']);
    });

    test('a long list whose rows read one variable set outside costs no more than its rows', async () => {
      const count = 1_200;
      const { render, outcomes } = site(
        `{% set word = "hello" %}{% for c in comments %}${f('c', '{{ word }}{{ c.id }}')}{% endfor %}`,
      );
      const comments = Array.from({ length: count }, (_, id) => new Comment(id));
      await render({ comments });
      // Each row would depend on all before it, until there are too many to be stored.
      expect(outcomes()).toEqual(Array(count).fill('miss'));
    });
  },
);
