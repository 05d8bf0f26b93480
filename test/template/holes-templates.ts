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
  macros: ['h', 'mm.h'],
};
const TIDY: Names = {
  read: ['title', 'article.title', 'visit', 'bound', 'item', 'arg', 'more'],
  bound: ['bound', 'item'],
  boundInFragments: ['bound', 'item'],
  conditions: ['visit > 0', 'yes', 'title'],
  templates: ['i.njk', 'j.njk', 'e.njk'],
  macros: ['m', 'k', 'mm.k'],
};
/** Any name anywhere. All visitors take the same branches: what only some read through a macro in a hole is not always found. */
const WILD: Names = {
  read: ['title', 'chance', 'own', 'unset', 'bound', 'item', 'arg', 'more', 'id', 'here', 'loop.index'],
  bound: ['bound', 'item', 'chance', 'unset', 'id'],
  boundInFragments: ['bound', 'item', 'chance', 'unset', 'id'],
  conditions: ['yes', 'nothing', 'title'],
  templates: ['i.njk', 'j.njk', 'h.njk', 'e.njk'],
  macros: ['m', 'k', 'h', 'mm.k', 'mm.h'],
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
  const read = pick(names.read);
  const condition = pick(names.conditions);
  const printed = join('{{ ', read, ' }}');
  const leaves = [pick(['x', ' y ', '<b>']), printed];
  if (depth === 0) return fc.oneof(...leaves);
  const inner = pieces({ ...at, depth: depth - 1 });
  const own = pick(names.bound);
  // Nunjucks sets a variable from outside of a loop in the frame alone, and not among those of the page.
  const inLoop = pieces({ ...at, names: { ...names, bound: ['inLoop'] }, depth: depth - 1 });
  // Nunjucks itself cannot compile a case with an include.
  const inCase = pieces({ ...at, templates: [], depth: depth - 1 });
  const options: Text[] = [
    ...leaves,
    printed,
    join('{% for ', own, ' in ', pick(['names', '[1]', '["T", title]']), ' %}', inLoop, '{% endfor %}'),
    // Nunjucks itself does not show these names to what is included there.
    join(
      '{% for first, second in [["T", 1], [2, title]] %}',
      inLoop,
      '{{ first }}{% uncached id=second %}{{ id }}{% enduncached %}{% endfor %}',
    ),
    join('{% set ', own, ' = ', value(at), ' | default("d") %}'),
    join('{% set ', own, ' %}', inner, '{% endset %}'),
    join('{{ ', read, pick([' | default("d")', ' is defined', ' == title', ' ~ "-"']), ' }}'),
    join('{{ ', read, ' if ', condition, ' else ', read, ' }}'),
    join(
      '{% switch ',
      condition,
      ' %}{% case "T" %}',
      inCase,
      '{% case true %}',
      inCase,
      '{% default %}',
      inCase,
      '{% endswitch %}',
    ),
    join('{% if ', condition, ' %}', inner, '{% else %}', inner, '{% endif %}'),
    join('{% filter ', pick(['upper', 'safe', 'length']), ' %}', inner, '{% endfilter %}'),
    fragment(at),
    fragment(at),
    hole(at),
    hole(at),
  ];
  if (templates.length > 0) {
    options.push(
      join('{% include "', pick(templates), '"', pick(['', ' ignore missing']), ' %}'),
      join('{{ component("', pick(templates), '", ', context(), ') }}'),
    );
  }
  if (macros.length > 0) {
    const call = join(pick(macros), '(', value(at), fc.oneof(fc.constant(''), join(', more=', value(at))), ')');
    options.push(
      join('{{ ', call, ' }}'),
      join('{{ ', call, pick([' | upper', ' | safe', ' | length', ' ~ "z"', ' | first']), ' }}'),
      join('{{ counted(', call, ') }}'),
      join('{% call ', call, ' %}', pieces({ ...called(at, []), depth: depth - 1 }), '{% endcall %}'),
      join('{% call(given) ', call, ' %}', pieces({ ...called(at, ['given']), depth: depth - 1 }), '{% endcall %}'),
    );
  }
  return fc.oneof(...options);
}

/** The block of a `{% call %}`, which the macro gives some values. */
function called(at: Place, given: readonly string[]): Place {
  const { names, holes } = at;
  const read = [...IN_CALL.read, ...given];
  if (names !== holes) {
    // A hole does not see the variables of the macro where they have no value, but others of these names.
    const inHole = holes.read.filter((name) => name !== 'arg' && name !== 'more');
    return { ...at, names: { ...names, ...IN_CALL, read }, holes: { ...holes, read: inHole } };
  }
  const both = { ...names, ...IN_CALL_IN_HOLE, read };
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
  const tag = pick([
    'article 500 when=article',
    'article 500 visit, when=article',
    'other 500 "k", when=other',
    'other 500 when=nothing',
  ]);
  const depends = pick(['', '', '{% depends other %}']);
  return join('{% cachesweeper ', tag, ' %}', depends, body, '{% endcachesweeper %}');
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
    join(
      `{% macro ${name}(arg, more="d") %}`,
      pieces(place),
      '{% if caller %}{{ caller(arg) }}{% endif %}{% endmacro %}',
    );
  const context = pick(['', ' with context']);
  const imports = join(
    '{% from "m.njk" import k, h',
    context,
    ' %}{% import "m.njk" as mm',
    context,
    ' %}',
    pick(['', '', '{% set bound = "b" %}']),
  );
  const imported = ['k', 'h', 'mm.k', 'mm.h'];
  return fc.record({
    'h.njk': pieces({ ...at(2, [], []), names: holes }),
    'j.njk': pieces(at(2, ['h.njk'], [])),
    'n.njk': macro('k', at(2, ['j.njk', 'h.njk'], [])),
    'm.njk': join(
      join('{% import "n.njk" as mm', context, ' %}'),
      macro('h', { ...at(2, ['h.njk'], []), names: holes }),
      macro('k', at(2, ['j.njk', 'h.njk'], ['h', 'mm.k'])),
    ),
    'l.njk': join(pieces(at(1, ['h.njk'], [])), '{% block main %}', pieces(at(1, [], [])), '{% endblock %}'),
    'e.njk': join(
      '{% extends "l.njk" %}',
      imports,
      '{% block main %}',
      pieces(at(2, ['h.njk'], imported)),
      '{% endblock %}',
    ),
    'i.njk': join(imports, pieces(at(2, ['j.njk', 'h.njk', 'e.njk'], imported))),
    'p.njk': join(
      imports,
      macro('m', at(2, ['i.njk', 'j.njk', 'h.njk'], imported)),
      pick(['', '{% set chance = own %}']),
      fragment(at(4, ['i.njk', 'j.njk', 'h.njk', 'e.njk'], ['m', ...imported])),
      pieces(at(4, ['i.njk', 'j.njk', 'h.njk', 'e.njk'], ['m', ...imported])),
    ),
  });
}

/** Templates in which each hole reads only what is there on a hit. */
export const tidySites = (): fc.Arbitrary<Templates> => site(TIDY, TIDY_HOLE);
/** Templates in which some holes read what a body binds, too. */
export const wildSites = (): fc.Arbitrary<Templates> => site(WILD, WILD_HOLE);
