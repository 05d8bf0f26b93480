import nunjucks from 'nunjucks';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { expect, test } from 'vitest';
import { ObjectLoader } from '../support/loaders.ts';
import { Article } from '../support/models.ts';
import { renderPage } from '../support/render.ts';
import { kindsFor, Site, T } from './support.ts';

const kinds = kindsFor(import.meta.url);

test('two processes that install the sweeper in other environments, or in another order, do not share html', async () => {
  const now = () => 1_800_000_000_000;
  const store = new TestingStore({ now });
  const start = (own: TestingStore, names: readonly string[]) => {
    const sweeper = new CacheSweeper({ store: own, now, timeout: '10s' });
    const environments = names.map((name) => {
      const env = new nunjucks.Environment(new ObjectLoader({ 'p.njk': T('{{ "x" | brand }}') }) as never);
      env.addFilter('brand', () => name);
      return sweeper.install(env);
    });
    return { sweeper, environments };
  };
  const web = start(store, ['site', 'mail']);
  const worker = start(new TestingStore({ now, shared: store }), ['mail']);
  const page = { a: new Article(1) };
  expect(await renderPage(web.environments[0] as nunjucks.Environment, 'p.njk', page)).toBe('site');
  await web.sweeper.idle();
  expect(await renderPage(worker.environments[0] as nunjucks.Environment, 'p.njk', page)).toBe('mail');
});

const now = () => 1_800_000_000_000;

/** A process with environments whose filter is one closure over different values. */
function started(store: TestingStore, names: readonly string[], isNamed: boolean) {
  const sweeper = new CacheSweeper({ store, now, timeout: '10s' });
  const environments = names.map((name) => {
    const env = new nunjucks.Environment(new ObjectLoader({ 'p.njk': T('{{ "x" | brand }}') }) as nunjucks.ILoader);
    env.addFilter('brand', () => name);
    return sweeper.install(env, isNamed ? { name } : {});
  });
  const show = async (index: number) => {
    const html = await renderPage(environments[index] as nunjucks.Environment, 'p.njk', { a: new Article(1) });
    await sweeper.idle();
    return html;
  };
  return { sweeper, show };
}

test.each([false, true])('environments of one sweeper do not share html, named: %s', async (isNamed) => {
  const { show } = started(new TestingStore({ now }), ['site', 'mail'], isNamed);
  for (let i = 0; i < 2; i++) expect([await show(0), await show(1)]).toEqual(['site', 'mail']);
});

test('processes with one environment each do not share html where the environments have names', async () => {
  const store = new TestingStore({ now });
  expect(await started(store, ['site'], true).show(0)).toBe('site');
  expect(await started(new TestingStore({ now, shared: store }), ['mail'], true).show(0)).toBe('mail');
});

test('environments with a name share html with those of that name, whatever the order', async () => {
  const store = new TestingStore({ now });
  const first = started(store, ['site', 'mail'], true);
  for (const i of [0, 1]) await first.show(i);
  const second = started(new TestingStore({ now, shared: store }), ['mail', 'site'], true);
  expect([await second.show(0), await second.show(1)]).toEqual(['mail', 'site']);
  expect(second.sweeper.stats().tags.map(({ hits }) => hits)).toEqual([2]);
});

test.each(kinds)(
  'pages before and after an option of the environment is changed do not share html, in %s',
  async (kind) => {
    const site = new Site(T('{{ html }}'), kind);
    for (const autoescape of [true, false, true]) {
      for (const { opts } of [site.env, site.plain] as unknown as { opts: { autoescape: boolean } }[])
        opts.autoescape = autoescape;
      await site.show(() => ({ a: new Article(1), html: '<' }));
    }
    expect(site.outcomes).toEqual(['hit']);
  },
);

test.each([7, '', {}])('a name that is no text is refused: %s', (name) => {
  const install = () => new CacheSweeper().install(new nunjucks.Environment(null), { name: name as string });
  expect(install).toThrow(expect.objectContaining({ code: 'CACHESWEEPER_INSTALL' }));
});

test('an environment of a class that has tests and a filter "safe" of its own can be installed', async () => {
  class Own extends nunjucks.Environment {
    constructor(loaders: nunjucks.ILoader[]) {
      super(loaders);
      this.addFilter('safe', () => undefined);
    }

    addTest(name: string, test: unknown): unknown {
      return (nunjucks.Environment.prototype as unknown as { addTest(...args: unknown[]): unknown }).addTest.call(
        this,
        name,
        test,
      );
    }
  }
  const env = new Own([new ObjectLoader({ 'p.njk': T('{{ "<" | safe }}{{ a.id }}') }) as never]);
  new CacheSweeper().install(env);
  for (const _ of [1, 2]) expect(await renderPage(env, 'p.njk', { a: new Article(1) })).toBe('1');
});
