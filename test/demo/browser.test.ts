import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { isDeep } from '../support/long.ts';
import { launchBrowser, readStrip } from './browser.ts';
import { type LocalDemo, screenshots, startLocalDemo } from './running-demo.ts';

describe('the demo in a browser', () => {
  let browser: Browser;
  let demo: LocalDemo;
  let page: Page;
  let complaints: string[];

  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(() => browser?.close());

  // A demo for each test: nothing is cached yet, nobody has voted.
  beforeEach(async () => {
    demo = await startLocalDemo();
    page = await browser.newPage({ baseURL: demo.url, viewport: { width: 1280, height: 900 } });
    complaints = [];
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
  });
  afterEach(async () => {
    await page?.close();
    await demo?.stop();
    expect(complaints).toEqual([]);
  });

  it('renders each fragment once: the second time the page comes from the cache', async () => {
    await page.goto('/articles/3');
    const comments = await page.locator('.comment').count();
    const first = await readStrip(page);
    expect(comments).toBeGreaterThan(10);
    expect(first.by).toEqual({
      comment: { hit: 0, rendered: comments },
      comments: { hit: 0, rendered: 1 },
      author: { hit: 0, rendered: 1 },
      article: { hit: 0, rendered: 1 },
    });
    expect(first.total).toEqual({ hit: 0, miss: comments + 3, uncached: 0 });
    const text = await page.locator('main').textContent();

    await page.reload();
    const second = await readStrip(page);
    expect(second.total).toEqual({ hit: 1, miss: 0, uncached: 0 });
    expect(second.by).toEqual({ 'whole page': { hit: 1, rendered: 0 } });
    expect(second.queries).toBe(0);
    expect(await page.locator('main').textContent()).toBe(text);
  });

  it('runs no query for the comments of an article that is cached', async () => {
    const shown = async () => {
      expect(await page.locator('.strip summary').textContent()).toMatch(/\b[012] quer(y|ies)\b/);
      return (await readStrip(page)).queries;
    };
    await page.goto('/articles/4');
    const comments = await page.locator('.comment').allTextContents();
    expect(await shown()).toBe(2); // the article with its author, the comments with theirs
    await page.reload();
    expect(await shown()).toBe(0); // the whole page
    expect(await page.locator('.comment').allTextContents()).toEqual(comments);

    await page.getByRole('link', { name: 'Uncached' }).click();
    await page.waitForURL('**/articles/4?uncached=1');
    expect(await shown()).toBe(2);
    // A visitor who is logged in gets no whole page, but the fragments that everybody shares.
    await page.getByLabel('Log in as').fill('Ann');
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.waitForURL('**/articles/4');
    expect(await shown()).toBe(1);
    expect((await readStrip(page)).by).toEqual({ article: { hit: 1, rendered: 0 } });

    const first = page.locator('.comment').first();
    const likes = Number(await first.locator('.likes').textContent());
    await first.getByRole('button', { name: /^Like/ }).click();
    await page.waitForURL('**/articles/4#comment-*');
    expect(await first.locator('.likes').textContent()).toBe(String(likes + 1));
    expect(await shown()).toBe(2);
  });

  it('runs no query at all for a list of articles that is cached', async () => {
    await page.goto('/');
    expect((await readStrip(page)).queries).toBe(3);
    const text = await page.locator('main').textContent();
    await page.reload();
    expect((await readStrip(page)).queries).toBe(0);
    expect(await page.locator('main').textContent()).toBe(text);
  });

  it('shows a vote at once and renders again only what is around it', async () => {
    await page.goto('/articles/5');
    const comments = await page.locator('.comment').count();
    const third = page.locator('.comment').nth(2);
    const id = await third.getAttribute('id');
    const likes = Number(await third.locator('.likes').textContent());
    const dislikes = Number(await third.locator('.dislikes').textContent());
    const othersBefore = await page.locator(`.comment:not(#${id})`).allTextContents();

    await third.getByRole('button', { name: /^Like the comment/ }).click();
    await page.waitForURL(`**/articles/5#${id}`);
    expect(await page.locator(`#${id} .likes`).textContent()).toBe(String(likes + 1));
    const bumped = {
      comment: { hit: comments - 1, rendered: 1 },
      comments: { hit: 0, rendered: 1 },
      author: { hit: 1, rendered: 0 },
      article: { hit: 0, rendered: 1 },
    };
    expect((await readStrip(page)).by).toEqual(bumped);

    await page
      .locator(`#${id}`)
      .getByRole('button', { name: /^Dislike the comment/ })
      .click();
    await page.locator(`#${id} .dislikes`, { hasText: new RegExp(`^${dislikes + 1}$`) }).waitFor();
    expect(await page.locator(`#${id} .likes`).textContent()).toBe(String(likes + 1));
    expect((await readStrip(page)).by).toEqual(bumped);
    expect(await page.locator(`.comment:not(#${id})`).allTextContents()).toEqual(othersBefore);
  });

  it('leaves the other articles in the cache', async () => {
    await page.goto('/articles/6');
    await page.goto('/articles/7');
    await page.locator('.comment').first().getByRole('button', { name: /^Like/ }).click();
    await page.waitForURL('**/articles/7#comment-*');
    await page.goto('/articles/6');
    expect((await readStrip(page)).total).toEqual({ hit: 1, miss: 0, uncached: 0 });
  });

  it('shows a new comment at once, in the article and in the list of articles', async () => {
    const card = page.locator('.card', { has: page.locator('a[href="/articles/8"]') });
    await page.goto('/');
    const articles = await page.locator('.card').count();
    expect((await readStrip(page)).by).toEqual({
      card: { hit: 0, rendered: articles },
      cards: { hit: 0, rendered: 1 },
      discussed: { hit: 0, rendered: 1 },
    });
    await page.goto('/articles/8');
    const before = await page.locator('.comment').count();

    await page.getByLabel('Your name').fill('Zoë Ünal');
    await page
      .getByLabel('Your comment')
      .fill('First line.\nSecond line, <b>not</b> bold & <script>alert(1)</script>.');
    await page.getByRole('button', { name: 'Publish comment' }).click();
    await page.waitForURL('**/articles/8#comment-*');

    const last = page.locator('.comment').last();
    expect(await last.locator('h3').textContent()).toBe('Zoë Ünal');
    expect(await last.locator('.said').textContent()).toBe(
      'First line.\nSecond line, <b>not</b> bold & <script>alert(1)</script>.',
    );
    expect(await last.locator('.said *').count()).toBe(0);
    expect(await page.locator('#comments-title').textContent()).toBe(`${before + 1} comments`);
    expect((await readStrip(page)).by).toEqual({
      comment: { hit: before, rendered: 1 },
      comments: { hit: 0, rendered: 1 },
      author: { hit: 1, rendered: 0 },
      article: { hit: 0, rendered: 1 },
    });

    await page.goto('/');
    expect(await card.locator('.comments-count').textContent()).toBe(`${before + 1} comments`);
    expect((await readStrip(page)).by).toEqual({
      card: { hit: articles - 1, rendered: 1 },
      cards: { hit: 0, rendered: 1 },
      discussed: { hit: 0, rendered: 1 },
    });
  });

  it('shows the same page uncached, and stays uncached after a vote', async () => {
    await page.goto('/articles/9');
    await page.reload();
    const cached = await page.locator('main').textContent();
    const comments = await page.locator('.comment').count();

    await page.getByRole('link', { name: 'Uncached' }).click();
    await page.waitForURL('**/articles/9?uncached=1');
    expect(await page.locator('main').textContent()).toBe(cached);
    expect((await readStrip(page)).total).toEqual({ hit: 0, miss: 0, uncached: comments + 3 });

    const first = page.locator('.comment').first();
    const likes = Number(await first.locator('.likes').textContent());
    await first.getByRole('button', { name: /^Like/ }).click();
    await page.waitForURL('**/articles/9?uncached=1#comment-*');
    expect(await first.locator('.likes').textContent()).toBe(String(likes + 1));

    await page.getByRole('link', { name: 'Uncached' }).click();
    await page.waitForURL('**/articles/9');
    expect(await first.locator('.likes').textContent()).toBe(String(likes + 1));
  });

  it('greets a visitor by name, and nobody else by that name', async () => {
    const another = await browser.newContext({ baseURL: demo.url });
    const stranger = await another.newPage();
    const greeting = (of: Page) => of.locator('.masthead-visitor').innerText();
    const logIn = async (of: Page, name: string) => {
      await of.getByLabel('Log in as').fill(name);
      await of.getByRole('button', { name: 'Log in' }).click();
      await of.getByText(`Hello, ${name}`).waitFor();
    };
    await page.goto('/articles/11');
    await logIn(page, 'Zoë <b>Ünal</b>');
    for (const path of ['/articles/11', '/', '/articles/11', '/']) {
      await page.goto(path);
      expect(await greeting(page)).toMatch(/^Hello, Zoë <b>Ünal<\/b>\s*Log out$/);
      // Hers is not the page that the next one gets, whoever came first.
      await stranger.goto(path);
      expect(await greeting(stranger)).toBe('Log in');
      expect(await stranger.content()).not.toContain('Zoë');
    }
    expect((await readStrip(stranger)).by).toEqual({ 'whole page': { hit: 1, rendered: 0 } });
    await logIn(stranger, 'Ben');
    for (const path of ['/', '/articles/11']) {
      await stranger.goto(path);
      expect(await greeting(stranger)).toMatch(/^Hello, Ben\s/);
      await page.goto(path);
      expect(await greeting(page)).toMatch(/^Hello, Zoë/);
    }
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByLabel('Log in as').waitFor();
    for (const path of ['/', '/articles/11']) {
      await page.goto(path);
      expect(await greeting(page)).toBe('Log in');
    }
    await another.close();
  });

  it('answers two visitors who are logged in from one page, and each can send its forms', async () => {
    const visitors = await Promise.all(
      ['Ada', 'Bo'].map(async (name) => {
        const context = await browser.newContext({ baseURL: demo.url });
        const own = await context.newPage();
        await own.goto('/');
        await own.getByLabel('Log in as').fill(name);
        await own.getByRole('button', { name: 'Log in' }).click();
        await own.getByText(`Hello, ${name}`).waitFor();
        return { name, context, own };
      }),
    );
    const rendered: number[] = [];
    for (const { name, own } of visitors) {
      await own.goto('/articles/12');
      expect(await own.locator('.masthead-visitor').innerText()).toMatch(new RegExp(`^Hello, ${name}\\s`));
      rendered.push((await readStrip(own)).total.miss);
    }
    // The article was rendered for the first of them alone.
    expect(rendered).toEqual([expect.any(Number), 0]);
    expect(rendered[0]).toBeGreaterThan(0);
    const likes = async (of: Page) => Number(await of.locator('.comment').first().locator('.likes').textContent());
    for (const { name, own } of visitors) {
      const before = await likes(own);
      await own.locator('.comment').first().getByRole('button', { name: /^Like/ }).click();
      await own.waitForURL('**/articles/12#comment-*');
      expect(await likes(own)).toBe(before + 1);
      await own.getByLabel('Your name').fill(name);
      await own.getByLabel('Your comment').fill(`I am ${name}.`);
      await own.getByRole('button', { name: 'Publish comment' }).click();
      await own.waitForURL(/articles\/12#comment-\d+$/);
      expect(await own.locator('.comment').last().locator('.said').textContent()).toBe(`I am ${name}.`);
      // Both pages have been changed, so that the other has to load its own again.
      for (const other of visitors) await other.own.goto('/articles/12');
    }
    for (const { context } of visitors) await context.close();
  });

  it('compares a page with itself, side by side', async () => {
    await page.goto('/articles/10');
    await page.getByRole('link', { name: 'Compare' }).click();
    await page.waitForURL('**/compare?path=*');
    const [cached, uncached] = ['The page with the cache', 'The page without the cache'].map((title) =>
      page.frameLocator(`iframe[title="${title}"]`),
    );
    expect(await cached!.locator('.strip').getAttribute('data-hit')).toBe('1');
    expect(await cached!.locator('.strip').getAttribute('data-miss')).toBe('0');
    expect(await uncached!.locator('.strip').getAttribute('data-hit')).toBe('0');
    expect(Number(await uncached!.locator('.strip').getAttribute('data-uncached'))).toBeGreaterThan(10);
    expect(await uncached!.locator('main').textContent()).toBe(await cached!.locator('main').textContent());
  });

  it('looks as it should', async () => {
    const shoot = async (name: string) => {
      expect(await page.evaluate('document.documentElement.scrollWidth - window.innerWidth')).toBeLessThanOrEqual(0);
      // For people to look at; nothing is compared.
      if (isDeep) await page.screenshot({ path: path.join(screenshots, `${name}.png`) });
    };
    // Every day the narrow one, which has less room.
    const sizes = [
      ['mobile', 390, 844],
      ['desktop', 1280, 900],
    ] as const;
    for (const [suffix, width, height] of isDeep ? sizes : sizes.slice(0, 1)) {
      await page.setViewportSize({ width, height });
      await page.goto('/');
      await shoot(`index-${suffix}`);
      await page.goto('/articles/15');
      await shoot(`article-${suffix}`);
      const button = page.locator('.comment').nth(4).getByRole('button', { name: /^Like/ });
      await button.click();
      await page.waitForURL('**#comment-*');
      await page.locator('.strip summary').click();
      await shoot(`voted-${suffix}`);
      await page.goto('/compare?path=/articles/15');
      await page.frameLocator('iframe').last().locator('.strip').waitFor();
      await shoot(`compare-${suffix}`);
    }
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.setViewportSize({ width: 1280, height: 900 });
    await page.goto('/');
    await shoot('index-dark');
    await page.goto('/articles/15#comments');
    await page.getByLabel('Show fragments').check();
    await shoot('fragments-dark');
  });
});
