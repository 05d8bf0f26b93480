import nunjucks from 'nunjucks';
import { describe, expect, test } from 'vitest';
import type { Templates } from '../support/loaders.ts';
import { ObjectLoader } from '../support/loaders.ts';
import { sized } from '../support/long.ts';
import { folder, watching, write } from './folders.ts';
import { failure, fragment, site } from './site.ts';
import { visitor } from './visitors.ts';

const f = fragment;
const macro = (text: string) => `{% macro m() %}${text}{% endmacro %}`;

/** A site, the file that is edited, and its text before and after: the page shows 1, then 2. */
const edits: Record<string, readonly [Templates, string, string]> = {
  'the template itself': [{ 'page.njk': f('article', '1') }, 'page.njk', f('article', '2')],
  'an include': [{ 'page.njk': f('article', '{% include "a.njk" %}'), 'a.njk': '1' }, 'a.njk', '2'],
  'an include of an include': [
    { 'page.njk': f('article', '{% include "a.njk" %}'), 'a.njk': '{% include "b.njk" %}', 'b.njk': '1' },
    'b.njk',
    '2',
  ],
  'a relative include in a folder': [
    { 'page.njk': f('article', '{% include "p/a.njk" %}'), 'p/a.njk': '{% include "./b.njk" %}', 'p/b.njk': '1' },
    'p/b.njk',
    '2',
  ],
  'an import': [
    { 'page.njk': `{% import "a.njk" as a %}${f('article', '{{ a.m() }}')}`, 'a.njk': macro('1') },
    'a.njk',
    macro('2'),
  ],
  'an import by name': [
    { 'page.njk': `{% from "a.njk" import m %}${f('article', '{{ m() }}')}`, 'a.njk': macro('1') },
    'a.njk',
    macro('2'),
  ],
  'an import of an import': [
    {
      'page.njk': `{% import "a.njk" as a %}${f('article', '{{ a.m() }}')}`,
      'a.njk': '{% import "b.njk" as b %}{% macro m() %}{{ b.m() }}{% endmacro %}',
      'b.njk': macro('1'),
    },
    'b.njk',
    macro('2'),
  ],
  'the parent': [
    {
      'page.njk': `{% extends "base.njk" %}{% block x %}${f('article', '{{ super() }}')}{% endblock %}`,
      'base.njk': '{% block x %}1{% endblock %}',
    },
    'base.njk',
    '{% block x %}2{% endblock %}',
  ],
  "the parent's parent": [
    {
      'page.njk': `{% extends "a.njk" %}{% block x %}${f('article', '{{ super() }}')}{% endblock %}`,
      'a.njk': '{% extends "base.njk" %}',
      'base.njk': '{% block x %}1{% endblock %}',
    },
    'base.njk',
    '{% block x %}2{% endblock %}',
  ],
  'a parent chosen at run time': [
    {
      'page.njk': `{% extends layout %}{% block x %}${f('article', '{{ super() }}')}{% endblock %}`,
      'base.njk': '{% block x %}1{% endblock %}',
    },
    'base.njk',
    '{% block x %}2{% endblock %}',
  ],
  'a template chosen at run time': [
    { 'page.njk': f('article', '{% include chosen %}'), 'chosen.njk': '1' },
    'chosen.njk',
    '2',
  ],
  'an include of a template chosen at run time': [
    { 'page.njk': f('article', '{% include chosen %}'), 'chosen.njk': '{% include "a.njk" %}', 'a.njk': '1' },
    'a.njk',
    '2',
  ],
  'a template chosen at run time in a nested fragment': [
    { 'page.njk': f('article', f('comment', '{% include chosen %}')), 'chosen.njk': '1' },
    'chosen.njk',
    '2',
  ],
  'a template chosen at run time by an import in the body': [
    { 'page.njk': f('article', '{% import chosen as a %}{{ a.m() }}'), 'chosen.njk': macro('1') },
    'chosen.njk',
    macro('2'),
  ],
  'a template chosen at run time by an import before the body': [
    { 'page.njk': `{% import chosen as a %}${f('article', '{{ a.m() }}')}`, 'chosen.njk': macro('1') },
    'chosen.njk',
    macro('2'),
  ],
  'the fragment of an include': [
    { 'page.njk': f('article', '{% include "a.njk" %}'), 'a.njk': f('comment', '1') },
    'a.njk',
    f('comment', '2'),
  ],
  'macros that the template which includes this one imported': [
    {
      'page.njk': '{% import "a.njk" as a %}{% include "leaf.njk" %}',
      'leaf.njk': f('article', '{{ a.m() }}'),
      'a.njk': macro('1'),
    },
    'a.njk',
    macro('2'),
  ],
  'macros of the template which includes this one': [
    { 'page.njk': `${macro('1')}{% include "leaf.njk" %}`, 'leaf.njk': f('article', '{{ m() }}') },
    'page.njk',
    `${macro('2')}{% include "leaf.njk" %}`,
  ],
};

/** What nobody can tell the parts of is not stored, and so is fresh. */
const uncached: Record<string, string> = {
  'a parent chosen at run time': 'unknown template',
};

const cases = Object.entries(edits);

describe('editing a file', () => {
  test.each(cases)('is seen with noCache: %s', async (what, [templates, name, source]) => {
    const root = folder(templates);
    const { render, outcomes } = site({}, { loader: new nunjucks.FileSystemLoader(root, { noCache: true }) as never });
    expect(await render(visitor('Ann', 1))).toBe('1');
    expect(await render(visitor('Ann', 1))).toBe('1');
    expect(outcomes()).toEqual([uncached[what] ?? 'hit']);
    write(root, name, source);
    expect(await render(visitor('Ann', 1))).toBe('2');
    await render(visitor('Ann', 1));
    expect(outcomes()).toEqual([uncached[what] ?? 'hit']);
  });

  test.each(cases)('is seen with watch: %s', async (what, [templates, name, source]) => {
    const root = folder(templates);
    const { env, render, outcomes } = site({}, { loader: await watching(root) });
    expect(await render(visitor('Ann', 1))).toBe('1');
    await render(visitor('Ann', 1));
    expect(outcomes()).toEqual([uncached[what] ?? 'hit']);
    const updated = new Promise((resolve) => (env as unknown as NodeJS.EventEmitter).once('update', resolve));
    write(root, name, source);
    await updated;
    expect(await render(visitor('Ann', 1))).toBe('2');
    await render(visitor('Ann', 1));
    expect(outcomes()).toEqual([uncached[what] ?? 'hit']);
  });

  test('is seen when a template that was missing is there', async () => {
    const root = folder({
      'page.njk': f('article', '1{% include "a.njk" ignore missing %}{% include chosen ignore missing %}'),
    });
    const { render } = site({}, { loader: new nunjucks.FileSystemLoader(root, { noCache: true }) as never });
    expect(await render(visitor('Ann', 1))).toBe('1');
    write(root, 'a.njk', '2');
    expect(await render(visitor('Ann', 1))).toBe('12');
    write(root, 'chosen.njk', '3');
    expect(await render(visitor('Ann', 1))).toBe('123');
  });

  test.each(['noCache', 'watch'])('an include that now reads a private name is no leak, with %s', async (how) => {
    const root = folder({ 'page.njk': f('article', '{% include "a.njk" %}'), 'a.njk': 'x' });
    const noCache = new nunjucks.FileSystemLoader(root, { noCache: true }) as nunjucks.ILoader;
    const { env, render } = site({}, { loader: how === 'watch' ? await watching(root) : noCache });
    await render(visitor('Ann', 1));
    const updated = new Promise((resolve) => (env as unknown as NodeJS.EventEmitter).once('update', resolve));
    write(root, 'a.njk', '{{ user.name }}');
    if (how === 'watch') await updated;
    await render(visitor('Ann', 1)).catch(() => {});
    expect(await render(visitor('Bob', 2)).catch((error) => error.code)).toMatch(/Bob|PRIVATE_NAME/);
  });

  test('makes an outer fragment fresh as well, when the inner one was a hit as the outer was stored', async () => {
    const root = folder({
      'inner.njk': f('comment', '{% include chosen %}'),
      'page.njk': f('article', '{% include "inner.njk" %}'),
      'chosen.njk': '1',
    });
    const { render, outcomes } = site({}, { loader: new nunjucks.FileSystemLoader(root, { noCache: true }) as never });
    await render(visitor('Ann', 1), 'inner.njk');
    await render(visitor('Ann', 1));
    expect(outcomes()).toEqual(['hit', 'miss']);
    write(root, 'chosen.njk', '2');
    expect(await render(visitor('Ann', 1))).toBe('2');
  });
});

describe('the digest', () => {
  const templates = {
    'page.njk': `{% extends "base.njk" %}{% block x %}${f('article', '{% include "a.njk" %}{% include chosen %}')}{% endblock %}`,
    'a.njk': '{% include "b.njk" %}',
    'b.njk': 'B',
    'chosen.njk': 'C',
    'base.njk': '{% block x %}{% endblock %}',
  };

  test('is computed once per version: warm renders read no source', async () => {
    let reads = 0;
    class Counting extends ObjectLoader {
      override getSource(name: string) {
        reads++;
        return super.getSource(name);
      }
    }
    const { render, outcomes } = site({}, { loader: new Counting(templates) as never });
    await render(visitor('Ann', 1));
    await render(visitor('Ann', 1));
    expect(outcomes()).toEqual(['hit']);
    reads = 0;
    for (let i = 0; i < 5; i++) await render(visitor('Ann', 1));
    expect(reads).toBe(0);
  });

  test('is the same for the same text, and another for another text, with renderString', async () => {
    const { env, keys, outcomes } = site('');
    const render = (source: string, options: object) =>
      new Promise((resolve, reject) =>
        (env.renderString as (...args: unknown[]) => void)(
          source,
          visitor('Ann', 1),
          options,
          (error: unknown, html: string) => (error ? reject(error) : resolve(html)),
        ),
      );
    for (const options of [{}, { path: 'some/where.njk' }]) {
      expect(await render(f('article', '1'), options)).toBe('1');
      expect(await render(f('article', '2'), options)).toBe('2');
      expect(outcomes()).toEqual(['miss']);
      expect(await render(f('article', '1'), options)).toBe('1');
      expect(outcomes()).toEqual(['hit']);
    }
    expect(new Set(keys).size).toBe(4);
  });

  test('many rendered strings leave nothing behind but entries', async () => {
    const STRINGS = sized(1_000, 2_000, 2_000);
    const { env, sweeper } = site('', { sweeper: { memory: { maxBytes: 10_000 } } });
    for (let i = 0; i < STRINGS; i++) {
      const html = env.renderString(`{% cachesweeper "a" 500 %}${i}{% endcachesweeper %}`, {});
      if (html !== String(i)) throw new Error(`expected ${i}, got ${html}`);
    }
    expect(sweeper.stats().memory.bytes).toBeLessThanOrEqual(10_000);
    expect(sweeper.stats().tags.length).toBeLessThanOrEqual(STRINGS + 1);
  });

  test('is another in an environment that renders the same text in another way', async () => {
    const { sweeper, render } = site({ 'page.njk': f('article', '\n{{ html }}') }, { env: { autoescape: false } });
    const loader = new ObjectLoader({ 'page.njk': f('article', '\n{{ html }}') }) as nunjucks.ILoader;
    const context = { ...visitor('Ann', 1), html: '<script>' };
    expect(await render(context)).toBe('\n<script>');
    const escaping = sweeper.install(new nunjucks.Environment(loader, { autoescape: true }));
    expect(await sweeper.render(escaping, 'page.njk', context)).toBe('\n&lt;script&gt;');
    const trimming = sweeper.install(new nunjucks.Environment(loader, { autoescape: true, trimBlocks: true }));
    expect(await sweeper.render(trimming, 'page.njk', context)).toBe('&lt;script&gt;');
  });
});

test('a page whose include cannot be parsed says where, as without the tag', async () => {
  const templates = { 'page.njk': 'a\n{% include "i.njk" %}', 'i.njk': 'x\n{{ a b }}' };
  const plain = await failure(site(templates).render({}));
  const tagged = await failure(
    site({ ...templates, 'page.njk': `a\n${f('article', '{% include "i.njk" %}')}` }).render(visitor('Ann', 1)),
  );
  expect(tagged.message).toBe(plain.message);
});
