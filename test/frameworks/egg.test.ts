import { createRequire } from 'node:module';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import { requestStart } from 'nunjucks-cachesweeper/koa';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { Article, Comment } from './blog.ts';
import { type App, eggApp } from './egg/app.ts';
import { type Site, serve } from './framework-suite.ts';
import { PlainTags } from './hapi/config/plain-tags.ts';

const recipe = createRequire(import.meta.url)('./examples/egg.cjs') as (app: App) => void;

const boots: readonly (readonly [string, (app: App) => void])[] = [
  ['by the lines of the docs', recipe],
  [
    'with a store',
    (app) => {
      app.sweeper = new CacheSweeper({ store: new TestingStore(), maxDataAge: '60s', timeout: '20s' });
      app.sweeper.install(app.nunjucks);
      app.use(requestStart());
    },
  ],
];

describe.each(boots)('egg-view-nunjucks, %s', (_name, boot) => {
  const open: { close(): Promise<unknown> }[] = [];
  afterEach(() => Promise.all(open.splice(0).map((each) => each.close())));

  async function running() {
    const article = new Article(7, 'On caching');
    const comments = [new Comment(71, 7, 'First'), new Comment(72, 7, 'Second')];
    const pages = {
      article: () => ({ article, comments }),
      'form-inside': () => ({ article }),
      'script-inside': () => ({ article }),
    };
    let app: App | undefined;
    const swept = eggApp((made) => {
      app = made;
      boot(made);
    }, pages);
    const errors: unknown[] = [];
    swept.on('error', (error) => errors.push(error));
    const plain = eggApp((made) => void made.nunjucks.addExtension('plain tags', new PlainTags()), pages);
    const [site, other] = await Promise.all([serve(swept.callback()), serve(plain.callback())]);
    const sweeper = app?.sweeper as CacheSweeper;
    open.push(site, other, sweeper);
    let number = 0;
    /** One request of a visitor, to the site with the sweeper and to the one without it. */
    const pair = async (visitor: string, path: string) => {
      const headers = { visitor, number: String(++number) };
      const ask = async ({ url }: Site) => {
        const response = await fetch(`${url}/${path}`, { headers });
        return { status: response.status, html: await response.text() };
      };
      const answers = { mine: await ask(site), theirs: await ask(other), number };
      await sweeper.idle();
      return answers;
    };
    return { sweeper, comments, article, errors, pair };
  }

  test('two visitors in turn get the tokens and nonces that Egg puts into the source: first, warm and after a bump', async () => {
    const { sweeper, article, pair } = await running();
    const round = async () => {
      for (const visitor of ['ann', 'bob']) {
        const { mine, theirs, number } = await pair(visitor, 'article');
        expect(mine).toEqual(theirs);
        expect(mine.html.match(new RegExp(`name="_csrf" value="${visitor}-${number}"`, 'g'))).toHaveLength(4);
        expect(mine.html.match(new RegExp(`nonce="nonce-${number}"`, 'g'))).toHaveLength(2);
        expect(mine.html).toContain(article.title);
      }
    };
    await round();
    await round();
    const hits = () => sweeper.stats().tags.reduce((sum, tag) => sum + tag.hits, 0);
    expect(hits()).toBe(3);
    article.title = 'On stale pages';
    await sweeper.invalidateCacheFor(article);
    await round();
    await round();
    expect(hits()).toBeGreaterThan(3);
  });

  test.each([
    ['form', 'csrf'],
    ['script', 'nonce'],
  ])('a fragment with a %s is refused, and the error names what Egg has put in: ctx.%s', async (element, name) => {
    const { errors, pair } = await running();
    const { mine, theirs } = await pair('ann', `${element}-inside`);
    expect([mine.status, theirs.status]).toEqual([500, 200]);
    expect(errors).toEqual([
      expect.objectContaining({
        code: 'CACHESWEEPER_PRIVATE_NAME',
        message: expect.stringContaining(`ctx.${name}`),
      }),
    ]);
  });
});
