import type { Templates } from '../../support/loaders.ts';
import { condition, expression, fieldOf } from './expressions.ts';
import { type Kind, LEVELS, MODELS, PAGE, type Place, Scope, STRANGE, type Variable } from './scope.ts';
import { NOTHING, pick, type Seed } from './seeds.ts';

/** What all templates of a page are made from. */
export interface Sources {
  readonly page: readonly Seed[];
  readonly parts: readonly (readonly Seed[])[];
  readonly leaves: readonly (readonly Seed[])[];
  readonly library: readonly Seed[];
  readonly contextLibrary: readonly Seed[];
  readonly component: readonly Seed[];
  /** With it the page extends a template. */
  readonly base: readonly Seed[] | undefined;
}

export interface Written {
  readonly templates: Templates;
  /** The constructs that are in them. */
  readonly used: ReadonlySet<string>;
}

/** A construct at a place; undefined where it cannot stand. */
type Construct = (w: Writer, seed: Seed, scope: Scope) => string | undefined;

const print = (inside: string): string => `{{ ${inside} }}`;
const only = (name: string, kind: Kind): Variable => ({ name, kind });
/** Nothing is there but the parameters, and what the template has at its top. */
const IN_MACRO = { inMacro: true, inLoop: false, hasParent: false, isTop: false } as const;
const CAPTURED = { hasParent: false, isTop: false } as const;
const kid = (seed: Seed, at: number): Seed => seed.kids[at] ?? { ...NOTHING, kind: seed.a, a: seed.b, b: seed.a >> 1 };

/** Loops: what is looped over, the loop's variables, and what must be there. */
const LOOPS: readonly (readonly [head: string, kinds: readonly Variable[], needs?: string])[] = [
  ['article in articles', [only('article', 'article')]],
  ['c in comments', [only('c', 'comment')]],
  ['comment in comments', [only('comment', 'comment')]],
  ['r in rows', [only('r', 'plain')]],
  ['r in trows', [only('r', 'row')]],
  ['a in authors', [only('a', 'author')]],
  ['c in article.comments', [only('c', 'comment')]],
  ['k, c in pairs', [only('k', 'any'), only('c', 'comment')]],
  ['k, v in dict', [only('k', 'text'), only('v', 'any')]],
  ['k, c in commentMap', [only('k', 'text'), only('c', 'comment')]],
  ['c in commentSet', [only('c', 'comment')]],
  ['k, v in wordMap', [only('k', 'text'), only('v', 'any')]],
  ['ch in lang', [only('ch', 'text')]],
  ['i in range(number)', [only('i', 'number')]],
  ['w in words', [only('w', 'text')]],
  ['c in comments | reverse', [only('c', 'comment')]],
  ['c in comments.slice(1)', [only('c', 'comment')]],
  ['c in [comment, comment]', [only('c', 'comment')]],
  ['article in [article, other, article]', [only('article', 'article')]],
  ['r in rows | sort(false, false, "text")', [only('r', 'plain')]],
  ['tag in article.tags', [only('tag', 'text')]],
  ['k, v in labels[lang]', [only('k', 'text'), only('v', 'any')]],
  ['k, v in article.meta', [only('k', 'text'), only('v', 'any')]],
  ['x in mood', [only('x', 'any')]],
  ['c in loop', [only('c', 'any')]],
];

function fragment(w: Writer, s: Seed, scope: Scope): string | undefined {
  const model = scope.pick(s.a, ...MODELS);
  if (model === undefined) return undefined;
  const isRow = model.kind === 'row';
  const second = scope.name(s.b, 'comment', 'author', 'topic');
  const operands = [model.name, model.name, model.name, model.name, `[${model.name}, ${second}]`, '"Comment"'];
  const operand = isRow || second === undefined ? model.name : pick(operands, s.b);
  const key = w.keys ? pick(['', ' "k"', ' lang', ' number', ` ${model.name}.id`, ' "a" "b"'], s.b >> 2) : '';
  const using = w.keys && operand === model.name && s.b % 17 === 3 ? ' using="id"' : '';
  const when = s.b % 41 === 7 ? ' when=flag' : '';
  const ttl = pick(['500', '500', '0', '"10m"', '60'], s.a >> 3);
  const [open, close] = pick(
    [
      ['', ''],
      ['', ''],
      ['', ''],
      ['-', ''],
      ['', '-'],
      ['-', '-'],
    ] as const,
    s.a >> 4,
  );
  const inside = scope.inner({ inBody: true });
  const shown = `<b>${print(fieldOf(model.name, model.kind, s.a >> 2))}${print(expression(kid(s, 0), inside))}</b>`;
  const args = `${operand} ${ttl}${key}${isRow ? ' type="Row"' : ''}${using}${when}`;
  const body = `${w.space(s.b)}${shown}${w.all(s.kids, inside)}`;
  return `{%${open} cachesweeper ${args} ${close}%}${body}{%${close} endcachesweeper ${open}%}`;
}

function loop(w: Writer, s: Seed, scope: Scope): string | undefined {
  const [head, variables] = pick(LOOPS, s.a);
  if (!scope.place.hasPage || (head === 'c in loop' && !scope.place.inLoop)) return undefined;
  const inside = scope.inner({ inLoop: true, isTop: false }, variables);
  const [first] = variables.filter(({ kind }) => (MODELS as readonly Kind[]).includes(kind));
  // A fragment of what is looped over is what loops are for.
  const own = first === undefined || s.b % 3 === 1 ? '' : (w.write('fragment', { ...s, a: 0 }, inside) ?? '');
  const rest = own === '' ? w.all(s.kids, inside) : print(expression(kid(s, 1), inside));
  const otherwise = s.b % 5 === 1 ? `{% else %}${print(expression(kid(s, 2), scope.inner()))}` : '';
  return `{% for ${head} %}${own}${rest}${otherwise}{% endfor %}`;
}

/** A call of a macro whose body is made from the kids; its parameters hold a model and a value. */
function macro(w: Writer, s: Seed, scope: Scope): string | undefined {
  const model = scope.pick(s.a, ...MODELS);
  if (model === undefined) return undefined;
  const name = w.name('m');
  const parameters = [only('x', model.kind), only('y', 'any')];
  const around = scope.place.hasPage ? PAGE : STRANGE;
  const inside = new Scope({ ...scope.place, ...IN_MACRO }, [...parameters, ...around]);
  const isWithDefault = s.b % 3 === 1;
  const head = `{% macro ${name}(x, y${isWithDefault ? '="d"' : ''}) %}${w.all(s.kids, inside)}{% endmacro %}`;
  const value = expression(kid(s, 0), scope);
  const second = scope.name(s.b, model.kind);
  return `${head}{{ ${name}(${model.name}, ${isWithDefault ? 'y=' : ''}(${value})) }}{{ ${name}(${second}) }}`;
}

function call(w: Writer, s: Seed, scope: Scope): string {
  const name = w.name('w');
  const shown = print(expression(kid(s, 1), new Scope({ ...scope.place, ...IN_MACRO }, [only('x', 'any')])));
  const inside = scope.inner(CAPTURED, [only('given', 'any')]);
  const head = `{% macro ${name}(x) %}<i>${shown}${print('caller(x)')}${print('x')}</i>{% endmacro %}`;
  return `${head}{% call(given) ${name}(${expression(kid(s, 0), scope)}) %}${w.all(s.kids, inside)}{% endcall %}`;
}

function library(_w: Writer, s: Seed, scope: Scope): string | undefined {
  const article = scope.name(s.a, 'article');
  if (article === undefined || scope.place.level >= LEVELS.library || scope.place.inCase) return undefined;
  const value = `(${expression(kid(s, 0), scope)})`;
  const alias = `lib${s.b % 3}`;
  return pick(
    [
      `{% import "lib.njk" as ${alias} %}{{ ${alias}.show(${article}, ${value}) }}`,
      `{% from "lib.njk" import show %}{{ show(${article}, ${value}) }}`,
      `{% from "lib.njk" import show as card, exported %}{{ card(${article}, y=${value}) }}{{ exported }}`,
      `{% import "lib.njk" as ${alias} %}{{ ${alias}.exported }}{{ ${alias}.plain(${value}) }}`,
      `{% import "lib.njk" as ${alias} %}{% call ${alias}.wrap(${value}) %}${print(expression(kid(s, 1), scope))}{% endcall %}`,
    ],
    s.b >> 1,
  );
}

function contextLibrary(_w: Writer, s: Seed, scope: Scope): string | undefined {
  const { hasPage, level, inCase } = scope.place;
  if (!hasPage || inCase || level >= LEVELS.contextLibrary) return undefined;
  const article = scope.name(s.a, 'article');
  const value = `(${expression(kid(s, 0), scope)})`;
  const late = scope.place.inBody ? '' : `{% set late = ${expression(kid(s, 1), scope)} %}`;
  return pick(
    [
      `{% import "ctxlib.njk" as cl with context %}${late}{{ cl.show(${article}, ${value}) }}`,
      `${late}{% import "ctxlib.njk" as cl with context %}{{ cl.show(${article}, ${value}) }}{{ cl.box }}`,
      `${late}{% from "ctxlib.njk" import show, box with context %}{{ show(${article}, ${value}) }}{{ box }}`,
    ],
    s.b,
  );
}

/** What a body reads of the page, each of another kind. */
const BODIES: readonly string[] = [
  '{% for r in rows %}{{ r.text }}{{ r.meta.a }}{% endfor %}',
  '{% for r in rows %}{{ r.n }}{% if r.on %}!{% endif %}{% endfor %}{{ rows[0].text }}',
  '{{ words }}',
  '{% for w in words %}{{ w }},{% endfor %}',
  '{% for k, v in dict %}{{ k }}={{ v }},{% endfor %}',
  '{{ dict | dump }}',
  '{{ rows | dump }}',
  '{% for k, v in wordMap %}{{ k }}={{ v }},{% endfor %}',
  '{{ mood is undefined }}{{ mood is none }}{{ mood }}',
  '{{ count is number }}{{ count }}',
  '{{ html }}',
  '{{ comments[0].text }}{{ comments[1].author.name }}',
  '{% for c in comments %}{{ c.text }}{{ c.author.rank }}{% endfor %}',
  '{% for c in comments %}{{ loop.index }}{{ c == comment }}{{ c.liked }}{% endfor %}',
  '{{ other.author.name }}{{ other.text }}{{ other.liked }}',
  '{{ article.author === other.author }}{{ article === other }}{{ comment === comments[0] }}',
  '{{ badge.shout }}{{ badge.meta.x }}',
  '{{ badge.describe(lang) }}',
  '{{ day }}{{ url }}',
  '{{ say("b") }}',
  '{{ helper(page) | length }}{{ page | dump }}',
  '{{ "x" | inLang }}{{ "hello" | lookedUp }}',
  '{{ langOf() }}{{ numberOf() }}{{ mood is seenIn("de") }}',
  '{% include which %}',
  '{% for r in trows %}{% cachesweeper r 500 type="Row" %}{{ r.text }}{{ r.meta.a }}{{ lang }}{% endcachesweeper %}{% endfor %}',
  '{% for c in comments %}{% cachesweeper c 500 %}{{ c.text }}{{ loop.index }}{{ number }}{% endcachesweeper %}{% endfor %}',
  '{% cachesweeper author 500 %}{{ author.name }}{{ theme.colour }}{% for r in rows %}{{ r.text }}{% endfor %}{% endcachesweeper %}',
  '{% set v = lang %}{% for w in words %}{% set v = v + w %}{% endfor %}{{ v }}',
];

function reader(w: Writer, s: Seed, scope: Scope): string | undefined {
  const model = scope.name(s.a, 'article', 'comment', 'topic', 'author');
  const { hasPage, inCase } = scope.place;
  if (model === undefined || !hasPage) return undefined;
  const bodies = BODIES.filter((body) => !body.includes('{% include') || (!inCase && scope.place.level < LEVELS.leaf));
  const body = pick(bodies, s.b) + (s.a % 3 === 0 ? pick(bodies, s.b >> 5) : '');
  const inside = scope.inner({ inBody: true });
  return `{% cachesweeper ${model} 500 %}${body}${w.all(s.kids.slice(0, 1), inside)}{% endcachesweeper %}`;
}

/** Macros from outside of a body that calls them: of the template, chosen by a variable of the page, or imported. */
function callOfMacro(w: Writer, s: Seed, scope: Scope): string | undefined {
  const { hasPage, inBody, inCase, level } = scope.place;
  const article = scope.name(s.a, 'article');
  if (article === undefined || !hasPage || inBody) return undefined;
  const body = (call: string): string => {
    const model = pick([article, article, 'author', 'topic'], s.a);
    return `{% cachesweeper ${model} 500 %}${call}${print(expression(kid(s, 1), scope.inner({ inBody: true })))}{% endcachesweeper %}`;
  };
  const args = `${article}, (${expression(kid(s, 0), scope)})`;
  const [one, two, chosen] = [w.name('m'), w.name('m'), w.name('v')];
  const inside = new Scope({ ...scope.place, ...IN_MACRO }, [only('x', 'article'), only('y', 'any'), ...PAGE]);
  const first = `{% macro ${one}(x, y) %}${w.all(s.kids.slice(0, 2), inside)}{{ x.title }}{{ y }}${pick(['{{ lang }}', '{{ number }}', '{% for r in rows %}{{ r.text }}{% endfor %}'], s.b)}{% endmacro %}`;
  // Two that read the same, told apart by nothing but their code.
  const either = [one, two]
    .map((name, i) => `{% macro ${name}(x, y) %}${i}{{ x.title }}{{ y }}{% endmacro %}`)
    .join('');
  const choice = `{% set ${chosen} = ${one} if ${pick(['flag', 'lang == "en"', 'number > 1'], s.b)} else ${two} %}`;
  const own = [`${first}${body(print(`${one}(${args})`))}`, `${either}${choice}${body(print(`${chosen}(${args})`))}`];
  if (inCase) return pick(own, s.b >> 2);
  const lib = `{% import "lib.njk" as lib9 %}${body(print(`lib9.show(${args})`))}`;
  const show = pick(['show', 'told'], s.b >> 4);
  const ctxlib = `{% import "ctxlib.njk" as cl9 with context %}${body(print(`cl9.${show}(${args})`))}`;
  return pick(
    [...own, ...own, ...(level < LEVELS.library ? [lib] : []), ...(level < LEVELS.contextLibrary ? [ctxlib] : [])],
    s.b >> 2,
  );
}

/** Variables that no loop of the generator binds anew. */
const IN_HOLES = PAGE.filter(({ name }) => !['article', 'comment', 'rows'].includes(name));

/** What a hole shows is of the page, or passed to it. */
function hole(w: Writer, s: Seed, scope: Scope): string {
  const name = w.name('p');
  const isPassing = s.b % 2 === 0;
  const passed = isPassing ? ` ${name}=("" ~ (${expression(kid(s, 0), scope)}))` : '';
  const place = { inBody: true, isTop: false, inLoop: false, hasParent: false };
  const inside = new Scope({ ...scope.place, ...place }, [
    ...(isPassing ? [only(name, 'text' as const)] : []),
    ...(scope.place.hasPage ? IN_HOLES : STRANGE),
  ]);
  const shown = print(expression(kid(s, 1), inside)) + (isPassing ? print(name) : '');
  return `{% uncached${passed} %}${shown}${w.all(s.kids, inside)}{% enduncached %}`;
}

/** Html of a fragment, in a variable. */
function captured(w: Writer, s: Seed, scope: Scope): readonly [set: string, name: string] {
  const name = w.name('box');
  const inside = scope.inner(CAPTURED);
  const html = w.write('fragment', s, inside) ?? w.all(s.kids, inside);
  return [`{% set ${name} %}${html}{% endset %}`, name];
}

/** Every construct of templates: to add one is to add a function. The first is what all shrink to. */
const CONSTRUCTS: Readonly<Record<string, readonly [weight: number, write: Construct]>> = {
  sequence: [1, (w, s, scope) => (s.kids.length > 0 ? w.all(s.kids, scope) : w.space(s.a))],
  print: [8, (_w, s, scope) => print(expression(s, scope))],
  fragment: [16, fragment],
  'a body that reads the page': [6, reader],
  'a macro from outside of the body': [4, callOfMacro],
  'fragment of a path': [
    2,
    (w, s, scope) => {
      const owner = scope.name(s.a, 'article', 'comment');
      if (owner === undefined) return undefined;
      const inside = scope.inner({ inBody: true });
      const shown = print(`${owner}.author.name`) + print(expression(kid(s, 0), inside));
      const tag = `{% cachesweeper ${owner}.author 500 %}${shown}${w.all(s.kids, inside)}{% endcachesweeper %}`;
      return `{% if ${owner}.author %}${tag}{% endif %}`;
    },
  ],
  depends: [
    1,
    (_w, s, scope) => {
      const model = scope.pick(s.a, ...MODELS);
      if (model === undefined) return undefined;
      return `{% depends ${pick([model.name, '"Comment"'], s.b)}${model.kind === 'row' && s.b % 2 === 0 ? ', type="Row"' : ''} %}`;
    },
  ],
  loop: [10, loop],
  'nested loops': [
    1,
    (w, s, scope) => {
      if (!scope.place.hasPage) return undefined;
      const inside = scope.inner({ inLoop: true, isTop: false }, [only('c', 'comment'), only('group', 'comments')]);
      return `{% for group in groups %}{{ loop.index }}{% for c in group %}${w.all(s.kids, inside)}{% endfor %}{% endfor %}`;
    },
  ],
  'loop that counts': [
    1,
    (w, s, scope) => {
      const list = scope.name(s.a, 'comments', 'articles', 'plains', 'texts');
      if (list === undefined) return undefined;
      const name = w.name('n');
      const inside = scope.inner({ inLoop: true, isTop: false });
      const rest = w.all(s.kids, inside);
      const text = `{% set ${name} = 0 %}{% for z in ${list} %}{% set ${name} = ${name} + loop.index %}${rest}{% endfor %}`;
      scope.add(only(name, 'number'));
      return text;
    },
  ],
  if: [
    4,
    (w, s, scope) => {
      const inside = scope.inner();
      const [one, two] = [condition(kid(s, 0), scope), condition(kid(s, 1), scope)];
      const rest = print(expression(kid(s, 2), inside));
      return `{% if ${one} %}${w.all(s.kids, inside)}{% elif ${two} %}${rest}{% else %}-${w.all(s.kids.slice(1), inside)}{% endif %}`;
    },
  ],
  'if not': [
    1,
    (w, s, scope) => `{% if not ${`(${condition(kid(s, 0), scope)})`} %}${w.all(s.kids, scope.inner())}{% endif %}`,
  ],
  switch: [
    2,
    (w, s, scope) => {
      const inside = scope.inner({ inCase: true });
      const cases = `{% case "de" %}${w.all(s.kids, inside)}{% case 2 %}${print(expression(kid(s, 1), inside))}`;
      return `{% switch ${pick(['lang', 'number', expression(kid(s, 0), scope)], s.b)} %}${cases}{% default %}d{% endswitch %}`;
    },
  ],
  set: [
    4,
    (w, s, scope) => {
      const name = w.name('v');
      const text = `{% set ${name} = ${expression(kid(s, 0), scope)} %}`;
      scope.add(only(name, 'any'));
      return text;
    },
  ],
  'set two': [
    1,
    (w, s, scope) => {
      const [one, two] = [w.name('v'), w.name('v')];
      const text = `{% set ${one}, ${two} = ${expression(kid(s, 0), scope)} %}`;
      scope.add(only(one, 'any'));
      scope.add(only(two, 'any'));
      return text;
    },
  ],
  alias: [
    2,
    (w, s, scope) => {
      const model = scope.pick(s.a, ...MODELS);
      if (model === undefined) return undefined;
      const name = w.name('o');
      scope.add(only(name, model.kind));
      return `{% set ${name} = ${pick([model.name, `[${model.name}][0]`, `{ a: ${model.name} }.a`], s.b)} %}`;
    },
  ],
  'a name rebound': [
    1,
    (_w, s, scope) => {
      const article = scope.name(s.a, 'article');
      if (article === undefined || scope.place.inBody || !scope.place.hasPage) return undefined;
      return `{% set article = ${pick(['other', article, 'articles[0] or article'], s.b)} %}`;
    },
  ],
  'a list of the template': [
    1,
    (w, s, scope) => {
      const comments = scope.name(s.a, 'comments');
      if (comments === undefined) return undefined;
      const name = w.name('l');
      scope.add(only(name, 'texts'));
      const value = pick(['c.text', 'loop.index', 'c.author.name', 'c.score'], s.b);
      return `{% set ${name} = [] %}{% for c in ${comments} %}{% if ${name}.push(${value}) %}{% endif %}{% endfor %}`;
    },
  ],
  'block set': [
    3,
    (w, s, scope) => {
      const [set, name] = captured(w, s, scope);
      scope.add(only(name, 'html'));
      return set;
    },
  ],
  'captured, then decided by': [
    2,
    (w, s, scope) => {
      const [set, box] = captured(w, s, scope);
      const name = w.name('v');
      scope.add(only(name, 'any'));
      const test = pick(
        [`"1" in ${box}`, `(${box} | length) is odd`, `${box} == "x"`, `(${box} | striptags)[3] == "a"`],
        s.b,
      );
      return pick(
        [
          `${set}{% if ${test} %}{% set ${name} = "yes" %}{% else %}{% set ${name} = "no" %}{% endif %}`,
          `${set}{% switch ${box} | length %}{% case 20 %}{% set ${name} = "20" %}{% default %}{% set ${name} = ${box} | length %}{% endswitch %}`,
          `${set}{% set ${name} = 0 %}{% for x in ${box} | string | list %}{% if x == "1" %}{% set ${name} = ${name} + 1 %}{% endif %}{% endfor %}`,
          `${set}{% set ${name} = "a" if ${test} else "b" %}`,
        ],
        s.a,
      );
    },
  ],
  'captured, then passed on': [
    3,
    (w, s, scope) => {
      const [set, box] = captured(w, s, scope);
      const name = w.name('v');
      if (s.b % 6 === 0) {
        const { hasPage } = scope.place;
        const parameters = [only('x', 'article'), only(name, 'html')];
        const article = scope.name(s.a, 'article');
        if (article === undefined) return undefined;
        const inside = new Scope({ ...scope.place, ...IN_MACRO }, [...parameters, ...(hasPage ? PAGE : STRANGE)]);
        const body = w.write('fragment', kid(s, 1), inside) ?? print(name);
        return `${set}{% macro m${name}(x, ${name}) %}${body}{% endmacro %}{{ m${name}(${article}, ${box}) }}`;
      }
      const rest = w.write('fragment', kid(s, 1), scope.inner({}, [only(name, 'html')])) ?? print(name);
      return (
        set +
        pick(
          [
            `{% set ${name} = ${box} %}${rest}`,
            `{% set ${name} = ["a", ${box}] | join %}${rest}`,
            `{% for ${name} in [${box}] %}${rest}{% endfor %}`,
            `{% for k, ${name} in { a: ${box} } %}${rest}{% endfor %}`,
            `{% set ${name} = { a: { b: ${box} } }.a.b %}${rest}`,
            `{% set ${name} = "so " ~ ${box} %}${rest}`,
            `{% set ${name} %}<u>{{ ${box} }}</u>{% endset %}${rest}`,
          ],
          s.b >> 3,
        )
      );
    },
  ],
  'filter block': [
    2,
    (w, s, scope) =>
      `{% filter ${pick(['upper', 'trim', 'replace("a", "o")', 'inLang', 'safe', 'indent(2)'], s.a)} %}${w.all(s.kids, scope.inner(CAPTURED))}{% endfilter %}`,
  ],
  macro: [5, macro],
  'macro that calls itself': [
    1,
    (w, s, scope) => {
      if (!scope.place.isTop) return undefined;
      const name = w.name('r');
      const inside = new Scope({ ...scope.place, ...IN_MACRO }, [
        only('n', 'number'),
        only('x', 'any'),
        ...(scope.place.hasPage ? PAGE : STRANGE),
      ]);
      const again = `{% if n > 0 %}{{ ${name}(n - 1, x) }}{% endif %}`;
      return `{% macro ${name}(n, x) %}${print(expression(kid(s, 1), inside))}${again}{% endmacro %}{{ ${name}(2, ${expression(kid(s, 0), scope)}) }}`;
    },
  ],
  call: [2, call],
  import: [3, library],
  'import with context': [3, contextLibrary],
  include: [
    4,
    (_w, s, { place: { level, hasPage, inCase } }) => {
      if (level >= LEVELS.leaf || !hasPage || inCase) return undefined;
      const parts = level === LEVELS.page ? ['"part0.njk"', '"part1.njk"'] : [];
      const leaves = ['"leaf0.njk"', '"leaf1.njk"', 'which', '"leaf" ~ (number % 2) ~ ".njk"', 'which'];
      const missing = s.b % 7 === 3 ? '{% include "missing.njk" ignore missing %}' : '';
      return `{% include ${pick([...leaves, ...parts, ...parts], s.a)} %}${missing}`;
    },
  ],
  'include in a loop': [
    2,
    (_w, s, { place: { level, hasPage, inCase } }) => {
      if (level >= LEVELS.leaf || !hasPage || inCase) return undefined;
      const name = pick(['which', '"leaf0.njk"', '"leaf" ~ (loop.index0 % 2) ~ ".njk"'], s.a);
      return `{% for ${pick(['comment in comments', 'article in articles', 'w in words'], s.b)} %}{% include ${name} %}{% endfor %}`;
    },
  ],
  hole: [5, hole],
  component: [
    3,
    (_w, s, scope) => {
      const article = scope.name(s.a, 'article');
      if (article === undefined || scope.place.level >= LEVELS.component) return undefined;
      const value = expression(kid(s, 0), scope);
      return print(`${pick(['component', 'inlined', 'component'], s.b)}("component.njk", ${article}, (${value}))`);
    },
  ],
  super: [4, (_w, _s, { place: { hasParent } }) => (hasParent ? '{{ super() }}' : undefined)],
  lazy: [
    3,
    (w, s, scope) => {
      if (!scope.place.hasPage) return undefined;
      const inside = scope.inner({ inLoop: true, isTop: false }, [only('c', 'comment')]);
      return pick(
        [
          `{% depends "Comment" %}{% for c in replies() %}${w.write('fragment', { ...s, a: 0 }, inside)}{% endfor %}`,
          `{% depends "Comment" %}{% for c in replies() %}${w.all(s.kids, inside)}{% endfor %}`,
          `{{ writerOf(${1 + (s.a % 2)}).name }}`,
          '{% depends "Comment" %}{{ replies() | length }}',
          '{% depends "Comment" %}{{ total() }}',
        ],
        s.b,
      );
    },
  ],
  'set in a body, read behind it': [
    0.2,
    (w, s, scope) => {
      const model = scope.name(s.a, 'article', 'comment');
      if (model === undefined || scope.place.inBody) return undefined;
      const name = w.name('v');
      const value = expression(kid(s, 0), scope.inner({ inBody: true }));
      scope.add(only(name, 'any'));
      return `{% cachesweeper ${model} 500 %}{% set ${name} = ${value} %}b{% endcachesweeper %}{{ ${name} }}`;
    },
  ],
  'what a visitor is called': [
    0.6,
    (w, _s, { place: { level, inBody, inMacro, hasPage } }) =>
      w.keys && level === LEVELS.page && hasPage && !inBody && !inMacro
        ? '{% cachesweeper article 500 user.id %}{{ article.title }} for {{ user.name }}{% endcachesweeper %}'
        : undefined,
  ],
  comment: [0.4, () => 'a {#- {{ no }} -#} b{# no #}'],
};

/** Constructs that are left out: WITHOUT="lazy;set in a body, read behind it". */
const without = new Set((process.env.WITHOUT ?? '').split(';'));
/** The unit of weights is a fifth: so rare a construct may be. */
const TABLE = Object.entries(CONSTRUCTS)
  .filter(([name]) => !without.has(name))
  .flatMap(([name, [weight]]) => Array<string>(Math.round(weight * 5)).fill(name));

export class Writer {
  readonly used = new Set<string>();
  /** Tags may have keys. */
  readonly keys: boolean;
  #names = 0;

  constructor(keys: boolean) {
    this.keys = keys;
  }

  name(prefix: string): string {
    return `${prefix}${this.#names++}`;
  }

  space(by: number): string {
    return pick(['', 't', '', '\n', ' \n  ', '', '<br>'], by);
  }

  write(name: string, seed: Seed, scope: Scope): string | undefined {
    const text = CONSTRUCTS[name]?.[1](this, seed, scope);
    if (text !== undefined) this.used.add(name);
    return text;
  }

  all(seeds: readonly Seed[], scope: Scope): string {
    return seeds.map((seed) => this.#one(seed, scope)).join('');
  }

  #one(seed: Seed, scope: Scope): string {
    const text = this.write(pick(TABLE, seed.kind), seed, scope) ?? this.all(seed.kids, scope);
    return seed.b % 11 === 5 ? text + this.space(seed.b) : text;
  }
}

const PLACE: Place = {
  level: LEVELS.page,
  hasPage: true,
  inBody: false,
  isTop: true,
  inCase: false,
  inMacro: false,
  inLoop: false,
  hasParent: false,
};

/** The templates of a page: `page.njk` and all it may use. */
export function write(sources: Sources, keys: boolean): Written {
  const w = new Writer(keys);
  const place = (more: Partial<Place> = {}): Scope => new Scope({ ...PLACE, ...more }, PAGE);
  const parameters = [only('x', 'article'), only('y', 'any')];
  /** A macro that is imported. */
  const show = (pieces: readonly Seed[], scope: Scope) =>
    `{% macro show(x, y="d") %}${w.all(pieces, scope)}{% endmacro %}`;
  const lib = new Scope({ ...PLACE, hasPage: false, level: LEVELS.library, ...IN_MACRO }, [...parameters, ...STRANGE]);
  const ctxlib = place({ level: LEVELS.contextLibrary });
  ctxlib.add(only('late', 'any'));
  const inCtxlib = ctxlib.inner(IN_MACRO, parameters);
  const [first = NOTHING, ...rest] = sources.contextLibrary;
  const component = new Scope({ ...PLACE, hasPage: false, level: LEVELS.component }, [
    only('article', 'article'),
    only('value', 'any'),
    ...STRANGE,
  ]);

  const templates: Templates = {};
  sources.parts.forEach((pieces, i) => {
    templates[`part${i}.njk`] = w.all(pieces, place({ level: LEVELS.part, inLoop: true }));
  });
  sources.leaves.forEach((pieces, i) => {
    templates[`leaf${i}.njk`] = w.all(pieces, place({ level: LEVELS.leaf, inLoop: true }));
  });
  templates['lib.njk'] =
    '{% set exported = "e" ~ lang %}{% macro plain(v) %}({{ v }}{{ lang }}){% endmacro %}' +
    `{% macro wrap(v) %}[{{ v }}{{ caller() }}]{% endmacro %}${show(sources.library, lib)}`;
  templates['ctxlib.njk'] =
    `{% macro told(x, y) %}{{ x.title }}{{ y }}{{ lang }}{{ number }}{% endmacro %}{% set box %}${w.all([first], ctxlib.inner(CAPTURED))}{% endset %}${show(rest, inCtxlib)}`;
  templates['component.njk'] = w.all(sources.component, component);
  const { base, page } = sources;
  if (base === undefined) {
    templates['page.njk'] = w.all(page, place());
  } else {
    const [sets, inMain, inSide] = [
      place(),
      place({ hasParent: true, isTop: false }),
      place({ hasParent: true, isTop: false }),
    ];
    const value = `{% set late = ${expression(page[0] ?? NOTHING, sets)} %}`;
    for (const scope of [inMain, inSide]) scope.add(only('late', 'any'));
    const cut = Math.ceil(page.length / 2);
    const main = `{% block main %}${w.all(page.slice(0, cut), inMain)}{% endblock %}`;
    const side = `{% block side %}${w.all(page.slice(cut), inSide)}{% endblock %}`;
    const [one = NOTHING, ...others] = base;
    templates['page.njk'] = `{% extends "base.njk" %}${value}${main}${cut < page.length ? side : ''}`;
    templates['base.njk'] =
      `<{% block main %}${w.all([one], place({ isTop: false }))}{% endblock %}|` +
      `${w.all(others, place())}{% block side %}side{{ lang }}{% endblock %}>`;
  }
  return { templates, used: w.used };
}
