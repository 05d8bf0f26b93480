import express, { type Express } from 'express';
import nunjucks from 'nunjucks';
import { type CacheSweeper, lazy } from 'nunjucks-cachesweeper';
import { requestStart } from 'nunjucks-cachesweeper/express';
import { type Blog, templates } from '../blog.ts';

export function expressSite(sweeper: CacheSweeper, blog: Blog): Express {
  // docs: Express
  const app = express();
  app.use(requestStart());
  const env = nunjucks.configure(templates, { autoescape: true, express: app });
  sweeper.install(env);

  app.get('/articles/:id', async (req, res) => {
    const article = await blog.article(req.params.id);
    res.render('article.njk', { article, comments: lazy(() => blog.comments(article)), visitor: 'Ann' });
  });
  // docs end
  return app;
}
