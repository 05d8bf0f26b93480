import nunjucks from 'nunjucks';
import { CacheSweeper, CacheSweeperError } from 'nunjucks-cachesweeper';
import { describe, expect, test } from 'vitest';
import { ObjectLoader, type Templates } from '../support/loaders.ts';
import { Article, Comment } from '../support/models.ts';
import { failure, fragment, site } from './site.ts';

const f = fragment;
const context = () => ({ article: new Article(1), comment: new Comment(7), comments: [new Comment(8)], fails: true });

/** Templates that fail when they are rendered. */
const failing: Record<string, string | Templates> = {
  'a function that throws': `a\n${f('article', 'b\n {{ boom() }}')}`,
  'a function that throws a TypeError': `a\n${f('article', 'b\n {{ boomType() }}')}`,
  'a function that throws a string': `a\n${f('article', 'b\n {{ boomString() }}')}`,
  'a function that throws in set': `a\n${f('article', 'b\n {% set x = boom() %}')}`,
  'a filter that throws': `a\n${f('article', 'b\n {{ article | bad }}')}`,
  'a filter that throws behind a call': `a\n{{ range(3) }}${f('article', 'b\n {{ article | bad }}')}`,
  'an undefined function': `a\n${f('article', 'b\n {{ nope() }}')}`,
  'an undefined method': `a\n${f('article', 'b\n {{ article.nope.more() }}')}`,
  'an unknown filter': `a\n${f('article', 'b\n {{ article | nope }}')}`,
  'a missing include': `a\n${f('article', 'b\n {% include "nope.njk" %}')}`,
  'a missing include behind a call': `a\n${f('article', 'b\n {{ range(2) }}\n {% include "nope.njk" %}')}`,
  'a missing import': `a\n${f('article', 'b\n {% import "nope.njk" as x %}')}`,
  'a missing include of a macro': `a\n{% macro m() %}{% include "nope.njk" %}{% endmacro %}${f('article', 'b\n {{ m() }}')}`,
  'a missing include of an include': {
    'page.njk': `a\n${f('article', 'b\n{% include "i.njk" %}')}`,
    'i.njk': '\n{% include "nope.njk" %}',
  },
  'an include': { 'page.njk': `a\n${f('article', 'b\n{% include "i.njk" %}')}`, 'i.njk': 'x\n{{ boom() }}' },
  'an include with a syntax error': {
    'page.njk': `a\n${f('article', 'b\n{% include "i.njk" %}')}`,
    'i.njk': 'x\n{{ a b }}',
  },
  'an include of an include': {
    'page.njk': 'a\n{% include "h.njk" %}',
    'h.njk': f('article', 'b\n{% include "i.njk" %}'),
    'i.njk': 'x\n{{ boom() }}',
  },
  'a fragment in an include': {
    'page.njk': `a\n${f('article', 'b\n{% include "i.njk" %}')}`,
    'i.njk': `x\n${f('comment', '{{ boom() }}')}`,
  },
  'a macro': `a\n{% macro m() %}\n{{ boom() }}{% endmacro %}${f('article', 'b\n{{ m() }}')}`,
  'a fragment in a macro': `a\n{% macro m(a) %}\n${f('a', '\n {{ boom() }}')}{% endmacro %}\n{{ m(article) }}`,
  'an imported macro': {
    'page.njk': `a\n{% import "m.njk" as m %}${f('article', 'b\n {{ m.m() }}')}`,
    'm.njk': '\n{% macro m() %}\n{{ boom() }}{% endmacro %}',
  },
  'a fragment in an imported macro': {
    'page.njk': 'a\n{% import "m.njk" as m %}\n{{ m.m(article) }}',
    'm.njk': `\n{% macro m(a) %}\n${f('a', '\n {{ boom() }}')}{% endmacro %}`,
  },
  'a block': {
    'page.njk': `{% extends "b.njk" %}{% block x %}\n${f('article', 'b\n {{ boom() }}')}{% endblock %}`,
    'b.njk': '\n\n{% block x %}{% endblock %}',
  },
  'super()': {
    'page.njk': `{% extends "b.njk" %}{% block x %}\n${f('article', 'b\n {{ super() }}')}{% endblock %}`,
    'b.njk': '\n\n{% block x %}\n\n{{ boom() }}{% endblock %}',
  },
  'super() without a parent': `a\n${f('article', 'b\n {{ super() }}')}`,
  'a loop around': `a\n{% for c in comments %}${f('c', 'b\n {{ boom() }}')}{% endfor %}`,
  'a loop inside': `a\n${f('article', '{% for c in comments %}b\n {{ boom() }}{% endfor %}')}`,
  'a call block': `a\n{% macro w() %}{{ caller() }}{% endmacro %}${f('article', '{% call w() %}b\n {{ boom() }}{% endcall %}')}`,
  'a nested fragment': `a\n${f('article', `\n${f('comment', 'b\n {{ boom() }}')}`)}`,
  'the page behind a fragment': `a\n${f('article', 'b\n{{ range(2) }}')}\n {{ article | bad }}`,
  'an asynchronous filter that fails at once': `a\n${f('article', 'b')}\n{{ "x" | nowBad }}`,
  'an asynchronous filter that fails later': `a\n${f('article', 'b')}\n{{ "x" | laterBad }}`,
  'a syntax error in the body': `a\n${f('article', 'b\n {{ a b }}')}`,
  'a syntax error behind the fragment': `a\n${f('article', 'b')}\n{{ a b }}`,
  'an unknown tag in the body': `a\n${f('article', 'b\n {% nope %}')}`,
};

/** The same template with nothing where the tags were: everything else keeps its line and column. */
function withoutTags(templates: Templates): Templates {
  const blank = (source: string) =>
    source.replace(/\{% (end)?cachesweeper[\s\S]*?%\}/g, (tag) => tag.replace(/[^\n]/g, ' '));
  return Object.fromEntries(Object.entries(templates).map(([name, source]) => [name, blank(source)]));
}

function environment(templates: Templates, options: nunjucks.ConfigureOptions): nunjucks.Environment {
  const env = new nunjucks.Environment(new ObjectLoader(templates) as nunjucks.ILoader, options);
  env.addGlobal('boom', () => {
    throw new Error('kaboom');
  });
  env.addGlobal('boomType', () => {
    throw new TypeError('x is not a function');
  });
  env.addGlobal('boomString', () => {
    throw 'only text';
  });
  env.addFilter('bad', () => {
    throw new RangeError('bad filter');
  });
  env.addFilter('nowBad', (_value, done) => done(new Error('bad at once')), true);
  env.addFilter('laterBad', (_value, done) => setImmediate(done, new Error('bad later')), true);
  return env;
}

/** How often the callback was called, and the error's message. */
async function withCallback(env: nunjucks.Environment): Promise<{ calls: number; message: string }> {
  let calls = 0;
  const message = await new Promise<string>((resolve) => {
    env.render('page.njk', context(), (error, html) => {
      calls++;
      resolve(error === null ? `no error: ${html}` : (error as Error).message);
    });
  });
  for (let i = 0; i < 3; i++) await new Promise(setImmediate);
  return { calls, message };
}

function atOnce(env: nunjucks.Environment): string {
  try {
    return `no error: ${env.render('page.njk', context())}`;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Without a callback Nunjucks says some places twice: what counts is the innermost, and the error. */
const innermost = (message: string): string => message.slice(message.lastIndexOf('(', message.lastIndexOf('.njk)')));

const cases = Object.entries(failing).map(
  ([name, source]) => [name, typeof source === 'string' ? { 'page.njk': source } : source] as const,
);

describe.each([{ dev: false }, { dev: true }, { dev: false, throwOnUndefined: true }])(
  'an error, with %o',
  (options) => {
    test.each(cases)('has the same message as without the tag: %s', async (_what, templates) => {
      const plain = await withCallback(environment(withoutTags(templates), options));
      expect(plain.message).not.toContain('no error');
      const env = new CacheSweeper().install(environment(templates, options));
      expect(await withCallback(env)).toEqual({ calls: 1, message: plain.message });
    });

    // These two Nunjucks reports too late to be caught, where there is no callback.
    test.each(cases.filter(([what]) => !/later|include with a syntax error/.test(what)))(
      'has the same place without a callback: %s',
      (_what, templates) => {
        const plain = atOnce(environment(withoutTags(templates), options));
        const tagged = atOnce(new CacheSweeper().install(environment(templates, options)));
        expect(innermost(tagged)).toBe(innermost(plain));
      },
    );
  },
);

test.each(['{{ nope }}', '{{ article.nope }}', '{% macro m() %}{{ nope }}{% endmacro %}{{ m() }}'])(
  'with throwOnUndefined, %s fails in a body as without the tag',
  async (body) => {
    const templates = { 'page.njk': `a\n${f('article', `b\n ${body}`)}` };
    const options = { throwOnUndefined: true };
    const plain = await withCallback(environment(withoutTags(templates), options));
    expect(plain.message).toContain('attempted to output null or undefined value');
    expect(await withCallback(new CacheSweeper().install(environment(templates, options)))).toEqual(plain);
  },
);

describe('a page that failed', () => {
  const source = `${f('article', 'good')}${f('comment', 'a{{ check() }}b')}`;

  test.each(['with a callback', 'without'])('stores nothing, and the next render works: %s', async (how) => {
    const { env, sweeper, render, outcomes } = site(source);
    let fails = true;
    env.addGlobal('check', () => {
      if (fails) throw new Error('not now');
      return '!';
    });
    if (how === 'without') expect(() => env.render('page.njk', context())).toThrow('not now');
    else await failure(render(context()));
    expect(sweeper.stats().memory.entries).toBe(0);
    fails = false;
    expect(await render(context())).toBe('gooda!b');
    expect(outcomes()).toEqual(['miss', 'miss']);
    await render(context());
    expect(outcomes()).toEqual(['hit', 'hit']);
  });

  test('does not disturb the bodies around it when a component catches the error', async () => {
    const { env, sweeper, render } = site({
      'page.njk': f('article', '[{{ attempt() }}]{% depends comment %}{{ comment.text }}'),
      'part.njk': f('comment', 'x{{ boom() }}'),
    });
    env.addGlobal('boom', () => {
      throw new Error('kaboom');
    });
    env.addGlobal('attempt', function attempt(this: { ctx: object }) {
      try {
        return env.render('part.njk', this.ctx);
      } catch {
        return 'sorry';
      }
    });
    const page = context();
    expect(await render(page)).toBe('[sorry]Comment &amp; 7');
    page.comment.text = 'new';
    await sweeper.invalidateCacheFor(page.comment);
    expect(await render(page)).toBe('[sorry]new');
  });
});

describe('an error of ours', () => {
  const tag = (args: string, body = '') => `{% cachesweeper ${args} %}${body}{% endcachesweeper %}`;

  test.each([
    ['a bad ttl', 'CACHESWEEPER_BAD_TTL', tag('article "soon"')],
    ['no identity', 'CACHESWEEPER_NO_IDENTITY', tag('nobody 500')],
    ['a bad type', 'CACHESWEEPER_NO_IDENTITY', tag('article 500 type=1')],
    ['a bad key', 'CACHESWEEPER_BAD_KEY', tag('article 500 range')],
    ['a bad using', 'CACHESWEEPER_BAD_KEY', tag('article 500 using="nope"')],
    [
      'a bad dependency',
      'CACHESWEEPER_NO_IDENTITY',
      `{% if 1 %}${tag('article 500', '{% depends nobody %}')}{% endif %}`,
    ],
  ])('carries its code and place: %s', async (_what, code, source) => {
    const column = source.startsWith('{% if') ? 45 : 5;
    const place = `[Line 2, Column ${column}]`;
    const templates = { 'page.njk': `\n ${source}`, 'outer.njk': '\n\n{% include "page.njk" %}' };
    const error = await failure(site(templates).render(context()));
    expect(error).toBeInstanceOf(CacheSweeperError);
    expect(error).toMatchObject({ code, name: 'CacheSweeperError' });
    expect(error.message).toMatch(`(page.njk) ${place}\n  `);
    const around = await failure(site(templates).render(context(), 'outer.njk'));
    expect(around).toMatchObject({ code });
    expect(around.message).toContain(`(page.njk) ${place}\n  `);
    expect(() => site(templates).env.render('page.njk', context())).toThrow(expect.objectContaining({ code }));
  });
});
