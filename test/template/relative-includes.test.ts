import nunjucks from 'nunjucks';
import { describe, expect, test } from 'vitest';
import { folder } from './folders.ts';
import { failure, fragment, type Site, site } from './site.ts';
import { secondVisitorSees, visitor } from './visitors.ts';

const f = fragment;
const NAME = '{{ user.name }}';

function onDisk(templates: Record<string, string>): Site & { readonly root: string } {
  const root = folder(templates);
  return { root, ...site({}, { loader: new nunjucks.FileSystemLoader(root) as nunjucks.ILoader }) };
}

test('identical files in two folders that include different ./body.njk differ', async () => {
  const page = f('article', '{% include "./body.njk" %}');
  const { render } = onDisk({ 'a/page.njk': page, 'b/page.njk': page, 'a/body.njk': 'A', 'b/body.njk': 'B' });
  const names = ['a/page.njk', 'b/page.njk', 'a/page.njk', 'b/page.njk'];
  const htmls = [];
  for (const name of names) htmls.push(await render(visitor('Ann', 1), name));
  expect(htmls).toEqual(['A', 'B', 'A', 'B']);
});

test.each([
  ['imports', '{% import "./body.njk" as m %}'],
  ['named imports', '{% from "./body.njk" import m as n %}{% set m = { m: n } %}'],
])('identical files with different relative %s differ', async (_how, statement) => {
  const page = `${statement}${f('article', '{{ m.m() }}')}`;
  const body = (text: string) => `{% macro m() %}${text}{% endmacro %}`;
  const { render } = onDisk({
    'a/page.njk': page,
    'b/page.njk': page,
    'a/body.njk': body('A'),
    'b/body.njk': body('B'),
  });
  expect(await render(visitor('Ann', 1), 'a/page.njk')).toBe('A');
  expect(await render(visitor('Ann', 1), 'b/page.njk')).toBe('B');
});

test('identical files with the same name in two search paths differ by what they include', async () => {
  const page = f('article', '{% include "body.njk" %}');
  const [one, two] = [folder({ 'page.njk': page, 'body.njk': '1' }), folder({ 'page.njk': page, 'body.njk': '2' })];
  const { sweeper, render } = site({}, { loader: new nunjucks.FileSystemLoader(one) as nunjucks.ILoader });
  const other = sweeper.install(new nunjucks.Environment(new nunjucks.FileSystemLoader(two) as nunjucks.ILoader));
  expect(await render(visitor('Ann', 1))).toBe('1');
  expect(await sweeper.render(other, 'page.njk', visitor('Ann', 1))).toBe('2');
});

describe('a private name in a relative include', () => {
  const page = f('article', '{% include "./body.njk" %}');

  test.each([
    ['in a folder', { 'p/page.njk': page, 'p/body.njk': NAME }],
    [
      'in a folder, where the root has another file of the name',
      { 'p/page.njk': page, 'p/body.njk': NAME, 'body.njk': 'x' },
    ],
    [
      'of an include',
      {
        'p/page.njk': f('article', '{% include "../q/a.njk" %}'),
        'q/a.njk': '{% include "./b.njk" %}',
        'q/b.njk': NAME,
      },
    ],
    ['of the parent template', { 'p/page.njk': '{% extends "l/base.njk" %}', 'l/base.njk': page, 'l/body.njk': NAME }],
    [
      'of the parent template, where the root has another file of the name',
      { 'p/page.njk': '{% extends "l/base.njk" %}', 'l/base.njk': page, 'l/body.njk': NAME, 'body.njk': 'x' },
    ],
    ['of an included template', { 'p/page.njk': '{% include "l/leaf.njk" %}', 'l/leaf.njk': page, 'l/body.njk': NAME }],
    [
      'of an imported macro',
      {
        'p/page.njk': '{% from "l/m.njk" import m with context %}{{ m(article) }}',
        'l/m.njk': `{% macro m(article) %}${page}{% endmacro %}`,
        'l/body.njk': NAME,
      },
    ],
  ] as const)('is refused: %s', async (_how, templates) => {
    const { render } = onDisk(templates);
    expect(await failure(render(visitor('Ann', 1), 'p/page.njk'))).toMatchObject({ code: 'CACHESWEEPER_PRIVATE_NAME' });
  });

  test('and with private: [] each visitor sees his own', async () => {
    const loader = new nunjucks.FileSystemLoader(folder({ 'page.njk': page, 'body.njk': NAME })) as nunjucks.ILoader;
    expect(await secondVisitorSees('', { loader, sweeper: { private: [] } })).toBe('Bob');
  });

  test('is found although the template was compiled eagerly', async () => {
    const { env, render } = onDisk({ 'p/page.njk': page, 'p/body.njk': NAME, 'body.njk': 'x' });
    const html = async (name: string, id: number) => {
      try {
        env.getTemplate('p/page.njk', true);
        return await render(visitor(name, id), 'p/page.njk');
      } catch (error) {
        expect((error as Error).message).toContain('user.name');
        return 'refused';
      }
    };
    await html('Ann', 1);
    expect(await html('Bob', 2)).not.toBe('Ann');
  });
});

test('keys are the same for the same site in another folder', async () => {
  const templates = {
    'page.njk': `{% extends "layouts/base.njk" %}{% block x %}${f('article', '{% include "./parts/a.njk" %}{{ super() }}')}{% endblock %}`,
    'parts/a.njk': '{% include "./b.njk" %}{% cachesweeper comment 500 %}{% include chosen %}{% endcachesweeper %}',
    'parts/b.njk': 'B',
    'chosen.njk': 'C',
    'layouts/base.njk': '{% block x %}{% endblock %}',
  };
  const keys = await Promise.all(
    [0, 1].map(async () => {
      const one = onDisk(templates);
      expect(await one.render(visitor('Ann', 1))).toBe('BC');
      const found = one.keys.map((key) => ({ ...JSON.parse(key), models: [] }));
      expect(JSON.stringify(found)).not.toContain(one.root);
      return found;
    }),
  );
  expect(keys[0]).toHaveLength(2);
  expect(keys[0]).toEqual(keys[1]);
});
