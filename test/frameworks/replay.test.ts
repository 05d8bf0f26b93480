import nunjucks from 'nunjucks';
import { CacheSweeper, lazy } from 'nunjucks-cachesweeper';
import { describe, expect, test } from 'vitest';
import { ObjectLoader } from '../support/loaders.ts';
import { Article } from './blog.ts';
import { kinds, serve } from './framework-suite.ts';

describe.each(kinds)('a template that runs more than once, %s', (_kind, options) => {
  test('what belongs in a lazy happens once for each page', async () => {
    const sweeper = new CacheSweeper({ ...options(), timeout: '20s' });
    const templates = {
      'page.njk':
        '{{ flash() }},{{ visits() }},{{ nonce() }},{{ nonce() }},{{ again() }}' +
        '{% cachesweeper article 500 %}{{ first() }}{{ second(first()) }}{% endcachesweeper %}',
    };
    const env = sweeper.install(new nunjucks.Environment(new ObjectLoader(templates) as nunjucks.ILoader));
    let flashes: string[] = [];
    let visits = 0;
    let ids = 0;
    let runs = 0;
    const site = await serve((_request, response) => {
      const context = {
        article: new Article(1, 'One'),
        flash: lazy(() => flashes.splice(0).join()),
        visits: lazy(async () => ++visits),
        nonce: lazy(() => `id${++ids}`),
        first: lazy(async () => 'a'),
        second: lazy(async (first: string) => `${first}b`),
        again: () => {
          runs++;
          return '';
        },
      };
      env.render('page.njk', context, (error, html) => response.end(html ?? error?.message));
    });
    const get = async () => (await fetch(site.url)).text();
    flashes = ['saved'];
    expect(await get()).toBe('saved,1,id1,id1,aab');
    expect(runs).toBeGreaterThan(1);
    expect(await get()).toBe(',2,id2,id2,aab');
    expect({ visits, ids }).toEqual({ visits: 2, ids: 2 });
    await site.close();
    await sweeper.close();
  });
});
