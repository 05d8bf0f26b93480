import { lazy } from 'nunjucks-cachesweeper';
import { expect, test } from 'vitest';
import { Article } from '../support/models.ts';
import { failure, fragment, site } from './site.ts';

test('an error in an import in a macro of a body fails the page, also where the page runs again for something else', async () => {
  const { render } = site({
    'page.njk':
      '{% macro outer() %}{% import "lib.njk" as lib with context %}{{ lib.inner() }}{% endmacro %}' +
      `${fragment('article', '{{ outer() }}a')}{{ replies() }}`,
    'lib.njk': '{% macro inner() %}{{ 5 | upper }}{% endmacro %}',
  });
  const page = () => ({ article: new Article(1), replies: lazy(async () => 'b') });
  for (let i = 0; i < 2; i++)
    expect((await failure(render(page()))).message).toContain('toUpperCase is not a function');
});
