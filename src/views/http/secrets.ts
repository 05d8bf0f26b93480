import type { Exchange } from './exchange.ts';
import { cookiesOf } from './session-cookies.ts';
import { unescaped } from './spellings.ts';

/** Names under which the usual middleware keeps CSRF tokens, in sessions and for templates. */
const CSRF_NAMES = ['_csrf', 'csrf', 'csrfToken', '_csrfToken', 'csrf_token', 'csrfSecret', 'xsrfToken'] as const;
/** Names under which the usual middleware keeps the id of a session, on the request or the session. */
const ID_NAMES = ['sessionID', 'sessionId'] as const;
/** Shorter texts are no secrets, and could occur in any page. */
const MIN_CSRF = 8;
const MIN_SECRET = 16;
/** More are not searched for: what such a visitor gets is taken to be theirs. */
const MAX_SECRETS = 30;

/**
 * Returns what only one visitor knows, each as plain bytes; 'too many' if there is more of it than can be searched for.
 */
export function secretsOf(exchange: Exchange): readonly string[] | 'too many' {
  const found = new Set<string>();
  const sessions = exchange.visitors.map((holder) => heldBy(holder, 'session'));
  for (const holder of [...exchange.locals(), ...sessions]) {
    for (const name of CSRF_NAMES) add(found, heldBy(holder, name), MIN_CSRF);
  }
  for (const holder of [...exchange.visitors, ...sessions]) {
    for (const name of ID_NAMES) add(found, heldBy(holder, name), MIN_SECRET);
  }
  for (const session of sessions) add(found, heldBy(session, 'id'), MIN_SECRET);
  const { authorization, cookie } = exchange.incoming.headers;
  add(found, authorization?.replace(/^\S+ +/, ''), MIN_SECRET);
  for (const [, value] of cookiesOf(cookie)) {
    if (found.size > MAX_SECRETS) break;
    if (value.length >= MIN_SECRET) add(found, value, MIN_SECRET);
  }
  return found.size > MAX_SECRETS ? 'too many' : [...found];
}

function add(found: Set<string>, value: unknown, min: number): void {
  if (typeof value !== 'string') return;
  const plain = unescaped(Buffer.from(value)).toString('latin1');
  const core = unsigned(plain);
  const secret = core.length >= min ? core : plain;
  if (secret.length >= min) found.add(secret);
}

/**
 * Returns the part of a cookie's value that handlers see: without quotes, without the prefixes of cookie-parser, and
 * without the signature that it and @fastify/cookie add. What holds the whole value holds this part as well.
 */
function unsigned(value: string): string {
  return value
    .replace(/^"(.*)"$/s, '$1')
    .replace(/^s:(.*)\.[^.]*$/s, '$1')
    .replace(/^(.*)\.[\w+/-]{43}=?$/s, '$1')
    .replace(/^j:/, '');
}

function heldBy(holder: unknown, name: string): unknown {
  return typeof holder === 'object' && holder !== null
    ? (holder as Readonly<Record<string, unknown>>)[name]
    : undefined;
}
