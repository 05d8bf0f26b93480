import { lazy } from 'nunjucks-cachesweeper';
import { expect, test, vi } from 'vitest';
import { Article } from '../support/models.ts';
import { Stopwatch } from '../support/stopwatch.ts';
import { failureOf, gate, operationsOf, SETTLED, Site, siteWithStore } from './support.ts';

/** A global that gives another value each time. */
function counting({ env }: Site): void {
  let count = 0;
  env.addGlobal('count', () => ++count);
}

const context = () => ({ article: new Article(1, 'A'), load: lazy(async (n: unknown) => n) });

test('a lazy that is called with something new in every pass ends in an error that says so', async () => {
  const { site } = siteWithStore({ 'page.njk': '{{ load(count()) }}' });
  counting(site);
  const error = await failureOf(site.page(context()));
  expect(error.code).toBe('CACHESWEEPER_NO_PROGRESS');
  expect(error.message).toMatch(/lazy/);
});

test('without a store too', async () => {
  const site = new Site({ 'page.njk': '{{ load(count()) }}' });
  counting(site);
  expect(await failureOf(site.page(context()))).toMatchObject({ code: 'CACHESWEEPER_NO_PROGRESS' });
});

test('a model that is new in every pass ends', async () => {
  const { site, store } = siteWithStore({
    'page.njk': '{% cachesweeper model() 500 %}{{ article.title }}{% endcachesweeper %}',
  });
  let id = 0;
  site.env.addGlobal('model', () => new Article(++id));
  expect(await site.page(context()).catch((error) => error.code)).toMatch(/^(A|CACHESWEEPER_NO_PROGRESS)$/);
  expect(store.operations.length).toBeLessThan(500);
});

test('a key that is new in every pass does not keep a page from being delivered, and is said once', async () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  const { site, clock, store } = siteWithStore({
    'page.njk': '{% cachesweeper article 500 count() %}{{ article.title }}{% endcachesweeper %}',
  });
  counting(site);
  for (let i = 0; i < 3; i++) {
    expect(await site.page(context())).toBe('A');
    clock.advance(SETTLED);
  }
  expect(store.operations.length).toBeLessThan(1_000);
  const codes = warn.mock.calls.map(([, options]) => (options as { readonly code?: string } | undefined)?.code);
  expect(codes).toEqual(['CACHESWEEPER_NO_PROGRESS']);
  warn.mockRestore();
});

test('what cannot be read is not asked for again in the same render', async () => {
  const { site, store } = siteWithStore(
    {
      'page.njk':
        '{% cachesweeper article 500 %}{{ article.title }}{% endcachesweeper %}{% set a = load(1) %}{% set b = load(a) %}{{ load(b) }}',
    },
    { timeout: '30ms' },
  );
  store.script = () => ({ outcome: 'unknown' });
  expect(await site.page(context())).toBe('A1');
  // The record of what the tag reads is asked for beside the tokens.
  expect(operationsOf(store)).toEqual(['getMany token 3', 'getMany entry 1']);
});

/** Not the record of what a tag reads. */
const isEntry = (key: string) => !key.endsWith(':reads');

test('the page does not wait for its entries to be written; idle() does', async () => {
  const { site, store } = siteWithStore({
    'page.njk': '{% cachesweeper article 500 %}{{ article.title }}{% endcachesweeper %}',
  });
  const written = gate();
  const honest = store.addMany.bind(store);
  store.addMany = async (kind, items, call) => {
    if (kind === 'entry') await written.promise;
    return honest(kind, items, call);
  };
  expect(await site.sweeper.render(site.env, 'page.njk', context())).toBe('A');
  let isIdle = false;
  const idle = site.sweeper.idle().then(() => {
    isIdle = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(isIdle).toBe(false);
  const entries = () => store.keys('entry').filter(isEntry);
  expect(entries()).toEqual([]);
  written.open();
  await idle;
  expect(entries()).toHaveLength(1);
});

test('a write that never ends ends: idle() and close() resolve', async () => {
  const { site, store } = siteWithStore({
    'page.njk': '{% cachesweeper article 500 %}{{ article.title }}{% endcachesweeper %}',
  });
  store.script = ({ kind, method }) => (kind === 'entry' && method !== 'getMany' ? { outcome: 'hang' } : undefined);
  expect(await site.sweeper.render(site.env, 'page.njk', context())).toBe('A');
  const watch = new Stopwatch();
  await site.sweeper.close();
  expect(watch.stop()).toBeLessThan(5_000);
});

test('writes that pile up are dropped and counted; what is dropped is rendered again some day', async () => {
  const { site, store } = siteWithStore(
    { 'page.njk': '{% cachesweeper article 500 %}{{ article.title }}{% endcachesweeper %}' },
    { memory: false },
  );
  store.script = ({ kind, method }) => (kind === 'entry' && method !== 'getMany' ? { outcome: 'hang' } : undefined);
  const pages = 1_050;
  const render = (id: number) => site.sweeper.render(site.env, 'page.njk', { article: new Article(id, `${id}`) });
  const htmls = await Promise.all(Array.from({ length: pages }, (_, id) => render(id)));
  expect(htmls).toEqual(htmls.map((_, id) => `${id}`));
  const { writesDropped } = site.sweeper.stats();
  expect(writesDropped).toBe(pages - 1_000);
  await site.sweeper.idle();
  store.script = undefined;
  expect(await render(5)).toBe('5');
  await site.sweeper.idle();
  expect(store.keys('entry').filter(isEntry)).toHaveLength(1);
  expect(site.sweeper.stats().writesDropped).toBe(writesDropped);
});

test('a write that fails leaves the page as it is', async () => {
  const { site, store } = siteWithStore({
    'page.njk': '{% cachesweeper article 500 %}{{ article.title }}{% endcachesweeper %}',
  });
  store.script = ({ kind, method }) => (kind === 'entry' && method !== 'getMany' ? { outcome: 'reject' } : undefined);
  expect(await site.page(context())).toBe('A');
  // The entry, and the record of what its tag reads.
  expect(site.errors).toHaveLength(2);
});

test('deep nesting is no lack of progress: 40 fragments in each other', async () => {
  let source = 'x';
  for (let i = 40; i >= 1; i--) source = `{% cachesweeper article 500 ${i} %}${source}{% endcachesweeper %}`;
  const { site } = siteWithStore({ 'page.njk': source });
  expect(await site.page(context())).toBe('x');
});
