import { expect, test } from 'vitest';
import type { BakedTagSite } from '../../src/template/compile/tag-site.ts';
import type { Templates } from '../support/loaders.ts';
import { Article } from '../support/models.ts';
import { type Site, site } from './site.ts';

const M = '{% macro show(x) %}{{ x }}{% endmacro %}';
const tag = (body: string) => `{% cachesweeper article 500 %}${body}{% endcachesweeper %}`;

/** What the fragments of a page are given: the names that are JavaScript variables around them, and their values. */
async function handed(templates: string | Templates): Promise<Record<string, unknown>[]> {
  const one: Site = site(templates);
  const extension = one.env.getExtension('nunjucks-cachesweeper') as unknown as { run(...args: unknown[]): unknown };
  const given: Record<string, unknown>[] = [];
  const { run } = extension;
  extension.run = (...args) => {
    const values = args.at(-2) as readonly unknown[];
    const { handed: names } = JSON.parse(args[4] as string) as BakedTagSite;
    expect(values).toHaveLength(names.length);
    given.push(Object.fromEntries(names.map((name, i) => [name, values[i]])));
    return run.apply(extension, args);
  };
  await one.render({ article: new Article(1), rows: [1, 2], pairs: { a: 1 }, yes: true, no: [] });
  return given;
}

const macro = expect.any(Function);

test.each<[string, string | Templates, object[]]>([
  ['a loop variable', `{% for r in rows %}${tag('{{ r }}')}{% endfor %}`, [{ r: 1 }, { r: 2 }]],
  ['only those in the body', `{% for r in rows %}${tag('{{ x }}')}{% endfor %}`, [{}, {}]],
  ['a key and a value', `{% for k, v in pairs %}${tag('{{ k }}{{ v }}')}{% endfor %}`, [{ k: 'a', v: 1 }]],
  ['parts of a list', `{% for a, b, c in [[1, 2, 3]] %}${tag('{{ a + b + c }}')}{% endfor %}`, [{ a: 1, b: 2, c: 3 }]],
  [
    'loops around each other',
    `{% for r in rows %}{% for s in [5] %}${tag('{{ r + s }}')}{% endfor %}{% endfor %}`,
    [
      { r: 1, s: 5 },
      { r: 2, s: 5 },
    ],
  ],
  ['not of a loop that is over', `{% for r in rows %}{% endfor %}${tag('{{ r }}')}`, [{}]],
  [
    'a parameter',
    `{% macro m(p, article, k=2) %}${tag('{{ p }}{{ k }}')}{% endmacro %}{{ m(1, article) }}`,
    [{ p: 1 }],
  ],
  [
    'not what is around a macro',
    `{% for r in rows %}{% macro m(article) %}${tag('{{ r }}')}{% endmacro %}{% endfor %}{% for r in [1] %}{{ m(article) }}{% endfor %}`,
    [],
  ],
  [
    'a parameter of a call block',
    `{% macro m() %}{{ caller(7) }}{% endmacro %}{% call(p) m() %}${tag('{{ p }}')}{% endcall %}`,
    [{ p: 7 }],
  ],
  ['not what is set', `{% set s = 1 %}${tag('{{ s }}')}`, [{}]],
  ['a macro', `${M}${tag('{{ show(1) }}')}`, [{ show: macro }]],
  ['not a macro that stands behind', `${tag('{{ show }}')}${M}`, [{}]],
  [
    'an import',
    { 'page.njk': `{% import "m.njk" as m %}${tag('{{ m.show(1) }}')}`, 'm.njk': M },
    [{ m: { show: macro } }],
  ],
  [
    'a named import',
    { 'page.njk': `{% from "m.njk" import show as s %}${tag('{{ s(1) }}')}`, 'm.njk': M },
    [{ s: macro }],
  ],
  [
    'an import in the same condition',
    { 'page.njk': `{% if yes %}{% import "m.njk" as m %}${tag('{{ m.show(1) }}')}{% endif %}`, 'm.njk': M },
    [{ m: { show: macro } }],
  ],
  [
    'not an import in another condition',
    {
      'page.njk': `{% if yes %}{% import "m.njk" as m %}{% endif %}${tag('{% import "m.njk" as m %}{{ m.show(1) }}')}`,
      'm.njk': M,
    },
    [{}],
  ],
  ['a macro in a condition', `{% if yes %}${M}{% endif %}${tag('{{ show(1) }}')}`, [{ show: macro }]],
  ['not a macro of a captured block', `{% set b %}${M}{% endset %}${tag('{% set show = 1 %}{{ show }}')}`, [{}]],
  [
    'not what another body imports',
    { 'page.njk': tag('{% import "m.njk" as m %}{{ m.show(1) }}').repeat(2), 'm.njk': M },
    [{}, {}],
  ],
  [
    'an import that another body hides',
    { 'page.njk': `{% import "m.njk" as m %}${tag('{% import "m.njk" as m %}')}${tag('{{ m.show(1) }}')}`, 'm.njk': M },
    [{ m: { show: macro } }, { m: { show: macro } }],
  ],
  ['not around a block', `{% import "page2.njk" as m %}{% block b %}${tag('{{ m }}')}{% endblock %}`, []],
  [
    'a loop variable in a nested body that sets it',
    `{% for r in [1] %}${tag(`{% set r = 9 %}${tag('{{ r }}')}`)}{% endfor %}`,
    [{ r: 1 }, { r: 9 }],
  ],
  [
    'a loop variable in the else of a loop',
    `{% for r in no %}{% else %}${tag('{{ r }}')}{% endfor %}`,
    [{ r: undefined }],
  ],
])('a tag is handed %s', async (_what, templates, expected) => {
  const given = await handed(templates).catch((error) => {
    if (expected.length > 0) throw error;
    return [];
  });
  expect(given).toEqual(expected);
});
