import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import * as forExpress from 'nunjucks-cachesweeper/express';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launchBrowser } from '../demo/browser.ts';
import { sites } from './running.ts';
import { frameworks, type Handler, type Plan } from './sites.ts';

const without = () => ({});
const BOTH = ['content-security-policy', 'content-security-policy-report-only'] as const;

/** What helmet does with a nonce: a policy that is another for each request, set before the handler. */
function nonces(rest: () => string = () => ''): Partial<Plan> {
  let made = 0;
  const headers = () => Object.fromEntries(BOTH.map((name) => [name, `script-src 'nonce-${++made}'${rest()}`]));
  return {
    express: (app) => {
      app.use((_req, res, next) => {
        res.set(headers());
        next();
      });
    },
    fastify: (app) => {
      app.addHook('onRequest', async (_request, reply) => void reply.headers(headers()));
    },
    hapi: (server) => {
      server.ext('onRequest', ({ raw }, h) => {
        for (const [name, value] of Object.entries(headers())) raw.res.setHeader(name, value);
        return h.continue;
      });
    },
    koa: (app) => {
      app.use((ctx, next) => {
        ctx.set(headers());
        return next();
      });
    },
  };
}

describe.each(frameworks)('%s: a policy with a nonce', (_name, start) => {
  const running = sites(start, without);
  const handler: Handler = async (call) => {
    if (await call.fresh([{ type: 'Article', id: 1 }])) return;
    call.send('x');
  };

  test('is in no 304 of fresh(): the one that came with the html counts', async () => {
    const { get } = await running([{ path: '/', handler, options: { skip: () => true } }], nonces());
    const first = await get('/');
    for (const name of BOTH) expect(first.headers[name]).toContain('nonce-');
    const again = await get('/', { 'If-None-Match': String(first.headers.etag) });
    expect(again.status).toBe(304);
    for (const name of BOTH) expect(again.headers).not.toHaveProperty(name);
  });

  test('is in no 304 of a handler whose page is not stored', async () => {
    const tagged: Handler = (call) => {
      call.set('ETag', '"mine"');
      call.send('x');
    };
    const { get } = await running([{ path: '/', handler: tagged }], nonces());
    const again = await get('/', { 'If-None-Match': '"mine"' });
    expect(again).toMatchObject({ status: 304, cache: expect.stringMatching(/^miss/) });
    for (const name of BOTH) expect(again.headers).not.toHaveProperty(name);
  });

  test('that changes beside its nonce is sent with the whole page', async () => {
    let rest = '';
    const { get } = await running(
      [{ path: '/', handler, options: { skip: () => true } }],
      nonces(() => rest),
    );
    const { etag = '' } = (await get('/')).headers;
    expect(await get('/', { 'If-None-Match': etag })).toMatchObject({ status: 304 });
    rest = "; img-src 'self'";
    expect(await get('/', { 'If-None-Match': etag })).toMatchObject({ status: 200 });
  });

  test('a policy without a nonce is in each 304', async () => {
    const policy = "default-src 'self'";
    const shown: Handler = (call) => {
      call.set('Content-Security-Policy', policy);
      return handler(call);
    };
    const { get } = await running([{ path: '/', handler: shown, options: { skip: () => true } }]);
    const { etag = '' } = (await get('/')).headers;
    expect(await get('/', { 'If-None-Match': etag })).toMatchObject({
      status: 304,
      headers: { 'content-security-policy': policy },
    });
  });
});

describe('Chromium, asking again for a page whose policy has a nonce', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(() => browser?.close());

  test('gets 304 and runs the scripts of the html that it has kept', async () => {
    const sweeper = new CacheSweeper();
    const app = express();
    const statuses: number[] = [];
    let made = 0;
    app.use((_req, res, next) => {
      const nonce = `nonce-number-${++made}`;
      res.locals.nonce = nonce;
      res.set('Content-Security-Policy', `default-src 'none'; script-src 'nonce-${nonce}'`);
      res.on('finish', () => statuses.push(res.statusCode));
      next();
    });
    app.get('/', async (req, res) => {
      if (await forExpress.fresh(req, res, [{ type: 'Article', id: 1 }], { sweeper })) return;
      res.send(`<p>html</p><script nonce="${res.locals.nonce}">document.title = 'ran';</script>`);
    });
    const server = createServer(app);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const page = await browser.newPage();
    const complaints: string[] = [];
    page.on('console', (message) => complaints.push(message.text()));
    for (let i = 0; i < 2; i++) {
      await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
      expect(await page.title()).toBe('ran');
    }
    expect(statuses).toEqual([200, 304]);
    expect(complaints).toEqual([]);
    await page.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await sweeper.close();
  });
});
