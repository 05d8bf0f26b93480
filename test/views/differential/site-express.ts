import { Readable } from 'node:stream';
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import session, { type SessionData } from 'express-session';
import express4 from 'express4';
import type { CacheSweeper } from 'nunjucks-cachesweeper';
import { cacheView, requestStart } from 'nunjucks-cachesweeper/express';
import { cookiesOf } from '../../../src/views/http/session-cookies.ts';
import { leave } from './outer.ts';
import type { Framework, Program } from './program.ts';
import type { Dict, Scope } from './reads.ts';
import { afterLines, has, headersOf, later, locationOf, outsideLines, pieces, prepare, Run } from './run.ts';
import { COOKIE, SECRET, sessionOf } from './sessions.ts';
import type { Built, ViewOptions } from './site.ts';
import { environmentOf } from './templates.ts';

type Use = (request: Request, response: Response, next: NextFunction) => void;

export async function buildExpress(
  framework: Framework,
  program: Program,
  sweeper: CacheSweeper,
  view: ViewOptions | undefined,
): Promise<Built> {
  const make = framework === 'express4' ? express4 : express;
  const { site } = program;
  const app = make();
  app.set('trust proxy', site.trustProxy);
  app.set('query parser', site.brackets ? 'extended' : 'simple');
  environmentOf(program, sweeper).express(app);
  app.use(requestStart() as Use, outside(framework, program));
  if (site.session) app.use(sessions());
  route(make, app, program, framework, view && (cacheView({ sweeper, ...view }) as unknown as Use));
  app.use((error: Error, _request: Request, response: Response, next: NextFunction) => {
    if (response.headersSent) next(error);
    else response.status(500).send(error.message.split('\n')[0]);
  });
  return { listener: app as never, close: async () => {} };
}

function outside(framework: Framework, program: Program): Use {
  return (request, response, next) => {
    const own = request as unknown as Dict;
    own.cookies = Object.fromEntries(cookiesOf(request.headers.cookie));
    leave(program.outer, own, own, response.locals);
    if (has(program, 'after')) sayAfter(program, response, scopeOf(framework, request, response));
    next();
  };
}

/** Code outside adds to a JSON body as it is handed to it, and to the head of any other answer. */
function sayAfter(program: Program, response: Response, scope: Scope): void {
  if (program.answer.by === 'json') {
    const { json } = response;
    response.json = function (this: Response, body: object) {
      return json.call(this, { ...body, after: afterLines(program, scope) });
    };
    return;
  }
  const writeHead = response.writeHead as (...args: unknown[]) => Response;
  response.writeHead = function (this: Response, ...args: unknown[]) {
    if (!this.headersSent) this.setHeader('X-After', afterLines(program, scope));
    return writeHead.apply(this, args);
  } as never;
}

class Visits extends session.Store {
  override get(sid: string, done: (error: unknown, held?: SessionData | null) => void): void {
    setImmediate(() => done(null, { cookie: { originalMaxAge: null }, ...sessionOf(sid) } as SessionData));
  }
  override set(_sid: string, _held: SessionData, done?: () => void): void {
    done?.();
  }
  override touch(_sid: string, _held: SessionData, done?: () => void): void {
    done?.();
  }
  override destroy(_sid: string, done?: () => void): void {
    done?.();
  }
}

const sessions = () =>
  session({ secret: SECRET, name: COOKIE, store: new Visits(), resave: false, saveUninitialized: false }) as Use;

function route(
  make: typeof express,
  app: Express,
  program: Program,
  framework: Framework,
  cache: Use | undefined,
): void {
  const { placed } = program.site;
  const router = placed === 'router' ? make.Router() : app;
  const path = placed === 'router' ? '/:item' : '/shop/:item';
  const runs = new WeakMap<Response, Run>();
  const runOf = (request: Request, response: Response) => {
    const run = runs.get(response) ?? new Run(program, scopeOf(framework, request, response));
    runs.set(response, run);
    return run;
  };
  if (placed === 'app' && cache) app.use(cache);
  if (has(program, 'param')) {
    router.param('item', (request, response, next) => {
      const seen = outsideLines(program, scopeOf(framework, request, response), 'param');
      Object.assign(request, { fromParam: seen });
      next();
    });
  }
  const inner: Use = (request, response, next) => {
    runOf(request, response).stage('inner');
    next();
  };
  const handler: Use = (request, response, next) => {
    answer(program, runOf(request, response), request, response).catch(next);
  };
  router.get(path, ...(cache && placed !== 'app' ? [cache] : []), inner, handler);
  if (placed === 'router') app.use('/shop', router);
}

async function answer(program: Program, run: Run, request: Request, response: Response): Promise<void> {
  await prepare(program, run);
  const { by, status } = program.answer;
  if (has(program, 'param')) run.lines.push(`param ${(request as { fromParam?: string }).fromParam}`);
  response.set(headersOf(program, run));
  response.status(status);
  if (by === 'render') response.render('page.njk', run.context());
  else if (by === 'json') response.json({ lines: run.lines });
  else if (by === 'redirect') response.redirect(301, locationOf(run));
  else if (by === 'pipe') Readable.from(pieces(program, run), { objectMode: false }).pipe(response.type('html'));
  else if (by === 'write') {
    response.type('html');
    for await (const piece of pieces(program, run)) {
      response.write(piece);
      await later();
    }
    response.end();
  } else response.type('html').send(run.lines.join('\n'));
}

function scopeOf(framework: Framework, request: Request, response: Response): Scope {
  const own = request as unknown as Dict;
  return {
    framework,
    request: own,
    holders: () => [own, (response as unknown as Dict).req as Dict, (own.res as Dict).req as Dict],
    locals: () => response.locals,
  };
}
