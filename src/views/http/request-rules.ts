import type { Exchange } from './exchange.ts';
import { cookiesOf, type IsSession } from './session-cookies.ts';
import { isLoggedIn } from './visitor.ts';

/** The options that decide which requests skip the cache. */
export interface RequestRules {
  /** Whether a cookie identifies a visitor. */
  readonly isSession: IsSession;
  readonly skip: ((request: unknown) => boolean | Promise<boolean>) | undefined;
  /** Given where what differs between visitors is replaced in each answer. */
  readonly replace: unknown;
  /** Given where pages are kept with holes for what differs between visitors. */
  readonly holes: unknown;
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
  | 'nothing to replace'
  | 'disabled'
  | 'unknown token'
  | 'error';

/** Returns why the answer to a request may be for one visitor only; undefined if nothing suggests it. */
export function skipReason(
  exchange: Exchange,
  { isSession, skip, replace, holes }: RequestRules,
): SkipReason | undefined | Promise<SkipReason | undefined> {
  const { method, headers } = exchange.incoming;
  if (method !== 'GET' && method !== 'HEAD') return 'method';
  if (hasBody(exchange.incoming)) return 'request body';
  if (headers.authorization !== undefined) return 'authorization';
  if (replace === undefined && holes === undefined) {
    if (hasSession(headers.cookie, isSession)) return 'session cookie';
    if (isLoggedIn(exchange.visitors)) return 'logged in';
  }
  const isSkipped = skip?.(exchange.request);
  if (isSkipped instanceof Promise) return isSkipped.then((skips) => (skips ? 'skip option' : undefined));
  return isSkipped ? 'skip option' : undefined;
}

/** Why the answer to a request that may be answered from the cache does not fill it. */
export type UnkeptReason = 'head request' | 'request no-store';

/** Returns why the answer to a request is not kept for others, as far as the request tells. */
export function unkeptReason({ method, headers }: Exchange['incoming']): UnkeptReason | undefined {
  if (/no-store/i.test(headers['cache-control'] ?? '')) return 'request no-store';
  // It has no body.
  return method === 'HEAD' ? 'head request' : undefined;
}

/** HTTP/2 requests may have a body without a header that says so. */
function hasBody({ headers, stream }: Exchange['incoming']): boolean {
  if (stream?.endAfterHeaders === false) return true;
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0;
}

/** Whether a request carries a cookie that identifies a visitor. */
export function hasSession(header: string | undefined, isSession: IsSession): boolean {
  return header !== undefined && cookiesOf(header).some(([name, value]) => isSession(name, value));
}
