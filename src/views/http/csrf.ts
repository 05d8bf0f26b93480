import { decoded } from './address.ts';
import type { Exchange } from './exchange.ts';
import { cookiesOf } from './session-cookies.ts';

/** Names under which the usual middleware keeps CSRF tokens, in sessions and for templates. */
const CSRF_NAMES = ['_csrf', 'csrf', 'csrfToken', '_csrfToken', 'csrf_token', 'csrfSecret', 'xsrfToken'] as const;
/** Shorter texts are no CSRF tokens, and could occur in any page. */
const MIN_CSRF = 8;
const MIN_COOKIE = 16;

/**
 * Calls `taken` when a handler reads a CSRF token function, because it belongs to one visitor: `req.csrfToken()`
 * (csurf, csrf-csrf, csrf-sync, lusca) or `reply.generateCsrf()` (@fastify/csrf-protection).
 */
export function watchCsrf(object: object, name: 'csrfToken' | 'generateCsrf', taken: () => void): void {
  let held: unknown = (object as Record<string, unknown>)[name];
  Object.defineProperty(object, name, {
    configurable: true,
    enumerable: true,
    get() {
      if (held !== undefined) taken();
      return held;
    },
    // Middleware that runs later may set the function.
    set(value: unknown) {
      held = value;
    },
  });
}

/**
 * Whether a page repeats something that only one visitor knows: a CSRF token kept for templates, or a cookie's value.
 *
 * @param body undefined if it cannot be searched: it is compressed or not yet complete
 */
export function repeatsSecret(body: Buffer | undefined, exchange: Exchange): boolean {
  const holders = [
    ...exchange.locals(),
    ...exchange.visitors.map((holder) => (holder as { session?: unknown }).session),
  ];
  const kept = holders.flatMap((holder) =>
    typeof holder === 'object' && holder !== null
      ? CSRF_NAMES.map((name) => (holder as Record<string, unknown>)[name])
      : [],
  );
  const secrets = kept.filter((value) => typeof value === 'string' && value.length >= MIN_CSRF) as string[];
  if (body === undefined) return secrets.length > 0;
  const cookies = cookiesOf(exchange.incoming.headers.cookie)
    .flatMap(([, value]) => readings(value))
    .filter((value) => value.length >= MIN_COOKIE);
  return [...secrets, ...cookies].some((secret) => body.includes(secret) || body.includes(escaped(secret)));
}

/**
 * Returns the forms in which a handler may print a cookie's value: as it came, decoded, or without cookie-parser's
 * signature.
 */
function readings(value: string): string[] {
  const bare = value.replace(/^"(.*)"$/, '$1');
  const plain = decoded(bare);
  const signed = /^s:(.*)\.[^.]*$/s.exec(plain)?.[1];
  return [...new Set([bare, plain, signed ?? plain])];
}

/** Escapes a text as templates do when they print it. */
function escaped(text: string): string {
  return text.replace(/[&<>"'`\\]/g, (sign) => ESCAPES[sign] ?? sign);
}

/** Nunjucks' own escapes. */
const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
  '\\': '&#92;',
};
