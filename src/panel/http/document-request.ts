import type { IncomingMessage } from 'node:http';

/** What the page asks for with its next request: it sets this cookie for one request. */
export const WISH_COOKIE = 'cachesweeper-panel';

/** Marks around fragments, a page without the cache, or both. */
export interface Wish {
  readonly hasMarks: boolean;
  readonly isUncached: boolean;
}

/** Whether a browser asks for a page to show, and no script, frame or prefetching library for a part of one. */
export function isDocument({ headers, method }: IncomingMessage): boolean {
  if (method === 'HEAD' || method === 'OPTIONS') return false;
  const destination = headers['sec-fetch-dest'];
  if (destination !== undefined) return destination === 'document';
  const isScripts = headers['x-requested-with'] !== undefined || headers['hx-request'] !== undefined;
  return !isScripts && (headers.accept ?? '').includes('text/html');
}

/** Whether somebody has reloaded the page past all caches: Ctrl+Shift+R. */
export function isHardReload({ headers }: IncomingMessage): boolean {
  return /(?:^|,)\s*no-cache\s*(?:,|$)/i.test(headers['cache-control'] ?? '');
}

/**
 * Takes the wish of the page out of a request, as if it were not there: the site must not see another cookie than without the panel.
 */
export function takeWish({ headers }: IncomingMessage): Wish | undefined {
  const { cookie } = headers;
  if (cookie === undefined || !cookie.includes(WISH_COOKIE)) return undefined;
  const pairs = cookie.split(/;\s*/);
  const own = `${WISH_COOKIE}=`;
  const others = pairs.filter((pair) => !pair.startsWith(own));
  if (others.length === pairs.length) return undefined;
  if (others.length > 0) headers.cookie = others.join('; ');
  else delete headers.cookie;
  const wish = pairs.find((pair) => pair.startsWith(own))?.slice(own.length);
  return { hasMarks: wish === 'marks' || wish === 'both', isUncached: wish === 'uncached' || wish === 'both' };
}

/** Makes a request ask for the whole page: the browser may have one without the strip. */
export function askForWhole({ headers }: IncomingMessage): void {
  for (const name of ['if-none-match', 'if-modified-since', 'if-range', 'range']) delete headers[name];
}
