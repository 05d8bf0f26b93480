import nunjucks from 'nunjucks';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { describe, expect, test } from 'vitest';
import { ObjectLoader } from '../support/loaders.ts';
import { Blog, squeezed, templates } from './blog.ts';
import { kinds, serve } from './framework-suite.ts';

/** An environment of its own with the templates of these tests. */
const environment = () => new nunjucks.Environment(new nunjucks.FileSystemLoader(templates));

/** Serves each environment under its number. */
async function serving(...sites: readonly { env: nunjucks.Environment; blog: Blog }[]) {
  const site = await serve((request, response) => {
    const [, number, id] = request.url!.split('/');
    const { env, blog } = sites[Number(number)]!;
    env.render('article.njk', blog.page(Number(id)), (error, html) => {
      response.writeHead(error ? 500 : 200).end(html ?? error?.message);
    });
  });
  const get = async (path: string) => squeezed(await (await fetch(`${site.url}/${path}`)).text());
  return { get, close: site.close };
}

describe.each(kinds)('several environments and sweepers, %s', (_kind, options) => {
  test('two environments on one sweeper are invalidated together', async () => {
    const sweeper = new CacheSweeper({ ...options(), maxDataAge: '60s' });
    const blog = new Blog();
    const [first, second] = [sweeper.install(environment()), sweeper.install(environment())];
    const { get, close } = await serving({ env: first, blog }, { env: second, blog });
    const both = async () => {
      const pages = await Promise.all([get('0/7'), get('1/7')]);
      await sweeper.idle();
      return pages;
    };
    for (let i = 0; i < 3; i++) expect(await both()).toEqual([blog.html(7), blog.html(7)]);
    const loaded = blog.loaded.length;
    blog.known(7).comments[0]!.text = 'Edited';
    await sweeper.invalidateCacheFor([blog.known(7).comments[0], blog.known(7).article]);
    for (let i = 0; i < 3; i++) expect(await both()).toEqual([blog.html(7), blog.html(7)]);
    expect(loaded).toBeLessThanOrEqual(2);
    expect(blog.loaded.length).toBe(2 * loaded);
    await close();
    await sweeper.close();
  });

  test('two environments that render one template in two ways do not get each other’s html', async () => {
    const sweeper = new CacheSweeper({ ...options(), maxDataAge: '60s' });
    const env = (mark: string) => {
      const one = new nunjucks.Environment(
        new ObjectLoader({
          'article.njk': '{% cachesweeper article 500 %}{{ article.title | mark }}{% endcachesweeper %}',
        }) as nunjucks.ILoader,
      );
      one.addFilter('mark', (text: string) => mark + text);
      return sweeper.install(one);
    };
    const blog = new Blog();
    const { get, close } = await serving({ env: env('+'), blog }, { env: env('-'), blog });
    for (let i = 0; i < 2; i++) {
      expect(await get('0/7')).toBe('+Article 7');
      expect(await get('1/7')).toBe('-Article 7');
      await sweeper.idle();
    }
    await close();
    await sweeper.close();
  });

  test('templates of one name that differ are not mixed up', async () => {
    const sweeper = new CacheSweeper(options());
    const tag = (body: string) => ({ 'article.njk': `{% cachesweeper article 500 %}${body}{% endcachesweeper %}` });
    const env = (body: string) =>
      sweeper.install(new nunjucks.Environment(new ObjectLoader(tag(body)) as nunjucks.ILoader));
    const blog = new Blog();
    const { get, close } = await serving({ env: env('long {{ article.title }}'), blog }, { env: env('short'), blog });
    for (let i = 0; i < 2; i++) {
      expect(await get('0/7')).toBe('long Article 7');
      expect(await get('1/7')).toBe('short');
      await sweeper.idle();
    }
    await close();
    await sweeper.close();
  });

  test('two sweepers in one process do not know of each other', async () => {
    const sweepers = [new CacheSweeper(options()), new CacheSweeper(options())] as const;
    const blogs = [new Blog(), new Blog()] as const;
    blogs[1].known(7).article.title = 'Another site';
    const { get, close } = await serving(
      ...([0, 1] as const).map((i) => ({ env: sweepers[i].install(environment()), blog: blogs[i] })),
    );
    const both = async () => {
      const pages = await Promise.all([get('0/7'), get('1/7')]);
      await Promise.all(sweepers.map((sweeper) => sweeper.idle()));
      return pages;
    };
    const pages = () => blogs.map((blog) => blog.html(7));
    expect(await both()).toEqual(pages());
    expect(await both()).toEqual(pages());
    for (const blog of blogs) blog.known(7).comments[0]!.text = 'Edited';
    const stale = blogs[1].html(7).replace('Edited', 'Comment 1 on 7');
    await sweepers[0].invalidateCacheFor([blogs[0].known(7).comments[0], { type: 'Article', id: 7 }]);
    expect(await both()).toEqual([blogs[0].html(7), stale]);
    await close();
    await Promise.all(sweepers.map((sweeper) => sweeper.close()));
  });

  test('two sweepers that share a store, told apart by namespace', async () => {
    const store = new TestingStore();
    const client = () => new TestingStore({ shared: store });
    const site = (namespace: string) => {
      const sweeper = new CacheSweeper({ store: client(), namespace });
      return { sweeper, env: sweeper.install(environment()), blog: new Blog() };
    };
    const [one, two] = [site('one'), site('two')];
    two.blog.known(7).article.title = 'Another site';
    const { get, close } = await serving(one, two);
    for (let i = 0; i < 2; i++) {
      expect(await get('0/7')).toBe(one.blog.html(7));
      expect(await get('1/7')).toBe(two.blog.html(7));
      await Promise.all([one.sweeper.idle(), two.sweeper.idle()]);
    }
    await close();
    await Promise.all([one.sweeper.close(), two.sweeper.close()]);
  });

  test('a page of one environment that renders a page of another', async () => {
    const sweepers = [new CacheSweeper(options()), new CacheSweeper(options())] as const;
    const blog = new Blog();
    const inner = new nunjucks.Environment(
      new ObjectLoader({
        'in.njk': '{% cachesweeper article 500 %}{{ article.title }}{% endcachesweeper %}',
      }) as nunjucks.ILoader,
    );
    const outer = new nunjucks.Environment(
      new ObjectLoader({
        'article.njk': '{% cachesweeper article 500 %}[{{ card(article) }}]{% endcachesweeper %}',
      }) as nunjucks.ILoader,
    );
    sweepers[0].install(outer);
    sweepers[1].install(inner);
    outer.addGlobal('card', (article: object) => inner.render('in.njk', { article }));
    const { get, close } = await serving({ env: outer, blog });
    for (let i = 0; i < 3; i++) {
      expect(await get('0/7')).toBe('[Article 7]');
      await Promise.all(sweepers.map((sweeper) => sweeper.idle()));
    }
    await close();
    await Promise.all(sweepers.map((sweeper) => sweeper.close()));
  });

  test('installing twice is harmless', async () => {
    const sweeper = new CacheSweeper({ ...options(), maxDataAge: '60s' });
    const env = environment();
    expect(sweeper.install(env)).toBe(env);
    const before = Object.keys((env as unknown as { extensions: object }).extensions);
    expect(sweeper.install(env)).toBe(env);
    expect(Object.keys((env as unknown as { extensions: object }).extensions)).toEqual(before);
    const blog = new Blog();
    const { get, close } = await serving({ env, blog });
    for (let i = 0; i < 2; i++) {
      expect(await get('0/7')).toBe(blog.html(7));
      await sweeper.idle();
    }
    expect(blog.loaded).toEqual([7]);
    expect(sweeper.stats().renders).toBe(2);
    expect(() => new CacheSweeper(options()).install(env)).toThrow(
      expect.objectContaining({ code: 'CACHESWEEPER_INSTALL' }),
    );
    await close();
    await sweeper.close();
  });
});
