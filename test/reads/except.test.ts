import { describe, expect, test } from 'vitest';
import { Article } from '../support/models.ts';
import { failure, kindsFor, Site, T } from './support.ts';

const kinds = kindsFor(import.meta.url);

const page = (values: object) => ({ a: new Article(1), ...values });

/** Tags that take paths out, and two pages that differ only there. */
const taken: Record<string, readonly [string, object, object]> = {
  'a variable': [T('{{ now }}', 'except="now"'), { now: 1 }, { now: 2 }],
  'several variables': [
    T('{{ now }}{{ requestId }}', 'except=["now", "requestId"]'),
    { now: 1, requestId: 'x' },
    { now: 2, requestId: 'y' },
  ],
  'a member': [T('{{ page.now }}', 'except="page.now"'), { page: { now: 1 } }, { page: { now: 2 } }],
  'members and variables': [
    T('{{ page.now }}{{ id }}', 'except=["page.now", "id"]'),
    { page: { now: 1 }, id: 1 },
    { page: { now: 2 }, id: 2 },
  ],
  'an object with all that is below it': [
    T('{{ page.now }}{{ page.time.zone }}', 'except="page"'),
    { page: { now: 1, time: { zone: 'x' } } },
    { page: { now: 2, time: { zone: 'y' } } },
  ],
  'a function that is made for each page': [
    T('{{ t("hi") }}', 'except="t"'),
    { t: () => 'Hello' },
    { t: () => 'Hallo' },
  ],
  'what an included template reads': [T('{% include "i.njk" %}', 'except="now"'), { now: 1 }, { now: 2 }],
  'what a macro reads': [
    `{% macro m() %}{{ now }}{% endmacro %}${T('{{ m() }}', 'except="now"')}`,
    { now: 1 },
    { now: 2 },
  ],
};

describe.each(kinds)('except, in %s', (kind) => {
  test.each(Object.entries(taken))('takes out of the key %s', async (_what, [source, one, other]) => {
    const site = new Site({ 'page.njk': source, 'i.njk': '{{ now }}' }, kind);
    const html = await site.cached(page(one));
    expect(site.outcomes).toEqual(['miss']);
    expect(html).toBe(await site.alone(page(one)));
    expect(await site.cached(page(other))).toBe(html);
    expect(site.outcomes).toEqual(['hit']);
    expect(site.reads).toEqual([]);
  });

  test.each([
    ['other variables', T('{{ now }}{{ lang }}', 'except="now"')],
    ['other members of the object', T('{{ page.now }}{{ page.lang }}', 'except="page.now"')],
    ['a variable that begins like it', T('{{ nowhere }}', 'except="now"')],
    ['a member of that name', T('{{ page.lang }}', 'except="lang"')],
  ])('leaves in the key %s', async (_what, source) => {
    const site = new Site(source, kind);
    const context = (lang: string) => () => page({ now: 1, lang, nowhere: lang, page: { now: 1, lang } });
    expect(await site.show(context('en'))).toEqual(['miss']);
    expect(await site.show(context('de'))).toEqual(['miss']);
    expect(await site.show(context('en'))).toEqual(['hit']);
  });

  test('is said of one tag and not of another', async () => {
    const site = new Site(`${T('{{ now }}', 'except="now"')}|${T('{{ now }}')}`, kind);
    await site.cached(page({ now: 1 }));
    expect(await site.cached(page({ now: 2 }))).toBe('1|2');
    expect(site.outcomes).toEqual(['hit', 'miss']);
  });
});

describe('except of a private name', () => {
  test.each([
    ['user'],
    ['user.name'],
    ['session'],
    ['session.cart'],
    ['csrfToken'],
    ['ctx.csrf'],
    ['req.user'],
    ['res.locals.user'],
    ['res.locals.session.name'],
    ['flash'],
  ])('is refused: %s', async (path) => {
    for (const except of [`"${path}"`, `["now", "${path}"]`]) {
      const site = new Site(T('{{ lang }}', `except=${except}`), 'memory');
      const error = await failure(site.cached(page({ lang: 'en', user: {}, session: {} })));
      expect(error).toMatchObject({ code: 'CACHESWEEPER_PRIVATE_NAME' });
      expect(error.message).toMatch(/except/);
    }
  });

  test('is refused also where an argument names it', async () => {
    const site = new Site(T('{{ user.name }}', 'user.id except="user.name"'), 'memory');
    expect(await failure(site.cached(page({ user: { id: 1 } })))).toMatchObject({ code: 'CACHESWEEPER_PRIVATE_NAME' });
  });

  test.each(['5', 'now', '""', '[5]'])('and what is no path is refused as well: except=%s', async (except) => {
    const site = new Site(T('{{ lang }}', `except=${except}`), 'memory');
    expect((await failure(site.cached(page({ lang: 'en' })))).message).toMatch(/except/);
    expect((await failure(site.cached(page({ lang: 'en' })))).message).not.toMatch(/unknown keyword/);
  });
});
