import express, { type Express } from 'express';
import expressNunjucks from 'express-nunjucks';
import { type CacheSweeper, lazy } from 'nunjucks-cachesweeper';
import { requestStart } from 'nunjucks-cachesweeper/express';
import { type Blog, templates } from '../blog.ts';

export function expressNunjucksSite(sweeper: CacheSweeper, blog: Blog): Express {
  // docs: express-nunjucks
  const app = express();
  app.use(requestStart());
  app.set('views', templates);
  app.set('view engine', 'njk');
  const { env } = expressNunjucks(app, { autoescape: true });
  sweeper.install(env);

  app.get('/articles/:id', async (req, res) => {
    const article = await blog.article(req.params.id);
    res.render('article', { article, comments: lazy(() => blog.comments(article)), visitor: 'Ann' });
  });
  // docs end
  return app;
}
