import { cpSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import nunjucks from 'nunjucks';
import { CacheSweeper, CacheSweeperError } from 'nunjucks-cachesweeper';
import { describe, expect, test, vi } from 'vitest';
import { ObjectLoader } from '../support/loaders.ts';
import { Article } from '../support/models.ts';
import { renderPage } from '../support/render.ts';
import { folder } from './folders.ts';
import { fragment, site } from './site.ts';

const f = fragment;
const PAGE = f('article', '{{ ran() }}{{ article.title }}');
const html = 'Article &lt;1&gt;';

function environment(runs = { count: 0 }): nunjucks.Environment {
  const env = new nunjucks.Environment(
    new ObjectLoader({ 'page.njk': PAGE, 'plain.njk': '{{ x }}' }) as nunjucks.ILoader,
  );
  return env.addGlobal('ran', () => {
    runs.count++;
    return '';
  });
}
const context = () => ({ article: new Article(1) });

describe('install', () => {
  test('returns the environment it was given', () => {
    const env = environment();
    expect(new CacheSweeper().install(env)).toBe(env);
  });

  test('twice is harmless', async () => {
    const runs = { count: 0 };
    const sweeper = new CacheSweeper();
    const env = sweeper.install(sweeper.install(environment(runs)));
    expect(await renderPage(env, 'page.njk', context())).toBe(html);
    expect(await renderPage(env, 'page.njk', context())).toBe(html);
    expect(runs.count).toBe(1);
    expect(sweeper.stats().renders).toBe(2);
  });

  test('of another sweeper is refused', () => {
    const env = new CacheSweeper().install(environment());
    expect(() => new CacheSweeper().install(env)).toThrow(
      expect.objectContaining({
        code: 'CACHESWEEPER_INSTALL',
        message: 'this environment already has another sweeper: use one sweeper, or another environment',
      }),
    );
  });

  test.each([
    [undefined, 'got undefined'],
    [null, 'got null'],
    ['templates', 'got the string "templates"'],
    [{}, 'got an empty object'],
    [nunjucks, 'got a plain object with'],
    [nunjucks.Environment, 'got the function'],
  ])('into %s is refused', (target, got) => {
    const install = () => new CacheSweeper().install(target as never);
    expect(install).toThrow(CacheSweeperError);
    expect(install).toThrow(expect.objectContaining({ code: 'CACHESWEEPER_INSTALL' }));
    expect(install).toThrow(got);
  });

  test('serves two environments, which have their own fragments and share their tokens', async () => {
    const runs = { count: 0 };
    const sweeper = new CacheSweeper();
    const envs = [sweeper.install(environment(runs)), sweeper.install(environment(runs))];
    const page = context();
    for (let i = 0; i < 2; i++) for (const env of envs) expect(await renderPage(env, 'page.njk', page)).toBe(html);
    expect(runs.count).toBe(2);
    page.article.title = 'new';
    await sweeper.invalidateCacheFor(page.article);
    for (const env of envs) expect(await renderPage(env, 'page.njk', page)).toBe('new');
  });

  test('keeps two sweepers of one process apart', async () => {
    const [a, b] = [site(PAGE), site(PAGE)];
    const page = context();
    for (const { env, render } of [a, b]) {
      env.addGlobal('ran', () => '');
      await render(page);
      await render(page);
    }
    page.article.title = 'new';
    await a.sweeper.invalidateCacheFor(page.article);
    expect(await a.render(page)).toBe('new');
    expect(await b.render(page)).toBe(html);
  });

  test('does not touch environments without it', async () => {
    const runs = { count: 0 };
    new CacheSweeper().install(environment());
    const env = environment(runs);
    expect(env.render('plain.njk', { x: 1 })).toBe('1');
    expect(await renderPage(env, 'plain.njk', { x: 2 })).toBe('2');
    expect(() => env.render('page.njk', context())).toThrow('unknown block tag: cachesweeper');
    expect(Object.getOwnPropertyNames(nunjucks.Environment.prototype)).not.toContain('cachesweeper');
  });

  test('refuses sweeper.render with an environment it is not in', async () => {
    await expect(new CacheSweeper().render(environment(), 'page.njk')).rejects.toMatchObject({
      code: 'CACHESWEEPER_INSTALL',
    });
  });
});

describe('every way to render a page goes through the cache', () => {
  const ways: Record<string, (env: nunjucks.Environment) => unknown> = {
    'env.render': (env) => env.render('page.njk', context()),
    'env.render with a callback': (env) => renderPage(env, 'page.njk', context()),
    'env.renderString': (env) => env.renderString(PAGE, context()),
    'env.renderString with a callback': (env) =>
      new Promise((resolve) => env.renderString(PAGE, context(), (_error, text) => resolve(text))),
    'env.renderString with options and a callback': (env) =>
      new Promise((resolve) =>
        (env.renderString as (...args: unknown[]) => void)(
          PAGE,
          context(),
          { path: 'p' },
          (_error: unknown, text: string) => resolve(text),
        ),
      ),
    'template.render': (env) => env.getTemplate('page.njk').render(context()),
    'template.render with a callback': (env) =>
      new Promise((resolve) =>
        env.getTemplate('page.njk').render(context(), (_error: unknown, text: unknown) => resolve(text)),
      ),
    'a compiled template': (env) => nunjucks.compile(PAGE, env).render(context()),
    'an eager template': (env) => env.getTemplate('page.njk', true).render(context()),
    "Express' view": (env) =>
      new Promise((resolve) => {
        const app = {
          set: (name: string, View: new (n: string, o: object) => { render: (...a: unknown[]) => void }) => {
            if (name === 'view')
              new View('page.njk', {}).render(context(), (_error: unknown, text: string) => resolve(text));
          },
        };
        env.express(app);
      }),
  };

  test.each(Object.entries(ways))('%s', async (_how, render) => {
    const runs = { count: 0 };
    const env = new CacheSweeper().install(environment(runs));
    expect(await render(env)).toBe(html);
    expect(await render(env)).toBe(html);
    expect(runs.count).toBe(1);
  });

  test('with a context left out', async () => {
    const env = new CacheSweeper().install(environment());
    expect(env.render('plain.njk')).toBe('');
    expect(
      await new Promise((resolve) => env.render('plain.njk', ((_e: unknown, text: string) => resolve(text)) as never)),
    ).toBe('');
    expect(env.getTemplate('plain.njk').render()).toBe('');
    expect(env.renderString('{{ x }}', null as never)).toBe('');
  });

  test('the context given is not changed', async () => {
    const env = new CacheSweeper().install(environment());
    const given = Object.freeze(context());
    await renderPage(env, 'page.njk', given);
    expect(env.renderString(`{% set x = 1 %}${f('article', '{% set y = 2 %}{{ x }}{{ y }}')}`, given)).toBe('12');
    expect(Object.keys(given)).toEqual(['article']);
  });
});

test('two copies of this package in one process serve the pages of their own environments', async () => {
  vi.resetModules();
  const other = await import('nunjucks-cachesweeper');
  expect(other.CacheSweeper).not.toBe(CacheSweeper);
  for (const sweeper of [new CacheSweeper(), new other.CacheSweeper(), new CacheSweeper()]) {
    const runs = { count: 0 };
    const env = sweeper.install(environment(runs));
    for (let i = 0; i < 2; i++) expect(await renderPage(env, 'page.njk', context())).toBe(html);
    expect(runs.count).toBe(1);
    // An environment belongs to one of them.
    for (const second of [new CacheSweeper(), new other.CacheSweeper()]) {
      expect(() => second.install(env)).toThrow(expect.objectContaining({ code: 'CACHESWEEPER_INSTALL' }));
    }
  }
});

test('an environment of a second copy of nunjucks works as one of the first', async () => {
  const root = folder({ 'package.json': '{}' });
  const require = createRequire(import.meta.url);
  for (const name of ['nunjucks', 'asap', 'a-sync-waterfall', 'commander']) {
    const from = join(require.resolve('nunjucks/package.json'), '..', '..', name);
    cpSync(from, join(root, 'node_modules', name), { recursive: true, dereference: true });
  }
  const other = createRequire(join(root, 'package.json'))('nunjucks') as typeof nunjucks;
  expect(other.Environment).not.toBe(nunjucks.Environment);
  class OtherLoader extends other.Loader {
    getSource(name: string) {
      const src = { 'page.njk': `{% include "a.njk" %}`, 'a.njk': PAGE }[name];
      return src === undefined ? null : { src, path: name, noCache: false };
    }
  }
  const runs = { count: 0 };
  const sweeper = new CacheSweeper();
  const env = sweeper.install(new other.Environment(new OtherLoader() as unknown as nunjucks.ILoader));
  env.addGlobal('ran', () => {
    runs.count++;
    return '';
  });
  const first = sweeper.install(environment(runs));
  const page = context();
  expect(await renderPage(env, 'page.njk', page)).toBe(html);
  expect(env.render('page.njk', page)).toBe(html);
  expect(runs.count).toBe(1);
  expect(await renderPage(first, 'page.njk', page)).toBe(html);
  page.article.title = '<new>';
  await sweeper.invalidateCacheFor(page.article);
  expect(await renderPage(env, 'page.njk', page)).toBe('&lt;new&gt;');
});
