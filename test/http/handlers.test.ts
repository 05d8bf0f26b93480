import { AsyncResource } from 'node:async_hooks';
import { lazy } from 'nunjucks-cachesweeper';
import * as forExpress from 'nunjucks-cachesweeper/express';
import * as forFastify from 'nunjucks-cachesweeper/fastify';
import * as forHapi from 'nunjucks-cachesweeper/hapi';
import { httpModels } from 'nunjucks-cachesweeper/http';
import * as forKoa from 'nunjucks-cachesweeper/koa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Article } from '../frameworks/blog.ts';
import { inTurn } from '../support/long.ts';
import { sites } from '../views/running.ts';
import { frameworks, type Handler, type Plan, startExpress } from '../views/sites.ts';
import { HttpApi } from './api.ts';

const api = new HttpApi();
beforeAll(() => api.start());
afterAll(() => api.stop());

/** `requestStart()` of each framework. */
const STARTING: Partial<Plan> = {
  express: (app) => app.use(forExpress.requestStart()),
  fastify: (app) => app.register(forFastify.requestStart()),
  koa: (app) => void app.use(forKoa.requestStart()),
  hapi: (server) => server.register(forHapi.requestStart()),
};

describe.each(inTurn(frameworks, 'http'))('%s', (_, start) => {
  const running = sites(start, () => ({}));

  /** A site whose handler loads an article and gives it to the page, which shows it as a model. */
  async function site(plan: Partial<Plan>, init: RequestInit = {}) {
    let load: typeof fetch = fetch;
    const handler: Handler = async (call) => {
      const response = await load(`${api.origin}/articles/7`, init);
      const { version } = (await response.json()) as { readonly version: number };
      await call.render('article.njk', { article: new Article(7, `version ${version}`), comments: lazy(() => []) });
    };
    const made = await running([{ path: '/', handler }], plan);
    load = httpModels(made.sweeper).fetch;
    return { ...made, put: (path: string) => load(api.origin + path, { method: 'PUT' }) };
  }

  test('a view depends on what its handler has loaded', async () => {
    const { get, put } = await site({});
    await get('/');
    expect(await get('/')).toMatchObject({ cache: 'hit' });
    await put('/articles/8');
    expect(await get('/')).toMatchObject({ cache: 'hit' });
    await put('/articles/7');
    const { cache, text } = await get('/');
    expect(cache).toBe('miss');
    expect(text).toContain(`version ${api.versionOf('/articles/7')}`);
  });

  test('a view whose handler has loaded with credentials is not stored', async () => {
    const { get } = await site({}, { headers: { cookie: 'session=1' } });
    await get('/');
    expect(await get('/')).not.toMatchObject({ cache: 'hit' });
  });

  test('the fragments of its page depend on it as well, where models are shown that no rule names', async () => {
    const { get, put } = await site({ ...STARTING, cached: false });
    await get('/');
    await put('/articles/7');
    expect((await get('/')).text).toContain(`<h1>version ${api.versionOf('/articles/7')}</h1>`);
  });
});

describe('middleware in front of a view', () => {
  const running = sites(startExpress, () => ({}));

  test('that loses the asynchronous context does no harm before requestStart()', async () => {
    const elsewhere = new AsyncResource('elsewhere');
    let load: typeof fetch = fetch;
    const handler: Handler = async (call) => {
      const response = await load(`${api.origin}/articles/7`);
      const { version } = (await response.json()) as { readonly version: number };
      await call.render('article.njk', { article: new Article(7, `version ${version}`), comments: lazy(() => []) });
    };
    const made = await running([{ path: '/', handler }], {
      cached: false,
      express: (app) =>
        app.use((_req, _res, next) => elsewhere.runInAsyncScope(() => next()), forExpress.requestStart()),
    });
    load = httpModels(made.sweeper).fetch;
    await made.get('/');
    await load(`${api.origin}/articles/7`, { method: 'PUT' });
    expect((await made.get('/')).text).toContain(`<h1>version ${api.versionOf('/articles/7')}</h1>`);
  });

  test('loads for the view and for the fragments of its page as well', async () => {
    let load: typeof fetch = fetch;
    let article = new Article(7, '');
    const made = await running(
      [{ path: '/', handler: (call) => call.render('article.njk', { article, comments: lazy(() => []) }) }],
      {
        express: (app) =>
          app.use(forExpress.requestStart(), async (_req, _res, next) => {
            const response = await load(`${api.origin}/articles/7`);
            article = new Article(7, `version ${((await response.json()) as { readonly version: number }).version}`);
            next();
          }),
      },
    );
    load = httpModels(made.sweeper).fetch;
    await made.get('/');
    expect(await made.get('/')).toMatchObject({ cache: 'hit' });
    await load(`${api.origin}/articles/7`, { method: 'PUT' });
    const { cache, text } = await made.get('/');
    expect(cache).toBe('miss');
    expect(text).toContain(`<h1>version ${api.versionOf('/articles/7')}</h1>`);
  });
});
