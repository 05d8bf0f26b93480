import { matcher } from './address.ts';
import type { Exchange } from './exchange.ts';
import { bareName, cookiesOf } from './session-cookies.ts';
import { isLoggedIn } from './visitor.ts';

/** The options that decide which requests skip the cache. */
export interface RequestRules {
  readonly cookies: readonly string[];
  readonly skip: ((request: unknown) => boolean | Promise<boolean>) | undefined;
}

/** Why a request is neither answered from the cache nor fills it. */
export type SkipReason =
  | 'method'
  | 'request body'
  | 'target'
  | 'authorization'
  | 'logged in'
  | 'session cookie'
  | 'skip option'
  | 'disabled'
  | 'unknown token'
  | 'error';

/** Returns why the answer to a request may be for one visitor only; undefined if nothing suggests it. */
export async function skipReason(exchange: Exchange, { cookies, skip }: RequestRules): Promise<SkipReason | undefined> {
  const { method, headers } = exchange.incoming;
  if (method !== 'GET' && method !== 'HEAD') return 'method';
  if (hasBody(exchange.incoming)) return 'request body';
  if (headers.authorization !== undefined) return 'authorization';
  if (cookies.length > 0 && hasCookie(headers.cookie, cookies)) return 'session cookie';
  if (isLoggedIn(exchange.visitors)) return 'logged in';
  if (await skip?.(exchange.request)) return 'skip option';
  return undefined;
}

/** HTTP/2 requests may have a body without a header that says so. */
function hasBody({ headers, stream }: Exchange['incoming']): boolean {
  if (stream?.endAfterHeaders === false) return true;
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0;
}

/** Whether a request carries one of these cookies; a final `*` matches any ending. */
export function hasCookie(header: string | undefined, names: readonly string[]): boolean {
  const isNamed = matcher(names);
  return cookiesOf(header).some(([name]) => isNamed(name) || isNamed(bareName(name)));
}
