import { describe, test } from 'vitest';
import { Article } from '../support/models.ts';
import { kinds, Site, T } from './support.ts';

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
