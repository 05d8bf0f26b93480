import { decoded } from './address.ts';
import type { Exchange } from './exchange.ts';
import { cookiesOf } from './session-cookies.ts';

/** Under these names the usual middlewares keep tokens against forgery, in sessions and for templates. */
const TOKEN_NAMES = ['_csrf', 'csrf', 'csrfToken', '_csrfToken', 'csrf_token', 'csrfSecret', 'xsrfToken'] as const;
/** Shorter texts are no tokens, and may stand in any page. */
const MIN_TOKEN = 8;
const MIN_COOKIE = 16;

/**
 * Notes when a handler takes a token against forgery: `req.csrfToken()` (csurf, csrf-csrf, csrf-sync, lusca) and
 * `reply.generateCsrf()` (@fastify/csrf-protection). It belongs to one visitor.
 */
export function watchTokens(object: object, name: 'csrfToken' | 'generateCsrf', taken: () => void): void {
  let held: unknown = (object as Record<string, unknown>)[name];
  Object.defineProperty(object, name, {
    configurable: true,
    enumerable: true,
    get() {
      if (held !== undefined) taken();
      return held;
    },
    // A middleware that comes later.
    set(value: unknown) {
      held = value;
    },
  });
}

/**
 * Whether a page repeats what only one visitor knows: a token that lies ready for templates, the value of a cookie.
 *
 * @param body undefined for one that nobody can look into: compressed, or not there yet
 */
export function repeatsSecret(body: Buffer | undefined, exchange: Exchange): boolean {
  const holders = [
    ...exchange.locals(),
    ...exchange.visitors.map((holder) => (holder as { session?: unknown }).session),
  ];
  const tokens = holders.flatMap((holder) =>
    typeof holder === 'object' && holder !== null
      ? TOKEN_NAMES.map((name) => (holder as Record<string, unknown>)[name])
      : [],
  );
  const secrets = tokens.filter((token) => typeof token === 'string' && token.length >= MIN_TOKEN) as string[];
  if (body === undefined) return secrets.length > 0;
  const cookies = cookiesOf(exchange.incoming.headers.cookie)
    .flatMap(([, value]) => readings(value))
    .filter((value) => value.length >= MIN_COOKIE);
  return [...secrets, ...cookies].some((secret) => body.includes(secret) || body.includes(escaped(secret)));
}

/** What a handler may take a cookie's value to be: as it came, decoded, without the signature of cookie-parser. */
function readings(value: string): string[] {
  const bare = value.replace(/^"(.*)"$/, '$1');
  const plain = decoded(bare);
  const signed = /^s:(.*)\.[^.]*$/s.exec(plain)?.[1];
  return [...new Set([bare, plain, signed ?? plain])];
}

/** As templates print it. */
function escaped(text: string): string {
  return text.replace(/[&<>"'`\\]/g, (sign) => ESCAPES[sign] ?? sign);
}

/** Those of Nunjucks. */
const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
  '\\': '&#92;',
};
