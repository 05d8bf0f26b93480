import engine from 'egg-view-nunjucks/lib/engine.js';
import View from 'egg-view-nunjucks/lib/view.js';
import Koa from 'koa';
import nunjucks from 'nunjucks';
import type { CacheSweeper } from 'nunjucks-cachesweeper';
import { security } from './security.ts';

/** Egg's helper of a request. */
class Helper {
  readonly ctx: object;
  constructor(ctx: object) {
    this.ctx = ctx;
  }

  escape(text: string): string {
    return originalEscape(text);
  }
}

const { escape: originalEscape } = nunjucks.lib as unknown as { escape: (text: string) => string };

/** The parts of an Egg application that egg-view-nunjucks and a site's `app.js` use. */
export interface App {
  readonly nunjucks: nunjucks.Environment;
  sweeper?: CacheSweeper;
  use(middleware: Koa.Middleware): unknown;
}

/**
 * An Egg application with egg-view-nunjucks, made of Koa as Egg is, without the rest of Egg: that is 45 MB of packages.
 *
 * @param boot the site's `app.js`
 * @param pages the variables of each template
 */
export function eggApp(boot: (app: App) => void, pages: Readonly<Record<string, () => object>>): Koa {
  const koa = Object.assign(new Koa(), security, {
    Helper,
    config: {
      view: { root: [new URL('view', import.meta.url).pathname] },
      nunjucks: { autoescape: true, cache: true },
      security: { csrf: {}, csp: { enable: true } },
    },
    loader: { getLoadUnits: () => [] },
    loggers: { coreLogger: { info: () => {} } },
  });
  const app = Object.assign(koa, { nunjucks: engine(koa) });
  koa.use(async (ctx, next) => {
    // Egg makes both anew for each request; here a request says which, so that two sites can be compared.
    Object.assign(ctx, { csrf: `${ctx.get('visitor')}-${ctx.get('number')}`, nonce: `nonce-${ctx.get('number')}` });
    await next();
  });
  boot(app);
  koa.use(async (ctx) => {
    const name = ctx.path.slice(1);
    const locals = { ctx, request: ctx.request, visitor: ctx.get('visitor'), ...pages[name]?.() };
    ctx.body = await new View(ctx).render(`${name}.njk`, locals);
  });
  return app;
}
