import { hasNonce } from './csp.ts';
import type { Headers } from './exchange.ts';
import { text } from './header-text.ts';
import { isForbidden, lifetimeOf } from './lifetime.ts';
import { speaksToOne, variesByVisitor } from './personal-headers.ts';

/** Reasons in the response itself why it is not stored. */
export type ResponseReason =
  | 'status'
  | 'set-cookie'
  | 'personal header'
  | 'cache-control'
  | 'vary'
  | 'csp nonce'
  | 'partial'
  | 'event stream';

/** A page with more names in Vary has almost as many forms as visitors. */
const MAX_VARY = 10;

/** @param now milliseconds since 1970 */
export function responseReason(
  status: number,
  headers: Headers,
  statuses: ReadonlySet<number>,
  now: number,
): ResponseReason | undefined {
  if (!statuses.has(status)) return 'status';
  const reason = headersReason(headers);
  if (reason === 'set-cookie' || reason === 'personal header') return reason;
  if (isForbidden(headers) || lifetimeOf(headers, now) === 0) return 'cache-control';
  return varyNames(headers).length > MAX_VARY ? 'vary' : reason;
}

/** Returns why an answer with these headers is never stored, whatever its lifetime is. */
export function headersReason(headers: Headers): ResponseReason | undefined {
  const personal = speaksToOne((name) => headers[name] !== undefined);
  if (personal !== undefined) return personal;
  if (variesByVisitor(text(headers.vary))) return 'vary';
  // A nonce must be new for each answer; a stored one would be the same for all.
  if (hasNonce(headers)) return 'csp nonce';
  if (headers['content-range'] !== undefined) return 'partial';
  // It ends with its visit, if it ends at all.
  if (/^(?:text\/event-stream|multipart\/x-mixed-replace)\b/i.test(text(headers['content-type'])))
    return 'event stream';
  return undefined;
}

/** Returns the request headers that a response's Vary names, in lower case, sorted. */
export function varyNames(headers: Headers): string[] {
  const names = text(headers.vary)
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '');
  return [...new Set(names)].sort();
}
