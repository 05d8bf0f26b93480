import { mkdirSync } from 'node:fs';
import fc from 'fast-check';
import { cacheView } from 'nunjucks-cachesweeper/express';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { CommentPlaces } from '../../src/panel/marks/comment-places.ts';
import { launchBrowser } from '../demo/browser.ts';
import { isDeep, sized } from '../support/long.ts';
import { html } from './random-html.ts';
import { type PanelSite, type Plan, panelSite } from './site.ts';

/** Where pictures of the panel are left. */
const PICTURES = new URL('../../build/screenshots/', import.meta.url).pathname;

/** The machine may be busy. */
const SOON = { timeout: 15_000 };

const STYLE = 'body { font: 16px/1.5 Georgia, serif; max-width: 42rem; margin: 2rem auto; padding: 0 1rem }';
const TEMPLATES = {
  'article.njk': `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{% cachesweeper article 500 type="Article" %}{{ article.title }}{% endcachesweeper %}</title>
<link rel="stylesheet" href="/style.css"></head><body>
{% cachesweeper article 500 type="Article" %}<header><h1>{{ article.title }}</h1><p>{{ article.text }}</p></header>{% endcachesweeper %}
<h2>Comments</h2>
{% cachesweeper comments 500 type="Comment" %}<ul>{% for comment in comments %}<li>{% cachesweeper comment "10m" lang type="Comment" %}<b>{{ comment.author }}</b>: {{ comment.text }} {% uncached %}<i>{{ visitor }}</i>{% enduncached %}{% endcachesweeper %}</li>{% endfor %}</ul>{% endcachesweeper %}
<form><textarea>{% cachesweeper article 500 "form" type="Article" %}{{ article.text }}{% endcachesweeper %}</textarea></form>
<script nonce="{{ nonce }}">window.seen = {{ '{% cachesweeper article 500 "script" type="Article" %}' | safe if false }}"{% cachesweeper article 500 "script" type="Article" %}{{ article.title }}{% endcachesweeper %}";</script>
</body></html>`,
};
const context = (): object => ({
  article: { id: 7, title: 'Slow bread', text: 'Flour, water, salt and a night.' },
  comments: [
    { id: 1, author: 'Ann', text: 'It works' },
    { id: 2, author: 'Bo', text: 'With rye?' },
    { id: 3, author: 'Cy', text: 'Less water' },
  ],
  lang: 'en',
  visitor: 'you',
  nonce: 'abc123',
});

/** A page that is a whole view, with a hole, and is not stored for some. */
const VIEWS: Partial<Plan> = {
  behind: (app, { sweeper, env }) => {
    const view = cacheView({
      sweeper,
      ttl: 300,
      models: () => ({ type: 'Article', id: 7 }),
      holes: () => ({ visitor: 'you' }),
    });
    app.get('/favicon.ico', (_request, response) => void response.status(204).end());
    app.get('/style.css', (_request, response) => void response.type('css').send(STYLE));
    app.get('/article', view, async (request, response) => {
      if (request.query.user !== undefined) response.set('Cache-Control', 'private');
      const { article, comments } = context() as Record<string, unknown>;
      response.send(
        await sweeper.render(env, 'article.njk', { article, comments, lang: request.headers['accept-language'] }),
      );
    });
  },
};

/** Runs in the browser: the page's html without comments and strip. */
const SHOWN = `(() => {
  const copy = document.documentElement.cloneNode(true);
  copy.querySelector('cachesweeper-strip')?.remove();
  const walker = document.createTreeWalker(copy, NodeFilter.SHOW_COMMENT);
  const marks = [];
  while (walker.nextNode()) marks.push(walker.currentNode);
  for (const mark of marks) mark.remove();
  copy.normalize();
  return copy.outerHTML;
})()`;

/** Runs in the browser: where a comment changes what it makes of html. */
const WRONG_PLACES = `(given) => {
  const clean = (root) => {
    for (const node of [...root.childNodes]) {
      if (node instanceof Comment && node.data === 'cs:mark') node.remove();
      else clean(node instanceof HTMLTemplateElement ? node.content : node);
    }
    root.normalize();
  };
  const parse = (text) => {
    const parsed = new DOMParser().parseFromString(text, 'text/html');
    clean(parsed);
    return JSON.stringify([parsed.documentElement.outerHTML, parsed.compatMode, parsed.doctype?.name]);
  };
  return given.flatMap(({ text, places }) => {
    const whole = parse(text);
    return places
      .filter((at) => parse(text.slice(0, at) + '<!--cs:mark-->' + text.slice(at)) !== whole)
      .map((at) => text.slice(0, at) + '@' + text.slice(at));
  });
}`;

describe('in a browser', () => {
  let browser: Browser;
  const closing: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    mkdirSync(PICTURES, { recursive: true });
    browser = await launchBrowser();
  });
  afterAll(() => browser?.close());
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  const start = async (plan: Partial<Plan> = {}): Promise<PanelSite> => {
    const site = await panelSite('express', {
      templates: TEMPLATES,
      context,
      behind: (app) => {
        app.get('/favicon.ico', (_request, response) => void response.status(204).end());
        app.get('/style.css', (_request, response) => void response.type('css').send(STYLE));
      },
      ...plan,
    });
    closing.push(async () => {
      await site.close();
      expect(site.errors).toEqual([]);
    });
    return site;
  };
  const open = async (site: PanelSite, options: Parameters<Browser['newPage']>[0] = {}): Promise<Page> => {
    const page = await browser.newPage({ baseURL: site.url, viewport: { width: 1100, height: 800 }, ...options });
    const complaints: string[] = [];
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    closing.push(async () => {
      await page.close();
      expect(complaints).toEqual([]);
    });
    return page;
  };
  const bar = (page: Page) => page.getByRole('region', { name: 'Cache of this page' });
  const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });
  const figures = async (page: Page) => (await bar(page).locator('.figures').textContent()) ?? '';
  /** The page as it is in the browser, without marks and strip. */
  const shown = (page: Page): Promise<string> => page.evaluate(SHOWN);

  test('the strip says what the page took; outlines, details and every button work', async () => {
    const site = await start();
    const page = await open(site);
    await page.goto('/article');
    const plain = await shown(page);
    expect(await figures(page)).toMatch(/^0 hit8 missed0 uncached0 round trips[\d.,]+ mssaved 0.0 ms$/);
    expect(plain).not.toContain('__cachesweeper');
    await page.reload();
    expect(await figures(page)).toMatch(/^5 hit0 missed0 uncached/);

    await button(page, 'Fragments').click();
    const sheet = page.getByRole('dialog');
    expect(await sheet.getByRole('listitem').count()).toBe(5);
    await page.keyboard.press('Escape');
    expect(await sheet.count()).toBe(0);
    expect(await page.evaluate('document.activeElement.shadowRoot.activeElement.textContent')).toBe('Fragments');

    await site.sweeper.invalidateCacheFor({ type: 'Comment', id: 2 });
    await button(page, 'Outline').click();
    const label = page.getByRole('button', { name: 'missed article.njk:7' });
    await label.first().waitFor();
    expect(await shown(page)).toBe(plain);
    expect(await page.title()).toBe('Slow bread');
    expect(await page.locator('textarea').inputValue()).toBe('Flour, water, salt and a night.');
    expect(await page.evaluate(() => (globalThis as { seen?: string }).seen)).toBe('Slow bread');
    expect(await page.locator('.box').count()).toBe(5);
    const [text, box] = [await page.locator('h1').boundingBox(), await page.locator('.box').first().boundingBox()];
    expect(Math.abs((text?.y ?? 0) - (box?.y ?? 99))).toBeLessThan(30);

    await label.nth(1).click();
    await sheet.waitFor();
    const told = (await sheet.textContent()) ?? '';
    expect(told).toContain('Comment 2, invalidated');
    for (const part of ['missed', 'Comment:=2', '["en"]', 'here, hole 1: <i>you</i>', 'left of its ttl', 'to render']) {
      expect(told).toContain(part);
    }

    await button(page, 'Invalidate Comment:=2').click();
    await sheet.getByText('Invalidated.').waitFor();
    await button(page, 'Reload').click();
    await expect.poll(() => figures(page), SOON).toMatch(/^6 hit2 missed/);
    expect(await page.locator('.box.miss').count()).toBe(2);
    await button(page, 'Outline').click();
    await expect.poll(() => page.locator('.box').count(), SOON).toBe(0);

    await button(page, 'Without cache').click();
    await expect.poll(() => figures(page), SOON).toMatch(/8 uncachedwithout the cache/);
    await button(page, 'Outline').click();
    await expect.poll(() => page.locator('.box').count(), SOON).toBe(5);
    expect(await figures(page)).toMatch(/8 uncachedwithout the cache/);
    await button(page, 'With cache').click();
    await expect.poll(() => page.locator('.box').count(), SOON).toBe(2);
    expect(await figures(page)).toMatch(/^5 hit/);
    await button(page, 'Outline').click();
    await expect.poll(() => page.locator('.box').count(), SOON).toBe(0);
    await button(page, 'Hide the strip').click();
    expect(await bar(page).count()).toBe(0);

    await page.goto('/article?again#bottom');
    await bar(page).getByRole('link', { name: 'Panel' }).click();
    await page.waitForURL('**/__cachesweeper');
    const saved = page.locator('#saved');
    expect(await saved.getByRole('row').count()).toBe(6);
    expect(await page.locator('#pages').textContent()).toContain('/article?again');
    expect(await page.locator('#bumps').textContent()).toContain('Comment:=2');
  });

  test('a whole view: the strip says what became of it, and its details, expiry and rendering work by keyboard', async () => {
    const site = await start(VIEWS);
    const page = await open(site, { locale: 'en-US' });
    const view = (outcome: string) => button(page, `page ${outcome}`);
    await page.goto('/article');
    await view('missed').waitFor();
    await page.reload();
    expect(await figures(page)).toMatch(/^page hit0 round trips[\d.,]+ mssaved [\d.,]+ ms$/);
    await view('hit').focus();
    await page.keyboard.press('Enter');
    const sheet = page.getByRole('dialog');
    expect(await sheet.getByRole('heading').textContent()).toBe('Whole page');
    const told = (await sheet.textContent()) ?? '';
    for (const part of [
      'Outcomehit',
      ' saved',
      'ModelsArticle:=7',
      'Key["http',
      'Compared byheaders.accept-language = "en-US"',
      '@view:=path:/article',
      'And, met in the making',
      'Comment:=2',
      '5 min left of its ttl',
      'Holesarticle.njk, hole 1',
    ])
      expect(told).toContain(part);

    await button(page, 'Expire this address').focus();
    await page.keyboard.press('Enter');
    await sheet.getByText('Invalidated.').waitFor();
    await button(page, 'Reload').click();
    await view('missed').click();
    expect(await sheet.textContent()).toContain('view path:/article, invalidated');
    await page.reload();
    await view('hit').click();
    await button(page, 'Invalidate Article:=7').click();
    await sheet.getByText('Invalidated.').waitFor();
    await button(page, 'Reload').click();
    await view('missed').click();
    expect(await sheet.textContent()).toContain('Article 7, invalidated');

    await button(page, 'Render without cache').click();
    await view('skipped').click();
    expect(await sheet.textContent()).toContain('Outcomeskipped: passed by for this page');
    expect(await figures(page)).toContain('without the cache');
    await page.goto('/article?user=Eve');
    await view('missed').click();
    expect(await sheet.textContent()).toContain('Keptnot');
    await page.keyboard.press('Escape');
    expect(await view('missed').evaluate((element) => element.matches(':focus'))).toBe(true);
  });

  test('it is used by keyboard alone', async () => {
    const site = await start();
    const page = await open(site);
    await page.goto('/article');
    await button(page, 'Fragments').focus();
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    const heading = page.getByRole('dialog').getByRole('heading');
    expect(await heading.textContent()).toBe('article.njk:3');
    expect(await heading.evaluate((element) => element.matches(':focus'))).toBe(true);
    await page.keyboard.press('Escape');
    expect(await page.getByRole('dialog').count()).toBe(0);
    const outline = await button(page, 'Fragments').evaluate(
      (element) => element.ownerDocument.defaultView?.getComputedStyle(element).outlineStyle,
    );
    expect(outline).toBe('solid');
  });

  test.each([
    ["script-src 'nonce-abc123'; style-src 'self'; connect-src 'self'"],
    ["default-src 'self'; script-src 'nonce-abc123' 'strict-dynamic'; require-trusted-types-for 'script'"],
  ])('it works under %s', async (policy) => {
    const site = await start({ headers: () => ({ 'Content-Security-Policy': policy }) });
    const page = await open(site);
    await page.goto('/article');
    expect(await figures(page)).toContain('8 missed');
    expect(
      await bar(page).evaluate((element) => element.ownerDocument.defaultView?.getComputedStyle(element).position),
    ).toBe('fixed');
    await button(page, 'Outline').click();
    await expect.poll(() => page.locator('.box').count(), SOON).toBe(2);
  });

  test('a policy that lets no script of the site in leaves the page alone, which the panel says', async () => {
    const policy = "default-src 'self'; script-src 'sha256-AAAA'";
    const templates = { 'article.njk': '<!doctype html><title>x</title><p>a' };
    const site = await start({ templates, headers: () => ({ 'Content-Security-Policy': policy, 'X-Nothing': '1' }) });
    const page = await open(site, { javaScriptEnabled: false });
    const answer = await page.goto('/article');
    expect(await answer?.text()).toBe(templates['article.njk']);
    await page.goto('/__cachesweeper');
    expect(await page.locator('#pages').textContent()).toContain(
      'no strip: its Content-Security-Policy allows no script of this site',
    );
  });

  test("the panel's page is live", async () => {
    const site = await start();
    const page = await open(site);
    await page.clock.install();
    await page.goto('/__cachesweeper');
    expect(await page.locator('#pages').textContent()).toContain('None yet.');
    await site.get('/article');
    await page.clock.runFor(2_500);
    await page.locator('#pages').getByText('/article').waitFor();
    await button(page, 'Pause').click();
    await site.get('/article?2');
    await page.clock.runFor(10_000);
    expect(await page.locator('#pages').textContent()).not.toContain('/article?2');
    await button(page, 'Go on').waitFor();
  });

  test.each(
    isDeep
      ? ([
          ['light', 1100],
          ['dark', 1100],
          ['light', 360],
          ['dark', 360],
        ] as const)
      : ([['dark', 360]] as const),
  )('nothing is wider than the page: %s, %i px', async (colorScheme, width) => {
    const site = await start();
    const page = await open(site, { viewport: { width, height: 740 }, colorScheme });
    const picture = (name: string) => page.screenshot({ path: `${PICTURES}panel-${name}-${colorScheme}-${width}.png` });
    const wide = () => page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');
    const views = await start(VIEWS);
    await page.goto(`${views.url}/article`);
    await page.reload();
    await button(page, 'page hit').click();
    await page.getByRole('dialog').waitFor();
    await picture('view');
    expect(await wide()).toBe(0);
    await page.goto('/article');
    await page.reload();
    await site.sweeper.invalidateCacheFor({ type: 'Comment', id: 2 });
    await button(page, 'Outline').click();
    await expect.poll(() => page.locator('.box').count(), SOON).toBe(5);
    await picture('outline');
    expect(await wide()).toBe(0);
    await page.getByRole('button', { name: 'missed article.njk:7' }).nth(1).click();
    await page.getByRole('dialog').waitFor();
    await picture('details');
    expect(await wide()).toBe(0);
    await button(page, 'All fragments').click();
    await picture('list');
    await page.goto('/__cachesweeper');
    await picture('page');
    expect(await wide()).toBe(0);
  });

  test('the browser makes the layout a few times, however many outlines there are', async () => {
    const templates = {
      'rows.njk':
        '<!doctype html><html><head><link rel="stylesheet" href="/style.css"></head><body>' +
        '{% for row in rows %}{% cachesweeper row 500 type="Row" %}<p>row {{ row.id }},</p>{% endcachesweeper %}{% endfor %}</body></html>',
    };
    const rows = Array.from({ length: 300 }, (_, id) => ({ id }));
    const page = await open(await start({ templates, context: () => ({ rows }) }));
    await page.goto('/rows');
    await button(page, 'Outline').click();
    await expect.poll(() => page.locator('.box').count(), SOON).toBe(300);
    const session = await page.context().newCDPSession(page);
    await session.send('Performance.enable');
    const layouts = async () => {
      const { metrics } = await session.send('Performance.getMetrics');
      return metrics.find(({ name }) => name === 'LayoutCount')?.value ?? 0;
    };
    const last = () => page.locator('.box').last().getAttribute('style');
    const [before, wide] = [await layouts(), await last()];
    await page.setViewportSize({ width: 500, height: 800 });
    await expect.poll(last, SOON).not.toBe(wide);
    expect((await layouts()) - before).toBeLessThan(100);
  });

  test('a comment where one can stand changes nothing of what a browser makes of the html', async () => {
    const page = await browser.newPage();
    closing.push(() => page.close());
    // Chromium reads html that runs no scripts as if there were no noscript; text straight in a table, where none may be, is moved in one piece.
    const scripted = html.filter((text) => !/noscript|<table|<tr/.test(text));
    const pages = fc
      .sample(fc.array(scripted, { minLength: 1, maxLength: 5 }), sized(300, 8_000, 3_000))
      .map((parts) => {
        const text = parts.join('');
        const places = new CommentPlaces(text);
        return { text, places: Array.from({ length: text.length + 1 }, (_, at) => at).filter((at) => places.has(at)) };
      });
    expect(pages.reduce((sum, { places }) => sum + places.length, 0)).toBeGreaterThan(pages.length);
    const wrong = (await page.evaluate(`(${WRONG_PLACES})(${JSON.stringify(pages)})`)) as string[];
    expect(wrong.slice(0, 5)).toEqual([]);
  }, 120_000);
});
