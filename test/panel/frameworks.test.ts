import { afterEach, describe, expect, test } from 'vitest';
import { DOCUMENT, type Framework, type PanelSite, type Plan, panelSite } from './site.ts';

const TEMPLATES = {
  'page.njk':
    '<!doctype html><html><head><title>{{ title }}</title></head><body><h1>Comments</h1>' +
    '{% for comment in comments %}{% cachesweeper comment 500 type="Comment" %}<p>{{ comment.text }} {{ lang }}</p>{% endcachesweeper %}{% endfor %}' +
    '</body></html>',
};
const COMMENTS = [
  { id: 1, text: 'First' },
  { id: 2, text: 'Second' },
];
const context = () => ({ title: 'A page', lang: 'en', comments: COMMENTS });
const SCRIPT = /<script src="(\/__cachesweeper\/strip\/[0-9a-f]{32}\.js)" async><\/script>/;

describe.each<Framework>(['express', 'fastify', 'koa', 'hapi'])('%s', (framework) => {
  const open: PanelSite[] = [];
  afterEach(async () => {
    for (const site of open.splice(0)) {
      await site.close();
      expect(site.errors).toEqual([]);
    }
  });
  const start = async (plan: Partial<Plan> = {}) => {
    const site = await panelSite(framework, { templates: TEMPLATES, context, ...plan });
    open.push(site);
    return site;
  };
  const cookie = (wish: string) => ({ ...DOCUMENT, Cookie: `a=1; cachesweeper-panel=${wish}; b=2` });
  /** What the strip of a page is given. */
  const reportOf = async (site: PanelSite, html: string) => {
    const address = SCRIPT.exec(html)?.[1] ?? 'no strip';
    const script = await site.get(address, { 'Sec-Fetch-Dest': 'script', 'Sec-Fetch-Site': 'same-origin' });
    expect(script.status).toBe(200);
    const [, report, given] = /\n}\)\((\{.*\}), (\{.*\})\);\n$/.exec(script.text) ?? [];
    return { report: JSON.parse(report as string), given: JSON.parse(given as string) };
  };

  test('a page gets the strip in front of the end of its body, and no cache may keep it', async () => {
    const site = await start();
    const plain = await start({ panel: false });
    const { text, headers } = await site.get('/page');
    expect(text).toMatch(SCRIPT);
    expect(text.replace(SCRIPT, '')).toBe((await plain.get('/page')).text);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('etag')).toBeNull();
    expect(headers.get('content-length')).toBe(String(Buffer.byteLength(text)));
    const again = await site.get('/page', { ...DOCUMENT, 'If-None-Match': '*' });
    expect(again.status).toBe(200);
  });

  test('the strip tells what was hit and missed, with models, keys, reads and causes', async () => {
    const site = await start();
    const first = await reportOf(site, (await site.get('/page')).text);
    expect(first.report.figures).toMatchObject({ hit: 0, miss: 2, uncached: 0, roundTrips: 0 });
    expect(first.report.fragments[0]).toMatchObject({
      template: 'page.njk',
      line: 1,
      outcome: 'miss',
      cause: 'this process knows no entry of it',
    });
    await site.sweeper.invalidateCacheFor({ type: 'Comment', id: 2 });
    const { report } = await reportOf(site, (await site.get('/page')).text);
    expect(report.figures).toMatchObject({ hit: 1, miss: 1, uncached: 0 });
    expect(report.fragments[0].kept).toMatchObject({
      models: ['Comment:=1'],
      reads: [{ paths: ['lang'], value: '"en"' }],
      own: ['*', 'Comment', 'Comment:=1'],
      inherited: [],
    });
    expect(report.fragments[1].cause).toMatch(/^Comment 2, invalidated [\d.]+ s ago by /);
  });

  test('marks stand around the fragments where they are wished for, are stored nowhere, and change nothing else', async () => {
    const site = await start();
    const plain = await start({ panel: false });
    const { text } = await plain.get('/page');
    const marked = await site.get('/page', cookie('marks'));
    expect(marked.text).toMatch(
      /<!--cs:\w{24}:0--><p>First en<\/p><!--\/cs:\w{24}:0--><!--cs:\w{24}:1--><p>Second en<\/p><!--\/cs/,
    );
    expect(marked.text.replace(SCRIPT, '').replace(/<!--\/?cs:\w+:\d+-->/g, '')).toBe(text);
    expect(marked.headers.get('set-cookie')).toBeNull();
    const next = await site.get('/page');
    expect(next.text.replace(SCRIPT, '')).toBe(text);
    expect(next.headers.get('set-cookie')).toBeNull();
  });

  test('the site does not see the wish of the strip among its cookies', async () => {
    const cookies: unknown[] = [];
    const site = await start({
      headers: ({ headers }) => {
        cookies.push(headers.cookie);
        return {};
      },
    });
    await site.get('/page', cookie('marks'));
    await site.get('/page', { ...DOCUMENT, Cookie: 'cachesweeper-panel=uncached' });
    await site.get('/page', { Cookie: 'a=1; cachesweeper-panel=marks' });
    expect(cookies).toEqual(['a=1; b=2', undefined, 'a=1']);
  });

  test.each([
    ['a hard reload', { ...DOCUMENT, 'Cache-Control': 'no-cache', Pragma: 'no-cache' }],
    ['the button', { ...DOCUMENT, Cookie: 'cachesweeper-panel=uncached' }],
  ])('%s renders without the cache and stores nothing', async (_, headers) => {
    const site = await start();
    const { report } = await reportOf(site, (await site.get('/page', headers)).text);
    expect(report).toMatchObject({ without: 'cache', figures: { hit: 0, miss: 0, uncached: 2 } });
    const next = await reportOf(site, (await site.get('/page')).text);
    expect(next.report.figures).toMatchObject({ hit: 0, miss: 2 });
  });

  test('a page without the cache is one, and marks stay', async () => {
    const site = await start();
    const setBy = async (wish: string) => (await site.get('/page?as=json', cookie(wish))).headers.get('set-cookie');
    expect(await setBy('marks')).toBeNull();
    expect(await setBy('uncached')).toBe('cachesweeper-panel=; Path=/; Max-Age=0; SameSite=Strict');
    expect(await setBy('both')).toBe('cachesweeper-panel=marks; Path=/; SameSite=Strict');
  });

  test('who is not authorized gets every byte as without the panel, and 404 for its pages', async () => {
    const authorize = async (request: { headers: Record<string, unknown> }) => request.headers['x-admin'] === 'yes';
    const site = await start({ panel: { authorize } });
    const plain = await start({ panel: false });
    for (const headers of [DOCUMENT, cookie('marks'), { ...DOCUMENT, 'Cache-Control': 'no-cache' }]) {
      const [one, other] = [await site.get('/page', headers), await plain.get('/page', headers)];
      expect(one.text).toBe(other.text);
      expect(one.status).toBe(other.status);
      expect([...one.headers].filter(([name]) => name !== 'date')).toEqual(
        [...other.headers].filter(([name]) => name !== 'date'),
      );
    }
    const own = ['', '/', '/page.js', '/page.css', '/strip/0.js', '/pages/0/fragments/0/invalidate'];
    for (const path of own) expect((await site.get(`/__cachesweeper${path}`)).status).toBe(404);
    expect((await site.get('/__cachesweeper', { 'X-Admin': 'yes' })).status).toBe(200);
    expect((await site.get('/page', { ...DOCUMENT, 'X-Admin': 'yes' })).text).toMatch(SCRIPT);
  });

  test('a page from a view is told, and marks pass the view by, whose entry has neither strip nor marks', async () => {
    let rendered = 0;
    const site = await start({
      view: true,
      context: () => {
        rendered++;
        return context();
      },
    });
    const visitor = { Accept: '*/*' };
    const plain = (await (await start({ panel: false })).get('/page', visitor)).text;
    expect((await site.get('/page')).text.replace(SCRIPT, '')).toBe(plain);
    const second = await site.get('/page');
    expect([rendered, second.headers.get('x-cache'), second.text.replace(SCRIPT, '')]).toEqual([1, 'hit', plain]);
    expect(second.headers.get('cache-control')).toBe('no-store');
    expect((await reportOf(site, second.text)).report).toMatchObject({ view: { outcome: 'hit' }, fragments: [] });
    const marked = await site.get('/page', cookie('marks'));
    expect([rendered, marked.text]).toEqual([2, expect.stringMatching(/<!--cs:\w+:0--><p>First en<\/p>/)]);
    const third = await site.get('/page', visitor);
    expect([rendered, third.headers.get('x-cache'), third.text]).toEqual([2, 'hit', plain]);
    expect(third.headers.get('etag')).not.toBeNull();
    expect(third.headers.get('cache-control')).not.toBe('no-store');
  });

  test('a whole view says what became of it, what it is compared by and depends on, and who has invalidated it', async () => {
    const site = await start({
      view: true,
      context: ({ headers }) => ({ ...context(), lang: headers['accept-language'] }),
    });
    const of = async (language: string, headers: Record<string, string> = DOCUMENT) => {
      const { text } = await site.get('/page?a=1', { ...headers, 'Accept-Language': language });
      return await reportOf(site, text);
    };
    const first = (await of('en')).report.view;
    expect(first).toMatchObject({ outcome: 'miss', cause: 'this process knows no entry of it' });
    const kept = {
      keys: expect.stringContaining('"/page","?a=1"'),
      using: '[]',
      reads: expect.arrayContaining([{ paths: ['headers.accept-language'], value: '"en"' }]),
      own: expect.arrayContaining(['*', '@view', '@view:=path:/page']),
      inherited: expect.arrayContaining(['Comment', 'Comment:=1', 'Comment:=2']),
      holes: [],
    };
    expect(first.kept).toMatchObject(kept);

    const { report, given } = await of('en');
    expect(report.view).toMatchObject({ outcome: 'hit', kept });
    expect(report.view.cost).toBeGreaterThan(0);
    expect(report.figures.saved).toBe(report.view.cost);
    expect(report.view.kept.made).toBeLessThanOrEqual(report.time);
    expect(report.view.kept.expires).toBeGreaterThan(report.time);
    expect((await of('de')).report.view).toMatchObject({
      outcome: 'miss',
      cause: 'rendered before for other values of what it reads',
    });
    const passed = (await of('en', cookie('marks'))).report;
    expect([passed.without, passed.view]).toEqual(['views', { outcome: 'skip', reason: 'disabled' }]);

    const press = (action: string, token = given.token) =>
      site.get(
        `/__cachesweeper/pages/${given.id}/view/${action}`,
        { 'Sec-Fetch-Site': 'same-origin', 'X-Cachesweeper-Token': token },
        'POST',
      );
    expect((await press('expire', 'another')).status).toBe(403);
    expect((await press('invalidate')).status).toBe(404);
    expect((await of('en')).report.view.outcome).toBe('hit');
    expect((await press('expire')).status).toBe(200);
    const { view } = (await of('en')).report;
    expect(view).toMatchObject({ outcome: 'miss', kept });
    expect(view.cause).toMatch(
      /^view path:\/page, invalidated [\d.]+ s ago by POST \/__cachesweeper\/pages\/\w+\/view\/expire \(expireView/,
    );
  });

  test('a whole view that is not kept, or passed by, says which read is the reason', async () => {
    const site = await start({
      view: true,
      context: ({ headers }) => ({ ...context(), lang: headers.cookie }),
      headers: ({ query }): Record<string, string> => (query.has('own') ? { 'Cache-Control': 'private' } : {}),
    });
    const viewOf = async (path: string, headers: Record<string, string> = DOCUMENT) =>
      (await reportOf(site, (await site.get(path, headers)).text)).report.view;
    const theirs = { ...DOCUMENT, Cookie: 'theme=dark' };
    expect(await viewOf('/page', theirs)).toMatchObject({ outcome: 'miss', reason: 'personal: headers.cookie' });
    expect(await viewOf('/page')).toMatchObject({ outcome: 'miss', kept: { own: expect.arrayContaining(['*']) } });
    expect(await viewOf('/page', theirs)).toMatchObject({ outcome: 'skip', reason: 'personal: headers.cookie' });
    expect(await viewOf('/page?own')).toMatchObject({ outcome: 'miss', reason: 'cache-control', kept: { own: [] } });
  });

  test('the page that answers a form has its strip, whose fragments are those of this request', async () => {
    const site = await start();
    const post = async (id: number) => {
      const body = JSON.stringify({ id, text: 'x'.repeat(100_000) });
      const headers = { ...DOCUMENT, 'Content-Type': 'application/json' };
      return (await fetch(`${site.url}/page`, { method: 'POST', headers, body })).text();
    };
    const pages = await Promise.all([1, 2, 3].map(post));
    for (const page of pages) expect((await reportOf(site, page)).report.fragments.length).toBe(2);
  });

  test('only the script of the strip, on a page of the same site, can invalidate', async () => {
    const site = await start();
    const { text } = await site.get('/page');
    const { given } = await reportOf(site, text);
    const press = (headers: Record<string, string>, method = 'POST') =>
      site.get(`/__cachesweeper/pages/${given.id}/fragments/1/invalidate`, headers, method);
    const token = { 'X-Cachesweeper-Token': given.token };
    const own = { 'Sec-Fetch-Site': 'same-origin' };
    expect((await press({ ...token, 'Sec-Fetch-Site': 'cross-site' })).status).toBe(404);
    expect((await press({ ...token, 'Sec-Fetch-Site': 'none' })).status).toBe(403);
    expect((await press({ ...token, Origin: 'http://other.example' })).status).toBe(403);
    expect((await press(token)).status).toBe(403);
    expect((await press(own)).status).toBe(403);
    expect((await press({ ...own, 'X-Cachesweeper-Token': `${given.token.slice(1)}0` })).status).toBe(403);
    expect((await press({ ...own, ...token }, 'GET')).status).toBe(405);
    expect((await reportOf(site, (await site.get('/page')).text)).report.figures.hit).toBe(2);
    expect((await press({ ...token, Origin: site.url })).status).toBe(200);
    expect((await press({ ...own, ...token })).status).toBe(200);
    const { report } = await reportOf(site, (await site.get('/page')).text);
    expect(report.fragments.map(({ outcome }: { outcome: string }) => outcome)).toEqual(['hit', 'miss']);
  });

  test('parts of pages, frames, downloads and what is no html stay as they are', async () => {
    const types: Record<string, Record<string, string>> = {
      json: { 'Content-Type': 'application/json' },
      download: { 'Content-Type': 'text/html', 'Content-Disposition': 'Attachment; filename="page.html"' },
      latin: { 'Content-Type': 'text/html; charset=iso-8859-1' },
    };
    const plan: Partial<Plan> = { headers: ({ query }) => types[query.get('as') ?? ''] ?? {} };
    const [site, plain] = [await start(plan), await start({ ...plan, panel: false })];
    const asked: [string, Record<string, string>][] = [
      ['/page?as=json', cookie('marks')],
      ['/page?as=download', cookie('marks')],
      // Express sends texts as UTF-8, whatever was said.
      ...(framework === 'express' ? [] : [['/page?as=latin', cookie('marks')] as [string, Record<string, string>]]),
      ['/page', { 'Sec-Fetch-Dest': 'empty', Accept: 'text/html' }],
      ['/page', { 'Sec-Fetch-Dest': 'iframe', Accept: 'text/html' }],
      ['/page', { 'HX-Request': 'true', Accept: 'text/html' }],
      ['/page', { 'X-Requested-With': 'XMLHttpRequest', Accept: 'text/html' }],
      ['/page', { Accept: '*/*' }],
    ];
    for (const [path, headers] of asked) {
      const [one, other] = [await site.get(path, headers), await plain.get(path, headers)];
      expect([path, headers, one.text]).toEqual([path, headers, other.text]);
    }
  });
});
