import nunjucks from 'nunjucks';
import { lazy } from 'nunjucks-cachesweeper';
import { describe, expect, test } from 'vitest';
import { ObjectLoader } from '../support/loaders.ts';
import { Article, Comment } from '../support/models.ts';
import { renderPage } from '../support/render.ts';
import { failureOf, SETTLED, Site, siteWithStore } from './support.ts';

const fail = (message = 'the database is down') => lazy(() => Promise.reject(new Error(message)));

/** What a page comes to, if it comes to anything. */
async function ends(page: Promise<string>): Promise<string> {
  const never = new Promise<string>((resolve) => setTimeout(() => resolve('never answered'), 2_000).unref());
  return Promise.race([
    page.then(
      (html) => `html: ${html}`,
      (error) => `error: ${error?.message ?? error}`,
    ),
    never,
  ]);
}

describe.each([
  ['with a store', (templates: Record<string, string>) => siteWithStore(templates).site],
  ['without a store', (templates: Record<string, string>) => new Site(templates)],
] as const)('%s', (_title, makeSite) => {
  test.each([
    ['rejects', () => Promise.reject(new Error('no such table'))],
    [
      'throws',
      () => {
        throw new Error('no such table');
      },
    ],
  ])(
    'a lazy that %s is the error of the page, at the place where a function that throws would be',
    async (_how, load) => {
      const templates = {
        'page.njk': 'a\nb\n  {{ load() }}',
        'outer.njk': 'x\n{% include "part.njk" %}',
        'part.njk': 'y\n\n {{ load() }}',
        'fragment.njk': 'x\n{% cachesweeper article 500 %}\n\n{{ load() }}{% endcachesweeper %}',
        'plain.njk': 'x\n{% if true %}\n\n{{ load() }}{% endif %}',
      };
      const plain = new nunjucks.Environment(new ObjectLoader(templates) as nunjucks.ILoader);
      const throws = () => {
        throw new Error('no such table');
      };
      const site = makeSite(templates);
      for (const [name, like = name] of [['page.njk'], ['outer.njk'], ['fragment.njk', 'plain.njk']] as const) {
        const expected = await failureOf(renderPage(plain, like, { load: throws }));
        const error = await failureOf(site.page({ article: new Article(1), load: lazy(load) }, name));
        expect(error.message).toBe(expected.message.replace(like, name));
        expect(error.message).toMatch(/\.njk\) \[Line \d/);
      }
    },
  );

  test('nothing is stored when a lazy failed, and the next page tries again', async () => {
    const site = makeSite({
      'page.njk':
        '{% cachesweeper article 500 %}{{ article.title }}{% endcachesweeper %}{% cachesweeper comment 500 %}{{ load() }}{% endcachesweeper %}',
    });
    let isDown = true;
    const load = lazy(async () => {
      if (isDown) throw new Error('down');
      return 'up';
    });
    const context = { article: new Article(1, 'A'), comment: new Comment(1), load };
    await failureOf(site.page(context));
    await site.sweeper.idle();
    expect(site.sweeper.stats().memory.entries).toBe(0);
    isDown = false;
    expect(await site.page(context)).toBe('Aup');
    expect(site.outcomes).toEqual(['miss', 'miss']);
  });

  test.each([
    ['nothing', undefined],
    ['null', null],
    ['a text', 'gone'],
    ['a number', 0],
    ['an object', { status: 404 }],
    ['a frozen error', Object.freeze(new Error('frozen'))],
  ])('a lazy that rejects with %s fails the page, in a fragment and outside', async (_what, reason) => {
    const site = makeSite({
      'page.njk': '{{ load() }}',
      'inside.njk': '{% cachesweeper article 500 %}{{ load() }}{% endcachesweeper %}',
    });
    const context = { article: new Article(1), load: lazy(() => Promise.reject(reason)) };
    expect(await ends(site.page(context))).toMatch(/^error: /);
    expect(await ends(site.page(context, 'inside.njk'))).toMatch(/^error: /);
  });

  test('the callback is called once, with the error or with the html', async () => {
    const site = makeSite({ 'page.njk': '{{ a() }}{{ b() }}{{ broken() }}' });
    const calls: unknown[] = [];
    await new Promise<void>((resolve) => {
      site.env.render('page.njk', { a: fail('one'), b: fail('two'), broken: fail('three') }, (error) => {
        calls.push(error?.message);
        setTimeout(resolve, 20);
      });
    });
    expect(calls).toEqual([expect.stringContaining('one')]);
  });

  test('an error that a missing value caused is dropped with its pass', async () => {
    const site = makeSite({
      'page.njk': '{{ strict(load()) }}{% cachesweeper article 500 %}{{ strict(load()) }}{% endcachesweeper %}',
    });
    site.env.addGlobal('strict', (value: unknown) => {
      if (typeof value !== 'string') throw new TypeError('expected a text');
      return value;
    });
    expect(await site.page({ article: new Article(1), load: lazy(async () => 'x') })).toBe('xx');
  });

  test('what comes after such an error is found in the same pass: its lazies are loaded in the same round trip', async () => {
    const site = makeSite({
      'page.njk':
        '{% for id in ids %}{% cachesweeper article 500 id %}{{ strict(load(id)) }}{% endcachesweeper %}{% endfor %}',
    });
    site.env.addGlobal('strict', (value: unknown) => {
      if (typeof value !== 'number') throw new TypeError('expected a number');
      return value;
    });
    const context = { article: new Article(1), ids: [1, 2, 3, 4], load: lazy(async (id: number) => id) };
    expect(await site.page(context)).toBe('1234');
    // For tokens, leases and the data.
    expect(site.report.roundTrips).toBeLessThanOrEqual(3);
  });

  test('an error that stays is the error of the page', async () => {
    const site = makeSite({ 'page.njk': '{{ load() }}\n{{ strict() }}' });
    site.env.addGlobal('strict', () => {
      throw new TypeError('always');
    });
    const error = await failureOf(site.page({ load: lazy(async () => 'x') }));
    expect(error.message).toMatch(/page\.njk[\s\S]*always/);
  });

  test('a lazy that was started in vain and rejects is nobody’s error', async () => {
    const site = makeSite({ 'page.njk': '{% if flag() %}{{ load() }}{% else %}fine{% endif %}' });
    expect(await site.page({ flag: lazy(async () => false), load: fail() })).toBe('fine');
  });

  test('one page’s error is not another’s', async () => {
    const site = makeSite({ 'page.njk': '{% cachesweeper article 500 %}{{ load() }}{% endcachesweeper %}' });
    const pages = await Promise.allSettled(
      Array.from({ length: 20 }, (_, id) =>
        site.page({ article: new Article(id), load: id % 2 === 0 ? fail(`f${id}.`) : lazy(async () => `v${id}`) }),
      ),
    );
    pages.forEach((page, id) => {
      if (page.status === 'rejected') expect(page.reason.message).toContain(`f${id}.`);
      else expect(page.value).toBe(`v${id}`);
    });
  });
});

test('an error in a store page after a hit comes from the page that failed, and hits go on', async () => {
  const { site, clock } = siteWithStore({
    'page.njk': '{% cachesweeper article 500 %}{{ article.title }}{% endcachesweeper %}{{ load() }}',
  });
  const context = { article: new Article(1, 'A'), load: lazy(async () => 'x') };
  for (let i = 0; i < 2; i++) {
    await site.page(context);
    clock.advance(SETTLED);
  }
  await failureOf(renderPage(site.env, 'page.njk', { ...context, load: fail() }));
  expect(await site.page(context)).toBe('Ax');
});
