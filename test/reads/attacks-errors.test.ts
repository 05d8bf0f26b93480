import nunjucks from 'nunjucks';
import { describe, expect, test } from 'vitest';
import type { Templates } from '../support/loaders.ts';
import { Article } from '../support/models.ts';
import { F, kindsFor, Site, T } from './support.ts';

const kinds = kindsFor(import.meta.url);

/** A tag that shows `oops` when its body throws, a function that calls its caller likewise, and what throws. */
function boundaries(env: nunjucks.Environment): void {
  const guarded = (body: () => unknown) => {
    try {
      return new nunjucks.runtime.SafeString(String(body()));
    } catch {
      return 'oops';
    }
  };
  const boundary = {
    tags: ['boundary'],
    // biome-ignore lint/suspicious/noExplicitAny: Nunjucks' parser has no types
    parse(parser: any, nodes: any) {
      const { value } = parser.nextToken();
      parser.advanceAfterBlockEnd(value);
      const body = parser.parseUntilBlocks('endboundary');
      parser.advanceAfterBlockEnd();
      return new nodes.CallExtension(this, 'run', null, [body]);
    },
    run: (_context: unknown, body: () => unknown) => guarded(body),
  };
  env.addExtension('boundary', boundary as never);
  env.addGlobal('guarded', ({ caller }: { readonly caller: () => unknown }) => guarded(caller));
  env.addGlobal('boom', () => {
    throw new Error('boom');
  });
}

const B = (body: string): string => `{% boundary %}${body}{% endboundary %}`;
const boom = '{{ boom() if bad }}';
const macro = '{% macro m() %}[{{ v }}{{ w }}]{% endmacro %}';
const behind = '{% set v = 1 %}{{ m() }}{{ v }}{{ w }}{{ x }}{{ y }}';

describe.each(kinds)('an error in a body that an extension catches, in %s', (kind) => {
  const inABody: readonly (readonly [string, string | Templates])[] = [
    ['at the top', `${macro}${B(T(boom))}${behind}`],
    ['in a loop', `${macro}{% for x in [1, 2] %}${B(T(`{{ x }}${boom}`))}{% set y = x %}{{ y }}{% endfor %}${behind}`],
    ['in a loop of the body', `${macro}${B(T(`{% for x in [1] %}${boom}{% endfor %}`))}${behind}`],
    [
      'in two loops of the body',
      `${macro}${B(T(`{% for x in [1] %}{% for y in [1] %}${boom}{% endfor %}{% endfor %}`))}${behind}{% set w = 7 %}{{ m() }}`,
    ],
    [
      'in a fragment of the body',
      `${macro}${B(T(`{% for x in [1] %}${T(`{% set w = 5 %}${boom}`)}{% endfor %}`))}${behind}`,
    ],
    [
      'caught in the body',
      `${macro}${T(`{% set w = 1 %}${B(`{% for x in [1] %}${boom}{% endfor %}`)}{{ w }}`)}${behind}`,
    ],
    [
      'caught in a body, from a fragment in it',
      T(`${B(F('a', `{% set w = 1 %}${boom}`))}{{ w }}{% set v = 3 %}`) + macro + behind,
    ],
    [
      'in a macro that the body calls',
      `{% macro b() %}${boom}{% endmacro %}${macro}${B(T('{% set w = 2 %}{{ b() }}'))}${behind}`,
    ],
    [
      'in a macro around',
      `{% macro b() %}${B(T(`{% set w = 2 %}${boom}`))}{{ w }}{% set w = 3 %}{{ w }}{% endmacro %}{{ b() }}${macro}${behind}`,
    ],
    ['in a caller', `${macro}{% call guarded() %}${T(`{% set w = 2 %}${boom}`)}{% endcall %}${behind}`],
    [
      'in an include',
      {
        'page.njk': `${macro}${B(T('{% set w = 2 %}{% include "i.njk" %}'))}${behind}`,
        'i.njk': `{% set w = 8 %}${boom}`,
      },
    ],
    [
      'in a block',
      {
        'page.njk': `{% extends "b.njk" %}{% block q %}${B(T(`{% set w = 2 %}${boom}`))}{{ w }}{% endblock %}`,
        'b.njk': '{% block q %}{% endblock %}{{ w }}',
      },
    ],
    [
      'behind what the body sets',
      `${macro}${B(T(`{% set w = 2 %}{% set x = "<b>" %}${boom}{% set y = 3 %}`))}${behind}`,
    ],
    ['behind a block that the body sets', `${macro}${B(T(`{% set w %}<b>{% endset %}${boom}`))}${behind}`],
    [
      'behind what the body sets in a loop',
      `${macro}{% for i in [1, 2] %}${B(T(`{% set w = i %}${boom}`))}{{ w }}{% endfor %}${behind}`,
    ],
    [
      'behind a loop variable that the body sets',
      `{% for x in [1, 2] %}${B(T(`{% set x = 5 %}${boom}`))}{{ x }}{% endfor %}{{ x }}`,
    ],
    [
      'behind what a module exports',
      {
        'page.njk': '{% import "m.njk" as n %}{{ n.w }}{{ n.v }}',
        'm.njk': `${B(T(`{% set w = 2 %}${'{{ boom() }}'}{% set v = 3 %}`)).replaceAll('cachesweeper a ', 'cachesweeper known ')}`,
      },
    ],
    [
      'in a body with a macro',
      `${B(T(`{% macro own() %}o{% endmacro %}{% set w = 2 %}{{ own() }}${boom}`))}${macro}${behind}`,
    ],
  ]; // prettier-ignore

  test.each(inABody)('leaves the page as Nunjucks alone does: %s', async (_where, source) => {
    const known = new Article(2);
    const site = new Site(source, kind, {
      helpers: (env) => {
        boundaries(env);
        env.addGlobal('known', known);
      },
    });
    for (const bad of [true, false, true, true, false]) await site.show(() => ({ a: new Article(1), bad }));
  });

  test('what is there without an error is cached', async () => {
    const site = new Site(`${macro}${B(T(`{% set w = 2 %}${boom}`))}${behind}`, kind, { helpers: boundaries });
    for (const bad of [true, false, true, false]) await site.show(() => ({ a: new Article(1), bad }));
    expect(site.outcomes).toEqual(['hit']);
  });
});
