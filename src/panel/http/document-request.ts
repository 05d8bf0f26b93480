import type { IncomingMessage } from 'node:http';

/** Cookie in which the strip says how it wants pages. */
const WISH_COOKIE = 'cachesweeper-panel';

/** How the strip wants a page. */
export interface Wish {
  /** With marks around fragments: this page, and those that follow. */
  readonly hasMarks: boolean;
  /** Without the cache: this page alone. */
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

/** Returns the cookie to set with the answer, so that what was wished for one page ends with it; undefined for none. */
export function nextWish({ hasMarks, isUncached }: Wish): string | undefined {
  if (!isUncached) return undefined;
  return `${WISH_COOKIE}=${hasMarks ? 'marks; Path=/' : '; Path=/; Max-Age=0'}; SameSite=Strict`;
}

/** Makes a request ask for the whole page: the browser may have one without the strip. */
export function askForWhole({ headers }: IncomingMessage): void {
  for (const name of ['if-none-match', 'if-modified-since', 'if-range', 'range']) delete headers[name];
}
