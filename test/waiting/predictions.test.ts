import { lazy } from 'nunjucks-cachesweeper';
import { describe, expect, test } from 'vitest';
import { Article, Comment } from '../support/models.ts';
import { operationsOf, SETTLED, Site, siteWithStore } from './support.ts';

const templates = {
  'page.njk':
    '{% cachesweeper article 500 %}<{{ article.title }}>{% endcachesweeper %}' +
    '{% for comment in comments %}{% cachesweeper comment 500 %}({{ comment.text }}){% endcachesweeper %}{% endfor %}',
};

/** Renders pages one after the other; what each cost the last time round. */
async function rounds(all: ReturnType<typeof siteWithStore>, contexts: readonly object[], times = 3) {
  let costs: object[] = [];
  for (let i = 0; i < times; i++) {
    costs = [];
    for (const context of contexts) {
      all.clock.advance(SETTLED);
      operationsOf(all.store);
      const html = await all.site.page(context);
      const { passes, roundTrips } = all.site.report;
      costs.push({ html, passes, roundTrips, operations: operationsOf(all.store) });
    }
  }
  return costs;
}

const comments = (count: number, from = 0) => Array.from({ length: count }, (_, i) => new Comment(from + i, `c${i}`));

describe('a page asks before its first pass for what it needed last time', () => {
  test('pages of one template are told apart by the models they are given', async () => {
    const all = siteWithStore(templates, { memory: false });
    const one = { article: new Article(1, 'A'), comments: comments(2) };
    const two = { article: new Article(2, 'B'), comments: comments(3, 100) };
    expect(await rounds(all, [one, two])).toEqual([
      { html: '<A>(c0)(c1)', passes: 1, roundTrips: 1, operations: ['getMany token 6', 'getMany entry 3'] },
      { html: '<B>(c0)(c1)(c2)', passes: 1, roundTrips: 1, operations: ['getMany token 7', 'getMany entry 4'] },
    ]);
  });

  test.each([
    ['rows of a driver', 'type="Row"', { id: 1 }, { id: 2 }],
    ['instances of a registered class', '', new Slugged('a'), new Slugged('b')],
  ])('%s tell pages apart as well', async (_what, type, one, two) => {
    const all = siteWithStore(
      { 'page.njk': `{% cachesweeper article 500 ${type} %}x{% endcachesweeper %}` },
      { memory: false },
    );
    all.site.sweeper.register(Slugged, { id: 'slug' });
    expect(await rounds(all, [{ article: one }, { article: two }])).toMatchObject([
      { passes: 1, roundTrips: 1 },
      { passes: 1, roundTrips: 1 },
    ]);
  });

  test('a getter of the context is called by the page alone: it may consume what it gives', async () => {
    const { site } = siteWithStore({ 'page.njk': '{{ flash }}' });
    const messages = ['saved'];
    const context = {
      get flash() {
        return messages.shift();
      },
    };
    expect(await site.page(context)).toBe('saved');
  });

  test('what is needed beyond the guess is asked for in further roundTrips', async () => {
    const all = siteWithStore(templates, { memory: false });
    const article = new Article(1, 'A');
    await rounds(all, [{ article, comments: comments(2) }]);
    const [cost] = await rounds(all, [{ article, comments: comments(4) }], 1);
    expect(cost).toEqual({
      html: '<A>(c0)(c1)(c2)(c3)',
      passes: 2,
      roundTrips: 2,
      operations: [
        'getMany token 6',
        'getMany entry 3',
        // Their tokens are made here, so no entry can be there.
        'getMany token 2',
        'addMany token 2',
        // What a tag reads: the record that was not asked for this time.
        'setMany entry 1',
        'addMany entry 2',
      ],
    });
  });

  test('what was guessed wrongly is asked for in vain once', async () => {
    const all = siteWithStore(templates, { memory: false });
    const article = new Article(1, 'A');
    await rounds(all, [{ article, comments: comments(50) }]);
    const fewer = [{ article, comments: comments(1) }];
    const [first] = await rounds(all, fewer, 1);
    const [second] = await rounds(all, fewer, 1);
    const operations = (names: number, keys: number) => [`getMany token ${names}`, `getMany entry ${keys}`];
    expect(first).toEqual({ html: '<A>(c0)', passes: 1, roundTrips: 1, operations: operations(54, 51) });
    expect(second).toEqual({ html: '<A>(c0)', passes: 1, roundTrips: 1, operations: operations(5, 2) });
  });

  test('the tokens are read after the render began: a bump before it, by any process, is seen', async () => {
    const all = siteWithStore(templates, { memory: false });
    const other = new Site(templates, { store: all.store, now: all.clock.now });
    const context = { article: new Article(1, 'A'), comments: comments(1) };
    await rounds(all, [context]);
    context.article.title = 'B';
    await other.sweeper.invalidateCacheFor(context.article);
    expect(await all.site.page(context)).toBe('<B>(c0)');
  });

  test('pages that differ in what their fragments read are told apart', async () => {
    const all = siteWithStore(
      {
        'page.njk':
          '{% cachesweeper article 500 reader.key %}{{ article.title }} for {{ reader.name }}{% endcachesweeper %}',
      },
      { memory: false },
    );
    // No model tells these pages apart.
    const context = (key: number, name: string) => ({ article: new Article(1, 'A'), reader: { key, name } });
    const costs = await rounds(all, [context(1, 'Ann'), context(2, 'Bo')]);
    expect(costs).toMatchObject([
      { html: 'A for Ann', roundTrips: 1 },
      { html: 'A for Bo', roundTrips: 1 },
    ]);
  });
});

describe('a prediction', () => {
  test('starts no lazy, and where one runs all the same it is in the same round trip', async () => {
    const all = siteWithStore({
      'page.njk':
        '{% cachesweeper article 500 %}{{ inside() }}{% endcachesweeper %}{% if shown %}{{ outside() }}{% endif %}',
    });
    const calls: string[] = [];
    const loader = (name: string) => lazy(async () => calls.push(name) && name);
    const context = { article: new Article(1), inside: loader('inside'), outside: loader('outside'), shown: false };
    await rounds(all, [context]);
    calls.length = 0;
    expect(await rounds(all, [context], 1)).toMatchObject([{ html: 'inside', passes: 1, roundTrips: 1 }]);
    expect(calls).toEqual([]);
    context.shown = true;
    expect(await rounds(all, [context], 2)).toMatchObject([{ html: 'insideoutside', passes: 2, roundTrips: 1 }]);
    expect(calls).toEqual(['outside', 'outside']);
  });

  test('is not made for a page that is not to be cached', async () => {
    let enabled = true;
    const all = siteWithStore(templates, { enabled: () => enabled });
    const context = { article: new Article(1, 'A'), comments: [] };
    await rounds(all, [context]);
    enabled = false;
    expect(await rounds(all, [context], 1)).toEqual([{ html: '<A>', passes: 1, roundTrips: 0, operations: [] }]);
  });

  test('of a template that is rendered from a text is its own: a mail without a fragment waits for nothing', async () => {
    const all = siteWithStore(templates);
    const render = (source: string) =>
      new Promise<void>((done, failed) => {
        const context = { article: new Article(1, 'A') };
        all.site.env.renderString(source, context, (error) => (error === null ? done() : failed(error)));
      });
    for (let i = 0; i < 2; i++) {
      all.clock.advance(SETTLED);
      await render('{% cachesweeper article 500 %}<{{ article.title }}>{% endcachesweeper %}');
      await all.site.sweeper.idle();
      operationsOf(all.store);
      await render('Dear {{ article.title }}');
      expect(all.site.report).toMatchObject({ passes: 1, roundTrips: 0, waited: 0 });
      expect(operationsOf(all.store)).toEqual([]);
    }
  });

  test('that was made in vain is forgotten', async () => {
    const all = siteWithStore({
      'page.njk': '{% if shown %}{% cachesweeper article 500 %}<{{ article.title }}>{% endcachesweeper %}{% endif %}',
    });
    const context = { article: new Article(1, 'A'), shown: true };
    await rounds(all, [context]);
    context.shown = false;
    // Asked for once more, and never again.
    expect(await rounds(all, [context], 1)).toMatchObject([{ html: '', operations: ['getMany token 3'] }]);
    expect(await rounds(all, [context], 1)).toEqual([{ html: '', passes: 1, roundTrips: 0, operations: [] }]);
  });

  test('neither asks the option identify nor minds what a page is given', async () => {
    const asked: unknown[] = [];
    const all = siteWithStore(templates, {
      identify: (model) => {
        asked.push(model);
        return undefined;
      },
    });
    const context = {
      article: new Article(1, 'A'),
      comments: [],
      settings: {
        get id(): never {
          throw new Error('not here');
        },
      },
      nothing: null,
      request: new Proxy(
        {},
        {
          getPrototypeOf: () => {
            throw new Error('no');
          },
        },
      ),
    };
    await rounds(all, [context]);
    expect(new Set(asked)).toEqual(new Set([context.article]));
    expect(all.site.report).toMatchObject({ passes: 1, roundTrips: 1 });
  });
});

/** A model whose id has another name. */
class Slugged {
  readonly slug: string;

  constructor(slug: string) {
    this.slug = slug;
  }
}
