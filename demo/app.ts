import express, { type Express } from 'express';
import type { CacheSweeper } from 'nunjucks-cachesweeper';
import { requestStart } from 'nunjucks-cachesweeper/express';
import { Blog } from './blog.ts';
import { Database } from './database.ts';
import { failed, notFound } from './errors.ts';
import { FigureKeeper } from './figures.ts';
import { strips } from './page.ts';
import { routes } from './routes.ts';
import { createSweeper } from './sweeper.ts';
import { createEnvironment, publicFolder } from './templates.ts';
import { Visitors } from './visitors.ts';

export interface Site {
  readonly app: Express;
  readonly sweeper: CacheSweeper;
  /** Waits for what is being written, then closes the database and the sweeper. */
  close(): Promise<void>;
}

export interface SiteOptions {
  /** A file for the rows, which other processes may use as well; none: in memory. */
  readonly database?: string | undefined;
}

/** The whole site, ready to listen. */
export async function createSite({ database: file }: SiteOptions = {}): Promise<Site> {
  const keeper = new FigureKeeper();
  const database = await Database.open(keeper.countQuery, file);
  const sweeper = createSweeper(keeper.noteReport);
  database.tell(sweeper);

  const app = express();
  app.disable('x-powered-by');
  sweeper.install(createEnvironment(app));

  const visitors = new Visitors();
  app.use(express.static(publicFolder));
  app.use((_req, res, next) => {
    res.set({
      'Content-Security-Policy': "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'",
    });
    next();
  });
  app.use(express.urlencoded({ extended: false, limit: '32kb' }));
  app.use(requestStart());
  app.use(keeper.perRequest);
  app.use(strips(keeper));
  app.use(visitors.recognise);
  app.use(visitors.checkForms);
  app.use(visitors.routes());
  app.use(routes(new Blog(database), sweeper));
  app.use(notFound());
  app.use(failed());

  return {
    app,
    sweeper,
    async close() {
      await database.close();
      await sweeper.close();
    },
  };
}
