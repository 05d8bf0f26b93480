import { lazy } from 'nunjucks-cachesweeper';
import { koaSite } from './examples/koa.ts';
import { serve, testFramework } from './framework-suite.ts';

testFramework('Koa', async ({ sweeper, blog, errors }) => {
  const app = koaSite(sweeper, blog);
  app.silent = true;
  app.on('error', (error) => errors.push(error));
  app.use(async (ctx, next) => {
    if (ctx.path === '/failing')
      await ctx.render('article.njk', { ...blog.page(1), comments: lazy(() => blog.fail()) });
    else if (ctx.path === '/missing') await ctx.render('missing.njk');
    else if (ctx.path === '/wrong') await ctx.render('wrong.njk');
    else await next();
  });
  app.middleware.unshift(async (ctx, next) => {
    try {
      await next();
    } catch (error) {
      ctx.app.emit('error', error, ctx);
      ctx.status = 500;
      ctx.body = (error as Error).message;
    }
  });
  return serve(app.callback());
});
