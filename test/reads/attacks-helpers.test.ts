import { describe, test } from 'vitest';
import { Article } from '../support/models.ts';
import { kinds, Site, T } from './support.ts';

const a = () => new Article(1);

describe.each(kinds.filter((kind) => kind !== 'memory'))(
  'a global that is set anew for each request, in %s',
  (kind) => {
    test('a second process (or the first, restarted) is not shown what the first one met under its name', async () => {
      const first = new Site(T('{{ t("hi") }}'), kind);
      const second = new Site(T('{{ t("hi") }}'), kind, { shared: first });
      for (const [site, lang] of [
        [first, 'en'],
        [second, 'de'],
      ] as const) {
        for (const env of [site.env, site.plain]) env.addGlobal('t', (text: string) => `${lang}:${text}`);
        await site.show(() => ({ a: a() }));
      }
    });
  },
);

describe.each(kinds)('a filter or test that takes the place of another, in %s', (kind) => {
  test('a filter', async () => {
    const site = new Site(T('{{ "hi" | t }}'), kind);
    for (const lang of ['en', 'de']) {
      for (const env of [site.env, site.plain]) env.addFilter('t', (text: string) => `${lang}:${text}`);
      await site.show(() => ({ a: a() }));
    }
  });
});
