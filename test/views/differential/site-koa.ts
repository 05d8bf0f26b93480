import { Readable } from 'node:stream';
import Router from '@koa/router';
import Koa from 'koa';
import koaSession from 'koa-session';
import type nunjucks from 'nunjucks';
import type { CacheSweeper } from 'nunjucks-cachesweeper';
import { cacheView, requestStart } from 'nunjucks-cachesweeper/koa';
import { leave } from './outer.ts';
import type { Program } from './program.ts';
import type { Dict, Scope } from './reads.ts';
import { afterLines, has, headersOf, later, locationOf, outsideLines, pieces, prepare, Run } from './run.ts';
import { COOKIE } from './sessions.ts';
import type { Built, ViewOptions } from './site.ts';
import { environmentOf } from './templates.ts';

export async function buildKoa(program: Program, sweeper: CacheSweeper, view: ViewOptions | undefined): Promise<Built> {
  const { site } = program;
  const app = new Koa({ proxy: site.trustProxy });
  app.silent = true;
  const env = environmentOf(program, sweeper);
  const cache = view && (cacheView({ sweeper, ...view }) as unknown as Koa.Middleware);
  app.use(requestStart() as Koa.Middleware);
  app.use(async (ctx, next) => {
    try {
      await next();
    } catch (error) {
      if (ctx.headerSent) throw error;
      ctx.status = 500;
      ctx.body = (error as Error).message.split('\n')[0];
    }
  });
  app.use(async (ctx, next) => {
    leave(program.outer, ctx.req as unknown as Dict, ctx as unknown as Dict, ctx.state);
    await next();
    if (has(program, 'after')) sayAfter(program, ctx);
  });
  if (site.session) app.use(koaSession({ key: COOKIE, signed: false }, app) as never);
  if (cache && site.placed === 'app') app.use(cache);
  const router = new Router(site.placed === 'router' ? { prefix: '/shop' } : {});
  const runs = new WeakMap<object, Run>();
  if (has(program, 'param')) {
    router.param('item', (_item, ctx, next) => {
      const seen = outsideLines(program, scopeOf(ctx as unknown as Koa.Context), 'param');
      Object.assign(ctx, { fromParam: seen });
      return next();
    });
  }
  const inner = async (ctx: Koa.Context, next: Koa.Next) => {
    const run = new Run(program, scopeOf(ctx));
    runs.set(ctx, run);
    run.stage('inner');
    await next();
  };
  const path = site.placed === 'router' ? '/:item' : '/shop/:item';
  const handler = (ctx: Koa.Context) => answer(program, runs.get(ctx) as Run, ctx, { sweeper, env });
  const first = cache && site.placed !== 'app' ? [cache] : [];
  router.get(path, ...([...first, inner, handler] as never[]));
  app.use(router.routes() as Koa.Middleware);
  return { listener: app.callback(), close: async () => {} };
}

/** Middleware outside adds to a text, to an object, and to the head. */
function sayAfter(program: Program, ctx: Koa.Context): void {
  const after = afterLines(program, scopeOf(ctx));
  const body: unknown = ctx.body;
  if (!ctx.headerSent) ctx.set('X-After', after);
  if (typeof body === 'string' && program.answer.by === 'send') ctx.body = `${body}\nafter ${after}`;
  else if (program.answer.by === 'json' && typeof body === 'object' && body !== null) Object.assign(body, { after });
}

async function answer(
  program: Program,
  run: Run,
  ctx: Koa.Context,
  { sweeper, env }: { readonly sweeper: CacheSweeper; readonly env: nunjucks.Environment },
): Promise<void> {
  await prepare(program, run);
  const { by, status } = program.answer;
  if (has(program, 'param')) run.lines.push(`param ${(ctx as { fromParam?: string }).fromParam}`);
  ctx.set(headersOf(program, run));
  ctx.status = status;
  if (by === 'json') ctx.body = { lines: run.lines };
  else if (by === 'redirect') {
    ctx.status = 301;
    ctx.redirect(locationOf(run));
  } else if (by === 'render') {
    ctx.body = await sweeper.render(env, 'page.njk', { ...ctx.state, ...run.context() });
    ctx.type = 'html';
  } else if (by === 'send') {
    ctx.body = run.lines.join('\n');
    ctx.type = 'html';
  } else if (by === 'pipe' || has(program, 'after')) {
    // Who answers by hand has sent the head before middleware outside could add to it, as it does on a hit.
    ctx.body = Readable.from(pieces(program, run), { objectMode: false });
    ctx.type = 'html';
  } else {
    ctx.type = 'html';
    ctx.respond = false;
    ctx.res.statusCode = status;
    for await (const piece of pieces(program, run)) {
      ctx.res.write(piece);
      await later();
    }
    ctx.res.end();
  }
}

function scopeOf(ctx: Koa.Context): Scope {
  const own = ctx as unknown as Dict;
  return {
    framework: 'koa',
    request: own,
    holders: () => [own, own.request as Dict, own.req as Dict, (own.res as Dict).req as Dict],
    locals: () => ctx.state,
  };
}
