import { describe, expect, test } from 'vitest';
import { Article } from '../support/models.ts';
import { addTest, failure, kindsFor, Site, type SiteOptions, T } from './support.ts';

const kinds = kindsFor(import.meta.url);

const a = () => new Article(1);
const shout = (text: string) => `${text.toUpperCase()}!`;

class Cart {
  sum: number;
  constructor(sum: number) {
    this.sum = sum;
  }
  total(): number {
    return this.sum;
  }
}

describe.each(kinds)('a function of the page, in %s', (kind) => {
  test.each([
    ['a variable', '{{ shout(lang) }}', (shout: unknown) => () => ({ shout })],
    ['a member of an object', '{{ h.shout(lang) }}', (shout: unknown) => () => ({ h: { shout } })],
    [
      'a member of an object that stays as well',
      '{{ h.shout(lang) }}',
      (shout: unknown) => {
        const h = { shout };
        return () => ({ h });
      },
    ],
    ['called by a macro', '{{ m(lang) }}', (shout: unknown) => () => ({ shout })],
  ])('that is the same on each page is trusted from the second on: %s', async (_what, body, having) => {
    // Its own function for each test: nobody met it before.
    const helper = having((text: string) => `${text}!`);
    const site = new Site(`{% macro m(t) %}{{ shout(t) }}{% endmacro %}${T(body)}`, kind);
    const page = (lang: string) => () => ({ a: a(), lang, ...helper() });
    expect(await site.show(page('en'))).toEqual(['unseen']);
    expect(await site.show(page('en'))).toEqual(['miss']);
    expect(await site.show(page('en'))).toEqual(['hit']);
    expect(await site.show(page('de'))).toEqual(['miss']);
    expect(await site.show(page('en'))).toEqual(['hit']);
  });

  const dictionary: Record<string, string> = { en: 'Hello', de: 'Hallo' };
  test.each([
    ['a variable', '{{ t("hi") }}', (t: unknown) => ({ t })],
    ['a member', '{{ i18n.t("hi") }}', (t: unknown) => ({ i18n: { t } })],
    ['deeper down', '{{ req.i18n.t("hi") }}', (t: unknown) => ({ req: { i18n: { t } } })],
    ['set to another name', '{% set translate = t %}{{ translate("hi") }}', (t: unknown) => ({ t })],
    ['in an object that the template makes', '{% set o = { t: t } %}{{ o.t("hi") }}', (t: unknown) => ({ t })],
  ])('that is made for each page is never trusted: %s', async (_what, body, helpers) => {
    const site = new Site(T(body), kind);
    const page = (lang: string) => () => ({ a: a(), ...helpers(() => dictionary[lang]) });
    for (const lang of ['en', 'de', 'en', 'de']) expect(await site.show(page(lang))).toEqual(['unseen']);
    expect(site.unseen).toMatch(/\bt\b/);
    for (const remedy of [/vary/, /except/, /environment/]) expect(site.unseen).toMatch(remedy);
  });

  test('that is taken out by except is not asked for', async () => {
    const site = new Site(T('{{ t("hi") }}', 'lang except="t"'), kind);
    const page = (lang: string) => () => ({ a: a(), lang, t: () => dictionary[lang] });
    expect(await site.show(page('en'))).toEqual(['miss']);
    expect(await site.show(page('de'))).toEqual(['miss']);
    expect(await site.show(page('en'))).toEqual(['hit']);
  });

  test('that is a method is compared by the object it is called on', async () => {
    const site = new Site(T('{{ basket.total() }}'), kind);
    const page = (sum: number) => () => ({ a: a(), basket: new Cart(sum) });
    for (let i = 0; i < 2; i++) await site.show(page(1));
    expect(await site.show(page(1))).toEqual(['hit']);
    expect(await site.show(page(2))).toEqual(['miss']);
    expect(await site.show(page(1))).toEqual(['hit']);
  });

  test('that is a method of text, lists and Maps is one of them', async () => {
    const site = new Site(T('{{ s.toUpperCase() }}{{ l.join("-") }}{{ m.get("x") }}{{ l.indexOf(2) }}'), kind);
    const page = (n: number) => () => ({ a: a(), s: `s${n}`, l: [n, 2], m: new Map([['x', n]]) });
    for (let i = 0; i < 2; i++) await site.show(page(1));
    expect(await site.show(page(1))).toEqual(['hit']);
    expect(await site.show(page(3))).toEqual(['miss']);
  });

  test('is told from another of the same source, whatever both have met', async () => {
    const made = (lang: string) => () => lang;
    const functions = [made('en'), made('de')];
    const site = new Site(T('{{ say() }}'), kind);
    for (const which of [0, 0, 1, 1, 0, 1]) await site.show(() => ({ a: new Article(1), say: functions[which] }));
  });

  test('is trusted for one name and not for another', async () => {
    const site = new Site(T('{{ shout("a") }}{{ t("b") }}'), kind);
    for (let i = 0; i < 3; i++) {
      expect(await site.show(() => ({ a: a(), shout, t: () => 'x' }))).toEqual(['unseen']);
    }
    expect(site.unseen).toMatch(/\bt\b/);
  });

  test('that reads the page’s variables by itself is seen reading them', async () => {
    const greet = function (this: { ctx: { lang: string } }) {
      return this.ctx.lang;
    };
    const site = new Site(T('{{ greet() }}'), kind);
    const page = (lang: string) => () => ({ a: a(), greet, lang });
    for (let i = 0; i < 3; i++) await site.show(page('en'));
    expect(site.outcomes).toEqual(['hit']);
    expect(await site.show(page('de'))).toEqual(['miss']);
  });
});

interface Page {
  ctx: Record<string, unknown>;
  lookup(name: string): unknown;
  getVariables(): Record<string, unknown>;
}

const helpers: SiteOptions['helpers'] = (env) => {
  env.addGlobal('shout', shout);
  env.addFilter('shout', shout);
  addTest(env, 'short', (text: string) => text.length < 3);
  env.addGlobal('site', { name: 'blog', hello: () => 'hi' });
  env.addGlobal('langOf', function (this: Page) {
    return this.ctx.lang;
  });
  env.addGlobal('lookedUp', function (this: Page) {
    return this.lookup('lang');
  });
  env.addFilter('inLang', function (this: Page, text: string) {
    return `${text} (${this.ctx.lang})`;
  });
  env.addFilter('lookedUp', function (this: Page, text: string) {
    return `${text} (${this.lookup('lang')})`;
  });
  addTest(env, 'spoken', function (this: Page, lang: string) {
    return this.ctx.lang === lang;
  });
  env.addGlobal('titleOf', function (this: { ctx: { article: { title: string } } }) {
    return this.ctx.article.title;
  });
  env.addGlobal('hasLang', function (this: Page) {
    return 'lang' in this.ctx;
  });
  env.addGlobal('keysOf', function (this: Page) {
    return Object.keys(this.ctx).length;
  });
  env.addGlobal('copyOf', function (this: Page) {
    return { ...this.ctx }.lang;
  });
  env.addFilter('all', function (this: Page) {
    return Object.values(this.ctx)
      .filter((value) => typeof value === 'string')
      .join();
  });
  env.addGlobal('forIn', function (this: Page) {
    let names = 0;
    for (const _name in this.ctx) names++;
    return names;
  });
  env.addGlobal('variables', function (this: Page) {
    return Object.entries(this.getVariables()).length;
  });
};

describe.each(kinds)('a helper of the environment, in %s', (kind) => {
  const page = (lang: string) => () => ({ a: a(), lang, article: { title: lang } });

  test.each([
    ['a global', '{{ shout(lang) }}'],
    ['a member of a global', '{{ site.hello() }}{{ lang }}'],
    ['a filter', '{{ lang | shout }}'],
    ['a test', '{{ "y" if "ab" is short else "n" }}{{ lang }}'],
    ['what Nunjucks brings', '{{ lang | upper }}{% for i in range(2) %}{{ i }}{% endfor %}'],
  ])('is trusted at once: %s', async (_what, body) => {
    const site = new Site(T(body), kind, { helpers });
    expect(await site.show(page('en'))).toEqual(['miss']);
    expect(await site.show(page('en'))).toEqual(['hit']);
    expect(await site.show(page('de'))).toEqual(['miss']);
    expect(await site.show(page('en'))).toEqual(['hit']);
  });

  test.each([
    ['a global, of this.ctx', '{{ langOf() }}'],
    ['a global, by this.lookup', '{{ lookedUp() }}'],
    ['a filter, of this.ctx', '{{ "x" | inLang }}'],
    ['a filter, by this.lookup', '{{ "x" | lookedUp }}'],
    ['a test, of this.ctx', '{{ "y" if "en" is spoken else "n" }}'],
    ['a global, deeper down', '{{ titleOf() }}'],
    ['a global that a macro calls', '{{ m() }}'],
  ])('that reads the page is seen reading it: %s', async (_what, body) => {
    const site = new Site(`{% macro m() %}{{ langOf() }}{% endmacro %}${T(body)}`, kind, { helpers });
    expect(await site.show(page('en'))).toEqual(['miss']);
    expect(await site.show(page('de'))).toEqual(['miss']);
    expect(await site.show(page('en'))).toEqual(['hit']);
    expect(site.reads.join()).toMatch(/lang|article/);
  });

  test('that asks whether the page has a variable is seen asking', async () => {
    const site = new Site(T('{{ hasLang() }}'), kind, { helpers });
    const without = () => ({ a: a() });
    for (const context of [page('en'), without, page('en'), without]) await site.show(context);
    expect(['hit', 'unseen']).toContain(site.outcomes[0]);
  });

  test.each([
    ['the names', '{{ keysOf() }}'],
    ['a copy', '{{ copyOf() }}'],
    ['the values, in a filter', '{{ "" | all }}'],
    ['the names, in a loop', '{{ forIn() }}'],
    ['all variables', '{{ variables() }}'],
  ])('that asks for everything of the page is not stored: %s', async (_what, body) => {
    const site = new Site(T(body), kind, { helpers });
    for (const lang of ['en', 'de', 'en']) expect(await site.show(page(lang))).toEqual(['unseen']);
    expect(site.unseen).not.toBe('');
  });
});

describe('a body that changes something from outside', () => {
  test.each([
    ['push', '{% set _ = seen.push(a.id) %}'],
    ['pop', '{{ seen.pop() }}'],
    ['a member', '{% if page.ids.push(1) %}{% endif %}'],
  ])('is refused when the template compiles: %s', async (_what, body) => {
    const site = new Site(T(body), 'memory');
    const context = { a: a(), seen: [], bag: new Map(), page: { ids: [] } };
    expect((await failure(site.cached(context))).code).toMatch(/^CACHESWEEPER_/);
  });

  test.each([
    ['a list that it made itself', '{% set l = [] %}{% set _ = l.push(1) %}{{ l | join }}'],
    [
      'a list that its own macro got',
      '{% macro m() %}{% set l = [] %}{% set _ = l.push(1) %}{{ l | join }}{% endmacro %}{{ m() }}',
    ],
  ])('is not, when that is %s', async (_what, body) => {
    const site = new Site(T(body), 'memory');
    for (let i = 0; i < 3; i++) await site.show(() => ({ a: a() }));
    expect(site.outcomes).toEqual(['hit']);
  });
});

describe.each(kinds)('a helper that changes the page while a body is rendered, in %s', (kind) => {
  test('changes a variable that the body has read: the body is not stored', async () => {
    const helpers: SiteOptions['helpers'] = (env) =>
      env.addGlobal('count', function count(this: { ctx: { n: number } }) {
        this.ctx.n++;
        return '';
      });
    const site = new Site(T('{{ n }}{{ count() }}'), kind, { helpers });
    for (const n of [1, 2, 3, 1]) {
      expect(await site.show(() => ({ a: new Article(1), n }))).toEqual(['unseen']);
    }
  });
});
