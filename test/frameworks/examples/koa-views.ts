import Koa from 'koa';
import views from 'koa-views';
import nunjucks from 'nunjucks';
import { type CacheSweeper, lazy } from 'nunjucks-cachesweeper';
import { requestStart } from 'nunjucks-cachesweeper/koa';
import { type Blog, templates } from '../blog.ts';

export function koaViewsSite(sweeper: CacheSweeper, blog: Blog): Koa {
  // docs: koa-views
  const app = new Koa();
  app.use(requestStart());
  const nunjucksEnv = nunjucks.configure(templates, { autoescape: true });
  sweeper.install(nunjucksEnv);
  app.use(views(templates, { extension: 'njk', map: { njk: 'nunjucks' }, options: { nunjucksEnv } }));

  app.use(async (ctx, next) => {
    const [, id] = /^\/articles\/(\d+)$/.exec(ctx.path) ?? [];
    if (id === undefined) return next();
    const article = await blog.article(id);
    await ctx.render('article', { article, comments: lazy(() => blog.comments(article)), visitor: 'Ann' });
  });
  // docs end
  return app;
}
