import { gunzipSync } from 'node:zlib';
import compression from 'compression';
import type { NextFunction, Request, Response } from 'express';
import session from 'express-session';
import { cacheView } from 'nunjucks-cachesweeper/express';
import { panel } from 'nunjucks-cachesweeper/panel';
import { afterEach, expect, test } from 'vitest';
import { ask } from '../views/client.ts';
import { DOCUMENT, type PanelSite, type Plan, panelSite } from './site.ts';

const open: PanelSite[] = [];
afterEach(async () => {
  for (const site of open.splice(0)) await site.close();
});

const PAGE = '<!doctype html><body><p>{{ text }}</p></body>';
const WITH_STRIP =
  /^<!doctype html><body><p>ä<\/p><script src="\/__cachesweeper\/strip\/\w+\.js" async><\/script><\/body>$/;

async function start(plan: Partial<Plan> = {}): Promise<PanelSite> {
  const site = await panelSite('express', { templates: { 'page.njk': PAGE }, context: () => ({ text: 'ä' }), ...plan });
  open.push(site);
  return site;
}

test('behind a compression, what is no page has the headers that it has without the panel', async () => {
  const plan: Partial<Plan> = {
    before: (app) => void app.use(compression({ threshold: 0 })),
    behind: (app) => {
      app.get('/data', (_request, response) => void response.set('Cache-Control', 'public, max-age=60').json([1]));
      app.get('/away', (_request, response) => void response.set('Cache-Control', 'max-age=60').redirect('/page'));
    },
  };
  const [site, plain] = [await start(plan), await start({ ...plan, panel: false })];
  for (const path of ['/data', '/away']) {
    const [one, other] = [await site.get(path), await plain.get(path)];
    expect([...one.headers].filter(([name]) => name !== 'date')).toEqual(
      [...other.headers].filter(([name]) => name !== 'date'),
    );
  }
});

test.each([false, true])(
  'a compression in front of it compresses the page with its strip, from a view: %s',
  async (view) => {
    const site = await start({ view, before: (app) => void app.use(compression({ threshold: 0 })) });
    for (const cache of view ? ['miss', 'hit'] : [undefined]) {
      const page = await ask(`${site.url}/page`, { headers: { ...DOCUMENT, 'Accept-Encoding': 'gzip' } });
      expect(page.headers).toMatchObject({ 'content-encoding': 'gzip', 'cache-control': 'no-store' });
      expect(page.headers['x-cache']).toBe(cache);
      expect(page.headers['content-length']).toBeUndefined();
      expect(gunzipSync(page.body).toString()).toMatch(WITH_STRIP);
    }
  },
);

test.each<'before' | 'behind'>(['before', 'behind'])(
  'with a session %s, the page has its cookie and its strip',
  async (place) => {
    const sessions = session({ secret: 'a', resave: false, saveUninitialized: true });
    const site = await start({ [place]: (app: Parameters<NonNullable<Plan['before']>>[0]) => void app.use(sessions) });
    const page = await ask(`${site.url}/page`, { headers: DOCUMENT });
    expect(page.body.toString()).toMatch(WITH_STRIP);
    expect(page.headers['set-cookie']?.[0]).toMatch(/^connect\.sid=/);
    expect(page.headers['content-length']).toBe(String(page.body.length));
  },
);

test('mounted twice, and in front of another one, it does its work once', async () => {
  const site = await start({
    panel: false,
    behind: (app, { sweeper }) => {
      const shown = panel(sweeper);
      app.use(shown.express, shown.express, panel(sweeper, { path: '/other' }).express);
    },
  });
  const page = await ask(`${site.url}/page`, { headers: DOCUMENT });
  expect(page.body.toString()).toMatch(WITH_STRIP);
  expect(page.headers['content-length']).toBe(String(page.body.length));
  expect((await site.get('/__cachesweeper')).text).toContain('<td>/page</td>');
});

test.each([false, true])(
  'an error behind half a page cuts the answer off, as without the panel, with a view: %s',
  async (view) => {
    const half = (_request: Request, response: Response, next: NextFunction) => {
      response.type('html').write(`<!doctype html><p>${'half'.repeat(200)}`);
      next(new Error('in the middle'));
    };
    const site = await start({
      behind: (app, { sweeper }) => void app.get('/half', ...(view ? [cacheView({ sweeper, ttl: 300 })] : []), half),
    });
    await expect(ask(`${site.url}/half`, { headers: DOCUMENT })).rejects.toThrow('socket hang up');
    expect((await site.get('/page')).text).toMatch(WITH_STRIP);
  },
);

test('trailers come behind a page', async () => {
  const site = await start({
    behind: (app) => {
      app.get('/trailers', (_request, response) => {
        response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8', Trailer: 'X-Last' });
        response.write('<!doctype html><body><p>ä</p></body>');
        response.addTrailers({ 'X-Last': '1' });
        response.end();
      });
    },
  });
  const page = await ask(`${site.url}/trailers`, { headers: DOCUMENT });
  expect(page.body.toString()).toMatch(WITH_STRIP);
  expect(page.headers).toMatchObject({ trailer: 'X-Last', 'transfer-encoding': 'chunked' });
  expect(page.complete).toBe(true);
});
