import nunjucks from 'nunjucks';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { expect, test } from 'vitest';
import { ObjectLoader } from '../support/loaders.ts';
import { Article } from '../support/models.ts';
import { renderPage } from '../support/render.ts';
import { T } from './support.ts';

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
