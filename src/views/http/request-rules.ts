import type { Exchange } from './exchange.ts';
import { cookiesOf, type IsSession } from './session-cookies.ts';
import { isLoggedIn } from './visitor.ts';

/** The options that decide which requests skip the cache. */
export interface RequestRules {
  /** Whether a cookie identifies a visitor. */
  readonly isSession: IsSession;
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
export async function skipReason(
  exchange: Exchange,
  { isSession, skip }: RequestRules,
): Promise<SkipReason | undefined> {
  const { method, headers } = exchange.incoming;
  if (method !== 'GET' && method !== 'HEAD') return 'method';
  if (hasBody(exchange.incoming)) return 'request body';
  if (headers.authorization !== undefined) return 'authorization';
  if (hasSession(headers.cookie, isSession)) return 'session cookie';
  if (isLoggedIn(exchange.visitors)) return 'logged in';
  if (await skip?.(exchange.request)) return 'skip option';
  return undefined;
}

/** HTTP/2 requests may have a body without a header that says so. */
function hasBody({ headers, stream }: Exchange['incoming']): boolean {
  if (stream?.endAfterHeaders === false) return true;
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0;
}

/** Whether a request carries a cookie that identifies a visitor. */
export function hasSession(header: string | undefined, isSession: IsSession): boolean {
  return cookiesOf(header).some(([name, value]) => isSession(name, value));
}
