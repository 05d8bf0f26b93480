import { matcher } from './address.ts';

/** A cookie's name, in which a final `*` matches any ending, or a pattern for its name. */
export type CookieName = string | RegExp;

/**
 * Words in names of cookies that identify a visitor: of sessions, logins, and tokens against forgery. `_ga`, `_fbp`,
 * `_hjSession_1` and the like identify a visitor only to those who count them.
 */
const WORDS =
  /(?:^|[^a-z])(?:(?:app|php|j)?sess(?:ions?)?(?:[-_.]?id)?|sid|(?:aspx)?auth(?:js|token)?|token|jwt|user(?:[-_.]?id)?|login|logged|remember|passport|identity|ory|[cx]srf(?:token)?)(?:$|[^a-z])/i;

/**
 * Cookies with which a request goes past the cache whatever its handler reads. A session with another name is told by
 * its value.
 */
export const DEFAULT_COOKIES: readonly CookieName[] = [WORDS];

/** Values that were signed for one visitor: by cookie-parser and express-session, and JSON Web Tokens. */
const SIGNED = /^"?(?:s(?::|%3A)|eyJ[\w-]+\.eyJ[\w-]+\.)/i;

/** Whether a cookie identifies a visitor. */
export type IsSession = (name: string, value: string) => boolean;

/**
 * Returns a test whether a cookie identifies a visitor.
 *
 * @param names those of the option `cookies`; without any, no cookie does
 */
export function identifies(names: readonly CookieName[]): IsSession {
  if (names.length === 0) return () => false;
  const isWritten = matcher(names.filter((name) => typeof name === 'string'));
  const patterns = names.filter((name) => name instanceof RegExp);
  const isNamed = (name: string): boolean => isWritten(name) || patterns.some((pattern) => name.search(pattern) !== -1);
  return (name, value) => isNamed(name) || isNamed(bareName(name)) || SIGNED.test(value);
}

/** Returns the names and values of a request's cookies. */
export function cookiesOf(header: string | undefined): [name: string, value: string][] {
  if (header === undefined) return [];
  return header.split(';').map((pair) => {
    const equals = pair.indexOf('=');
    return equals === -1 ? ['', pair.trim()] : [pair.slice(0, equals).trim(), pair.slice(equals + 1).trim()];
  });
}

/** Returns a cookie's name without the prefix `__Host-` or `__Secure-`. */
function bareName(name: string): string {
  return name.replace(/^__(host|secure)-/i, '');
}
