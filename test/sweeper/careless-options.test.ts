import nunjucks from 'nunjucks';
import { CacheSweeper, type CacheSweeperOptions } from 'nunjucks-cachesweeper';
import { expect, test } from 'vitest';
import { ObjectLoader } from '../support/loaders.ts';
import { Article } from '../support/models.ts';

function site(options: CacheSweeperOptions) {
  const source = '{% cachesweeper article 500 %}{{ article.title }}{% endcachesweeper %}';
  const env = new nunjucks.Environment(new ObjectLoader({ 'page.njk': source }));
  const sweeper = new CacheSweeper(options);
  sweeper.install(env);
  return { sweeper, render: (article: Article) => sweeper.render(env, 'page.njk', { article }) };
}

test('a key function that changes what it is given changes neither the key parts nor the dependencies', async () => {
  const { sweeper, render } = site({
    key: (parts) => {
      const models = parts.models as unknown as { name: string; token: string }[];
      for (const model of models) Object.assign(model, { name: 'gone', token: 'gone', type: 'gone', id: 'gone' });
      models.splice(0);
      return 'one key for all';
    },
  });
  const article = new Article(1, 'old');
  expect(await render(article)).toBe('old');
  article.title = 'new';
  await sweeper.invalidateCacheFor(Article);
  expect(await render(article)).toBe('new');
  expect(await render(new Article(2, 'another'))).toBe('another');
});

test('enabled that gives a promise is an error: it would always count as true', async () => {
  const { render } = site({ enabled: (async () => false) as unknown as () => boolean });
  await expect(render(new Article(1))).rejects.toMatchObject({
    code: 'CACHESWEEPER_BAD_OPTION',
    message: expect.stringContaining('option enabled: expected a function that returns true or false, got a promise'),
  });
});
