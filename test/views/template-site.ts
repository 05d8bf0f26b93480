import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import nunjucks from 'nunjucks';
import { CacheSweeper, type CacheSweeperOptions } from 'nunjucks-cachesweeper';
import { cacheView, type ViewOptions } from 'nunjucks-cachesweeper/express';
import { serve } from '../frameworks/framework-suite.ts';
import { ask } from './client.ts';

export interface TemplatePlan {
  readonly templates: Readonly<Record<string, string>>;
  readonly globals?: Readonly<Record<string, unknown>>;
  readonly holes: (request: Request, response: Response) => unknown;
  readonly options?: Partial<ViewOptions<Request>>;
  readonly sweeper?: CacheSweeperOptions;
  /** What stands before the cache. */
  readonly before?: (app: Express) => void;
  readonly environment?: (env: nunjucks.Environment) => void;
  readonly handler?: (request: Request, response: Response, next: NextFunction) => unknown;
}

/** One site in Express, with the same pages from the cache, at `/`, and past it, at `/past`. */
export async function templateSite(plan: TemplatePlan) {
  const folder = mkdtempSync(join(tmpdir(), 'holes-'));
  const edit = (name: string, text: string) => writeFileSync(join(folder, name), text);
  for (const [name, text] of Object.entries(plan.templates)) edit(name, text);
  const app = express();
  const env = nunjucks.configure(folder, { autoescape: true, express: app, noCache: true });
  for (const [name, value] of Object.entries(plan.globals ?? {})) env.addGlobal(name, value);
  plan.environment?.(env);
  const errors: unknown[] = [];
  const sweeper = new CacheSweeper({
    maxDataAge: '60s',
    timeout: '20s',
    onError: (e) => void errors.push(e),
    ...plan.sweeper,
  });
  sweeper.install(env);
  plan.before?.(app);
  const handler = plan.handler ?? ((_req, res) => res.render('page.njk'));
  const { holes } = plan;
  const options = { sweeper, ttl: 300, holes, debug: true, ...plan.options } as unknown as ViewOptions<Request>;
  const run = (req: Request, res: Response, next: NextFunction) =>
    void Promise.resolve()
      .then(() => handler(req, res, next))
      .catch(next);
  app.get('/past{*rest}', cacheView({ ...options, skip: () => true } as ViewOptions<never>), run);
  app.get('/{*rest}', cacheView(options as ViewOptions<never>), run);
  app.use(
    (error: Error, _req: Request, res: Response, _next: NextFunction) => void res.status(500).send(error.message),
  );
  const site = await serve(app);
  const get = async (path: string, visitor?: string, headers: Record<string, string> = {}, method = 'GET') => {
    const own = visitor === undefined ? {} : { 'X-Visitor': visitor };
    const answer = await ask(site.url + path, { method, headers: { ...own, ...headers } });
    await sweeper.idle();
    return { ...answer, text: answer.body.toString(), cache: String(answer.headers['x-cache']) };
  };
  return {
    sweeper,
    env,
    errors,
    edit,
    get,
    /** Asks for the page of each visitor from the cache and past it; returns what the cache did. */
    async compare(visitors: readonly (string | undefined)[], path = '/') {
      const pages = [];
      for (const visitor of visitors) {
        const cached = await get(path, visitor);
        const past = await get(`/past${path}`, visitor);
        pages.push({ cache: cached.cache, text: cached.text, expected: past.text, status: cached.status });
      }
      return pages;
    },
    async close() {
      await site.close();
      await sweeper.close();
      rmSync(folder, { recursive: true });
    },
  };
}
