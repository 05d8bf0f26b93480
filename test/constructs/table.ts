import { OTHER_DELIMITERS } from '../support/delimiters.ts';
import type { Templates } from '../support/loaders.ts';
import { sized } from '../support/long.ts';
import { Article, Comment } from '../support/models.ts';

/** Elements of the longest list, which would not fit on a stack. */
export const MANY: number = sized(12_000, 50_000, 50_000);

export interface Construct {
  readonly name: string;
  /** `page.njk` is what is rendered. Every body calls `ran()` once. */
  readonly templates: Templates;
  readonly options?: object;
  readonly loader?: 'async';
  /** Nunjucks itself is known to be slow here. */
  readonly slow?: true;
}

const comments = () => [1, 2, 3].map((id) => new Comment(id));

/** What all pages are rendered with. */
export const context = (many = MANY) => ({
  article: new Article(1),
  other: new Article(2),
  comment: new Comment(7),
  comments: comments(),
  map: new Map(comments().map((comment) => [`k${comment.id}`, comment])),
  set: new Set(comments()),
  record: { a: new Comment(1), b: new Comment(2) },
  pairs: comments().map((comment) => [comment.id, comment]),
  many: Array.from({ length: many }, (_, id) => new Comment(id, 'x')),
  none: [],
  groups: [comments(), comments()],
  yes: true,
  no: false,
  kind: 'b',
  chosen: 'leaf.njk',
  html: '<b>"&\'</b>',
});

const leaf = '{% cachesweeper comment 500 %}[{{ ran() }}{{ comment.text }}]{% endcachesweeper %}';
const plain = '<p>{{ comment.text }}</p>';
const macro =
  '{% macro card(comment, suffix="!") %}{% cachesweeper comment 500 suffix %}({{ ran() }}{{ comment.text }}{{ suffix }}){% endcachesweeper %}{% endmacro %}';

function page(
  name: string,
  source: string,
  more: Omit<Construct, 'name' | 'templates'> & { with?: Templates } = {},
): Construct {
  const { with: others, ...rest } = more;
  return {
    name,
    templates: { 'leaf.njk': leaf, 'plain.njk': plain, 'macros.njk': macro, ...others, 'page.njk': source },
    ...rest,
  };
}

/** A fragment around some template text. */
const f = (model: string, body: string) => `{% cachesweeper ${model} 500 %}{{ ran() }}${body}{% endcachesweeper %}`;

/** What every page shows anew. */
const hole = '{% uncached %}<i>{{ visitor }}{{ html }}</i>{% enduncached %}';
const holeOf = (id: string) => `{% uncached id=${id} %}<i>{{ id }}:{{ visitor }}</i>{% enduncached %}`;

/** Holes in each construct around them. */
function holes(): readonly Construct[] {
  const files = {
    'hole.njk': `[${hole}]`,
    'holes.njk': `{% macro form(id, label="l") %}{{ label }}${holeOf('id')}{% endmacro %}{% macro twice(id) %}{{ form(id) }}{{ form(id, label="m") }}{% endmacro %}`,
    'using.njk':
      '{% from "holes.njk" import form with context %}{% uncached %}{{ visitor }}{{ form(visitor) }}{% enduncached %}',
    'base.njk': `<{% block a %}base ${hole}{% endblock %}>`,
  };
  const hp = (name: string, source: string, more: object = {}) => page(name, source, { with: files, ...more });
  return [
    hp('hole', f('article', `a${hole}b`)),
    hp('hole at both ends', f('article', `${hole}a${hole}`)),
    hp('hole outside a body', `a${holeOf('article.id')}b`),
    hp('empty hole', f('article', 'a{% uncached %}{% enduncached %}b')),
    hp('hole in a loop', f('article', `{% for c in comments %}${holeOf('c.id')}{% endfor %}`)),
    hp('hole in a loop over a record', f('article', `{% for k, c in record %}${holeOf('k')}{% endfor %}`)),
    hp(
      'hole in a fragment of a loop',
      `{% for c in comments %}${f('c', `${hole}{% uncached %}{{ c.id }}{% enduncached %}`)}{% endfor %}`,
    ),
    hp(
      'hole in a fragment of a loop over pairs',
      `{% for id, c in pairs %}${f('c', '{% uncached %}{{ id }}{{ visitor }}{% enduncached %}')}{% endfor %}`,
    ),
    hp('hole in a condition', f('article', `{% if yes %}${hole}{% else %}-{% endif %}{% if no %}${hole}{% endif %}`)),
    hp('hole in a switch', f('article', `{% switch kind %}{% case "a" %}A{% case "b" %}${hole}{% endswitch %}`)),
    hp('hole in an include', f('article', 'a{% include "hole.njk" %}{% include "hole.njk" %}')),
    hp(
      'hole in an include in a loop',
      f('article', '{% for c in comments %}{{ c.id }}{% include "hole.njk" %}{% endfor %}'),
    ),
    hp('hole in a macro', `{% macro m(id) %}(${holeOf('id')}){% endmacro %}${f('article', '{{ m(1) }}{{ m(2) }}')}`),
    hp(
      'hole in a macro of the body',
      f('article', `{% macro m(id) %}(${holeOf('id')}){% endmacro %}{{ m(1) }}{{ m(2) }}`),
    ),
    hp('hole in an imported macro', `{% import "holes.njk" as h %}${f('article', '{{ h.form(1) }}{{ h.twice(2) }}')}`),
    hp(
      'hole in a macro imported with context',
      `{% import "holes.njk" as h with context %}${f('article', '{{ h.form(1) }}{{ h.twice(2) }}')}`,
    ),
    hp(
      'hole in a macro imported in the body',
      f('article', '{% from "holes.njk" import twice with context %}{{ twice(article.id) }}'),
    ),
    hp(
      'hole in what call passes in',
      `{% macro w() %}<b>{{ caller() }}</b>{% endmacro %}${f('article', `{% call w() %}${hole}{% endcall %}`)}`,
    ),
    hp('hole that uses imports of its include', f('article', '{% include "using.njk" %}')),
    hp(
      'hole in the parent block',
      `{% extends "base.njk" %}{% block a %}${f('article', '{{ super() }}')}{% endblock %}`,
    ),
    hp('hole in a block', `{% extends "base.njk" %}{% block a %}${f('article', hole)}{% endblock %}`),
    hp(
      'hole in a nested fragment',
      f('article', `1${f('other', `2${hole}${f('comment', holeOf('comment.id'))}`)}${hole}`),
    ),
    hp(
      'hole in a fragment that stands alone and inside',
      `${f('other', hole)}${f('article', `{% include "one.njk" %}`)}{% include "one.njk" %}`,
      { with: { ...files, 'one.njk': f('other', hole) } },
    ),
    hp(
      'fragment in a hole',
      f('article', `{% uncached %}{{ visitor }}${f('comment', '{{ comment.text }}')}{% enduncached %}`),
    ),
    hp('fragment with a hole in a hole', f('article', `{% uncached %}${f('comment', hole)}{% enduncached %}`)),
    hp('hole in a hole', f('article', `{% uncached %}a${hole}{% enduncached %}`)),
    hp(
      'loop, set, include and macro in a hole',
      f(
        'article',
        '{% uncached %}{% import "holes.njk" as h %}{% set n = visitor %}{% for c in comments %}{{ n }}{{ c.id }}{{ h.form(n) }}{% endfor %}{% include "hole.njk" %}{% enduncached %}',
      ),
    ),
    hp(
      'hole under other delimiters',
      '<% cachesweeper article 500 %><$ ran() $><% uncached id=article.id %><$ id $><$ visitor $><% enduncached %><% endcachesweeper %>',
      {
        options: {
          tags: OTHER_DELIMITERS,
        },
      },
    ),
    hp('hole, white space control', f('article', 'a  {%- uncached -%}  {{ visitor }}  {%- enduncached -%}  b')),
    hp(
      'hole, trimBlocks and lstripBlocks',
      f('article', 'a\n  {% uncached %}\n  {{ visitor }}\n  {% enduncached %}\nb'),
      { options: { trimBlocks: true, lstripBlocks: true } },
    ),
    hp('hole, no autoescape', f('article', `${hole}{% include "hole.njk" %}`), { options: { autoescape: false } }),
    hp('hole, throwOnUndefined', f('article', `${hole}`), { options: { throwOnUndefined: true } }),
    hp(
      'hole, async loader',
      f('article', `{% include "hole.njk" %}{% uncached %}{% include "hole.njk" %}{% enduncached %}`),
      { loader: 'async' },
    ),
  ];
}

export const constructs: readonly Construct[] = [
  page('plain', f('article', '{{ article.title }}')),
  page('text around', `a ${f('article', 'x')} b`),
  page('empty body', 'x{% cachesweeper article 500 %}{{ ran() }}{% endcachesweeper %}'),
  page('nested three deep', f('article', `1${f('other', `2${f('comment', '{{ comment.text }}')}2`)}1`)),
  page('for over an array', `{% for comment in comments %}${leaf}{{ loop.index }}{% endfor %}`),
  page(
    'loop variables in the body',
    `{% for c in comments %}${f('c', '{{ loop.index }}/{{ loop.length }} {{ loop.last }}')}{% endfor %}`,
  ),
  page('for k, v over a record', `{% for key, c in record %}${f('c', '{{ key }}={{ c.text }}')}{% endfor %}`),
  page('for over pairs', `{% for id, c in pairs %}${f('c', '{{ id }}={{ c.text }}')}{% endfor %}`),
  page('for over a Map', `{% for key, c in map %}${f('c', '{{ key }}={{ c.text }}')}{% endfor %}`),
  page('for over a Set', `{% for c in set %}${f('c', '{{ c.text }}')}{% endfor %}`),
  page('for else', `{% for c in none %}${f('c', 'never')}{% else %}${f('article', 'none')}{% endfor %}`),
  page(
    'for in for',
    `{% for group in groups %}{% set n = loop.index %}{% for c in group %}{% cachesweeper c 500 n %}{{ ran() }}{{ n }}.{{ loop.index }}{% endcachesweeper %}{% endfor %}{% endfor %}`,
  ),
  page('for inside the body', f('article', '{% for c in comments %}{{ loop.index }}{{ c.text }}{% endfor %}')),
  page(
    'for over a long list',
    '{% for c in many %}{% cachesweeper c 500 %}{{ ran() }}{{ c.text }}{% endcachesweeper %}{% endfor %}',
    { slow: true },
  ),
  page(
    'if elif else',
    `{% if no %}${f('article', '1')}{% elif yes %}${f('article', '2')}{% else %}${f('article', '3')}{% endif %}`,
  ),
  page('if inside the body', f('article', '{% if yes %}{{ article.title }}{% else %}-{% endif %}')),
  page('inline if', f('article', '{{ "a" if yes else "b" }}{{ "c" if no }}')),
  page(
    'switch',
    `{% switch kind %}{% case "a" %}${f('article', 'A')}{% case "b" %}${f('article', 'B')}{% default %}${f('article', 'D')}{% endswitch %}`,
  ),
  page(
    'switch inside the body',
    f('article', '{% switch kind %}{% case "a" %}A{% case "b" %}B{% default %}D{% endswitch %}'),
  ),
  page('include', '{% include "leaf.njk" %}'),
  page('include in for', '{% for comment in comments %}{% include "leaf.njk" %}{% endfor %}'),
  page('include in if', '{% if yes %}{% include "leaf.njk" %}{% endif %}'),
  page('include in the body', f('article', '{% include "plain.njk" %}')),
  page(
    'include of a fragment in the body',
    f('article', '{% for comment in comments %}{% include "leaf.njk" %}{% endfor %}'),
  ),
  page('include ignore missing', f('article', 'a{% include "missing.njk" ignore missing %}b')),
  page('include chosen at run time', f('article', '{% include chosen %}')),
  page('include of a template that extends', f('article', '{% include "child.njk" %}'), {
    with: {
      'base.njk': '<{% block a %}base{% endblock %}>',
      'child.njk': '{% extends "base.njk" %}{% block a %}child {{ super() }}{% endblock %}',
    },
  }),
  page('extends and block', `{% extends "base.njk" %}{% block a %}${leaf}{% endblock %}`, {
    with: { 'base.njk': 'x{% block a %}{% endblock %}y' },
  }),
  page('block in the parent', '{% extends "base.njk" %}', {
    with: { 'base.njk': `x{% block a %}${leaf}{% endblock %}y` },
  }),
  page('extends three deep', '{% extends "middle.njk" %}{% block a %}top {{ super() }}{% endblock %}', {
    with: {
      'middle.njk': `{% extends "base.njk" %}{% block a %}${leaf}{{ super() }}{% endblock %}`,
      'base.njk': `x{% block a %}${f('article', 'base')}{% endblock %}y`,
    },
  }),
  page('super() beside the fragment', `{% extends "base.njk" %}{% block a %}{{ super() }}${leaf}{% endblock %}`, {
    with: { 'base.njk': `x{% block a %}${f('article', 'base')}{% endblock %}y` },
  }),
  page('super() inside the body', `{% extends "base.njk" %}{% block a %}${f('other', '{{ super() }}')}{% endblock %}`, {
    with: { 'base.njk': `x{% block a %}${f('article', 'base')}{% endblock %}y` },
  }),
  page('local macro', `${macro}{{ card(comment) }}{{ card(comment, "?") }}{{ card(comment) }}`),
  page(
    'macro with positional and keyword arguments',
    `${macro}{% for c in comments %}{{ card(c, suffix=loop.index) }}{% endfor %}`,
  ),
  page('macro imported', '{% import "macros.njk" as m %}{{ m.card(comment) }}'),
  page('macro imported by name', '{% from "macros.njk" import card as show %}{{ show(comment) }}'),
  page('macro imported with context', '{% import "macros.njk" as m with context %}{{ m.card(comment) }}'),
  page('macro called in the body', f('article', '{{ card(comment) }}').replace(/^/, macro)),
  page(
    'imported macro called in the body',
    `{% import "macros.njk" as m %}${f('article', '{% for c in comments %}{{ m.card(c) }}{% endfor %}')}`,
  ),
  page('import in the body', f('article', '{% import "macros.njk" as m %}{{ m.card(comment) }}')),
  page('import in for', '{% for c in comments %}{% import "macros.njk" as m %}{{ m.card(c) }}{% endfor %}'),
  page(
    'macros defined in the body call each other',
    f('article', '{% macro a(x) %}<{{ x }}>{% endmacro %}{% macro b(x) %}{{ a(x) }}!{% endmacro %}{{ b(1) }}'),
  ),
  page(
    'fragment inside a call block',
    `{% macro wrap() %}<div>{{ caller() }}</div>{% endmacro %}{% call wrap() %}${leaf}{% endcall %}`,
  ),
  page(
    'call block inside the body',
    `{% macro wrap() %}<div>{{ caller() }}</div>{% endmacro %}${f('article', '{% call wrap() %}{{ article.title }}{% endcall %}')}`,
  ),
  page('set before', `{% set n = 5 %}${f('article', '{{ n }}')}{{ n }}`),
  page('set inside', f('article', '{% set n = 5 %}{{ n }}{% set n = n + 1 %}{{ n }}')),
  page('set before and inside', `{% set n = 1 %}${f('article', '{{ n }}{% set n = 5 %}{{ n }}')}`),
  page(
    'set of a loop variable inside',
    `{% for c in comments %}${f('c', '{% set c = { title: article.title } %}{{ c.title }}')}{{ c.title }}{% endfor %}`,
  ),
  page(
    'set of a parameter inside',
    `{% macro m(c) %}${f('c', '{{ c.text }}{% set c = { title: article.title } %}{{ c.title }}')}{{ c.title }}{% endmacro %}{{ m(comment) }}`,
  ),
  page(
    'set in a loop inside',
    f('article', '{% set n = 1 %}{% for c in comments %}{% set n = n + 1 %}{% endfor %}{{ n }}'),
  ),
  page(
    'set used by a macro inside',
    `{% macro show() %}{{ n }}{% endmacro %}${f('article', '{% set n = 5 %}{{ show() }}')}`,
  ),
  page(
    'set used by an include inside',
    f('article', '{% set comment = { text: other.title } %}{% include "plain.njk" %}'),
  ),
  page('set in an include inside', f('article', '{% set n = 1 %}{% include "counts.njk" %}{{ n }}'), {
    with: { 'counts.njk': '{% for c in comments %}{% set n = n + 1 %}{% endfor %}' },
  }),
  page('block set around', `{% set box %}${leaf}{% endset %}<{{ box | safe }}>`),
  page(
    'block set inside',
    f('article', '{% set box %}<i>{{ article.title }}</i>{% endset %}{{ box }}{{ box | safe }}'),
  ),
  page(
    'fragment captured and printed in another',
    `{% set box %}${leaf}{% endset %}${f('article', '{{ box | safe }}')}`,
  ),
  page('filter block around', `{% filter upper %}${leaf}{% endfilter %}`),
  page('filter block inside', f('article', '{% filter upper %}{{ article.title }}{% endfilter %}')),
  page('filter that cuts', `{% filter truncate(9) %}${leaf}{% endfilter %}`),
  page('length of a captured fragment', `{% set box %}${leaf}{% endset %}{{ box | length }}`),
  page('raw inside', f('article', '{% raw %}{{ not }} {% a %}{% endraw %}')),
  page('comments inside', f('article', 'a{# no #}b')),
  page('asyncEach', `{% asyncEach comment in comments %}${leaf}{% endeach %}`),
  page('asyncAll', `{% asyncAll comment in comments %}${leaf}{% endall %}`),
  page('asyncAll with includes', '{% asyncAll comment in comments %}{% include "leaf.njk" %}{% endall %}'),
  page('async filter before', `{{ "x" | later }}${leaf}`),
  page('async filter after', `${leaf}{{ "x" | later }}`),
  page('async filter around', `{% for comment in comments %}{{ comment.text | later }}${leaf}{% endfor %}`),
  page('async filter in if', `{% if "x" | later %}${leaf}{% endif %}`),
  page(
    'async filter in a key',
    '{% cachesweeper article 500 ("x" | later) %}{{ ran() }}{{ article.title }}{% endcachesweeper %}',
  ),
  page('async loader', leaf, { loader: 'async' }),
  page('async loader, include of a fragment', '{% for comment in comments %}{% include "leaf.njk" %}{% endfor %}', {
    loader: 'async',
  }),
  page('async loader, include in the body', f('article', 'a{% include "plain.njk" %}b'), { loader: 'async' }),
  page(
    'async loader, fragments nested in includes',
    f('article', '{% for comment in comments %}{% include "leaf.njk" %}{% endfor %}'),
    { loader: 'async' },
  ),
  page('async loader, chosen at run time', f('article', 'a{% include chosen %}b'), { loader: 'async' }),
  page('async loader, macro', '{% import "macros.njk" as m %}{{ m.card(comment) }}', { loader: 'async' }),
  page('async loader, import in the body', f('article', '{% import "macros.njk" as m %}{{ m.card(comment) }}'), {
    loader: 'async',
  }),
  page('async loader, extends', `{% extends "base.njk" %}{% block a %}${leaf}{{ super() }}{% endblock %}`, {
    loader: 'async',
    with: { 'base.njk': `x{% block a %}${f('article', 'base')}{% endblock %}y` },
  }),
  page('escaping', f('article', '{{ html }}{{ html | safe }}{{ html | escape }}{{ "<i>" }}')),
  page(
    'escaping in a macro',
    `{% macro m(h) %}${f('article', '{{ html }}{{ html | safe }}')}{% endmacro %}{{ m(html) }}`,
  ),
  page('no autoescape', f('article', '{{ html }}{{ html | escape }}'), { options: { autoescape: false } }),
  page('no autoescape, captured', `{% set box %}${f('article', '{{ html }}')}{% endset %}{{ box }}{{ box | escape }}`, {
    options: { autoescape: false },
  }),
  page('throwOnUndefined', f('article', '{{ article.title }}{% set n = 1 %}{{ n }}'), {
    options: { throwOnUndefined: true },
  }),
  page(
    'other delimiters',
    '<% for c in comments %><% cachesweeper c 500 "k" %><$ ran() $><$ c.text $><# no #><% endcachesweeper %><% endfor %>',
    {
      options: {
        tags: OTHER_DELIMITERS,
      },
    },
  ),
  page(
    'white space control',
    'a  {%- cachesweeper article 500 -%}  {{ ran() }} b {{- article.title -}} c  {%- endcachesweeper -%}  d',
  ),
  page(
    'white space control on one side',
    'a  {% cachesweeper article 500 -%}  {{ ran() }} b  {% endcachesweeper %}  d',
  ),
  page('trimBlocks', 'a\n{% cachesweeper article 500 %}\n{{ ran() }}b\n{% endcachesweeper %}\nc', {
    options: { trimBlocks: true },
  }),
  page('lstripBlocks', 'a\n  {% cachesweeper article 500 %}\n  {{ ran() }}b\n  {% endcachesweeper %}\nc', {
    options: { lstripBlocks: true },
  }),
  page(
    'trimBlocks and lstripBlocks',
    'a\n  {% cachesweeper article 500 %}\n  {% if yes %}\n  {{ ran() }}b\n  {% endif %}\n  {% endcachesweeper %}\nc',
    { options: { trimBlocks: true, lstripBlocks: true } },
  ),
  page(
    'several lines of arguments',
    '{% cachesweeper\n  article\n  500\n  "a" "b"\n%}{{ ran() }}{{ article.title }}{% endcachesweeper %}',
  ),
  page('the same fragment twice', `${leaf}${leaf}{% include "leaf.njk" %}{% include "leaf.njk" %}`),
  page(
    'a list of models',
    '{% cachesweeper [article, comment] 500 %}{{ ran() }}{{ article.title }}{{ comment.text }}{% endcachesweeper %}',
  ),
  page('depends in the body', f('article', '{% depends comment, "sidebar" %}{{ article.title }}')),
  page('depends outside a body', '{% depends comment %}x'),
  ...holes(),
];

/** A part of the table, for what `npm test` has no time to try all of it with. */
export const some: readonly Construct[] = constructs.filter(({ slow }, i) => slow !== true && i % 12 === 0);
