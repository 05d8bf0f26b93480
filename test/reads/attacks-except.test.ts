import { describe, expect, test } from 'vitest';
import { Article } from '../support/models.ts';
import { kindsFor, Site, T } from './support.ts';

const kinds = kindsFor(import.meta.url);

describe.each(kinds)('except= takes out one path of an object, not the others, in %s', (kind) => {
  test.each([
    ['two variables', T('{{ now.t }}{{ page.t }}', 'except="now"')],
    ['a row of a list', T('{% for r in rows %}{{ r.n }}{% endfor %}{{ page.t }}', 'except="rows"')],
  ])('%s', async (_what, source) => {
    const site = new Site(source, kind);
    for (const t of ['x', 'y']) {
      await site.show(() => {
        const o = { t, n: 1 };
        return { a: new Article(1), now: o, page: o, rows: [o] };
      });
    }
  });
});

describe.each(kinds)('except= never takes out what is the visitor’s, in %s', (kind) => {
  test.each([
    ['all that a carrier holds', T('{% for k, v in ctx %}{{ v.name }}{% endfor %}', 'except="ctx[*]"')],
    [
      'a member of all that a carrier holds',
      T('{% for k, v in locals %}{{ v.name }}{% endfor %}', 'except="locals[*].name"'),
    ],
    ['another name, set', `{% set u = user %}${T('{{ u.name }}', 'except="u"')}`],
    ['another name, a loop’s', `{% for u in [user] %}${T('{{ u.name }}', 'except="u"')}{% endfor %}`],
    ['another name, a macro’s', `{% macro m(a, u) %}${T('{{ u.name }}', 'except="u"')}{% endmacro %}{{ m(a, user) }}`],
  ])('%s', async (_what, source) => {
    const site = new Site(source, kind);
    for (const name of ['ann', 'bob']) {
      const user = { name };
      const html = await site
        .cached({ a: new Article(1), user, ctx: { user }, locals: { user } })
        .catch((error) => error.code);
      expect([name, 'CACHESWEEPER_PRIVATE_NAME']).toContain(html);
    }
  });
});

describe.each(kinds)('what is the visitor’s by another name, in %s', (kind) => {
  const user = () => ({ name: 'ann', profile: { city: 'x' } });
  const refused: Record<string, readonly [string, object?]> = {
    'an object in it': [`{% set p = user.profile %}${T('{{ p.city }}', 'except="p"')}`],
    'a member of an object': [T('{{ page.who.name }}', 'except="page.who"')],
    'below what is taken out': [T('{{ page.who.name }}', 'except="page"')],
    'of all that is in an object': [T('{% for k, v in page %}{{ v.name }}{% endfor %}', 'except="page"')],
    'of each in a list': [T('{% for one in [page.who] %}{{ one.name }}{% endfor %}', 'except="page.who"')],
    'handed to a filter': [T('{{ page | dump }}', 'except="page"')],
    'a text': [`{% set token = csrf %}${T('{{ token }}', 'except="token"')}`],
  };
  test.each(Object.entries(refused))('is not taken out: %s', async (_what, [source]) => {
    const site = new Site(source, kind);
    const context = () => {
      const one = user();
      return { a: new Article(1), user: one, csrf: 'a1b2c3', page: { who: one } };
    };
    for (let i = 0; i < 2; i++) expect(await site.show(context)).toEqual(['private name']);
  });

  test.each([
    ['where the tag names the visitor', `{% set u = user %}${T('{{ u.name }}', 'user.id except="u"')}`],
    ['where it is beside what is taken out', T('{{ page.now }}', 'except="page.now"')],
    ['where it is not read', T('{{ page.now }}', 'except="page"')],
    ['where it is a model that the visitor’s own leads to', T('{{ company.name }}', 'except="company"')],
  ])('keeps nothing out of the cache %s', async (_what, source) => {
    const site = new Site(source, kind);
    const context = () => {
      const company = { name: 'c', cacheIdentity: { type: 'Company', id: 1 } };
      const one = { id: 1, name: 'ann', company };
      return { a: new Article(1), user: one, company, page: { who: one, now: 1 } };
    };
    for (const outcome of ['miss', 'hit']) expect(await site.show(context)).toEqual([outcome]);
  });
});

describe.each(kinds)('a body that goes over all that a carrier holds, in %s', (kind) => {
  test.each(['{% for k, v in ctx %}{{ k }}{{ v.name }}{% endfor %}', '{% for k, v in ctx %}{{ k }}{% endfor %}'])(
    'reads the visitor’s own: %s',
    async (body) => {
      const site = new Site(T(body), kind);
      for (let i = 0; i < 2; i++) {
        const context = () => ({ a: new Article(1), ctx: { lang: 'en', user: { name: 'ann' } } });
        expect(await site.show(context)).toEqual(['private name']);
      }
      const others = () => ({ a: new Article(1), ctx: { lang: 'en' } });
      for (const outcome of ['miss', 'hit']) expect(await site.show(others)).toEqual([outcome]);
    },
  );
});
