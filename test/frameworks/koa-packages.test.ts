import type Koa from 'koa';
import { lazy } from 'nunjucks-cachesweeper';
import { koaNunjucksSite } from './examples/koa-nunjucks-2.ts';
import { koaViewsSite } from './examples/koa-views.ts';
import { type Parts, serve, testFramework } from './framework-suite.ts';

testFramework('koa-nunjucks-2', async (parts) => served(koaNunjucksSite(parts.sweeper, parts.blog), parts));
testFramework('koa-views', async (parts) => served(koaViewsSite(parts.sweeper, parts.blog), parts), {
  rendersText: true,
  missing: 'ENOENT',
});

function served(app: Koa, { blog, errors }: Parts) {
  app.silent = true;
  app.use(async (ctx, next) => {
    if (ctx.path === '/failing') await ctx.render('article', { ...blog.page(1), comments: lazy(() => blog.fail()) });
    else if (ctx.path === '/missing') await ctx.render('missing');
    else if (ctx.path === '/wrong') await ctx.render('wrong');
    else await next();
  });
  app.middleware.unshift(async (ctx, next) => {
    try {
      await next();
    } catch (error) {
      errors.push(error);
      ctx.status = 500;
      ctx.body = (error as Error).message;
    }
  });
  return serve(app.callback());
}
