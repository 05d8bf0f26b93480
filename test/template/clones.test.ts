import { clone as hoekClone, merge } from '@hapi/hoek';
import lodash from 'lodash';
import nunjucks from 'nunjucks';
import { CacheSweeper, type CacheSweeperOptions, type RenderReport } from 'nunjucks-cachesweeper';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { describe, expect, test } from 'vitest';
import { ObjectLoader, type Templates } from '../support/loaders.ts';

type Environment = nunjucks.Environment;

const SHALLOW = 'a shallow copy';
const clones: readonly (readonly [string, (env: Environment) => Environment])[] = [
  ['@hapi/hoek', (env) => hoekClone(env)],
  ['lodash', (env) => lodash.cloneDeep(env)],
  [SHALLOW, (env) => Object.assign(Object.create(Object.getPrototypeOf(env)), env)],
  ['a clone of a clone', (env) => lodash.cloneDeep(hoekClone(env))],
];

const templates: Templates = {
  'layout.njk': '<title>{{ site.name }}</title>{% block main %}{% endblock %}',
  'macros.njk': '{% macro heading(text) %}<h1>{{ text | mark }}</h1>{% endmacro %}',
  'note.njk': '{% cachesweeper article 500 %}{% depends "Author" %}{{ article.title | mark }}{% endcachesweeper %}',
  'page.njk': `{% extends "layout.njk" %}{% from "macros.njk" import heading %}{% block main %}
    {% cachesweeper article 500 %}{{ heading(article.title) }}{% shout article.title %}{{ site.name }}{% include "note.njk" %}
    {% endcachesweeper %}{{ visitor }}{% endblock %}`,
};

class Article {
  readonly id = 7;
  readonly title: string;
  constructor(title: string) {
    this.title = title;
  }
}

interface TagParser {
  nextToken(): { readonly value: string };
  parseSignature(tolerant: null, noParentheses: boolean): object;
  advanceAfterBlockEnd(name: string): void;
}

/** A tag of the site. */
class Shout {
  readonly tags = ['shout'];
  readonly options = { mark: '!' };

  parse(parser: TagParser, nodes: { CallExtension: new (...args: unknown[]) => object }): object {
    const tag = parser.nextToken();
    const args = parser.parseSignature(null, true);
    parser.advanceAfterBlockEnd(tag.value);
    return new nodes.CallExtension(this, 'run', args);
  }

  run(_context: unknown, text: string): string {
    return text.toUpperCase() + this.options.mark;
  }
}

/** Adds what a site has beside its templates. */
function furnished(given: Templates): Environment {
  return new nunjucks.Environment(new ObjectLoader(given) as nunjucks.ILoader)
    .addGlobal('site', { name: 'Blog' })
    .addFilter('mark', (text: string) => `*${text}*`)
    .addExtension('Shout', new Shout() as unknown as nunjucks.Extension);
}

/** An environment with the sweeper. */
function installed(options: CacheSweeperOptions = {}, given: Templates = templates) {
  const reports: RenderReport[] = [];
  const sweeper = new CacheSweeper({
    timeout: '10s',
    maxDataAge: '60s',
    ...options,
    onRender: (report) => reports.push(report),
  });
  const env = sweeper.install(furnished(given));
  /** A page, and what became of its fragments. */
  const page = async (of: Environment, context: object): Promise<readonly [html: string, outcomes: string]> => {
    const html = await new Promise<string>((resolve, reject) => {
      of.render('page.njk', context, (error, rendered) => (error ? reject(error) : resolve(rendered ?? '')));
    });
    await sweeper.idle();
    const { fragments } = reports.at(-1) as RenderReport;
    return [html, fragments.map(({ outcome, reason }) => reason ?? outcome).join()];
  };
  return { sweeper, env, page };
}

/** The html that Nunjucks alone renders. */
function bare(context: object): string {
  const tag = /{% (end)?(cachesweeper|depends)[^%]*%}/g;
  const without = Object.entries(templates).map(([name, text]) => [name, text.replace(tag, '')]);
  return furnished(Object.fromEntries(without)).render('page.njk', context);
}

const shown = (title: string, visitor = 'Ann') => ({ article: new Article(title), visitor });

describe.each([
  ['without a store', () => ({})],
  ['with a store', () => ({ store: new TestingStore() })],
])('%s, an environment with the sweeper', (_kind, options) => {
  describe.each(clones)('cloned by %s', (_name, clone) => {
    test('renders the same, from the entries of its original', async () => {
      const { env, page } = installed(options());
      const copy = clone(env);
      expect(await page(copy, shown('One'))).toEqual([bare(shown('One')), 'miss,miss']);
      expect(await page(env, shown('One', 'Bob'))).toEqual([bare(shown('One', 'Bob')), 'hit']);
      expect(await page(clone(env), shown('One', 'Eve'))).toEqual([bare(shown('One', 'Eve')), 'hit']);
    });

    test('hears the bumps of its original', async () => {
      const { sweeper, env, page } = installed(options());
      const copy = clone(env);
      await page(copy, shown('One'));
      await sweeper.invalidateCacheFor({ type: 'Article', id: 7 });
      expect(await page(copy, shown('Two'))).toEqual([bare(shown('Two')), 'miss,miss']);
      await sweeper.invalidateCacheFor('Author');
      expect(await page(copy, shown('Two'))).toEqual([bare(shown('Two')), 'miss,miss']);
      expect(await page(copy, shown('Two'))).toEqual([bare(shown('Two')), 'hit']);
    });

    test('that has rendered pages renders the same', async () => {
      const { env, page } = installed(options());
      await page(env, shown('One'));
      expect(await page(clone(env), shown('One'))).toEqual([bare(shown('One')), 'hit']);
    });

    test('compiles a template before it has rendered any', async () => {
      const { env, sweeper } = installed(options());
      const template = new nunjucks.Template(templates['page.njk'] as string, clone(env), 'page.njk', true);
      for (let i = 0; i < 2; i++) {
        expect(await new Promise((resolve) => template.render(shown('One'), (_error, html) => resolve(html)))).toBe(
          bare(shown('One')),
        );
        await sweeper.idle();
      }
      expect(sweeper.stats().tags[0]).toMatchObject({ hits: 1, misses: 1 });
    });

    test('renders without a callback', () => {
      const { env } = installed(options());
      const copy = clone(env);
      for (let i = 0; i < 2; i++) expect(copy.render('page.njk', shown('One'))).toBe(bare(shown('One')));
    });

    test('has the sweeper installed', async () => {
      const { sweeper, env } = installed(options());
      const copy = clone(env);
      expect(sweeper.install(copy)).toBe(copy);
      expect(await sweeper.render(copy, 'page.njk', shown('One'))).toBe(bare(shown('One')));
      expect(() => new CacheSweeper().install(copy)).toThrow(expect.objectContaining({ code: 'CACHESWEEPER_INSTALL' }));
    });
  });

  // A shallow copy has the loaders of its original, which keep templates of whichever asked first.
  test.each(clones.filter(([name]) => name !== SHALLOW))(
    'cloned by %s has its own filters and globals, and leaves those of its original alone',
    async (_name, clone) => {
      const { env, page } = installed(options());
      const copy = clone(env);
      copy.addFilter('mark', (text: string) => `+${text}+`);
      copy.addGlobal('site', { name: 'Shop' });
      const other = bare(shown('One')).replaceAll('*', '+').replaceAll('Blog', 'Shop');
      for (let i = 0; i < 2; i++) {
        expect((await page(copy, shown('One')))[0]).toBe(other);
        expect((await page(env, shown('One')))[0]).toBe(bare(shown('One')));
      }
    },
  );
});

test('a function that is added to the clone of one request is not shared with those of others, in any process', async () => {
  const store = new TestingStore();
  const given = { 'page.njk': '{% cachesweeper article 500 %}{{ say(article.title) }}{% endcachesweeper %}' };
  for (const language of ['en', 'de', 'fr', 'en', 'de']) {
    // Each in a process of its own: only the store is the same.
    const { env, page } = installed({ store: new TestingStore({ shared: store }) }, given);
    const copy = hoekClone(env);
    copy.addGlobal('say', (text: string) => `${language}: ${text}`);
    expect((await page(copy, shown('One')))[0]).toBe(`${language}: One`);
  }
});

/** What a site may have in place of the environment's own. */
const replacements: readonly (readonly [string, object, (html: string) => string])[] = [
  ['globals', { globals: { site: { name: 'Shop' } } }, (html) => html.replaceAll('Blog', 'Shop')],
  ['filters', { filters: { mark: (text: string) => `+${text}+` } }, (html) => html.replaceAll('*', '+')],
  ['options', { opts: { autoescape: false } }, (html) => html.replaceAll('&lt;', '<')],
  [
    'templates',
    { 'macros.njk': '{% macro heading(text) %}<h2>{{ text | mark }}</h2>{% endmacro %}' },
    (html) => html.replaceAll('h1>', 'h2>'),
  ],
];

test.each(replacements)(
  'an environment that derives from one with the sweeper, with its own %s, renders with these',
  async (_name, own, changed) => {
    const { env, page } = installed();
    const derived = Object.create(env);
    // A loader keeps templates of whichever environment asked first.
    derived.loaders = [Object.assign(new ObjectLoader({ ...templates, ...own } as Templates), { cache: {} })];
    for (const name of ['globals', 'filters', 'opts'] as const)
      derived[name] = { ...derived[name], ...(own as Record<typeof name, object | undefined>)[name] };
    const expected = bare(shown('<One'));
    expect(changed(expected)).not.toBe(expected);
    for (let i = 0; i < 3; i++) {
      expect((await page(env, shown('<One')))[0]).toBe(expected);
      expect((await page(derived, shown('<One')))[0]).toBe(changed(expected));
    }
    expect(await page(derived, shown('<One'))).toEqual([changed(expected), 'hit']);
  },
);

test('an environment into which another was merged, its lists too, renders as before', async () => {
  const { env, page } = installed();
  // Its own tag is in the list twice, without the sweeper too.
  const merged = merge(hoekClone(env), env) as Environment;
  for (let i = 0; i < 2; i++) expect((await page(merged, shown('One')))[0]).toBe(bare(shown('One')));
  const rendered = lodash.cloneDeep(env);
  await page(rendered, shown('One'));
  expect((await page(Object.assign(rendered, env), shown('One')))[0]).toBe(bare(shown('One')));
});

test('a shallow copy that was made before the sweeper was installed can have it, too', async () => {
  const env = furnished(templates);
  const copy = Object.assign(Object.create(Object.getPrototypeOf(env)), env);
  for (const one of [env, copy]) new CacheSweeper().install(one);
  for (const one of [env, copy, env]) expect(one.render('page.njk', shown('One'))).toBe(bare(shown('One')));
});

test('a frozen environment renders as without the sweeper', async () => {
  const { env, page } = installed();
  Object.freeze(env);
  expect(await page(env, shown('One'))).toEqual([bare(shown('One')), 'miss,miss']);
  expect(await page(env, shown('One'))).toEqual([bare(shown('One')), 'hit']);
});

test('an extension that differs in a clone renders html of its own', async () => {
  const { env, page } = installed();
  const copy = lodash.cloneDeep(env);
  (copy.getExtension('Shout') as unknown as Shout).options.mark = '?';
  const other = bare(shown('One')).replace('ONE!', 'ONE?');
  for (let i = 0; i < 2; i++) {
    expect((await page(copy, shown('One')))[0]).toBe(other);
    expect((await page(env, shown('One')))[0]).toBe(bare(shown('One')));
  }
});

test('a structured copy of an environment cannot be made, with or without the sweeper', () => {
  expect(() => structuredClone(furnished(templates))).toThrow(/could not be cloned/);
  expect(() => structuredClone(installed().env)).toThrow(/could not be cloned/);
});
