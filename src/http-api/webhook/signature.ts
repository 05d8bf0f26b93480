import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { SignatureScheme, WebhookRequest } from './schemes.ts';

/** Signatures of one request that are compared. */
const MAX_SIGNATURES = 20;
const BYTES = 32;

/** Returns the signature of a request that one of the secrets has made; undefined if none has. */
export function validSignature(
  request: WebhookRequest,
  { signature, signed, key = (secret) => Buffer.from(secret) }: SignatureScheme,
  secrets: readonly string[],
): Buffer | undefined {
  const text = signed(request);
  if (text === undefined) return undefined;
  const given = (request.headers[signature] ?? '')
    .split(/[\s,]+/)
    .slice(0, 2 * MAX_SIGNATURES)
    .flatMap((part) => bytesOf(part.replace(/^(?:sha256|v\d+)=/, '')));
  for (const secret of secrets) {
    const expected = createHmac('sha256', key(secret)).update(text).digest();
    if (given.some((bytes) => timingSafeEqual(bytes, expected))) return expected;
  }
  return undefined;
}

/** Whether a header is `Bearer` and one of the secrets. */
export function hasToken(header: string | undefined, secrets: readonly string[]): boolean {
  const given = digest(header?.replace(/^Bearer +/i, '') ?? '');
  return secrets.some((secret) => timingSafeEqual(given, digest(secret)));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function bytesOf(text: string): readonly Buffer[] {
  if (/^[0-9a-f]{64}$/i.test(text)) return [Buffer.from(text, 'hex')];
  // Node takes both alphabets of base64.
  const bytes = /^[\w+/-]{43}=?$/.test(text) ? Buffer.from(text, 'base64') : Buffer.alloc(0);
  return bytes.length === BYTES ? [bytes] : [];
}
