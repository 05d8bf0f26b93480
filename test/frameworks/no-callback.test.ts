import nunjucks from 'nunjucks';
import { CacheSweeper, type CacheSweeperOptions, lazy, type RenderReport } from 'nunjucks-cachesweeper';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { Blog, squeezed, templates } from './blog.ts';
import { serve } from './framework-suite.ts';

type Show = (env: nunjucks.Environment, context: object) => string;

const shows: readonly (readonly [string, Show])[] = [
  ['env.render', (env, context) => env.render('article.njk', context)],
  ['env.renderString', (env, context) => env.renderString('{% include "article.njk" %}', context)],
  ['a template rendered directly', (env, context) => env.getTemplate('article.njk').render(context)],
  [
    'a template made by hand',
    (env, context) => new nunjucks.Template('{% include "article.njk" %}', env).render(context),
  ],
];

describe.each(shows)('without a callback: %s', (_name, show) => {
  const warnings = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  afterEach(() => warnings.mockClear());

  async function running(options: CacheSweeperOptions) {
    const reports: RenderReport[] = [];
    const sweeper = new CacheSweeper({ ...options, onRender: (report) => reports.push(report) });
    const env = sweeper.install(new nunjucks.Environment(new nunjucks.FileSystemLoader(templates)));
    const blog = new Blog();
    const site = await serve((_request, response) => {
      const context = { ...blog.page(7), comments: lazy(() => blog.known(7).comments) };
      response.end(show(env, context));
    });
    const get = async () => squeezed(await (await fetch(site.url)).text());
    return { blog, sweeper, env, reports, get, close: () => Promise.all([site.close(), sweeper.close()]) };
  }
  const outcomes = (reports: readonly RenderReport[]) =>
    reports.map(({ fragments }) => fragments.map(({ outcome, reason }) => reason ?? outcome));

  test('works without a store', async () => {
    const { blog, sweeper, reports, get, close } = await running({});
    for (let i = 0; i < 2; i++) expect(await get()).toBe(blog.html(7));
    blog.known(7).comments[0]!.text = 'Edited';
    await sweeper.invalidateCacheFor([blog.known(7).comments[0], { type: 'Article', id: 7 }]);
    expect(await get()).toBe(blog.html(7));
    expect(outcomes(reports)).toEqual([['miss', 'miss', 'miss', 'miss'], ['hit'], ['miss', 'hit', 'hit', 'miss']]);
    expect(warnings).not.toHaveBeenCalled();
    await close();
  });

  test('renders bodies uncached with a store, and warns once', async () => {
    const store = new TestingStore();
    const { blog, sweeper, reports, get, close } = await running({ store });
    for (let i = 0; i < 2; i++) expect(await get()).toBe(blog.html(7));
    await sweeper.idle();
    const uncached = ['unknown token', 'unknown token', 'unknown token', 'unknown token'];
    expect(outcomes(reports)).toEqual([uncached, uncached]);
    expect(store.operations).toEqual([]);
    expect(warnings.mock.calls).toEqual([
      [
        expect.stringContaining('without a callback'),
        { type: 'CacheSweeperWarning', code: 'CACHESWEEPER_NO_CALLBACK' },
      ],
    ]);
    await close();
  });

  test('a page without fragments does not warn', async () => {
    const { env, close } = await running({ store: new TestingStore() });
    expect(env.renderString('{{ 1 + 1 }}', {})).toBe('2');
    expect(warnings).not.toHaveBeenCalled();
    await close();
  });

  test.each([
    ['with a store', () => ({ store: new TestingStore() })],
    ['without a store', () => ({})],
  ])('a lazy that has to wait is an error that says so, %s', async (_kind, options) => {
    const { blog, env, close } = await running(options());
    expect(() => show(env, blog.page(7))).toThrow(
      expect.objectContaining({
        code: 'CACHESWEEPER_LAZY_NEEDS_CALLBACK',
        message: expect.stringContaining('article.njk'),
      }),
    );
    await close();
  });
});
