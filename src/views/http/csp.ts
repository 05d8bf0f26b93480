import type { ServerResponse } from 'node:http';
import type { Headers } from './exchange.ts';
import { text } from './header-text.ts';

const POLICIES = ['content-security-policy', 'content-security-policy-report-only'] as const;
const NONCE = /'nonce-[^']*'/gi;
/** Without a value it allows nothing. A stored policy is so where the nonce of each visitor is put in. */
const VALID_NONCE = /'nonce-[^']+'/i;

/** Whether a policy names a nonce, which must be new for each answer. */
export function hasNonce(headers: Headers): boolean {
  return POLICIES.some((name) => VALID_NONCE.test(text(headers[name])));
}

/** Returns the policies without their nonces: what stays the same from answer to answer. */
export function policiesOf(headers: Headers): readonly string[] {
  return POLICIES.map((name) => text(headers[name]).replace(NONCE, "'nonce-'"));
}

/**
 * Removes the policies that name a nonce from a 304. Headers of a 304 replace those that the browser has stored (RFC
 * 9111, section 3.2): with a new nonce it would block all scripts of the html that it keeps.
 */
export function dropNonces(response: ServerResponse): void {
  for (const name of POLICIES) {
    // Remove the whole header, because the rest of it would replace the stored policy as well.
    if (text(response.getHeader(name)).search(NONCE) !== -1) response.removeHeader(name);
  }
}
