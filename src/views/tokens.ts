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

/** Whether a page repeats what only one visitor knows: a token that lies ready for templates, the value of a cookie. */
export function repeatsSecret(body: Buffer, exchange: Exchange, isCoded: boolean): boolean {
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
  // Nobody can look into what is compressed.
  if (isCoded) return secrets.length > 0;
  const cookies = cookiesOf(exchange.incoming.headers.cookie)
    .map(([, value]) => value)
    .filter((value) => value.length >= MIN_COOKIE);
  return [...secrets, ...cookies].some((secret) => body.includes(secret));
}
