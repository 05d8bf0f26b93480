import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { FILES, SIDEBAR } from '../../scripts/site/sidebar.ts';
import { isDeep } from '../support/long.ts';
import { pages, readPage } from './code-blocks.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const site = `${root}build/site`;
const onSite = [...pages, 'CHANGELOG.md', 'bench/results.md'];

describe('the docs as a site', () => {
  test('lists each page once in its sidebar', () => {
    const listed = SIDEBAR.flatMap((section) => section.pages.map(([, page]) => page));
    expect(listed.sort()).toEqual([...onSite].sort());
  });

  test('has the files that pages link to', () => {
    const linked = onSite.flatMap((page) =>
      Array.from(readPage(page).matchAll(/(?<!!\[[^\]]*)\]\(([^)#]+)[^)]*\)/g), ([, target = '']) =>
        /^https?:/.test(target) ? '' : new URL(target, `file:///${page}`).pathname.slice(1),
      ),
    );
    const files = new Set(linked.filter((path) => path !== '' && !path.endsWith('.md')));
    expect([...files].sort()).toEqual([...FILES].sort());
  });
});

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html',
  js: 'text/javascript',
  css: 'text/css',
  svg: 'image/svg+xml',
  png: 'image/png',
  woff2: 'font/woff2',
};

/** Serves the built site, as any server of files does. */
async function served() {
  const missing: string[] = [];
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '', 'http://site').pathname).replace(/\/$/, '/index.html');
    if (!existsSync(site + path)) {
      missing.push(path);
      response.writeHead(404).end();
      return;
    }
    response.setHeader('Content-Type', TYPES[path.split('.').at(-1) ?? ''] ?? 'application/octet-stream');
    response.end(readFileSync(site + path));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return { missing, url: `http://127.0.0.1:${port}`, [Symbol.asyncDispose]: async () => void server.close() };
}

describe.runIf(isDeep)('npm run docs', () => {
  beforeAll(async () => {
    const vitepress = `${root}node_modules/vitepress/bin/vitepress.js`;
    await promisify(execFile)(process.execPath, [vitepress, 'build', 'scripts/site'], { cwd: root });
  }, 180_000);

  test('builds it, with every link in it leading somewhere', () => {
    const built = readdirSync(site, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.html'));
    expect(built.length).toBe(onSite.length + 1); // and 404.html
    const wrong: string[] = [];
    for (const page of built) {
      const html = readFileSync(`${site}/${page}`, 'utf8');
      for (const [, attribute, target = ''] of html.matchAll(/<[^>]+? (href|src)="([^"]*)"/g)) {
        const url = new URL(target.replaceAll('&amp;', '&'), `http://site/${page}`);
        // A link may lead to other sites. What a page shows may not come from there.
        if (url.host !== 'site' && attribute === 'href' && !html.includes(`<link href="${target}"`)) continue;
        const path = `${site}${decodeURIComponent(url.pathname).replace(/\/$/, '/index.html')}`;
        const isThere = url.host === 'site' && existsSync(path) && statSync(path).isFile();
        const id = decodeURIComponent(url.hash.slice(1));
        if (!isThere || (id !== '' && !readFileSync(path, 'utf8').includes(`id="${id}"`)))
          wrong.push(`${page}: ${target}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  test('makes a search that finds a section, without any other server', { timeout: 60_000 }, async () => {
    await using server = await served();
    const { launchBrowser } = await import('../demo/browser.ts');
    const browser = await launchBrowser();
    try {
      const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
      const elsewhere: string[] = [];
      const errors: string[] = [];
      page.on('request', (request) => {
        if (!/^data:|^blob:/.test(request.url()) && !request.url().startsWith(server.url))
          elsewhere.push(request.url());
      });
      page.on('pageerror', ({ message }) => errors.push(message));
      await page.goto(server.url);
      await page.getByRole('button', { name: /search/i }).click();
      await page.getByRole('searchbox').fill('Cache-Status');
      await page
        .getByRole('option', { name: /Headers for developers/ })
        .first()
        .click();
      await page.waitForURL(/\/docs\/views\.html#headers-for-developers$/);
      expect(await page.getByRole('heading', { level: 1 }).textContent()).toContain('Whole views');
      // All of the sidebar, as a reader goes through it.
      const links = page.locator('.VPSidebar a');
      for (let n = 0; n < (await links.count()); n++) {
        await links.nth(n).click();
        await page.getByRole('heading', { level: 1 }).first().waitFor();
      }
      const pictures = await page.goto(`${server.url}/docs/performance.html`).then(() => page.locator('.vp-doc img'));
      expect(await pictures.count()).toBeGreaterThan(5);
      const widths = await pictures.evaluateAll((all) =>
        all.map((one) => (one as unknown as { naturalWidth: number }).naturalWidth),
      );
      expect(widths.every((width) => width > 0)).toBe(true);
      expect([server.missing, elsewhere, errors]).toEqual([[], [], []]);
    } finally {
      await browser.close();
    }
  });
});
