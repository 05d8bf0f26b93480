import Koa from 'koa';
import nunjucks from 'nunjucks';
import { type CacheSweeper, lazy } from 'nunjucks-cachesweeper';
import { requestStart } from 'nunjucks-cachesweeper/koa';
import { type Blog, templates } from '../blog.ts';

export function koaSite(sweeper: CacheSweeper, blog: Blog): Koa {
  // docs: Koa
  const app = new Koa();
  app.use(requestStart());
  const env = nunjucks.configure(templates, { autoescape: true });
  sweeper.install(env);

  app.use(async (ctx, next) => {
    ctx.render = async (name: string, locals: object) => {
      ctx.body = await sweeper.render(env, name, { ...ctx.state, ...locals });
      ctx.type = 'html';
    };
    await next();
  });

  app.use(async (ctx, next) => {
    const [, id] = /^\/articles\/(\d+)$/.exec(ctx.path) ?? [];
    if (id === undefined) return next();
    const article = await blog.article(id);
    await ctx.render('article.njk', { article, comments: lazy(() => blog.comments(article)), visitor: 'Ann' });
  });
  // docs end
  return app;
}
