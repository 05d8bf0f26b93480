import { existsSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';

const USUAL_PLACES = [
  '/usr/bin/chromium-headless-shell',
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
];

/** The system's Chromium, without a window and without looking for anything in the network. */
export function launchBrowser(): Promise<Browser> {
  const executablePath = process.env.CHROMIUM ?? USUAL_PLACES.find((place) => existsSync(place));
  if (executablePath === undefined) {
    throw new Error(
      'this test drives Chromium, which is not here: install it (Debian: apt-get install chromium), or set CHROMIUM to the path of a Chrome or Chromium',
    );
  }
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--disable-dev-shm-usage',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** What the strip of a page says. */
export interface Strip {
  readonly total: { readonly hit: number; readonly miss: number; readonly uncached: number };
  /** SQL queries. */
  readonly queries: number;
  /**
   * By template. What was rendered is not told apart by whether it could be kept: shortly after a bump that depends on
   * how fast the machine is.
   */
  readonly by: Readonly<Record<string, { readonly hit: number; readonly rendered: number }>>;
}

export async function readStrip(page: Page): Promise<Strip> {
  const total = await page.locator('.strip').evaluate((element) => ({ ...element.dataset }));
  const rows = await page
    .locator('.strip tr[data-place]')
    .evaluateAll((elements) => elements.map((element) => ({ ...element.dataset })));
  return {
    total: { hit: Number(total.hit), miss: Number(total.miss), uncached: Number(total.uncached) },
    queries: Number(total.queries),
    by: Object.fromEntries(
      rows.map(({ place, hit, miss, uncached }) => [
        String(place).replace(/^fragments\/(.*)\.njk:\d+$/, '$1'),
        { hit: Number(hit), rendered: Number(miss) + Number(uncached) },
      ]),
    ),
  };
}
