import fc from 'fast-check';
import type { Templates } from '../support/loaders.ts';

/** What may stand in a part of a template. */
interface Names {
  readonly read: readonly string[];
  /** What `set`, loops and macros bind. */
  readonly bound: readonly string[];
  /** What a fragment binds there. */
  readonly boundInFragments: readonly string[];
  readonly conditions: readonly string[];
  readonly templates: readonly string[];
  readonly macros: readonly string[];
}

/** In a hole that reads nothing that a body binds. */
const TIDY_HOLE: Names = {
  read: ['own', 'csrfToken', 'user.name', 'visit', 'id', 'here'],
  bound: ['unread'],
  boundInFragments: ['unread'],
  conditions: ['visit > 0', 'yes'],
  templates: ['h.njk'],
  macros: ['h'],
};
const TIDY: Names = {
  read: ['title', 'article.title', 'visit', 'bound', 'item', 'arg'],
  bound: ['bound', 'item'],
  boundInFragments: ['bound', 'item'],
  conditions: ['visit > 0', 'yes'],
  templates: ['i.njk', 'j.njk'],
  macros: ['m', 'k'],
};
/** Any name anywhere. */
const WILD: Names = {
  read: ['title', 'chance', 'own', 'unset', 'bound', 'item', 'arg', 'id', 'here', 'loop.index'],
  bound: ['bound', 'item', 'chance', 'unset', 'id'],
  boundInFragments: ['bound', 'item', 'chance', 'unset', 'id'],
  conditions: ['visit > 0', 'yes', 'chance == "T"'],
  templates: ['i.njk', 'j.njk', 'h.njk'],
  macros: ['m', 'k', 'h'],
};
const WILD_HOLE: Names = { ...WILD, read: [...WILD.read, 'csrfToken', 'user.name'] };
/**
 * In the block of a `{% call %}`. It sees the variables of the macro as well where Nunjucks has compiled both into one
 * function, which a hole is not part of.
 */
const IN_CALL = { read: ['title', 'visit'], bound: ['unread'], conditions: ['yes'] };
/** The same in a hole: neither what it includes nor what stands in holes of its own may read them. */
const IN_CALL_IN_HOLE = { ...IN_CALL, templates: [] };
/** Names that a fragment must not read. */
const PRIVATE = ['csrfToken', 'user.name'];

/** Where a piece stands. */
interface Place {
  readonly names: Names;
  readonly holes: Names;
  readonly depth: number;
  /** Templates and macros that may be used from here, so that none uses itself. */
  readonly templates: readonly string[];
  readonly macros: readonly string[];
}

type Text = fc.Arbitrary<string>;

const pick = (list: readonly string[]): Text => fc.constantFrom(...list);
const join = (...parts: readonly (Text | string)[]): Text =>
  fc.tuple(...parts.map((part) => (typeof part === 'string' ? fc.constant(part) : part))).map((all) => all.join(''));

function value({ names }: Place): Text {
  return fc.oneof(pick(['"T"', '1', 'title', 'nothing', 'article.nothing', 'none']), pick(names.read));
}

function piece(at: Place): Text {
  const { names, depth } = at;
  const templates = at.templates.filter((name) => names.templates.includes(name));
  const macros = at.macros.filter((name) => names.macros.includes(name));
  const printed = join('{{ ', pick(names.read), ' }}');
  const leaves = [pick(['x', ' y ', '<b>']), printed];
  if (depth === 0) return fc.oneof(...leaves);
  const inner = pieces({ ...at, depth: depth - 1 });
  const own = pick(names.bound);
  // Nunjucks sets a variable from outside of a loop in the frame alone, and not among those of the page.
  const inLoop = pieces({ ...at, names: { ...names, bound: ['inLoop'] }, depth: depth - 1 });
  const options: Text[] = [
    ...leaves,
    printed,
    join('{% for ', own, ' in ', pick(['names', '[1]', '["T", title]']), ' %}', inLoop, '{% endfor %}'),
    join('{% for ', own, ', second in [["T", 1], [2, title]] %}', inLoop, '{{ second }}{% endfor %}'),
    join('{% set ', own, ' = ', value(at), ' | default("d") %}'),
    join('{% set ', own, ' %}', inner, '{% endset %}'),
    join('{% if ', pick(names.conditions), ' %}', inner, '{% else %}', inner, '{% endif %}'),
    join('{% filter ', pick(['upper', 'safe', 'length']), ' %}', inner, '{% endfilter %}'),
    fragment(at),
    fragment(at),
    hole(at),
    hole(at),
  ];
  if (templates.length > 0) {
    options.push(
      join('{% include "', pick(templates), '" %}'),
      join('{{ component("', pick(templates), '", ', context(), ') }}'),
    );
  }
  if (macros.length > 0) {
    const call = join(pick(macros), '(', value(at), ')');
    options.push(
      join('{{ ', call, ' }}'),
      join('{{ ', call, pick([' | upper', ' | safe', ' | length', ' ~ "z"', ' | first']), ' }}'),
      join('{{ counted(', call, ') }}'),
      join('{% call ', call, ' %}', pieces({ ...called(at), depth: depth - 1 }), '{% endcall %}'),
    );
  }
  return fc.oneof(...options);
}

/** The block of a `{% call %}`. */
function called(at: Place): Place {
  const { names, holes } = at;
  if (names !== holes) return { ...at, names: { ...names, ...IN_CALL } };
  const both = { ...names, ...IN_CALL_IN_HOLE };
  return { ...at, names: both, holes: both };
}

function context(): Text {
  return pick([
    '{ title: title, article: article, other: other, own: visit }',
    '{ article: article, other: other, names: names }',
  ]);
}

function fragment(at: Place): Text {
  const read = at.names.read.filter((name) => !PRIVATE.includes(name));
  const body = pieces({ ...at, names: { ...at.names, read, bound: at.names.boundInFragments }, depth: at.depth - 1 });
  const tag = pick(['article 500 when=article', 'article 500 visit, when=article', 'other 500 "k", when=other']);
  return join('{% cachesweeper ', tag, ' %}', body, '{% endcachesweeper %}');
}

function hole(at: Place): Text {
  const content = pieces({ ...at, names: at.holes, depth: at.depth - 1 });
  const passed = fc.oneof(fc.constant(''), join('id=', value(at)), join('id=', value(at), ', here=', value(at)));
  return join('{% uncached ', passed, ' %}', content, '{% enduncached %}');
}

function pieces(at: Place): Text {
  return fc.array(piece(at), { minLength: 1, maxLength: 3 }).map((all) => all.join(''));
}

function site(names: Names, holes: Names): fc.Arbitrary<Templates> {
  const at = (depth: number, templates: readonly string[], macros: readonly string[]): Place => ({
    names,
    holes,
    depth,
    templates,
    macros,
  });
  const macro = (name: string, place: Place): Text =>
    join(`{% macro ${name}(arg) %}`, pieces(place), '{% if caller %}{{ caller() }}{% endif %}{% endmacro %}');
  const imports = pick([
    '{% from "m.njk" import k, h %}',
    '{% from "m.njk" import k, h with context %}',
    '{% from "m.njk" import k, h with context %}{% set bound = "b" %}',
  ]);
  return fc.record({
    'h.njk': pieces({ ...at(2, [], []), names: holes }),
    'j.njk': pieces(at(2, ['h.njk'], [])),
    'm.njk': join(macro('h', { ...at(2, ['h.njk'], []), names: holes }), macro('k', at(2, ['j.njk', 'h.njk'], ['h']))),
    'i.njk': join(imports, pieces(at(2, ['j.njk', 'h.njk'], ['k', 'h']))),
    'p.njk': join(
      imports,
      macro('m', at(2, ['i.njk', 'j.njk', 'h.njk'], ['k', 'h'])),
      pick(['', '{% set chance = own %}']),
      fragment(at(4, ['i.njk', 'j.njk', 'h.njk'], ['m', 'k', 'h'])),
      pieces(at(4, ['i.njk', 'j.njk', 'h.njk'], ['m', 'k', 'h'])),
    ),
  });
}

/** Templates in which each hole reads only what is there on a hit. */
export const tidySites = (): fc.Arbitrary<Templates> => site(TIDY, TIDY_HOLE);
/** Templates in which some holes read what a body binds, too. */
export const wildSites = (): fc.Arbitrary<Templates> => site(WILD, WILD_HOLE);
