import { setTimeout as sleep } from 'node:timers/promises';
import nunjucks from 'nunjucks';
import { CacheSweeper, lazy } from 'nunjucks-cachesweeper';
import { describe, expect, test } from 'vitest';
import { ObjectLoader, type Templates } from '../support/loaders.ts';
import { Article, Comment } from '../support/models.ts';

/** A template that another one shows, rendered by a component or a lazy. */
class Site {
  readonly templates: Templates;
  readonly env: nunjucks.Environment;
  readonly sweeper: CacheSweeper;

  constructor(templates: Templates, options: { now?: () => number } = {}) {
    this.templates = templates;
    const loader = new ObjectLoader(templates);
    const source = loader.getSource.bind(loader);
    loader.getSource = (name) => ({ ...source(name), noCache: true });
    this.env = new nunjucks.Environment(loader);
    this.sweeper = new CacheSweeper(options);
    this.sweeper.install(this.env);
  }

  render(name: string, context: object = {}): Promise<string> {
    return this.sweeper.render(this.env, name, context);
  }
}

const OUTER = '{% cachesweeper article 500 %}{{ part() | safe }}{% endcachesweeper %}';
const INNER = '{% cachesweeper comment 500 %}<b>{{ comment.text }}</b>{% endcachesweeper %}';
const article = new Article(1);

test('an asynchronous filter that renders a component: what shows it is fresh after a bump', async () => {
  const site = new Site({
    'inner.njk': INNER,
    'outer.njk': '{% set box = 1 | component %}{% cachesweeper article 500 %}{{ box | safe }}{% endcachesweeper %}',
  });
  const comment = new Comment(7, 'old');
  site.env.addFilter('component', (_, done) => site.env.render('inner.njk', { comment }, done), true);
  expect(await site.render('outer.njk', { article })).toBe('<b>old</b>');
  comment.text = 'new';
  await site.sweeper.invalidateCacheFor(comment);
  expect(await site.render('outer.njk', { article })).toBe('<b>new</b>');
});

describe('what is shown in place of a part that failed is not stored', () => {
  class Failing {
    readonly id = 7;
    fails = true;
    text(): string {
      if (this.fails) throw new Error('not now');
      return 'new';
    }
  }
  const inner = '{% cachesweeper comment 500 %}<b>{{ comment.text() }}</b>{% endcachesweeper %}';
  type Part = (site: Site, comment: Failing) => unknown;
  const component: Part = (site, comment) => () => {
    try {
      return site.env.render('inner.njk', { comment });
    } catch {
      return 'sorry';
    }
  };
  const promise: Part = (site, comment) => lazy(() => site.render('inner.njk', { comment }).catch(() => 'sorry'));

  test.each([
    ['a component', component],
    ['a lazy', promise],
  ])('%s', async (_what, part) => {
    const site = new Site({ 'inner.njk': inner, 'outer.njk': OUTER });
    const comment = new Failing();
    const context = () => ({ article, part: part(site, comment) });
    expect(await site.render('outer.njk', context())).toBe('sorry');
    comment.fails = false;
    await site.sweeper.invalidateCacheFor(comment);
    expect(await site.render('outer.njk', context())).toBe('<b>new</b>');
  });
});

describe.each([
  ['a component', (site: Site, context: object) => () => site.env.render('inner.njk', context)],
  ['a lazy', (site: Site, context: object) => lazy(() => site.render('inner.njk', context))],
])('what %s renders', (_what, part) => {
  test('counts with the templates it chooses at run time', async () => {
    const site = new Site({ 'a.njk': 'one', 'inner.njk': '{% include which %}', 'outer.njk': OUTER });
    const context = () => ({ article, part: part(site, { which: 'a.njk' }) });
    expect(await site.render('outer.njk', context())).toBe('one');
    site.templates['a.njk'] = 'two';
    expect(await site.render('outer.njk', context())).toBe('two');
  });

  test('is not shown to another visitor when it reads a private name', async () => {
    const site = new Site({ 'inner.njk': 'hi {{ user.name }}', 'outer.njk': OUTER });
    const context = (name: string) => ({ article, part: part(site, { user: { name } }) });
    expect(await site.render('outer.njk', context('Ann'))).toBe('hi Ann');
    expect(await site.render('outer.njk', context('Bob'))).toBe('hi Bob');
  });
});

test('what a lazy renders has data as old as that of the page that it is for', async () => {
  let now = 1_800_000_000_000;
  const inner = '{% cachesweeper comment 500 %}{{ text }}{% endcachesweeper %}';
  const site = new Site({ 'inner.njk': inner, 'outer.njk': '{{ part() | safe }}' }, { now: () => now });
  const comment = new Comment(7);
  const part = lazy(async () => {
    await sleep(20);
    now += 5_000;
    return site.render('inner.njk', { comment, text: 'read before the bump' });
  });
  const page = site.render('outer.njk', { part });
  now += 500;
  await site.sweeper.invalidateCacheFor(comment);
  await page;
  now += 60_000;
  expect(await site.render('inner.njk', { comment, text: 'new' })).toBe('new');
});
