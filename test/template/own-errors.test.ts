import nunjucks from 'nunjucks';
import { CacheSweeper, CacheSweeperError, lazy } from 'nunjucks-cachesweeper';
import { describe, expect, test } from 'vitest';
import { AsyncObjectLoader, ObjectLoader, type Templates } from '../support/loaders.ts';
import { Article } from '../support/models.ts';
import { fragment as f, failure, type Site, site } from './site.ts';

const tag = (args: string) => `{% cachesweeper ${args} %}{% endcachesweeper %}`;
const ours = (message: string, names: readonly string[]) =>
  new CacheSweeperError('CACHESWEEPER_BUMP_FAILED', message, { names });

/** A context whose `fail()` throws, and whose `load()` is a lazy that rejects. */
const context = (message = 'no answer', names: readonly string[] = ['Article:=1']) => ({
  article: new Article(1),
  user: { name: 'Ann' },
  fail: () => {
    throw ours(message, names);
  },
  load: lazy(async () => {
    throw ours(message, names);
  }),
});

/** Each way to render a template. */
const renders: Record<string, (site: Site, name: string) => Promise<string>> = {
  'env.render with a callback': ({ render }, name) => render(context(), name),
  'sweeper.render': ({ env, sweeper }, name) => sweeper.render(env, name, context()),
  'env.renderString with a callback': ({ env, templates }, name) =>
    new Promise((resolve, reject) => {
      env.renderString(templates[name] as string, context(), (error, html) =>
        error ? reject(error) : resolve(html ?? ''),
      );
    }),
};
const atOnce: typeof renders = {
  'env.render without a callback': async ({ env }, name) => env.render(name, context()),
  'env.renderString without a callback': async ({ env, templates }, name) =>
    env.renderString(templates[name] as string, context()),
};

/** Sources that fail, with the code of the error and the end of its message. */
const sources: Record<string, readonly [source: string, code: string, message: string]> = {
  'of a function': ['\n {{ fail() }}', 'CACHESWEEPER_BUMP_FAILED', 'no answer'],
  'of a function in a body': [`\n ${f('article', '{{ fail() }}')}`, 'CACHESWEEPER_BUMP_FAILED', 'no answer'],
  'of the tag': [`\n ${tag('nobody 5')}`, 'CACHESWEEPER_NO_IDENTITY', 'the name of a type'],
  'of the tag, when it is compiled': [`\n ${tag('article')}`, 'CACHESWEEPER_BAD_TAG', '%}'],
  'of a body, when it is compiled': [
    `\n ${f('article', '{{ user.name }}')}`,
    'CACHESWEEPER_PRIVATE_NAME',
    'off the option private',
  ],
  'of depends, when it is compiled': ['\n {% depends %}', 'CACHESWEEPER_BAD_TAG', '%}'],
};
const ofLazies: typeof sources = {
  'of a lazy': ['\n {{ load() }}', 'CACHESWEEPER_BUMP_FAILED', 'no answer'],
  'of a lazy in a body': [`\n ${f('article', '{{ load() }}')}`, 'CACHESWEEPER_BUMP_FAILED', 'no answer'],
};

const ways: Templates = {
  'include.njk': 'x\n{% include "bad.njk" %}',
  'body.njk': `x\n${f('article', '{% include "bad.njk" %}')}`,
  'twice.njk': 'x\n{% include "include.njk" %}',
  'extends.njk': '\n{% extends "bad.njk" %}',
  'import.njk': '\n{% import "bad.njk" as bad %}{{ bad.macro() }}',
  'from.njk': '\n{% from "bad.njk" import macro %}{{ macro() }}',
  'macro.njk': '\n{% macro m() %}{% include "bad.njk" %}{% endmacro %}{{ m() }}',
};

/** An error of ours behind any place, with what it was made of. */
function expectOurs(error: Error & { code?: string }, code: string, message: string): void {
  expect(error).toBeInstanceOf(CacheSweeperError);
  expect(error).toMatchObject({ code, name: 'CacheSweeperError' });
  expect(error.message).toMatch(/^\((?:\w+\.njk|unknown path)\)/);
  expect(error.message).toContain(message);
  if (code === 'CACHESWEEPER_BUMP_FAILED') expect(error).toMatchObject({ names: ['Article:=1'] });
  const { cause } = error;
  if (cause !== undefined) expect(cause).toMatchObject({ constructor: CacheSweeperError, code });
}

describe.each([false, true])('an error of ours, with dev: %s', (dev) => {
  const make = (source: string) => site({ ...ways, 'bad.njk': source }, { env: { dev } });

  describe.each(Object.entries({ ...renders, ...atOnce }))('in %s', (_how, render) => {
    test.each(Object.entries(sources))('keeps its class and code: %s', async (_what, [source, code, message]) => {
      expectOurs(await failure(render(make(source), 'bad.njk')), code, message);
      for (const name of Object.keys(ways)) {
        // The functions of a module are not those of the page, so some of these fail otherwise.
        if (/import|from/.test(name) && source.includes('fail()')) continue;
        expectOurs(await failure(render(make(source), name)), code, message);
      }
    });
  });

  test.each(Object.entries(renders))('keeps its class, code and names: of lazies, in %s', async (_how, render) => {
    for (const [source, code, message] of Object.values(ofLazies))
      for (const name of ['bad.njk', 'include.njk', 'body.njk', 'twice.njk', 'extends.njk', 'macro.njk'])
        expectOurs(await failure(render(make(source), name)), code, message);
  });

  test('comes with the original as its cause, unless it is the original', async () => {
    const original = ours('no answer', []);
    const { render } = make('\n {{ throws() }}');
    const throws = () => {
      throw original;
    };
    const error = await failure(render({ throws }, 'include.njk'));
    expect(error.cause).toBe(original);
    expect(error.message).toMatch(
      /^\(include\.njk\)[\s\S]*\(bad\.njk\) \[Line 1, Column 10\]\n {2}CacheSweeperError: no answer$/,
    );
  });

  test('is one of an asynchronous filter, which calls back at once or later', async () => {
    const { env, render } = make('{{ 1 | now }}');
    env.addFilter('now', (_value, done) => done(ours('no answer', ['Article:=1'])), true);
    env.addFilter('later', (_value, done) => setImmediate(done, ours('no answer', ['Article:=1'])), true);
    expectOurs(await failure(render({}, 'bad.njk')), 'CACHESWEEPER_BUMP_FAILED', 'no answer');
    expectOurs(
      await failure(
        new Promise((resolve, reject) => {
          env.renderString('{{ 1 | later }}', {}, (error, html) => (error ? reject(error) : resolve(html)));
        }),
      ),
      'CACHESWEEPER_BUMP_FAILED',
      'no answer',
    );
  });

  test('is one of a template that a component asks for compiled', async () => {
    const { env, render } = make(tag('article'));
    env.addGlobal('component', function component(this: { env: nunjucks.Environment }) {
      return this.env.getTemplate('bad.njk', true).render({});
    });
    env.addGlobal('outside', () => env.render('bad.njk', {}));
    for (const call of ['component', 'outside']) {
      const caller = `{{ ${call}() }}`;
      const error = await failure(
        new Promise((resolve, reject) => {
          env.renderString(caller, {}, (failed, html) => (failed ? reject(failed) : resolve(html)));
        }),
      );
      expectOurs(error, 'CACHESWEEPER_BAD_TAG', 'a ttl behind the model');
      expect(error.message).toContain('(bad.njk) [Line 1, Column 4]');
    }
    expectOurs(await failure(render({}, 'include.njk')), 'CACHESWEEPER_BAD_TAG', 'a ttl behind the model');
  });

  test('is one of a page that a lazy renders, and of its page', async () => {
    const { env, sweeper, render } = make(tag('nobody 5'));
    const load = lazy(() => sweeper.render(env, 'include.njk', {}));
    env.addGlobal('component', load);
    const source = f('article', '{{ component() }}');
    const error = await failure(
      new Promise((resolve, reject) => {
        env.renderString(source, { article: new Article(1) }, (failed, html) =>
          failed ? reject(failed) : resolve(html),
        );
      }),
    );
    expectOurs(error, 'CACHESWEEPER_NO_IDENTITY', '(bad.njk) [Line 1, Column 4]');
    expectOurs(await failure(render({}, 'bad.njk')), 'CACHESWEEPER_NO_IDENTITY', '(bad.njk)');
  });
});

test.each(Object.keys(ways))('a tag that cannot be compiled ends a page whose loader needs time: %s', async (name) => {
  const loader = new AsyncObjectLoader({ ...ways, 'bad.njk': `\n ${tag('article')}` });
  const { render } = site({}, { loader: loader as unknown as nunjucks.ILoader });
  expectOurs(await failure(render(context(), name)), 'CACHESWEEPER_BAD_TAG', '[Line 2, Column 5]');
});

describe('which error is whose', () => {
  test('100 errors of other pages in the meantime do not hide one', async () => {
    const { env, render } = site({
      'page.njk': '{{ 1 | wait }}{% include "bad.njk" %}',
      'bad.njk': '{{ fail() }}',
      'other.njk': tag('nobody 5'),
    });
    env.addFilter(
      'wait',
      (_value, done) => {
        void Promise.allSettled(Array.from({ length: 100 }, () => render({}, 'other.njk'))).then(() => done(null, ''));
      },
      true,
    );
    const own = ours('a text that no other has', ['Article:=1']);
    const fail = () => {
      for (let i = 0; i < 100; i++) ours(`made ${i}`, []);
      queueMicrotask(() => {
        for (let i = 0; i < 100; i++) ours(`made later ${i}`, []);
      });
      throw own;
    };
    const error = await failure(render({ fail }));
    expectOurs(error, 'CACHESWEEPER_BUMP_FAILED', 'a text that no other has');
    expect(error.cause).toBe(own);
  });

  test('pages that fail with the same text at one time each get their own error', async () => {
    const { env, render } = site({ 'page.njk': '{% include "bad.njk" %}', 'bad.njk': '{{ 1 | wait }}{{ fail() }}' });
    env.addFilter('wait', (_value, done) => setImmediate(done, null, ''), true);
    const pages = Array.from({ length: 20 }, (_, i) => {
      const own = ours('the same text', [`Article:=${i}`]);
      const fail = () => {
        throw own;
      };
      return failure(render({ fail })).then((error) => ({ error, own }));
    });
    for (const { error, own } of await Promise.all(pages)) {
      expect(error.cause ?? error).toBe(own);
      expect((error as CacheSweeperError).names).toBe(own.names);
    }
  });

  test.each([
    ['in the middle', (message: string) => new Error(`saw: ${message}, and gave up`)],
    ['at the end', (message: string) => new Error(`saw: ${message}`)],
    ['as all of it', (message: string) => new Error(message)],
    ['behind what looks like a place', (message: string) => new TypeError(`(page.njk)\n  ${message}`)],
  ])('an error of the site that has the text of ours %s stays what it is', async (_where, make) => {
    const { env, render } = site({
      'page.njk': `{{ component() }}`,
      'part.njk': tag('nobody 5'),
      'outer.njk': '{% include "page.njk" %}',
    });
    env.addGlobal('component', () => {
      try {
        return env.render('part.njk', {});
      } catch (error) {
        throw make((error as Error).message);
      }
    });
    for (const name of ['page.njk', 'outer.njk']) {
      const error = await failure(render({}, name));
      expect(error).not.toBeInstanceOf(CacheSweeperError);
      expect(error.message).toContain('expected a model with an identity');
      expect(() => env.render(name, {})).toThrow(expect.not.objectContaining({ code: expect.anything() }));
    }
  });

  test('one without a text does not stand for all others', async () => {
    const { env, render } = site('{{ component() }}{{ boom() }}');
    env.addGlobal('component', () => {
      try {
        return env.renderString('{{ empty() }}', {});
      } catch {
        return '';
      }
    });
    env.addGlobal('empty', () => {
      throw ours('', []);
    });
    env.addGlobal('boom', () => {
      throw new RangeError('kaboom');
    });
    expect(await failure(render({}))).not.toBeInstanceOf(CacheSweeperError);
  });

  test('an error that a component catches is not the error of its page', async () => {
    const { env, render } = site({ 'page.njk': '{{ component() }}{{ boom() }}', 'part.njk': tag('nobody 5') });
    env.addGlobal('component', () => {
      try {
        return env.render('part.njk', {});
      } catch {
        return 'sorry';
      }
    });
    env.addGlobal('boom', () => {
      throw new RangeError('kaboom');
    });
    const error = await failure(render({}));
    expect(error).not.toBeInstanceOf(CacheSweeperError);
    expect(error.message).toContain('RangeError: kaboom');
  });

  test('of thousands that a page catches, the last one that ends it is known', async () => {
    const { env, render } = site({
      'page.njk': '{% for i in range(2000) %}{{ component(i) }}{% endfor %}{{ fail() }}',
      'part.njk': tag('nobody 5'),
    });
    env.addGlobal('component', () => {
      try {
        return env.render('part.njk', {});
      } catch {
        return '';
      }
    });
    expectOurs(await failure(render(context())), 'CACHESWEEPER_BUMP_FAILED', 'no answer');
  });

  test('an environment without the sweeper gives errors as Nunjucks does', async () => {
    new CacheSweeper().install(new nunjucks.Environment(new ObjectLoader({}) as nunjucks.ILoader));
    const plain = new nunjucks.Environment(new ObjectLoader({}) as nunjucks.ILoader);
    expect(() => plain.renderString('{{ fail() }}', context())).toThrow(
      expect.objectContaining({ constructor: Error, message: expect.stringContaining('no answer') }),
    );
  });
});
