import express from 'express';
import express4 from 'express4';
import nunjucks from 'nunjucks';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import { cacheView } from 'nunjucks-cachesweeper/express';
import { afterEach, describe, expect, test } from 'vitest';
import { serve } from '../frameworks/framework-suite.ts';
import { ask } from './client.ts';
import { outside } from './outside.ts';
import { sites } from './running.ts';
import { allFrameworks, type Call, type Handler } from './sites.ts';

type Values = Record<string, unknown>;
const values = (call: Call) => call.request as Values;

/** Says what properties an object has, in their order, and its prototype's name. */
function shapeOf(object: object, only: string | undefined): string {
  const names = Object.getOwnPropertyNames(object).filter((key) => only === undefined || key === only);
  const lines = names.map((key) => {
    const { get, set, value, ...flags } = Object.getOwnPropertyDescriptor(object, key) as PropertyDescriptor;
    const text = typeof value === 'string' ? value : typeof value;
    return `${key}: ${JSON.stringify(flags)} ${get !== undefined} ${set !== undefined} ${text}`;
  });
  return [Object.getPrototypeOf(object)?.constructor?.name, ...lines].join('\n');
}

describe.each(allFrameworks.filter(([name]) => name !== 'hapi'))('%s: at the borders of the window', (name, start) => {
  const running = sites(start, () => ({}));

  test('a plain session makes its page private, whatever its handler says', async () => {
    const handler: Handler = (call) => {
      const cart = (values(call).session as Values | undefined)?.cart ?? 'empty';
      call.set('Cache-Control', 'public, s-maxage=600');
      call.send(`${cart}`);
    };
    const { get } = await running(
      [{ path: '/', handler }],
      outside(({ request, headers }) => {
        if (headers['x-cart'] !== undefined) request.session = { cart: headers['x-cart'] };
      }),
    );
    const mine = await get('/', { 'X-Cart': 'apples' });
    expect(mine).toMatchObject({ text: 'apples', headers: { 'cache-control': 'private, no-cache' } });
    expect(mine.cache).toBe('miss (personal: session)');
    expect((await get('/')).text).toBe('empty');
  });

  test('a model that was saved while the handler ran makes the next page fresh', async () => {
    class Shop {
      readonly id = 1;
      title = 'Old';
    }
    const shop = new Shop();
    let release = () => {};
    const handler: Handler = async (call) => {
      const { title } = values(call).shop as Shop;
      if (title === 'Old')
        await new Promise<void>((resolve) => {
          release = resolve;
        });
      call.send(title);
    };
    const { get, sweeper } = await running(
      [{ path: '/', handler }],
      outside(({ request }) => {
        request.shop = shop;
      }),
    );
    sweeper.register(Shop);
    const first = get('/');
    await expect.poll(() => release.name).not.toBe('release');
    await new Promise((resolve) => setTimeout(resolve, 100));
    shop.title = 'New';
    await sweeper.invalidateCacheFor(shop);
    release();
    expect((await first).text).toBe('Old');
    expect((await get('/')).text).toBe('New');
  });

  test('nothing that the handler was given stays changed when it has been answered', async () => {
    const handler: Handler = (call) => {
      call.send(`${[values(call).lang, values(call).ip, call.header('x-a'), (call.response as Values).tone]}`);
    };
    const shapes: string[] = [];
    for (const cached of [false, true]) {
      const objects: [object, only: string | undefined][] = [];
      let done = () => {};
      const closed = new Promise<void>((resolve) => {
        done = resolve;
      });
      const { get } = await running([{ path: '/', handler }], {
        cached,
        ...outside(({ request, response, rawResponse, locals }) => {
          request.lang = locals.lang = response.tone = 'en';
          Object.defineProperty(request, 'who', { configurable: true, get: () => 'me' });
          const raw = (request.raw ?? request.req ?? request) as object;
          for (const own of [request, raw, locals, (request.request as object) ?? {}]) objects.push([own, undefined]);
          objects.push([response, 'tone']);
          (rawResponse as { once?: (event: string, heard: () => void) => void }).once?.('close', () => done());
        }),
      });
      await get('/?utm_a=1', { 'If-None-Match': '"x"' });
      await closed;
      shapes.push(objects.map(([object, only]) => shapeOf(object, only)).join('\n\n'));
    }
    expect(shapes[1]).toBe(shapes[0]);
  });

  if (name === 'Koa') {
    test('bytes that middleware outside has changed in place are not stored', async () => {
      const { get } = await running([{ path: '/', handler: (call) => call.send(Buffer.from('for xxx')) }], {
        koa: (app) =>
          void app.use(async (ctx, next) => {
            await next();
            if (Buffer.isBuffer(ctx.body)) ctx.body.write(ctx.get('X-Who') || 'nob', 4);
          }),
      });
      for (const who of ['Ann', 'Ben']) expect((await get('/', { 'X-Who': who })).text).toBe(`for ${who}`);
    });
  }
});

describe.each([
  ['Express 4', express4 as typeof express],
  ['Express 5', express],
] as const)('%s', (_name, framework) => {
  const closing: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });

  test('variables of a template of another engine count, if that calls a page of ours', async () => {
    const sweeper = new CacheSweeper();
    const app = framework();
    const env = nunjucks.configure(new URL('templates', import.meta.url).pathname);
    sweeper.install(env);
    app.set('views', new URL('templates', import.meta.url).pathname);
    app.engine('njk', (_file: string, options: object, done: (error: unknown, html?: string) => void) => {
      const { who } = options as { who?: string };
      done(null, `for ${who ?? 'nobody'} ${env.render('locals.njk', { text: 'x' })}`);
    });
    app.get(
      '/',
      (req, res, next) => {
        res.locals.who = req.headers['x-who'];
        next();
      },
      cacheView({ sweeper, ttl: 300 }) as express.RequestHandler,
      (_req, res) => void res.render('plain.njk'),
    );
    const served = await serve(app);
    closing.push(
      () => served.close(),
      () => sweeper.close(),
    );
    for (const who of ['Ann', 'Ben']) {
      expect((await ask(served.url, { headers: { 'X-Who': who } })).body.toString()).toContain(`for ${who}`);
      await sweeper.idle();
    }
  });
});
