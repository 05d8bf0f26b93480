import type { Exchange, Headers } from './exchange.ts';
import { text } from './header-text.ts';
import { secretsOf } from './secrets.ts';
import { inBase64, unescaped } from './spellings.ts';

interface Sent {
  readonly headers: Headers;
  /** Undefined if it is not to be searched. */
  readonly body?: Buffer | undefined;
}

/**
 * Whether an answer repeats what only one visitor knows: in its headers or in its body, in any of the usual spellings.
 * A second line behind the rules about who the visitor is.
 *
 * @param parts what is about to be sent. Without a body only the headers are looked at; a compressed body cannot be
 *   searched, so it counts as a repetition for whoever brings anything
 */
export function repeatsSecret(exchange: Exchange, parts: readonly Sent[]): boolean {
  const secrets = secretsOf(exchange);
  if (secrets === 'too many') return true;
  if (secrets.length === 0) return false;
  if (parts.some(({ headers, body }) => body !== undefined && isCoded(headers))) return true;
  const plain = spaced(unescaped(Buffer.concat(parts.flatMap(bytesOf))).toString('latin1'));
  return secrets.some((secret) => formsOf(secret).some((form) => plain.includes(form)));
}

function formsOf(secret: string): string[] {
  return [...new Set([secret, ...inBase64(secret)].map(spaced))];
}

/** Makes plus signs and spaces one, because forms and queries write one for the other. */
function spaced(text: string): string {
  return text.replaceAll('+', ' ');
}

function bytesOf({ headers, body }: Sent): readonly Uint8Array[] {
  const values = Buffer.from(`${Object.values(headers).map(text).join('\n')}\n`);
  return body === undefined ? [values] : [values, body];
}

/** Whether a visitor brings anything that an answer could repeat. */
export function bringsSecret(exchange: Exchange): boolean {
  return secretsOf(exchange).length > 0;
}

export function isCoded(headers: Headers): boolean {
  return !['', 'identity'].includes(text(headers['content-encoding']).toLowerCase());
}
