import type { Headers } from './exchange.ts';

/** Why what was answered is not kept, as far as the response itself shows. */
export type ResponseReason = 'status' | 'set-cookie' | 'cache-control' | 'vary' | 'csp nonce' | 'partial';

/** Directives of Cache-Control that forbid to keep a response for others. */
const FORBIDDEN = /\b(?:private|no-store|no-cache)\b/i;
const POLICIES = ['content-security-policy', 'content-security-policy-report-only'] as const;
/** A page whose Vary names more than this has as many forms as visitors. */
const MAX_VARY = 10;
/** What these hold must not be in a key: whatever depends on them is one visitor's. */
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
  // It would be the same for everybody, which is what a nonce must not be.
  if (POLICIES.some((name) => /'nonce-/i.test(text(headers[name])))) return 'csp nonce';
  if (headers['content-range'] !== undefined) return 'partial';
  return undefined;
}

/** The request headers that a response says it depends on, in lower case, sorted. */
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
