import nunjucks from 'nunjucks';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import { describe, expect, test } from 'vitest';
import type { Templates } from '../support/loaders.ts';
import { Article, Comment } from '../support/models.ts';
import { type Compiled, precompile, precompiledSite } from './precompiled.ts';
import { failure, fragment, site } from './site.ts';
import { visitor } from './visitors.ts';

const f = fragment;

const card = `{% macro card(c) %}${f('c', '{{ c.text }}')}{% endmacro %}`;
const sites: Record<string, readonly [Templates, string]> = {
  plain: [{ 'page.njk': `a${f('article', '{{ article.title }}')}b` }, 'aArticle &lt;1&gt;b'],
  nested: [{ 'page.njk': f('article', `1${f('comment', '{{ comment.text }}')}2`) }, '1Comment &amp; 72'],
  include: [{ 'page.njk': f('article', '{% include "a.njk" %}'), 'a.njk': '{{ comment.text }}' }, 'Comment &amp; 7'],
  'include in a folder': [
    { 'page.njk': f('article', '{% include "./p/a.njk" %}'), 'p/a.njk': '{% include "./b.njk" %}', 'p/b.njk': 'B' },
    'B',
  ],
  extends: [
    {
      'page.njk': `{% extends "b.njk" %}{% block x %}${f('article', '{{ super() }}')}{% endblock %}`,
      'b.njk': `<{% block x %}${f('comment', 'base')}{% endblock %}>`,
    },
    '<base>',
  ],
  'local macro': [{ 'page.njk': `${card}{% for c in comments %}{{ card(c) }}{% endfor %}` }, 'c1c2'],
  'imported macro': [
    { 'page.njk': '{% import "m.njk" as m %}{% for c in comments %}{{ m.card(c) }}{% endfor %}', 'm.njk': card },
    'c1c2',
  ],
  'chosen at run time': [{ 'page.njk': f('article', '{% include chosen %}'), 'chosen.njk': 'C' }, 'C'],
  'chosen at run time, beginning with a text': [
    { 'page.njk': f('article', '{% include "chos" ~ "en.njk" %}{% include "chosen.njk" or x %}'), 'chosen.njk': 'C' },
    'CC',
  ],
  'chosen at run time, beginning with a text, outside': [
    { 'page.njk': `{% include "chos" ~ "en.njk" %}${f('article', 'a')}`, 'chosen.njk': 'C' },
    'Ca',
  ],
  'set in the body': [{ 'page.njk': `{% set n = 1 %}${f('article', '{% set n = 2 %}{{ n }}')}{{ n }}` }, '22'],
  captured: [{ 'page.njk': `{% set b %}${f('comment', 'x')}{% endset %}${f('article', '{{ b }}')}` }, 'x'],
  'quotes and lines': [{ 'page.njk': f('article', "\"'\\\n\u2028 {{ 'a' }}") }, '"\'\\\n\u2028 a'],
};

const context = () => ({ ...visitor('Ann', 1), comments: [new Comment(1, 'c1'), new Comment(2, 'c2')] });
const withoutTokens = (keys: readonly string[]) =>
  keys.map((key) => JSON.parse(key, (name, value) => (name === 'token' ? '' : value)));

describe('precompiled templates', () => {
  test.each(Object.entries(sites))(
    'give the same html cold, warm and after a bump: %s',
    async (_what, [templates, html]) => {
      const { render, outcomes, sweeper } = precompiledSite(precompile(templates));
      expect(await render(context())).toBe(html);
      expect(await render(context())).toBe(html);
      expect(new Set(outcomes())).toEqual(new Set(['hit']));
      await sweeper.invalidateAll();
      expect(await render(context())).toBe(html);
      expect(outcomes()).not.toContain('hit');
    },
  );

  test.each(Object.entries(sites))(
    'have the same keys when they are compiled again: %s',
    async (_what, [templates]) => {
      const keys = [];
      for (let i = 0; i < 2; i++) {
        const one = precompiledSite(precompile(templates));
        await one.render(context());
        keys.push(withoutTokens(one.keys));
      }
      expect(keys[0]?.length).toBeGreaterThan(0);
      expect(keys[0]).toEqual(keys[1]);
    },
  );

  test('have other keys when an include has changed', async () => {
    const digests = [];
    for (const text of ['1', '2']) {
      const one = precompiledSite(precompile({ 'page.njk': f('article', '{% include "a.njk" %}'), 'a.njk': text }));
      expect(await one.render(context())).toBe(text);
      digests.push(JSON.parse(one.keys[0] as string).digest);
    }
    expect(digests[0]).not.toBe(digests[1]);
  });

  test('identical files in two folders with different ./body.njk still differ', async () => {
    const page = f('article', '{% include "./body.njk" %}');
    const { render } = precompiledSite(
      precompile({ 'a/page.njk': page, 'b/page.njk': page, 'a/body.njk': 'A', 'b/body.njk': 'B' }),
    );
    for (const [name, html] of [
      ['a/page.njk', 'A'],
      ['b/page.njk', 'B'],
      ['a/page.njk', 'A'],
    ] as const) {
      expect(await render(context(), name)).toBe(html);
    }
  });

  test('hand their dependencies up: the innermost model invalidates the outermost fragment', async () => {
    const { render, sweeper } = precompiledSite(precompile(sites.nested?.[0] as Templates));
    const page = context() as unknown as { comment: Comment };
    await render(page);
    page.comment.text = 'new';
    await sweeper.invalidateCacheFor(page.comment);
    expect(await render(page)).toBe('1new2');
  });

  test('a megabyte of text with quotes is read in one walk', async () => {
    // What began anew at each quote would take minutes.
    const text = '<p class="x">"</p>\n'.repeat(50_000);
    const { render } = precompiledSite(precompile({ 'page.njk': `${text}${f('article', 'a')}` }));
    expect(await render(context())).toBe(`${text}a`);
  });

  test('one string precompiled by itself works', async () => {
    const env = new CacheSweeper().install(new nunjucks.Environment());
    const code = nunjucks.precompileString(f('article', '{{ article.id }}'), {
      name: 'page.njk',
      env,
      asFunction: false,
    } as never);
    const window: { nunjucksPrecompiled?: Compiled } = {};
    new Function('window', code)(window);
    const { render, outcomes } = precompiledSite(window.nunjucksPrecompiled as Compiled);
    expect(await render({ article: new Article(3) })).toBe('3');
    await render({ article: new Article(3) });
    expect(outcomes()).toEqual(['hit']);
  });

  test('code that was precompiled without the tag installed is not affected by it', async () => {
    const compiled = precompile({ 'page.njk': '{{ user.name }}' });
    const { render } = precompiledSite(compiled);
    expect(await render(visitor('Bob', 2))).toBe('Bob');
  });

  test('errors have the place they have otherwise', async () => {
    const source = `\n${f('article', '\n {{ boom() }}')}`;
    const expected = await failure(site(source).render(context()));
    const actual = await failure(precompiledSite(precompile({ 'page.njk': source })).render(context()));
    expect(actual.message).toBe(expected.message);
    const bad = await failure(
      precompiledSite(precompile({ 'page.njk': '\n{% cachesweeper none 5 %}{% endcachesweeper %}' })).render({}),
    );
    expect(bad).toMatchObject({ code: 'CACHESWEEPER_NO_IDENTITY' });
    expect(bad.message).toContain('(page.njk) [Line 2, Column 4]');
  });
});

describe('a private name in a precompiled template', () => {
  const NAME = '{{ user.name }}';

  test.each([
    ['in the body', { 'page.njk': f('article', NAME) }],
    ['in an include', { 'page.njk': f('article', '{% include "a.njk" %}'), 'a.njk': NAME }],
  ])('is refused by the precompiler: %s', (_where, templates) => {
    expect(() => precompile(templates as unknown as Templates)).toThrow('uses user.name');
  });

  test.each([
    ['a relative include', { 'p/page.njk': f('article', '{% include "./a.njk" %}'), 'p/a.njk': NAME }],
    [
      'a relative include, where the root has another file of the name',
      { 'p/page.njk': f('article', '{% include "./a.njk" %}'), 'p/a.njk': NAME, 'a.njk': 'x' },
    ],
    ['a template chosen at run time', { 'p/page.njk': f('article', '{% include chosen %}'), 'chosen.njk': NAME }],
    [
      'super() through a relative parent',
      {
        'p/page.njk': `{% extends "./b.njk" %}{% block x %}${f('article', '{{ super() }}')}{% endblock %}`,
        'p/b.njk': `{% block x %}${NAME}{% endblock %}`,
      },
    ],
    [
      'a macro of a relative include',
      {
        'p/page.njk': f('article', '{% include "./a.njk" %}'),
        'p/a.njk': `{% macro m() %}${NAME}{% endmacro %}{{ m() }}`,
      },
    ],
    [
      'a computed lookup in a relative include',
      { 'p/page.njk': f('article', '{% include "./a.njk" %}'), 'p/a.njk': '{{ names[user.id].first }}' },
    ],
  ])('shows nobody the html of another: %s', async (_where, templates) => {
    const html = async () => {
      const { render } = precompiledSite(precompile(templates as unknown as Templates));
      await render(visitor('Ann', 1), 'p/page.njk');
      return render(visitor('Bob', 2), 'p/page.njk');
    };
    expect(
      await html().catch((error) => {
        expect(error.message).toContain('the body of this fragment uses user');
        return 'refused';
      }),
    ).not.toContain('Ann');
  });
});
