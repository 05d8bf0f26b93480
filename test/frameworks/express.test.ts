import type { ErrorRequestHandler, Express } from 'express';
import { lazy } from 'nunjucks-cachesweeper';
import type { Blog } from './blog.ts';
import { expressSite } from './examples/express.ts';
import { type Parts, serve, testFramework } from './framework-suite.ts';

testFramework('Express: res.render', async (parts) => {
  const app = expressSite(parts.sweeper, parts.blog);
  app.get('/failing', (_req, res) => res.render('article.njk', failing(parts.blog)));
  app.get('/missing', (_req, res) => res.render('missing.njk'));
  app.get('/wrong', (_req, res) => res.render('wrong.njk'));
  return served(app, parts);
});

testFramework(
  'Express: res.render with a callback',
  async (parts) => {
    const app = expressSite(parts.sweeper, parts.blog);
    showAll(parts, (path, template, context) => {
      app.get(path, (req, res, next) => {
        res.render(template, context(Number(req.params.id)), (error, html) => (error ? next(error) : res.send(html)));
      });
    });
    return served(app, parts);
  },
  { articles: '/shown' },
);

testFramework(
  'Express: app.render with a callback',
  async (parts) => {
    const app = expressSite(parts.sweeper, parts.blog);
    showAll(parts, (path, template, context) => {
      app.get(path, (req, res, next) => {
        app.render(template, context(Number(req.params.id)), (error, html) => (error ? next(error) : res.send(html)));
      });
    });
    return served(app, parts);
  },
  { articles: '/shown' },
);

type Show = (path: string, template: string, context: (id: number) => object) => void;

function showAll({ blog }: Parts, show: Show): void {
  show('/shown/:id', 'article.njk', (id) => blog.page(id));
  show('/failing', 'article.njk', () => failing(blog));
  show('/missing', 'missing.njk', () => ({}));
  show('/wrong', 'wrong.njk', () => ({}));
}

function failing(blog: Blog): object {
  return { ...blog.page(1), comments: lazy(() => blog.fail()) };
}

function served(app: Express, { errors }: Parts) {
  const handler: ErrorRequestHandler = (error, _req, res, _next) => {
    errors.push(error);
    res.status(500).send((error as Error).message);
  };
  app.use(handler);
  return serve(app);
}
