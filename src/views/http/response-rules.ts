import type { Headers } from './exchange.ts';

/** Reasons in the response itself why it is not stored. */
export type ResponseReason =
  | 'status'
  | 'set-cookie'
  | 'cache-control'
  | 'vary'
  | 'csp nonce'
  | 'partial'
  | 'event stream';

/** Cache-Control directives that forbid storing a response for others. */
const FORBIDDEN = /\b(?:private|no-store|no-cache)\b/i;
const POLICIES = ['content-security-policy', 'content-security-policy-report-only'] as const;
/** A page with more names in Vary has almost as many forms as visitors. */
const MAX_VARY = 10;
/** Headers that identify a visitor. An answer that varies by one belongs to that visitor. */
const PERSONAL_VARY: ReadonlySet<string> = new Set(['*', 'cookie', 'authorization']);

export function responseReason(
  status: number,
  headers: Headers,
  statuses: ReadonlySet<number>,
): ResponseReason | undefined {
  if (!statuses.has(status)) return 'status';
  if (headers['set-cookie'] !== undefined) return 'set-cookie';
  if (FORBIDDEN.test(text(headers['cache-control'])) || /no-cache/i.test(text(headers.pragma))) return 'cache-control';
  const vary = varyNames(headers);
  if (vary.length > MAX_VARY || vary.some((name) => PERSONAL_VARY.has(name))) return 'vary';
  // A nonce must be new for each answer; a stored one would be the same for all.
  if (POLICIES.some((name) => /'nonce-/i.test(text(headers[name])))) return 'csp nonce';
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

export function text(header: Headers[string] | undefined): string {
  if (header === undefined) return '';
  return Array.isArray(header) ? header.join(', ') : String(header);
}
