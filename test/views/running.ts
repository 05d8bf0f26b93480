import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { CacheSweeper, type CacheSweeperOptions, lazy } from 'nunjucks-cachesweeper';
import type { ViewReport } from 'nunjucks-cachesweeper/express';
import { afterEach, expect } from 'vitest';
import { type Blog, Comment } from '../frameworks/blog.ts';
import type { Site } from '../frameworks/framework-suite.ts';
import { ask } from './client.ts';
import type { Plan, Route } from './sites.ts';

/** Starts sites of one framework, each with a sweeper, and ends them when their test does. */
export function sites(start: (plan: Plan) => Promise<Site>, kind: () => CacheSweeperOptions) {
  const closing: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });

  return async function running(routes: readonly Route[], plan: Partial<Plan> = {}, options: CacheSweeperOptions = {}) {
    const errors: unknown[] = [];
    const sweeper = new CacheSweeper({
      ...kind(),
      maxDataAge: '60s',
      timeout: '20s',
      onError: (error) => void errors.push(error),
      ...options,
    });
    sweeper.register(Comment, { touches: (comment) => [{ type: 'Article', id: comment.articleId }] });
    const site = await start({ sweeper, routes, ...plan });
    const reports: ViewReport[] = [];
    const note = (report: unknown) => void reports.push(report as ViewReport);
    subscribe('nunjucks-cachesweeper:view', note);
    closing.push(async () => {
      unsubscribe('nunjucks-cachesweeper:view', note);
      await site.close();
      await sweeper.close();
      expect(errors.splice(0)).toEqual([]);
    });
    const get = async (path: string, headers: Record<string, string> = {}, method = 'GET') => {
      const answer = await ask(site.url + path, { headers, method });
      await sweeper.idle();
      return { ...answer, text: answer.body.toString(), cache: answer.headers['x-cache'] };
    };
    return { sweeper, site, get, errors, reports };
  };
}

/** An article's page, and for which articles its handler ran. */
export function articleRoute(blog: Blog, options: Route['options'] = {}): { ran: string[]; route: Route } {
  const ran: string[] = [];
  const route: Route = {
    path: '/articles/:id',
    options: { name: 'article', ...options },
    handler: async (call) => {
      const { id = '' } = call.params;
      ran.push(id);
      const article = await blog.article(id);
      await call.render('article.njk', { article, comments: lazy(() => blog.comments(article)) });
    },
  };
  return { ran, route };
}
