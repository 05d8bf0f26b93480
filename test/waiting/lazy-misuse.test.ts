import { lazy } from 'nunjucks-cachesweeper';
import { describe, expect, test } from 'vitest';
import { Article } from '../support/models.ts';
import { failureOf, SETTLED, Site, siteWithStore } from './support.ts';

const list = () => lazy(async () => [1, 2]);

describe('forgetting the parentheses is an error, not an empty place:', () => {
  test.each([
    '{% for c in comments %}x{% endfor %}',
    '{% for c in comments %}x{% else %}none{% endfor %}',
    '{% for a, b in comments %}x{% endfor %}',
    '{{ comments }}',
    '{{ comments | safe }}',
    '{{ comments | length }}',
    '{{ comments.length }}',
    '{{ comments | upper }}',
    '{{ comments | last }}',
    '{{ comments | sort }}',
    '{{ comments ~ "" }}',
    '{{ "" + comments }}',
    '{{ author.name }}',
    '{{ author.title }}',
    '{{ comments[0] }}',
    '{{ comments | first }}',
    '{% cachesweeper article 500 %}{% for c in comments %}x{% endfor %}{% endcachesweeper %}',
    '{% cachesweeper comments 500 %}x{% endcachesweeper %}',
    '{% cachesweeper article 500 comments %}x{% endcachesweeper %}',
  ])('%s', async (source) => {
    const { site } = siteWithStore({ 'page.njk': source });
    const author = lazy(async () => ({ name: 'Ann' }));
    const error = await failureOf(
      site.page({ article: new Article(1), comments: list(), author, page: { comments: list() } }),
    );
    if (!/cachesweeper|upper/.test(source)) expect(error.code).toBe('CACHESWEEPER_LAZY_NOT_CALLED');
    expect(error.message).toContain('page.njk');
  });

  test('the message shows what to write', async () => {
    const { site } = siteWithStore({ 'page.njk': '{% for c in comments %}x{% endfor %}' });
    const error = await failureOf(site.page({ comments: list() }));
    expect(error.message).toContain('{% for comment in comments() %}');
  });
});

describe('outside a render', () => {
  test('a lazy cannot be called', () => {
    expect(() => list()()).toThrow(expect.objectContaining({ code: 'CACHESWEEPER_LAZY_OUTSIDE_RENDER' }));
  });

  test('nor when its page has been delivered', async () => {
    const { site } = siteWithStore({ 'page.njk': '{{ keep(load) }}' });
    let late: (() => unknown) | undefined;
    site.env.addGlobal('keep', (load: () => unknown) => {
      // It goes on in the page's asynchronous context.
      late = () => new Promise((resolve) => setTimeout(() => resolve(load()), 30));
      return '';
    });
    const called: Promise<unknown>[] = [];
    site.env.addGlobal('keep', (load: () => unknown) => {
      called.push(
        new Promise((resolve, reject) => {
          setTimeout(() => {
            try {
              resolve(load());
            } catch (error) {
              reject(error);
            }
          }, 30);
        }),
      );
      return '';
    });
    void late;
    await site.page({ load: list() });
    expect(await failureOf(called[0] as Promise<unknown>)).toMatchObject({ code: 'CACHESWEEPER_LAZY_OUTSIDE_RENDER' });
  });

  test('nor in an environment without a sweeper', async () => {
    const nunjucks = (await import('nunjucks')).default;
    const env = new nunjucks.Environment(null, { autoescape: true });
    expect(() => env.renderString('{{ load() }}', { load: list() })).toThrow(/can be called only by a template/);
  });

  test('a lazy made of anything but a function is refused', () => {
    expect(() => lazy([1] as never)).toThrow(expect.objectContaining({ code: 'CACHESWEEPER_BAD_OPTION' }));
    expect(() => lazy(Promise.resolve(1) as never)).toThrow(/expected a function/);
  });
});

describe('without a callback', () => {
  test.each([
    ['with a store', () => siteWithStore({ 'page.njk': '{{ load() }}' }).site],
    ['without a store', () => new Site({ 'page.njk': '{{ load() }}' })],
  ] as const)('%s a lazy that needs time is an error that says what to use', (_title, makeSite) => {
    const site = makeSite();
    expect(() => site.env.render('page.njk', { load: list() })).toThrow(
      expect.objectContaining({
        code: 'CACHESWEEPER_LAZY_NEEDS_CALLBACK',
        message: expect.stringContaining('await sweeper.render(env, name, context)'),
      }),
    );
    expect(site.env.render('page.njk', { load: lazy(() => 'at once') })).toBe('at once');
  });

  test('what it rejects with later is nobody’s', async () => {
    const site = new Site({ 'page.njk': '{{ load() }}' });
    expect(() => site.env.render('page.njk', { load: lazy(() => Promise.reject(new Error('late'))) })).toThrow();
    await new Promise((resolve) => setTimeout(resolve, 5));
  });

  test('with a store the bodies are rendered, nothing is stored or served, and one warning says why', async () => {
    const { site, store, clock } = siteWithStore({
      'page.njk': '{% cachesweeper article 500 %}{{ article.title }}{% endcachesweeper %}',
    });
    for (let i = 0; i < 2; i++) {
      await site.page({ article: new Article(1, 'A') });
      clock.advance(SETTLED);
    }
    const warnings: string[] = [];
    const heard = (warning: Error & { code?: string }) => void warnings.push(warning.code ?? '');
    process.on('warning', heard);
    store.operations.length = 0;
    for (let i = 0; i < 3; i++) expect(site.env.render('page.njk', { article: new Article(1, 'B') })).toBe('B');
    await new Promise((resolve) => setTimeout(resolve, 5));
    process.off('warning', heard);
    expect(warnings).toEqual(['CACHESWEEPER_NO_CALLBACK']);
    expect(store.operations).toEqual([]);
    expect(site.outcomes).toEqual(['unknown token']);
  });
});
