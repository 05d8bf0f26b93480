import { once } from 'node:events';
import { setImmediate as later } from 'node:timers/promises';
import type { ResponseToolkit } from '@hapi/hapi';
import nunjucks from 'nunjucks';
import { CacheSweeper, type RenderReport } from 'nunjucks-cachesweeper';
import { requestStart } from 'nunjucks-cachesweeper/express';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Article, Blog, squeezed } from './blog.ts';
import { expressSite } from './examples/express.ts';
import { fastifySite } from './examples/fastify.ts';
import { hapiSite } from './examples/hapi.ts';
import { koaSite } from './examples/koa.ts';
import { kinds, type Site, serve } from './framework-suite.ts';

const starts: readonly (readonly [string, (sweeper: CacheSweeper, blog: Blog) => Promise<Site>])[] = [
  ['Express', async (sweeper, blog) => serve(expressSite(sweeper, blog))],
  [
    'Fastify',
    async (sweeper, blog) => {
      const app = await fastifySite(sweeper, blog);
      return { url: await app.listen({ host: '127.0.0.1', port: 0 }), close: () => app.close() };
    },
  ],
  [
    'hapi',
    async (sweeper, blog) => {
      const server = await hapiSite(sweeper, blog);
      // As another plugin may, that is registered before.
      const wait = async (_request: unknown, h: ResponseToolkit) => {
        await later();
        return h.continue;
      };
      server.ext('onRequest', wait, { before: 'nunjucks-cachesweeper' });
      await server.start();
      return { url: server.info.uri, close: () => server.stop({ timeout: 0 }) };
    },
  ],
  ['Koa', async (sweeper, blog) => serve(koaSite(sweeper, blog).callback())],
];

/** A database that answers when it is told to, with what it read when it was asked. */
class SlowBlog extends Blog {
  readonly #reading = new EventTarget();
  #answer: (() => void) | undefined;

  override async article(id: unknown): Promise<Article> {
    const { id: number, title } = await super.article(id);
    const answered = new Promise<void>((resolve) => {
      this.#answer = resolve;
    });
    this.#reading.dispatchEvent(new Event('asked'));
    await answered;
    return Object.assign(Object.create(Object.getPrototypeOf(this.known(number).article)), { id: number, title });
  }

  /** Resolved when a handler has asked. */
  async asked(): Promise<void> {
    if (this.#answer === undefined) await once(this.#reading, 'asked');
  }

  answer(): void {
    this.#answer?.();
    this.#answer = undefined;
  }
}

describe.each(kinds)('requestStart() %s', (_kind, options) => {
  afterEach(() => vi.useRealTimers());

  describe.each(starts)('in %s', (_name, start) => {
    let site: Site;
    let sweeper: CacheSweeper;
    let blog: SlowBlog;
    let reports: RenderReport[];

    // Only the clock: what waits, waits for events.
    beforeEach(async () => {
      vi.useFakeTimers({ toFake: ['Date'], now: Date.parse('2026-11-01T12:00:00Z') });
      reports = [];
      blog = new SlowBlog();
      sweeper = new CacheSweeper({
        ...options(),
        maxDataAge: '3s',
        timeout: '20s',
        onRender: (report) => reports.push(report),
      });
      site = await start(sweeper, blog);
    });
    afterEach(async () => {
      await site.close();
      await sweeper.close();
    });

    const pass = (milliseconds: number) => vi.setSystemTime(Date.now() + milliseconds);
    /** One request; `meanwhile` happens after its data was read and before the page is rendered. */
    async function get(meanwhile: () => unknown = later): Promise<{ html: string; outcome: string | undefined }> {
      const response = fetch(`${site.url}/articles/7`);
      await blog.asked();
      await meanwhile();
      blog.answer();
      const html = squeezed(await (await response).text());
      await sweeper.idle();
      const last = reports.at(-1)?.fragments.at(-1);
      return { html, outcome: last?.reason ?? last?.outcome };
    }

    test('data read after a bump is stored for good', async () => {
      const { article } = blog.known(7);
      await get();
      pass(60_000);
      await get(); // all but the article is now stored for good, in a store as well
      article.title = 'New';
      await sweeper.invalidateCacheFor(article);
      pass(1_500);
      expect(await get()).toEqual({ html: blog.html(7), outcome: 'miss' });
      pass(60_000);
      expect(await get()).toEqual({ html: blog.html(7), outcome: 'hit' });
    });

    test('data read before a bump is not kept, however long it took', async () => {
      const { article } = blog.known(7);
      pass(60_000);
      await get();
      pass(60_000);
      const late = await get(async () => {
        article.title = 'New';
        await sweeper.invalidateCacheFor(article);
        pass(10_000);
      });
      expect(late).toEqual({ html: blog.html(7).replace('New', 'Article 7'), outcome: 'expired' });
      expect((await get()).html).toBe(blog.html(7));
    });

    test('data read before a bump is shown no longer than maxDataAge', async () => {
      const { article } = blog.known(7);
      await get();
      pass(60_000);
      await get();
      const late = await get(async () => {
        article.title = 'New';
        await sweeper.invalidateCacheFor(article);
      });
      expect(late).toEqual({ html: blog.html(7).replace('New', 'Article 7'), outcome: 'miss' });
      pass(4_001);
      expect((await get()).html).toBe(blog.html(7));
    });
  });

  test('a page knows its own request, whoever the template loader answers for', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.parse('2026-11-01T12:00:00Z') });
    const pass = (milliseconds: number) => vi.setSystemTime(Date.now() + milliseconds);
    const sweeper = new CacheSweeper({ ...options(), maxDataAge: '3s', timeout: '20s' });
    const waiting: (() => void)[] = [];
    /** As one does that loads a template once for all who ask at the same time. */
    class SharedLoader extends nunjucks.Loader {
      readonly async = true;
      getSource(name: string, done: (error: null, source: nunjucks.LoaderSource) => void): void {
        const src = '{% cachesweeper article 500 %}{{ article.title }}{% endcachesweeper %}';
        waiting.push(() => done(null, { src, path: name, noCache: true }));
      }
    }
    const env = sweeper.install(new nunjucks.Environment(new SharedLoader() as unknown as nunjucks.ILoader));
    const start = requestStart();
    const request = (article: Article): Promise<string> =>
      new Promise((resolve, reject) => {
        start({ method: 'GET' }, {}, () => {
          env.render('page.njk', { article }, (error, html) => (error ? reject(error) : resolve(html ?? '')));
        });
      });
    const answerAll = () => {
      for (const answer of waiting.splice(0)) answer();
    };
    const answered = async (page: Promise<string>) => {
      answerAll();
      const html = await page;
      await sweeper.idle();
      return html;
    };
    const article = new Article(7, 'Old');
    await answered(request(new Article(8, 'Other'))); // a store has tokens from now on
    await sweeper.invalidateCacheFor(article);
    pass(60_000);

    const early = request(new Article(7, 'Old'));
    pass(10_000);
    article.title = 'New';
    await sweeper.invalidateCacheFor(article);
    pass(10_000);
    // The second request answers for the first as well.
    await new Promise<void>((resolve) => {
      start({ method: 'GET' }, {}, () => {
        answerAll();
        resolve();
      });
    });
    expect(await early).toBe('Old');
    await sweeper.idle();
    expect(await answered(request(article))).toBe('New');
    await sweeper.close();
  });

  test('without it, data read shortly after a bump is stored for maxDataAge only', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.parse('2026-11-01T12:00:00Z') });
    const outcomes: (string | undefined)[] = [];
    const sweeper = new CacheSweeper({
      ...options(),
      maxDataAge: '3s',
      onRender: ({ fragments }) => outcomes.push(fragments.at(-1)?.outcome),
    });
    const blog = new Blog();
    const app = expressSite(sweeper, blog);
    const stack = app.router.stack;
    stack.splice(
      stack.findIndex(({ name }) => name !== 'router'),
      1,
    );
    const site = await serve(app);
    const get = async () => {
      await (await fetch(`${site.url}/articles/7`)).text();
      await sweeper.idle();
    };
    const pass = (milliseconds: number) => vi.setSystemTime(Date.now() + milliseconds);
    await get();
    pass(60_000);
    await get();
    pass(60_000);
    outcomes.length = 0;
    await get();
    await sweeper.invalidateCacheFor(blog.known(7).article);
    pass(1_500);
    await get();
    pass(1_000);
    await get();
    pass(60_000);
    await get();
    expect(outcomes).toEqual(['hit', 'miss', 'hit', 'miss']);
    await site.close();
    await sweeper.close();
  });
});
