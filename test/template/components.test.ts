import nunjucks from 'nunjucks';
import { describe, expect, test } from 'vitest';
import { ObjectLoader } from '../support/loaders.ts';
import { Article, Comment } from '../support/models.ts';
import { fragment, type Site, site } from './site.ts';

const f = fragment;
const PART = f('comment', '[{{ comment.text }}]');
const context = () => ({ article: new Article(1), comment: new Comment(7, 'old') });

interface Page {
  readonly env: nunjucks.Environment;
  readonly ctx: object;
}

/** Ways to render `part.njk` from a function that a template calls. */
const ways: Record<string, (made: Site, page: Page) => unknown> = {
  'env.render': ({ env }, { ctx }) => env.render('part.njk', ctx),
  'this.env.render': (_made, page) => page.env.render('part.njk', page.ctx),
  'env.renderString': ({ env }, { ctx }) => env.renderString(PART, ctx),
  'this.env.renderString': (_made, page) => page.env.renderString(PART, page.ctx),
  'env.getTemplate().render': ({ env }, { ctx }) => env.getTemplate('part.njk').render(ctx),
  'this.env.getTemplate().render': (_made, page) => page.env.getTemplate('part.njk').render(page.ctx),
  'a new Template': ({ env }, { ctx }) => new nunjucks.Template(PART, env, 'part.njk').render(ctx),
  'another environment of the sweeper': ({ sweeper }, { ctx }) => {
    const other = new nunjucks.Environment(new ObjectLoader({ 'part.njk': PART }) as nunjucks.ILoader);
    return sweeper.install(other).render('part.njk', ctx);
  },
};

function componentSite(templates: Record<string, string>, way: (made: Site, page: Page) => unknown): Site {
  const made = site({ 'part.njk': PART, ...templates });
  const safe = (html: unknown) => new nunjucks.runtime.SafeString(String(html));
  made.env.addGlobal('part', function part(this: Page) {
    return safe(way(made, this));
  });
  made.env.addFilter('part', function part(this: Page) {
    return safe(way(made, this));
  });
  made.env.addFilter('later', (value, done) => setImmediate(() => done(null, value)), true);
  return made;
}

describe.each(Object.entries(ways))('a component rendered by %s', (_how, way) => {
  test.each([
    ['in a body', f('article', '<{{ part() }}>')],
    ['by a filter in a body', f('article', '<{{ "x" | part }}>')],
    ['in a body behind an asynchronous filter', `{{ "" | later }}${f('article', '<{{ part() }}>')}`],
    ['in a macro called in a body', `{% macro m() %}<{{ part() }}>{% endmacro %}${f('article', '{{ m() }}')}`],
    ['captured outside and printed in a body', `{% set p = part() %}${f('article', '<{{ p }}>')}`],
    ['in an include in a body', f('article', '<{% include "i.njk" %}>')],
  ])('counts for the fragment around it: %s', async (_where, source) => {
    const { render, sweeper } = componentSite({ 'page.njk': source, 'i.njk': '{{ part() }}' }, way);
    const page = context();
    expect(await render(page)).toBe('<[old]>');
    expect(await render(page)).toBe('<[old]>');
    page.comment.text = 'new';
    await sweeper.invalidateCacheFor(page.comment);
    expect(await render(page)).toBe('<[new]>');
  });
});

test.each(['env.render', 'this.env.render', 'env.getTemplate().render'])(
  'the template of a component rendered by %s is a dependency',
  async (how) => {
    const templates: Record<string, string> = { 'page.njk': f('article', '{{ part() }}'), 'part.njk': '1' };
    class NoCache extends ObjectLoader {
      override getSource(name: string) {
        return { ...super.getSource(name), noCache: true };
      }
    }
    const made = site(templates, { loader: new NoCache(templates) as never });
    // With variables of its own: what asks for all of the page's cannot be compared.
    made.env.addGlobal('part', function part(this: Page) {
      return (ways[how] as (made: Site, page: Page) => unknown)(made, { env: this.env, ctx: {} });
    });
    expect(await made.render(context())).toBe('1');
    await made.render(context());
    expect(made.outcomes()).toEqual(['hit']);
    templates['part.njk'] = '2';
    expect(await made.render(context())).toBe('2');
  },
);

test('a page that is rendered with a callback from inside a body is a page of its own', async () => {
  const { env, render, sweeper } = site({ 'page.njk': f('article', 'a{{ start() }}b'), 'part.njk': PART });
  const page = context();
  let mail: Promise<string> | undefined;
  env.addGlobal('start', () => {
    mail = new Promise((resolve) => env.render('part.njk', page, (_error, html) => resolve(html ?? '')));
    return '';
  });
  expect(await render(page)).toBe('ab');
  expect(await mail).toBe('[old]');
  await sweeper.invalidateCacheFor(page.comment);
  mail = undefined;
  expect(await render(page)).toBe('ab');
  expect(mail).toBeUndefined();
});

test('a component outside all fragments leaves them alone', async () => {
  const { render, sweeper, outcomes } = componentSite(
    { 'page.njk': `{{ part() }}${f('article', '{{ article.id }}')}` },
    ways['env.render'] as (made: Site, page: Page) => unknown,
  );
  const page = context();
  await render(page);
  await sweeper.invalidateCacheFor(page.comment);
  await render(page);
  expect(outcomes()).toEqual(['miss', 'hit']);
});
