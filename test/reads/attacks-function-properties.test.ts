import { describe, expect, test } from 'vitest';
import { Article } from '../support/models.ts';
import { addTest, kindsFor, Site, T } from './support.ts';

const kinds = kindsFor(import.meta.url);

const a = () => new Article(1);
type Translate = ((text?: string) => string) & { locale?: string | undefined; cache?: Map<string, string> };
const translate = (): Translate => {
  const t: Translate = (text = '') => `${text}${t.locale}`;
  return t;
};

describe.each(kinds)('a function that prints a property of its own, in %s', (kind) => {
  const places: readonly (readonly [string, string])[] = [
    ['called by its name', '{{ t("x") }}'],
    ['called as a member', '{{ i18n.t("x") }}'],
    ['handed to a macro', '{% macro m(t) %}{{ t("x") }}{% endmacro %}{{ m(t) }}'],
    ['a global', '{{ g("x") }}'],
    ['a filter', '{{ "x" | f }}'],
    ['a test', '{{ "y" if "x" is u else "n" }}'],
    ['called in a fragment in the body', T('{{ t("x") }}')],
  ];
  test.each(places)('%s', async (_where, source) => {
    const t = translate();
    const isEnglish: { (): boolean; locale?: string } = () => isEnglish.locale === 'en';
    const site = new Site(T(source), kind, {
      helpers: (env) => {
        env.addGlobal('g', t);
        env.addFilter('f', t);
        addTest(env, 'u', isEnglish);
      },
    });
    for (const locale of [undefined, 'de', 'de', 'en', 'de', undefined]) {
      await site.show(() => {
        for (const called of [t, isEnglish]) {
          if (locale === undefined) delete called.locale;
          else called.locale = locale;
        }
        return { a: a(), t, i18n: { t } };
      });
    }
  });

  test('is cached for each value', async () => {
    const t = translate();
    const site = new Site(T('{{ t("x") }}'), kind);
    const page = (locale: string) => () => {
      t.locale = locale;
      return { a: a(), t };
    };
    for (const locale of ['de', 'de', 'en']) await site.show(page(locale));
    expect(await site.show(page('de'))).toEqual(['hit']);
    expect(await site.show(page('en'))).toEqual(['hit']);
  });

  test('is cached while it fills a cache of its own, and is told by its locale even then', async () => {
    const t = translate();
    const cache = new Map<string, string>();
    const memoized: Translate = Object.assign(
      (text = '') => {
        const key = `${text}${memoized.locale}`;
        cache.set(key, cache.get(key) ?? t(`${text}${memoized.locale}`));
        return cache.get(key) as string;
      },
      { cache, locale: 'de' },
    );
    const site = new Site(T('{{ t(x) }}'), kind);
    const page = (x: string, locale: string) => () => {
      memoized.locale = locale;
      return { a: a(), t: memoized, x };
    };
    for (const x of ['a', 'a', 'b', 'c']) await site.show(page(x, 'de'));
    await site.show(page('a', 'en'));
    expect(await site.show(page('a', 'de'))).toEqual(['hit']);
  });
});
