import { lazy } from 'nunjucks-cachesweeper';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { describe, expect, test } from 'vitest';
import { sized } from '../support/long.ts';
import { Article, Comment } from '../support/models.ts';
import { Site } from './support.ts';

const VISITORS = sized(40, 200, 200);

const templates = {
  'base.njk': '{% block head %}{% endblock %}|{% block body %}{% endblock %}',
  'page.njk': `{% extends "base.njk" %}{% import "macros.njk" as m %}
{%- block head %}{{ me }}{% endblock %}
{%- block body %}{% cachesweeper article 500 me %}{{ article.title }}/{{ me }}{% for c in comments(me) %}{% include "comment.njk" %}{% endfor %}{% endcachesweeper %}
{%- set box %}{% cachesweeper article 500 "box" me %}{{ name(article.id) }}{% endcachesweeper %}{% endset %}{{ box | safe }}{{ page.own() }}{{ m.card(article, me) }}{% if isBroken %}{{ broken() }}{% endif %}{% endblock %}`,
  'comment.njk': '{% cachesweeper c 500 %}[{{ c.text }}{{ author(c).name }}]{% endcachesweeper %}',
  'macros.njk':
    '{% macro card(a, me) %}{% cachesweeper a 500 "card" %}({{ a.title }}{{ stamp(a.id) }}){% endcachesweeper %}{{ me }}{% endmacro %}',
};
const random = (most: number) => new Promise((resolve) => setTimeout(resolve, Math.random() * most));

/** What a visitor's page is made from; and the html it must come to. */
function visit(id: number) {
  const article = new Article(id % 20, `t${id % 20}`);
  const me = `u${id}`;
  const isBroken = id % 13 === 0;
  const comments = [1, 2].map((k) => new Comment((id % 20) * 10 + k, `c${(id % 20) * 10 + k}`));
  const context = {
    article,
    me,
    isBroken,
    comments: lazy(async () => {
      await random(4);
      return comments;
    }),
    author: lazy(async (comment: Comment) => {
      await random(3);
      return { name: `by${comment.id}` };
    }),
    name: lazy(async (n: number) => `n${n}${me}`),
    page: {
      own: lazy(async () => {
        await random(2);
        return `own${id}`;
      }),
    },
    broken: lazy(async () => {
      await random(2);
      throw new Error(`error of ${me}.`);
    }),
  };
  const items = comments.map(({ id: c, text }) => `[${text}by${c}]`).join('');
  const n = id % 20;
  const html = `${me}|t${n}/${me}${items}n${n}${me}own${id}(t${n}s${n})${me}`;
  return { context, html, isBroken, me };
}

const slow = () => new TestingStore({ script: () => ({ delay: Math.floor(Math.random() * 4) }) });

describe.each([
  ['with a store', () => new Site(templates, { store: slow() })],
  ['with a store alone', () => new Site(templates, { store: slow(), memory: false })],
  ['without a store', () => new Site(templates)],
] as const)(`${VISITORS} pages of ${VISITORS} visitors at one time, %s`, (_title, makeSite) => {
  test('each gets its own html, lazies and errors, cold and warm', { timeout: 120_000 }, async () => {
    const site = makeSite();
    site.env.addGlobal('stamp', (id: number) => `s${id}`);
    for (let round = 0; round < 3; round++) {
      await Promise.all(
        Array.from({ length: VISITORS }, async (_, id) => {
          const { context, html, isBroken, me } = visit(id);
          await random(5);
          const page = await site.page(context).catch((error: Error) => error);
          if (isBroken) expect((page as Error).message).toContain(`error of ${me}.`);
          else expect(page).toBe(html);
        }),
      );
    }
  });

  test('while everything is invalidated all the time', { timeout: 120_000 }, async () => {
    const site = makeSite();
    site.env.addGlobal('stamp', (id: number) => `s${id}`);
    let done = false;
    const invalidating = (async () => {
      while (!done) {
        await site.sweeper.invalidateCacheFor(new Article(Math.floor(Math.random() * 20)));
        await random(2);
        if (Math.random() < 0.1) await site.sweeper.invalidateAll();
      }
    })();
    await Promise.all(
      Array.from({ length: VISITORS }, async (_, id) => {
        const { context, html, isBroken } = visit(id);
        await random(20);
        const page = await site.page(context).catch(() => 'failed');
        expect(page).toBe(isBroken ? 'failed' : html);
      }),
    );
    done = true;
    await invalidating;
  });
});

/** A filter whose callbacks are all called in the asynchronous context of the first page that used it. */
function addBatchedFilter({ env }: Site): void {
  let waiting: (() => void)[] = [];
  env.addFilter(
    'batched',
    ((value: unknown, done: (error: null, value: unknown) => void) => {
      waiting.push(() => done(null, value));
      if (waiting.length > 1) return;
      setTimeout(() => {
        const all = waiting;
        waiting = [];
        for (const call of all) call();
      }, 3);
    }) as never,
    true,
  );
}

describe.each([
  ['with a store', () => ({ store: slow() })],
  ['without a store', () => ({})],
] as const)('pages that continue in another page’s asynchronous context, %s', (_title, options) => {
  test.each([
    ['a lazy called by its name', '{{ load() }}'],
    ['a lazy that is a member', '{{ page.load() }}'],
    ['a lazy that is a member, in a fragment', '{% cachesweeper article 500 %}{{ page.load() }}{% endcachesweeper %}'],
    ['a lazy handed to a function', '{{ call(load) }}'],
    ['a lazy in a macro', '{% macro m(f) %}{{ f() }}{% endmacro %}{{ m(load) }}'],
  ])('%s is that of its own page', async (_what, source) => {
    const site = new Site({ 'page.njk': `{{ "" | batched }}${source}` }, options());
    addBatchedFilter(site);
    site.env.addGlobal('call', (load: () => unknown) => load());
    const pages = await Promise.all(
      Array.from({ length: 20 }, async (_, id) => {
        const load = lazy(async () => {
          await random(3);
          return `L${id}`;
        });
        return site.page({ article: new Article(id), load, page: { load } }).catch((error) => error.message);
      }),
    );
    expect(pages).toEqual(pages.map((_, id) => `L${id}`));
  });

  test('a fragment of a component is a part of the one around it', async () => {
    const site = new Site(
      {
        'page.njk': '{{ "" | batched }}{% cachesweeper article 500 %}{{ widget() | safe }}{% endcachesweeper %}',
        'widget.njk': '{% cachesweeper comment 500 %}{{ comment.text }}{% endcachesweeper %}',
      },
      options(),
    );
    addBatchedFilter(site);
    const comments = Array.from({ length: 10 }, (_, id) => new Comment(id, `c${id}`));
    const page = (comment: Comment) =>
      site.page({ article: new Article(comment.id), widget: () => site.env.render('widget.njk', { comment }) });
    for (let i = 0; i < 2; i++) expect(await Promise.all(comments.map(page))).toEqual(comments.map(({ text }) => text));
    for (const comment of comments) comment.text += 'new';
    await site.sweeper.invalidateCacheFor(comments);
    expect(await Promise.all(comments.map(page))).toEqual(comments.map(({ text }) => text));
  });
});

test('the callback of each page is called in its caller’s own asynchronous context', async () => {
  const { AsyncLocalStorage } = await import('node:async_hooks');
  const storage = new AsyncLocalStorage<number>();
  const site = new Site(
    { 'page.njk': '{{ "" | batched }}{% cachesweeper article 500 %}x{% endcachesweeper %}' },
    { store: slow() },
  );
  addBatchedFilter(site);
  const seen = await Promise.all(
    Array.from({ length: 30 }, (_, id) =>
      storage.run(
        id,
        () =>
          new Promise((resolve) => {
            site.env.render('page.njk', { article: new Article(id % 3) }, () => resolve(storage.getStore()));
          }),
      ),
    ),
  );
  expect(seen).toEqual(seen.map((_, id) => id));
});
