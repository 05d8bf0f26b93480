import { createServer, type Server } from 'node:http';
import nunjucks from 'nunjucks';
import { type CacheSweeper, lazy } from 'nunjucks-cachesweeper';
import { type Blog, templates } from '../blog.ts';

export function plainSite(sweeper: CacheSweeper, blog: Blog): Server {
  // docs: env.render
  const env = nunjucks.configure(templates, { autoescape: true });
  sweeper.install(env);

  const server = createServer(async (_request, response) => {
    const article = await blog.article(7);
    const context = { article, comments: lazy(() => blog.comments(article)), visitor: 'Ann' };
    env.render('article.njk', context, (error, html) => {
      response.writeHead(error ? 500 : 200, { 'Content-Type': 'text/html; charset=utf-8' }).end(html ?? error?.message);
    });
  });
  // docs end
  return server;
}
