import { type Kind, MODELS, type Scope } from './scope.ts';
import { NOTHING, pick, type Seed } from './seeds.ts';

type Expression = (seed: Seed, scope: Scope) => string | undefined;

/** What is shown of a model, a row, or another object. */
const FIELDS: Readonly<Partial<Record<Kind, readonly string[]>>> = {
  article: [
    '.title',
    '.text',
    '.n',
    '.id',
    '.headline',
    '.byline()',
    '["title"]',
    '.tags | join("-")',
    '.tags[0]',
    '.meta.size',
    '.author.name',
    '.author.rank',
    '.comments | length',
    '.comments[0].text',
    '.comments[0]',
    '.comments',
    '.comments[0].author.name',
    '.liked',
    '.title | upper',
    '.title.replace("a", "o")',
  ],
  comment: ['', '.text', '.score', '.id', '.author.name', '.author.rank', '.shout', '.text | upper', '.liked'],
  author: ['.name', '.rank', '.motto()', '.name.length', '["name"]', '.shelf.a'],
  topic: ['.label', '.n', '.loud()', '.label | lower'],
  row: ['.text', '.n', '.meta.a', '.text | upper'],
  plain: ['.text', '.n', '.meta.a', '.id', '["text"]'],
  date: ['', '.toISOString()', '.getTime()'],
  hidden: ['.label', '.describe()'],
  url: ['', '.pathname', '.searchParams.get("q")', '.href'],
  badge: ['', '.label', '.shout', '.describe()', '.describe(lang)', '.meta.x', '.level', '.id'],
};

const kid = (seed: Seed, at: number): Seed => seed.kids[at] ?? { ...NOTHING, kind: seed.b, a: seed.a, b: seed.b >> 2 };
/** A text, number, or the like, for a place in which any may stand. */
const some = (seed: Seed, scope: Scope): string => `(${simple(seed, scope)})`;

function literal({ a }: Seed): string {
  return pick(['"a"', '1', 'true', 'none', '"<i>"', '0', '"de"', '1.5'], a);
}

function variable({ a }: Seed, scope: Scope): string {
  return scope.name(a, 'any', 'text', 'number') ?? '"v"';
}

function field({ a, b }: Seed, scope: Scope): string | undefined {
  const found = scope.pick(a, ...MODELS, 'plain', 'badge', 'date', 'hidden', 'url');
  return found && found.name + pick(FIELDS[found.kind] ?? [''], b);
}

function simple(seed: Seed, scope: Scope): string {
  return pick([literal, variable, field, variable, field], seed.kind)(seed, scope) ?? '"s"';
}

const text = (seed: Seed, scope: Scope): string => scope.name(seed.a, 'text') ?? '"text"';
const number = (seed: Seed, scope: Scope): string => scope.name(seed.a, 'number') ?? '3';
/** Only where the page's functions are. */
const onPage =
  (write: (seed: Seed, scope: Scope) => string): Expression =>
  (seed, scope) =>
    scope.place.hasPage ? write(seed, scope) : undefined;
const list = (seed: Seed, scope: Scope) => scope.name(seed.a, 'articles', 'comments', 'plains', 'rows', 'texts');
const FILTERS = [
  'upper',
  'default("-")',
  'default("-", true)',
  'safe',
  'escape',
  'default("", true) | string | truncate(4)',
];
const TESTS = ['defined', 'undefined', 'none', 'truthy', 'falsy', 'string', 'number', 'sameas(lang)', 'seenIn("de")'];

/** Every kind of expression: to add one is to add a function. */
const EXPRESSIONS: Readonly<Record<string, readonly [weight: number, write: Expression]>> = {
  literal: [1, literal],
  variable: [5, variable],
  field: [8, field],
  filter: [2, (s, scope) => `${some(kid(s, 0), scope)} | ${pick(FILTERS, s.a)}`],
  concat: [2, (s, scope) => `${some(kid(s, 0), scope)} ~ ${some(kid(s, 1), scope)}`],
  arithmetic: [1, (s, scope) => `${number(s, scope)} ${pick(['+', '*', '-', '%', '//', '**'], s.b)} 2`],
  compare: [
    1,
    (s, scope) => `${some(kid(s, 0), scope)} ${pick(['==', '!=', '===', '<', '>='], s.a)} ${some(kid(s, 1), scope)}`,
  ],
  identity: [
    2,
    (s, scope) => {
      const [one, two] = [scope.name(s.a, ...MODELS), scope.name(s.b, ...MODELS)];
      return one && two && `${one}${pick(['', '.author'], s.a >> 3)} ${pick(['==', '==='], s.b)} ${two}`;
    },
  ],
  logic: [1, (s, scope) => `${some(kid(s, 0), scope)} ${pick(['and', 'or'], s.a)} not ${some(kid(s, 1), scope)}`],
  'inline if': [
    2,
    (s, scope) => `${some(kid(s, 0), scope)} if ${some(kid(s, 1), scope)} else ${some(kid(s, 2), scope)}`,
  ],
  in: [
    2,
    (s, scope) => {
      const found = scope.name(s.a, 'comments');
      const comment = scope.name(s.b, 'comment');
      if (found && comment && s.b % 2 === 0) return `${comment} in ${found}`;
      return `${some(kid(s, 0), scope)} in ["de", 1, ${text(s, scope)}]`;
    },
  ],
  is: [2, (s, scope) => `${some(kid(s, 0), scope)} is ${pick(TESTS, s.a)}`],
  computed: [
    3,
    onPage((s, scope) =>
      pick(
        [
          'labels[lang].hello',
          'labels[lang]["bye"]',
          `dict[${text(s, scope)}]`,
          'labels.en.hello',
          `words[${number(s, scope)}]`,
          'rows[0][heading]',
          'article[field]',
          'labels[lang] | length',
          'pairs[1][1].text',
          'dict.a',
          'theme["colour"]',
          'commentMap.get("m0").text',
          'commentSet.has(comment)',
          'commentMap.size',
          'wordMap.get("a")',
          'commentSet.size',
        ],
        s.b,
      ),
    ),
  ],
  'text method': [
    1,
    (s, scope) => `${text(s, scope)}${pick(['.replace("e", "_")', '.toUpperCase()', '.slice(1)', '.length'], s.b)}`,
  ],
  'list method': [
    1,
    onPage((s) => pick(['words.slice(1)', 'words.join("+")', 'words.indexOf(lang)', 'rows.length'], s.b)),
  ],
  'list filter': [
    2,
    (s, scope) => {
      const found = list(s, scope);
      // Never how many properties a model has: what is decorated onto it changes that without a bump.
      return found && pick([`${found} | length`, `(${found} | first) is defined`, `${found} | reverse | length`], s.b);
    },
  ],
  'rows filter': [
    1,
    onPage((s) =>
      pick(
        [
          'rows | sum("n")',
          'rows | join(",", "text")',
          '(rows | sort(false, false, "text"))[0].text',
          'rows | dump',
          'dict | dump',
          '(rows | groupby("n")) | dump',
          'comments | join(",", "text")',
          '(comments | sort(true, false, "text"))[0].text',
          '(comments | first).text',
          '(articles | last).author.name',
          'rows | selectattr("on") | length',
          'words | sort | join',
        ],
        s.b,
      ),
    ),
  ],
  'a list itself': [1, onPage((s) => pick(['words', 'article.tags', '[lang, words]', '"" ~ words'], s.b))],
  'list literal': [1, (s, scope) => `[${some(kid(s, 0), scope)}, ${some(kid(s, 1), scope)}] | join("/")`],
  'dict literal': [
    1,
    (s, scope) => `{ k: ${some(kid(s, 0), scope)}, l: ${some(kid(s, 1), scope)} }${pick(['.k', '["l"]', '.k'], s.a)}`,
  ],
  'reads the context': [
    4,
    (s, scope) =>
      pick(
        [
          'langOf()',
          'numberOf()',
          `"x" | inLang`,
          `${some(kid(s, 0), scope)} is seenIn("de")`,
          `"hello" | lookedUp`,
          'everything()',
          'brandOf("brand")',
        ],
        s.b,
      ),
  ],
  'global function': [2, (s, scope) => `shared(${some(kid(s, 0), scope)})`],
  'global object': [1, (s) => pick(['site.name', 'site.year + 1', 'site.greet("you")'], s.a)],
  'function of the page': [
    2,
    onPage((s, scope) =>
      pick(
        [`helper(${some(kid(s, 0), scope)})`, 't("hello")', 'say("a")', 'format(2)', 'tools.twice("a")', 'here()'],
        s.b,
      ),
    ),
  ],
  'captured html': [
    4,
    (s, scope) => {
      const html = scope.name(s.a, 'html');
      return html && html + pick(['', ' | safe', ' | length', ' | upper', ' ~ "!"', ' | striptags', '.length'], s.b);
    },
  ],
  loop: [
    5,
    ({ b }, { place: { inLoop } }) =>
      inLoop ? `loop.${pick(['index', 'index0', 'first', 'last', 'length', 'revindex'], b)}` : undefined,
  ],
};

const TABLE = Object.values(EXPRESSIONS).flatMap(([weight, write]) => Array<Expression>(weight).fill(write));

/** Something that can be printed. */
export function expression(seed: Seed, scope: Scope): string {
  return pick(TABLE, seed.kind)(seed, scope) ?? simple(seed, scope);
}

/** Something that can be asked for; html that was captured often. */
export function condition(seed: Seed, scope: Scope): string {
  const html = scope.name(seed.a, 'html');
  if (html !== undefined && seed.b % 3 === 0) {
    return pick([`"a" in ${html}`, `${html} | length > 9`, html, `(${html} | striptags | length) is odd`], seed.b >> 2);
  }
  return pick([simple, expression, simple], seed.b)(seed, scope);
}

export function fieldOf(name: string, kind: Kind, by: number): string {
  return name + pick(FIELDS[kind] ?? [''], by);
}
