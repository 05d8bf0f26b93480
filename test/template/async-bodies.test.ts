import nunjucks from 'nunjucks';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AsyncObjectLoader, type Templates } from '../support/loaders.ts';
import { Article, Comment } from '../support/models.ts';
import { failure, fragment, type Site, type SiteOptions, site } from './site.ts';

const f = fragment;
const LATER = '{{ "x" | later }}';
const context = () => ({
  article: new Article(1),
  comment: new Comment(7),
  comments: [1, 2].map((id) => new Comment(id, `c&${id}`)),
  chosen: 'i.njk',
});

/** A tag that prints S some time later. */
class SlowTag {
  readonly tags = ['slow'];
  // biome-ignore lint/suspicious/noExplicitAny: Nunjucks' parser is not typed
  parse(parser: any, nodes: any): unknown {
    parser.advanceAfterBlockEnd(parser.nextToken().value);
    const args = new nodes.NodeList(0, 0, [new nodes.Literal(0, 0, 'S')]);
    return new nodes.CallExtensionAsync(this, 'run', args, []);
  }
  run(_context: unknown, text: string, done: (error: null, html: unknown) => void): void {
    setImmediate(() => done(null, new nunjucks.runtime.SafeString(text)));
  }
}

function slowSite(source: string | Templates, options?: SiteOptions): Site {
  const made = site(source, options);
  made.env.addFilter('later', (value, done) => setImmediate(() => done(null, value)), true);
  made.env.addFilter('atOnce', (value, done) => done(null, value), true);
  made.env.addExtension('slow', new SlowTag() as never);
  return made;
}

// An error in a callback that fires when its page is long done would end the process of a web server.
const uncaught: unknown[] = [];
const remember = (error: unknown) => uncaught.push(error);
beforeAll(() => {
  process.on('uncaughtException', remember);
});
afterAll(() => {
  process.off('uncaughtException', remember);
});

const settled = async () => {
  for (let i = 0; i < 5; i++) await new Promise(setImmediate);
};

const macro = (body: string) => `{% macro m() %}1${body}2{% endmacro %}`;
const bodies: Record<string, readonly [string | Templates, string]> = {
  'a filter': [f('article', `a${LATER}b`), 'axb'],
  'a filter that answers at once': [f('article', 'a{{ "x" | atOnce }}b'), 'axb'],
  'a filter in a condition': [f('article', 'a{% if "x" | later %}y{% endif %}b'), 'ayb'],
  'a filter in the content of a condition': [f('article', `a{% if 1 %}${LATER}{% endif %}b`), 'axb'],
  'a filter in a loop': [f('article', `a{% for c in comments %}${LATER}{% endfor %}b`), 'axxb'],
  'a filter in set': [f('article', 'a{% set x = "x" | later %}{{ x }}b'), 'axb'],
  'a filter in block set': [f('article', `a{% set x %}${LATER}{% endset %}{{ x }}b`), 'axb'],
  'a filter in an argument': [f('article', 'a{{ ("x" | later) | upper | lower }}b'), 'axb'],
  'a filter in a nested fragment': [f('article', `a${f('comment', LATER)}b`), 'axb'],
  'a filter in the key of a nested fragment': [
    f('article', 'a{% cachesweeper comment 500 ("x" | later) %}y{% endcachesweeper %}b'),
    'ayb',
  ],
  'a filter in a macro': [macro(LATER) + f('article', 'a{{ m() }}b'), 'a1x2b'],
  'a filter in an imported macro': [
    { 'page.njk': `{% import "i.njk" as i %}${f('article', 'a{{ i.m() }}b')}`, 'i.njk': macro(LATER) },
    'a1x2b',
  ],
  'a filter in a call block': [
    `{% macro w() %}{{ caller() }}{% endmacro %}${f('article', `a{% call w() %}${LATER}{% endcall %}b`)}`,
    'axb',
  ],
  'a filter in an include': [{ 'page.njk': f('article', 'a{% include "i.njk" %}b'), 'i.njk': LATER }, 'axb'],
  'a filter in an include in a condition': [
    { 'page.njk': f('article', 'a{% if 1 %}{% include "i.njk" %}{% endif %}b'), 'i.njk': LATER },
    'axb',
  ],
  'a filter in an include in a loop': [
    { 'page.njk': f('article', 'a{% for c in comments %}{% include "i.njk" %}{% endfor %}b'), 'i.njk': LATER },
    'axxb',
  ],
  'a filter in a template chosen at run time': [
    { 'page.njk': f('article', 'a{% include chosen %}b'), 'i.njk': LATER },
    'axb',
  ],
  'a filter in super()': [
    {
      'page.njk': `{% extends "i.njk" %}{% block x %}${f('article', 'a{{ super() }}b')}{% endblock %}`,
      'i.njk': `{% block x %}${LATER}{% endblock %}`,
    },
    'axb',
  ],
  asyncEach: [f('article', 'a{% asyncEach c in comments %}{{ c.text }}{% endeach %}b'), 'ac&amp;1c&amp;2b'],
  asyncAll: [f('article', 'a{% asyncAll c in comments %}{{ c.text }}{% endall %}b'), 'ac&amp;1c&amp;2b'],
  'asyncEach with a filter': [f('article', 'a{% asyncEach c in comments %}{{ c.id | later }}{% endeach %}b'), 'a12b'],
  'asyncAll with a filter': [f('article', 'a{% asyncAll c in comments %}{{ c.id | later }}{% endall %}b'), 'a12b'],
  'asyncEach in a macro': [
    macro('{% asyncEach c in [3, 4] %}{{ c }}{% endeach %}') + f('article', 'a{{ m() }}b'),
    'a1342b',
  ],
  'asyncEach with a filter in a macro': [
    macro('{% asyncEach c in [3, 4] %}{{ c | later }}{% endeach %}') + f('article', 'a{{ m() }}b'),
    'a1342b',
  ],
  'asyncAll with a filter in a macro': [
    macro('{% asyncAll c in [3, 4] %}{{ c | later }}{% endall %}') + f('article', 'a{{ m() }}b'),
    'a1342b',
  ],
  'a tag': [f('article', 'a{% slow %}b'), 'aSb'],
  'a tag in a condition': [f('article', 'a{% if 1 %}{% slow %}{% endif %}b'), 'aSb'],
  'a tag in a loop': [f('article', 'a{% for c in comments %}{% slow %}{% endfor %}b'), 'aSSb'],
  'a tag in a macro': [macro('{% slow %}') + f('article', 'a{{ m() }}b'), 'a1S2b'],
  'a tag in an imported macro': [
    { 'page.njk': `{% import "i.njk" as i %}${f('article', 'a{{ i.m() }}b')}`, 'i.njk': macro('{% slow %}') },
    'a1S2b',
  ],
  'a tag in block set': [f('article', 'a{% set x %}{% slow %}{% endset %}{{ x }}b'), 'aSb'],
  'a tag in an include': [{ 'page.njk': f('article', 'a{% include "i.njk" %}b'), 'i.njk': '{% slow %}' }, 'aSb'],
  'a tag in an include in a condition': [
    { 'page.njk': f('article', 'a{% if 1 %}{% include "i.njk" %}{% endif %}b'), 'i.njk': '{% slow %}' },
    'aSb',
  ],
  'a tag in an include in a loop': [
    { 'page.njk': f('article', 'a{% for c in comments %}{% include "i.njk" %}{% endfor %}b'), 'i.njk': '{% slow %}' },
    'aSSb',
  ],
  'a tag in an include in a macro': [
    { 'page.njk': macro('{% include "i.njk" %}') + f('article', 'a{{ m() }}b'), 'i.njk': '{% slow %}' },
    'a1S2b',
  ],
  'a tag in super()': [
    {
      'page.njk': `{% extends "i.njk" %}{% block x %}${f('article', 'a{{ super() }}b')}{% endblock %}`,
      'i.njk': '{% block x %}{% slow %}{% endblock %}',
    },
    'aSb',
  ],
};

describe('an asynchronous body', () => {
  test.each(Object.entries(bodies))(
    'is right or a clear error, and ends no process: %s',
    async (_what, [source, html]) => {
      uncaught.length = 0;
      const { render, sweeper } = slowSite(source);
      for (let i = 0; i < 2; i++) {
        try {
          expect(await render(context())).toBe(html);
        } catch (error) {
          if ((error as Error).name === 'AssertionError') throw error;
          expect(error).toMatchObject({ code: 'CACHESWEEPER_ASYNC_BODY' });
          expect((error as Error).message).toMatch(/^\((page|i)\.njk\)/);
          expect((error as Error).message).not.toContain('NaN');
          expect((error as Error).message).toContain('do that part outside the fragment');
          expect(sweeper.stats().memory.entries).toBe(0);
        }
        await settled();
      }
      expect(uncaught).toEqual([]);
    },
  );

  test.each(['a filter', 'a filter in a macro', 'a filter in an include'])(
    'is an error without a callback too: %s',
    async (what) => {
      uncaught.length = 0;
      const { env } = slowSite((bodies[what] as [string, string])[0]);
      expect(() => env.render('page.njk', context())).toThrow(
        expect.objectContaining({ code: 'CACHESWEEPER_ASYNC_BODY' }),
      );
      await settled();
      expect(uncaught).toEqual([]);
    },
  );

  test('writes nothing to a store, whatever is asynchronous', async () => {
    for (const [what, [source, html]] of Object.entries(bodies)) {
      const store = new TestingStore();
      const { render, sweeper } = slowSite(source, { sweeper: { store } });
      for (let i = 0; i < 2; i++) {
        const outcome = await render(context()).catch((error: Error) => error);
        await sweeper.idle();
        if (outcome instanceof Error) expect(outcome, what).toMatchObject({ code: 'CACHESWEEPER_ASYNC_BODY' });
        else expect(outcome, what).toBe(html);
        const written = store.operations.filter(({ kind, method }) => kind === 'entry' && method !== 'getMany');
        if (outcome instanceof Error) expect(written, what).toEqual([]);
      }
      await sweeper.close();
    }
  });

  test.each([
    ['', 'a{% include "i.njk" %}b'],
    [' in a loop', 'a{% for c in comments %}{% include "i.njk" %}{% endfor %}b'],
    [' in a condition', 'a{% if 1 %}{% include "i.njk" %}{% endif %}b'],
    [' chosen at run time', 'a{% include chosen %}b'],
    [' that is not there', 'a{% include "nowhere.njk" %}b'],
  ])('that includes a template whose loader needs time%s is an error without a callback', async (_where, body) => {
    uncaught.length = 0;
    const { env, sweeper } = site({}, { loader: new AsyncObjectLoader({ 'i.njk': 'late' }) as never });
    expect(() => env.renderString(f('article', body), context())).toThrow(
      expect.objectContaining({ code: 'CACHESWEEPER_ASYNC_BODY' }),
    );
    await settled();
    expect(uncaught).toEqual([]);
    expect(sweeper.stats().memory.entries).toBe(0);
  });

  test('that hits, and chose a template that a loader reads each time, is an error without a callback', async () => {
    const loader = new AsyncObjectLoader({ 'i.njk': 'late' }, true);
    const { env } = site({}, { loader: loader as never });
    const source = f('article', 'a{% include chosen %}b');
    const render = () => new Promise((resolve) => env.renderString(source, context(), (_error, html) => resolve(html)));
    expect([await render(), await render()]).toEqual(['alateb', 'alateb']);
    expect(() => env.renderString(source, context())).toThrow(
      expect.objectContaining({ code: 'CACHESWEEPER_ASYNC_BODY' }),
    );
  });

  test('does not keep the next page from being rendered', async () => {
    const { render } = slowSite({
      'page.njk': f('article', LATER),
      'good.njk': `${LATER}${f('article', 'good')}${LATER}`,
    });
    const [bad, good] = await Promise.allSettled([render(context()), render(context(), 'good.njk')]);
    expect(bad.status).toBe('rejected');
    expect(good).toEqual({ status: 'fulfilled', value: 'xgoodx' });
  });
});

describe.each([false, true])('a loader that needs time, with noCache %s', (noCache) => {
  const templates = {
    'page.njk':
      '{% extends "base.njk" %}{% from "m.njk" import card %}{% block x %}{% for c in comments %}{{ card(c) }}{% endfor %}{% include "list.njk" %}{% endblock %}',
    'base.njk': '<{% block x %}{% endblock %}>',
    'm.njk': `{% macro card(c) %}${f('c', '{% include "body.njk" %}')}{% endmacro %}`,
    'body.njk': '[{{ c.text }}]',
    'list.njk': f('article', '{% for c in comments %}{% if 1 %}{% include chosen %}{% endif %}{% endfor %}'),
    'i.njk': '({{ c.id }})',
    'missing.njk': f('article', '{% include "nowhere.njk" %}'),
    'maybe.njk': f('article', 'a{% include "nowhere.njk" ignore missing %}b'),
    'broken.njk': f('article', '{% include "syntax.njk" %}'),
    'syntax.njk': '{{ a b }}',
    'throws.njk': f('article', '{% include "thrower.njk" %}'),
    'thrower.njk': '\n{{ boom() }}',
  };
  const slow = () => {
    const made = slowSite({}, { loader: new AsyncObjectLoader(templates, noCache) as never });
    made.env.addGlobal('boom', () => {
      throw new Error('kaboom');
    });
    return made;
  };

  test('gives the whole page, cold and warm', async () => {
    const { render, outcomes } = slow();
    const html = '<[c&amp;1][c&amp;2](1)(2)>';
    expect(await render(context())).toBe(html);
    expect(await render(context())).toBe(html);
    expect(outcomes()).toEqual(['hit', 'hit', 'hit']);
  });

  test.each([
    ['missing.njk', 'template not found: nowhere.njk'],
    ['broken.njk', 'expected variable end'],
    ['throws.njk', 'kaboom'],
  ])('reports the error of %s once, and the next page works', async (name, message) => {
    const { render, sweeper } = slow();
    for (let i = 0; i < 2; i++) expect((await failure(render(context(), name))).message).toContain(message);
    expect(sweeper.stats().memory.entries).toBe(0);
    expect(await render(context(), 'maybe.njk')).toBe('ab');
  });

  test('reports an error of the loader itself', async () => {
    class Failing extends AsyncObjectLoader {
      override getSource(
        name: string,
        done: (error: Error | null, source: nunjucks.LoaderSource | null) => void,
      ): void {
        if (name === 'i.njk') setImmediate(() => done(new Error('disk on fire'), null));
        else super.getSource(name, done);
      }
    }
    const { render, sweeper } = site({}, { loader: new Failing(templates, noCache) as never });
    expect((await failure(render(context()))).message).toContain('disk on fire');
    expect(sweeper.stats().memory.entries).toBe(0);
  });
});

test('asynchronous tags and filters around fragments stay as they are', async () => {
  const { render, outcomes } = slowSite(
    `${LATER}{% slow %}{% asyncEach c in comments %}{{ c.id | later }}${f('c', '{{ c.text }}')}{% endeach %}{% slow %}`,
  );
  const html = 'xS1c&amp;12c&amp;2S';
  expect(await render(context())).toBe(html);
  expect(await render(context())).toBe(html);
  expect(outcomes()).toEqual(['hit', 'hit']);
});
