import { lazy } from 'nunjucks-cachesweeper';
import { describe, expect, test } from 'vitest';
import type { Templates } from '../support/loaders.ts';
import { Article, Comment } from '../support/models.ts';
import { renderPage } from '../support/render.ts';
import { Clock, SETTLED, Site, siteWithStore } from './support.ts';

const fragment = '{% cachesweeper comment 500 %}[{{ comment.text }}]{% endcachesweeper %}';
const around = '{% cachesweeper article 500 %}<{{ widget() | safe }}>{% endcachesweeper %}';

type Render = (site: Site, comment: Comment) => unknown;

/** How a part of a page can be rendered by a function the page calls. */
const asynchronous: Record<string, Render> = {
  'awaits sweeper.render': ({ sweeper, env }, comment) => lazy(() => sweeper.render(env, 'widget.njk', { comment })),
  'awaits it after something else': ({ sweeper, env }, comment) =>
    lazy(async () => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      return sweeper.render(env, 'widget.njk', { comment });
    }),
  'uses env.render with a callback': ({ env }, comment) => lazy(() => renderPage(env, 'widget.njk', { comment })),
};
const synchronous: Record<string, Render> = {
  'a lazy that uses env.render without a callback': ({ env }, comment) =>
    lazy(() => env.render('widget.njk', { comment })),
  'an async lazy that uses env.render without a callback': ({ env }, comment) =>
    lazy(async () => env.render('widget.njk', { comment })),
};
const components: Record<string, Render> = {
  'a global that uses env.render without a callback':
    ({ env }, comment) =>
    () =>
      env.render('widget.njk', { comment }),
};

const later = (value: unknown, done: (error: null, value: unknown) => void) => setImmediate(() => done(null, value));

async function staysFresh(templates: Templates, render: Render, makeSite: (templates: Templates) => MadeSite) {
  const { site, clock } = makeSite({ 'widget.njk': fragment, ...templates });
  site.env.addFilter('later', later as never, true);
  const article = new Article(1);
  const comment = new Comment(7, 'old');
  const context = { article, widget: render(site, comment) };
  for (let i = 0; i < 3; i++) {
    expect(await site.page(context)).toContain('[old]');
    clock.advance(SETTLED);
  }
  comment.text = 'new';
  await site.sweeper.invalidateCacheFor(comment);
  expect(await site.page(context)).toContain('[new]');
}

interface MadeSite {
  readonly site: Site;
  readonly clock: Clock;
}

const kinds: [string, (templates: Templates) => MadeSite][] = [
  ['with a store', (templates) => siteWithStore(templates)],
  ['with a store alone', (templates) => siteWithStore(templates, { memory: false })],
  [
    'without a store',
    (templates) => {
      const clock = new Clock();
      return { site: new Site(templates, { now: clock.now }), clock };
    },
  ],
];

describe.each(kinds)('%s, what a page renders in between counts for the fragment around it:', (_title, makeSite) => {
  const all = Object.entries({ ...asynchronous, ...synchronous, ...components });

  test.each(all)('%s', (_what, render) => staysFresh({ 'page.njk': around }, render, makeSite));

  test.each(all)('%s, in an include in the body', (_what, render) =>
    staysFresh(
      {
        'page.njk': '{% cachesweeper article 500 %}{% include "part.njk" %}{% endcachesweeper %}',
        'part.njk': '{{ widget() | safe }}',
      },
      render,
      makeSite,
    ),
  );

  test.each(all)('%s, two fragments deep', (_what, render) =>
    staysFresh({ 'page.njk': `{% cachesweeper "page" 500 %}(${around}){% endcachesweeper %}` }, render, makeSite),
  );

  test.each(all)('%s, put into a variable before the fragment', (_what, render) =>
    staysFresh(
      { 'page.njk': '{% set box = widget() %}{% cachesweeper article 500 %}<{{ box | safe }}>{% endcachesweeper %}' },
      render,
      makeSite,
    ),
  );

  test.each(all)('%s, in two fragments', (_what, render) =>
    staysFresh(
      { 'page.njk': `{% cachesweeper "a" 500 %}{{ widget() | safe }}{% endcachesweeper %}${around}` },
      render,
      makeSite,
    ),
  );

  test.each(all)('%s, in a page that waited for an asynchronous filter', (_what, render) =>
    staysFresh({ 'page.njk': `{{ "x" | later }}${around}` }, render, makeSite),
  );

  test.each(Object.entries(asynchronous))(
    '%s, of a template that waits for an asynchronous filter itself',
    (_what, render) =>
      staysFresh({ 'page.njk': around, 'widget.njk': `{{ "x" | later }}${fragment}` }, render, makeSite),
  );

  test.each(Object.entries(asynchronous))('%s, of a template that has a lazy itself', (_what, render) =>
    staysFresh(
      { 'page.njk': around, 'widget.njk': `{{ wait() }}${fragment}` },
      (site, comment) => {
        site.env.addGlobal(
          'wait',
          lazy(async () => ''),
        );
        return render(site, comment);
      },
      makeSite,
    ),
  );

  test.each(all)('%s: an edit of its template counts too', async (_what, render) => {
    const templates: Templates = { 'page.njk': around, 'widget.njk': '{{ comment.text }}' };
    const { site, clock } = makeSite(templates);
    const comment = new Comment(7, 'text');
    const context = { article: new Article(1), widget: render(site, comment) };
    for (let i = 0; i < 3; i++) {
      expect(await site.page(context)).toBe('<text>');
      clock.advance(SETTLED);
    }
    templates['widget.njk'] = '{{ comment.text }}!';
    // As the watcher of a loader does.
    for (const loader of (site.env as unknown as { loaders: { cache?: object }[] }).loaders) loader.cache = {};
    expect(await site.page(context)).toBe('<text!>');
  });
});

test('what a lazy renders uncached makes the fragment around it uncached', async () => {
  const { site, store, clock } = siteWithStore({ 'page.njk': around, 'widget.njk': fragment });
  const comment = new Comment(7, 'old');
  const context = {
    article: new Article(1),
    widget: lazy(() => site.sweeper.render(site.env, 'widget.njk', { comment })),
  };
  const honest = store.getMany.bind(store);
  store.getMany = async (kind, keys, call) =>
    (await honest(kind, keys, call)).map((answer, i) =>
      kind === 'token' && keys[i]?.endsWith('=7') ? { state: 'unknown' } : answer,
    );
  await site.page(context);
  clock.advance(SETTLED);
  comment.text = 'new';
  expect(await site.page(context)).toBe('<[new]>');
  expect(site.outcomes).toEqual(['contains uncached']);
});

test('a lazy’s own page is a page of its own: it finishes, is reported, and may fail alone', async () => {
  const { site } = siteWithStore({ 'page.njk': '{{ widget() }}', 'widget.njk': '{{ broken() }}' });
  const widget = lazy(async () => {
    try {
      return await site.sweeper.render(site.env, 'widget.njk', {
        broken: () => {
          throw new Error('inner');
        },
      });
    } catch {
      return 'caught';
    }
  });
  expect(await site.page({ widget })).toBe('caught');
});
