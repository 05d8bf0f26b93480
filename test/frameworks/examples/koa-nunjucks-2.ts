import Koa from 'koa';
import views from 'koa-nunjucks-2';
import type nunjucks from 'nunjucks';
import { type CacheSweeper, lazy } from 'nunjucks-cachesweeper';
import { requestStart } from 'nunjucks-cachesweeper/koa';
import { type Blog, templates } from '../blog.ts';

export function koaNunjucksSite(sweeper: CacheSweeper, blog: Blog): Koa {
  // docs: koa-nunjucks-2
  const app = new Koa();
  app.use(requestStart());
  app.use(
    views({ path: templates, ext: 'njk', configureEnvironment: (env: nunjucks.Environment) => sweeper.install(env) }),
  );

  app.use(async (ctx, next) => {
    const [, id] = /^\/articles\/(\d+)$/.exec(ctx.path) ?? [];
    if (id === undefined) return next();
    const article = await blog.article(id);
    await ctx.render('article', { article, comments: lazy(() => blog.comments(article)), visitor: 'Ann' });
  });
  // docs end
  return app;
}
