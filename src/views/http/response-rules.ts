import { hasNonce } from './csp.ts';
import type { Headers } from './exchange.ts';
import { speaksToOne, text, variesByVisitor } from './personal-headers.ts';

/** Reasons in the response itself why it is not stored. */
export type ResponseReason =
  | 'status'
  | 'set-cookie'
  | 'personal header'
  | 'cache-control'
  | 'vary'
  | 'csp nonce'
  | 'partial';

/** Cache-Control directives that forbid storing a response for others. */
const FORBIDDEN = /\b(?:private|no-store|no-cache)\b/i;
/** A page with more names in Vary has almost as many forms as visitors. */
const MAX_VARY = 10;

export function responseReason(
  status: number,
  headers: Headers,
  statuses: ReadonlySet<number>,
): ResponseReason | undefined {
  if (!statuses.has(status)) return 'status';
  const personal = speaksToOne((name) => headers[name] !== undefined);
  if (personal !== undefined) return personal;
  if (FORBIDDEN.test(text(headers['cache-control'])) || /no-cache/i.test(text(headers.pragma))) return 'cache-control';
  if (varyNames(headers).length > MAX_VARY || variesByVisitor(text(headers.vary))) return 'vary';
  // A nonce must be new for each answer; a stored one would be the same for all.
  if (hasNonce(headers)) return 'csp nonce';
  if (headers['content-range'] !== undefined) return 'partial';
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
