import nunjucks from 'nunjucks';
import { CacheSweeper, lazy, type RenderReport } from 'nunjucks-cachesweeper';
import { describe, expect, test, vi } from 'vitest';
import { ObjectLoader } from '../support/loaders.ts';
import { Article, Comment } from './blog.ts';
import { kinds, serve } from './framework-suite.ts';

type Done = (error: Error | null, html?: string | null) => void;

const templates = {
  'article.njk': '{% cachesweeper article 500 %}<{{ show(comment) }}>{% endcachesweeper %}',
  'article-filter.njk': '{% cachesweeper article 500 %}<{{ comment | show }}>{% endcachesweeper %}',
  'article-member.njk': '{% cachesweeper article 500 %}<{{ tools.show(comment) }}>{% endcachesweeper %}',
  'article-macro.njk':
    '{% macro box(show, comment) %}<{{ show(comment) }}>{% endmacro %}' +
    '{% cachesweeper article 500 %}{{ box(show, comment) }}{% endcachesweeper %}',
  'comment.njk': '{% cachesweeper comment 500 %}{{ comment.text }}{% endcachesweeper %}',
  // No fragment in it: what it shows is named by `depends`.
  'plain.njk': '{{ comment.text }}{% depends comment %}',
  'nested.njk': '({{ show(comment) }})',
};

const environment = () => new nunjucks.Environment(new ObjectLoader(templates) as nunjucks.ILoader);

type Context = { env: nunjucks.Environment };
type Render = (this: Context, comment: Comment) => unknown;

/** How a page can render another template, and where it finds the function that does. */
interface Way {
  readonly name: string;
  readonly as: 'global' | 'filter' | 'value' | 'member' | 'macro argument';
  readonly render: (env: nunjucks.Environment) => Render;
  /** It renders where it cannot wait for a store: what it shows is nothing to keep. */
  readonly cannotWait?: true;
}

const template: Record<Way['as'], string> = {
  global: 'article.njk',
  filter: 'article-filter.njk',
  value: 'article.njk',
  member: 'article-member.njk',
  'macro argument': 'article-macro.njk',
};

const atOnce = (env: nunjucks.Environment) => (comment: Comment) => env.render('comment.njk', { comment });
const withCallback = (env: nunjucks.Environment, name: string, comment: Comment): Promise<string> =>
  new Promise((resolve, reject) => {
    env.render(name, { comment }, (error, html) => (error ? reject(error) : resolve(html ?? '')));
  });
const lazily = (env: nunjucks.Environment) => lazy((comment: Comment) => withCallback(env, 'comment.njk', comment));

const ways: readonly Way[] = [
  { name: 'a global that calls env.render', as: 'global', render: atOnce },
  { name: 'a filter that calls env.render', as: 'filter', render: atOnce },
  { name: 'a function of the page that calls env.render', as: 'value', render: atOnce },
  { name: 'a method that calls env.render', as: 'member', render: atOnce },
  ...(['global', 'filter'] as const).map(
    (as): Way => ({
      name: `a ${as} that calls this.env.render`,
      as,
      render: () =>
        function show(this: Context, comment: Comment) {
          return this.env.render('comment.njk', { comment });
        },
    }),
  ),
  {
    name: 'a global that calls env.renderString',
    as: 'global',
    render: (env) => (comment) => env.renderString('{% include "comment.njk" %}', { comment }),
  },
  {
    name: 'a global that renders a template directly',
    as: 'global',
    render: (env) => (comment) => env.getTemplate('comment.njk').render({ comment }),
  },
  {
    name: 'a global whose template has no fragment, and depends by hand',
    as: 'global',
    render: (env) => (comment) => env.render('plain.njk', { comment }),
  },
  {
    name: 'a global of a global',
    as: 'global',
    render: (env) => (comment) => env.render('nested.njk', { comment, show: () => atOnce(env)(comment) }),
  },
  { name: 'a lazy that calls env.render', as: 'value', render: lazily },
  {
    name: 'a lazy that calls env.render without a callback',
    as: 'value',
    render: (env) => lazy(atOnce(env)),
    cannotWait: true,
  },
  { name: 'a lazy in a macro', as: 'macro argument', render: lazily },
  { name: 'a lazy as a member', as: 'member', render: lazily },
  { name: 'a lazy as a global', as: 'global', render: lazily },
  {
    name: 'a lazy that waits, and renders then',
    as: 'value',
    render: (env) =>
      lazy(async (comment: Comment) => {
        await new Promise((resolve) => setImmediate(resolve));
        return withCallback(env, 'plain.njk', comment);
      }),
  },
];

/** The environment and the context in which a page renders another template in this way. */
function prepared({ as, render }: Way, env: nunjucks.Environment): object {
  const show = render(env);
  if (as === 'global') env.addGlobal('show', show);
  if (as === 'filter') env.addFilter('show', show);
  return as === 'member' ? { tools: { show } } : as === 'global' || as === 'filter' ? {} : { show };
}

describe.each(kinds)('what a page renders inside a fragment belongs to it, %s', (_kind, options) => {
  test.each(ways)('$name', async (way) => {
    const reports: RenderReport[] = [];
    const sweeperOptions = options();
    const sweeper = new CacheSweeper({
      ...sweeperOptions,
      maxDataAge: '60s',
      timeout: '20s',
      onRender: (report) => reports.push(report),
    });
    const env = sweeper.install(environment());
    const name = template[way.as];
    const context = { ...prepared(way, env), article: new Article(1, 'One'), comment: new Comment(11, 1, 'First') };
    const get = (): Promise<string> =>
      new Promise((resolve, reject) => {
        env.render(name, context, (error, html) => (error ? reject(error) : resolve(html!)));
      });
    const outcome = () =>
      reports
        .filter((report) => report.template === name)
        .at(-1)
        ?.fragments.at(-1)?.outcome;

    const first = await get();
    expect(first).toContain('First');
    await sweeper.idle();
    // A function of the page is trusted when a second page meets it.
    if (way.as === 'value' || way.as === 'member') expect(await get()).toBe(first);
    await sweeper.idle();
    expect(await get()).toBe(first);
    expect(outcome()).toBe(way.cannotWait && 'store' in sweeperOptions ? 'uncached' : 'hit');
    context.comment.text = 'Edited';
    await sweeper.invalidateCacheFor(context.comment);
    expect(await get()).toBe(first.replace('First', 'Edited'));
    await sweeper.idle();
    expect(await get()).toBe(first.replace('First', 'Edited'));
    await sweeper.close();
  });

  test('an edit of the template that a lazy renders counts for the fragment around it', async () => {
    const sweeper = new CacheSweeper({ ...options(), maxDataAge: '60s' });
    const own = { ...templates };
    const loader = new ObjectLoader(own);
    loader.getSource = (name) => ({ src: own[name as keyof typeof own], path: name, noCache: true });
    const env = sweeper.install(new nunjucks.Environment(loader as nunjucks.ILoader));
    const article = new Article(1, 'One');
    const comment = new Comment(11, 1, 'First');
    const get = (): Promise<string> =>
      new Promise((resolve, reject) => {
        const show = lazy(() => withCallback(env, 'plain.njk', comment));
        env.render('article.njk', { article, comment, show }, (error, html) =>
          error ? reject(error) : resolve(html!),
        );
      });
    expect(await get()).toBe('<First>');
    await sweeper.idle();
    own['plain.njk'] = 'new {{ comment.text }}{% depends comment %}';
    expect(await get()).toBe('<new First>');
    await sweeper.close();
  });

  test('a render that a global starts with a callback is a page of its own', async () => {
    const sweeper = new CacheSweeper({ ...options(), maxDataAge: '60s', timeout: '20s' });
    const env = sweeper.install(environment());
    const mails: string[] = [];
    for (const name of ['show', 'ownShow'] as const) {
      env.addGlobal(name, function show(this: Context, comment: Comment) {
        const mine = name === 'show' ? env : this.env;
        mine.render('comment.njk', { comment }, (error: Error | null, html: string | null) => {
          mails.push(error?.message ?? html ?? 'nothing');
        });
        return 'sent';
      });
    }
    const comment = new Comment(11, 1, 'First');
    const site = await serve((_request, response) => {
      const done: Done = (error, html) => response.writeHead(error ? 500 : 200).end(html ?? error?.message);
      env.renderString('{{ show(comment) }}', { comment }, done);
    });
    for (let i = 1; i <= 2; i++) {
      expect(await (await fetch(site.url)).text()).toBe('sent');
      await vi.waitUntil(() => mails.length === i);
      await sweeper.idle();
    }
    expect(mails).toEqual(['First', 'First']);
    await site.close();
    await sweeper.close();
  });

  test('callback filters outside fragments render parts, each with its own passes', async () => {
    const sweeper = new CacheSweeper({ ...options(), maxDataAge: '60s', timeout: '20s' });
    const env = sweeper.install(environment());
    for (const [name, own] of [
      ['part', false],
      ['ownPart', true],
    ] as const) {
      env.addFilter(
        name,
        function part(this: Context, comment: Comment, done: Done) {
          (own ? this.env : env).render('comment.njk', { comment }, done as never);
        } as never,
        true,
      );
    }
    const comments = [1, 2, 3].map((n) => new Comment(n, 1, `Text ${n}`));
    const get = (source: string): Promise<string> =>
      new Promise((resolve, reject) => {
        env.renderString(source, { comments }, (error, html) => (error ? reject(error) : resolve(html!)));
      });
    for (const name of ['part', 'ownPart']) {
      const flat = `{{ comments[0] | ${name} }}, {{ comments[1] | ${name} }}.`;
      for (let i = 0; i < 2; i++) {
        expect(await get(flat)).toBe('Text 1, Text 2.');
        await sweeper.idle();
      }
    }
    await sweeper.close();
  });
});
