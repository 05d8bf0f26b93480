import type { ErrorRequestHandler } from 'express';
import { lazy } from 'nunjucks-cachesweeper';
import { expressNunjucksSite } from './examples/express-nunjucks.ts';
import { serve, testFramework } from './framework-suite.ts';

testFramework(
  'express-nunjucks',
  async ({ sweeper, blog, errors }) => {
    const app = expressNunjucksSite(sweeper, blog);
    app.get('/failing', (_req, res) => res.render('article', { ...blog.page(1), comments: lazy(() => blog.fail()) }));
    app.get('/missing', (_req, res) => res.render('missing'));
    app.get('/wrong', (_req, res) => res.render('wrong'));
    const handler: ErrorRequestHandler = (error, _req, res, _next) => {
      errors.push(error);
      res.status(500).send((error as Error).message);
    };
    app.use(handler);
    return serve(app);
  },
  { missing: 'Failed to lookup view "missing"' },
);
